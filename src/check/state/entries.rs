//! The parts of a database file that are not rows: the entries of its schema, and the numbers of its header.

use std::collections::BTreeMap;

use super::snapshot::Snapshot;
use crate::error::Result;

/// An entry of `sqlite_schema`.
pub(crate) struct SchemaEntry {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) table: String,
    pub(crate) sql: Option<String>,
}

/// Returns the entries of the schema by kind and name.
pub(crate) fn schema_entries(snapshot: &Snapshot<'_>) -> Result<BTreeMap<(String, String), SchemaEntry>> {
    let read = || -> rusqlite::Result<_> {
        let mut statement = snapshot.connection.prepare("SELECT type, name, tbl_name, sql FROM main.sqlite_schema")?;
        let entries = statement.query_map([], |row| {
            let entry = SchemaEntry { kind: row.get(0)?, name: row.get(1)?, table: row.get(2)?, sql: row.get(3)? };
            Ok(((entry.kind.clone(), entry.name.clone()), entry))
        })?;
        entries.collect()
    };
    read().map_err(|error| snapshot.refused("to read the schema", error))
}

/// Returns the numbers of the header that belong to the app, each with its PRAGMA.
pub(crate) fn header_numbers(snapshot: &Snapshot<'_>) -> Result<[(&'static str, i64); 2]> {
    let read = |name: &str| -> Result<i64> {
        let number = snapshot.connection.query_row(&format!("PRAGMA main.{name}"), [], |row| row.get(0));
        number.map_err(|error| snapshot.refused("to read the header", error))
    };
    let [user_version, application_id] = ["user_version", "application_id"];
    Ok([(user_version, read(user_version)?), (application_id, read(application_id)?)])
}
