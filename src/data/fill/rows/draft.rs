//! A row while it is made.

use crate::data::values::domain::Nullability;
use crate::data::values::value_buf::ValueBuf;

/// A row while it is made. Its buffers are reused from row to row.
pub(crate) struct Draft {
    pub(crate) values: Vec<ValueBuf>,
    /// The nullability of each column, by the solution of its group.
    pub(super) nulls: Vec<Nullability>,
    /// The number of times that each column was made again.
    pub(crate) attempts: Vec<u32>,
    /// The error of a closure.
    pub(crate) broken: Option<rusqlite::Error>,
}

impl Draft {
    pub(super) fn new(columns: usize) -> Draft {
        Draft {
            values: vec![ValueBuf::default(); columns],
            nulls: vec![Nullability::Allowed; columns],
            attempts: vec![0; columns],
            broken: None,
        }
    }

    /// Returns the number of times that a group of columns was made again.
    pub(super) fn attempts_of(&self, columns: &[usize]) -> u32 {
        columns.iter().map(|column| self.attempts[*column]).max().unwrap_or(0)
    }
}

/// The numbers of the row that is made.
#[derive(Clone, Copy)]
pub(crate) struct RowNumbers {
    /// Its place among the rows of this fill.
    pub(crate) row: u64,
    /// The number from which its values follow.
    pub(crate) number: u64,
    /// The parent's place, if rows are made for each parent in turn.
    pub(crate) parent: u64,
}
