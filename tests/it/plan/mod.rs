//! Query plans.

mod assertions;
mod catalogue;
mod names;
mod refused;
#[cfg(feature = "snapshots")]
mod snapshot;
mod statistics;

use sqlitmus::Template;
use sqlitmus::TestDb;

/// A database with these statements run in it, and rusqlite's default of foreign keys that hold.
fn db(schema: &str) -> TestDb {
    let db = Template::empty().in_memory();
    db.execute_batch(schema).unwrap();
    db
}

/// What SQLite is linked, as its reports print it.
fn version() -> &'static str {
    sqlitmus::rusqlite::version()
}
