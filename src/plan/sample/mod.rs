//! Rows on which the work of a statement is measured, in SQLite's own steps.
//!
//! ```text
//! statement -> comparisons: what it compares its columns with  -> values: SQL for the values of each column
//!           -> reach: the tables that it reads or writes       -> fill: one INSERT for each of them, on an empty copy
//!           -> run: its parameters get values that are there, it runs, SQLite counts
//! ```
//!
//! - A plan does not tell how many rows it reads. Rows do, if a comparison selects as many of them as it would in an app:
//!   one row by a key, four by a foreign key, a fifth by a status, most by `deleted = 0` or `deleted_at IS NULL`.
//! - Constraints are off while the rows are made: no CHECK, no trigger, no foreign key. They cost more than the rows, and
//!   no search depends on them. A row that would break a UNIQUE is left out.
//! - Nothing is random: the same schema and the same statements give the same rows and the same steps.

mod comparisons;
mod fill;
mod reach;
mod run;
mod values;

pub(in crate::plan) use comparisons::{Comparisons, Other, Relation};
pub(in crate::plan) use fill::Sampling;
pub(crate) use fill::{fill, measured};
pub(in crate::plan) use reach::Reach;
pub(in crate::plan) use run::MOST_STEPS;
pub(crate) use run::{MeasuredStatement, Work, changed, is_dearer, values_of_row};
pub(in crate::plan) use values::{Spread, spread};

#[cfg(test)]
mod tests;
