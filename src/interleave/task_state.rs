//! The state of one task while a schedule runs: its phase, its threads that wait for a turn, and its locks.

use std::time::Duration;

use rusqlite::ffi;

use super::connections::TaskConnections;
use super::locks::TaskLocks;
use super::run::EndedTask;
use crate::explore::AppThread;
use crate::order::Order as _;
use crate::sim::Op;

/// The state of one task.
#[derive(Default)]
pub(super) struct TaskState {
    pub(super) phase: Phase,
    pub(super) locks: TaskLocks,
    /// The number of running statements.
    pub(super) running: u32,
    /// True if the running statement has touched nothing that others see.
    pub(super) fresh: bool,
    /// The number of statements that it has run, and of those that touched something.
    pub(super) statements: u64,
    pub(super) touches: u64,
    /// The number of times in a row that it has read the same.
    pub(super) same_reads: u64,
    /// The number of refusals since another task released a lock that may have blocked it.
    pub(super) refused_attempts: u8,
    pub(super) line: Option<usize>,
    /// The number of transactions that it has begun.
    pub(super) transactions: u64,
    pub(super) connections: TaskConnections,
    /// The number of its operations after the run was aborted.
    pub(super) operations_after_abort: u32,
    /// The threads that have run something for it, the task's own first.
    threads: Vec<AppThread>,
    /// The connection that each of them used last, counted as they were opened.
    used: Vec<usize>,
    parked: Vec<Parked>,
    /// The thread that has the turn, if it is the task's.
    released: Option<usize>,
    /// True until that thread has woken up.
    is_waking: bool,
    /// True if it has returned, and waits until its connections are closed.
    pub(super) is_closing: bool,
    pub(super) ended: EndedTask,
}

/// A thread that waits for a turn of its task.
struct Parked {
    /// By its place among the task's threads.
    thread: usize,
    /// The time at which SQLite would try again.
    until: Option<Duration>,
    /// True as long as it may still pass its turn on itself.
    is_arriving: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// It does not take part.
    #[default]
    Absent,
    /// Its code has not begun.
    Waiting,
    Ready,
    /// SQLite would try again at this time.
    Asleep(Duration),
    /// It waits for something outside of SQLite that another task may end, such as a mutex.
    Outside,
    Done,
}

impl TaskState {
    /// Returns the place of this thread among those of the task.
    pub(super) fn this_thread(&mut self) -> usize {
        let here = AppThread::here();
        self.threads.iter().position(|thread| thread.is(&here)).unwrap_or_else(|| {
            self.threads.push(here);
            self.used.push(0);
            self.threads.len() - 1
        })
    }

    /// Returns true if more than one thread has run something for it.
    pub(super) fn has_threads(&self) -> bool {
        self.threads.len() > 1
    }

    /// Notes that this thread uses a connection.
    pub(super) fn uses(&mut self, connection: usize) {
        let thread = self.this_thread();
        self.used[thread] = connection;
    }

    /// Makes a thread wait for a turn, until SQLite would try again.
    pub(super) fn park(&mut self, thread: usize, until: Option<Duration>) {
        self.parked.push(Parked { thread, until, is_arriving: true });
        // By connection, not by arrival: two that arrive together have one order in each run.
        self.parked.order_by_key(|parked| (self.used[parked.thread], parked.thread));
        self.see_parked();
    }

    /// Gives the turn to the first of its threads that can go on.
    pub(super) fn release(&mut self) {
        let first = self.parked.iter().enumerate().min_by_key(|(_, parked)| (parked.until.is_some(), parked.until));
        let first = first.map(|(place, _)| place);
        self.released = first.map(|place| self.parked.remove(place).thread);
        self.is_waking = self.released.is_some();
        if !self.parked.is_empty() {
            self.see_parked();
        }
    }

    /// Returns true if a thread has the turn of the task, and notes that it is awake.
    pub(super) fn takes_turn(&mut self, thread: usize) -> bool {
        let has_turn = self.released == Some(thread);
        self.is_waking &= !has_turn;
        has_turn
    }

    pub(super) fn is_parked(&self, thread: usize) -> bool {
        self.parked.iter().any(|parked| parked.thread == thread)
    }

    /// Notes that a thread waits until it is given the turn.
    pub(super) fn has_arrived(&mut self, thread: usize) {
        let parked = self.parked.iter_mut().find(|parked| parked.thread == thread);
        parked.into_iter().for_each(|parked| parked.is_arriving = false);
    }

    /// Returns true if a thread waits until it is given the turn.
    pub(super) fn has_parked(&self) -> bool {
        self.parked.iter().any(|parked| !parked.is_arriving)
    }

    /// Wakes the threads that wait for the lock that an operation of another task releases, or all.
    pub(super) fn wake(&mut self, by: Option<Op<'_>>) {
        if matches!(self.phase, Phase::Asleep(_)) && by.is_none_or(|op| self.locks.waits_for(op)) {
            self.parked.iter_mut().for_each(|parked| parked.until = None);
            self.phase = Phase::Ready;
        }
    }

    /// Returns true for the locks of the file with which a connection is closed. Another one is open, which is the explorer's,
    /// so that nothing happens.
    pub(super) fn is_closed_by(&self, op: Op<'_>) -> bool {
        let locks = matches!(op, Op::Lock { level: ffi::SQLITE_LOCK_EXCLUSIVE, .. } | Op::Unlock { .. });
        locks && self.connections.open() > 0 && self.running == 0 && !self.locks.reading() && !self.locks.writing()
    }

    /// Counts a connection that it opens or closes itself.
    pub(super) fn counts_connection(&mut self, op: Op<'_>) {
        match op {
            Op::Open { by, .. } => self.connections.opens(by),
            Op::Close { by, .. } => {
                self.connections.closes(by);
                self.locks.closes(by);
            }
            _ => {}
        }
    }

    fn see_parked(&mut self) {
        let until = self.parked.iter().map(|parked| parked.until).min().flatten();
        self.phase = until.map_or(Phase::Ready, Phase::Asleep);
    }

    /// Returns the threads, other than `except`, that may be about to do something. `None` if one surely is.
    pub(super) fn running_threads(&self, except: Option<usize>) -> Option<Vec<AppThread>> {
        let is_running = |(place, _): &(usize, &AppThread)| Some(*place) != except && !self.is_parked(*place);
        let running = || self.threads.iter().enumerate().filter(is_running).map(|(_, thread)| thread.clone());
        (!self.is_waking).then(|| running().collect())
    }
}
