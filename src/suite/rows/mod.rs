//! The rows of one database: written as an app might have left them, read back whole, and named in SQL.

pub(crate) mod contents;
pub(crate) mod fill;
pub(crate) mod json;
pub(crate) mod keys;
pub(crate) mod literal;
mod variety;
