//! Inserts the rows.

mod failure;
mod full_text;
mod inserter;
mod integrity;
mod pragmas;
mod retry;
pub(crate) mod tables;
pub(crate) mod transaction;
