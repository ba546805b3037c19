//! Reads the profile of an app from a connection that the app has opened.

use rusqlite::Connection;

use super::profile::{Profile, ask};
use super::source::RealFile;
use crate::error::{Error, ErrorKind, Result};

/// Settings whose defaults depend on who compiles SQLite: they are a part of every profile.
const ALWAYS: [&str; 4] = ["journal_mode", "synchronous", "foreign_keys", "busy_timeout"];

/// The other settings that can be read. `case_sensitive_like` cannot, what `max_page_count` answers depends on the database, and
/// what `cache_spill` answers on `cache_size`.
const OTHERS: [&str; 22] = [
    "page_size",
    "encoding",
    "auto_vacuum",
    "cache_size",
    "temp_store",
    "mmap_size",
    "wal_autocheckpoint",
    "journal_size_limit",
    "locking_mode",
    "recursive_triggers",
    "secure_delete",
    "trusted_schema",
    "cell_size_check",
    "automatic_index",
    "analysis_limit",
    "checkpoint_fullfsync",
    "fullfsync",
    "ignore_check_constraints",
    "query_only",
    "read_uncommitted",
    "reverse_unordered_selects",
    "threads",
];

impl Profile {
    /// Reads the profile of an app from a connection that it has opened on a file: journal mode, synchronous, foreign keys and
    /// busy timeout, and the other settings in which it differs from a new connection of rusqlite's. Whether its transactions
    /// begin IMMEDIATE cannot be read; `begin_immediate` adds it.
    ///
    /// ```
    /// use std::sync::LazyLock;
    /// use sqlitmus::rusqlite::{Connection, Result};
    /// use sqlitmus::{Profile, Template};
    ///
    /// // The app's own code.
    /// fn open(path: &std::path::Path) -> Result<Connection> {
    ///     let connection = Connection::open(path)?;
    ///     connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")?;
    ///     Ok(connection)
    /// }
    ///
    /// static APP: LazyLock<Template> = LazyLock::new(|| {
    ///     let folder = tempfile::tempdir().unwrap();
    ///     let connection = open(&folder.path().join("app.db")).unwrap();
    ///     Template::embedded(&[("1.sql", "CREATE TABLE t(x)")])
    ///         .profile(Profile::of(&connection).unwrap())
    /// });
    ///
    /// let db = APP.in_memory();
    /// let mode: String = db.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    /// assert_eq!(mode, "wal");
    /// ```
    ///
    /// # Errors
    /// If the connection is not on a file, or SQLite refuses to read a PRAGMA.
    pub fn of(connection: &Connection) -> Result<Profile> {
        if connection.path().is_none_or(str::is_empty) {
            return Err(Error::new(ErrorKind::Profile, "a connection without a file has no profile of an app")
                .help("open a file: a database in memory is never in WAL mode, whatever the app sets"));
        }
        let file = RealFile::new(None)?;
        let plain = file.open()?;
        let mut profile = Profile::SQLITE_DEFAULTS;
        for name in ALWAYS.into_iter().chain(OTHERS) {
            let sql = format!("PRAGMA {name}");
            let read =
                |connection| ask(connection, &sql).map_err(|error| Error::sqlite("read a PRAGMA", error).sql(&sql));
            let (value, default) = (read(connection)?, read(&plain)?);
            if let Some(value) = value.filter(|value| ALWAYS.contains(&name) || default.as_ref() != Some(value)) {
                // A profile is a constant elsewhere. This leaks some bytes for each of its settings, once for each call.
                profile = profile.pragma(name, value.leak());
            }
        }
        Ok(profile)
    }
}
