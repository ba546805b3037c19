//! Rows that are made for each parent in turn.

use crate::data::fill::plan::table_plan::{Parent, Reference};
use crate::draw::{Draw, key, named};

/// Rows for each of some parents, whose numbers are drawn from a range.
#[derive(Debug)]
pub(crate) struct PerParentRows {
    parents: u64,
    key: u64,
    low: u64,
    high: u64,
    /// The parent of the next row, and the number of rows that it still gets.
    parent: u64,
    left: u64,
}

impl PerParentRows {
    /// `None` if no foreign key says that rows are made for each parent. `rows_of` returns the number of rows of a table
    /// of this fill, by the place of its plan.
    pub(crate) fn of(references: &[Reference], rows_of: impl Fn(usize) -> u64) -> Option<PerParentRows> {
        let reference = references.iter().find(|reference| reference.per_parent.is_some())?;
        let (low, high) = reference.per_parent?;
        let parents = match &reference.parent {
            Parent::Made { plan, .. } => rows_of(*plan),
            Parent::Existing { keys } => keys.len() as u64,
            Parent::Missing | Parent::Later { .. } | Parent::Own { .. } => 0,
        };
        let mut rows = PerParentRows { parents, key: named(reference.key, "each"), low, high, parent: 0, left: 0 };
        rows.left = rows.of_parent(0);
        Some(rows)
    }

    /// Returns the number of rows of all parents together.
    pub(super) fn count(&self) -> u64 {
        (0..self.parents).fold(0, |sum: u64, parent| sum.saturating_add(self.of_parent(parent)))
    }

    /// Returns the parent of the next row. `None` if all parents have their rows.
    pub(crate) fn next(&mut self) -> Option<u64> {
        while self.left == 0 && self.parent + 1 < self.parents {
            self.parent += 1;
            self.left = self.of_parent(self.parent);
        }
        if self.left == 0 || self.parent >= self.parents {
            return None;
        }
        self.left -= 1;
        Some(self.parent)
    }

    fn of_parent(&self, parent: u64) -> u64 {
        self.low + Draw::new(key(self.key, parent)).below((self.high - self.low).saturating_add(1))
    }
}
