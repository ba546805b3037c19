//! Indexes that mend a plan: what is offered, what is not, and that all of it helps.

mod expert;
mod names;
mod none;
mod random;
mod reports;

use sqlitmus::plan::advise;
use sqlitmus::rusqlite::Connection;

/// A database with these statements run in it, and foreign keys that hold.
fn database(schema: &str) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    connection.execute_batch(schema).unwrap();
    connection
}

/// What is advised for a statement, one CREATE INDEX to a line. Each really helps.
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
