//! The cases of the suite: each checks a history and returns what is wrong with it.

pub(crate) mod all;
mod applying;
mod files;
pub(crate) mod lints;
mod reverting;
mod rows;
