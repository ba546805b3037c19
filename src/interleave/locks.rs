//! What SQLite's locks mean for one task: whether it reads or writes, what it was refused, and whether waiting helps.
//!
//! Everything is told by the operations on the disk, so that it holds for code that hides SQLite's errors, and for code
//! that has hooks of its own. <https://www.sqlite.org/walformat.html#wal_locks> and
//! <https://www.sqlite.org/lockingv3.html> say what the locks are.

use rusqlite::ffi;

use crate::sim::Op;

/// The locks of the WAL-index: who writes, who checkpoints, and from here on one for each snapshot in use.
const WRITER: usize = 0;
const CHECKPOINTER: usize = 1;
const READERS: usize = 3;
/// The lock on the file itself, as a bit beside the eight of the WAL-index.
const FILE: u16 = 1 << 15;

/// How a statement ended that did not get its lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LockRefusal {
    /// `SQLITE_BUSY`, without a wait: the transaction has read, and another one is writing.
    Upgrade,
    /// `SQLITE_BUSY_SNAPSHOT`, without a wait: another one has written since the transaction began to read.
    Snapshot,
    /// `SQLITE_BUSY`, without a wait, where a connection with a timeout would have waited.
    NoTimeout,
    /// `SQLITE_BUSY` after the whole timeout.
    TimedOut,
}

/// A lock that somebody waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct WantedLock {
    file: String,
    mask: u16,
}

/// What one task holds and waits for.
#[derive(Debug, Default)]
pub(super) struct TaskLocks {
    reading: bool,
    writing: bool,
    checkpointing: bool,
    /// Whether it was reading already when the statement began that runs.
    read_before: bool,
    /// Whether the statement that runs has waited.
    slept: bool,
    wanted: Option<WantedLock>,
    /// What it was refused by this statement, if it has not waited since.
    refused: Option<WantedLock>,
    /// The last refusal, as long as nothing shows that SQLite goes on.
    pending: Option<LockRefusal>,
    /// The write lock was granted by the operation just before.
    just_granted: bool,
    /// The refusal after which no lock was granted any more: what an error of the task is about.
    unsettled: Option<LockRefusal>,
    /// A checkpoint met a snapshot that is in use.
    held_back: bool,
}

impl TaskLocks {
    /// A statement begins; the refusal is that of the one before.
    pub(super) fn statement_starts(&mut self) -> Option<LockRefusal> {
        let refusal = self.settle();
        self.read_before = self.reading;
        refusal
    }

    /// The statement is over, or the task is.
    pub(super) fn settle(&mut self) -> Option<LockRefusal> {
        self.slept = false;
        self.refused = None;
        self.just_granted = false;
        let refusal = self.pending.take();
        self.unsettled = refusal.or(self.unsettled);
        refusal
    }

    /// The refusal that the task ended with.
    pub(super) fn unsettled(&self) -> Option<LockRefusal> {
        self.unsettled
    }

    pub(super) fn is_reading(&self) -> bool {
        self.reading
    }

    pub(super) fn is_writing(&self) -> bool {
        self.writing
    }

    /// Whether a checkpoint of this task was held back, since this was last asked.
    pub(super) fn take_held_back(&mut self) -> bool {
        std::mem::take(&mut self.held_back)
    }

    /// SQLite calls the busy handler, which waits: the last refusal is none.
    pub(super) fn sleeps(&mut self) {
        self.pending = None;
        self.refused = None;
        self.slept = true;
    }

    /// Whether this asks again for the lock that was just refused: a busy handler of the app's own says that it is to be
    /// tried again.
    pub(super) fn tries_again(&self, op: Op<'_>) -> bool {
        self.refused.is_some() && wanted(op) == self.refused
    }

    /// An operation is about to happen.
    pub(super) fn before(&mut self, op: Op<'_>) {
        match op {
            Op::ShmUnlock { first, count, exclusive, .. } => {
                let mask = mask(first, count);
                if mask & (1 << WRITER) != 0 {
                    // SQLite has the lock, compares the snapshot with the newest, and gives the lock back.
                    if self.just_granted && self.read_before {
                        self.pending = Some(LockRefusal::Snapshot);
                    }
                    self.writing = false;
                }
                self.reading &= exclusive || mask >> READERS == 0;
                if mask & (1 << CHECKPOINTER) != 0 {
                    self.checkpointing = false;
                }
            }
            Op::Unlock { level, .. } => {
                self.writing = false;
                self.reading &= level >= ffi::SQLITE_LOCK_SHARED;
            }
            Op::Sleep { .. } | Op::Lock { .. } | Op::ShmLock { .. } => return,
            _ => {}
        }
        self.just_granted = false;
    }

    /// A lock was granted or refused.
    pub(super) fn locked(&mut self, op: Op<'_>, granted: bool) {
        let Some(wanted) = wanted(op) else { return };
        let mask = wanted.mask;
        match op {
            Op::ShmLock { first, exclusive, .. } if granted => {
                self.just_granted = first == WRITER && exclusive;
                self.writing |= self.just_granted;
                self.reading |= first >= READERS && !exclusive;
                self.checkpointing |= first == CHECKPOINTER;
            }
            Op::Lock { level, .. } if granted => {
                self.writing |= level >= ffi::SQLITE_LOCK_RESERVED;
                self.reading = true;
            }
            // A checkpoint that cannot finish is no error of the statement.
            Op::ShmLock { first, exclusive, .. } if first != WRITER && exclusive => {
                self.held_back |= self.checkpointing && mask >> READERS != 0;
                self.wanted = Some(wanted);
                return;
            }
            _ => {
                let upgrade = match op {
                    Op::ShmLock { first, .. } => first == WRITER,
                    Op::Lock { level, .. } => level == ffi::SQLITE_LOCK_RESERVED,
                    _ => false,
                };
                self.pending = Some(match (self.slept, upgrade && self.read_before && !self.writing) {
                    (true, _) => LockRefusal::TimedOut,
                    (false, true) => LockRefusal::Upgrade,
                    (false, false) => LockRefusal::NoTimeout,
                });
                self.refused = Some(wanted.clone());
                self.wanted = Some(wanted);
                return;
            }
        }
        self.pending = None;
        // What the task does from here on is something else than what it was refused.
        self.unsettled = None;
    }

    /// Whether an operation of another task gives back the lock that this one waits for.
    pub(super) fn waits_for(&self, op: Op<'_>) -> bool {
        let Some(wanted) = &self.wanted else { return true };
        match op {
            Op::Unlock { file, .. } => wanted.mask & FILE != 0 && wanted.file == file,
            Op::ShmUnlock { file, first, count, .. } => wanted.mask & mask(first, count) != 0 && wanted.file == file,
            Op::Close { file } => wanted.file == file,
            _ => false,
        }
    }
}

/// Whether the operation is the beginning of a checkpoint.
pub(super) fn is_checkpoint(op: Op<'_>) -> bool {
    matches!(op, Op::ShmLock { first: CHECKPOINTER, .. })
}

/// Whether the operation gives back a snapshot of the WAL, and nothing else.
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
