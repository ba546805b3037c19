//! The gate of a disk, which every operation passes on its way from SQLite to the bytes.
//!
//! A watch that is set here sees each operation before it happens and may refuse it with an SQLite error code. Logs,
//! faults and schedules are watches. Without one, passing costs one relaxed load.

use std::os::raw::c_int;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rusqlite::ffi;

/// An operation that SQLite asks of a disk. `file` is the name that it was opened by; it is empty for temporary files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op<'a> {
    // `by` identifies the connection that has the file open, if it is a database.
    Open { file: &'a str, by: usize },
    Close { file: &'a str, by: usize },
    Read { file: &'a str, offset: u64, len: usize },
    Write { file: &'a str, offset: u64, data: &'a [u8] },
    Truncate { file: &'a str, len: u64 },
    // `full` is true with `PRAGMA fullfsync`.
    Sync { file: &'a str, full: bool },
    // `sync_dir` is true if SQLite asks to sync the directory, so that the file cannot come back.
    Delete { file: &'a str, sync_dir: bool },
    Exists { file: &'a str },
    Lock { file: &'a str, by: usize, level: c_int },
    Unlock { file: &'a str, by: usize, level: c_int },
    ShmMap { file: &'a str, region: usize },
    // The locks `first..first + count` of the WAL-index.
    ShmLock { file: &'a str, by: usize, first: usize, count: usize, exclusive: bool },
    ShmUnlock { file: &'a str, by: usize, first: usize, count: usize, exclusive: bool },
    // A busy handler waits.
    Sleep { time: Duration },
}

impl<'a> Op<'a> {
    /// Returns the connection of an operation on locks.
    pub(crate) fn connection(self) -> Option<usize> {
        match self {
            Op::Lock { by, .. } | Op::Unlock { by, .. } | Op::ShmLock { by, .. } | Op::ShmUnlock { by, .. } => Some(by),
            _ => None,
        }
    }

    /// The operation that a call of `xShmLock` asks for.
    pub(super) fn shm_lock(file: &'a str, by: usize, first: c_int, count: c_int, flags: c_int) -> Self {
        let (first, count) = (first as usize, count as usize);
        let exclusive = flags & ffi::SQLITE_SHM_EXCLUSIVE != 0;
        match flags & ffi::SQLITE_SHM_UNLOCK {
            0 => Op::ShmLock { file, by, first, count, exclusive },
            _ => Op::ShmUnlock { file, by, first, count, exclusive },
        }
    }
}

/// Returns true if the flags of a call of `xSync` ask the drive to write.
pub(super) fn is_full(flags: c_int) -> bool {
    flags & 0x0f == ffi::SQLITE_SYNC_FULL
}

/// A watch or the disk refused an operation with this extended result code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) c_int);

/// Sees every operation of a disk before it happens, on the thread that asked for it.
pub(crate) trait Watch: Send + Sync {
    /// Lets the operation happen, or refuses it.
    fn before(&self, op: Op<'_>) -> Result<(), Refused>;

    /// Called after `Op::Lock` or `Op::ShmLock` was granted or not, which decides what SQLite does next.
    fn locked(&self, _op: Op<'_>, _granted: bool) {}
}

#[derive(Default)]
pub(crate) struct Gate {
    watched: AtomicBool,
    watch: RwLock<Option<Arc<dyn Watch>>>,
}

impl Gate {
    /// Shows an operation to the watch, if one is set. Every callback calls this first.
    #[inline]
    pub(super) fn pass(&self, op: Op<'_>) -> Result<(), Refused> {
        if self.watched.load(Ordering::Relaxed) { self.ask(op) } else { Ok(()) }
    }

    /// Tells the watch if a lock was granted.
    #[inline]
    pub(super) fn answered(&self, op: Op<'_>, granted: bool) {
        if self.watched.load(Ordering::Relaxed)
            && let Some(watch) = self.watch()
        {
            watch.locked(op, granted);
        }
    }

    #[cold]
    fn ask(&self, op: Op<'_>) -> Result<(), Refused> {
        self.watch().map_or(Ok(()), |watch| watch.before(op))
    }

    /// The `RwLock` is released before the watch runs: a watch may take long, or set another one.
    fn watch(&self) -> Option<Arc<dyn Watch>> {
        self.watch.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets or removes the watch and returns the one before.
    pub(crate) fn set(&self, watch: Option<Arc<dyn Watch>>) -> Option<Arc<dyn Watch>> {
        let mut place = self.watch.write().unwrap_or_else(PoisonError::into_inner);
        self.watched.store(watch.is_some(), Ordering::Relaxed);
        std::mem::replace(&mut place, watch)
    }
}
