//! The end of a test's database: its statements are added to the ledger, it is checked, and it may be kept.
//!
//! This module is above everything else, because the ledger needs plans, and a check needs a database: `db`, where
//! [`TestDb`] is defined, imports nothing of either.

use rusqlite::Connection;

use crate::check;
use crate::db::TestDb;
use crate::env;
use crate::error::{Error, Result, or_panic};
#[cfg(feature = "plan")]
use crate::record::write_ledger;

impl TestDb {
    /// Returns the first connection, which keeps the database alive, for code that wants to own a connection.
    ///
    /// The database is gone when the last connection to it is closed. On disk, its folder is deleted when the last connection
    /// is closed that was opened through this value or by its [`uri`](TestDb::uri).
    ///
    /// The database is then not kept when the test fails, and not [checked](crate::Template::checked) when it ends.
    /// Statements that run from here on are in no [ledger](crate::record#a-ledger-of-a-whole-run).
    ///
    /// ```
    /// use sqlitmus::{Template, rusqlite::Connection};
    ///
    /// struct Repository {
    ///     connection: Connection,
    /// }
    ///
    /// static APP: Template =
    ///     Template::embedded(&[("1_t.sql", "CREATE TABLE t(x);")]);
    ///
    /// let repository = Repository { connection: APP.in_memory().into_connection() };
    /// repository.connection.execute("INSERT INTO t VALUES (1)", []).unwrap();
    /// ```
    ///
    /// # Panics
    /// If the ledger cannot be written.
    #[track_caller]
    pub fn into_connection(self) -> Connection {
        or_panic(self.try_into_connection())
    }

    /// Like [`into_connection`](TestDb::into_connection), but returns an error.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn try_into_connection(mut self) -> Result<Connection> {
        let written = write_ledger(&self);
        // Taken even if the ledger was not written, so that dropping `self` does not try again.
        let connection = self.take_connection().expect("only this takes the connection, and consumes the database");
        written.map(|()| connection)
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        if !self.has_connection() {
            return;
        }
        let unwritten = write_ledger(self).err();
        let failure = find_damage(self);
        self.keep_if_wanted(failure.is_some());
        // Last: the fields are dropped in spite of a panic, and so is what else the test holds.
        if let Some(error) = failure.or(unwritten) {
            print_or_panic(error);
        }
    }
}

/// Fails if a ledger is wanted: this build cannot write one.
#[cfg(not(feature = "plan"))]
fn write_ledger(_: &TestDb) -> Result<()> {
    match env::settings()?.ledger {
        None => Ok(()),
        Some(_) => {
            Err(Error::new(crate::error::ErrorKind::Environment, "SQLITMUS_LEDGER needs sqlitmus's feature `plan`"))
        }
    }
}

/// Returns what is wrong with the database, if its test has passed and the template or the environment asks for the check.
fn find_damage(db: &TestDb) -> Option<Error> {
    // A test that has failed already says why. A second panic would end the process.
    if std::thread::panicking() {
        return None;
    }
    let by_environment = || env::settings().is_ok_and(|settings| settings.check);
    let asked_by = match db.is_checked() {
        Some(true) => "Template::checked()",
        None if by_environment() => "SQLITMUS_CHECK",
        Some(false) | None => return None,
    };
    if !db.is_autocommit() {
        // As closing the connection does: what is not committed is not what the test leaves.
        let _ = db.execute_batch("ROLLBACK");
    }
    let caller = db.caller();
    let created_at =
        format!("created at {}:{}, checked when its test ended ({asked_by})", caller.file(), caller.line());
    check::find_damage(db).err().map(|error| error.note(created_at))
}

/// A test that fails already must not panic again, which would end the process.
#[expect(clippy::print_stderr, reason = "the line belongs to the output of the test, which the runner captures")]
fn print_or_panic(error: Error) {
    if std::thread::panicking() {
        eprintln!("note: {error}");
    } else {
        panic!("{error}");
    }
}
