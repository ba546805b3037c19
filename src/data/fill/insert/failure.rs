//! The errors about rows that could not be inserted.

use crate::error::{Error, ErrorKind};
use crate::report::count;

/// A row that SQLite refused each time that it was made.
#[derive(Default)]
pub(super) struct RefusedRow {
    pub(super) table: String,
    pub(super) row: u64,
    pub(super) attempts: u64,
    /// The first of the rows that were tried.
    pub(super) tried: Vec<String>,
    /// The triggers that refused it.
    pub(super) triggers: Vec<String>,
}

impl RefusedRow {
    pub(super) fn error(&self, error: rusqlite::Error) -> Error {
        let RefusedRow { table, row, attempts, tried, triggers } = self;
        let headline = format!("cannot fill {table}: row {} was refused {}", row + 1, count(*attempts, "time"));
        let mut failure =
            Error::new(ErrorKind::Data, headline).evidence("tried", tried.join("\n")).because_sqlite(error);
        if !triggers.is_empty() {
            failure = failure.evidence("trigger", triggers.join("\n"));
        }
        failure.help(format!(
            "give a column its value: .set(\"{table}\", column, value) or .set_with(\"{table}\", column, |row| ..)"
        ))
    }
}

/// Foreign keys that refer to nothing.
pub(super) fn broken(table: &str, broken: &[String]) -> Error {
    Error::new(ErrorKind::Data, format!("cannot fill {table}: rows would refer to nothing"))
        .evidence("PRAGMA foreign_key_check", broken.join("\n"))
        .help("existing rows may have the keys that were to be given")
}
