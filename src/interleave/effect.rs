//! The effects of the steps of a run, and which two steps may be exchanged.
//!
//! A transaction reads at its snapshot and writes at its commit. So what its statements read counts for the step that takes
//! the snapshot, and what they write for the step that releases the write lock. Steps between the two that touch no lock are
//! no other connection's business. Whatever is not understood depends on everything that touches a lock.

use super::footprint::{Footprints, Rows};
use super::run::{Event, ScheduleRecord};

use crate::order::SortedMap;

/// The lock that a step leaves changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LockChange {
    /// The step touches nothing that others see.
    #[default]
    Local,
    /// A statement that is a transaction of its own and only reads, or one that begins or ends a reading transaction.
    Reads {
        is_whole: bool,
    },
    /// A statement that is a transaction of its own and writes.
    WritesWhole,
    /// It takes or releases the write lock, or is refused it.
    WriteLock,
    Unknown,
}

/// The effect of a step on the steps of other tasks.
#[derive(Clone, Debug, Default)]
pub(super) struct Effect {
    lock: LockChange,
    /// True if readers and writers lock each other out, as without a WAL.
    excludes_readers: bool,
    reads: Rows,
    writes: Rows,
    /// True if even steps that touch nothing depend on each other: the tasks share memory.
    shares_memory: bool,
}

impl Effect {
    pub(super) fn depends_on(&self, other: &Effect) -> bool {
        use LockChange::{Local, Reads, Unknown, WriteLock, WritesWhole};
        if self.shares_memory {
            return true;
        }
        let keeps = |lock| !matches!(lock, Reads { is_whole: true } | WritesWhole);
        let excludes = self.excludes_readers || other.excludes_readers;
        match (self.lock, other.lock) {
            (Local, _) | (_, Local) => false,
            (Unknown, _) | (_, Unknown) => true,
            (Reads { .. }, Reads { .. }) => false,
            (one, other) if excludes && (keeps(one) || keeps(other)) => true,
            (WriteLock, WriteLock | WritesWhole) | (WritesWhole, WriteLock) => true,
            _ => {
                self.writes.overlap(&other.reads)
                    || self.writes.overlap(&other.writes)
                    || other.writes.overlap(&self.reads)
            }
        }
    }

    /// Returns true if the step writes what `other` reads.
    pub(super) fn writes_what_is_read_by(&self, other: &Effect) -> bool {
        self.writes.overlap(&other.reads)
    }

    pub(super) fn writes_rows(&self) -> bool {
        !self.writes.is_empty()
    }

    pub(super) fn reads_from(&self, table: &str) -> bool {
        self.reads.has_some_of(table)
    }

    pub(super) fn only_reads(&self) -> bool {
        self.writes.is_empty() && !self.reads.is_empty()
    }

    /// Takes in the effect of the same step in another run. It takes its place if the step was not run before.
    pub(super) fn merge(&mut self, other: &Effect, is_first: bool) {
        if is_first {
            *self = other.clone();
            return;
        }
        if self.lock != other.lock {
            self.lock = LockChange::Unknown;
        }
        self.excludes_readers |= other.excludes_readers;
        self.reads.add(&other.reads);
        self.writes.add(&other.writes);
    }
}

/// A step of a run with its effect.
pub(super) struct Step {
    pub(super) task: usize,
    /// The tasks that could go on, a bit each. None for a step that was made only because all tasks waited.
    pub(super) able: u8,
    /// The tasks that tried before it in vain and wait, a bit each.
    pub(super) blocked: u8,
    pub(super) effect: Effect,
}

/// The degree to which the effects of a run are relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caution {
    /// Steps depend on each other by the rows and locks that they touch.
    Rows,
    /// The same, also where they are known in part, as of a task that works on several connections at once: for a name, which
    /// leaves out no schedule.
    Names,
    /// All steps that touch a lock depend on each other, as those of a checkpoint do.
    Locks,
    /// All steps depend on each other.
    Everything,
}

/// Returns the steps of a run. A step that waits before it has done anything counts once it goes on.
pub(super) fn steps(record: &ScheduleRecord, footprints: &mut Footprints, caution: Caution) -> Vec<Step> {
    let text = |event: &Event| event.line.map(|line| record.lines[line].text.as_str());
    let caution = match caution {
        Caution::Names => Caution::Names,
        // The lock that the scheduler keeps is not in the effects.
        _ if record.kept_lock => Caution::Everything,
        Caution::Rows if record.runs_at_once => Caution::Locks,
        Caution::Rows if record.lines.iter().any(|line| footprints.of(&line.text).changes_meaning) => Caution::Locks,
        other => other,
    };
    let by_rows = matches!(caution, Caution::Rows | Caution::Names);
    let mut steps: Vec<Step> = Vec::new();
    let mut transactions: SortedMap<(usize, Option<usize>), Transaction> = SortedMap::new();
    let mut blocked = 0;
    for event in &record.events {
        if event.waits_for_nothing_done() {
            blocked |= super::choices::bit(event.task);
            continue;
        }
        let mut effect = Effect {
            lock: lock_change(event),
            excludes_readers: event.locks_file,
            shares_memory: caution == Caution::Everything,
            ..Effect::default()
        };
        if !by_rows && effect.lock != LockChange::Local {
            effect.lock = LockChange::Unknown;
        }
        let place = steps.len();
        let blocked = std::mem::take(&mut blocked);
        steps.push(Step { task: event.task, able: event.able, blocked, effect });
        if by_rows {
            let footprint = text(event).map(|text| footprints.of(text)).unwrap_or_default();
            let transaction = transactions.get_or_default((event.task, event.connection));
            transaction.step(&mut steps, place, event, (&footprint.reads, &footprint.writes));
        }
    }
    steps
}

fn lock_change(event: &Event) -> LockChange {
    let (from, to) = (event.from, event.to);
    if !event.touches {
        LockChange::Local
    } else if event.is_hidden || event.able == 0 || event.waits {
        LockChange::Unknown
    } else if event.is_refused || from.writing != to.writing || from.writing {
        LockChange::WriteLock
    } else if event.took_write_lock && !from.reading && !to.reading {
        LockChange::WritesWhole
    } else if event.took_write_lock {
        LockChange::WriteLock
    } else {
        LockChange::Reads { is_whole: !from.reading && !to.reading }
    }
}

/// The transaction of a connection, up to a step.
#[derive(Clone, Default)]
struct Transaction {
    /// The step that took the snapshot.
    snapshot: Option<usize>,
    writes: Rows,
}

impl Transaction {
    fn step(&mut self, steps: &mut [Step], place: usize, event: &Event, (reads, writes): (&Rows, &Rows)) {
        let snapshot = match self.snapshot {
            Some(snapshot) if event.from.reading => snapshot,
            _ => place,
        };
        steps[snapshot].effect.reads.add(reads);
        // A snapshot that is to be written on must be the newest, whoever has written what.
        let begins_to_write = event.took_write_lock || event.is_refused;
        if begins_to_write && event.from.reading && !event.from.writing {
            steps[snapshot].effect.reads = Rows::All;
        }
        self.writes.add(writes);
        if !event.to.writing {
            steps[place].effect.writes.add(&std::mem::take(&mut self.writes));
        }
        self.snapshot = event.to.reading.then_some(snapshot);
    }
}
