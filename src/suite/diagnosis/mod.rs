//! Diagnoses of migrations that lose or refuse rows: the statement, the mechanism, the smallest data that shows it, and rows
//! that provoke it.

pub(crate) mod adversarial_rows;
pub(crate) mod blame;
pub(crate) mod half_applied;
mod inserts;
pub(crate) mod loss;
pub(crate) mod nested_transaction;
pub(crate) mod rebuild;
pub(crate) mod refusal;
mod row_changes;
pub(crate) mod shrink;
