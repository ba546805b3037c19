//! Work that is rolled back if it fails.

use rusqlite::Connection;

use crate::error::{Error, Result};

/// Runs `work` in a transaction, or in a savepoint of the one that is open. An error rolls back its changes; so does success,
/// unless `keep` is true.
pub(crate) fn within<T>(connection: &Connection, keep: bool, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let _own = crate::own::statements();
    let own = connection.is_autocommit();
    let run = |sql: &str| {
        connection
            .execute_batch(sql)
            .map_err(|error| Error::sqlite("begin or end the transaction of a fill", error).sql(sql))
    };
    run(if own { "BEGIN IMMEDIATE" } else { "SAVEPOINT sqlitmus_fill" })?;
    let result = work().and_then(|done| {
        if keep {
            run(if own { "COMMIT" } else { "RELEASE sqlitmus_fill" })?;
        }
        Ok(done)
    });
    if result.is_err() || !keep {
        // A trigger may have rolled back everything by itself.
        let _ = match (own, connection.is_autocommit()) {
            (_, true) => Ok(()),
            (true, false) => connection.execute_batch("ROLLBACK"),
            (false, false) => connection.execute_batch("ROLLBACK TO sqlitmus_fill; RELEASE sqlitmus_fill"),
        };
    }
    result
}
