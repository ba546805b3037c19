//! Tests an action under power cuts: at any moment, with any of the unsynced writes on the disk.
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
//! let says = "leaves the action half done: orders without items";
//! assert!(error.headline().ends_with(says), "{error}");
//!
//! let report = crash::test(&APP.in_memory(), |db| {
//!     let transaction = db.transaction()?;
//!     transaction.execute("INSERT INTO orders VALUES (1, 250)", [])?;
//!     transaction.execute("INSERT INTO items VALUES (1, 'tea')", [])?;
//!     transaction.commit()
//! })
//! .run();
//! let says = "the last commit may be lost; none half-applied";
//! assert_eq!(report.promise(), format!("WAL + NORMAL: {says}"));
//! ```
//!
//! # What fails
//!
//! The action runs on a copy of the database, on a disk that logs each write, sync, truncation and delete. For each moment
//! the test builds the images that a power cut may leave: no unsynced write, all of them, the first few, all but one, one
//! alone, torn sectors, mixes, names that are not in their directory yet, and files that have their new length and zeros or other
//! bytes in it. SQLite recovers each new image. The database then has to be
//!
//! - all or nothing: as before the action or as after it. [`each_transaction`](CrashTest::each_transaction) allows the states
//!   between its transactions, and runs it again on each of them: it has to end as without a power cut.
//!   [`independent_transactions`](CrashTest::independent_transactions) allows them without that;
//! - durable: it has every commit that had returned to the app, as far as journal mode and synchronous promise. WAL with
//!   NORMAL, the setting of most apps, may lose commits after a power cut, but none when the process is killed;
//! - intact: SQLite's own integrity check passes;
//! - left so that the next run ends: one that waits for what the first one has left is named with what it repeats;
//! - made up for: if all is done and the action was cut off before it called [`acknowledge`], it has to call it when it is run
//!   again, or to return an error. An action that marks a mail as sent and then sends it does neither. A job is run until it
//!   has nothing left to do.
//!
//! About ten seconds' worth of images are looked at, counted in work, so that every machine looks at the same ones. The
//! report says how many were left out; [`exhaustive`](CrashTest::exhaustive) leaves out none.
//!
//! | journal mode | synchronous | what a power cut may take |
//! | --- | --- | --- |
//! | WAL | FULL, EXTRA | nothing that was committed |
//! | WAL | NORMAL | commits since the last checkpoint |
//! | DELETE | EXTRA | nothing that was committed |
//! | DELETE | FULL | the last commit |
//! | TRUNCATE, PERSIST | FULL, EXTRA | nothing that was committed |
//! | DELETE, TRUNCATE, PERSIST | NORMAL | the last commit, and in rare cases the database |
//! | any, with [`drive_with_cache`](CrashTest::drive_with_cache) and without fullfsync | any | the database |
//! | any | OFF | the database |
//! | MEMORY, OFF | any | the database |
//!
//! The test's own database does not change. The action runs twice, to find out whether it makes the same disk operations
//! again. Columns in which the two runs differ, such as times that the app makes, are not compared, and the report names
//! them. The clock of its copies stands still, and `random()` returns the same values. It gets its own connection. Other
//! databases on the same disk (`ATTACH`) are compared too: with
//! [`independent_transactions`](CrashTest::independent_transactions) each may have lost its own last commits, and a transaction over
//! several files that is in one and not in another is a failure. Files beside the database that the app writes itself are not on that
//! disk. [`file`](CrashTest::file) names those that an invariant reads, and [`faults`](crate::faults) stops the action where the
//! power would.
//!
//! Code that does not take a rusqlite connection, such as diesel, sqlx or a pool, opens the copy that [`test_with`] hands to it,
//! and has to close it before it returns. The checkpoint at the end is then done with the settings of the connection that wrote
//! and was closed last. The report names the settings of such connections, and the profile still decides what may be lost.
//!
//! `SQLITMUS_SHARD=2/4` looks at every fourth moment, `SQLITMUS_SEED` chooses other images where there are too many, and
//! `SQLITMUS_REPLAY` repeats the one image that a failure has printed.

mod beside;
mod closed_connections;
mod committed;
mod crash_test;
mod disk_model;
mod exploration;
mod explorer;
mod failing_sync;
mod failure;
mod options;
mod power_cut;
mod promise;
mod recording;
mod report;
mod several_files;
#[cfg(test)]
mod tests;

pub use self::crash_test::{CrashTest, test, test_with};
pub use self::recording::acknowledge;
pub use self::report::Report;
