//! Rows for the statements of a migration. A row that a constraint accepts says nothing about `DELETE .. WHERE kind = 'old'`
//! unless its `kind` is `old`. So each statement gets rows on both sides of its conditions:
//!
//! ```text
//! statement -> scopes: queries, their sources, conditions and expressions
//!           -> resolve: columns as they are named before the migration
//!           -> demands: conditions true, false and NULL; values that a function changes
//!           -> links: partners of a join, none, one and two
//!           -> fixed_keys: rows that have the keys which it writes
//!           -> rows: data::Fill, with the conditions as CHECKs
//! ```
//!
//! Then `children` refer to the rows that the migration takes away, in whatever way. The rows are added to a copy of the
//! database before the migration. Whether something is lost is decided by comparing rows, never by this reading of the text.

mod accepted;
mod children;
mod conditions;
mod demands;
mod fixed_keys;
mod links;
mod narrowed;
mod pool;
mod resolve;
mod rows;
mod scope;
mod scopes;
mod sizes;
mod step;
#[cfg(test)]
mod tests;
mod values;

pub(crate) use accepted::accepted_rows_of_their_own;
pub(crate) use children::children_of_the_gone;
pub(crate) use step::{rows_for_down, targeted_rows};
