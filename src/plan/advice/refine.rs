//! Improves a set of indexes that reaches its goal: the order of columns, their direction, and the rows that an index holds.

use std::rc::Rc;

use super::candidate::{Candidate, Term, replaced_index};
use super::search::{Search, Set, searched_by};
use super::trial::{Distance, Goal, Outcome};
use crate::order::Order as _;
use crate::plan::sample::{Other, Relation, Spread};
use crate::schema::IndexedColumn;
use crate::sql::{Token, end_of, plain_name, tokens};

/// More steps than it takes to read a page of rows, and fewer than to read those of a flag: most of a thousand.
const STEPS_OF_A_PAGE: u64 = 1_000;

impl Search<'_> {
    /// Puts columns that have to be equal in the order of an existing index, which can then be dropped, or else in that of the
    /// statement.
    pub(super) fn arrange(&mut self, set: &mut Set, goal: &Goal) {
        for at in 0..set.len() {
            let Some((_, outcome)) = self.distance(set, goal) else { return };
            let (equal, _) = searched_by(&outcome, at);
            let equal = equal.min(set[at].terms.len());
            let singles = self.singles_of(&set[at].table);
            let place = |term: &Term| singles.iter().position(|single| single.is(term)).unwrap_or(0);
            let mut arranged = set.clone();
            arranged[at].terms[..equal].order_by_key(place);
            let mut alternatives = vec![arranged.clone()];
            if let Some(table) = self.trials.copy.schema.table(&set[at].table) {
                for index in &table.indexes {
                    let mut terms = arranged[at].terms[..equal].to_vec();
                    let in_index = |term: &Term| {
                        let is = |own: &IndexedColumn| {
                            term.column.as_deref().is_some_and(|column| own.what.is_column(column))
                        };
                        index.terms.iter().position(is).unwrap_or(usize::MAX)
                    };
                    terms.order_by_key(in_index);
                    let mut reordered = arranged.clone();
                    reordered[at].terms[..equal].clone_from_slice(&terms);
                    if replaced_index(table, &reordered[at]).is_some() {
                        alternatives.insert(0, reordered);
                    }
                }
            }
            for alternative in alternatives {
                if self.replace_if_as_good(set, alternative, goal) {
                    break;
                }
            }
        }
    }

    fn replace_if_as_good(&mut self, set: &mut Set, other: Set, goal: &Goal) -> bool {
        let (Some((before, outcome)), Some((after, with))) = (self.distance(set, goal), self.distance(&other, goal))
        else {
            return false;
        };
        let is_as_good = after <= before && with.width() >= outcome.width();
        if is_as_good {
            *set = other;
        }
        is_as_good
    }

    /// Prefers the shorter of two equally good indexes: one in the column's own collation (NULL is NULL in all of them), and one
    /// in ascending order, which SQLite also reads from its end.
    pub(super) fn simplify(&mut self, set: &mut Set, goal: &Goal) {
        let simplifications: [fn(&Self, &Candidate) -> Candidate; 2] =
            [Self::in_own_collation, |_, one| one.ascending()];
        for at in 0..set.len() {
            for simplify in simplifications {
                let mut simpler = set.clone();
                simpler[at] = simplify(self, &set[at]);
                self.replace_if_as_good(set, simpler, goal);
            }
        }
    }

    fn in_own_collation(&self, candidate: &Candidate) -> Candidate {
        let mut plain = candidate.clone();
        let Some(table) = self.trials.copy.schema.table(&candidate.table) else { return plain };
        for term in &mut plain.terms {
            if let Some(column) = term.column.as_deref().and_then(|name| table.column(name)) {
                *term = Term { descending: term.descending, ..Term::column(column) };
            }
        }
        plain
    }

    /// Replaces flags that are compared with a constant by a WHERE: the index then has only the rows of that value, and starts
    /// with a column that tells rows apart. An index on a flag alone is not kept: half of the table is read faster without.
    pub(super) fn prefer_partial(&mut self, set: &mut Set, goal: &Goal) {
        let mut at = 0;
        while at < set.len() {
            if let Some(partial) = self.as_partial(&set[at]) {
                let mut other = set.clone();
                other[at] = partial;
                let uses = |(_, outcome): &(Distance, Rc<Outcome>)| outcome.uses(at).next().is_some();
                let (before, after) = (self.distance(set, goal), self.distance(&other, goal).filter(uses));
                let is_as_good = before.zip(after).is_some_and(|((before, _), (after, _))| after <= before);
                // Most of the rows are read faster without an index.
                let is_of_flags = self.is_of_flags(&other[at]);
                let is_of_most_rows = is_of_flags && self.takes_over_half(&other) && !self.stops_early(&other, goal);
                if is_as_good && self.takes_no_more_steps(&other, set) && !is_of_most_rows {
                    *set = other;
                }
            }
            let is_flag_alone = set[at].partial.is_none()
                && matches!(set[at].terms.as_slice(), [only] if self.spread_of(&set[at], only) == Spread::Flag);
            if is_flag_alone {
                set.remove(at);
            } else {
                at += 1;
            }
        }
    }

    fn as_partial(&self, candidate: &Candidate) -> Option<Candidate> {
        let (mut conditions, mut terms) = (Vec::new(), Vec::new());
        for term in &candidate.terms {
            let is_flag = self.spread_of(candidate, term) == Spread::Flag;
            match self.condition_on(term).filter(|_| is_flag) {
                Some(condition) => conditions.push(condition),
                None => terms.push(term.clone()),
            }
        }
        if conditions.is_empty() {
            return None;
        }
        if terms.is_empty() {
            terms.extend(candidate.terms.first().cloned());
        }
        Some(Candidate { terms, partial: Some(conditions.join(" AND ")), ..candidate.clone() })
    }

    /// Returns `hidden = 0` for a column that the statement compares with one constant and with nothing else.
    fn condition_on(&self, term: &Term) -> Option<String> {
        let column = term.column.as_ref()?;
        let mut compared = self.comparisons.of_column(column).filter(|one| one.relation != Relation::Assigned);
        let first = compared.next().filter(|one| one.is_with_a_flag())?;
        if compared.any(|other| other.other != first.other || other.relation != first.relation) {
            return None;
        }
        match &first.other {
            Other::Null => Some(format!("{} IS NULL", plain_name(column))),
            Other::Literal(text) => Some(format!("{} = {text}", plain_name(column))),
            Other::Parameter(_) => None,
        }
    }

    /// Adds the column of a `min(x)` or `max(x)` behind columns that have to be equal: SQLite then reads one row, where it
    /// would read all that have these values.
    pub(super) fn serve_extremes(&mut self, set: &mut Set, goal: &Goal) {
        for at in 0..set.len() {
            let own = self.tables.iter().find(|one| one.table == set[at].table);
            for term in own.map_or_else(Vec::new, |one| one.extremes.clone()) {
                let Some((before, outcome)) = self.distance(set, goal) else { return };
                let is_searched_by_all = searched_by(&outcome, at).0 >= set[at].terms.len();
                if !is_searched_by_all || set[at].has(&term) {
                    continue;
                }
                let mut longer = set.clone();
                if self.is_of_flags(&set[at]) {
                    longer[at].terms.clear();
                }
                longer[at] = longer[at].with(&Term { descending: false, ..term });
                let is_as_good = self.distance(&longer, goal).is_some_and(|(after, _)| after <= before);
                let Some(measure) = self.measure().filter(|_| is_as_good) else { continue };
                if measure.steps(&longer).zip(measure.steps(set)).is_some_and(|(with, without)| with < without) {
                    *set = longer;
                }
            }
        }
    }

    /// Returns true if the statement takes more than half of its steps with these indexes.
    fn takes_over_half(&mut self, set: &Set) -> bool {
        let Some(measure) = self.measure() else { return false };
        measure.steps(set).zip(measure.steps(&[])).is_some_and(|(with, without)| with > without / 2)
    }

    /// Returns true if an index holds the rows of some flags, and has no other column.
    pub(super) fn is_of_flags(&self, one: &Candidate) -> bool {
        one.partial.is_some() && one.terms.iter().all(|term| self.spread_of(one, term) == Spread::Flag)
    }

    /// Returns true if the statement reads no more rows of these indexes than its LIMIT, so that it does not matter how many rows
    /// have the value of a flag: one that looks for the few that are not done yet would read all others.
    pub(super) fn stops_early(&mut self, set: &Set, goal: &Goal) -> bool {
        let tokens = tokens(self.trials.plan.written());
        let limit = end_of(&tokens, 0, |token| token.is("limit"));
        let skips = |token: &Token<'_>| token.is("offset") || token.is_symbol(",");
        let is_limited = limit < tokens.len() && !tokens[limit..].iter().any(skips);
        let is_in_order = |(_, outcome): &(Distance, Rc<Outcome>)| outcome.steps.sorts.is_empty();
        is_limited
            && self.distance(set, goal).as_ref().is_some_and(is_in_order)
            && self.measure().and_then(|measure| measure.steps(set)).is_some_and(|steps| steps < STEPS_OF_A_PAGE)
    }

    /// Returns true if the statement takes about as many steps with these indexes as with the others, or fewer.
    fn takes_no_more_steps(&mut self, set: &Set, others: &Set) -> bool {
        let Some(measure) = self.measure() else { return true };
        let steps = measure.steps(set).zip(measure.steps(others));
        steps.is_none_or(|(with, without)| with <= without + without / 10)
    }
}
