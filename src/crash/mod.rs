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

mod acknowledge;
mod commit_points;
mod crash_test;
mod diagnosis;
mod disk_model;
mod explorer;
mod failure;
mod options;
mod power_cut;
mod promise;
mod recording;
mod report;
#[cfg(test)]
mod tests;
mod variant;

pub use self::acknowledge::acknowledge;
pub use self::crash_test::{CrashTest, test};
pub use self::report::Report;
