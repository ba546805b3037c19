//! Diagnoses of migrations that lose or refuse rows: the statement, the mechanism, the smallest data that shows it, and rows
//! that provoke it.

mod adversarial_rows;
mod fault;
mod half_applied;
mod interrupted;
mod loss;
mod merge;
mod orphans;
mod rebuild;
mod refusal;
mod shrink;

pub(crate) use adversarial_rows::{RefusedRows, accepted_rows, referring_rows, refused_rows};
pub(crate) use fault::FaultKind;
pub(crate) use half_applied::{HalfApplied, NestedTransaction, half_applied, nested_transaction};
pub(crate) use interrupted::{Interrupted, StopPoints, interrupted};
pub(crate) use loss::{LossDiagnosis, Mechanism, losses, losses_of_down};
pub(crate) use merge::DeletedParents;
pub(crate) use orphans::{Orphans, is_orphan, orphans};
pub(crate) use rebuild::Rebuild;
pub(crate) use refusal::MigrationRefusal;
pub(crate) use shrink::ShrinkBudget;
