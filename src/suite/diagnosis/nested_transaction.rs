//! BEGIN and COMMIT in a migration around which its runner puts a transaction.
//!
//! They are reported, with their own code, by the case that shows the damage: `applies_to_an_empty_database` where nothing
//! applies, else `failure_leaves_the_previous_version`.

use crate::db::Scratch;
use crate::error::{Error, Result};
use crate::suite::versions::VersionedDatabases;

/// A statement that interferes with the transaction of the runner.
pub(crate) struct NestedTransaction {
    pub(crate) statement: usize,
    /// True for a BEGIN, which SQLite refuses; false for a COMMIT or ROLLBACK.
    pub(crate) is_begin: bool,
}

/// Finds what a migration does to the transaction that it runs in, by running it statement by statement.
pub(crate) fn nested_transaction(
    databases: &VersionedDatabases,
    step: usize,
    database: &Scratch,
) -> Result<Option<NestedTransaction>> {
    if !databases.is_wrapped(step) {
        return Ok(None);
    }
    database.execute_batch("BEGIN").map_err(|error| Error::sqlite("begin a transaction", error))?;
    for (index, statement) in databases.migration(step).statements().iter().enumerate() {
        let is_begin = match database.execute_batch(statement.text) {
            Err(_) if statement.starts_with("BEGIN") && !database.is_autocommit() => true,
            Err(_) => return Ok(None),
            Ok(()) if database.is_autocommit() => false,
            Ok(()) => continue,
        };
        return Ok(Some(NestedTransaction { statement: index, is_begin }));
    }
    Ok(None)
}
