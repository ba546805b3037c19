//! Litmus tests for apps built on SQLite: every test gets its own migrated database in microseconds, in real WAL, with the
//! PRAGMAs of production.
//!
//! ```
//! use rstest::{fixture, rstest};
//! use sqlitmus::{Profile, Template, TestDb};
//!
//! // The app's databases, described once. Built at first use; each test gets a copy-on-write copy.
//! static APP: Template = Template::new("fixtures/shop/migrations").profile(Profile::PRODUCTION);
//!
//! #[fixture]
//! fn db() -> TestDb {
//!     APP.in_memory()
//! }
//!
//! #[rstest]
//! fn a_new_category_can_be_found(db: TestDb) {
//!     db.execute("INSERT INTO categories(slug, name) VALUES ('tea', 'Tea')", []).unwrap();
//!     let second = db.connect();
//!     let found: i64 = second.query_row("SELECT count(*) FROM categories", [], |row| row.get(0)).unwrap();
//!     assert_eq!(found, 1);
//! }
//! # fn main() {}
//! ```
//!
//! # Which database do I want?
//!
//! | | what it is | for |
//! | --- | --- | --- |
//! | [`Template::in_memory`] | a simulated disk: real WAL, several connections, threads and drivers | nearly everything |
//! | [`Template::on_disk`] | a file in a temporary folder, without waiting for the hardware | code that opens, copies or deletes files, other processes |
//! | [`Template::at`] | in memory, as it was after a migration | what an upgrade finds |
//! | [`TestDb::fork`] | a copy of a live database | before and after, two ways to go on |
//!
//! # What did this code run?
//!
//! [`TestDb::record`] tells: every statement on every connection to the database, whatever the driver. See [`record`].
//!
//! `SQLITMUS_LEDGER=target/ledger.txt cargo test` gathers the statements of all tests, and their plans, in
//! [one file for review](record#a-ledger-of-a-whole-run).
//!
//! # Rows to test with
//!
//! [`TestDb::fill`] and [`data::Fill`] make rows that the schema accepts, with parents, and the same ones for the same seed. See
//! [`data`]. `data::rows` and `data::database` are strategies for proptest; [`data::violations`] breaks each constraint once.
//!
//! # Do migrations keep people's data?
//!
//! [`migration_suite!`] makes a test of each question, on databases with rows in them. See [`suite`].
//!
//! # What if the power goes off, an operation fails, or somebody else writes?
//!
//! [`crash::test`] cuts the power wherever some code of the app writes, [`faults::sweep`] lets each of its operations fail, and
//! [`interleave::explore`] runs two to four tasks in every order of their statements. Without a word of configuration, what
//! is left has to be all or nothing, and what the tasks come to one after another.
//!
//! ```
//! use sqlitmus::{Profile, Template, crash, faults, interleave, rusqlite};
//!
//! static APP: Template = Template::new("fixtures/shop/migrations").profile(Profile::PRODUCTION);
//!
//! fn add_category(db: &mut rusqlite::Connection, name: &str) -> rusqlite::Result<usize> {
//!     db.execute("INSERT INTO categories(slug, name) VALUES (lower(?1), ?1)", [name])
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
//! - The app's own code opens the same database by [`TestDb::path`] or [`TestDb::uri`], through any driver that is linked
//!   to the same SQLite.
//! - `datetime('now')` and busy timeouts follow [`TestDb::clock`].
//! - A test that panics leaves its database as a file in the target folder and says where. `SQLITMUS_KEEP=always` or
//!   `never` changes that; `SQLITMUS_DIR` names another folder.
//! - Processes share built templates through `sqlitmus/cache` in the target folder; `SQLITMUS_CACHE=off` does without.
//! - A failure of [`crash`], [`faults`] or [`interleave`] prints a `SQLITMUS_REPLAY=…` that repeats it alone;
//!   `SQLITMUS_SHARD=2/4` does a quarter of the work, and `SQLITMUS_SEED` chooses anew where not everything is tried.
//! - [`plan::explain`] shows how SQLite would run a statement, and what it would scan; an assertion that fails offers the
//!   index that mends it. [`workload::unused_indexes`] lists those that no recorded query needs.
//! - [`Template::stats`] plans as production does, [`plan::assert_plan_stable`] tells which plans depend on statistics, and
//!   [`workload::growth`](workload::growth()) how the steps of a query grow with the database.
//! - [`check`] has what asks a database questions, [`schema`] what it answers about itself, and the macros
//!   [`assert_rows_snapshot!`], [`assert_changes_snapshot!`], [`assert_schema_snapshot!`] and [`assert_plan_snapshot!`] keep
//!   the answers.
//! - [`TestDb::check`] looks for broken references and indexes; [`Template::checked`] does when a test ends, and
//!   `SQLITMUS_CHECK=1` for a whole run.
//!
//! # Features
//!
//! All but the last two are on by default.
//!
//! - `fixtures`: [`fixtures`], for rstest. Your package lists rstest too.
//! - `snapshots`: the `assert_*_snapshot!` macros, on insta.
//! - `data`: values that look like what a column's name promises, on fake.
//! - `property`: brings in proptest.
//! - `out-of-memory`: [`faults::Sweep::out_of_memory`] lets each of SQLite's allocations fail. Off by default, because SQLite's
//!   allocator is taken over for it, in each process of the tests.
//! - `bundled`: compiles the SQLite that comes with rusqlite. Off by default, so that tests run on the SQLite that the app
//!   ships.

pub mod check;
pub mod crash;
pub mod data;
mod db;
mod draw;
mod env;
mod error;
mod explore;
pub mod faults;
#[cfg(feature = "fixtures")]
pub mod fixtures;
pub mod interleave;
mod lock;
#[cfg(feature = "snapshots")]
mod macros;
pub mod migrations;
mod own;
pub mod plan;
mod power_cuts;
mod progress;
pub mod record;
mod report;
pub mod schema;
pub mod sim;
mod sql;
pub mod suite;
mod teardown;
mod trace;
pub mod workload;

pub use db::{Profile, Template, TestDb};
pub use error::{BoxError, Error, ErrorKind, Result};
#[cfg(feature = "snapshots")]
#[doc(hidden)]
pub use macros::__private;
pub use rusqlite;
