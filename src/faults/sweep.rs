//! [`Sweep`]: a sweep of faults over one action.

use std::fmt::{self, Display};

use rusqlite::Connection;

use super::kind::Kind;
use super::options::Options;
use super::report::Report;
use super::sweeper;
use crate::db::TestDb;
use crate::error::Result;
use crate::explore::{self, Action, Failure, or_keep_and_panic};

/// Code of the app, and what is asked of it; see [`sweep`].
#[must_use = "nothing happens before `run`"]
pub struct Sweep<'a> {
    db: &'a TestDb,
    action: Action<'a>,
    options: Options<'a>,
}

/// Lets each operation of `action`, code of the app, fail in turn on a copy of `db`; see the [module](self).
pub fn sweep<'a, T, E: Display>(db: &'a TestDb, action: impl FnMut(&mut Connection) -> Result<T, E> + 'a) -> Sweep<'a> {
    Sweep { db, action: explore::action(action), options: Options::default() }
}

impl<'a> Sweep<'a> {
    /// The action may return `Ok` and have done less, on purpose: a cache, a statistic.
    pub fn may_ignore_errors(mut self) -> Self {
        self.options.may_ignore_errors = true;
        self
    }

    /// The action may return an error when all of it is done: it goes on after its commit, and nobody tries again.
    pub fn may_fail_after_commit(mut self) -> Self {
        self.options.may_fail_after_commit = true;
        self
    }

    /// Tries each place, also where there are more than 1000 of one kind; else so many of them are chosen, all over.
    pub fn every_point(mut self) -> Self {
        self.options.every_point = true;
        self
    }

    /// Lets each of SQLite's allocations fail too, on the thread that runs the action: there are about as many as of all other
    /// faults together. Needs the feature `out-of-memory`; see [out of memory](self#out-of-memory).
    pub fn out_of_memory(mut self) -> Self {
        self.options.out_of_memory = true;
        self
    }

    /// Tries this kind of fault, and no other that is not asked for too. It is an error if none of them can happen.
    pub fn only(mut self, kind: Kind) -> Self {
        self.options.only.push(kind);
        self
    }

    /// What has to be true after each run, beyond all or nothing: of the database, or of what the action wrote beside it. The
    /// action really has stopped where it failed.
    pub fn invariant<E: Display>(mut self, f: impl FnMut(&Connection) -> Result<(), E> + 'a) -> Self {
        self.options.invariants.push(f);
        self
    }

    /// Runs the action with each fault.
    ///
    /// # Panics
    /// When a run is not all or nothing; when the action fails without a fault, does something else each time, or uses the
    /// test's own database.
    #[track_caller]
    pub fn run(self) -> Report {
        let db = self.db;
        or_keep_and_panic(self.sweep(), db, "-after-the-fault")
    }

    /// Like [`run`](Sweep::run), without the panic. No database is kept.
    ///
    /// # Errors
    /// When a run is not all or nothing; when the action fails without a fault, does something else each time, or uses the
    /// test's own database.
    pub fn try_run(self) -> Result<Report> {
        self.sweep().map_err(|failed| failed.error)
    }

    fn sweep(mut self) -> Result<Report, Box<Failure>> {
        sweeper::sweep(self.db, &mut self.action, &mut self.options)
    }
}

impl fmt::Debug for Sweep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sweep").field("db", self.db).finish_non_exhaustive()
    }
}
