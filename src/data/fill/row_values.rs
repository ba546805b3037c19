//! Makes the values that follow from a row's number alone, and keeps those of the filled tables that do not.

use std::collections::HashMap;

use crate::data::fill::plan::table_plan::{How, Limit, Parent, TablePlan};
use crate::data::values::domain::Nullability;
use crate::data::values::edge_cases::edge_case;
use crate::data::values::source::Source;
use crate::data::values::value_buf::ValueBuf;
use crate::draw::{Draw, key};
use crate::error::Error;

/// The percentage of edge cases, if they are wanted.
const EDGES: u64 = 50;

/// Returns the number from which a row is made.
pub(crate) fn number_of(plan: &TablePlan, row: u64, skipped: u64) -> u64 {
    plan.start + row + skipped
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
            if let (Some([first, last]), Source::Realistic(generator)) = (column.names, source) {
                let drawn = |at: usize| {
                    let name = &plan.columns[at];
                    let mut draw = draws(name.key, number, 0);
                    if name.nulls > 0 {
                        draw.percent(name.nulls);
                    }
                    draw
                };
                let unique = column.place.as_ref().map(|place| place.of(number));
                let Some(unique) = unique.map_or(Some(None), |digit| digit.map(Some)) else { return out.set_null() };
                let names = (drawn(first), (first != last).then(|| drawn(last)));
                return generator.make_email(names, &mut draw, unique, out);
            }
            match (&column.place, &column.edge) {
                (None, Some(declared)) if draw.percent(EDGES) => edge_case(declared, column.strict, &mut draw, out),
                (None, _) => source.make(&mut draw, None, out),
                (Some(place), _) => match place.of(number) {
                    Some(digit) => source.make(&mut draw, Some(digit), out),
                    None => out.set_null(),
                },
            }
        }
        How::Group | How::Reference | How::With(_) => {}
    }
}

/// A row while it is made. Its buffers are reused from row to row.
pub(crate) struct Draft {
    pub(crate) values: Vec<ValueBuf>,
    /// The nullability of each column, by the solution of its group.
    pub(super) nulls: Vec<Nullability>,
    /// The number of times that each column was made again.
    pub(crate) attempts: Vec<u32>,
    /// Values of parents that agree, for a row that was refused again and again.
    pub(crate) joined: Vec<(usize, ValueBuf)>,
    /// The error of a closure.
    pub(crate) broken: Option<rusqlite::Error>,
}

impl Draft {
    pub(super) fn new(columns: usize) -> Draft {
        Draft {
            values: vec![ValueBuf::default(); columns],
            nulls: vec![Nullability::Allowed; columns],
            attempts: vec![0; columns],
            joined: Vec::new(),
            broken: None,
        }
    }

    /// Takes the values of parents that agree. Keys that share a column with them and may be NULL refer to nothing.
    pub(super) fn take_joined(&mut self, plan: &TablePlan) {
        let is_joined = |column: &usize| self.joined.iter().any(|(joined, _)| joined == column);
        for reference in plan.references.iter().filter(|reference| reference.may_be_null) {
            if reference.columns.iter().any(is_joined) {
                let own = reference.loose.iter().filter(|column| !is_joined(column));
                own.for_each(|column| self.values[*column].set_null());
            }
        }
        self.joined.iter().for_each(|(column, value)| self.values[*column].clone_from(value));
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
    /// The reason why there is no room for more rows of these parents.
    pub(crate) no_room: Option<String>,
    /// The error of the first row that was refused again and again.
    pub(crate) failure: Option<Error>,
    /// The keys of rows with a label.
    pub(crate) labels: Vec<(String, ValueBuf)>,
}

impl FilledTable {
    /// Returns the number of row numbers left out so far.
    pub(crate) fn skipped(&self) -> u64 {
        self.skips.last().map_or(0, |(_, skipped)| *skipped)
    }

    /// Returns the limit that was found while rows were inserted.
    pub(crate) fn limit(&self, plan: &TablePlan, plans: &[TablePlan]) -> Option<Limit> {
        let parents = plan.references.iter().filter_map(|reference| match reference.parent {
            Parent::Made { plan, .. } => Some(plans[plan].table),
            _ => None,
        });
        let because = self.no_room.clone()?;
        Some(Limit { rows: self.rows, because, is_guess: false, parents: parents.collect() })
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
        if plan.awaited.contains(&column) {
            make_value(plan, column, number_of(plan, row, 0), 0, out);
        } else if plan.is_formula(column) {
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
