//! The difference of a table between two databases.

use std::sync::Arc;

use super::cell::{Cell, shown_both, shown_name};
use super::redact::Redacting;

/// The columns of the rows of a [`TableDiff`].
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) columns: Vec<String>,
    /// The positions of the columns that identify a row; empty if all of them are needed.
    pub(super) key: Vec<usize>,
}

/// One of the two databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Before,
    After,
}

/// The change of a row from one side to the other.
#[derive(Debug, Clone)]
pub(crate) enum RowChange {
    Deleted(Vec<Cell>),
    Inserted(Vec<Cell>),
    Updated(Vec<Cell>, Vec<Cell>),
}

impl RowChange {
    /// Returns the row as it was before; an inserted row as it is.
    pub(crate) fn cells(&self) -> &[Cell] {
        match self {
            RowChange::Deleted(cells) | RowChange::Inserted(cells) | RowChange::Updated(cells, _) => cells,
        }
    }

    pub(super) fn mark(&self) -> char {
        match self {
            RowChange::Deleted(_) => '-',
            RowChange::Inserted(_) => '+',
            RowChange::Updated(..) => '~',
        }
    }
}

/// The difference of a table.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableDiff {
    pub(crate) name: String,
    pub(super) layout: Arc<Layout>,
    /// The side that has the table, if the other one lacks it.
    pub(super) only_on: Option<Side>,
    pub(super) lost_columns: Vec<String>,
    pub(super) new_columns: Vec<String>,
    pub(crate) deleted: usize,
    pub(crate) inserted: usize,
    pub(crate) updated: usize,
    /// The first differences in the order of the key, as many as were requested.
    pub(crate) changes: Vec<RowChange>,
}

impl TableDiff {
    pub(super) fn new(name: String, layout: Layout) -> TableDiff {
        TableDiff { name, layout: Arc::new(layout), ..TableDiff::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.only_on.is_none() && self.lost_columns.is_empty() && self.new_columns.is_empty() && self.rows() == 0
    }

    /// Returns the number of rows that differ.
    pub(super) fn rows(&self) -> usize {
        self.deleted + self.inserted + self.updated
    }

    /// Counts a difference, and keeps it if there are fewer than `keep`.
    pub(super) fn add(&mut self, change: RowChange, keep: usize) {
        match change {
            RowChange::Deleted(_) => self.deleted += 1,
            RowChange::Inserted(_) => self.inserted += 1,
            RowChange::Updated(..) => self.updated += 1,
        }
        if self.changes.len() < keep {
            self.changes.push(change);
        }
    }

    pub(crate) fn columns(&self) -> &[String] {
        &self.layout.columns
    }

    pub(super) fn shown_name(&self) -> String {
        shown_name(&self.name)
    }

    /// Returns `- id=3, status='open'` or `~ id=7 status: 'open' -> 'paid'`.
    pub(super) fn line(&self, change: &RowChange, redacting: &mut Redacting<'_>) -> String {
        let Layout { columns, key } = &*self.layout;
        let mut named = |at: usize, cells: &[Cell]| {
            format!("{}={}", shown_name(&columns[at]), redacting.show(&self.name, &columns[at], &cells[at]))
        };
        let RowChange::Updated(before, after) = change else {
            let parts: Vec<String> = (0..columns.len()).map(|at| named(at, change.cells())).collect();
            return format!("{} {}", change.mark(), parts.join(", "));
        };
        let key: Vec<String> = key.iter().map(|&at| named(at, before)).collect();
        let changed = (0..columns.len()).filter(|&at| before[at] != after[at]).map(|at| {
            let plain = shown_both(before[at].value(), after[at].value());
            let one = redacting.replaced(&self.name, &columns[at], &before[at]).unwrap_or(plain.0);
            let other = redacting.replaced(&self.name, &columns[at], &after[at]).unwrap_or(plain.1);
            format!("{}: {one} -> {other}", shown_name(&columns[at]))
        });
        format!("~ {} {}", key.join(", "), changed.collect::<Vec<_>>().join(", "))
    }
}
