//! Diagnoses as findings. Nothing here runs anything.

mod evidence;
mod half_applied;
mod loss;
mod nested_transaction;
mod rebuild;
mod refusal;

pub(crate) use evidence::{at_statement, with_release};
pub(crate) use half_applied::half_applied_finding;
pub(crate) use loss::loss_finding;
pub(crate) use nested_transaction::nested_transaction_finding;
pub(crate) use refusal::refusal_finding;
