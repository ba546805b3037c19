//! A log of all operations that change a disk's files, with the data, in order.
//!
//! It also records where a connection releases its write lock. At that point every commit is complete, in any journal
//! mode.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::gate::{Op, Refused, Watch};

/// Something that happened to the files of a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Write { file: Arc<str>, offset: u64, data: Arc<[u8]> },
    // Shortened to this length, or extended with zeroes.
    Truncate { file: Arc<str>, len: u64 },
    // `full` is true if the drive is asked to write it, and not only the operating system.
    Sync { file: Arc<str>, full: bool },
    // A sync that failed. The operating system takes what it could not write for written.
    FailedSync { file: Arc<str> },
    Delete { file: Arc<str>, sync_dir: bool },
    // A connection released its write lock: its transaction has ended.
    Released,
    // The app has told its user that it is done. `unfinished` is true if a transaction that has written was open.
    Acknowledged { unfinished: bool },
}

/// An event and the statement that was running, with its number, because one text may run many times.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) event: Event,
    pub(crate) statement: Option<(usize, Arc<str>)>,
}

type Running = dyn Fn() -> Option<(usize, Arc<str>)> + Send + Sync;

/// The watch that fills the log. Files without a name are temporary and are left out: no crash leaves them.
pub(crate) struct OpLog {
    running: Box<Running>,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    entries: Vec<Entry>,
    names: Vec<Arc<str>>,
    locks: WriteLocks,
}

/// The connections that hold a write lock. An unlock by any other connection, as it closes or was refused, ends no
/// transaction.
#[derive(Default)]
pub(crate) struct WriteLocks {
    held: Vec<usize>,
}

/// The lock of the WAL-index that a writer holds, see <https://www.sqlite.org/walformat.html#wal_locks>.
const WAL_WRITE: usize = 0;

impl WriteLocks {
    /// Updates the locks by an operation that is about to happen, and returns true if it releases one. A lock that is not
    /// granted counts as held until it is released, because SQLite releases it in either case.
    pub(crate) fn follow(&mut self, op: Op<'_>) -> bool {
        match op {
            // From RESERVED on, a connection intends to write.
            Op::Lock { by, level: 2.., .. } | Op::ShmLock { by, first: WAL_WRITE, exclusive: true, .. } => {
                if !self.held.contains(&by) {
                    self.held.push(by);
                }
                false
            }
            Op::Unlock { by, .. } | Op::ShmUnlock { by, first: WAL_WRITE, exclusive: true, .. } => {
                let place = self.held.iter().position(|holder| *holder == by);
                place.map(|place| self.held.swap_remove(place)).is_some()
            }
            _ => false,
        }
    }

    pub(crate) fn are_held(&self) -> bool {
        !self.held.is_empty()
    }
}

impl OpLog {
    /// `running` returns the statement that is running on the calling thread.
    pub(crate) fn new(running: impl Fn() -> Option<(usize, Arc<str>)> + Send + Sync + 'static) -> Arc<OpLog> {
        Arc::new(OpLog { running: Box::new(running), log: Mutex::default() })
    }

    /// Records that the app has told its user that it is done.
    pub(crate) fn acknowledge(&self) {
        let mut log = self.lock();
        let unfinished = log.locks.are_held();
        log.entries.push(Entry { event: Event::Acknowledged { unfinished }, statement: None });
    }

    /// Records that a sync fails.
    pub(crate) fn fail_sync(&self, file: &str) {
        let statement = (self.running)();
        let mut log = self.lock();
        let file = log.name(file);
        log.entries.push(Entry { event: Event::FailedSync { file }, statement });
    }

    /// The number of events.
    pub(crate) fn len(&self) -> usize {
        self.lock().entries.len()
    }

    pub(crate) fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut self.lock().entries)
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch for OpLog {
    fn before(&self, op: Op<'_>) -> Result<(), Refused> {
        let mut log = self.lock();
        let event = match op {
            Op::Write { file, offset, data } if !file.is_empty() => {
                Event::Write { file: log.name(file), offset, data: Arc::from(data) }
            }
            Op::Truncate { file, len } if !file.is_empty() => Event::Truncate { file: log.name(file), len },
            Op::Sync { file, full } if !file.is_empty() => Event::Sync { file: log.name(file), full },
            Op::Delete { file, sync_dir } => Event::Delete { file: log.name(file), sync_dir },
            _ if log.locks.follow(op) => Event::Released,
            _ => return Ok(()),
        };
        drop(log);
        // Called without the log's lock, because `running` takes locks of its own.
        let statement = (self.running)();
        self.lock().entries.push(Entry { event, statement });
        Ok(())
    }
}

impl Log {
    fn name(&mut self, file: &str) -> Arc<str> {
        if let Some(name) = self.names.iter().find(|name| ***name == *file) {
            return Arc::clone(name);
        }
        let name: Arc<str> = Arc::from(file);
        self.names.push(Arc::clone(&name));
        name
    }
}
