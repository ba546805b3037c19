//! The changes of the tasks that may help, and how each is tried.

use super::choices::bit;

/// A change that may help, tried on the tasks without changing their code. A number has the tasks that write nothing, a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    None,
    /// Transactions that do not say how they begin, begin IMMEDIATE.
    Immediate,
    /// Everything that each of these tasks does is one transaction. It begins DEFERRED, so that it makes no writer wait in a WAL.
    ReadTransaction(u8),
    /// The same for tasks that begin transactions of their own or open their connections: the scheduler lets nobody write
    /// meanwhile.
    WiderReadTransaction(u8),
    /// Everything that a task does is one transaction that begins IMMEDIATE, or DEFERRED if it is one of these tasks.
    OneTransaction(u8),
    /// The same for tasks that begin transactions of their own: the scheduler keeps the write lock for them.
    WiderTransaction(u8),
}

/// A remedy with which all of so many schedules were fine.
pub(super) struct TriedRemedy {
    pub(super) remedy: Remedy,
    /// True if connections have to wait for locks, too.
    pub(super) with_timeout: bool,
    pub(super) schedules: u64,
}

impl Remedy {
    /// Returns true if it can be tried where these tasks, a bit each, open their connections themselves.
    pub(super) fn fits(self, without_given: u8) -> bool {
        match self {
            Remedy::OneTransaction(_) => without_given == 0,
            Remedy::ReadTransaction(readers) => readers & without_given == 0,
            _ => true,
        }
    }

    /// Returns the statement that begins a transaction around all that a task does, if the remedy is tried in that way.
    pub(super) fn begin_around(self, task: usize) -> Option<&'static str> {
        match self {
            Remedy::ReadTransaction(readers) => (readers & bit(task) != 0).then_some("BEGIN"),
            Remedy::OneTransaction(readers) => Some(if readers & bit(task) != 0 { "BEGIN" } else { "BEGIN IMMEDIATE" }),
            _ => None,
        }
    }

    /// Returns the tasks that write nothing, a bit each, where the remedy treats them in another way.
    pub(super) fn readers(self) -> u8 {
        match self {
            Remedy::None | Remedy::Immediate => 0,
            Remedy::ReadTransaction(readers)
            | Remedy::WiderReadTransaction(readers)
            | Remedy::OneTransaction(readers)
            | Remedy::WiderTransaction(readers) => readers,
        }
    }

    /// Returns true if it may be tried once more with connections that wait for locks. Without a WAL, a reader makes them wait;
    /// where the scheduler does, it says nothing about the app.
    pub(super) fn may_need_timeout(self) -> bool {
        !matches!(self, Remedy::WiderReadTransaction(_))
    }
}
