//! The kinds of faults, and one fault of a sweep.

use std::fmt;

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
    /// Another connection holds all locks from one on, for longer than any busy timeout.
    BusyFromThenOn,
    /// A statement is interrupted, as by `InterruptHandle::interrupt`.
    Interrupt,
    /// One of SQLite's allocations fails. Tried only with [`out_of_memory`](super::Sweep::out_of_memory).
    OutOfMemory,
    /// All allocations fail from one on. Tried only with [`out_of_memory`](super::Sweep::out_of_memory).
    OutOfMemoryFromThenOn,
}

impl Kind {
    pub(super) const ALL: [Kind; 9] = [
        Kind::Io,
        Kind::IoFromThenOn,
        Kind::Full,
        Kind::FullFromThenOn,
        Kind::Busy,
        Kind::BusyFromThenOn,
        Kind::Interrupt,
        Kind::OutOfMemory,
        Kind::OutOfMemoryFromThenOn,
    ];

    /// Returns the word for this kind in a token of `SQLITMUS_REPLAY`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Io => "io",
            Kind::IoFromThenOn => "io-on",
            Kind::Full => "full",
            Kind::FullFromThenOn => "full-on",
            Kind::Busy => "busy",
            Kind::BusyFromThenOn => "busy-on",
            Kind::Interrupt => "interrupt",
            Kind::OutOfMemory => "memory",
            Kind::OutOfMemoryFromThenOn => "memory-on",
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
        f.write_str(match self {
            Kind::Io => "an I/O error",
            Kind::IoFromThenOn => "a disk that fails from then on",
            Kind::Full => "a full disk",
            Kind::FullFromThenOn => "a disk that stays full",
            Kind::Busy => "a busy database",
            Kind::BusyFromThenOn => "a database that stays busy",
            Kind::Interrupt => "an interrupt",
            Kind::OutOfMemory => "a failed allocation",
            Kind::OutOfMemoryFromThenOn => "a lack of memory",
        })
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
        let kind = Kind::ALL.into_iter().find(|kind| kind.word() == word)?;
        let at = at.parse().ok().filter(|at| *at > 0)?;
        Some(Fault { kind, at })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{WORD}:{}:{}", self.kind.word(), self.at)
    }
}
