//! What does the app's code do when something fails? At any operation: an I/O error, a full disk, a lock that another
//! connection holds, an interrupt.
//!
//! ```
//! use sqlitmus::{Template, faults, rusqlite};
//! use rusqlite::Connection;
//!
//! static APP: Template = Template::embedded(&[(
//!     "1.sql",
//!     "CREATE TABLE orders(id INTEGER PRIMARY KEY, total INT);
//!      CREATE TABLE items(order_id INT, product TEXT);",
//! )]);
//!
//! fn place_order(db: &mut Connection) -> rusqlite::Result<()> {
//!     let transaction = db.transaction()?;
//!     // Nobody looks at this error. SQLite has rolled back then, and what follows is a transaction of its own.
//!     let _ = transaction.execute("INSERT INTO orders VALUES (1, 250)", []);
//!     transaction.execute("INSERT INTO items VALUES (1, 'tea')", [])?;
//!     transaction.commit()
//! }
//!
//! let error = faults::sweep(&APP.in_memory(), place_order).try_run().unwrap_err();
//! assert_eq!(error.headline(), "the action fails on an I/O error, and part of it stays: items without orders");
//!
//! let report = faults::sweep(&APP.in_memory(), |db| {
//!     let transaction = db.transaction()?;
//!     transaction.execute("INSERT INTO orders VALUES (1, 250)", [])?;
//!     transaction.execute("INSERT INTO items VALUES (1, 'tea')", [])?;
//!     transaction.commit()
//! })
//! .run();
//! assert!(report.runs() > 50);
//! ```
//!
//! # How it is judged
//!
//! The action runs on a copy of the database, once for each place at which each [`Kind`] of fault can happen: at its first
//! read, at its second, and so on. Of each run it is asked that
//!
//! - after an error nothing is there, and after `Ok` everything: never something between, never `Ok` and nothing;
//! - no transaction is left open, and nothing panics;
//! - when the fault is over, the same call succeeds, on the same connection or on a fresh one.
//!
//! An error means "nothing happened" to whoever gets it and tries again. Some exceptions are SQLite's own, and let pass: a
//! statement that is interrupted may have committed, a `BEGIN` may have begun, and with journal_mode TRUNCATE or PERSIST a
//! commit may fail after it was made. Code that reads after its commit has another, and says
//! [`may_fail_after_commit`](Sweep::may_fail_after_commit).
//!
//! One that is easily missed: `query_row("INSERT … RETURNING id")` returns `Ok` when the commit fails, because a statement by
//! itself commits when it ends, and `query_row` stops at its first row. In a transaction, the commit says so.
//!
//! The test's own database stays as it is, and the clock of the copies stands still: a busy timeout costs nothing.
//! `random()` and `randomblob()` give the same values in each run.
//! Code that does not take a rusqlite connection, of diesel, sqlx or a pool, opens the copy by
//! [`sim::uri`](crate::sim::uri). Its statements are not interrupted: that only happens on the connection that is given.
//!
//! # Out of memory
//!
//! With the feature `out-of-memory`, [`Sweep::out_of_memory`] lets each of SQLite's allocations fail, once and from then on. Only
//! those of the action's thread do: other tests notice nothing. SQLite's allocator is set once for a process, before anything
//! uses SQLite. Where something had used it before sqlitmus (a plain `Connection::open`), the sweep fails and says so.
//! `cargo nextest run` gives each test a process of its own.
//!
//! Two things no app can help, and they are let pass: without any memory, `ROLLBACK` cannot be prepared, so that only closing
//! the connection takes a transaction back; and where rusqlite panics because a value cannot be read, that counts as an error.
//! What Rust itself allocates does not fail.
//!
//! # In parts, and again
//!
//! `SQLITMUS_SHARD=2/4` does every fourth run, and `SQLITMUS_REPLAY` repeats the one run that a failure has printed.

mod failure;
mod fault;
mod report;
mod sweep;

use std::fmt::{self, Display};

use rusqlite::Connection;

pub use self::fault::Kind;
pub use self::report::{Report, Tried};
use self::sweep::Options;
use crate::db::TestDb;
use crate::error::Result;
use crate::explore::{self, Action, Failure};

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
    pub fn invariant<E: Display>(mut self, mut f: impl FnMut(&Connection) -> Result<(), E> + 'a) -> Self {
        self.options.invariants.push(Box::new(move |connection| f(connection).map_err(|error| error.to_string())));
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
        match self.sweep() {
            Ok(report) => report,
            Err(failed) => failed.panic(db, "-after-the-fault"),
        }
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
        sweep::sweep(self.db, &mut self.action, &mut self.options)
    }
}

impl fmt::Debug for Sweep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sweep").field("db", self.db).finish_non_exhaustive()
    }
}
