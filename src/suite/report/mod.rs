//! Diagnoses as findings. Nothing here runs anything.

pub(crate) mod half_applied;
pub(crate) mod loss;
pub(crate) mod nested_transaction;
mod rebuild;
pub(crate) mod refusal;
pub(crate) mod statement;
