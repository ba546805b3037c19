//! Searches the smallest set of indexes that reaches a goal.

use std::rc::Rc;

use super::candidate::{Candidate, Term};
use super::measure::{Measure, SampledRows};
use super::terms::{self, TableTerms, is_rowid};
use super::trial::{Distance, ExpensiveSteps, Goal, Outcome, Trials, comparisons, surplus};
use crate::order::Order as _;
use crate::plan::sample::{self, Comparisons, Reach, Spread};
use crate::plan::tree::{Node, distinct};
use crate::schema::Schema;
use crate::sql::{Name, tokens};

pub(super) type Set = Vec<Candidate>;

pub(super) struct Search<'a> {
    pub(super) trials: Trials<'a>,
    pub(super) tables: Vec<TableTerms>,
    pub(super) comparisons: Comparisons,
    /// The rows of several statements, and the number of this one.
    shared: Option<(Rc<SampledRows>, usize)>,
    measure: Option<Option<Measure>>,
}

impl<'a> Search<'a> {
    pub(super) fn new(trials: Trials<'a>) -> Search<'a> {
        // Constants that the app has bound to parameters say nothing about the next run.
        let copy = Rc::clone(&trials.copy);
        let reach = Reach::of(&copy.schema, trials.plan.written());
        let mut comparisons = Comparisons::default();
        reach.texts.iter().for_each(|text| comparisons.extend(Comparisons::of(text)));
        let mut tables = terms::of_plan(trials.plan, &copy.schema, &reach.texts);
        for one in &mut tables {
            let is_accepted = |term: &Term| {
                let is_of_the_app = tokens(&term.sql).iter().any(|token| copy.is_app_function(token.text));
                let alone = Candidate::new(&one.table, vec![term.clone()]);
                term.column.is_some() || (!is_of_the_app && copy.accepts(&alone))
            };
            one.singles.retain(is_accepted);
            one.orders.retain(|order| order.iter().all(is_accepted));
            // A column that tells rows apart comes before one that has few values.
            let spread = |term: &Term| spread_of(&copy.schema, &comparisons, &one.table, term);
            one.singles.order_by_key(spread);
        }
        Search { trials, tables, comparisons, shared: None, measure: None }
    }

    /// Measures the statement on rows that are there.
    pub(super) fn measured_on(mut self, rows: &Rc<SampledRows>, at: usize) -> Search<'a> {
        self.shared = Some((Rc::clone(rows), at));
        self
    }

    /// Returns the sampled rows, which are made when they are first needed.
    pub(super) fn measure(&mut self) -> Option<&Measure> {
        let (trials, shared) = (&self.trials, &self.shared);
        let measure = self.measure.get_or_insert_with(|| {
            let (rows, at) = match shared {
                Some(shared) => shared.clone(),
                None => (Rc::new(SampledRows::of(&trials.copy.catalog, &[trials.plan]).ok()?), 0),
            };
            Some(Measure::of(rows, at, !trials.plan.effects.is_empty()))
        });
        measure.as_ref()
    }

    pub(super) fn spread_of(&self, candidate: &Candidate, term: &Term) -> Spread {
        spread_of(&self.trials.copy.schema, &self.comparisons, &candidate.table, term)
    }

    /// Returns the sets of indexes to advise, each with the steps that are left in the plan with it. The indexes of a statement
    /// are the same for every goal: those that serve all of it. A goal selects among them.
    pub(super) fn run(&mut self, goal: &Goal) -> Vec<(Set, ExpensiveSteps)> {
        if goal.left(&self.trials.base.steps) == 0 {
            return Vec::new();
        }
        let all = Goal::All;
        let mut set = self.first_set(&all);
        self.extend(&mut set, &all);
        self.put_in_order(&mut set, &all);
        self.lead_with_equalities(&mut set, &all);
        self.minimize(&mut set, &all);
        self.simplify(&mut set, &all);
        self.arrange(&mut set, &all);
        self.prefer_partial(&mut set, &all);
        self.serve_extremes(&mut set, &all);
        self.remove_unneeded(&mut set, goal);
        let mut found = self.split(set, goal);
        found.retain(|(set, _)| {
            // How few rows have the value of a flag is not known.
            let has_flags = set.iter().any(|one| self.is_of_flags(one));
            has_flags && self.stops_early(set, goal)
                || self.finds_few_rows(set)
                || self.measure().is_none_or(|rows| rows.is_cheaper(set))
        });
        found
    }

    /// Returns true if all these sets, which [`run`](Search::run) has found, are known to save steps together.
    pub(super) fn is_cheaper_with_all(&mut self, sets: &[(Set, ExpensiveSteps)]) -> bool {
        let all: Set = sets.iter().flat_map(|(set, _)| set).cloned().collect();
        sets.len() == 1 || self.finds_few_rows(&all)
    }

    /// Returns the distance of the goal with these indexes. `None` if they make something else worse.
    pub(super) fn distance(&mut self, set: &[Candidate], goal: &Goal) -> Option<(Distance, Rc<Outcome>)> {
        let base = Rc::clone(&self.trials.base);
        let outcome = if set.is_empty() { Rc::clone(&base) } else { self.trials.with(set)? };
        let new_sorts = outcome.steps.sorts.len().saturating_sub(base.steps.sorts.len());
        let distance = Distance { left: goal.left(&outcome.steps), new_sorts };
        outcome.steps.reads_no_more_than(&base.steps).then_some((distance, outcome))
    }

    /// Returns the candidates to begin with. Those that begin with a flag are tried only if the others do not reach the goal.
    fn first_set(&mut self, goal: &Goal) -> Set {
        let first = self.first_of(goal, Spread::Few);
        let reached = self.distance(&first, goal).map(|(reached, _)| reached);
        if reached.is_some_and(|reached| reached.left == 0) {
            return first;
        }
        let with_flags = self.first_of(goal, Spread::Flag);
        let is_better =
            self.distance(&with_flags, goal).is_some_and(|(with, _)| reached.is_none_or(|first| with < first));
        if is_better { with_flags } else { first }
    }

    /// Returns those of all candidates among which SQLite chooses if all of them exist: a side of an OR uses an index only if
    /// the other side has one too.
    fn first_of(&mut self, goal: &Goal, most: Spread) -> Set {
        let candidates = self.tables.iter().flat_map(|one| {
            let may_lead =
                |term: &&Term| spread_of(&self.trials.copy.schema, &self.comparisons, &one.table, term) <= most;
            let singles = one.singles.iter().filter(may_lead).map(|term| vec![term.clone()]);
            let orders = one.orders.iter().filter(|order| !order.is_empty()).cloned();
            singles.chain(orders).map(|terms| Candidate::new(&one.table, terms))
        });
        let pool = distinct(candidates);
        let Some((before, _)) = self.distance(&[], goal).filter(|_| !pool.is_empty()) else { return Set::new() };
        let mut found = Set::new();
        if let Some(outcome) = self.trials.with(&pool) {
            let used = (0..pool.len()).filter(|&at| outcome.uses(at).next().is_some());
            found = used.map(|at| pool[at].clone()).collect();
        }
        let reached = self.distance(&found, goal).map_or(before, |(after, _)| after.min(before));
        if reached == before {
            found.clear();
        }
        if reached.left == 0 && reached.new_sorts == 0 {
            return found;
        }
        // SQLite's choice is not enough, or makes something worse. So candidates are added one by one, the best first.
        let (mut set, mut best) = (Set::new(), before);
        while best.left > 0 {
            let mut next = None;
            for one in &pool {
                let larger: Set = set.iter().chain([one]).cloned().collect();
                let is_used = |outcome: &Outcome| outcome.uses(larger.len() - 1).next().is_some();
                let found = self.distance(&larger, goal).filter(|(after, with)| *after < best && is_used(with));
                if let Some((after, _)) = found {
                    (next, best) = (Some(larger), after);
                }
            }
            match next {
                Some(larger) => set = larger,
                None => break,
            }
        }
        if best < reached { set } else { found }
    }

    pub(super) fn singles_of(&self, table: &Name) -> Vec<Term> {
        self.tables.iter().find(|one| one.table == *table).map_or_else(Vec::new, |one| one.singles.clone())
    }

    /// Adds columns by which SQLite searches too: all that have to be equal, then one range.
    fn extend(&mut self, set: &mut Set, goal: &Goal) {
        for at in 0..set.len() {
            // More columns are of no use to an index that SQLite reads for its order.
            loop {
                let Some((before, outcome)) = self.distance(set, goal) else { return };
                let (equal, all) = searched_by(&outcome, at);
                if equal == 0 || all > equal {
                    break;
                }
                let mut own = set[at].clone();
                own.terms.truncate(equal);
                let mut range = None;
                let mut found = None;
                for term in self.singles_of(&own.table) {
                    if own.has(&term) {
                        continue;
                    }
                    let mut longer = set.clone();
                    longer[at] = own.with(&term);
                    let Some((after, outcome)) = self.distance(&longer, goal) else { continue };
                    let (more_equal, more) = searched_by(&outcome, at);
                    if after <= before && more_equal > equal {
                        found = Some(longer);
                        break;
                    }
                    if after <= before && more > all && range.is_none() {
                        range = Some(longer);
                    }
                }
                match found.or(range) {
                    Some(longer) => *set = longer,
                    None => break,
                }
            }
        }
    }

    /// Adds columns so that rows come in the order in which the statement needs them: behind the columns of the search, or from
    /// the first column on.
    fn put_in_order(&mut self, set: &mut Set, goal: &Goal) {
        let Some((mut best, mut outcome)) = self.distance(set, goal) else { return };
        let orders =
            self.tables.iter().flat_map(|one| one.orders.iter().map(|order| (one.table.clone(), order.clone())));
        for (table, order) in orders.collect::<Vec<_>>() {
            let equal = self.equalities(&outcome, set, &table);
            let more = self.more_equalities(&equal, set, &table);
            let mut prefixes = vec![more, equal, Vec::new()];
            prefixes.dedup();
            for prefix in prefixes {
                let behind = order.iter().filter(|term| !prefix.iter().any(|own| own.is(term)));
                let terms: Vec<Term> = prefix.iter().chain(behind).cloned().collect();
                if terms.is_empty() {
                    continue;
                }
                let candidate = Candidate::new(&table, terms);
                let without: Set = set.iter().filter(|other| other.table != table).cloned().collect();
                for base in [without, set.clone()] {
                    let mut larger = base;
                    larger.push(candidate.clone());
                    if let Some((after, with)) = self.distance(&larger, goal).filter(|(after, _)| *after < best) {
                        (best, outcome, *set) = (after, with, larger);
                    }
                }
            }
        }
    }

    /// Puts the columns that have to be equal in front of an index that SQLite reads for its order, or for a range.
    fn lead_with_equalities(&mut self, set: &mut Set, goal: &Goal) {
        for at in 0..set.len() {
            let Some((before, outcome)) = self.distance(set, goal) else { return };
            if searched_by(&outcome, at).0 > 0 {
                continue;
            }
            let mut terms = self.more_equalities(&[], set, &set[at].table.clone());
            let behind: Vec<Term> =
                set[at].terms.iter().filter(|own| !terms.iter().any(|term| term.is(own))).cloned().collect();
            terms.extend(behind);
            let mut longer = set.clone();
            longer[at].terms = terms;
            let found = self.distance(&longer, goal);
            if found.is_some_and(|(after, with)| after <= before && with.width() > outcome.width()) {
                *set = longer;
            }
        }
    }

    /// Returns the columns of a table that SQLite compares with one value.
    pub(super) fn equalities(&self, outcome: &Outcome, set: &[Candidate], table: &Name) -> Vec<Term> {
        for (at, one) in set.iter().enumerate().filter(|(_, one)| one.table == *table) {
            let (equal, _) = searched_by(outcome, at);
            if equal > 0 {
                return one.terms.iter().take(equal).cloned().collect();
            }
        }
        let Some(table) = self.trials.copy.schema.table(table) else { return Vec::new() };
        let searches = outcome.plan.all().filter(|node| node.is_of(&table.name));
        let constraints = searches.filter_map(Node::constraint);
        let equal = constraints.flat_map(comparisons).filter_map(|part| table.column(part.strip_suffix("=?")?));
        // Several loops may compare a column with one value.
        distinct(equal.filter(|column| !is_rowid(table, column)).map(Term::column))
    }

    /// Returns these columns and those that SQLite would also compare with one value if they were in the same index.
    fn more_equalities(&mut self, equal: &[Term], set: &Set, table: &Name) -> Vec<Term> {
        let mut own = Candidate::new(table, equal.to_vec());
        for term in self.singles_of(table) {
            let mut larger: Set = set.iter().filter(|other| other.table != *table).cloned().collect();
            larger.push(own.with(&term));
            let uses = |outcome: Rc<Outcome>| searched_by(&outcome, larger.len() - 1).0 > own.terms.len();
            if !own.has(&term) && self.trials.with(&larger).is_some_and(uses) {
                own.terms.push(term);
            }
        }
        own.terms
    }

    fn remove_unneeded(&mut self, set: &mut Set, goal: &Goal) {
        let Some((best, _)) = self.distance(set, goal) else { return set.clear() };
        for at in (0..set.len()).rev() {
            let mut fewer = set.clone();
            fewer.remove(at);
            if self.distance(&fewer, goal).is_some_and(|(after, _)| after <= best) {
                *set = fewer;
            }
        }
    }

    /// Removes what is not needed: indexes, then columns.
    fn minimize(&mut self, set: &mut Set, goal: &Goal) {
        self.remove_unneeded(set, goal);
        let Some((best, _)) = self.distance(set, goal) else { return set.clear() };
        for at in 0..set.len() {
            for column in (0..set[at].terms.len()).rev() {
                if set[at].terms.len() == 1 {
                    break;
                }
                let Some((_, before)) = self.distance(set, goal) else { return };
                let mut narrower = set.clone();
                narrower[at].terms.remove(column);
                let fine = self.distance(&narrower, goal);
                if fine.is_some_and(|(after, outcome)| after <= best && outcome.width() >= before.width()) {
                    *set = narrower;
                }
            }
        }
    }

    /// Returns each index that helps alone, and the others together.
    fn split(&mut self, set: Set, goal: &Goal) -> Vec<(Set, ExpensiveSteps)> {
        let before = goal.left(&self.trials.base.steps);
        let mut helpful = |set: &[Candidate]| {
            let (after, outcome) = self.distance(set, goal)?;
            let is_used = |at: usize| outcome.uses(at).next().is_some();
            let is_used = (0..set.len()).all(is_used);
            let helps = is_used && after.left < before && (after.new_sorts == 0 || self.sorts_few_rows(set));
            helps.then(|| (set.to_vec(), outcome.steps.clone()))
        };
        let mut found: Vec<(Set, ExpensiveSteps)> = Vec::new();
        let mut others = Set::new();
        for one in &set {
            match helpful(std::slice::from_ref(one)) {
                Some(alone) => found.push(alone),
                None => others.push(one.clone()),
            }
        }
        if !others.is_empty() {
            match helpful(&others) {
                Some(together) => found.push(together),
                // They build on the indexes that help alone.
                None => found = helpful(&set).map_or(found, |all| vec![all]),
            }
        }
        found
    }
}

impl Search<'_> {
    /// Returns true if a statement without a LIMIT searches by columns that tell rows apart where it read whole tables, and
    /// sorts no more. That takes fewer steps on any rows, so there is nothing to measure.
    fn finds_few_rows(&mut self, set: &[Candidate]) -> bool {
        let base = Rc::clone(&self.trials.base);
        let is_limited = || tokens(self.trials.plan.written()).iter().any(|token| token.is("limit"));
        let tells_apart = |one: &Candidate| {
            let first = one.terms.first().filter(|first| first.column.is_some() && one.partial.is_none());
            first.is_some_and(|first| self.spread_of(one, first) == Spread::Wide)
        };
        if set.is_empty() || is_limited() || !set.iter().all(tells_apart) {
            return false;
        }
        let Some(outcome) = self.trials.with(set) else { return false };
        let is_one_search = |at: usize| {
            let mut uses = outcome.uses(at);
            uses.next().is_some_and(|parts| parts.first().is_some_and(|part| part.ends_with("=?")))
                && uses.next().is_none()
        };
        let gone = surplus(&base.steps.scans, &outcome.steps.scans);
        let is_read_once = |one: &Candidate| base.steps.scans.iter().filter(|table| **table == one.table).count() == 1;
        set.iter().all(|one| gone.contains(&one.table) && is_read_once(one))
            && (0..set.len()).all(is_one_search)
            && outcome.steps.reads_no_more_than(&base.steps)
            && surplus(&outcome.steps.sorts, &base.steps.sorts).is_empty()
            && outcome.plan.effects.len() == base.plan.effects.len()
    }

    /// Returns true if the statement takes less than half of its steps with these indexes, although it sorts what they find.
    fn sorts_few_rows(&mut self, set: &[Candidate]) -> bool {
        let Some(measure) = self.measure() else { return false };
        measure.steps(set).zip(measure.steps(&[])).is_some_and(|(with, without)| with < without / 2)
    }
}

fn spread_of(schema: &Schema, comparisons: &Comparisons, table: &Name, term: &Term) -> Spread {
    let table = schema.table(table);
    let column = table.zip(term.column.as_deref()).and_then(|(table, name)| Some((table, table.column(name)?)));
    column.map_or(Spread::Wide, |(table, column)| sample::spread(table, column, comparisons))
}

/// Returns the number of columns of a candidate that have to be equal to a value in a loop that uses it, and the number of
/// columns by which it is searched. SQLite appends the rowid or key to each index, so they may be more than the candidate has.
pub(super) fn searched_by(outcome: &Outcome, number: usize) -> (usize, usize) {
    let widths = outcome.uses(number).map(|parts| {
        let equal = parts.iter().take_while(|part| part.ends_with("=?")).count();
        let compared = |part: &&str| part.matches(",?").count() + 1;
        // Both ends of a range are of one column.
        let mut ranges: Vec<(&str, usize)> = Vec::new();
        for part in &parts[equal..] {
            let name = part.trim_end_matches("(?").trim_end_matches(['?', ',', ')', '(', '<', '>']);
            if !ranges.iter().any(|(known, _)| *known == name) {
                ranges.push((name, compared(part)));
            }
        }
        (equal, equal + ranges.iter().map(|(_, count)| count).sum::<usize>())
    });
    widths.max().unwrap_or((0, 0))
}
