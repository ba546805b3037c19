//! Turns the request of a test into the tables that are filled and their numbers of rows.

pub(crate) mod fill_request;
pub(crate) mod names;
mod needed_parents;
mod parents;
pub(crate) mod tables;
