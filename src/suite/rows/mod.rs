//! The rows of one database: written as an app might have left them, read back whole, and named in SQL.
//!
//! Where no constraint forbids it, a column has the same value twice: values that differ in every row would never violate
//! the UNIQUE of a table that is made of them.

mod contents;
mod cycles;
mod declared_values;
mod fill;
mod full_text;
mod hard_values;
mod partial_keys;
mod plan;
mod removal;

pub(crate) use contents::{
    Contents, Row, TableRows, count, full_unique_keys, key_of_rows, listed_values, literal, primary_key_columns,
    printable, row_at, self_references, unique_keys,
};
pub(crate) use cycles::RecursiveQuery;
pub(crate) use fill::add_self_reference;
pub(crate) use full_text::{Refill, index_triggers, insert_texts, is_full_text};
pub(crate) use plan::{GivenValue, JsonColumn, RowPlan};
pub(crate) use removal::{Dangling, RowRange, dangling, delete_orphans, take_away};
