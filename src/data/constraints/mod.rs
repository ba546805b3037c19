//! What constraints ask of a row: their expressions read as far as they can be, solved or searched, judged by SQLite.

pub(crate) mod cluster;
pub(crate) mod conditions;
pub(crate) mod derived;
pub(crate) mod documents;
pub(crate) mod domain;
pub(crate) mod evaluator;
pub(crate) mod expression;
pub(crate) mod search;
pub(crate) mod solve;
