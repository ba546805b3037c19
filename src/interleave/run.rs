//! One run of the tasks: how they ended, what is in the database, and the schedule that was followed.

use rusqlite::Connection;

use super::choices::{Decision, bit, switches};
use super::locks::LockRefusal;
use super::task::TaskOutcome;
use crate::check::{Digest, try_digest};
use crate::db::Address;
use crate::error::Result;

/// The outcome of a task that took part, and its connection.
pub(super) type EndedTask = Option<(TaskOutcome, Connection)>;

pub(super) struct Run {
    /// The outcome of each task that took part.
    pub(super) outcomes: Vec<Option<TaskOutcome>>,
    /// The digest of the database afterwards, unless the run was aborted.
    pub(super) digest: Option<Digest>,
    pub(super) database: Address,
    /// The tasks that ended within a transaction, a bit each.
    pub(super) left_open: u8,
    pub(super) schedule: ScheduleRecord,
}

/// The schedule that a run has followed.
pub(super) struct ScheduleRecord {
    /// The refusal of a lock that each task ended with.
    pub(super) refusals: Vec<Option<LockRefusal>>,
    /// The number of statements of each task, and of those that touched something that others see.
    pub(super) statements: Vec<u64>,
    pub(super) touches: Vec<u64>,
    /// The task of each step.
    pub(super) steps: Vec<u8>,
    pub(super) decisions: Vec<Decision>,
    /// True if the choices that were to be followed could be.
    pub(super) fits: bool,
    pub(super) complete: bool,
    pub(super) lines: Vec<StatementLine>,
    /// The tasks that waited for each other, a bit each.
    pub(super) deadlocked: u8,
    /// A task whose snapshot held back a checkpoint, and the task that made the checkpoint.
    pub(super) held_back: Option<(usize, usize)>,
    /// True if a task made a checkpoint.
    pub(super) checkpointed: bool,
    pub(super) stuck: Option<Stuck>,
}

/// A statement that a task has run.
#[derive(Clone, Debug)]
pub(super) struct StatementLine {
    pub(super) task: usize,
    pub(super) text: String,
    pub(super) waited: bool,
    pub(super) refusal: Option<LockRefusal>,
}

/// The reason why a run was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stuck {
    /// The task waits for something outside of SQLite.
    Outside(usize),
    /// The task runs one statement after another without end.
    Endless(usize),
}

impl Run {
    pub(super) fn of(database: Address, ended: Vec<EndedTask>, schedule: ScheduleRecord) -> Result<Run> {
        let mut left_open = 0;
        for (task, ended) in ended.iter().enumerate() {
            if ended.as_ref().is_some_and(|(_, connection)| !connection.is_autocommit()) {
                left_open |= bit(task);
            }
        }
        // While the connections are open: closing the last of them would write a checkpoint first.
        let digest = match schedule.stuck {
            None => Some(try_digest(&database.look()?)?),
            Some(_) => None,
        };
        let outcomes = ended.into_iter().map(|ended| ended.map(|(outcome, _)| outcome)).collect();
        Ok(Run { outcomes, digest, database, left_open, schedule })
    }

    /// Returns a measure of how hard the schedule is to read: its switches, then its steps.
    pub(super) fn length(&self) -> (usize, usize) {
        (switches(&self.schedule.steps), self.schedule.steps.len())
    }

    /// Returns true if both runs had the same result.
    pub(super) fn agrees(&self, other: &Run) -> bool {
        self.outcomes == other.outcomes
            && self.digest == other.digest
            && self.schedule.steps.len() == other.schedule.steps.len()
    }
}
