//! One consistent state of a database, held while several tables are read.

use std::path::Path;

use rusqlite::Connection;

use crate::error::{Error, ErrorKind, Result};
use crate::own::{self, Own};

/// A collation that compares texts by their UTF-8, for databases that store them in UTF-16: there, BINARY compares the
/// bytes of UTF-16.
const BY_UTF8: &str = "sqlitmus_utf8";

/// A connection that sees one state of its database until this is dropped.
pub(crate) struct Snapshot<'c> {
    pub(crate) connection: &'c Connection,
    /// The collation that orders texts by their UTF-8.
    pub(super) collation: &'static str,
    began: bool,
    /// Dropped last: the end of the transaction is a statement too.
    _own: Own,
}

impl<'c> Snapshot<'c> {
    /// Begins a read transaction. Inside a transaction of the caller, the snapshot is what that transaction sees.
    pub(crate) fn begin(connection: &'c Connection) -> Result<Snapshot<'c>> {
        let began = connection.is_autocommit();
        let mut snapshot = Snapshot { connection, began, collation: "BINARY", _own: own::statements() };
        let begin = || -> rusqlite::Result<String> {
            if began {
                connection.execute_batch("BEGIN")?;
            }
            // Only the first read makes BEGIN hold on to a state.
            connection.query_row("SELECT count(*) FROM main.sqlite_schema", [], |_| Ok(()))?;
            connection.query_row("PRAGMA main.encoding", [], |row| row.get(0))
        };
        let encoding = begin().map_err(|error| snapshot.refused("read the database", error))?;
        if encoding == "UTF-8" {
            return Ok(snapshot);
        }
        connection
            .create_collation(BY_UTF8, |one, other| one.cmp(other))
            .map_err(|error| snapshot.refused("register a collation", error))?;
        snapshot.collation = BY_UTF8;
        Ok(snapshot)
    }

    /// Returns SQLite's error, with the path of the database. `what` is an infinitive, as for `Error::sqlite`.
    pub(crate) fn refused(&self, what: impl std::fmt::Display, error: rusqlite::Error) -> Error {
        let refusal = Error::new(ErrorKind::Sqlite, format!("cannot {what}"));
        let refusal = match self.connection.path() {
            Some(path) if !path.is_empty() => refusal.evidence("database", path).path(Path::new(path)),
            _ => refusal,
        };
        refusal.because_sqlite(error)
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        if self.collation == BY_UTF8 {
            let _ = self.connection.remove_collation(BY_UTF8);
        }
        if self.began && !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("COMMIT");
        }
    }
}
