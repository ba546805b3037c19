//! A log of all that happens to a disk's files, with the data, in order.
//!
//! Besides the operations that change files it notes where a connection gives up its write lock: there what was committed
//! is whole, whatever the journal mode.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::gate::{Op, Refused, Watch};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Write {
        file: Arc<str>,
        offset: u64,
        data: Arc<[u8]>,
    },
    /// Cut to this length, or made longer with zeroes.
    Truncate {
        file: Arc<str>,
        len: u64,
    },
    Sync {
        file: Arc<str>,
    },
    Delete {
        file: Arc<str>,
        sync_dir: bool,
    },
    /// A connection gives up its write lock: its transaction has ended.
    Released,
    /// The app has told its user of what it did; `unfinished` when a transaction that has written was open.
    Acknowledged {
        unfinished: bool,
    },
}

/// An event, and the statement that was running, with its number: one text may run many times.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) event: Event,
    pub(crate) statement: Option<(usize, Arc<str>)>,
}

type Running = dyn Fn() -> Option<(usize, Arc<str>)> + Send + Sync;

/// The watch that fills the log. Files without a name are temporary and survive nothing; they are left out.
pub(crate) struct OpLog {
    running: Box<Running>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: Vec<Entry>,
    names: Vec<Arc<str>>,
    locks: WriteLocks,
}

/// The connections that hold a write lock. What another one unlocks as it closes, or is refused, ends no transaction.
#[derive(Default)]
pub(crate) struct WriteLocks {
    held: Vec<usize>,
}

/// What an operation does to a write lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Taken,
    Released,
}

/// The lock of the WAL-index that a writer holds, see <https://www.sqlite.org/walformat.html#wal_locks>.
const WAL_WRITE: usize = 0;

impl WriteLocks {
    /// Follows an operation that is about to happen. A lock that is not granted counts as held until it is given up, which
    /// SQLite does in either case.
    pub(crate) fn follow(&mut self, op: Op<'_>) -> Option<Turn> {
        match op {
            // From RESERVED on a connection means to write.
            Op::Lock { by, level: 2.., .. } | Op::ShmLock { by, first: WAL_WRITE, exclusive: true, .. } => {
                if !self.held.contains(&by) {
                    self.held.push(by);
                }
                Some(Turn::Taken)
            }
            Op::Unlock { by, .. } | Op::ShmUnlock { by, first: WAL_WRITE, exclusive: true, .. } => {
                let place = self.held.iter().position(|holder| *holder == by)?;
                self.held.swap_remove(place);
                Some(Turn::Released)
            }
            _ => None,
        }
    }

    pub(crate) fn are_held(&self) -> bool {
        !self.held.is_empty()
    }
}

impl OpLog {
    /// `running` tells the statement that is running on the thread that asks.
    pub(crate) fn new(running: impl Fn() -> Option<(usize, Arc<str>)> + Send + Sync + 'static) -> Arc<OpLog> {
        Arc::new(OpLog { running: Box::new(running), state: Mutex::default() })
    }

    /// Notes that the app has told its user of what it did so far.
    pub(crate) fn acknowledge(&self) {
        let mut state = self.lock();
        let unfinished = state.locks.are_held();
        state.entries.push(Entry { event: Event::Acknowledged { unfinished }, statement: None });
    }

    /// How many events there are.
    pub(crate) fn len(&self) -> usize {
        self.lock().entries.len()
    }

    pub(crate) fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut self.lock().entries)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch for OpLog {
    fn before(&self, op: Op<'_>) -> Result<(), Refused> {
        let mut state = self.lock();
        let event = match op {
            Op::Write { file, offset, data } if !file.is_empty() => {
                Event::Write { file: state.name(file), offset, data: Arc::from(data) }
            }
            Op::Truncate { file, len } if !file.is_empty() => Event::Truncate { file: state.name(file), len },
            Op::Sync { file } if !file.is_empty() => Event::Sync { file: state.name(file) },
            Op::Delete { file, sync_dir } => Event::Delete { file: state.name(file), sync_dir },
            _ => match state.locks.follow(op) {
                Some(Turn::Released) => Event::Released,
                Some(Turn::Taken) | None => return Ok(()),
            },
        };
        drop(state);
        // Asked without the log's lock: whoever knows has locks of its own.
        let statement = (self.running)();
        self.lock().entries.push(Entry { event, statement });
        Ok(())
    }
}

impl State {
    fn name(&mut self, file: &str) -> Arc<str> {
        if let Some(name) = self.names.iter().find(|name| ***name == *file) {
            return Arc::clone(name);
        }
        let name: Arc<str> = Arc::from(file);
        self.names.push(Arc::clone(&name));
        name
    }
}
