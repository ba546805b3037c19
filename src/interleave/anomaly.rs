//! The anomaly of a run that no serial order gives, from what its tasks have read and written.
//!
//! The names are those of Adya's "Weak Consistency" (1999), for tasks in place of transactions: a cycle of "read before the other
//! wrote it" and "wrote after the other". A change is lost only if the rows show that it is.

use super::effect::{self, Caution, Step};
use super::footprint::Footprints;
use super::run::{Run, TaskOutcome};
use super::serial_runs::SerialRuns;
use crate::check::{Cell, ChangedRow, Changes, changes_between};
use crate::error::Result;
use crate::order::{SortedMap, SortedSet};

/// The kind of a result that no serial order gives.
pub(super) enum Anomaly {
    // The task failed, and the state is that of an order in which it did its work.
    NotRolledBack(usize),
    // The task failed, and no order gives this state.
    FailedWithOtherState(usize),
    // An order gives this state, and every task that returns something else changes rows: it may say what it did.
    SharedWork,
    // An order gives this state, and this task, which changes nothing, returns something else.
    ReadSkew { reader: usize },
    // The state is that of this task alone.
    LostUpdate { kept: usize },
    // Two tasks change the same row, which shows one of the changes.
    OverwrittenRow { one: usize, other: usize, table: String },
    // Each task changed other rows, after it had read what another one was going to change.
    WriteSkew,
    // This task wrote after another one had changed what it had read.
    StaleRead { reader: usize, writer: usize },
    Other,
}

/// Returns the anomaly of a run; `same_state` is the serial order that gives its state, if one does.
pub(super) fn anomaly(serial_runs: &mut SerialRuns<'_>, run: &Run, same_state: Option<&[usize]>) -> Result<Anomaly> {
    if let Some(task) = run.outcomes.iter().position(|outcome| matches!(outcome, Some(TaskOutcome::Failed(_)))) {
        return Ok(match same_state {
            Some(order) if order.contains(&task) => Anomaly::NotRolledBack(task),
            _ => Anomaly::FailedWithOtherState(task),
        });
    }
    let alone = Alone::of(serial_runs, run)?;
    let mut footprints = Footprints::new(serial_runs.base)?;
    let steps = effect::steps(&run.schedule, &mut footprints, Caution::Names);
    let Some(order) = same_state else {
        for task in 0..serial_runs.tasks {
            if serial_runs.serial(&[task])?.state == run.state {
                return Ok(Anomaly::LostUpdate { kept: task });
            }
        }
        // Where an order gives these rows, what is lost is in no row.
        let is_in_rows = !alone.serial.contains(&alone.run);
        let lost = is_in_rows.then(|| alone.lost_row(|_, _| true)).flatten().map(LostRow::named);
        return Ok(lost.or_else(|| stale(&steps, &alone)).unwrap_or(Anomaly::Other));
    };
    let differs =
        |task: usize, serial: &mut SerialRuns<'_>| Ok(serial.serial(order)?.outcomes[task] != run.outcomes[task]);
    for &task in order {
        if alone.changes[task].is_empty() && differs(task, serial_runs)? {
            return Ok(Anomaly::ReadSkew { reader: task });
        }
    }
    let is_believed = |task: usize| alone.outcomes[task] == run.outcomes[task];
    let lost = alone.lost_row(|one, other| is_believed(one) && is_believed(other));
    // The task whose change is there has seen the table before the other change.
    let is_read = |lost: &LostRow| {
        let sees = |step: &Step| step.effect.only_reads() && step.effect.reads_from(&lost.table);
        let seen = steps.iter().position(|step| step.task == lost.kept && sees(step));
        let writes = |seen: usize, step: &Step| {
            step.task == lost.lost && step.effect.writes_what_is_read_by(&steps[seen].effect)
        };
        seen.is_some_and(|seen| steps[seen..].iter().any(|step| writes(seen, step)))
    };
    if let Some(named) = lost.filter(is_read).map(LostRow::named).or_else(|| stale(&steps, &alone)) {
        return Ok(named);
    }
    let mut others = Vec::new();
    for &task in order {
        if differs(task, serial_runs)? {
            others.push(task);
        }
    }
    // A task that changes nothing here. Of those that share work, all return something else.
    if let [reader] = others[..] {
        let rest: Vec<usize> = order.iter().copied().filter(|task| *task != reader).collect();
        if serial_runs.serial(&rest)?.state == run.state {
            return Ok(Anomaly::ReadSkew { reader });
        }
    }
    Ok(Anomaly::SharedWork)
}

/// A row by its table and key, and what became of it.
type Rows = SortedMap<(String, Vec<Cell>), Option<Row>>;

/// The cells of a row, by their columns.
type Row = Vec<(String, Cell)>;

fn rows(changes: &Changes) -> Rows {
    let cells = |row: &ChangedRow| row.iter().map(|(name, value)| (name.to_owned(), Cell::of(value))).collect::<Row>();
    let mut rows = Rows::new();
    for table in changes.iter() {
        let mut add = |row: &ChangedRow, after| {
            // Rows without a key may be equal, so that they are counted.
            let key = |number| [row.key(), vec![Cell::Integer(number)]].concat();
            let number = (0..).find(|number| !rows.contains_key(&(table.name().to_owned(), key(*number))));
            rows.insert((table.name().to_owned(), key(number.unwrap_or(0))), after);
        };
        table.deleted().iter().for_each(|row| add(row, None));
        table.inserted().iter().for_each(|row| add(row, Some(cells(row))));
        table.updated().iter().for_each(|row| add(&row.before, Some(cells(&row.after))));
    }
    rows
}

/// The changes of each task by itself, and those of a run and of all serial orders.
struct Alone {
    changes: Vec<Rows>,
    outcomes: Vec<Option<TaskOutcome>>,
    run: Rows,
    serial: Vec<Rows>,
    /// The rows before the tasks ran, of those that one of them changes.
    before: Rows,
}

impl Alone {
    fn of(serial_runs: &mut SerialRuns<'_>, run: &Run) -> Result<Alone> {
        let base = serial_runs.base.fork().look()?;
        let mut before = Rows::new();
        let mut changes_of = |run: &Run| -> Result<Rows> {
            let changes = changes_between(&base, &run.database.look()?)?;
            let back = changes_between(&run.database.look()?, &base)?;
            before.extend(rows(&back));
            Ok(rows(&changes))
        };
        let (mut changes, mut outcomes, mut serial) = (Vec::new(), Vec::new(), Vec::new());
        for task in 0..serial_runs.tasks {
            let alone = serial_runs.serial(&[task])?;
            outcomes.push(alone.outcomes[task].clone());
            changes.push(changes_of(alone)?);
        }
        for order in serial_runs.orders() {
            serial.push(changes_of(serial_runs.serial(&order)?)?);
        }
        let run = changes_of(run)?;
        Ok(Alone { changes, outcomes, run, serial, before })
    }

    /// Returns a row that a task has changed, and that shows nothing of it because of another one.
    fn lost_row(&self, may_be: impl Fn(usize, usize) -> bool) -> Option<LostRow> {
        for (other, changes) in self.changes.iter().enumerate() {
            for (row, change) in changes {
                for one in (0..self.changes.len()).filter(|one| *one != other && may_be(*one, other)) {
                    if self.is_lost(row, change.as_ref(), one) {
                        return Some(LostRow { kept: one, lost: other, table: row.0.clone() });
                    }
                }
            }
        }
        None
    }

    /// Returns true if a change of a row is not there any more, but what `one` makes of it.
    fn is_lost(&self, key: &(String, Vec<Cell>), change: Option<&Row>, one: usize) -> bool {
        let there = self.run.get(key).or(self.before.get(key)).and_then(Option::as_ref);
        let Some(change) = change else { return false };
        let Some(there) = there else {
            // As many new rows as both make, with other values in them: none is gone.
            let new = |rows| self.new_rows(rows, &key.0);
            let is_new = self.before.get(key).is_none_or(Option::is_none);
            return !is_new || new(&self.run) < self.changes.iter().map(new).sum();
        };
        let Some(Some(own)) = self.changes[one].get(key) else { return false };
        // Two new rows with the same id are two rows, if both are there.
        let was_there = self.before.get(key).and_then(Option::as_ref);
        if was_there.is_none() && self.new_rows(&self.run, &key.0) > self.new_rows(&self.changes[one], &key.0) {
            return false;
        }
        // A value that an order gives too is not lost, unless all of the state is that of an order.
        let is_lost = |of: &dyn Fn(&Row) -> bool| {
            let has = |rows: &Rows| rows.get(key).and_then(Option::as_ref).is_some_and(of);
            self.serial.contains(&self.run) || !self.serial.iter().any(has)
        };
        let is_changed = |row: &Row, cell: &(String, Cell)| {
            let old = was_there.and_then(|old| old.iter().find(|(name, _)| *name == cell.0));
            row.iter().any(|now| now.0 == cell.0 && Some(now) != old)
        };
        let both = there.iter().filter(|cell| is_changed(own, cell) && is_changed(change, cell));
        let mut of_own = both.filter(|cell| own.contains(cell));
        (there == own && is_lost(&|row| row == own)) || of_own.any(|cell| is_lost(&|row| row.contains(cell)))
    }

    fn new_rows(&self, rows: &Rows, table: &str) -> usize {
        let is_new = |key: &(String, Vec<Cell>)| self.before.get(key).is_none_or(Option::is_none);
        rows.iter().filter(|(key, row)| key.0 == table && row.is_some() && is_new(key)).count()
    }

    /// Returns true if no row is changed by two tasks. New rows with the same id are different rows.
    fn are_apart(&self) -> bool {
        let is_old = |key: &(String, Vec<Cell>)| self.before.get(key).is_some_and(Option::is_some);
        let mut seen = SortedSet::new();
        self.changes.iter().flat_map(Rows::keys).filter(|key| is_old(key)).all(|key| seen.insert(key))
    }
}

/// A row whose change by one task is gone because of the change by another.
struct LostRow {
    kept: usize,
    lost: usize,
    table: String,
}

impl LostRow {
    fn named(self) -> Anomaly {
        let LostRow { kept, lost, table } = self;
        Anomaly::OverwrittenRow { one: kept.min(lost), other: kept.max(lost), table }
    }
}

/// Returns write skew or a stale read, if a task has read what another one wrote before it wrote itself.
fn stale(steps: &[Step], alone: &Alone) -> Option<Anomaly> {
    // The place at which a task has written what another one had read.
    let overtaken = |reader: usize, writer: usize| {
        let mut reads = steps.iter().enumerate().filter(|(_, step)| step.task == reader && step.effect.only_reads());
        reads.find_map(|(place, read)| {
            let writes = |step: &Step| step.task == writer && step.effect.writes_what_is_read_by(&read.effect);
            steps[place..].iter().position(writes).map(|after| place + after)
        })
    };
    let tasks = alone.changes.len();
    let others = |one: usize| (0..tasks).filter(move |other| *other != one);
    let pairs = || (0..tasks).flat_map(|one| others(one).map(move |other| (one, other)));
    let writes = |task: usize| !alone.changes[task].is_empty();
    let is_skew = |(one, other)| {
        writes(one) && writes(other) && overtaken(one, other).is_some() && overtaken(other, one).is_some()
    };
    if alone.are_apart() && pairs().any(is_skew) {
        return Some(Anomaly::WriteSkew);
    }
    let writes_later = |(reader, writer): &(usize, usize)| {
        let place = overtaken(*reader, *writer);
        place.is_some_and(|place| steps[place..].iter().any(|step| step.task == *reader && step.effect.writes_rows()))
    };
    pairs().find(writes_later).map(|(reader, writer)| Anomaly::StaleRead { reader, writer })
}
