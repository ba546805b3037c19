//! BEGIN and COMMIT in a migration around which its runner puts a transaction.

use super::versioned_databases::VersionedDatabases;
use crate::check::Finding;
use crate::db::Scratch;
use crate::error::{Error, Result};

/// What a migration does to the transaction that it runs in, if it does anything: it is run statement by statement.
pub(super) fn of(databases: &VersionedDatabases, index: usize, database: &Scratch) -> Result<Option<Finding>> {
    let migration = databases.migration(index);
    if !databases.history.is_wrapped(migration) {
        return Ok(None);
    }
    database.execute_batch("BEGIN").map_err(|error| Error::sqlite("to begin a transaction", error))?;
    let (version, file) = (migration.version(), migration.name());
    for statement in migration.statements() {
        let done = database.execute_batch(statement.text);
        let (does, effect) = match done {
            Err(_) if statement.starts_with("BEGIN") && !database.is_autocommit() => {
                ("begins a transaction within that of its runner", "SQLite refuses that, and the migration fails")
            }
            Err(_) => return Ok(None),
            Ok(()) if database.is_autocommit() => {
                ("ends the transaction of its runner", "what was done before stays, whatever becomes of the rest")
            }
            Ok(()) => continue,
        };
        let line = statement.text.lines().next().unwrap_or_default();
        let format = databases.history.format();
        let fix = format!("leave out BEGIN and COMMIT: {format} puts a transaction around each migration");
        let finding = Finding::new("nested-transaction", file, format!("migration {version} {does}: {file}"))
            .cost(effect)
            .evidence(format!("at {}", migration.place(&statement)), format!("> {line}"));
        return Ok(Some(finding.fix(match format.without_transaction() {
            Some(how) => format!("{fix}\n{how}"),
            None => fix,
        })));
    }
    Ok(None)
}
