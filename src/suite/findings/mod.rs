//! Diagnoses as findings. Nothing here runs anything.

mod half_applied;
mod loss;
mod nested_transaction;
mod rebuild;
mod refusal;
mod statement;

pub(crate) use half_applied::half_applied_finding;
pub(crate) use loss::loss_finding;
pub(crate) use nested_transaction::nested_transaction_finding;
pub(crate) use refusal::refusal_finding;
pub(crate) use statement::at_statement;
