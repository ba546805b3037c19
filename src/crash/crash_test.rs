//! [`CrashTest`]: a test of one action.

use std::fmt::{self, Display};

use rusqlite::Connection;

use super::explorer;
use super::options::Options;
use super::report::Report;
use crate::db::TestDb;
use crate::error::Result;
use crate::explore::{self, Action, Failure, or_keep_and_panic};

/// Code of the app, and what is asked of it; see [`test()`].
#[must_use = "nothing happens before `run`"]
pub struct CrashTest<'a> {
    db: &'a TestDb,
    action: Action<'a>,
    options: Options<'a>,
}

/// Cuts the power wherever `action`, code of the app, writes to a copy of `db`; see the [module](self).
pub fn test<'a, T, E: Display>(
    db: &'a TestDb,
    action: impl FnMut(&mut Connection) -> Result<T, E> + 'a,
) -> CrashTest<'a> {
    CrashTest { db, action: explore::action(action), options: Options::default() }
}

impl<'a> CrashTest<'a> {
    /// Each transaction of the action may stand alone: a batch, a job that goes on where it stopped.
    pub fn each_transaction(mut self) -> Self {
        self.options.each_transaction = true;
        self
    }

    /// What was committed has to survive a power cut, whatever the profile promises: for what is told to others and cannot
    /// be taken back, a payment.
    pub fn durable(mut self) -> Self {
        self.options.durable = true;
        self
    }

    /// Cuts the power before each write too, not only where SQLite syncs, deletes or has committed; and at each of those
    /// moments, where else 150 of them are chosen, all over.
    pub fn every_operation(mut self) -> Self {
        self.options.every_operation = true;
        self
    }

    /// Kills the process instead, before each operation: all that was written is there. Nothing may be lost then, also with
    /// synchronous=OFF.
    pub fn process_kill(mut self) -> Self {
        self.options.process_kill = true;
        self
    }

    /// Cuts the power a second time, while SQLite recovers. Takes about ten times as long.
    pub fn twice(mut self) -> Self {
        self.options.twice = true;
        self
    }

    /// What has to be true of the database at any time, beyond all or nothing. It has to be true before and after the
    /// action.
    pub fn invariant<E: Display>(mut self, f: impl FnMut(&Connection) -> Result<(), E> + 'a) -> Self {
        self.options.invariants.push(f);
        self
    }

    /// Cuts the power before each write too, without every image that might be left then: for many actions in one test.
    pub(crate) fn every_moment(mut self) -> Self {
        self.options.every_moment = true;
        self
    }

    /// An action that turns out to change nothing is no error: a migration that only runs VACUUM.
    pub(crate) fn may_change_nothing(mut self) -> Self {
        self.options.may_change_nothing = true;
        self
    }

    /// Looks at every image.
    ///
    /// # Panics
    /// When one of them is not what was promised; when the action fails, changes nothing, or uses the test's own database.
    #[track_caller]
    pub fn run(self) -> Report {
        let db = self.db;
        or_keep_and_panic(self.explore(), db, "-after-the-cut")
    }

    /// Like [`run`](CrashTest::run), without the panic. No database is kept.
    ///
    /// # Errors
    /// When one of them is not what was promised; when the action fails, changes nothing, or uses the test's own database.
    pub fn try_run(self) -> Result<Report> {
        self.explore().map_err(|failed| failed.error)
    }

    fn explore(mut self) -> Result<Report, Box<Failure>> {
        explorer::explore(self.db, &mut self.action, &mut self.options)
    }
}

impl fmt::Debug for CrashTest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrashTest").field("db", self.db).finish_non_exhaustive()
    }
}
