//! The kinds of faults, and the operations on files that each of them makes fail.

use std::fmt;
use std::os::raw::c_int;

use rusqlite::ffi;

use crate::sim::Op;

/// The word with which the token of a fault begins.
pub(super) const WORD: &str = "fault";

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// One operation on a file fails: a read, a write, a sync.
    Io,
    /// All operations fail from one on: the disk is gone.
    IoFromThenOn,
    /// One write finds the disk full.
    Full,
    /// The disk is full from one write on: every write that makes a file longer fails.
    FullFromThenOn,
    /// Another connection holds a lock once. With a busy timeout, SQLite tries again.
    Busy,
    /// Another connection holds a lock until SQLite has given up: the busy timeout runs out, and the next try succeeds.
    BusyTimeout,
    /// Another connection holds all locks from one on, for longer than any busy timeout. Code that tries again without an end
    /// gets them after ten tries.
    BusyFromThenOn,
    /// A statement is interrupted, as by `InterruptHandle::interrupt`.
    Interrupt,
    /// The action's future is dropped while a statement runs, as by a timeout or a client that hangs up. Only of an action that
    /// is async: [`sweep_with`](super::sweep_with).
    Cancel,
    /// One of SQLite's allocations fails. Tried only with [`out_of_memory`](super::Sweep::out_of_memory).
    OutOfMemory,
    /// All allocations fail from one on. Tried only with [`out_of_memory`](super::Sweep::out_of_memory).
    OutOfMemoryFromThenOn,
}

impl Kind {
    pub(super) const ALL: [Kind; 11] = [
        Kind::Io,
        Kind::IoFromThenOn,
        Kind::Full,
        Kind::FullFromThenOn,
        Kind::Busy,
        Kind::BusyTimeout,
        Kind::BusyFromThenOn,
        Kind::Interrupt,
        Kind::Cancel,
        Kind::OutOfMemory,
        Kind::OutOfMemoryFromThenOn,
    ];

    /// Returns the word for this kind in a token of `SQLITMUS_REPLAY`, and its name in a report.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Kind::Io => ("io", "an I/O error"),
            Kind::IoFromThenOn => ("io-on", "a disk that fails from then on"),
            Kind::Full => ("full", "a full disk"),
            Kind::FullFromThenOn => ("full-on", "a disk that stays full"),
            Kind::Busy => ("busy", "a busy database"),
            Kind::BusyTimeout => ("busy-timeout", "a busy timeout that runs out"),
            Kind::BusyFromThenOn => ("busy-on", "a database that stays busy"),
            Kind::Interrupt => ("interrupt", "an interrupt"),
            Kind::Cancel => ("cancel", "a cancelled future"),
            Kind::OutOfMemory => ("memory", "a failed allocation"),
            Kind::OutOfMemoryFromThenOn => ("memory-on", "a lack of memory"),
        }
    }

    pub(super) fn is_of_memory(self) -> bool {
        matches!(self, Kind::OutOfMemory | Kind::OutOfMemoryFromThenOn)
    }

    pub(super) fn goes_on(self) -> bool {
        matches!(self, Kind::IoFromThenOn | Kind::FullFromThenOn | Kind::BusyFromThenOn | Kind::OutOfMemoryFromThenOn)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words().1)
    }
}

/// A kind of fault, and the number of the place at which it happens, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    pub(super) at: u64,
}

impl Fault {
    /// Reads what a failure has printed, without the word in front.
    pub(super) fn parse(text: &str) -> Option<Fault> {
        let (word, at) = text.split_once(':')?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.words().0 == word)?;
        let at = at.parse().ok().filter(|at| *at > 0)?;
        Some(Fault { kind, at })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{WORD}:{}:{}", self.kind.words().0, self.at)
    }
}

/// Returns the code with which this kind of fault makes an operation fail, if it can.
pub(super) fn code(kind: Kind, op: Op<'_>, grows: bool) -> Option<c_int> {
    match kind {
        Kind::Io | Kind::IoFromThenOn => match op {
            Op::Open { .. } => Some(ffi::SQLITE_CANTOPEN),
            Op::Read { .. } => Some(ffi::SQLITE_IOERR_READ),
            Op::Write { .. } => Some(ffi::SQLITE_IOERR_WRITE),
            Op::Truncate { .. } => Some(ffi::SQLITE_IOERR_TRUNCATE),
            Op::Sync { .. } => Some(ffi::SQLITE_IOERR_FSYNC),
            Op::Delete { .. } => Some(ffi::SQLITE_IOERR_DELETE),
            Op::Exists { .. } => Some(ffi::SQLITE_IOERR_ACCESS),
            Op::ShmMap { .. } => Some(ffi::SQLITE_IOERR_SHMMAP),
            _ => None,
        },
        Kind::Full => matches!(op, Op::Write { .. }).then_some(ffi::SQLITE_FULL),
        Kind::FullFromThenOn => grows.then_some(ffi::SQLITE_FULL),
        // Nobody holds the locks of a WAL's readers against them for long.
        Kind::Busy | Kind::BusyTimeout | Kind::BusyFromThenOn => {
            matches!(op, Op::Lock { .. } | Op::ShmLock { exclusive: true, .. }).then_some(ffi::SQLITE_BUSY)
        }
        Kind::Interrupt | Kind::Cancel | Kind::OutOfMemory | Kind::OutOfMemoryFromThenOn => None,
    }
}

/// Returns an operation as a report shows it.
pub(super) fn shown(op: Op<'_>) -> String {
    let named = |file: &str| if file.is_empty() { String::from("a temporary file") } else { file.to_owned() };
    match op {
        Op::Open { file, .. } => format!("open {}", named(file)),
        Op::Read { file, offset, len } => format!("read {} at {offset}, {len} bytes", named(file)),
        Op::Write { file, offset, data } => format!("write {} at {offset}, {} bytes", named(file), data.len()),
        Op::Truncate { file, len } => format!("resize {} to {len} bytes", named(file)),
        Op::Sync { file, .. } => format!("sync {}", named(file)),
        Op::Delete { file, .. } => format!("delete {}", named(file)),
        Op::Exists { file } => format!("check for {}", named(file)),
        Op::ShmMap { file, .. } => format!("map the WAL-index of {}", named(file)),
        Op::Lock { file, .. } | Op::ShmLock { file, .. } => format!("lock {}", named(file)),
        Op::Close { file, .. } | Op::Unlock { file, .. } | Op::ShmUnlock { file, .. } => {
            format!("close {}", named(file))
        }
        Op::Sleep { .. } => String::from("sleep"),
    }
}
