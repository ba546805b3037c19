//! The one place that every operation of a disk passes, on its way from SQLite to the bytes.
//!
//! A watch that is set here sees each operation before it happens and may refuse it with an SQLite error code: logs,
//! faults and schedules are watches. Without one, passing costs one relaxed load.

use std::fmt;
use std::os::raw::c_int;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rusqlite::ffi;

/// What SQLite asks of a disk. `file` is the name under which it was opened; temporary files have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op<'a> {
    Open {
        file: &'a str,
    },
    Close {
        file: &'a str,
    },
    Read {
        file: &'a str,
        offset: u64,
        len: usize,
    },
    Write {
        file: &'a str,
        offset: u64,
        data: &'a [u8],
    },
    Truncate {
        file: &'a str,
        len: u64,
    },
    Sync {
        file: &'a str,
    },
    /// `sync_dir`: SQLite asked that the directory be synced, so that the file cannot come back.
    Delete {
        file: &'a str,
        sync_dir: bool,
    },
    Exists {
        file: &'a str,
    },
    /// `by` tells apart the connections that have the file open.
    Lock {
        file: &'a str,
        by: usize,
        level: c_int,
    },
    Unlock {
        file: &'a str,
        by: usize,
        level: c_int,
    },
    ShmMap {
        file: &'a str,
        region: usize,
    },
    /// Locks of the WAL-index, `first..first + count`.
    ShmLock {
        file: &'a str,
        by: usize,
        first: usize,
        count: usize,
        exclusive: bool,
    },
    ShmUnlock {
        file: &'a str,
        by: usize,
        first: usize,
        count: usize,
        exclusive: bool,
    },
    /// A busy handler that waits.
    Sleep {
        time: Duration,
    },
}

impl<'a> Op<'a> {
    /// What SQLite asks of `xShmLock`, by its flags.
    pub(super) fn shm_lock(file: &'a str, by: usize, first: c_int, count: c_int, flags: c_int) -> Self {
        let (first, count) = (first as usize, count as usize);
        let exclusive = flags & ffi::SQLITE_SHM_EXCLUSIVE != 0;
        match flags & ffi::SQLITE_SHM_UNLOCK {
            0 => Op::ShmLock { file, by, first, count, exclusive },
            _ => Op::ShmUnlock { file, by, first, count, exclusive },
        }
    }
}

/// An operation is refused with this extended result code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) c_int);

/// Sees every operation of a disk before it happens, on the thread that asked for it.
pub(crate) trait Watch: Send + Sync {
    /// Lets the operation happen, or refuses it.
    fn before(&self, op: Op<'_>) -> Result<(), Refused>;

    /// Hears whether a lock was granted, `Op::Lock` or `Op::ShmLock`. That decides what SQLite does next.
    fn locked(&self, _op: Op<'_>, _granted: bool) {}
}

#[derive(Default)]
pub(crate) struct Gate {
    watched: AtomicBool,
    watch: RwLock<Option<Arc<dyn Watch>>>,
}

impl Gate {
    /// What every callback calls first.
    #[inline]
    pub(super) fn pass(&self, op: Op<'_>) -> Result<(), Refused> {
        if self.watched.load(Ordering::Relaxed) { self.ask(op) } else { Ok(()) }
    }

    /// Tells the watch how the request for a lock was answered.
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

    /// The lock is released before the watch runs: a watch may take its time, or set another one.
    fn watch(&self) -> Option<Arc<dyn Watch>> {
        self.watch.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets the watch, or takes it away, and gives back the one before.
    pub(crate) fn set(&self, watch: Option<Arc<dyn Watch>>) -> Option<Arc<dyn Watch>> {
        let mut place = self.watch.write().unwrap_or_else(PoisonError::into_inner);
        self.watched.store(watch.is_some(), Ordering::Relaxed);
        std::mem::replace(&mut place, watch)
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("watched", &self.watched).finish()
    }
}
