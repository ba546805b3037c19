//! The locks of one task: whether it reads or writes, which lock it was refused, and whether waiting helps.
//!
//! Everything is read from the operations on the disk, which works for code that hides SQLite's errors and for code with
//! its own hooks. <https://www.sqlite.org/walformat.html#wal_locks> and
//! <https://www.sqlite.org/lockingv3.html> say what the locks are.

use rusqlite::ffi;

use crate::sim::Op;

/// The locks of the WAL-index: of the writer, of the checkpointer, and from index 3 on one for each snapshot in use.
const WRITER: usize = 0;
const CHECKPOINTER: usize = 1;
const READERS: usize = 3;
/// The lock on the file itself, as a bit beside the eight of the WAL-index.
const FILE: u16 = 1 << 15;

/// The refusal of a lock to a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LockRefusal {
    /// `SQLITE_BUSY` without a wait: the transaction has read, and another one is writing.
    Upgrade,
    /// `SQLITE_BUSY_SNAPSHOT` without a wait: another transaction has written since this one began to read.
    Snapshot,
    /// `SQLITE_BUSY` without a wait, where a connection with a timeout would have waited.
    NoTimeout,
    /// `SQLITE_BUSY` after the whole timeout.
    TimedOut,
}

/// A lock that a task waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct WantedLock {
    file: String,
    mask: u16,
}

/// The locks that a connection holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct HeldLocks {
    pub(super) reading: bool,
    pub(super) writing: bool,
}

/// The locks of one connection.
#[derive(Debug, Default)]
struct ConnectionLocks {
    by: usize,
    reading: bool,
    writing: bool,
    checkpointing: bool,
    /// True if it was reading before the running statement began.
    read_before: bool,
}

/// The locks that one task holds and waits for, on all its connections.
#[derive(Debug, Default)]
pub(super) struct TaskLocks {
    connections: Vec<ConnectionLocks>,
    /// True if the running statement has waited.
    slept: bool,
    wanted: Option<WantedLock>,
    /// The lock that this statement was refused, if it has not waited since.
    refused: Option<WantedLock>,
    /// The last refusal, until SQLite is seen to go on.
    pub(super) pending: Option<LockRefusal>,
    /// True if the running statement was refused a lock before it could ask for one.
    is_kept_out: bool,
    /// True if that lock is the one with which SQLite closes a database in WAL mode. Another connection goes on, and nothing fails.
    is_refused_to_close: bool,
    /// True if the operation before granted the write lock.
    just_granted: bool,
    /// The refusal after which no lock was granted, which explains an error of the task.
    pub(super) unsettled: Option<LockRefusal>,
    /// True if a snapshot in use held back a checkpoint that was not reported yet.
    pub(super) held_back: bool,
}

impl TaskLocks {
    /// Returns true if a connection of the task has a snapshot.
    pub(super) fn reading(&self) -> bool {
        self.connections.iter().any(|connection| connection.reading)
    }

    /// Returns true if a connection of the task may write.
    pub(super) fn writing(&self) -> bool {
        self.connections.iter().any(|connection| connection.writing)
    }

    /// Returns the locks that a connection holds.
    pub(super) fn held_by(&self, by: Option<usize>) -> HeldLocks {
        let connection = self.connections.iter().find(|connection| Some(connection.by) == by);
        connection.map_or_else(HeldLocks::default, |of| HeldLocks { reading: of.reading, writing: of.writing })
    }

    /// Notes that a connection is closed. Another one may have its file at the same address.
    pub(super) fn closes(&mut self, by: usize) {
        self.connections.retain(|connection| connection.by != by);
    }

    /// Returns the locks of a connection.
    fn of(&mut self, by: usize) -> &mut ConnectionLocks {
        let place = self.connections.iter().position(|connection| connection.by == by).unwrap_or_else(|| {
            self.connections.push(ConnectionLocks { by, ..ConnectionLocks::default() });
            self.connections.len() - 1
        });
        &mut self.connections[place]
    }

    /// Notes that a statement begins, and returns the refusal of the one before.
    pub(super) fn statement_starts(&mut self) -> Option<LockRefusal> {
        let refusal = self.settle();
        self.connections.iter_mut().for_each(|connection| connection.read_before = connection.reading);
        refusal
    }

    /// Notes that the statement or the task is over, and returns its refusal.
    pub(super) fn settle(&mut self) -> Option<LockRefusal> {
        self.slept = false;
        self.refused = None;
        self.just_granted = false;
        self.is_kept_out = false;
        let refusal = self.pending.take();
        self.unsettled = refusal.or(self.unsettled);
        refusal
    }

    /// Notes that a transaction could not begin, because another task has the write lock that it needs from the beginning.
    pub(super) fn cannot_begin(&mut self) {
        self.pending = Some(if self.slept { LockRefusal::TimedOut } else { LockRefusal::NoTimeout });
        self.is_kept_out = true;
    }

    /// Notes that the busy handler waits, so that the last refusal does not count.
    pub(super) fn sleeps(&mut self) {
        self.pending = None;
        self.refused = None;
        self.slept = true;
    }

    /// Returns true if the operation requests the lock again that was just refused, as after the app's own busy handler.
    pub(super) fn tries_again(&self, op: Op<'_>) -> bool {
        self.refused.is_some() && wanted(op) == self.refused
    }

    /// Notes an operation that is about to happen.
    pub(super) fn before(&mut self, op: Op<'_>) {
        match op {
            Op::ShmUnlock { by, first, count, exclusive, .. } => {
                let mask = mask(first, count);
                let just_granted = self.just_granted;
                let connection = self.of(by);
                // SQLite got the lock, compared the snapshot with the newest, and releases the lock.
                let is_outdated = mask & (1 << WRITER) != 0 && just_granted && connection.read_before;
                connection.writing &= mask & (1 << WRITER) == 0;
                connection.reading &= exclusive || mask >> READERS == 0;
                connection.checkpointing &= mask & (1 << CHECKPOINTER) == 0;
                if is_outdated {
                    self.pending = Some(LockRefusal::Snapshot);
                }
            }
            Op::Unlock { by, level, .. } => {
                let connection = self.of(by);
                connection.writing = false;
                connection.reading &= level >= ffi::SQLITE_LOCK_SHARED;
            }
            Op::Close { file, .. }
                if self.is_refused_to_close && self.refused.as_ref().is_some_and(|wanted| wanted.file == file) =>
            {
                (self.pending, self.refused) = (None, None);
            }
            Op::Sleep { .. } | Op::Lock { .. } | Op::ShmLock { .. } => return,
            _ => {}
        }
        self.just_granted = false;
    }

    /// Notes that a lock was granted or refused.
    pub(super) fn locked(&mut self, op: Op<'_>, granted: bool) {
        let Some(wanted) = wanted(op) else { return };
        let mask = wanted.mask;
        match op {
            Op::ShmLock { by, first, exclusive, .. } if granted => {
                self.just_granted = first == WRITER && exclusive;
                let just_granted = self.just_granted;
                let connection = self.of(by);
                connection.writing |= just_granted;
                connection.reading |= first >= READERS && !exclusive;
                connection.checkpointing |= first == CHECKPOINTER;
            }
            Op::Lock { by, level, .. } if granted => {
                let connection = self.of(by);
                connection.writing |= level >= ffi::SQLITE_LOCK_RESERVED;
                connection.reading = true;
            }
            // A checkpoint that cannot finish does not fail the statement.
            Op::ShmLock { by, first, exclusive, .. } if first != WRITER && exclusive => {
                let is_held_back = self.of(by).checkpointing && mask >> READERS != 0;
                self.held_back |= is_held_back;
                self.wanted = Some(wanted);
                return;
            }
            _ => {
                let (by, upgrade) = match op {
                    Op::ShmLock { by, first, .. } => (by, first == WRITER),
                    Op::Lock { by, level, .. } => (by, level == ffi::SQLITE_LOCK_RESERVED),
                    _ => return,
                };
                let connection = self.of(by);
                let upgrade = upgrade && connection.read_before && !connection.writing;
                let is_writing = connection.writing;
                self.is_refused_to_close =
                    matches!(op, Op::Lock { level: ffi::SQLITE_LOCK_EXCLUSIVE, .. }) && !is_writing;
                self.pending = Some(match (self.slept, upgrade) {
                    (true, _) => LockRefusal::TimedOut,
                    (false, true) => LockRefusal::Upgrade,
                    (false, false) => LockRefusal::NoTimeout,
                });
                self.refused = Some(wanted.clone());
                self.wanted = Some(wanted);
                return;
            }
        }
        if self.is_kept_out {
            return;
        }
        self.pending = None;
        // From here on, an error of the task has another cause.
        self.unsettled = None;
    }

    /// Returns true if a connection of the task holds a lock.
    pub(super) fn are_held(&self) -> bool {
        self.reading() || self.writing()
    }

    /// Returns true if an operation of another task releases the lock that this one waits for.
    pub(super) fn waits_for(&self, op: Op<'_>) -> bool {
        let Some(wanted) = &self.wanted else { return true };
        match op {
            Op::Unlock { file, .. } => wanted.mask & FILE != 0 && wanted.file == file,
            Op::ShmUnlock { file, first, count, .. } => wanted.mask & mask(first, count) != 0 && wanted.file == file,
            Op::Close { file, .. } => wanted.file == file,
            _ => false,
        }
    }
}

/// Returns true if the operation begins a checkpoint.
pub(super) fn is_checkpoint(op: Op<'_>) -> bool {
    matches!(op, Op::ShmLock { first: CHECKPOINTER, .. })
}

/// Returns true if the operation requests a lock to write.
pub(super) fn asks_to_write(op: Op<'_>) -> bool {
    is_of_writer(op) || matches!(op, Op::Lock { level: ffi::SQLITE_LOCK_RESERVED.., .. })
}

/// Returns true if the operation requests the write lock of a WAL.
pub(super) fn is_of_writer(op: Op<'_>) -> bool {
    matches!(op, Op::ShmLock { first: WRITER, .. })
}

/// Returns true if the operation only releases a snapshot of the WAL.
pub(super) fn is_end_of_read(op: Op<'_>) -> bool {
    matches!(op, Op::ShmUnlock { first: READERS.., exclusive: false, .. })
}

fn wanted(op: Op<'_>) -> Option<WantedLock> {
    match op {
        Op::Lock { file, .. } => Some(WantedLock { file: file.to_owned(), mask: FILE }),
        Op::ShmLock { file, first, count, .. } => Some(WantedLock { file: file.to_owned(), mask: mask(first, count) }),
        _ => None,
    }
}

fn mask(first: usize, count: usize) -> u16 {
    ((1 << count) - 1) << first
}
