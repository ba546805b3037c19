//! The smallest set of indexes that reaches a goal.

use std::rc::Rc;

use super::terms::{self, Candidate, Term, Wanted};
use super::trial::{Faults, Outcome, Trials, less, parts};
use super::{Advice, Removed, text};
use crate::schema::is_column;
use crate::sql::tokens;

/// What has to go from a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::plan) enum Goal {
    /// Scans of these tables.
    Scans(Vec<String>),
    Sorts,
    AutomaticIndexes,
    /// Scans of all tables, and sorts.
    All,
}

impl Goal {
    /// How far a plan is from it.
    fn distance(&self, faults: &Faults) -> usize {
        match self {
            Goal::Scans(tables) => {
                faults.scans.iter().filter(|scan| tables.iter().any(|table| table.eq_ignore_ascii_case(scan))).count()
            }
            Goal::Sorts => faults.sorts.len(),
            Goal::AutomaticIndexes => faults.automatic.len(),
            // The rows that are found are fewer than those that are read: better to sort than to scan.
            Goal::All => 100 * faults.scans.len() + faults.sorts.len(),
        }
    }

    /// Whether the search has to look at the order of rows.
    fn wants_order(&self) -> bool {
        matches!(self, Goal::Sorts | Goal::All)
    }
}

pub(super) struct Search<'a> {
    trials: Trials<'a>,
    goal: Goal,
    wanted: Vec<Wanted>,
}

type Set = Vec<Candidate>;

/// How far a goal is: what is left of it first, then sorts that were not there before. A search that needs a sort may be
/// mended by a column more; it is never advised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Distance {
    left: usize,
    new_sorts: usize,
}

impl<'a> Search<'a> {
    pub(super) fn new(trials: Trials<'a>, goal: Goal) -> Search<'a> {
        let mut wanted = terms::wanted(trials.plan, &trials.schema);
        for one in &mut wanted {
            let takes = |term: &Term| {
                let of_the_app = tokens(&term.sql).iter().any(|token| trials.is_stub(token.text));
                let alone = Candidate { table: one.table.clone(), terms: vec![term.clone()] };
                term.column.is_some() || (!of_the_app && trials.takes(&alone))
            };
            one.singles.retain(takes);
            one.lists.retain(|list| list.iter().all(takes));
        }
        Search { trials, goal, wanted }
    }

    pub(super) fn is_cut_short(&self) -> bool {
        self.trials.cut_short
    }

    pub(super) fn run(&mut self) -> Vec<Advice> {
        let goal = self.goal.clone();
        if goal.distance(&self.trials.base.faults) == 0 {
            return Vec::new();
        }
        // What sorts may be avoided depends on what the rows are searched by, so that is settled first.
        let first = if goal.wants_order() { Goal::All } else { goal.clone() };
        let mut set = self.first_set(&first);
        self.extend(&mut set, &first);
        self.put_in_order(&mut set, &first);
        self.minimise(&mut set, &goal);
        self.simplify(&mut set, &goal);
        self.arrange(&mut set, &goal);
        self.advice(&set, &goal)
    }

    /// How far the goal is with these indexes; nothing if they make something else worse.
    fn distance(&mut self, set: &[Candidate], goal: &Goal) -> Option<(Distance, Rc<Outcome>)> {
        let base = Rc::clone(&self.trials.base);
        let outcome = if set.is_empty() { Rc::clone(&base) } else { self.trials.with(set)? };
        let new_sorts = outcome.faults.sorts.len().saturating_sub(base.faults.sorts.len());
        let distance = Distance { left: goal.distance(&outcome.faults), new_sorts };
        outcome.faults.reads_no_more_than(&base.faults).then_some((distance, outcome))
    }

    /// With all that is worth a try at the same time, SQLite chooses. A side of an OR uses an index only if the other side
    /// has one too.
    fn first_set(&mut self, goal: &Goal) -> Set {
        let pool = self.pool();
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
        // What SQLite likes best is not enough, or made something worse. One after the other, the best first.
        let (mut set, mut best) = (Set::new(), before);
        while best.left > 0 {
            let mut next = None;
            for one in &pool {
                let larger: Set = set.iter().chain([one]).cloned().collect();
                if let Some((after, _)) = self.distance(&larger, goal).filter(|(after, _)| *after < best) {
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

    fn pool(&self) -> Set {
        let mut pool = Set::new();
        for one in &self.wanted {
            let singles = one.singles.iter().map(|term| vec![term.clone()]);
            for terms in singles.chain(one.lists.iter().cloned()) {
                let candidate = Candidate { table: one.table.clone(), terms };
                if !candidate.terms.is_empty() && !pool.contains(&candidate) {
                    pool.push(candidate);
                }
            }
        }
        pool
    }

    fn of_table(&self, table: &str) -> Vec<Term> {
        self.wanted.iter().find(|one| one.table == table).map_or_else(Vec::new, |one| one.singles.clone())
    }

    /// Columns that SQLite searches by too: all that have to be equal, then one range.
    fn extend(&mut self, set: &mut Set, goal: &Goal) {
        for at in 0..set.len() {
            // An index that SQLite reads in its order is not searched by more.
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
                for term in self.of_table(&own.table) {
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

    /// Rows that come in the order in which they are wanted: behind what is searched by, or from the first column on.
    fn put_in_order(&mut self, set: &mut Set, goal: &Goal) {
        let Some((mut best, mut outcome)) = self.distance(set, goal) else { return };
        let lists: Vec<(String, Vec<Term>)> =
            self.wanted.iter().flat_map(|one| one.lists.iter().map(|list| (one.table.clone(), list.clone()))).collect();
        for (table, list) in lists {
            if !goal.wants_order() && best.new_sorts == 0 {
                return;
            }
            let equal = self.equalities(&outcome, set, &table);
            let more = self.more_equalities(&equal, set, &table);
            let mut ways = vec![more, equal, Vec::new()];
            ways.dedup();
            for prefix in ways {
                let behind = list.iter().filter(|term| !prefix.iter().any(|own| own.is(term)));
                let terms: Vec<Term> = prefix.iter().chain(behind).cloned().collect();
                if terms.is_empty() {
                    continue;
                }
                let candidate = Candidate { table: table.clone(), terms };
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

    /// The columns of a table that SQLite looks for one value of.
    fn equalities(&self, outcome: &Outcome, set: &Set, table: &str) -> Vec<Term> {
        for (at, one) in set.iter().enumerate().filter(|(_, one)| one.table == table) {
            let (equal, _) = searched_by(outcome, at);
            if equal > 0 {
                return one.terms.iter().take(equal).cloned().collect();
            }
        }
        let Some(table) = self.trials.schema.table(table) else { return Vec::new() };
        let searches = outcome.plan.all().filter(|node| node.is_of(&table.name));
        let constraints = searches.filter_map(|node| node.access()?.constraint.as_deref());
        let equal = constraints.flat_map(parts).filter_map(|part| table.column(part.strip_suffix("=?")?));
        let mut found: Vec<Term> = Vec::new();
        for term in equal.filter(|column| !terms::is_rowid(table, column)).map(Term::column) {
            // Several loops may look for one value of it.
            if !found.contains(&term) {
                found.push(term);
            }
        }
        found
    }

    /// With what else SQLite would look for one value of, if it were in the same index.
    fn more_equalities(&mut self, equal: &[Term], set: &Set, table: &str) -> Vec<Term> {
        let mut own = Candidate { table: table.to_owned(), terms: equal.to_vec() };
        for term in self.of_table(table) {
            let mut larger: Set = set.iter().filter(|other| other.table != table).cloned().collect();
            larger.push(own.with(&term));
            let uses = |outcome: Rc<Outcome>| searched_by(&outcome, larger.len() - 1).0 > own.terms.len();
            if !own.has(&term) && self.trials.with(&larger).is_some_and(uses) {
                own.terms.push(term);
            }
        }
        own.terms
    }

    /// Columns that have to be equal come in the order of an index that is there, which can then go, else in that of the
    /// statement.
    fn arrange(&mut self, set: &mut Set, goal: &Goal) {
        for at in 0..set.len() {
            let Some((before, outcome)) = self.distance(set, goal) else { return };
            let (equal, _) = searched_by(&outcome, at);
            let equal = equal.min(set[at].terms.len());
            let singles = self.of_table(&set[at].table);
            let place = |term: &Term| singles.iter().position(|single| single.is(term)).unwrap_or(0);
            let mut arranged = set.clone();
            arranged[at].terms[..equal].sort_by_key(place);
            let mut ways = vec![arranged.clone()];
            if let Some(table) = self.trials.schema.table(&set[at].table) {
                for index in &table.indexes {
                    let mut terms = arranged[at].terms[..equal].to_vec();
                    let in_index = |term: &Term| {
                        let is = |own: &crate::schema::IndexedColumn| {
                            term.column.as_deref().is_some_and(|column| is_column(&own.what, column))
                        };
                        index.terms.iter().position(is).unwrap_or(usize::MAX)
                    };
                    terms.sort_by_key(in_index);
                    let mut way = arranged.clone();
                    way[at].terms[..equal].clone_from_slice(&terms);
                    if text::replaced(table, &way[at]).is_some() {
                        ways.insert(0, way);
                    }
                }
            }
            for way in ways {
                let same = self.distance(&way, goal);
                if same.is_some_and(|(after, with)| after <= before && with.width() >= outcome.width()) {
                    *set = way;
                    break;
                }
            }
        }
    }

    /// Of indexes that are as good, the one that is written shorter: in the column's own collation (NULL is NULL in all),
    /// and in the direction in which it is read from its end.
    fn simplify(&mut self, set: &mut Set, goal: &Goal) {
        let ways: [fn(&Self, &Candidate) -> Candidate; 2] = [Self::in_own_collation, |_, one| one.turned()];
        for at in 0..set.len() {
            for way in ways {
                let mut simpler = set.clone();
                simpler[at] = way(self, &set[at]);
                let Some((before, outcome)) = self.distance(set, goal) else { return };
                let same = self.distance(&simpler, goal);
                if same.is_some_and(|(after, with)| after <= before && with.width() >= outcome.width()) {
                    *set = simpler;
                }
            }
        }
    }

    fn in_own_collation(&self, candidate: &Candidate) -> Candidate {
        let mut plain = candidate.clone();
        let Some(table) = self.trials.schema.table(&candidate.table) else { return plain };
        for term in &mut plain.terms {
            if let Some(column) = term.column.as_deref().and_then(|name| table.column(name)) {
                *term = Term { descending: term.descending, ..Term::column(column) };
            }
        }
        plain
    }

    /// Takes away what is not needed: indexes, then columns.
    fn minimise(&mut self, set: &mut Set, goal: &Goal) {
        let Some((best, _)) = self.distance(set, goal) else { return set.clear() };
        for at in (0..set.len()).rev() {
            let mut fewer = set.clone();
            fewer.remove(at);
            if self.distance(&fewer, goal).is_some_and(|(after, _)| after <= best) {
                *set = fewer;
            }
        }
        for at in 0..set.len() {
            for column in (0..set[at].terms.len()).rev().filter(|_| set[at].terms.len() > 1).collect::<Vec<_>>() {
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

    /// Indexes that help alone are advice of their own; what is left helps together.
    fn advice(&mut self, set: &Set, goal: &Goal) -> Vec<Advice> {
        let base = self.trials.base.faults.clone();
        let before = goal.distance(&base);
        let helps = |after: &Distance| after.left < before && after.new_sorts == 0;
        let mut found: Vec<(Set, Faults)> = Vec::new();
        let mut together = Set::new();
        for one in set {
            match self.distance(std::slice::from_ref(one), goal) {
                Some((after, outcome)) if helps(&after) => found.push((vec![one.clone()], outcome.faults.clone())),
                _ => together.push(one.clone()),
            }
        }
        if !together.is_empty() {
            match self.distance(&together, goal) {
                Some((after, outcome)) if helps(&after) => found.push((together, outcome.faults.clone())),
                // They build on the others.
                _ => match self.distance(set, goal) {
                    Some((after, outcome)) if helps(&after) => found = vec![(set.clone(), outcome.faults.clone())],
                    _ => {}
                },
            }
        }
        let mut names: Vec<String> = Vec::new();
        let schema = &self.trials.schema;
        found.iter().map(|(set, after)| text::advice(set, removed(&base, after), schema, &mut names)).collect()
    }
}

/// How many columns of a candidate have to be equal to something in each loop that uses it, and how many it is searched by.
/// The rowid or key that SQLite appends to each index counts, so that they may be more than were asked for.
fn searched_by(outcome: &Outcome, number: usize) -> (usize, usize) {
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

fn removed(before: &Faults, after: &Faults) -> Vec<Removed> {
    let automatic = less(&before.automatic, &after.automatic);
    let mut removed: Vec<Removed> = less(&before.scans, &after.scans).into_iter().map(Removed::Scan).collect();
    removed.extend(automatic.into_iter().map(Removed::AutomaticIndex));
    if after.sorts.len() < before.sorts.len() {
        removed.extend(less(&before.sorts, &after.sorts).into_iter().map(Removed::Sort));
    }
    removed
}
