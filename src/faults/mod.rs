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
//! assert_eq!(error.headline(), "the action fails on an I/O error and is half applied: items without orders");
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

mod baseline;
mod diagnosis;
mod failure;
mod injector;
mod kind;
mod options;
mod report;
mod sweep;
mod sweeper;

pub use self::kind::Kind;
pub use self::report::{Report, Tried};
pub use self::sweep::{Sweep, sweep};
