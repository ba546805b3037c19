//! The tasks of an exploration, how they end, and what may help where they fail.

use std::sync::Arc;

use rusqlite::Connection;

use crate::explore::Outcome;

/// The code of a task. Returns, as text, what the app's code returns.
pub(super) type TaskAction = Arc<dyn Fn(&mut Connection, Remedy) -> Result<String, String> + Send + Sync>;

#[derive(Clone)]
pub(super) struct Task {
    pub(super) name: String,
    pub(super) action: TaskAction,
}

/// The outcome of a task. Its value is text, as `Debug` shows it.
pub(super) type TaskOutcome = Outcome<String>;

/// A change that may help, tried on the tasks without changing their code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    None,
    /// Transactions that do not say how they begin, begin IMMEDIATE.
    Immediate,
    /// Everything that a task does is one transaction that begins IMMEDIATE.
    OneTransaction,
    /// Connections wait for locks.
    Timeout,
}

/// A remedy with which all of so many schedules were fine.
pub(super) struct TriedRemedy {
    pub(super) remedy: Remedy,
    pub(super) schedules: u64,
}
