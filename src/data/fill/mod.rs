//! `Fill`: what a test says about the rows that it wants, and what became of it.
//!
//! ```text
//! wishes -> request: which tables, how many rows -> plan of each table: conditions -> branches -> solutions, judged by SQLite
//!        -> keys share the row's number -> insert: make, insert, on a refusal make what it is about again
//! ```
//!
//! - **A value is a function** of (seed, table, number of the row, column, attempt). So nothing changes when a column
//!   or a table is added, and a parent's key is made again from its row's number when a child needs it: memory does
//!   not grow with rows. Only keys that follow from others (a group, a parent, a closure) are kept.
//! - **A number for UNIQUE, not retries.** One column of each key takes its value from the row's number by a
//!   bijection; if none has room, the columns share it like the digits of a number, which also tells how many rows a
//!   table can hold, unless the values are only those that were found: then the error says no more than that. Numbers
//!   begin behind the rows that are there; one that is taken is skipped for good.
//! - **CHECKs** are read by a small parser into solutions to satisfy them: domains of columns and relations between two.
//!   What it does not know is an opaque leaf. A way counts only after SQLite has passed samples of it, on an empty
//!   temporary table of the same columns on the caller's connection, where the app's functions are. If no way passes,
//!   values are searched: what the expression names, what is near, texts of many kinds. Not the parser but SQLite is
//!   right.
//! - What is read out of a JSON document (`json_extract(body, '$.kind')`, in CHECKs, generated columns and indexes) counts as
//!   a column of its own until the document is made of its members.
//! - A column that has to equal an expression of others (`total = price * amount`) is calculated by SQLite for each
//!   row. So is one that a trigger compares with the rows before (`version = 1 + max(version)`).
//! - **What a child asks of a foreign key's value, its parent has**: a CHECK on the one is solved for the other. Foreign keys
//!   that only a trigger knows are read from it.
//! - **Cycles of keys that may not be NULL** are closed with keys of rows that come later, which are known before they
//!   are made, under `defer_foreign_keys`.
//! - A row with a name is numbered by its name: it is the same whatever else is made, as are the others without it.
//! - The loop is plain matches over small enums into one buffer for each column: tests run unoptimised.

mod builder;
mod context;
mod existing;
pub(crate) mod insert;
pub(crate) mod options;
mod plan;
mod report;
pub(crate) mod request;
mod rows;
mod trigger_keys;

pub use builder::Fill;
pub use report::Filled;
