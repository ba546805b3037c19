//! SQLite's promises for a power cut, by journal mode and synchronous, see
//! <https://www.sqlite.org/pragma.html#pragma_synchronous>.

use std::fmt;

use rusqlite::Connection;

use crate::error::{Error, Result};

/// The settings by which a connection writes. They decide what a power cut may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Promise {
    journal_mode: String,
    synchronous: &'static str,
    pub(super) locks_are_kept: bool,
}

/// The last commits that a power cut may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    None,
    Last,
    SinceCheckpoint,
    /// Anything: a transaction may survive in part.
    Anything,
}

impl Promise {
    pub(super) fn of(connection: &Connection) -> Result<Promise> {
        Promise::read(connection).map_err(|error| Error::sqlite("read a PRAGMA", error))
    }

    fn read(connection: &Connection) -> rusqlite::Result<Promise> {
        let text =
            |pragma: &str| connection.query_row(&format!("PRAGMA main.{pragma}"), [], |row| row.get::<_, String>(0));
        let synchronous: i64 = connection.query_row("PRAGMA main.synchronous", [], |row| row.get(0))?;
        let synchronous = match synchronous {
            0 => "OFF",
            1 => "NORMAL",
            2 => "FULL",
            _ => "EXTRA",
        };
        let journal_mode = text("journal_mode")?.to_ascii_uppercase();
        Ok(Promise {
            journal_mode,
            synchronous,
            locks_are_kept: text("locking_mode")?.eq_ignore_ascii_case("exclusive"),
        })
    }

    pub(super) fn loss(&self) -> Loss {
        match (self.journal_mode.as_str(), self.synchronous) {
            ("OFF" | "MEMORY", _) | (_, "OFF") => Loss::Anything,
            ("WAL", "NORMAL") => Loss::SinceCheckpoint,
            ("WAL", _) | (_, "EXTRA") => Loss::None,
            // The journal's unlink is what commits, and it is not synced.
            ("DELETE", _) => Loss::Last,
            (_, "FULL") => Loss::None,
            _ => Loss::Last,
        }
    }

    /// Returns true if a journal protects the database when the process is killed.
    pub(super) fn has_journal(&self) -> bool {
        !matches!(self.journal_mode.as_str(), "OFF" | "MEMORY")
    }

    /// Returns the setting to change where transactions are not protected.
    pub(super) fn remedy(&self) -> Option<&'static str> {
        match (self.journal_mode.as_str(), self.synchronous) {
            ("OFF" | "MEMORY", _) => Some("journal_mode = WAL"),
            ("WAL", "OFF") => Some("synchronous = NORMAL"),
            ("WAL", _) => None,
            (_, "OFF" | "NORMAL") => Some("synchronous = FULL"),
            _ => None,
        }
    }

    /// Returns the setting that keeps every commit.
    pub(super) fn durable(&self) -> &'static str {
        if self.journal_mode == "DELETE" { "synchronous = EXTRA" } else { "synchronous = FULL" }
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} + {}", self.journal_mode, self.synchronous)
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Loss::None => "no commit may be lost",
            Loss::Last => "the last commit may be lost",
            Loss::SinceCheckpoint => "commits since the last checkpoint may be lost",
            Loss::Anything => "nothing is promised",
        })
    }
}
