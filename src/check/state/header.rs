//! The numbers in the header of a database file.

use super::tables::Snapshot;
use crate::error::Result;

/// The PRAGMAs of the numbers of the header that belong to the app.
pub(crate) const HEADER_NUMBERS: [&str; 2] = ["user_version", "application_id"];

/// Returns the numbers of the header that belong to the app, each with its PRAGMA.
pub(crate) fn header_numbers(snapshot: &Snapshot<'_>) -> Result<[(&'static str, i64); 2]> {
    let read = |name: &str| -> Result<i64> {
        let number = snapshot.connection.query_row(&format!("PRAGMA main.{name}"), [], |row| row.get(0));
        number.map_err(|error| snapshot.refused("read the header", error))
    };
    let [user_version, application_id] = HEADER_NUMBERS;
    Ok([(user_version, read(user_version)?), (application_id, read(application_id)?)])
}
