//! Checks that two databases hold the same rows.

use std::fmt::Write;

use rusqlite::Connection;

use super::cell::shown_name;
use super::compare::compare;
use super::diff::{Side, TableDiff};
use super::redact::{Redact, Redacting};
use super::tables::{Snapshot, TableSet};
use crate::error::{Error, ErrorKind, Result, or_panic};
use crate::report::count;

/// The numbers of rows of a table and of tables that a failure shows.
const SHOWN_ROWS: usize = 10;
const SHOWN_TABLES: usize = 10;

/// Checks that two databases hold the same rows. Rows are identified by the primary key, else by a UNIQUE key of NOT NULL
/// columns, else by all of their values. Rowids that are no column and the order of columns do not matter.
///
/// The tables are those of [`digest`](super::digest()). Each is read once or twice in the order of its key, and only the
/// differences are kept in memory.
///
/// ```
/// use sqlitmus::check;
///
/// let db = sqlitmus::Template::empty().in_memory();
/// db.execute_batch(
///     "CREATE TABLE orders(id INTEGER PRIMARY KEY, status);
///      INSERT INTO orders VALUES (3, 'open')",
/// )
/// .unwrap();
/// let copy = db.fork();
/// check::assert_same_data(&db, &copy);
///
/// copy.execute("UPDATE orders SET status = 'paid'", []).unwrap();
/// let error = check::try_assert_same_data(&db, &copy).unwrap_err();
/// assert_eq!(error.to_string(), "\
/// data differs: orders: 1 row changed
///
///   orders (- in the first only, + in the second only, ~ in both):
///     ~ id=3 status: 'open' -> 'paid'");
/// ```
///
/// # Panics
/// If anything differs, with the rows, or if SQLite refuses to read.
#[track_caller]
pub fn assert_same_data(first: &Connection, second: &Connection) {
    or_panic(try_assert_same_data(first, second));
}

/// Like [`assert_same_data`], without the panic.
///
/// # Errors
/// If anything differs, or if SQLite refuses to read.
pub fn try_assert_same_data(first: &Connection, second: &Connection) -> Result<()> {
    let tables = compare(&Snapshot::begin(first)?, &Snapshot::begin(second)?, TableSet::Data, SHOWN_ROWS)?;
    let Some(worst) = tables.first() else { return Ok(()) };
    let mut headline = format!("data differs: {}: {}", worst.shown_name(), summary(worst));
    match tables.len() - 1 {
        0 => {}
        1 => headline.push_str("; and 1 more table"),
        more => {
            let _ = write!(headline, "; and {more} more tables");
        }
    }
    let mut error = Error::new(ErrorKind::Check, headline);
    for (index, table) in tables.iter().take(SHOWN_TABLES).enumerate() {
        let label = match index {
            0 => format!("{} (- in the first only, + in the second only, ~ in both)", table.shown_name()),
            _ => format!("{}: {}", table.shown_name(), summary(table)),
        };
        error = error.evidence(label, body(table));
    }
    if tables.len() > SHOWN_TABLES {
        let rest: Vec<String> = tables[SHOWN_TABLES..].iter().map(TableDiff::shown_name).collect();
        error = error.evidence("more tables that differ", rest.join(", "));
    }
    Err(error)
}

/// Returns `1 row missing, 2 changed`.
fn summary(table: &TableDiff) -> String {
    let mut parts = Vec::new();
    match table.only_on {
        Some(side) => {
            let rows = count(table.rows(), "row");
            let what = if side == Side::Before { "missing" } else { "extra" };
            return format!("the table is {what}, with {rows}");
        }
        None => {
            parts.extend(table.lost_columns.iter().map(|name| format!("column {name} missing")));
            parts.extend(table.new_columns.iter().map(|name| format!("column {name} extra")));
        }
    }
    let mut unit = " row";
    for (count, what) in [(table.deleted, "missing"), (table.inserted, "extra"), (table.updated, "changed")] {
        if count > 0 {
            let plural = if count > 1 && !unit.is_empty() { "s" } else { "" };
            parts.push(format!("{count}{unit}{plural} {what}"));
            unit = "";
        }
    }
    parts.join(", ")
}

fn body(table: &TableDiff) -> String {
    let redact = Redact::new();
    let mut redacting = Redacting::new(&redact);
    let mut lines: Vec<String> = Vec::new();
    lines.extend(table.lost_columns.iter().map(|name| format!("- column {}", shown_name(name))));
    lines.extend(table.new_columns.iter().map(|name| format!("+ column {}", shown_name(name))));
    match table.only_on {
        Some(Side::Before) => lines.push(String::from("- the table")),
        Some(Side::After) => lines.push(String::from("+ the table")),
        None => {}
    }
    lines.extend(table.changes.iter().map(|change| table.line(change, &mut redacting)));
    let more = table.rows() - table.changes.len();
    if more > 0 {
        lines.push(format!("... and {more} more"));
    }
    lines.join("\n")
}
