//! The contents of a database: its rows as one number, as a table of text, as differences from another database, and as the
//! changes made by a piece of code.
//!
//! One engine reads and compares the tables; [`TableSet`](tables::TableSet) says which ones. All public functions use the same
//! set: the ordinary tables of `main`, and the virtual ones that hold rows of their own (FTS, R*Tree). It leaves out SQLite's
//! own tables (`sqlite_…`), the shadow tables of virtual tables, FTS tables whose content is elsewhere (`content=…`), and the
//! ledgers of migration runners.
//!
//! A value has a type: `'1'`, `1`, `1.0` and `x'31'` are four values, and `NULL` is neither `''` nor `0`.

mod cell;
mod changes;
mod compare;
mod diff;
mod digest;
mod header;
mod mask;
mod query_rows;
mod redact;
mod same_data;
mod tables;

pub(crate) use cell::{Cell, is_invisible, shown};
pub use changes::{ChangedRow, Changes, TableChanges, UpdatedRow, changes_between};
pub(super) use compare::compare;
pub(super) use diff::{RowChange, TableDiff};
pub(super) use digest::schema_entries;
pub(crate) use digest::{BesidesRows, content_digest, masked_digest};
pub use digest::{Digest, TableDigest, digest, try_digest};
pub(crate) use header::{HEADER_NUMBERS, header_numbers};
pub(crate) use mask::Mask;
pub use query_rows::{QueryRows, query_rows};
pub use redact::Redact;
pub use same_data::{assert_same_data, try_assert_same_data};
pub(super) use tables::TableSet;
pub(crate) use tables::{Snapshot, Table, sequence_table};
