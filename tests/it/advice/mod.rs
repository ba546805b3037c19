//! Indexes that improve a plan: those that are offered, those that are not, and the proof that all of them help.

mod children;
mod covering;
mod expert;
mod flags;
mod names;
mod none;
mod random;
mod recorded;
mod reports;
mod steps;

use sqlitmus::plan::advise;
use sqlitmus::rusqlite::Connection;

/// Returns a database after these statements, with foreign keys on.
fn database(schema: &str) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    connection.execute_batch(schema).unwrap();
    connection
}

/// Returns the advice for a statement, one CREATE INDEX to a line, after a check that each helps.
#[track_caller]
fn advised(connection: &Connection, sql: &str) -> String {
    let advice = advise(connection, sql).unwrap();
    random::holds(connection, sql, &advice);
    advice.into_iter().map(|one| one.sql).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn check(schema: &str, sql: &str, expected: &str) {
    assert_eq!(advised(&database(schema), sql), expected, "{sql}");
}
