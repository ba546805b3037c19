//! Diagnoses of migrations that lose or refuse rows: the statement, the mechanism, the smallest data that shows it, and rows
//! that provoke it.

mod adversarial_rows;
mod blame;
mod half_applied;
mod inserts;
mod loss;
mod nested_transaction;
mod rebuild;
mod refusal;
mod row_changes;
mod shrink;

pub(crate) use adversarial_rows::{accepted_rows, refused_rows};
pub(crate) use blame::Mechanism;
pub(crate) use half_applied::{FaultKind, HalfApplied};
pub(crate) use loss::{LossDiagnosis, losses};
pub(crate) use nested_transaction::{NestedTransaction, nested_transaction};
pub(crate) use rebuild::Rebuild;
pub(crate) use refusal::{MigrationRefusal, refused_object};
