//! What is in a database: its rows as one number, as a table of text, as what differs from another database, as what a
//! piece of code changed.
//!
//! Everything here sees the same tables: the ordinary ones of `main`, and the virtual ones that hold rows of their own
//! (FTS, R*Tree). Left out are SQLite's own tables (`sqlite_…`), the tables in which virtual tables keep what they hold,
//! FTS tables whose contents are elsewhere (`content=…`), and the ledgers in which runners of migrations note what they
//! have applied.
//!
//! A value has a type: `'1'`, `1`, `1.0` and `x'31'` are four values, and `NULL` is none of `''` and `0`.

mod cell;
mod changes;
mod compare;
mod digest;
mod redact;
mod rows;
mod same_data;
mod tables;

pub(crate) use cell::{Cell, is_invisible, shown};
pub use changes::{ChangedRow, Changes, TableChanges, UpdatedRow, changes_between};
pub use digest::{Digest, TableDigest, digest, try_digest};
pub use redact::Redact;
pub use rows::{Rows, rows};
pub use same_data::{assert_same_data, try_assert_same_data};
pub(crate) use tables::Reading;
