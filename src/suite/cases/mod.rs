//! The cases of the suite: each checks a history and returns what is wrong with it.

pub(crate) mod all;
mod applying;
mod concurrent;
mod files;
mod integrity;
mod judged;
pub(crate) mod lints;
mod newer;
mod reverting;
mod rows;
