//! From what a test asks for to the tables that are filled, and how many rows each of them gets.

pub(crate) mod fill_request;
pub(crate) mod names;
mod needed_parents;
mod parents;
pub(crate) mod tables;
