//! A migration that leaves a part of its changes when it fails.

use super::nested_transaction::NestedTransaction;
use crate::error::Error;
use crate::suite::versions::Summary;

/// The way in which a migration is made to fail.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum FaultKind {
    /// SQLite refuses to prepare a statement: one of the migration, of its runner, or of a virtual table.
    Refusal,
    /// As by `sqlite3_interrupt`.
    Interrupt,
}

/// A failure, and what it left.
pub(crate) struct HalfApplied {
    pub(crate) kind: FaultKind,
    /// The point of the failure, and how many there are.
    pub(crate) at: u64,
    pub(crate) points: u64,
    pub(crate) before: Summary,
    pub(crate) left: Summary,
    /// The error of the migration.
    pub(crate) error: Option<Error>,
    /// The statement that causes it, if it ends the transaction of the runner.
    pub(crate) nested: Option<NestedTransaction>,
}
