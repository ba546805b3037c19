//! What a migration kept of the rows and values that were there.
//!
//! The rows decide, not the text: a table, column, row or value that was there and is not there any more is a loss, unless
//! another table has the row now, or the migration says so itself. It does so by an `UPDATE … WHERE` that replaces a value
//! (by something not computed from it, which would have to be equivalent), and by a rename, which is followed.

pub(crate) mod comparison;
mod equivalence;
pub(crate) mod loss;
mod matching;
mod new_rows;
mod table_pair;
