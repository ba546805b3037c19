//! What is wrong with one run, if anything is.

use rusqlite::Connection;

use super::locks::Refusal;
use super::scheduler::{Outcome, Stuck};
use super::schedules::bits;
use super::serial_runs::SerialRuns;
use super::threads::Run;
use crate::error::Result;

/// What the app says of every state that it may be in: why it does not hold, if it does not.
pub(super) type Invariant<'a> = Box<dyn Fn(&Connection) -> Result<(), String> + 'a>;

/// What is wrong. The worst comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Problem {
    /// The task waits for something that is not SQLite's.
    Outside(usize),
    /// The task tries again and again.
    Endless(usize),
    Panics(usize),
    /// The task ends within a transaction.
    LeavesOpen(usize),
    /// State and results are those of no order of the tasks.
    NoSerialOrder,
    /// What the invariant says.
    Invariant(String),
    /// The task returns an error that it does not return without the others between its statements, whatever the numbers in
    /// it, and what it says. It has done no harm.
    Fails(usize, String),
    /// The task fails because of a lock, though it has done no harm.
    Busy(usize, Blocked),
}

/// Why a task got `SQLITE_BUSY`. The worst comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Blocked {
    /// It waited for one that waited for it.
    Deadlock,
    /// It waited for a lock that nobody gave back.
    Starved,
    /// What it had read was no longer the newest when it was going to write.
    Snapshot,
    /// It had read, and another task was writing.
    Upgrade,
    /// Its connection does not wait for locks.
    NoTimeout,
}

impl Problem {
    /// Whether two problems are the same but for their details.
    pub(super) fn is_like(&self, other: &Problem) -> bool {
        match (self, other) {
            // Which of the two codes it is depends on who comes first.
            (Problem::Busy(_, one), Problem::Busy(_, other)) => one == other || one.is_upgrade() && other.is_upgrade(),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    /// Whether it makes no sense to go on.
    pub(super) fn stops_exploration(&self) -> bool {
        matches!(self, Problem::Outside(_) | Problem::Endless(_) | Problem::Panics(_))
    }
}

impl Blocked {
    /// Whether it is about a transaction that reads first and then writes.
    pub(super) fn is_upgrade(self) -> bool {
        matches!(self, Blocked::Snapshot | Blocked::Upgrade)
    }
}

/// What a run is.
pub(super) enum Classification {
    /// The same as these tasks in this order.
    SerialOrder(Vec<usize>),
    Problem(Problem),
}

/// Judges a run. Tasks that `may_fail` may return any error, if they leave nothing behind.
pub(super) fn classify(
    serial_runs: &mut SerialRuns<'_>,
    run: &Run,
    may_fail: bool,
    invariant: Option<&Invariant<'_>>,
) -> Result<Classification> {
    if let Some(problem) = problem_by_itself(run) {
        return Ok(Classification::Problem(problem));
    }
    let Some(order) = serial_runs.order_of(run)? else { return Ok(Classification::Problem(Problem::NoSerialOrder)) };
    if let Some(invariant) = invariant
        && let Err(why) = invariant(&run.database.look()?)
    {
        return Ok(Classification::Problem(Problem::Invariant(why)));
    }
    if !may_fail {
        if let Some((task, blocked)) = blocked(run) {
            return Ok(Classification::Problem(Problem::Busy(task, blocked)));
        }
        for (task, outcome) in run.outcomes.iter().enumerate().filter(|(task, _)| !order.contains(task)) {
            if let Some(Outcome::Failed(says)) = outcome
                && !serial_runs.fails_so(task, says)?
            {
                return Ok(Classification::Problem(Problem::Fails(task, says.clone())));
            }
        }
    }
    Ok(Classification::SerialOrder(order))
}

/// What is wrong with a run whatever other runs come to.
pub(super) fn problem_by_itself(run: &Run) -> Option<Problem> {
    let panicked = |outcome: &Option<Outcome>| matches!(outcome, Some(Outcome::Panicked(_)));
    match run.schedule.stuck {
        Some(Stuck::Outside(task)) => Some(Problem::Outside(task)),
        Some(Stuck::Endless(task)) => Some(Problem::Endless(task)),
        None => match run.outcomes.iter().position(panicked) {
            Some(task) => Some(Problem::Panics(task)),
            None => bits(run.left_open).next().map(Problem::LeavesOpen),
        },
    }
}

/// The first task that failed because of a lock.
fn blocked(run: &Run) -> Option<(usize, Blocked)> {
    let failed = |(task, outcome): (usize, &Option<Outcome>)| {
        let refusal = run.schedule.refusals[task].filter(|_| matches!(outcome, Some(Outcome::Failed(_))))?;
        let blocked = match refusal {
            Refusal::Upgrade => Blocked::Upgrade,
            Refusal::Snapshot => Blocked::Snapshot,
            Refusal::NoTimeout => Blocked::NoTimeout,
            Refusal::TimedOut if run.schedule.deadlocked.count_ones() > 1 => Blocked::Deadlock,
            Refusal::TimedOut => Blocked::Starved,
        };
        Some((task, blocked))
    };
    run.outcomes.iter().enumerate().find_map(failed)
}
