//! The rows of one database: written as an app might have left them, read back whole, and named in SQL.
//!
//! Where no constraint forbids it, a column has the same value twice: values that differ in every row would never violate
//! the UNIQUE of a table that is made of them.

pub(crate) mod contents;
pub(crate) mod fill;
pub(crate) mod json;
pub(crate) mod keys;
pub(crate) mod literal;
mod variety;
