//! Losses: rows and values that a migration does not keep.
//!
//! The rows decide, not the text: a table, column, row or value that was there and is not there any more is a loss. Rows are
//! matched by key, else by their values, else by rowid. The text only follows renames, and tells which values statements
//! replace on purpose.
//!
//! These are no losses:
//!
//! - an equivalent value of another type (number, flag, instant, JSON, bytes and their hex digits), a JSON object with more
//!   members, a NULL that is filled;
//! - a value that a statement names (`WHERE status = 'old'`, `CASE status WHEN 'old'`), or that an UPDATE replaces by a
//!   constant, not by NULL or a blank, in rows which other columns choose;
//! - a value or row that is found elsewhere, see `elsewhere` and `moved`, or in another form, see `converted`; a flag that is a
//!   table of the rows that have it;
//! - a key that all references follow, and a reference that follows its row, see `rekeyed`;
//! - a row that is the same as another one, where a new UNIQUE allows no second and all references go there, see `duplicates`;
//! - what an UPDATE of all rows writes into another column by name;
//! - what a full-text index holds, if it is filled again with all rows that it had.
//!
//! Generated columns are compared where they are plain before or after the migration, see `generated`. Any other follows from its
//! row.
//!
//! Some are for review only, see `for_review`: nobody but the developer can tell.
//!
//! Anything else, `trim` and `CAST` too, needs an `allow_loss` with a reason: whether a change of people's data is meant
//! cannot be guessed.

mod comparison;
mod converted;
mod duplicates;
mod elsewhere;
mod exchanged;
mod for_review;
mod full_text;
mod generated;
mod loss;
mod matching;
mod migrated;
mod moved;
mod pairs;
mod references;
mod rekeyed;

pub(crate) use comparison::Comparison;
pub(crate) use converted::is_kept;
pub(crate) use loss::{Loss, LossKind};
pub(crate) use migrated::Migrated;
