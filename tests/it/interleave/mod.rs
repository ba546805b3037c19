//! Every schedule of several tasks: known numbers, bugs and their fixes, and the texts of failures.

mod anomalies;
mod bad_input;
mod besides_rows;
mod bugs;
mod classes;
mod facts;
mod memory;
mod messages;
mod new_ids;
mod own_connections;
mod remedies;
mod scheduler;
mod timeouts;
mod transactions;
mod two_connections;

use sqlitmus::interleave::Explore;
use sqlitmus::rusqlite::{Connection, Result};
use sqlitmus::{Profile, Template, TestDb};

const SCHEMA: &[(&str, &str)] = &[(
    "1_shop.sql",
    "CREATE TABLE stock(item INTEGER PRIMARY KEY, count INTEGER NOT NULL);
     INSERT INTO stock VALUES (1, 10), (2, 5);
     CREATE TABLE names(id INTEGER PRIMARY KEY, name TEXT NOT NULL);
     CREATE TABLE doctors(name TEXT PRIMARY KEY, on_call INTEGER NOT NULL);
     INSERT INTO doctors VALUES ('ada', 1), ('bob', 1);",
)];

static WAL: Template = Template::embedded(SCHEMA).profile(Profile::PRODUCTION);
static ROLLBACK: Template = Template::embedded(SCHEMA)
    .profile(Profile::SQLITE_DEFAULTS.pragma("journal_mode", "DELETE").pragma("busy_timeout", "5000"));

/// Reads and writes in a deferred transaction, as ORMs do.
const DEFERRED: [&str; 4] =
    ["BEGIN", "SELECT count FROM stock WHERE item = 1", "UPDATE stock SET count = count - 1 WHERE item = 1", "COMMIT"];
const IMMEDIATE: [&str; 4] = [
    "BEGIN IMMEDIATE",
    "SELECT count FROM stock WHERE item = 1",
    "UPDATE stock SET count = count - 1 WHERE item = 1",
    "COMMIT",
];

/// Returns the text of a failure without the line that names the test.
#[track_caller]
fn failure(explore: Explore<'_>) -> String {
    let error = explore.try_run().unwrap_err();
    assert_eq!(error.kind(), sqlitmus::ErrorKind::Schedule, "{error}");
    let text = error.to_string();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("note: SQLITMUS_REPLAY=")).collect();
    lines.join("\n")
}

/// Returns the outcomes, each with its number of schedules.
fn outcomes(report: &sqlitmus::interleave::Report) -> Vec<(String, u64)> {
    report.outcomes().map(|(outcome, count)| (outcome.to_owned(), count)).collect()
}

fn count(db: &Connection, item: i64) -> Result<i64> {
    db.query_row("SELECT count FROM stock WHERE item = ?1", [item], |row| row.get(0))
}

fn wal() -> TestDb {
    WAL.in_memory()
}
