//! The rows of one database: written as an app might have left them, read back whole, and named in SQL.
//!
//! Where no constraint forbids it, a column has the same value twice: values that differ in every row would never violate
//! the UNIQUE of a table that is made of them.

mod contents;
mod fill;
mod json;
mod keys;
mod literal;
mod variety;

pub(crate) use contents::{Contents, Row, TableRows};
pub(crate) use fill::{GivenValue, RowPlan};
pub(crate) use json::JsonColumn;
pub(crate) use keys::{row_at, self_references, unique_keys};
pub(crate) use literal::{literal, printable};
