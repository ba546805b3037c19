//! Inserts the rows.

mod inserter;
pub(crate) mod tables;
