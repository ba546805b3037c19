//! The contents of a database: digests, differences, changes, rows as text.

mod changes;
mod digest;
mod query_rows;
mod same_data;
#[cfg(feature = "snapshots")]
mod snapshots;

use sqlitmus::{Template, TestDb};

/// Returns an in-memory database created by this script.
#[track_caller]
fn db(script: &str) -> TestDb {
    let db = Template::empty().in_memory();
    if let Err(error) = db.execute_batch(script) {
        panic!("{error}\n{script}");
    }
    db
}
