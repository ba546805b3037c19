//! Tests an action under faults at any operation: an I/O error, a full disk, a lock that another connection holds, an
//! interrupt.
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
//!     // Ignored. SQLite has rolled back, and the next statement commits
//!     // by itself.
//!     let _ = transaction.execute("INSERT INTO orders VALUES (1, 250)", []);
//!     transaction.execute("INSERT INTO items VALUES (1, 'tea')", [])?;
//!     transaction.commit()
//! }
//!
//! let error = faults::sweep(&APP.in_memory(), place_order).try_run().unwrap_err();
//! let says = "fails on an I/O error and is half applied: items without orders";
//! assert_eq!(error.headline(), format!("the action {says}"));
//!
//! let report = faults::sweep(&APP.in_memory(), |db| {
//!     let transaction = db.transaction()?;
//!     transaction.execute("INSERT INTO orders VALUES (1, 250)", [])?;
//!     transaction.execute("INSERT INTO items VALUES (1, 'tea')", [])?;
//!     transaction.commit()
//! })
//! .run();
//! assert!(report.runs() > 30);
//! ```
//!
//! # What fails
//!
//! The action runs on a copy of the database, once for each place at which each [`Kind`] of fault can happen: at its first
//! read, at its second, and so on. In each run
//!
//! - after an error nothing may have changed, and after `Ok` everything;
//! - `Ok` has to be the `Ok` of a run without a fault: a read that fails is not an empty list;
//! - no transaction may be left open, and nothing may panic;
//! - the connection is left as it was: its settings, attached databases and temporary tables;
//! - when the fault is over, the same call has to succeed on the same connection.
//!
//! A job of several transactions that resumes where it stopped says [`each_transaction`](Sweep::each_transaction): after an
//! error some of them may be there, and the same call then has to end as without a fault. Transactions that have nothing to do
//! with each other are [`independent_transactions`](Sweep::independent_transactions).
//!
//! Every run ends. A lock is free after ten tries and a disk works after some hundred, and code that still repeats a statement
//! fails with that statement: a transaction that an error has left open is rolled back for it, and after that nothing succeeds.
//! Code that ignores every error, and repeats its statements for ever, leaves only one way: the report goes to the standard
//! error, and the process is aborted. Code that waits without a statement, as for a thread that is gone, is not seen.
//!
//! A caller that gets an error assumes that nothing happened, and tries again. Some exceptions are SQLite's own and pass: a
//! virtual table whose module keeps something in the connection that the fault has left wrong, as FTS5 does with the counts of
//! its rows (where the same call is right on a new connection, the report counts the run); an
//! interrupted statement may have committed (it, and not one that the action goes on to run), an interrupted `BEGIN` may have
//! begun, an interrupted `ROLLBACK` may have left its transaction open, and with journal_mode TRUNCATE or PERSIST a commit
//! may fail after it was made. Code that reads after its commit needs
//! [`may_fail_after_commit`](Sweep::may_fail_after_commit).
//!
//! One failure is easily missed: `query_row("INSERT … RETURNING id")` returns `Ok` when the commit fails. A statement outside
//! of a transaction commits when it ends, and `query_row` stops at the first row. In a transaction, the commit returns the
//! error.
//!
//! The test's own database does not change. The clock of the copies stands still, a busy timeout takes no time, and
//! `random()` and `randomblob()` return the same values in each run.
//! Times and ids that the app makes differ in each run: new values in such columns are not compared, and the report names them.
//! Code that does not take a rusqlite connection, such as diesel, sqlx or a pool, opens the copy that [`sweep_with`] hands to
//! it. Its statements are not interrupted: only those on the connection that [`sweep`] hands over are. A transaction that an error
//! leaves open on such a connection is not seen either: it is rolled back when the connection is closed. If that goes back to a pool
//! first, [the pool has to be asked](crate::guide::pools).
//!
//! # Out of memory
//!
//! With the feature `out-of-memory`, [`Sweep::out_of_memory`] lets each of SQLite's allocations fail, once and from then on.
//! This affects only the action's thread, and no other test. SQLite's allocator is set once for a process, before anything
//! uses SQLite. If something used it before sqlitmus (a plain `Connection::open`), the sweep fails and says so.
//! `cargo nextest run` gives each test its own process.
//!
//! Two things that no app can avoid pass: without any memory, `ROLLBACK` cannot be prepared, and only closing the connection
//! rolls a transaction back; and where rusqlite panics because it cannot read a value, that counts as an error. Rust's own
//! allocations do not fail.
//!
//! # Shards and replays
//!
//! `SQLITMUS_SHARD=2/4` does every fourth run, and `SQLITMUS_REPLAY` repeats the one run that a failure has printed.

mod attempt;
mod commits;
mod failure;
mod fault;
mod injector;
mod report;
mod session;
mod sweep;

pub use self::fault::Kind;
pub use self::report::{Report, Tried};
pub use self::sweep::{Sweep, sweep, sweep_with};
