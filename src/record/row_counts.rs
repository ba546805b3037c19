//! Counts the rows that a query examines and uses.

use super::group::Group;
use crate::trace::Query;

/// The work of a query, in all its runs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RowCounts {
    pub(super) examined: u64,
    pub(super) used: u64,
    /// The rows used, and one for each run that used none: it may examine as many as one that finds a row.
    divisor: u64,
}

impl RowCounts {
    /// Returns the work of one run. `given` is the number of rows that its aggregates were given.
    pub(super) fn of(query: &Query, given: u64) -> RowCounts {
        let used = query.rows_returned().max(query.rows_changed().unwrap_or(0)).max(given);
        RowCounts { examined: query.rows_examined(), used, divisor: used.max(1) }
    }

    pub(super) fn sum(all: impl Iterator<Item = RowCounts>) -> RowCounts {
        all.fold(RowCounts::default(), |sum, one| RowCounts {
            examined: sum.examined + one.examined,
            used: sum.used + one.used,
            divisor: sum.divisor + one.divisor,
        })
    }

    /// Returns the number of rows examined for each one that is used.
    pub(super) fn ratio(&self) -> f64 {
        self.examined as f64 / self.divisor.max(1) as f64
    }
}

/// A query that examines many rows for each one that it uses.
pub(super) struct UnselectiveQuery<'a> {
    pub(super) group: Group<'a>,
    pub(super) counts: RowCounts,
    pub(super) index: Option<TriedIndex>,
}

/// An index that was tried, and the work of one run with it.
pub(super) struct TriedIndex {
    /// The `CREATE INDEX`.
    pub(super) create: String,
    pub(super) counts: RowCounts,
}
