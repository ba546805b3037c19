//! The diagnosis of a schedule: its anomaly, the nearest serial order, and the differences between the two, as values.

use super::anomaly::{Anomaly, anomaly};
use super::problem::{FoundProblem, Problem};
use super::remedy::TriedRemedy;
use super::run::{Run, TaskOutcome};
use super::serial_runs::SerialRuns;
use crate::check::{Changes, TableChanges, changes_between};
use crate::error::Result;

/// Everything that a failure shows.
pub(super) struct Diagnosis<'a> {
    pub(super) found: &'a FoundProblem,
    /// The anomaly of a run that no serial order gives.
    pub(super) anomaly: Option<Anomaly>,
    pub(super) nearest: Option<NearestOrder>,
    pub(super) tried: Option<TriedRemedy>,
}

/// The serial order that differs least from a run.
pub(super) struct NearestOrder {
    pub(super) order: Vec<usize>,
    /// The changes from its state to that of the run.
    pub(super) changes: Changes,
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
            return Ok(Diagnosis { found, anomaly: None, nearest: None, tried });
        }
        let nearest = nearest_order(serial_runs, &found.run)?;
        let same_state = nearest.as_ref().filter(|nearest| nearest.changes.is_empty());
        let anomaly = Some(anomaly(serial_runs, &found.run, same_state.map(|nearest| &*nearest.order))?);
        Ok(Diagnosis { found, anomaly, nearest, tried })
    }
}

fn nearest_order(serial_runs: &mut SerialRuns<'_>, run: &Run) -> Result<Option<NearestOrder>> {
    let mut best: Option<((usize, usize), NearestOrder)> = None;
    for order in SerialRuns::candidates(run) {
        let serial = serial_runs.serial(&order)?;
        let changes = changes_between(&serial.database.look()?, &run.database.look()?)?;
        let other_outcomes = order.iter().filter(|task| serial.outcomes[**task] != run.outcomes[**task]).count();
        let distance = (changes.iter().map(changed_rows).sum(), other_outcomes);
        if best.as_ref().is_none_or(|(nearest, _)| distance < *nearest) {
            let other_outcomes = (other_outcomes > 0).then(|| serial.outcomes.clone());
            best = Some((distance, NearestOrder { order, changes, other_outcomes }));
        }
    }
    Ok(best.map(|(_, nearest)| nearest))
}

fn changed_rows(table: &TableChanges) -> usize {
    table.inserted().len() + table.updated().len() + table.deleted().len()
}
