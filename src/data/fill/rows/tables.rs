//! The tables of a fill, and the rows inserted so far.

use std::collections::HashMap;

use crate::data::fill::plan::table_plan::TablePlan;
use crate::data::fill::rows::values::{make_value, number_of};
use crate::data::values::value_buf::ValueBuf;

/// The tables of a fill, and the rows inserted so far.
pub(crate) struct Tables<'a> {
    pub(crate) plans: &'a [TablePlan],
    /// The filled tables, in the order of the plans. The last one may not be complete.
    pub(crate) filled: Vec<FilledTable>,
}

/// The rows that were inserted into one table.
#[derive(Debug, Default)]
pub(crate) struct FilledTable {
    /// The number of rows. Zero until all of them are inserted.
    pub(crate) rows: u64,
    /// Pairs of a row and the number of row numbers left out from it on, because their values existed already.
    pub(crate) skips: Vec<(u64, u64)>,
    /// The number of times that each column was made again, for rows that were refused at first.
    pub(crate) attempts: HashMap<u64, Vec<u32>>,
    /// The values of columns that cannot be made again, row by row.
    pub(crate) kept: Vec<ValueBuf>,
    /// The keys of rows with a label.
    pub(crate) labels: Vec<(String, ValueBuf)>,
}

impl FilledTable {
    /// Returns the number of row numbers left out so far.
    pub(crate) fn skipped(&self) -> u64 {
        self.skips.last().map_or(0, |(_, skipped)| *skipped)
    }

    fn skipped_before(&self, row: u64) -> u64 {
        match self.skips.partition_point(|(from, _)| *from <= row) {
            0 => 0,
            at => self.skips[at - 1].1,
        }
    }
}

impl Tables<'_> {
    /// Returns the number of rows that a table has, or will have.
    pub(crate) fn rows(&self, at: usize) -> u64 {
        self.filled.get(at).map_or(self.plans[at].count, |filled| filled.rows)
    }

    /// Copies a column of a row, which is made again if it follows from the row's number.
    pub(super) fn copy_value(&self, at: usize, column: usize, row: u64, out: &mut ValueBuf) {
        let plan = &self.plans[at];
        let filled = self.filled.get(at);
        if plan.is_formula(column) {
            let skipped = filled.map_or(0, |filled| filled.skipped_before(row));
            let attempts = filled.and_then(|filled| filled.attempts.get(&row)).map_or(0, |attempts| attempts[column]);
            make_value(plan, column, number_of(plan, row, skipped), attempts, out);
        } else if let (Some(filled), Some(place)) = (filled, plan.kept.iter().position(|kept| *kept == column))
            && let Some(value) = filled.kept.get(row as usize * plan.kept.len() + place)
        {
            out.clone_from(value);
        } else {
            out.set_null();
        }
    }
}
