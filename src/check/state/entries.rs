//! The parts of a database file that are not rows: the entries of its schema, and the numbers of its header.

use std::collections::BTreeMap;

use super::snapshot::Snapshot;
use crate::error::Result;
use crate::schema::entries::{SchemaEntry, entries};

/// Returns the entries of the schema by kind and name.
pub(crate) fn schema_entries(snapshot: &Snapshot<'_>) -> Result<BTreeMap<(String, String), SchemaEntry>> {
    let entries = entries(snapshot.connection).map_err(|error| snapshot.refused("read the schema", error))?;
    Ok(entries.into_iter().map(|entry| ((entry.kind.clone(), entry.name.clone()), entry)).collect())
}

/// Returns the numbers of the header that belong to the app, each with its PRAGMA.
pub(crate) fn header_numbers(snapshot: &Snapshot<'_>) -> Result<[(&'static str, i64); 2]> {
    let read = |name: &str| -> Result<i64> {
        let number = snapshot.connection.query_row(&format!("PRAGMA main.{name}"), [], |row| row.get(0));
        number.map_err(|error| snapshot.refused("read the header", error))
    };
    let [user_version, application_id] = ["user_version", "application_id"];
    Ok([(user_version, read(user_version)?), (application_id, read(application_id)?)])
}
