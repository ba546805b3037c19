//! The problems of schedules.

use super::choices::Grain;
use super::run::Run;

/// A problem of a run. The worst comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Problem {
    /// The task waits for something outside of SQLite.
    Outside(usize),
    /// The task tries again without end.
    Endless(usize),
    Panics(usize),
    /// The task ends within a transaction.
    LeavesOpen(usize),
    /// No order of the tasks gives this state and these results.
    NoSerialOrder,
    /// The invariant does not hold, with what it says.
    Invariant(String),
    /// The task returns this error only because others run between its statements. It has done no harm.
    Fails(usize, String),
    /// The task fails because of a lock, though it has done no harm.
    Busy(usize, Blocked),
}

/// The reason for `SQLITE_BUSY`. The worst comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Blocked {
    /// It waited for a task that waited for it.
    Deadlock,
    /// It waited for a lock that nobody released.
    Starved,
    /// Its snapshot was no longer the newest when it was going to write.
    Snapshot,
    /// It had read, and another task was writing.
    Upgrade,
    /// Its connection does not wait for locks.
    NoTimeout,
}

impl Problem {
    /// Returns true if two problems differ only in their details.
    pub(super) fn is_like(&self, other: &Problem) -> bool {
        match (self, other) {
            // The order of the tasks decides which of the two codes it is.
            (Problem::Busy(_, one), Problem::Busy(_, other)) => one == other || one.is_upgrade() && other.is_upgrade(),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    /// Returns true if no more schedules are worth running.
    pub(super) fn stops_exploration(&self) -> bool {
        matches!(self, Problem::Outside(_) | Problem::Endless(_) | Problem::Panics(_))
    }
}

impl Blocked {
    /// Returns true for a transaction that reads first and then writes.
    pub(super) fn is_upgrade(self) -> bool {
        matches!(self, Blocked::Snapshot | Blocked::Upgrade)
    }
}

/// A problem, and the run that shows it.
pub(super) struct FoundProblem {
    pub(super) problem: Problem,
    pub(super) grain: Grain,
    /// The run with the shortest schedule.
    pub(super) run: Run,
    /// The number of schedules with this problem.
    pub(super) count: u64,
}
