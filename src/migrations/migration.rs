//! One migration and its scripts.

use std::path::{Path, PathBuf};

use crate::sql::{self, Statement};

/// One step of a history.
#[derive(Clone, Debug)]
pub struct Migration {
    pub(super) version: i64,
    pub(super) up: Script,
    pub(super) down: Option<Script>,
}

impl Migration {
    /// Returns its number in the history.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Returns the name of its file in the folder: `002_orders.sql`, `2026-01-31-120000_orders/up.sql`.
    pub fn name(&self) -> &str {
        &self.up.file
    }

    /// Returns the SQL that applies it. For a goose or dbmate file, that is the Up section.
    pub fn sql(&self) -> &str {
        &self.up.sql
    }

    /// Returns the SQL that undoes it, if there is any.
    pub fn down_sql(&self) -> Option<&str> {
        self.down.as_ref().map(|script| script.sql.as_str())
    }

    /// Returns the statements that apply it.
    pub(crate) fn statements(&self) -> Vec<Statement<'_>> {
        sql::split(&self.up.sql)
    }

    /// Returns the file and line of one of its statements.
    pub(crate) fn place(&self, statement: &Statement<'_>) -> String {
        format!("{}:{}", self.up.shown(), self.up.first_line - 1 + statement.line)
    }

    /// Returns the path of its file. `None` if it was compiled in.
    pub fn path(&self) -> Option<&Path> {
        self.up.path.as_deref()
    }
}

/// A file, or a section of one.
#[derive(Clone, Debug)]
pub(super) struct Script {
    /// The name in the folder, with `/` as separator on every system.
    pub(super) file: String,
    pub(super) path: Option<PathBuf>,
    pub(super) sql: String,
    /// The line of the file where the SQL starts, counted from 1.
    pub(super) first_line: usize,
    /// True if its format runs it in a transaction.
    pub(super) transaction: bool,
}

impl Script {
    /// Returns the name of its file for a message: the path, so that it can be opened from there.
    pub(super) fn shown(&self) -> String {
        self.path.as_ref().map_or_else(|| self.file.clone(), |path| path.display().to_string())
    }
}

/// Returns the index of the migration with this version. `migrations` are in order.
pub(super) fn index_of(migrations: &[Migration], version: i64) -> Option<usize> {
    migrations.binary_search_by_key(&version, Migration::version).ok()
}
