//! Tests concurrent tasks: runs two to four of them in every order of their statements.
//!
//! ```
//! use rusqlite::{Connection, Result, TransactionBehavior};
//! use sqlitmus::{Profile, Template, interleave, rusqlite};
//!
//! static APP: Template = Template::embedded(&[(
//!     "1.sql",
//!     "CREATE TABLE stock(item INTEGER PRIMARY KEY, count INTEGER);
//!      INSERT INTO stock VALUES (1, 10);",
//! )])
//! .profile(Profile::PRODUCTION);
//!
//! const READ: &str = "SELECT count FROM stock WHERE item = ?1";
//! const WRITE: &str = "UPDATE stock SET count = ?2 WHERE item = ?1";
//!
//! fn buy(db: &Connection, item: i64) -> Result<()> {
//!     let count: i64 = db.query_row(READ, [item], |row| row.get(0))?;
//!     db.execute(WRITE, [item, count - 1]).map(drop)
//! }
//!
//! let db = APP.in_memory();
//! let error = interleave::explore(&db)
//!     .task("alice", |db| buy(db, 1))
//!     .task("bob", |db| buy(db, 1))
//!     .try_run()
//!     .unwrap_err();
//! let headline = "lost update: the state is as if bob had not run";
//! assert_eq!(error.headline(), headline);
//!
//! fn buy_at_once(db: &mut Connection, item: i64) -> Result<()> {
//!     let behavior = TransactionBehavior::Immediate;
//!     let transaction = db.transaction_with_behavior(behavior)?;
//!     buy(&transaction, item)?;
//!     transaction.commit()
//! }
//!
//! interleave::explore(&db)
//!     .task("alice", |db| buy_at_once(db, 1))
//!     .task("bob", |db| buy_at_once(db, 1))
//!     .run();
//! ```
//!
//! # What fails
//!
//! The final state, and what each task returned, must equal those of the tasks run one after another, in some order. A task
//! that only reads returns what it has read, so that reads are compared too. The state is what `main` holds: rows, `user_version`,
//! `application_id`, and the tables, indexes, views and triggers, however they are spelled. Other files, which a task attaches or
//! opens, are not compared. These are failures:
//!
//! - a result that no serial order has: a lost update, write skew, a stale read, read skew;
//! - a task that returns an error and leaves changes behind;
//! - a task that returns an error which it returns in no serial order, apart from numbers in it, such as the UNIQUE
//!   violation of two tasks that look for a name and then insert it;
//! - a task that fails because of a lock. With the busy timeout of the profile, that is `SQLITE_BUSY` or
//!   `SQLITE_BUSY_SNAPSHOT` in a transaction that reads first and then writes, which no timeout cures; tasks that wait for
//!   each other; or a connection without a timeout;
//! - a panic, a transaction that is left open, a retry without end, and a wait outside of SQLite that no task ends.
//!
//! [`Explore::may_fail`] is for code whose callers handle the errors.
//!
//! # How it works
//!
//! Each schedule runs on a [fork](crate::TestDb::fork) in memory, also of a database on disk. The test's own database does not
//! change. Each task has its own thread and its own connection, set up as by [`TestDb::connect`]. The tasks run one at a
//! time: a task stops before each statement, and where SQLite would wait. Where it waits for a mutex, the others go on. The
//! clock stands still, and a busy timeout takes no time.
//!
//! Code that opens its connections itself is a task by [`task_with`](Explore::task_with): it opens the copy that it is given,
//! by a path that is the task's own. So its statements are scheduled on whatever thread they run: those of sqlx's workers, a
//! pool, `spawn_blocking`. Two connections of one task that work at the same time take turns, the one that was opened first
//! goes first; this order is not explored. What a pool does to open a connection is no step: the schema that SQLite reads, PRAGMAs
//! that set it up. What a task opens has to be closed when it returns, because a connection that it
//! keeps would be one of the next schedule's too. Each task has its own pool: statements of a pool that tasks share belong to
//! the task by whose path it was opened.
//!
//! Orders that differ only in statements that may be exchanged are not told apart: those that no other connection can see, that
//! read and write different tables, or rows of different constant rowids. Readers have a single schedule. This relies on tasks
//! that share nothing but the database. If there are more than [a thousand](Explore::limit) schedules left, or fewer where the
//! database is large, different ones are drawn with `SQLITMUS_SEED`. The [`Report`] says which were run. `SQLITMUS_SHARD=2/4` runs the second quarter of them, and
//! `SQLITMUS_REPLAY=schedule:a2b3` the one that a failure has printed.
//!
//! Tasks have to do the same each time they run. Ids and times that SQLite makes are fine, and so are `random()` and
//! `randomblob()`, which return the same values to a task in each schedule. Ids and times that the app makes differ in each run:
//! new values in such columns are not compared, nor are `user_version`, the schema and what a task returns if they differ. The
//! report names them. Pass them as arguments to have them compared.
//!
//! Rowids that SQLite chooses depend on the order of the INSERTs and on nothing else. States that differ only in them are the same,
//! together with the columns that refer to them and the results that name them. Without a foreign key, a column refers to them
//! if it holds their ids also where SQLite chooses others.
//!
//! [`TestDb::connect`]: crate::TestDb::connect

mod anomaly;
mod choices;
mod connections;
mod diagnosis;

mod effect;
mod exploration;
mod explorer;
mod failure;
mod final_state;
mod footprint;
mod locks;
mod new_ids;
mod problem;
mod reduction;
mod remedy;
mod report;
mod run;
mod scheduler;
mod scheduler_state;
mod serial_runs;
mod shifted_ids;
mod stall;
mod task_state;
#[cfg(test)]
mod tests;
mod threads;
mod transactions;

pub use self::exploration::{Explore, explore};
pub use self::report::Report;
