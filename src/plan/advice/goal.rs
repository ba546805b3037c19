//! The goal of a search for indexes.

use super::expensive::ExpensiveSteps;
use crate::sql::Name;

/// The steps that indexes have to remove from a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::plan) enum Goal {
    /// Scans of these tables.
    Scans(Vec<Name>),
    Sorts,
    AutomaticIndexes,
    /// Scans of all tables, and sorts.
    All,
}

/// The distance of a plan from a goal: first the steps that are left, then sorts that were not there before. A set of
/// indexes that brings a new sort may be improved by another column; it is never advised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Distance {
    pub(super) left: usize,
    pub(super) new_sorts: usize,
}

impl Goal {
    /// Returns the number of steps that are left to remove.
    pub(super) fn left(&self, steps: &ExpensiveSteps) -> usize {
        match self {
            Goal::Scans(tables) => steps.scans.iter().filter(|scan| tables.contains(scan)).count(),
            Goal::Sorts => steps.sorts.len(),
            Goal::AutomaticIndexes => steps.automatic.len(),
            // Fewer rows are found than are read, so a sort is better than a scan.
            Goal::All => 100 * steps.scans.len() + steps.sorts.len(),
        }
    }

    /// Returns true if the search has to look at the order of rows.
    pub(super) fn needs_order(&self) -> bool {
        matches!(self, Goal::Sorts | Goal::All)
    }
}
