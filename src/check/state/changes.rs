//! The changes that a piece of code made to a database, row by row.

use std::fmt::{self, Write};
use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use xxhash_rust::xxh64::Xxh64;

use super::cell::{Cell, shown_name};
use super::compare::compare;
use super::diff::{Layout, RowChange, Side, TableDiff};
use super::redact::{Redact, Redacting};
use super::tables::{Snapshot, TableSet};
use crate::db::TestDb;
use crate::error::{Error, ErrorKind, Result, or_panic};
use crate::order::SortedSet;
use crate::own;
use crate::report::{Raw, nearest, printable};
use crate::sql::{Name, same_name};

/// The number of rows of a table that `Display` shows.
const SHOWN_ROWS: usize = 200;

/// The rows that were inserted, updated and deleted, by table, and the value that the code returned.
///
/// `Display` is made for snapshots:
///
/// ```
/// let db = sqlitmus::Template::empty().in_memory();
/// db.execute_batch(
///     "CREATE TABLE orders(id INTEGER PRIMARY KEY, status);
///      INSERT INTO orders VALUES (3, 'open')",
/// )
/// .unwrap();
/// let changes = db.row_changes(|db| {
///     db.execute_batch(
///         "UPDATE orders SET status = 'paid';
///          INSERT INTO orders VALUES (4, NULL)",
///     )
///     .unwrap();
/// });
/// assert_eq!(changes.to_string(), "\
/// orders: 1 inserted, 1 updated
///   ~ id=3 status: 'open' -> 'paid'
///   + id=4, status=NULL
/// ");
/// changes.assert_only(&["orders"]);
/// ```
#[derive(Clone)]
#[non_exhaustive]
#[must_use = "changes say nothing unless they are looked at"]
pub struct Changes<R = ()> {
    /// The value that the code returned.
    pub value: R,
    tables: Vec<TableChanges>,
    /// The changes of a transaction that was left open, which are lost.
    open: Option<Vec<TableChanges>>,
    /// The tables that there were, before or after.
    known: SortedSet<Name>,
    redact: Redact,
}

/// The changes to the rows of one table.
#[derive(Clone)]
pub struct TableChanges {
    diff: TableDiff,
}

/// A row that was inserted or deleted, or a row before or after an update.
#[derive(Clone)]
pub struct ChangedRow {
    layout: Arc<Layout>,
    cells: Vec<Cell>,
}

/// A row before and after an update.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UpdatedRow {
    /// The row before the update.
    pub before: ChangedRow,
    /// The row after the update.
    pub after: ChangedRow,
}

impl TestDb {
    /// Runs `f`, code of the app, on a new connection, and returns what it changed: the difference between the rows committed
    /// before and after.
    ///
    /// A transaction that `f` leaves open is rolled back when its connection closes. Its changes do not count;
    /// [`Changes::left_open`] and `Display` report them. If `f` returns an error, it is in [`Changes::value`], and the changes
    /// are those that `f` has committed. `sqlite_sequence`, rowids that are no column, and attached and temporary databases are
    /// ignored.
    ///
    /// Rows are identified as in [`assert_same_data`](super::assert_same_data()): in a table without a key, an update is a
    /// deleted row and an inserted one.
    ///
    /// # Panics
    /// If SQLite refuses to copy or to read, or if `f` panics.
    #[track_caller]
    pub fn row_changes<R>(&self, f: impl FnOnce(&mut Connection) -> R) -> Changes<R> {
        or_panic(self.try_row_changes(f))
    }

    /// Like [`row_changes`](TestDb::row_changes), without the panic.
    ///
    /// # Errors
    /// If SQLite refuses to copy or to read.
    pub fn try_row_changes<R>(&self, f: impl FnOnce(&mut Connection) -> R) -> Result<Changes<R>> {
        let before = self.committed()?;
        let mut connection = self.try_connect()?;
        let value = f(&mut connection);
        let (tables, open) = if connection.is_autocommit() {
            (tables(&before, &connection)?, None)
        } else {
            let after = self.committed()?;
            (tables(&before, &after)?, Some(tables(&after, &connection)?))
        };
        let known = names_of_tables(&before, &connection)?;
        Ok(Changes { value, tables, open, known, redact: Redact::new() })
    }
}

/// Returns the changes that turn `before` into `after`.
///
/// # Errors
/// If SQLite refuses to read.
pub fn changes_between(before: &Connection, after: &Connection) -> Result<Changes> {
    let tables = tables(before, after)?;
    Ok(Changes { value: (), tables, open: None, known: names_of_tables(before, after)?, redact: Redact::new() })
}

fn names_of_tables(before: &Connection, after: &Connection) -> Result<SortedSet<Name>> {
    let _own = own::statements();
    let names = |connection: &Connection| -> rusqlite::Result<Vec<Name>> {
        let mut statement = connection.prepare("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")?;
        statement.query_map([], |row| row.get::<_, String>(0).map(Name::from))?.collect()
    };
    let read = |connection| names(connection).map_err(|error| Error::sqlite("read the names of tables", error));
    Ok(read(before)?.into_iter().chain(read(after)?).collect())
}

fn tables(before: &Connection, after: &Connection) -> Result<Vec<TableChanges>> {
    changes_of(TableSet::Data, &Snapshot::begin(before)?, &Snapshot::begin(after)?)
}

/// Returns the changes to some tables.
pub(super) fn changes_of(set: TableSet, before: &Snapshot<'_>, after: &Snapshot<'_>) -> Result<Vec<TableChanges>> {
    let diffs = compare(before, after, set, usize::MAX)?;
    Ok(diffs.into_iter().map(|diff| TableChanges { diff }).collect())
}

impl<R> Changes<R> {
    /// Iterates over the tables that changed, in the order of their names.
    pub fn iter(&self) -> std::slice::Iter<'_, TableChanges> {
        self.tables.iter()
    }

    /// Returns the changes to the table with this name, if any.
    pub fn table(&self, name: &str) -> Option<&TableChanges> {
        self.tables.iter().find(|table| same_name(table.name(), name))
    }

    /// Returns true if nothing changed.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Returns true if a transaction was left open, so that its changes are lost.
    pub fn left_open(&self) -> bool {
        self.open.is_some()
    }

    /// Checks that no other tables changed than these. They need not have changed.
    ///
    /// # Panics
    /// If another table changed.
    #[track_caller]
    pub fn assert_only(&self, tables: &[&str]) -> &Self {
        or_panic(self.try_assert_only(tables))
    }

    /// Shows `text` for the values of a column, see [`Redact::column`].
    pub fn redact(mut self, column: &str, text: &str) -> Changes<R> {
        self.redact = self.redact.column(column, text);
        self
    }

    /// Shows `[time]` for dates with a time of day, see [`Redact::times`].
    pub fn redact_times(mut self) -> Changes<R> {
        self.redact = self.redact.times();
        self
    }

    /// Replaces all redactions.
    pub fn redacted(mut self, redact: Redact) -> Changes<R> {
        self.redact = redact;
        self
    }

    /// Returns the text of [`Display`](fmt::Display) with further redactions.
    #[cfg_attr(not(feature = "snapshots"), expect(dead_code, reason = "for assert_changes_snapshot!"))]
    pub(crate) fn text_with(&self, columns: &[(&str, &str)]) -> String {
        let add = |redact: Redact, (column, text): &(&str, &str)| redact.column(column, text);
        self.text(&columns.iter().fold(self.redact.clone(), add))
    }

    fn text(&self, redact: &Redact) -> String {
        let mut redacting = Redacting::new(redact);
        let mut text = String::new();
        write_tables(&mut text, &self.tables, redact, &mut redacting);
        if self.tables.is_empty() {
            text.push_str("no changes\n");
        }
        if let Some(open) = &self.open {
            text.push_str("a transaction was left open and is rolled back");
            text.push_str(if open.is_empty() { ", with nothing in it\n" } else { ". Lost changes:\n" });
            write_tables(&mut text, open, redact, &mut redacting);
        }
        text
    }
}

/// The same without panics: each returns its failure as an [`Error`](crate::Error).
impl<R> Changes<R> {
    /// Like [`assert_only`](Changes::assert_only), without the panic.
    ///
    /// # Errors
    /// If another table changed.
    pub fn try_assert_only(&self, tables: &[&str]) -> Result<&Self> {
        let meant = |table: &&TableChanges| tables.iter().any(|name| same_name(name, table.name()));
        let others: Vec<&TableChanges> = self.tables.iter().filter(|table| !meant(table)).collect();
        let Some(first) = others.first() else { return Ok(self) };
        let unknown = tables.iter().find(|name| !self.known.contains(&Name::from(**name)));
        let beyond = match unknown {
            Some(name) => format!("there is no table {name};"),
            None if tables.is_empty() => "changed:".to_owned(),
            None => format!("changed beyond {}:", tables.join(", ")),
        };
        let more = if others.len() > 1 { format!("; and {} more", others.len() - 1) } else { String::new() };
        let headline = format!("{beyond} {}: {}{more}", first.diff.shown_name(), first.summary());
        let mut error = Error::new(ErrorKind::Check, headline);
        if let Some(name) = unknown {
            error = error.help(match nearest(name, self.known.iter().map(Name::as_str)) {
                Some(near) => format!("did you mean {near}?"),
                None => {
                    let known: Vec<&str> = self.known.iter().map(Name::as_str).collect();
                    format!("the tables are {}", known.join(", "))
                }
            });
        }
        let mut redacting = Redacting::new(&self.redact);
        for table in others {
            let mut lines = table.lines(&self.redact, &mut redacting);
            if lines.len() > 11 {
                let more = lines.len() - 10;
                lines.truncate(10);
                lines.push(format!("... and {more} more"));
            }
            error = error.evidence(table.diff.shown_name(), lines.join("\n"));
        }
        Err(error)
    }
}

fn write_tables<'r>(text: &mut String, tables: &[TableChanges], redact: &'r Redact, redacting: &mut Redacting<'r>) {
    for table in tables {
        let _ = writeln!(text, "{}: {}", table.diff.shown_name(), table.summary());
        let lines = table.lines(redact, redacting);
        for line in lines.iter().take(SHOWN_ROWS) {
            let _ = writeln!(text, "  {line}");
        }
        if let Some(rest @ [_, ..]) = lines.get(SHOWN_ROWS..) {
            let mut digest = Xxh64::new(0);
            for line in rest {
                digest.update(line.as_bytes());
                digest.update(b"\n");
            }
            let _ = writeln!(text, "  ... and {} more (digest {:016x})", rest.len(), digest.digest());
        }
    }
}

impl TableChanges {
    /// Returns the name of the table.
    pub fn name(&self) -> &str {
        &self.diff.name
    }

    /// Returns the rows that were inserted, in the order of their keys; all rows of a table that was created.
    pub fn inserted(&self) -> Vec<ChangedRow> {
        let row =
            |change: &RowChange| if let RowChange::Inserted(cells) = change { Some(self.row(cells)) } else { None };
        self.diff.changes.iter().filter_map(row).collect()
    }

    /// Returns the rows that were updated, in the order of their keys.
    pub fn updated(&self) -> Vec<UpdatedRow> {
        let row = |change: &RowChange| match change {
            RowChange::Updated(before, after) => Some(UpdatedRow { before: self.row(before), after: self.row(after) }),
            _ => None,
        };
        self.diff.changes.iter().filter_map(row).collect()
    }

    /// Returns the rows that were deleted, in the order of their keys; all rows of a table that was dropped.
    pub fn deleted(&self) -> Vec<ChangedRow> {
        let row =
            |change: &RowChange| if let RowChange::Deleted(cells) = change { Some(self.row(cells)) } else { None };
        self.diff.changes.iter().filter_map(row).collect()
    }

    fn row(&self, cells: &[Cell]) -> ChangedRow {
        ChangedRow { layout: Arc::clone(&self.diff.layout), cells: cells.to_vec() }
    }

    /// Returns `created, 1 inserted, 2 updated`.
    fn summary(&self) -> String {
        let diff = &self.diff;
        let mut parts = Vec::new();
        match diff.only_on {
            Some(Side::Before) => parts.push(String::from("dropped")),
            Some(Side::After) => parts.push(String::from("created")),
            None => {}
        }
        parts.extend(diff.lost_columns.iter().map(|name| format!("column {} dropped", shown_name(name))));
        parts.extend(diff.new_columns.iter().map(|name| format!("column {} added", shown_name(name))));
        for (count, what) in [(diff.inserted, "inserted"), (diff.updated, "updated"), (diff.deleted, "deleted")] {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        parts.join(", ")
    }

    fn lines<'r>(&self, redact: &'r Redact, redacting: &mut Redacting<'r>) -> Vec<String> {
        let Layout { columns, key } = &*self.diff.layout;
        let is_redacted =
            |cells: &[Cell], at: usize| redact.text(self.name(), &columns[at], cells[at].value()).is_some();
        let mut changes: Vec<&RowChange> = self.diff.changes.iter().collect();
        let places: Vec<usize> = if key.is_empty() { (0..columns.len()).collect() } else { key.clone() };
        // A redacted key is random, and must not decide the order.
        if changes.iter().any(|change| places.iter().any(|&at| is_redacted(change.cells(), at))) {
            changes.sort_by_cached_key(|change| {
                let cells = change.cells();
                let place = |(cell, column): (&Cell, &String)| redact.place(self.name(), column, cell);
                (cells.iter().zip(columns).map(place).collect::<Vec<_>>(), change.mark(), cells.to_vec())
            });
        }
        changes.into_iter().map(|change| self.diff.line(change, redacting)).collect()
    }
}

impl ChangedRow {
    /// Returns the value of a column, if there is such a column.
    pub fn get(&self, column: &str) -> Option<ValueRef<'_>> {
        let at = self.layout.columns.iter().position(|name| same_name(name, column))?;
        Some(self.cells[at].value())
    }

    /// Returns the values that identify the row; all of them if the table has no key.
    pub(crate) fn key(&self) -> Vec<Cell> {
        match self.layout.key.as_slice() {
            [] => self.cells.clone(),
            key => key.iter().map(|at| self.cells[*at].clone()).collect(),
        }
    }

    /// Iterates over the columns and their values, in the order of declaration.
    pub fn iter(&self) -> impl Iterator<Item = (&str, ValueRef<'_>)> {
        self.layout.columns.iter().map(String::as_str).zip(self.cells.iter().map(Cell::value))
    }
}

impl UpdatedRow {
    /// Iterates over the columns that changed, each with its value before and after.
    pub fn changed(&self) -> impl Iterator<Item = (&str, ValueRef<'_>, ValueRef<'_>)> {
        let pairs = self.before.iter().zip(self.after.cells.iter().map(Cell::value));
        pairs
            .filter(|((_, before), after)| !super::cell::same(*before, *after))
            .map(|((name, one), other)| (name, one, other))
    }
}

printable!(Changes<R>);

impl<R> Raw for Changes<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(&self.redact))
    }
}

impl<R> fmt::Debug for Changes<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'a, R> IntoIterator for &'a Changes<R> {
    type Item = &'a TableChanges;
    type IntoIter = std::slice::Iter<'a, TableChanges>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

printable!(TableChanges);

impl Raw for TableChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let redact = Redact::new();
        let mut text = String::new();
        write_tables(&mut text, std::slice::from_ref(self), &redact, &mut Redacting::new(&redact));
        f.write_str(&text)
    }
}

impl fmt::Debug for TableChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

printable!(ChangedRow);

impl Raw for ChangedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (column, value)) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{}={}", shown_name(column), super::cell::shown(value))?;
        }
        Ok(())
    }
}

impl fmt::Debug for ChangedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
