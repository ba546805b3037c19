//! The changes between two contents, as values, and how much of an action they show.

use std::fmt;

use rusqlite::Connection;

use super::contents::{KnownContents, OpenedFiles};
use crate::check::{self, Changes, Snapshot, TableChanges};
use crate::db::MAIN;
use crate::schema::{Schema, SchemaDiff};

/// The changes of the databases of a disk.
#[derive(Default)]
pub(crate) struct ContentChanges {
    databases: Vec<(String, DatabaseChange)>,
}

enum DatabaseChange {
    Created,
    Gone,
    Changed(DatabaseChanges),
}

/// The changes of a database that is there before and after.
pub(crate) struct DatabaseChanges {
    /// `None` if SQLite cannot read one of the schemas.
    schema: Option<SchemaDiff>,
    /// `Err` with what SQLite says of rows that it cannot read.
    rows: Result<Changes, String>,
    /// The numbers of the header that differ, each with its PRAGMA.
    numbers: Vec<(&'static str, i64, i64)>,
}

impl ContentChanges {
    pub(crate) fn between(from: &OpenedFiles, to: &OpenedFiles) -> ContentChanges {
        let changed = to.connections.iter().map(|(name, after)| match from.named(name) {
            None => (name.clone(), DatabaseChange::Created),
            Some(before) => (name.clone(), DatabaseChange::Changed(DatabaseChanges::between(before, after))),
        });
        let gone = from.connections.iter().filter(|(name, _)| to.named(name).is_none());
        let gone = gone.map(|(name, _)| (name.clone(), DatabaseChange::Gone));
        ContentChanges { databases: changed.chain(gone).collect() }
    }

    /// Returns the tables that changed. Of another database than the test's own, each with its name; where all of that
    /// database is new or gone, its name alone.
    pub(crate) fn tables(&self) -> Vec<String> {
        let mut tables = Vec::new();
        for (name, change) in &self.databases {
            match change {
                DatabaseChange::Created | DatabaseChange::Gone => tables.push(name.clone()),
                DatabaseChange::Changed(DatabaseChanges { rows: Ok(rows), .. }) => {
                    tables.extend(rows.iter().map(|table| match name == MAIN {
                        true => table.name().to_owned(),
                        false => format!("{} of {name}", table.name()),
                    }));
                }
                DatabaseChange::Changed(_) => {}
            }
        }
        tables
    }
}

impl DatabaseChanges {
    pub(crate) fn between(before: &Connection, after: &Connection) -> DatabaseChanges {
        let schema = match (Schema::read(before), Schema::read(after)) {
            (Ok(before), Ok(after)) => Some(before.diff(&after)),
            _ => None,
        };
        let numbers = |of: &Connection| check::header_numbers(&Snapshot::begin(of)?);
        let numbers = match (numbers(before), numbers(after)) {
            (Ok(before), Ok(after)) => before.into_iter().zip(after).collect(),
            _ => Vec::new(),
        };
        let differs = |((name, before), (_, after))| (before != after).then_some((name, before, after));
        DatabaseChanges {
            schema,
            rows: check::changes_between(before, after).map_err(|error| error.headline().to_owned()),
            numbers: numbers.into_iter().filter_map(differs).collect(),
        }
    }

    /// Returns the number of rows, objects and numbers that differ.
    pub(crate) fn len(&self) -> usize {
        let of_table = |table: &TableChanges| table.inserted().len() + table.updated().len() + table.deleted().len();
        let rows = self.rows.as_ref().map_or(1, |rows| rows.iter().map(of_table).sum());
        rows + self.schema.as_ref().map_or(0, SchemaDiff::len) + self.numbers.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        let rows = self.rows.as_ref().is_ok_and(Changes::is_empty);
        rows && self.schema.as_ref().is_none_or(SchemaDiff::is_empty) && self.numbers.is_empty()
    }

    /// Returns the changes of the schema in words, those of the rows, and those of the numbers as PRAGMAs.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(schema) = &self.schema {
            lines.extend(schema.to_string().lines().map(str::to_owned));
        }
        match &self.rows {
            Ok(rows) if rows.is_empty() => {}
            Ok(rows) => lines.extend(rows.to_string().lines().map(str::to_owned)),
            Err(says) => lines.push(says.clone()),
        }
        lines.extend(self.numbers.iter().map(|(name, before, after)| format!("PRAGMA {name}: {before} -> {after}")));
        lines
    }
}

/// The number of lines of changes that a failure shows of each database.
const SHOWN: usize = 12;

/// The changes in words and rows, or `nothing`.
impl fmt::Display for ContentChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = Vec::new();
        for (name, change) in &self.databases {
            let mut lines = match change {
                DatabaseChange::Created => vec![String::from("created")],
                DatabaseChange::Gone => vec![String::from("gone")],
                DatabaseChange::Changed(changes) => changes.lines(),
            };
            if lines.len() > SHOWN {
                let more = lines.len() - SHOWN;
                lines.truncate(SHOWN);
                lines.push(format!("... and {more} more lines"));
            }
            if name != MAIN {
                lines.iter_mut().for_each(|line| line.insert_str(0, &format!("{name}: ")));
            }
            shown.extend(lines);
        }
        f.write_str(if shown.is_empty() { "nothing" } else { "" })?;
        f.write_str(&shown.join("\n"))
    }
}

/// The part of an action that is in a database: the changes that it made, and those that it still had to make.
#[derive(Default)]
pub(crate) struct ActionPart {
    pub(crate) done: ContentChanges,
    pub(crate) missing: ContentChanges,
}

impl ActionPart {
    /// Compares `opened` with the known contents before and after the action.
    pub(crate) fn of(contents: &KnownContents, before: usize, opened: &OpenedFiles, after: usize) -> ActionPart {
        let done = contents.opened(before).map(|before| ContentChanges::between(&before, opened));
        let missing = contents.opened(after).map(|after| ContentChanges::between(opened, &after));
        ActionPart { done: done.unwrap_or_default(), missing: missing.unwrap_or_default() }
    }

    /// `: orders, items`, the tables that it changed.
    pub(crate) fn tables_done(&self) -> String {
        listed(&self.done.tables())
    }

    /// `: orders, items`, the tables that it still had to change.
    pub(crate) fn tables_missing(&self) -> String {
        listed(&self.missing.tables())
    }

    pub(crate) fn has_done_nothing(&self) -> bool {
        self.done.tables().is_empty()
    }

    /// Returns true if the action has changed each table that it had to change.
    pub(crate) fn reaches_all_tables(&self) -> bool {
        let done = self.done.tables();
        self.missing.tables().iter().all(|table| done.contains(table))
    }

    /// Returns true if no row of a table of the schema is missing: what differs is in the tables that a module keeps.
    pub(crate) fn reaches_all_rows(&self) -> bool {
        self.missing.tables().is_empty()
    }

    /// `: orders without items`, the tables that it changed and those that it still had to.
    pub(crate) fn one_without_other(&self) -> String {
        let (done, missing) = (self.done.tables(), self.missing.tables());
        let only: Vec<&str> = missing.iter().filter(|table| !done.contains(table)).map(String::as_str).collect();
        match (done.is_empty(), only.is_empty()) {
            (true, false) => format!(": not {}", only.join(", ")),
            (false, false) => format!(": {} without {}", done.join(", "), only.join(", ")),
            (_, true) => listed(&done),
        }
    }
}

fn listed(tables: &[String]) -> String {
    if tables.is_empty() { String::new() } else { format!(": {}", tables.join(", ")) }
}

/// Help for a transaction over several files that is half applied, see <https://www.sqlite.org/lang_attach.html>.
pub(crate) const FILE_BY_FILE: &str = "if one of several files is in WAL, MEMORY or OFF mode, SQLite commits each separately: \
                                       PRAGMA journal_mode = DELETE for all of them, or keep related tables in one file";
