//! Recordings of what some code runs: every statement on every connection to a test's database, whatever the driver.
//!
//! ```
//! use sqlitmus::{Template, rusqlite::Connection};
//!
//! static APP: Template = Template::embedded(&[
//!     ("1.sql", "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT);"),
//! ]);
//!
//! fn names(db: &mut Connection, ids: &[i64]) -> Vec<Option<String>> {
//!     let sql = "SELECT max(name) FROM users WHERE id = ?1";
//!     let mut name = db.prepare(sql).unwrap();
//!     ids.iter()
//!         .map(|id| name.query_row([id], |row| row.get(0)).unwrap())
//!         .collect()
//! }
//!
//! let db = APP.in_memory();
//! let queries = db.record(|db| names(db, &[7, 8, 9]));
//! assert_eq!(queries.value.len(), 3);
//! queries.assert_at_most(3).assert_no_scan().assert_only_writes(&[]);
//!
//! let error = queries.try_assert_no_repeats().unwrap_err();
//! assert_eq!(
//!     error.headline(),
//!     "one query ran 3 times: SELECT max(name) FROM users WHERE id = ?"
//! );
//! ```
//!
//! # What is seen
//!
//! Each run of a statement on a connection whose main file is the database: connections of
//! [`TestDb::connect`](crate::TestDb::connect), and those that the app opens by path or URI through any driver that is
//! linked to the same SQLite, on any thread, before or during the recording. Two tests that record side by side see
//! only their own databases. `BEGIN` and `COMMIT` are statements too.
//!
//! Not seen: a statement that SQLite refuses to prepare, what FTS and R-tree run while one is prepared, what sqlitmus
//! runs for an assertion, a check or rows, `EXPLAIN`, incremental blob I/O, what runs on an in-memory database of the
//! app's own, and a database that is attached to a connection to another one.
//!
//! # What drivers run
//!
//! A statement that a driver runs by itself is no query of the app: it is not counted, and [`Queries::by_drivers`] returns it. A failed
//! assertion and the `Display` of a recording say how many statements were left out. They are
//!
//! - PRAGMAs about settings (`foreign_keys`, `journal_mode`; not `user_version` or `table_info`) before the first other
//!   statement of a connection that the app opens during the recording;
//! - a `SELECT` of one literal or parameter outside of a transaction, such as the `SELECT 1` of r2d2 and the `SELECT ?` of
//!   deadpool, if another statement follows on that connection. A second one in a row is the app's;
//! - `PRAGMA optimize` right before the connection is closed.
//!
//! On the connections of this crate, such as the one that [`TestDb::record`](crate::TestDb::record) passes to the closure, every
//! statement is the app's.
//!
//! # What it costs, and what it changes
//!
//! Nothing that the app can read from SQLite changes: results, errors, `changes()`, `last_insert_rowid()`. A recorded
//! statement costs half a microsecond more, one with its call site four; in an unoptimized build eight and fifty. While nothing is recorded, a statement costs
//! nothing on the database's first connection and a tenth of a microsecond on others, for which SQLite reads the clock.
//!
//! The recorder uses SQLite's trace hook, of which each connection has one. If the app sets its own on a connection
//! (`Connection::trace`, `trace_v2`), it replaces the recorder's, and what the connection runs from then on is not seen.
//! SQLite does not return a hook that is set, so the recorder cannot call both. It watches the locks of the database's file
//! instead: if a statement takes one that the hook has not reported, [`Queries::is_complete`] is false and every assertion
//! fails. The same holds after `sqlite3_reset_auto_extension`, without which new connections have no hook. For the connection
//! that [`TestDb::record`](crate::TestDb::record) passes to the closure, and the database's first one with a [`Recorder`], the
//! hook is also tried when the recording ends, by a `SELECT` without a table, which the app's hook sees.
//!
//! Not noticed, where the app has its own hook: statements that take no lock, because they read no table, run in a transaction
//! that was open before the recording, or under `locking_mode = EXCLUSIVE`.
//!
//! If an automatic extension of the app sets a hook on every connection, that hook stays, whether the extension was registered
//! before the first test's database or after it, and recordings are incomplete. If it sets one on some connections only, the
//! recorder's may replace it, and the recordings of all databases that are open then are incomplete.
//!
//! An assertion on a recording without queries fails, unless [`Queries::allow_none`] says that nothing has to run.
//!
//! # A ledger of a whole run
//!
//! With `SQLITMUS_LEDGER` set, each test adds the statements that its databases ran to one file, without any code for
//! it: of all connections, threads and drivers, and all processes of `cargo test` or nextest. Each statement is written
//! once in its normal form, sorted, with its plan below. `> ` marks what scans a table:
//!
//! ```text
//! # sqlitmus ledger 1: every statement of a test run, and its plans
//!
//! DELETE FROM orders WHERE id = ?
//!   SEARCH orders USING INTEGER PRIMARY KEY (rowid=?)
//! > SCAN lines   in foreign-key action
//!
//! SELECT id FROM orders WHERE status = ?
//! > SCAN orders
//! ```
//!
//! Commit a ledger, and let a test compare it with that of the next run when that run is over:
//!
//! ```no_run
//! # /*
//! #[test]
//! #[ignore = "runs when the ledger is complete"]
//! # */
//! fn statements_and_plans_are_as_reviewed() {
//!     sqlitmus::record::compare_ledgers("tests/ledger.txt", "target/ledger.txt")
//!         .unwrap()
//!         .assert_same();
//! }
//! # statements_and_plans_are_as_reviewed();
//! ```
//!
//! ```sh
//! rm -f target/ledger.txt; SQLITMUS_LEDGER=target/ledger.txt cargo test
//! cargo test statements_and_plans_are_as_reviewed -- --ignored
//! ```
//!
//! - **A run adds to the file that is there.** Only you know what one run is (several commands, several machines), so
//!   delete the file before it. Statements that are no longer run are then reported as gone.
//! - A relative path starts at the folder of the package under test: in a workspace each package has its own ledger.
//!   With an absolute path they share one. [`StatementLedger::merge`] merges those of several machines.
//! - Only what has a plan is included: `SELECT`, `INSERT`, `UPDATE`, `DELETE` and the like. `CREATE`, `PRAGMA` and
//!   `BEGIN` are not, nor what sqlitmus runs itself: templates, checks, snapshots, assertions.
//! - Plans are made when a test's database is dropped, on its schema at that time, with the PRAGMAs of the profile. A
//!   statement that cannot be explained there is marked `! ` with the reason, unless another test's database could
//!   explain it. A statement has a paragraph for each of its plans, which may differ by schema, statistics or the
//!   values of its first runs.
//! - The same run gives the same bytes, in whatever order its tests run, unless the tests run different SQL each time.
//! - [`crash`](crate::crash), [`faults`](crate::faults), [`interleave`](crate::interleave) and the
//!   [`suite`](crate::suite) run the app's code on copies that belong to no test. Call it once without them to have it
//!   in the ledger.
//! - A database that is never dropped, in a `static` or after `std::process::exit`, adds nothing. `ledger.txt.lock`
//!   beside the file is what the processes wait for; delete it when no test runs.

mod driver_statements;
mod failure;
mod group;
mod ledger;
mod leftovers;
mod queries;
mod recorder;
mod recount;
mod row_counts;
mod selective;
mod tables;

pub(crate) use self::ledger::write_ledger;
pub use self::ledger::{ChangedStatement, LedgerDiff, LedgerPlan, LedgerStatement, StatementLedger, compare_ledgers};
pub use self::queries::Queries;
pub use self::recorder::Recorder;
pub use crate::trace::Query;
