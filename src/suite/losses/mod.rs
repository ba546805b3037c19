//! Losses: rows and values that a migration does not keep.
//!
//! The rows decide, not the text: a table, column, row or value that was there and is not there any more is a loss. Rows are
//! matched by key, else by their values, else by rowid. The text only follows renames, and tells whether an `UPDATE … WHERE`
//! replaces values.
//!
//! These are no losses: an equivalent value of another type (number, flag, instant, JSON), a JSON object with more members, a
//! NULL that is filled, a value that an UPDATE with a WHERE replaces by something not computed from it, a row that another
//! table has now with the same values under the same names. Anything else, `trim` and `CAST` too, needs an `allow_loss` with
//! a reason: whether a change of people's data is meant cannot be guessed.

mod comparison;
mod matching;

pub(crate) use comparison::{Comparison, Loss, LossKind};
pub(crate) use matching::is_equivalent;
