//! The diagnosis of a schedule: its anomaly, the nearest serial order, and the differences between the two, as values.

use super::anomaly::{Anomaly, anomaly};
use super::choices::bit;
use super::problem::{FoundProblem, Problem};
use super::remedy::TriedRemedy;
use super::run::{Run, TaskOutcome};
use super::serial_runs::{SerialRuns, permutations};
use crate::error::Result;
use crate::explore::DatabaseChanges;

/// Everything that a failure shows.
pub(super) struct Diagnosis<'a> {
    pub(super) found: &'a FoundProblem,
    /// The anomaly of a run that no serial order gives.
    pub(super) anomaly: Option<Anomaly>,
    pub(super) nearest: Option<NearestOrder>,
    pub(super) tried: Option<TriedRemedy>,
    /// A task that seems to have noticed a conflict, and the value with which it says so.
    pub(super) noticed: Option<(usize, String)>,
}

/// The serial order that differs least from a run.
pub(super) struct NearestOrder {
    pub(super) order: Vec<usize>,
    /// The changes from its state to that of the run.
    pub(super) changes: DatabaseChanges,
    /// The results of the order, if any task has another one in it.
    pub(super) other_outcomes: Option<Vec<Option<TaskOutcome>>>,
}

impl<'a> Diagnosis<'a> {
    pub(super) fn of(
        serial_runs: &mut SerialRuns<'_>,
        found: &'a FoundProblem,
        tried: Option<TriedRemedy>,
    ) -> Result<Diagnosis<'a>> {
        if found.problem != Problem::NoSerialOrder {
            return Ok(Diagnosis { found, anomaly: None, nearest: None, tried, noticed: None });
        }
        let nearest = nearest_order(serial_runs, &found.run)?;
        let same_state = nearest.as_ref().filter(|nearest| nearest.changes.is_empty());
        let anomaly = Some(anomaly(serial_runs, &found.run, same_state.map(|nearest| &*nearest.order))?);
        let noticed = noticed(serial_runs, &found.run)?;
        Ok(Diagnosis { found, anomaly, nearest, tried, noticed })
    }
}

/// Returns a task that was going to write, has written nothing, and returns another value than by itself, if the others did
/// their work as if it had not run: had it returned an error, nothing would be wrong. So does optimistic locking with `false`.
fn noticed(serial_runs: &mut SerialRuns<'_>, run: &Run) -> Result<Option<(usize, String)>> {
    let record = &run.schedule;
    for task in 0..serial_runs.tasks {
        let has_tried = record.events.iter().any(|event| event.task == task && event.took_write_lock);
        let Some(TaskOutcome::Returned(value)) = &run.outcomes[task] else { continue };
        if !has_tried || record.wrote & bit(task) != 0 {
            continue;
        }
        let alone = serial_runs.serial(&[task])?;
        if alone.schedule.wrote & bit(task) == 0 || alone.outcomes[task] == run.outcomes[task] {
            continue;
        }
        let rest: Vec<usize> = (0..serial_runs.tasks).filter(|other| *other != task).collect();
        for order in permutations(&rest) {
            let serial = serial_runs.serial(&order)?;
            if serial.state == run.state && rest.iter().all(|other| serial.outcomes[*other] == run.outcomes[*other]) {
                return Ok(Some((task, value.clone())));
            }
        }
    }
    Ok(None)
}

fn nearest_order(serial_runs: &mut SerialRuns<'_>, run: &Run) -> Result<Option<NearestOrder>> {
    let mut best: Option<((usize, usize), NearestOrder)> = None;
    for order in SerialRuns::candidates(run) {
        let serial = serial_runs.serial(&order)?;
        let changes = DatabaseChanges::between(&serial.database.look()?, &run.database.look()?);
        let other_outcomes = order.iter().filter(|task| serial.outcomes[**task] != run.outcomes[**task]).count();
        let distance = (changes.len(), other_outcomes);
        if best.as_ref().is_none_or(|(nearest, _)| distance < *nearest) {
            let other_outcomes = (other_outcomes > 0).then(|| serial.outcomes.clone());
            best = Some((distance, NearestOrder { order, changes, other_outcomes }));
        }
    }
    Ok(best.map(|(_, nearest)| nearest))
}
