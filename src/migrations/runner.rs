//! The habits of a runner around its migrations: foreign keys and transactions.

use rusqlite::Connection;

use crate::error::{Error, Result};

/// The habits of an app's runner around its migrations, which their files do not show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Runner {
    /// True if it switches foreign keys off before the first migration and on again after the last one.
    pub(crate) foreign_keys_off: bool,
    /// True if it puts no transaction around any migration.
    pub(crate) no_transaction: bool,
}

impl Runner {
    pub(crate) const DEFAULT: Runner = Runner { foreign_keys_off: false, no_transaction: false };

    /// Returns a runner that does what either of the two does.
    pub(crate) fn and(self, other: Runner) -> Runner {
        Runner {
            foreign_keys_off: self.foreign_keys_off || other.foreign_keys_off,
            no_transaction: self.no_transaction || other.no_transaction,
        }
    }

    /// Runs migrations on a connection whose foreign keys are as the runner sets them. Afterwards they are as before.
    pub(crate) fn run<T>(
        self,
        connection: &mut Connection,
        migrate: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        if !self.foreign_keys_off || !foreign_keys(connection)? {
            return migrate(connection);
        }
        set_foreign_keys(connection, "OFF")?;
        let done = migrate(connection);
        let restored = set_foreign_keys(connection, "ON");
        done.and_then(|done| restored.map(|()| done))
    }

    /// Prepares a connection for the statements of one migration: its runner has switched foreign keys off, and has begun
    /// a transaction if it puts one around it.
    pub(crate) fn prepare(self, connection: &Connection, is_wrapped: bool) -> Result<()> {
        if self.foreign_keys_off {
            set_foreign_keys(connection, "OFF")?;
        }
        match is_wrapped {
            true => connection.execute_batch("BEGIN").map_err(|error| Error::sqlite("begin a transaction", error)),
            false => Ok(()),
        }
    }
}

/// Returns true if foreign keys are on.
fn foreign_keys(connection: &Connection) -> Result<bool> {
    let _own = crate::own::statements();
    let on = connection.query_row("PRAGMA foreign_keys", [], |row| row.get(0));
    on.map_err(|error| Error::sqlite("read foreign_keys", error))
}

fn set_foreign_keys(connection: &Connection, value: &str) -> Result<()> {
    let _own = crate::own::statements();
    let set = connection.execute_batch(&format!("PRAGMA foreign_keys = {value}"));
    set.map_err(|error| Error::sqlite(format!("set foreign_keys to {value}"), error))
}
