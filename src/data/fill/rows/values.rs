//! The values that follow from the number of a row, and what has been inserted so far.

use std::collections::HashMap;

use crate::data::constraints::group::{ColumnGroup, Solution, satisfy};
use crate::data::fill::plan::table_plan::{ColumnPlan, How, TablePlan};
use crate::data::values::domain::Nullability;
use crate::data::values::edge_cases::edge_case;
use crate::data::values::source::Source;
use crate::data::values::value_buf::ValueBuf;
use crate::draw::{Draw, key, named};

/// The percentage of edge cases, if they are wanted.
const EDGES: u64 = 50;

/// Rows with a label are numbered by it, above all others, so that they do not depend on other rows.
const LABELLED: u64 = 1 << 62;

/// Returns the number from which a row is made.
pub(crate) fn number_of(plan: &TablePlan, row: u64, skipped: u64) -> u64 {
    match plan.labels.get(row as usize) {
        Some(label) => (LABELLED | 1 << 30 | (named(0, label) >> 34)) + skipped,
        None => plan.start + row - plan.labels.len() as u64 + skipped,
    }
}

/// Returns the number as values show it.
pub(super) fn shown(number: u64) -> u64 {
    number & (LABELLED - 1)
}

/// Returns the draws for a row, which differ for each attempt.
pub(super) fn draws(key_of: u64, number: u64, attempts: u32) -> Draw {
    let mut draw = Draw::new(key(key_of, number));
    if attempts > 0 {
        draw = Draw::new(key(draw.next(), attempts.into()));
    }
    draw
}

/// Makes the value of a column that follows from the row's number alone.
pub(super) fn make_value(plan: &TablePlan, index: usize, number: u64, attempts: u32, out: &mut ValueBuf) {
    let column = &plan.columns[index];
    match &column.how {
        How::Rowid { .. } if number >= LABELLED => out.set_integer(shown(number).cast_signed()),
        How::Rowid { first } => out.set_integer(first.wrapping_add((number - plan.start).cast_signed())),
        How::Fixed(value) => out.clone_from(value),
        How::Source(source) => {
            if attempts == 0
                && !column.first.is_empty()
                && let Some(first) = number.checked_sub(plan.start).and_then(|row| column.first.get(row as usize))
            {
                return out.clone_from(first);
            }
            let mut draw = draws(column.key, number, attempts);
            if column.nulls > 0 && draw.percent(column.nulls) {
                return out.set_null();
            }
            match (&column.place, &column.edge) {
                (None, Some(declared)) if draw.percent(EDGES) => edge_case(declared, column.strict, &mut draw, out),
                (None, _) => source.make(&mut draw, None, out),
                (Some(place), _) => match place.of(shown(number)) {
                    Some(digit) => source.make(&mut draw, Some(digit), out),
                    None => out.set_null(),
                },
            }
        }
        How::Group | How::Reference | How::With(_) => {}
    }
}

/// Makes columns that conditions tie together, by one of the solutions.
pub(super) fn make_group(plan: &TablePlan, group: &ColumnGroup, number: u64, draft: &mut Draft) {
    let attempts = draft.attempts_of(&group.columns);
    let mut draw = draws(group.key, number, attempts);
    match &group.solutions[draw.below(group.solutions.len() as u64) as usize] {
        Solution::Listed(rows) => {
            let place = group.columns.iter().find_map(|column| plan.columns[*column].place.as_ref());
            let at = match place.map(|place| place.of(shown(number))) {
                Some(Some(digit)) => digit % rows.len() as u64,
                _ => draw.below(rows.len() as u64),
            };
            for (column, value) in group.columns.iter().zip(&rows[at as usize]) {
                if matches!(plan.columns[*column].how, How::Group) {
                    draft.values[*column].clone_from(value);
                }
            }
        }
        Solution::Generated { sources, relations } => {
            for column_source in sources {
                let column = &plan.columns[column_source.column];
                draft.nulls[column_source.column] = column_source.nullability;
                if let (How::Group, Some(source)) = (&column.how, &column_source.source) {
                    let draw = draws(column.key, number, attempts);
                    make_member(
                        column,
                        column_source.nullability,
                        source,
                        (draw, number),
                        &mut draft.values[column_source.column],
                    );
                }
            }
            satisfy(relations, &mut draft.values);
        }
    }
}

fn make_member(
    column: &ColumnPlan,
    nullability: Nullability,
    source: &Source,
    (mut draw, number): (Draw, u64),
    out: &mut ValueBuf,
) {
    if nullability == Nullability::Allowed && column.nulls > 0 && draw.percent(column.nulls) {
        return out.set_null();
    }
    match column.place.as_ref().map(|place| place.of(shown(number))) {
        None => source.make(&mut draw, None, out),
        Some(Some(digit)) => source.make(&mut draw, Some(digit % source.capacity().max(1)), out),
        Some(None) => out.set_null(),
    }
}

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
