//! What if two writers meet? Every schedule of two to four tasks, one statement at a time.
//!
//! ```
//! use sqlitmus::{Profile, Template, interleave, rusqlite::{Connection, Result, TransactionBehavior}};
//!
//! static APP: Template = Template::embedded(&[(
//!     "1.sql",
//!     "CREATE TABLE stock(item INTEGER PRIMARY KEY, count INTEGER NOT NULL); INSERT INTO stock VALUES (1, 10);",
//! )])
//! .profile(Profile::PRODUCTION);
//!
//! fn buy(db: &mut Connection, item: i64) -> Result<()> {
//!     let count: i64 = db.query_row("SELECT count FROM stock WHERE item = ?1", [item], |row| row.get(0))?;
//!     db.execute("UPDATE stock SET count = ?2 WHERE item = ?1", [item, count - 1])?;
//!     Ok(())
//! }
//!
//! let db = APP.in_memory();
//! let explored = interleave::explore(&db).task("alice", |db| buy(db, 1)).task("bob", |db| buy(db, 1)).try_run();
//! assert_eq!(explored.unwrap_err().headline(), "lost update: the state is as if bob had not run");
//!
//! fn buy_in_a_transaction(db: &mut Connection, item: i64) -> Result<()> {
//!     let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
//!     let count: i64 = transaction.query_row("SELECT count FROM stock WHERE item = ?1", [item], |row| row.get(0))?;
//!     transaction.execute("UPDATE stock SET count = ?2 WHERE item = ?1", [item, count - 1])?;
//!     transaction.commit()
//! }
//!
//! interleave::explore(&db)
//!     .task("alice", |db| buy_in_a_transaction(db, 1))
//!     .task("bob", |db| buy_in_a_transaction(db, 1))
//!     .run();
//! ```
//!
//! # What is looked for
//!
//! The state at the end, and what each task returned, have to be those of the tasks run one after another, in some order. A
//! task that returns an error has to have done nothing, and has to return that error, whatever the numbers in it, in some
//! order of the tasks one after another as well: two that look for a name and then insert it meet in its UNIQUE. A task that
//! only reads returns what it has read, so that it is compared. And no task may fail because of a lock: with the busy timeout
//! of the profile, that is
//!
//! - `SQLITE_BUSY` or `SQLITE_BUSY_SNAPSHOT` in a transaction that reads first and writes then, which no timeout cures;
//! - tasks that wait for each other;
//! - a connection without a timeout.
//!
//! [`Explore::may_fail`] is for code whose caller handles these errors. A panic, a transaction that is left open, a retry
//! without an end, and a task that waits for another one outside of SQLite are failures too.
//!
//! # How
//!
//! Each schedule runs on a [fork](TestDb::fork) in memory, also of a database on disk: the database itself stays as it is.
//! Each task has a thread and a connection of its own, set up as [`TestDb::connect`] does, and they run one at a time: a
//! task stops before each statement, and where SQLite would wait. The clock stands still, so that a busy timeout costs
//! nothing.
//!
//! Code that does not take a rusqlite connection opens the fork by [`sim::uri`](crate::sim::uri). Its statements have to run
//! on the task's thread, as diesel's do; sqlx has a thread of its own for each connection, and cannot be explored.
//!
//! Where there are more than [a thousand](Explore::limit) orders of the statements, those that touch no lock are not told
//! apart, as no other connection can see when they run. Where that is still too many, schedules are drawn by
//! `SQLITMUS_SEED`. The [`Report`] says which. `SQLITMUS_SHARD=2/4` runs the second quarter of them, and
//! `SQLITMUS_REPLAY=schedule:a2b3` the one that a failure has printed.
//!
//! Tasks have to do the same whenever they are run. Ids and times that SQLite makes are fine, also those of `random()` and
//! `randomblob()`, which give a task the same values in each schedule; those that the app makes have to be arguments.

mod choices;
mod classify;
mod diagnosis;
mod every_schedule;
mod exploration;
mod explorer;
mod failure;
mod hooks;
mod locks;
mod problem;
mod report;
mod run;
mod scheduler;
mod scheduler_state;
mod serial_runs;
mod stall;
mod statement_list;
mod task;
#[cfg(test)]
mod tests;
mod threads;
mod token;
mod wording;

pub use self::exploration::{Explore, explore};
pub use self::report::Report;
