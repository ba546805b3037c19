//! The problems that a run may have, and how they are found.

use rusqlite::Connection;

use super::choices::bits;
use super::locks::LockRefusal;
use super::run::{Run, Stuck, TaskOutcome};
use super::serial_runs::SerialRuns;
use crate::error::Result;

/// A problem of a run. The worst comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Problem {
    /// The task used the database after it had returned.
    Outlives(usize),
    /// The task returned and kept connections of its own open.
    KeepsOpen(usize),
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
        matches!(
            self,
            Problem::Outlives(_)
                | Problem::KeepsOpen(_)
                | Problem::Outside(_)
                | Problem::Endless(_)
                | Problem::Panics(_)
        )
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
    /// The run with the shortest schedule.
    pub(super) run: Run,
    /// The number of schedules with this problem.
    pub(super) count: u64,
}

/// The app's condition on every state that it may be in. Returns why it does not hold.
pub(super) type Invariant<'a> = Box<dyn Fn(&Connection) -> Result<(), String> + 'a>;

/// The result of a run.
pub(super) enum Classification {
    /// The result of these tasks in this order.
    SerialOrder(Vec<usize>),
    /// The result of the transactions in an order that is none of whole tasks.
    OrderOfTransactions,
    Problem(Problem),
}

/// The errors that a task may return if it leaves nothing behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MayFail {
    /// Those of a serial order.
    Never,
    /// Those because of a lock.
    Locks,
    Always,
}

/// Classifies a run.
pub(super) fn classify(
    serial_runs: &mut SerialRuns<'_>,
    run: &Run,
    may_fail: MayFail,
    invariant: Option<&Invariant<'_>>,
) -> Result<Classification> {
    if let Some(problem) = problem_by_itself(run) {
        return Ok(Classification::Problem(problem));
    }
    let order = serial_runs.order_of(run)?;
    if order.is_none() && !(serial_runs.each_transaction && serial_runs.agrees_by_transaction(run)?) {
        return Ok(Classification::Problem(Problem::NoSerialOrder));
    }
    if let Some(invariant) = invariant
        && let Err(why) = invariant(&run.database.look()?)
    {
        return Ok(Classification::Problem(Problem::Invariant(why)));
    }
    if may_fail != MayFail::Always {
        if may_fail == MayFail::Never
            && let Some((task, blocked)) = blocked(run)
        {
            return Ok(Classification::Problem(Problem::Busy(task, blocked)));
        }
        let Some(order) = &order else { return Ok(Classification::OrderOfTransactions) };
        let is_locked = |task: usize| may_fail == MayFail::Locks && run.schedule.refusals[task].is_some();
        let left_out = |task: usize| !order.contains(&task) && !is_locked(task);
        for (task, outcome) in run.outcomes.iter().enumerate().filter(|(task, _)| left_out(*task)) {
            if let Some(TaskOutcome::Failed(says)) = outcome
                && !serial_runs.fails_like(task, says)?
            {
                return Ok(Classification::Problem(Problem::Fails(task, says.clone())));
            }
        }
    }
    Ok(order.map_or(Classification::OrderOfTransactions, Classification::SerialOrder))
}

/// Returns what is wrong with a run, if that shows without a comparison.
pub(super) fn problem_by_itself(run: &Run) -> Option<Problem> {
    if let Some(task) = run.schedule.outlives {
        return Some(Problem::Outlives(task));
    }
    if let Some(task) = run.schedule.kept_open {
        return Some(Problem::KeepsOpen(task));
    }
    let panicked = |outcome: &Option<TaskOutcome>| matches!(outcome, Some(TaskOutcome::Panicked(_)));
    match run.schedule.stuck {
        Some(Stuck::Outside(task)) => Some(Problem::Outside(task)),
        Some(Stuck::Endless(task)) => Some(Problem::Endless(task)),
        None => match run.outcomes.iter().position(panicked) {
            Some(task) => Some(Problem::Panics(task)),
            None => bits(run.left_open).next().map(Problem::LeavesOpen),
        },
    }
}

/// Returns the first task that failed because of a lock.
fn blocked(run: &Run) -> Option<(usize, Blocked)> {
    let failed = |(task, outcome): (usize, &Option<TaskOutcome>)| {
        let refusal = run.schedule.refusals[task].filter(|_| matches!(outcome, Some(TaskOutcome::Failed(_))))?;
        let blocked = match refusal {
            LockRefusal::Upgrade => Blocked::Upgrade,
            LockRefusal::Snapshot => Blocked::Snapshot,
            LockRefusal::NoTimeout => Blocked::NoTimeout,
            LockRefusal::TimedOut if run.schedule.deadlocked.count_ones() > 1 => Blocked::Deadlock,
            LockRefusal::TimedOut => Blocked::Starved,
        };
        Some((task, blocked))
    };
    run.outcomes.iter().enumerate().find_map(failed)
}
