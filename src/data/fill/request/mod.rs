//! From what a test asks for to the tables that are filled, and how many rows each of them gets.

pub(crate) mod failure;
pub(crate) mod fill_request;
mod needed_parents;
pub(crate) mod tables;
