//! The diagnosis of a schedule: its anomaly, the nearest serial order, and the differences between the two, as values.

use std::collections::BTreeSet;

use super::problem::{FoundProblem, Problem};
use super::run::{Run, TaskOutcome, TriedRemedy};
use super::serial_runs::SerialRuns;
use crate::check::{Cell, ChangedRow, Changes, TableChanges, changes_between};
use crate::error::Result;

/// Everything that a failure shows.
pub(super) struct Diagnosis<'a> {
    pub(super) found: &'a FoundProblem,
    /// The anomaly of a run that no serial order gives.
    pub(super) anomaly: Option<Anomaly>,
    pub(super) nearest: Option<NearestOrder>,
    pub(super) tried: Option<TriedRemedy>,
}

/// The kind of a result that no serial order gives, as far as the state shows it.
pub(super) enum Anomaly {
    // The task failed, and the state is that of an order in which it did its work.
    NotRolledBack(usize),
    // The task failed, and no order gives this state.
    FailedWithOtherState(usize),
    // An order gives this state, and every task that returns something else changes rows: it may say what it did.
    SharedWork,
    // An order gives this state, and a task that changes nothing returns something else.
    InconsistentRead,
    // The state is that of this task alone.
    LostUpdate { kept: usize },
    // Two tasks change the same row, which shows one of the changes.
    OverwrittenRow { one: usize, other: usize, table: String },
    // Each task changed the rows that it changes alone, and these are all changes.
    WriteSkew,
    Other,
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
        let anomaly = Some(anomaly(serial_runs, &found.run, nearest.as_ref())?);
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

fn anomaly(serial_runs: &mut SerialRuns<'_>, run: &Run, nearest: Option<&NearestOrder>) -> Result<Anomaly> {
    let same_state = nearest.filter(|nearest| nearest.changes.is_empty());
    if let Some(task) = run.outcomes.iter().position(|outcome| matches!(outcome, Some(TaskOutcome::Failed(_)))) {
        return Ok(match same_state {
            Some(nearest) if nearest.order.contains(&task) => Anomaly::NotRolledBack(task),
            _ => Anomaly::FailedWithOtherState(task),
        });
    }
    if let Some(nearest) = same_state {
        return is_shared_work(serial_runs, run, &nearest.order)
            .map(|shared| if shared { Anomaly::SharedWork } else { Anomaly::InconsistentRead });
    }
    let before = serial_runs.base.look()?;
    let changes_of = |run: &Run| Ok(row_changes(&changes_between(&before, &run.database.look()?)?));
    let all = changes_of(run)?;
    let mut by_task = Vec::new();
    for task in 0..serial_runs.tasks {
        let alone = serial_runs.serial(&[task])?;
        if alone.digest == run.digest {
            return Ok(Anomaly::LostUpdate { kept: task });
        }
        by_task.push(changes_of(alone)?);
    }
    if let Some(overwritten) = overwritten_row(&by_task, &all) {
        return Ok(overwritten);
    }
    let apart: BTreeSet<&RowChange> = by_task.iter().flatten().collect();
    let are_apart = apart.len() == by_task.iter().map(BTreeSet::len).sum::<usize>();
    Ok(if are_apart && !all.is_empty() && apart.into_iter().eq(&all) { Anomaly::WriteSkew } else { Anomaly::Other })
}

/// Returns true if each task that returns something else than in `order` changes rows itself: it may say what it did.
fn is_shared_work(serial_runs: &mut SerialRuns<'_>, run: &Run, order: &[usize]) -> Result<bool> {
    let before = serial_runs.base.look()?;
    for &task in order {
        let returns_another = serial_runs.serial(order)?.outcomes[task] != run.outcomes[task];
        if returns_another && changes_between(&before, &serial_runs.serial(&[task])?.database.look()?)?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The cells of a row, by their columns.
type Row = Vec<(String, Cell)>;

/// A changed row: inserted, updated or deleted.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct RowChange {
    table: String,
    before: Option<Row>,
    after: Option<Row>,
}

impl RowChange {
    /// Returns the row as it was, if it was updated.
    fn updated(&self) -> Option<(&str, &Row)> {
        self.after.as_ref().and(self.before.as_ref()).map(|before| (self.table.as_str(), before))
    }
}

fn row_changes(changes: &Changes) -> BTreeSet<RowChange> {
    let row = |row: &ChangedRow| row.iter().map(|(name, value)| (name.to_owned(), Cell::of(value))).collect::<Row>();
    let mut found = BTreeSet::new();
    for table in changes.iter() {
        let change = |before, after| RowChange { table: table.name().to_owned(), before, after };
        found.extend(table.inserted().iter().map(|after| change(None, Some(row(after)))));
        found.extend(table.updated().iter().map(|update| change(Some(row(&update.before)), Some(row(&update.after)))));
        found.extend(table.deleted().iter().map(|before| change(Some(row(before)), None)));
    }
    found
}

/// Returns two tasks that each update the same row alone, if `all` shows the update of one of them.
fn overwritten_row(by_task: &[BTreeSet<RowChange>], all: &BTreeSet<RowChange>) -> Option<Anomaly> {
    let updated: Vec<BTreeSet<_>> =
        by_task.iter().map(|changes| changes.iter().filter_map(RowChange::updated).collect()).collect();
    for (one, changes) in by_task.iter().enumerate() {
        for row in changes.intersection(all).filter_map(RowChange::updated) {
            let other = updated.iter().enumerate().position(|(task, rows)| task != one && rows.contains(&row));
            if let Some(other) = other {
                let table = row.0.to_owned();
                return Some(Anomaly::OverwrittenRow { one: one.min(other), other: one.max(other), table });
            }
        }
    }
    None
}
