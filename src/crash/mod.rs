//! What would be left if the power went off? At any moment, whatever of the unsynced writes reached the disk.
//!
//! ```
//! use sqlitmus::{Profile, Template, crash, rusqlite};
//! use rusqlite::Connection;
//!
//! static APP: Template = Template::embedded(&[(
//!     "1.sql",
//!     "CREATE TABLE orders(id INTEGER PRIMARY KEY, total INT);
//!      CREATE TABLE items(order_id INT REFERENCES orders(id), product TEXT);",
//! )])
//! .profile(Profile::PRODUCTION);
//!
//! fn place_order(db: &mut Connection) -> rusqlite::Result<()> {
//!     db.execute("INSERT INTO orders VALUES (1, 250)", [])?;
//!     db.execute("INSERT INTO items VALUES (1, 'tea')", [])?;
//!     Ok(())
//! }
//!
//! let error = crash::test(&APP.in_memory(), place_order).try_run().unwrap_err();
//! assert!(error.headline().ends_with("leaves the action half done: orders without items"), "{error}");
//!
//! let report = crash::test(&APP.in_memory(), |db| {
//!     let transaction = db.transaction()?;
//!     transaction.execute("INSERT INTO orders VALUES (1, 250)", [])?;
//!     transaction.execute("INSERT INTO items VALUES (1, 'tea')", [])?;
//!     transaction.commit()
//! })
//! .run();
//! assert_eq!(report.promise(), "WAL + NORMAL: the last commit may be lost; none half-applied");
//! ```
//!
//! # How it is judged
//!
//! The action runs on a copy of the database, on a disk that logs each write, sync, truncation and delete. For each moment,
//! the images are built that a power cut may leave: everything unsynced gone, all of it there, the first of it, all but one
//! write, one write alone, torn sectors, mixes, names not yet in their folder. SQLite recovers each that is different from
//! those before, and what is in it then has to be
//!
//! - what was there before the action, or after it, and nothing between. If each of its transactions may stand alone, say
//!   [`each_transaction`](CrashTest::each_transaction); where the action calls [`acknowledge`], it may stop too;
//! - with every commit that had returned to the app, as far as journal mode and synchronous promise. WAL with NORMAL, as
//!   most apps have it, may lose commits at a power cut, and none when the process is killed;
//! - whole: SQLite's own integrity check.
//!
//! | journal mode | synchronous | what a power cut may take |
//! | --- | --- | --- |
//! | WAL | FULL, EXTRA | nothing that was committed |
//! | WAL | NORMAL | commits since the last checkpoint |
//! | DELETE | EXTRA | nothing that was committed |
//! | DELETE | FULL | the last commit |
//! | TRUNCATE, PERSIST | FULL, EXTRA | nothing that was committed |
//! | DELETE, TRUNCATE, PERSIST | NORMAL | the last commit, and in rare cases the database |
//! | any | OFF | the database |
//! | MEMORY, OFF | any | the database |
//!
//! The test's own database stays as it is. The action is run twice, to see whether it does the same to the disk again; the
//! clock of its copies stands still, and `random()` gives the same values. It gets a connection of its own. What is in
//! other databases on the same disk (`ATTACH`) counts too; files beside the database are not on the disk:
//! [`faults`](crate::faults) stops the action where the power would.
//!
//! Code that does not take a rusqlite connection, of diesel, sqlx or a pool, opens the copy by
//! [`sim::uri`](crate::sim::uri). It has to be through with it when it returns.
//!
//! `SQLITMUS_SHARD=2/4` looks at every fourth moment, `SQLITMUS_SEED` chooses other images where there are too many, and
//! `SQLITMUS_REPLAY` repeats the one image that a failure has printed.

mod explorer;
mod failure;
mod images;
mod promise;
mod record;
mod report;
#[cfg(test)]
mod tests;

use std::fmt::{self, Display};

use rusqlite::Connection;

use self::explorer::Options;
pub use self::record::acknowledge;
pub use self::report::Report;
use crate::db::TestDb;
use crate::error::Result;
use crate::explore::{self, Action, Failure};

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
    pub fn invariant<E: Display>(mut self, mut f: impl FnMut(&Connection) -> Result<(), E> + 'a) -> Self {
        self.options.invariants.push(Box::new(move |connection| f(connection).map_err(|error| error.to_string())));
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
        match self.explore() {
            Ok(report) => report,
            Err(failed) => failed.panic(db, "-after-the-cut"),
        }
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
