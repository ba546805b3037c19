//! The rows of `sqlite_schema`, and the names of tables that are no part of an app's schema.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use crate::sql::same_name;

/// A row of `sqlite_schema`.
#[derive(Clone, Debug)]
pub(crate) struct SchemaEntry {
    /// `table`, `index`, `view` or `trigger`.
    pub(crate) kind: String,
    pub(crate) name: String,
    /// The table of an index or trigger; else the name itself.
    pub(crate) table: String,
    /// The CREATE statement; `None` for the index behind a constraint.
    pub(crate) sql: Option<String>,
}

impl SchemaEntry {
    /// Returns the CREATE statement, unless SQLite makes the object itself.
    pub(crate) fn declaration(&self) -> Option<&str> {
        self.sql.as_deref().filter(|_| !is_internal(&self.name))
    }
}

/// Returns true if SQLite reserves this name for itself.
pub(crate) fn is_internal(name: &str) -> bool {
    name.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("sqlite_"))
}

/// Returns the rows of `sqlite_schema` in the order of creation.
pub(crate) fn entries(connection: &Connection) -> rusqlite::Result<Vec<SchemaEntry>> {
    let mut statement =
        connection.prepare("SELECT type, name, tbl_name, sql FROM main.sqlite_master ORDER BY rowid")?;
    let entries = statement.query_map([], |row| {
        let sql = match row.get_ref(3)? {
            ValueRef::Null => None,
            _ => Some(text(row, 3)?),
        };
        Ok(SchemaEntry { kind: text(row, 0)?, name: text(row, 1)?, table: text(row, 2)?, sql })
    })?;
    entries.collect()
}

/// Returns a text column. Names and texts in a database need not be UTF-8; nothing is refused for that.
pub(super) fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    })
}

/// The usual names of the tables in which migration runners record what they have applied.
const OF_RUNNERS: [&str; 7] = [
    "_migrations",
    "schema_migrations",
    "_sqlx_migrations",
    "__diesel_schema_migrations",
    "refinery_schema_history",
    "goose_db_version",
    "seaql_migrations",
];

/// Returns true if a table is a runner's ledger, and so no part of the app's schema and data.
pub(crate) fn is_ledger(table: &str) -> bool {
    OF_RUNNERS.iter().any(|ledger| same_name(ledger, table))
}
