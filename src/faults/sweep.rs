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

/// A sweep of faults over one action; see [`sweep`].
#[must_use = "nothing happens before `run`"]
pub struct Sweep<'a> {
    db: &'a TestDb,
    action: Action<'a>,
    options: Options<'a>,
}

/// Lets each operation of `action`, code of the app, fail in turn on a copy of `db`; see the [module](super).
pub fn sweep<'a, T, E: Display>(db: &'a TestDb, action: impl FnMut(&mut Connection) -> Result<T, E> + 'a) -> Sweep<'a> {
    Sweep { db, action: explore::action(action), options: Options::default() }
}

impl<'a> Sweep<'a> {
    /// Allows the action to return `Ok` although it has done less, as code for a cache or a statistic may do.
    pub fn may_ignore_errors(mut self) -> Self {
        self.options.may_ignore_errors = true;
        self
    }

    /// Allows the action to return an error after its commit: for code whose callers do not try again.
    pub fn may_fail_after_commit(mut self) -> Self {
        self.options.may_fail_after_commit = true;
        self
    }

    /// Tries every place of each kind, instead of a sample of 1000 where there are more.
    pub fn every_point(mut self) -> Self {
        self.options.every_point = true;
        self
    }

    /// Also lets each of SQLite's allocations fail, on the thread that runs the action. This about doubles the number of runs.
    /// It needs the feature `out-of-memory`; see [out of memory](super#out-of-memory).
    pub fn out_of_memory(mut self) -> Self {
        self.options.out_of_memory = true;
        self
    }

    /// Tries this kind of fault, and others only if they are selected too. If none of them can happen, the sweep fails.
    pub fn only(mut self, kind: Kind) -> Self {
        self.options.only.push(kind);
        self
    }

    /// Adds a condition that has to hold after each run, of the database or of what the action wrote outside of it.
    pub fn invariant<E: Display>(mut self, f: impl FnMut(&Connection) -> Result<(), E> + 'a) -> Self {
        self.options.invariants.push(f);
        self
    }

    /// Runs the action with each fault. Keeps the database of a failure as it was before and as the fault left it.
    ///
    /// # Panics
    /// If a run is not all or nothing; if the action fails without a fault, makes other changes each time, or uses the test's
    /// own database.
    #[track_caller]
    pub fn run(self) -> Report {
        let db = self.db;
        or_keep_and_panic(self.sweep(), db, "-after-the-fault")
    }

    /// Like [`run`](Sweep::run), without the panic. Keeps no database.
    ///
    /// # Errors
    /// If a run is not all or nothing; if the action fails without a fault, makes other changes each time, or uses the test's
    /// own database.
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
