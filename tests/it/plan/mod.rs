//! Query plans.

mod assertions;
mod catalogue;
mod names;
mod refused;
#[cfg(feature = "snapshots")]
mod snapshot;
mod statistics;
mod walks;
mod why_not;
mod why_not_texts;

use sqlitmus::Template;
use sqlitmus::TestDb;

/// Returns a database after these statements, with foreign keys on, which is rusqlite's default.
fn db(schema: &str) -> TestDb {
    let db = Template::empty().in_memory();
    db.execute_batch(schema).unwrap();
    db
}

/// Returns the version of SQLite, as reports print it.
fn version() -> &'static str {
    sqlitmus::rusqlite::version()
}
