//! Makes and inserts rows that a schema accepts.
//!
//! ```text
//! builder -> request: which tables, how many rows -> plan of each table: conditions -> groups of columns -> solutions,
//!            tried by SQLite -> keys share the row's number -> rows: make one -> insert: on a refusal, make again what it
//!            is about -> report
//! ```
//!
//! Each of these imports only those before it.
//!
//! - **A value is a function** of (seed, table, number of the row, column, attempt). So adding a column or a table changes
//!   nothing else, and a parent's key is made again from its row's number when a child needs it: memory does not grow with
//!   rows. Only keys that follow from others (a group, a parent, a closure) are kept.
//! - **UNIQUE is satisfied by numbers, not by retries.** One column of each key takes its value from the row's number by a
//!   bijection. If none has room, the columns share it like the digits of a number; that also gives the number of rows that
//!   a table can hold, unless only some of the possible values were found: then the error says only that. Numbers begin
//!   after the existing rows; a number that is taken is never tried again.
//! - **CHECKs** are parsed into ways to satisfy them: domains of columns and relations between two. Parts that the parser does
//!   not know are opaque. A way counts only after SQLite has accepted samples of it, on an empty temporary table with the same
//!   columns, on the caller's connection, which has the app's functions. If no way passes, values are searched: those that
//!   the expression names, those near to them, texts of many kinds. SQLite has the last word, not the parser.
//! - **A value in a JSON document** (`json_extract(body, '$.kind')` in CHECKs, generated columns and indexes) counts as a
//!   column of its own until the document is made of its members.
//! - **A column that has to equal an expression of others** (`total = price * amount`) is calculated by SQLite for each row.
//!   So is one that a trigger compares with the rows before (`version = 1 + max(version)`).
//! - **CHECKs of children hold for parents**: a CHECK on a foreign key is solved for the key that it refers to. Foreign keys
//!   that only a trigger knows are read from it.
//! - **Parents agree on what a child shares**: if two composite keys of a child have a column in common that no table lists, one
//!   parent takes its values from the other, as by a foreign key.
//! - **Cycles of foreign keys** are closed with keys of later rows, which are known before they are made, under
//!   `defer_foreign_keys`: rows of both tables belong together in pairs. A key that is not known so is taken from a third table
//!   by both rows (the leader of a team). What SQLite would refuse only at the end, because a key is deferred, is looked up.
//! - **A label is a name for one of the first rows**: no value depends on it.
//! - The inner loop is plain matches over small enums, into one buffer for each column, because tests run unoptimized.

mod builder;
pub(super) mod context;
mod insert;
mod lookup;
pub(crate) mod options;
mod parent_choice;
mod parent_join;
mod plan;
mod refused;
pub(crate) mod request;
mod row_values;
mod rows;
mod shared_keys;
mod trigger_keys;

pub use builder::{Fill, Filled};
