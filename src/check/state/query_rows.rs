//! The rows of a query as a table of text.

use std::fmt;

use rusqlite::Connection;

use super::cell::{Cell, shown_name};
use super::redact::{Redact, Redacting};
use crate::error::{Error, ErrorKind, Result, or_panic};
use crate::report::{Raw, printable};
use crate::sql;

/// The rows of a query.
///
/// `Display` is a table in which different rows look different. Texts are quoted, floats have a decimal point, blobs are
/// `x'…'`. Line breaks and invisible characters are escaped. Long values are cut, and shown with a digest of the whole.
#[derive(Clone, Debug)]
#[must_use = "rows are there to be looked at"]
pub struct QueryRows {
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
    /// True if the query has an `ORDER BY` of its own.
    ordered: bool,
    redact: Redact,
}

/// Runs `query`, a single statement without parameters that only reads, and returns its rows. Without an `ORDER BY`, SQLite
/// promises no order, and the rows are shown in the order of their values.
///
/// ```
/// use sqlitmus::check;
///
/// let db = sqlitmus::Template::empty().in_memory();
/// db.execute_batch(
///     "CREATE TABLE t(x, y);
///      INSERT INTO t VALUES ('it''s', 1), (NULL, 1.0), ('a\nb', x'31')",
/// )
/// .unwrap();
/// let rows = check::query_rows(&db, "SELECT x, y FROM t").unwrap();
/// assert_eq!(rows.to_string(), "\
/// x       | y
/// --------+------
/// NULL    | 1.0
/// 'a\\nb'  | x'31'
/// 'it''s' | 1
/// ");
/// ```
///
/// # Errors
/// If SQLite refuses the query, if it is not a single statement, or if it writes.
pub fn query_rows(connection: &Connection, query: &str) -> Result<QueryRows> {
    let _own = crate::own::statements();
    let wrong = |headline: String| Error::new(ErrorKind::Check, headline).sql(query);
    let statements = sql::split(query);
    let [only] = statements[..] else {
        return Err(wrong(format!("expected one query, found {}", statements.len())));
    };
    let refused = |error| Error::new(ErrorKind::Sqlite, "cannot run the query").sql(query).because_sqlite(error);
    let mut statement = connection.prepare(only.text).map_err(refused)?;
    if statement.column_count() == 0 {
        return Err(wrong(String::from("the statement returns no rows")));
    }
    if !statement.readonly() {
        return Err(wrong(String::from("the statement writes, but only queries are allowed")));
    }
    let columns = (0..statement.column_count()).map(|at| statement.column_name(at).map(str::to_owned));
    let columns: Vec<String> = columns.collect::<rusqlite::Result<_>>().map_err(refused)?;
    let mut found = Vec::new();
    let mut rows = statement.query([]).map_err(refused)?;
    while let Some(row) = rows.next().map_err(refused)? {
        let cells = (0..columns.len()).map(|at| row.get_ref(at).map(Cell::of)).collect::<rusqlite::Result<Vec<_>>>();
        found.push(cells.map_err(refused)?);
    }
    Ok(QueryRows { columns, rows: found, ordered: sql::is_ordered(query), redact: Redact::new() })
}

impl QueryRows {
    /// Returns the names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns true if there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Shows `text` for the values of a column, see [`Redact::column`].
    ///
    /// # Panics
    /// If there is no such column: a redaction without effect is a mistake.
    #[track_caller]
    pub fn redact(self, column: &str, text: &str) -> QueryRows {
        or_panic(self.try_redact(column, text))
    }

    /// Shows `[time]` for dates with a time of day, see [`Redact::times`].
    pub fn redact_times(mut self) -> QueryRows {
        self.redact = self.redact.times();
        self
    }

    /// Replaces all redactions.
    ///
    /// # Panics
    /// If one of them is for a column that does not exist.
    #[track_caller]
    pub fn redacted(self, redact: Redact) -> QueryRows {
        or_panic(self.try_redacted(redact))
    }

    fn with_known_columns(self) -> Result<QueryRows> {
        let there = |column: &&str| self.columns.iter().any(|name| sql::same_name(name, column));
        let Some(column) = self.redact.columns().find(|column| !there(column)).map(str::to_owned) else {
            return Ok(self);
        };
        let columns: Vec<String> = self.columns.iter().map(|name| shown_name(name)).collect();
        Err(Error::new(ErrorKind::Check, format!("no column to redact: {column}"))
            .evidence("columns of the query", columns.join(", ")))
    }

    /// Returns the rows in the order in which they are shown. Redacted values do not affect it, or random ids would change it.
    fn in_order(&self) -> Vec<&Vec<Cell>> {
        let mut rows: Vec<&Vec<Cell>> = self.rows.iter().collect();
        if !self.ordered {
            rows.sort_by_cached_key(|row| {
                let place = |(cell, column): (&Cell, &String)| self.redact.place("", column, cell);
                (row.iter().zip(&self.columns).map(place).collect::<Vec<_>>(), (*row).clone())
            });
        }
        rows
    }
}

/// The same without panics: each returns its failure as an [`Error`](crate::Error).
impl QueryRows {
    /// Like [`redact`](QueryRows::redact), without the panic.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn try_redact(mut self, column: &str, text: &str) -> Result<QueryRows> {
        self.redact = self.redact.column(column, text);
        self.with_known_columns()
    }

    /// Like [`redacted`](QueryRows::redacted), without the panic.
    ///
    /// # Errors
    /// If one of them is for a column that does not exist.
    pub fn try_redacted(mut self, redact: Redact) -> Result<QueryRows> {
        self.redact = redact;
        self.with_known_columns()
    }
}

printable!(QueryRows);

impl Raw for QueryRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut redacting = Redacting::new(&self.redact);
        let names: Vec<String> = self.columns.iter().map(|name| shown_name(name)).collect();
        let mut show = |row: &Vec<Cell>| -> Vec<String> {
            row.iter().zip(&self.columns).map(|(cell, column)| redacting.show("", column, cell)).collect()
        };
        let rows: Vec<Vec<String>> = self.in_order().into_iter().map(&mut show).collect();
        let mut widths: Vec<usize> = names.iter().map(|name| name.chars().count()).collect();
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        write_line(f, &names, &widths)?;
        let dashes: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        writeln!(f, "{}", dashes.join("-+-"))?;
        for row in &rows {
            write_line(f, row, &widths)?;
        }
        if rows.is_empty() {
            writeln!(f, "(no rows)")?;
        }
        Ok(())
    }
}

fn write_line(f: &mut fmt::Formatter<'_>, cells: &[String], widths: &[usize]) -> fmt::Result {
    let mut line = String::new();
    for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
        if index > 0 {
            line.push_str(" | ");
        }
        line.push_str(cell);
        line.extend(std::iter::repeat_n(' ', width - cell.chars().count()));
    }
    writeln!(f, "{}", line.trim_end())
}
