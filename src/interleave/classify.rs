//! Compares a run with the serial orders of its tasks.

use rusqlite::Connection;

use super::choices::bits;
use super::locks::LockRefusal;
use super::problem::{Blocked, Problem};
use super::run::{Run, Stuck};
use super::serial_runs::SerialRuns;
use super::task::TaskOutcome;
use crate::error::Result;

/// The app's condition on every state that it may be in. Returns why it does not hold.
pub(super) type Invariant<'a> = Box<dyn Fn(&Connection) -> Result<(), String> + 'a>;

/// The result of a run.
pub(super) enum Classification {
    /// The result of these tasks in this order.
    SerialOrder(Vec<usize>),
    Problem(Problem),
}

/// Classifies a run. Tasks that `may_fail` may return any error that leaves nothing behind.
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
            if let Some(TaskOutcome::Failed(says)) = outcome
                && !serial_runs.fails_like(task, says)?
            {
                return Ok(Classification::Problem(Problem::Fails(task, says.clone())));
            }
        }
    }
    Ok(Classification::SerialOrder(order))
}

/// Returns what is wrong with a run, if that shows without a comparison.
pub(super) fn problem_by_itself(run: &Run) -> Option<Problem> {
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
