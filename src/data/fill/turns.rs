//! For which parent each row is made.

use crate::data::fill::insert::Filler;
use crate::data::fill::plan::{Parent, Plan, Reference};
use crate::draw::{Draw, key, named};

/// The parents in turn, where rows are made for each of them.
pub(crate) struct Turns {
    /// The parents' count, the key of the draws, and how many rows each has.
    each: Option<(u64, u64, u64, u64)>,
    parent: u64,
    left: u64,
}

impl Turns {
    pub(crate) fn of(plan: &Plan, filler: &Filler<'_>) -> Turns {
        let reference = plan.references.iter().find(|reference| reference.each.is_some());
        let each = reference.and_then(|reference| {
            let (low, high) = reference.each?;
            let parents = match &reference.parent {
                Parent::Made { plan, .. } => filler.states[*plan].rows,
                Parent::There { keys } => keys.len() as u64,
                Parent::Missing | Parent::Later { .. } | Parent::Own { .. } => 0,
            };
            Some((parents, named(reference.key, "each"), low, high))
        });
        let mut turns = Turns { each, parent: 0, left: 0 };
        turns.left = turns.children();
        turns
    }

    fn children(&self) -> u64 {
        match self.each {
            Some((_, key_of, low, high)) => drawn(key_of, self.parent, low, high),
            None => 0,
        }
    }

    pub(crate) fn next(&mut self) -> Option<u64> {
        let Some((parents, ..)) = self.each else { return Some(0) };
        while self.left == 0 {
            self.parent += 1;
            if self.parent >= parents {
                return None;
            }
            self.left = self.children();
        }
        if self.parent >= parents {
            return None;
        }
        self.left -= 1;
        Some(self.parent)
    }
}

/// How many rows there are if each of `parents` has some.
pub(crate) fn rows_for_each(reference: &Reference, parents: u64) -> u64 {
    let Some((low, high)) = reference.each else { return 0 };
    let key_of = named(reference.key, "each");
    (0..parents).fold(0, |sum: u64, parent| sum.saturating_add(drawn(key_of, parent, low, high)))
}

/// How many rows a parent gets.
fn drawn(key_of: u64, parent: u64, low: u64, high: u64) -> u64 {
    low + Draw::new(key(key_of, parent)).below((high - low).saturating_add(1))
}
