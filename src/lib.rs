//! Litmus tests for apps on SQLite: every test gets its own migrated database in microseconds, in real WAL, with the PRAGMAs
//! of production.
//!
//! ```
//! use rstest::{fixture, rstest};
//! use sqlitmus::{Profile, Template, TestDb};
//!
//! // Built at first use, once. Each test gets a copy-on-write copy.
//! static APP: Template =
//!     Template::new("fixtures/shop/migrations").profile(Profile::PRODUCTION);
//!
//! #[fixture]
//! fn db() -> TestDb {
//!     APP.in_memory()
//! }
//!
//! # /*
//! #[rstest]
//! # */
//! fn a_new_category_can_be_found(db: TestDb) {
//!     let insert = "INSERT INTO categories(slug, name) VALUES ('tea', 'Tea')";
//!     db.execute(insert, []).unwrap();
//!     let second = db.connect();
//!     let count = "SELECT count(*) FROM categories";
//!     let found: i64 = second.query_row(count, [], |row| row.get(0)).unwrap();
//!     assert_eq!(found, 1);
//! }
//! # fn main() { a_new_category_can_be_found(db::default()) }
//! ```
//!
//! The [guide] has a page for each question; it begins with the [first five minutes](crate::guide::first_minutes).
//!
//! # Which database do I want?
//!
//! | method | what it makes | for |
//! | --- | --- | --- |
//! | [`Template::in_memory`] | a simulated disk: real WAL, several connections, threads and drivers | nearly everything |
//! | [`Template::on_disk`] | a file in a temporary folder, without waiting for the hardware | code that opens, copies or deletes files; other processes |
//! | [`Template::at`] | a database in memory, as it was after a migration | what an upgrade finds |
//! | [`TestDb::fork`] | a copy of a live database | before and after; two ways to continue |
//! | [`TestDb::into_connection`] | a plain connection, with which the database lives on | code that owns its connection |
//!
//! # What did this code run?
//!
//! [`TestDb::record`] returns every statement on every connection to the database, whatever the driver. See [`record`].
//!
//! `SQLITMUS_LEDGER=target/ledger.txt cargo test` writes the statements of all tests, and their plans, to
//! [one file for review](record#a-ledger-of-a-whole-run).
//!
//! # Rows to test with
//!
//! [`TestDb::fill`] and [`data::Fill`] insert rows that the schema accepts, with the parents that they need. The same seed gives
//! the same rows. See [`data`]. With the feature `property`, `data::rows` and `data::database` are strategies for proptest.
//! [`data::violations`] breaks each constraint once.
//!
//! # Do migrations keep people's data?
//!
//! [`migration_suite!`] makes a test of each such question, on databases with rows in them. See [`suite`].
//!
//! # What if the power goes off, an operation fails, or somebody else writes?
//!
//! [`crash::test`] cuts the power at every write of some code of the app, [`faults::sweep`] makes each of its operations fail,
//! and [`interleave::explore`] runs two to four tasks in every order of their statements. Without any configuration, the
//! result must be all or nothing, and that of the tasks must equal one of running them one after another.
//!
//! ```
//! use sqlitmus::rusqlite::{self, Connection};
//! use sqlitmus::{Profile, Template, crash, faults, interleave};
//!
//! static APP: Template =
//!     Template::new("fixtures/shop/migrations").profile(Profile::PRODUCTION);
//!
//! fn add_category(db: &mut Connection, name: &str) -> rusqlite::Result<usize> {
//!     let sql = "INSERT INTO categories(slug, name) VALUES (lower(?1), ?1)";
//!     db.execute(sql, [name])
//! }
//!
//! let db = APP.in_memory();
//! crash::test(&db, |db| add_category(db, "Tea")).run();
//! faults::sweep(&db, |db| add_category(db, "Tea")).run();
//! interleave::explore(&db)
//!     .task("alice", |db| add_category(db, "Tea"))
//!     .task("bob", |db| add_category(db, "Cups"))
//!     .run();
//! ```
//!
//! # What tests should know
//!
//! - The app's own code opens the same database by [`TestDb::path`], [`TestDb::uri`] or, with sqlx, [`TestDb::url`], through
//!   any driver that is linked to the same SQLite. An async app names its runtime: [`Template::block_on`].
//! - `datetime('now')` and busy timeouts follow [`TestDb::clock`].
//! - A test that panics leaves its database as a file in the target folder and prints where. `SQLITMUS_KEEP=always` or
//!   `never` changes that; `SQLITMUS_DIR` names another folder.
//! - Processes share built templates through `sqlitmus/cache` in the target folder; `SQLITMUS_CACHE=off` turns that off.
//! - A failure of [`crash`], [`faults`] or [`interleave`] prints a `SQLITMUS_REPLAY=…` that repeats only that failure;
//!   `SQLITMUS_SHARD=2/4` does a quarter of the work, and `SQLITMUS_SEED` makes another choice where not everything is tried.
//! - [`plan::explain`] shows how SQLite would run a statement, and what it would scan; an assertion that fails suggests the
//!   index that helps. [`workload::unused_indexes`] lists those that no recorded query needs.
//! - [`Template::stats`] plans as production does, [`plan::assert_plan_stable`] finds plans that depend on statistics, and
//!   [`workload::growth`](workload::growth()) how the steps of a query grow with the database.
//! - [`check`] examines databases, [`schema`] describes them, and the macros
//!   [`assert_rows_snapshot!`], [`assert_changes_snapshot!`], [`assert_schema_snapshot!`] and [`assert_plan_snapshot!`]
//!   compare the results with reviewed ones.
//! - [`TestDb::check`] looks for broken references and indexes. [`Template::checked`] does so when a test ends, and
//!   `SQLITMUS_CHECK=on` does so for a whole run.
//!
//! # Features
//!
//! All but the last three are on by default. A feature that is off leaves its code out: databases and checks alone take a quarter
//! of the time to compile.
//!
//! - `plan`: [`plan`], [`record`] and [`workload`].
//! - `data`: [`data`], on fake.
//! - `suite`: [`suite`]. It turns on `plan` and `data`.
//! - `whatif`: [`crash`], [`faults`] and [`interleave`], also for the migrations of the suite.
//! - `snapshots`: the `assert_*_snapshot!` macros, on insta.
//! - `property`: strategies for proptest. It turns on `data`. Off by default, because proptest adds a quarter to the time in
//!   which all else is compiled.
//! - `out-of-memory`: [`faults::Sweep::out_of_memory`] makes each of SQLite's allocations fail. Off by default, because it
//!   replaces SQLite's allocator in each process of the tests.
//! - `bundled`: compiles the SQLite that comes with rusqlite. Off by default, so that tests run on the SQLite that the app
//!   ships.

// docs.rs shows the feature that each item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]
// The floors below serve all of these; what nobody uses is found when all are there.
#![cfg_attr(
    not(all(feature = "plan", feature = "data", feature = "suite", feature = "whatif")),
    allow(dead_code, unreachable_pub, unused_imports)
)]

pub mod check;
#[cfg(feature = "whatif")]
pub mod crash;
#[cfg(feature = "data")]
pub mod data;
mod db;
mod draw;
mod env;
mod error;
#[cfg(feature = "whatif")]
mod explore;
#[cfg(feature = "whatif")]
pub mod faults;
pub mod fixtures;
pub mod guide;
#[cfg(feature = "whatif")]
pub mod interleave;
mod lock;
#[cfg(feature = "snapshots")]
mod macros;
pub mod migrations;
mod order;
mod own;
#[cfg(feature = "plan")]
pub mod plan;
mod progress;
mod real_file;
#[cfg(feature = "plan")]
pub mod record;
mod report;
pub mod schema;
pub mod sim;
mod sql;
#[cfg(feature = "suite")]
pub mod suite;
mod teardown;
mod temp_folder;
mod trace;
#[cfg(feature = "suite")]
mod what_if;
#[cfg(feature = "plan")]
pub mod workload;

pub use db::{Profile, Template, TestDb};
pub use error::{BoxError, Error, ErrorKind, Result};
#[cfg(feature = "whatif")]
pub use explore::{DbCopy, Finish, Later, Now};
#[cfg(feature = "snapshots")]
#[doc(hidden)]
pub use macros::__private;
pub use rusqlite;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
