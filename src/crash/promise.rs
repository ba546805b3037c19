//! Tells what the settings of a connection promise after a power cut.

use std::fmt;

use rusqlite::Connection;

use super::disk_model::Drive;
use crate::error::{Error, Result};
use crate::own;

/// The settings by which a connection writes. They decide what a power cut may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Promise {
    journal_mode: String,
    synchronous: &'static str,
    pub(super) locks_are_kept: bool,
    /// True if each sync is a full one, and if those of checkpoints are. A drive that caches does nothing for others.
    syncs_fully: bool,
    checkpoints_fully: bool,
    pub(super) drive: Drive,
}

/// The last commits that a power cut may take, from the fewest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Loss {
    None,
    Last,
    SinceCheckpoint,
    /// Anything: a transaction may survive in part.
    Anything,
}

impl Promise {
    pub(super) fn of(connection: &Connection) -> Result<Promise> {
        let read = |pragma: &str| {
            connection.query_row(&format!("PRAGMA main.{pragma}"), [], |row| {
                let value = row.get_ref(0)?;
                Ok(value
                    .as_i64()
                    .map_or_else(|_| value.as_str().map(str::to_owned), |number| Ok(number.to_string()))?)
            })
        };
        Promise::read(&read).map_err(|error| Error::sqlite("read a PRAGMA", error))
    }

    /// Returns the settings as `read` returns the values of PRAGMAs.
    pub(super) fn read<E>(read: &dyn Fn(&str) -> Result<String, E>) -> Result<Promise, E> {
        let is_on = |pragma: &str| read(pragma).map(|value| value != "0");
        let synchronous = match read("synchronous")?.as_str() {
            "0" => "OFF",
            "1" => "NORMAL",
            "2" => "FULL",
            _ => "EXTRA",
        };
        Ok(Promise {
            journal_mode: read("journal_mode")?.to_ascii_uppercase(),
            synchronous,
            locks_are_kept: read("locking_mode")?.eq_ignore_ascii_case("exclusive"),
            syncs_fully: is_on("fullfsync")?,
            checkpoints_fully: is_on("checkpoint_fullfsync")?,
            drive: Drive::default(),
        })
    }

    /// Gives a connection these settings, as far as they decide what is synced.
    pub(super) fn set_on(&self, connection: &Connection) -> Result<()> {
        let (synchronous, fully) = (self.synchronous, i64::from(self.syncs_fully));
        let checkpoints_fully = i64::from(self.checkpoints_fully);
        let sql = format!(
            "PRAGMA synchronous = {synchronous}; PRAGMA fullfsync = {fully}; \
             PRAGMA checkpoint_fullfsync = {checkpoints_fully}"
        );
        let _own = own::statements();
        connection.execute_batch(&sql).map_err(|error| Error::sqlite("set a PRAGMA", error))
    }

    /// Returns true if what SQLite syncs may stay in the cache of the drive.
    fn is_cached(&self) -> bool {
        self.drive == Drive::Caches && !self.syncs_fully
    }

    pub(super) fn loss(&self) -> Loss {
        if self.is_cached() {
            let is_wal = self.journal_mode == "WAL" && self.synchronous != "OFF";
            return if is_wal && self.checkpoints_fully { Loss::SinceCheckpoint } else { Loss::Anything };
        }
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

    /// Returns true if commits are synced by checkpoints only.
    pub(super) fn is_synced_by_checkpoints(&self) -> bool {
        self.journal_mode == "WAL" && self.synchronous == "NORMAL"
    }

    /// Returns the setting to change where transactions are not protected.
    pub(super) fn remedy(&self) -> Option<&'static str> {
        match (self.journal_mode.as_str(), self.synchronous) {
            ("OFF" | "MEMORY", _) => Some("journal_mode = WAL"),
            ("WAL", "OFF") => Some("synchronous = NORMAL"),
            ("WAL", _) if self.is_cached() && !self.checkpoints_fully => Some("checkpoint_fullfsync = ON"),
            ("WAL", _) => None,
            (_, "FULL" | "EXTRA") if self.is_cached() => Some("fullfsync = ON"),
            (_, "OFF" | "NORMAL") => Some("synchronous = FULL"),
            _ => None,
        }
    }

    /// Returns the setting that keeps every commit.
    pub(super) fn durable(&self) -> &'static str {
        if self.is_cached() {
            return "fullfsync = ON";
        }
        if self.journal_mode == "DELETE" { "synchronous = EXTRA" } else { "synchronous = FULL" }
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} + {}", self.journal_mode, self.synchronous)?;
        match (self.drive, self.is_cached(), self.checkpoints_fully) {
            (Drive::Writes, ..) => Ok(()),
            (Drive::Caches, false, _) => f.write_str(" + fullfsync"),
            (Drive::Caches, true, true) => f.write_str(" + checkpoint_fullfsync"),
            (Drive::Caches, true, false) => f.write_str(" without fullfsync"),
        }
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
