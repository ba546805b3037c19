//! Checks the rows of tables whose foreign keys refer to later rows.

use rusqlite::{Connection, Row};

use crate::data::fill::insert::failure;
use crate::error::{Error, Result};
use crate::sql::plain_name;

/// Returns an error if rows of a table refer to nothing.
pub(super) fn check_references(connection: &Connection, table: &str) -> Result<()> {
    let sql = format!("PRAGMA main.foreign_key_check({})", plain_name(table));
    let shown = |row: &Row<'_>| -> rusqlite::Result<String> {
        let (rowid, parent): (Option<i64>, String) = (row.get(1)?, row.get(2)?);
        let rowid = rowid.map_or(String::new(), |rowid| format!(" {rowid}"));
        Ok(format!("{table}{rowid} refers to {parent}"))
    };
    let broken = connection
        .prepare(&sql)
        .and_then(|mut check| check.query_map([], shown)?.take(5).collect::<rusqlite::Result<Vec<String>>>())
        .map_err(|error| Error::sqlite("check foreign keys", error).sql(&sql))?;
    if broken.is_empty() { Ok(()) } else { Err(failure::broken(table, &broken)) }
}
