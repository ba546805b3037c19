//! A history of migrations: loaded from a folder or a list, ordered, applied and undone as its runner would do it.
//!
//! | format | files | transactions |
//! | --- | --- | --- |
//! | plain, sqlx | `001_users.sql` | one for each; `-- no-transaction` as the very first bytes of the file: none |
//! | sqlx, golang-migrate | `001_users.up.sql`, `001_users.down.sql` | the same |
//! | diesel | `2026-01-31-120000_users/up.sql`, `down.sql`, `metadata.toml` | one for each; none if `metadata.toml` does not say `run_in_transaction = true` |
//! | refinery | `V1__users.sql` | one for each |
//! | rusqlite_migration | `01-users/up.sql`, `down.sql` | one for all that is pending |
//! | goose | `001_users.sql` with `-- +goose Up` | one for each; `-- +goose NO TRANSACTION`: none |
//! | dbmate | `001_users.sql` with `-- migrate:up` | one for each; `-- migrate:up transaction:false`: none |
//!
//! The format is recognised by the files. Their order is the order of the numbers, never of the names. A file that a
//! runner would pass over without a word is an error here, because the tests would run on another schema than its
//! author believes.

mod apply;
mod failure;
mod ledger;
mod load;
mod names;
mod sections;
mod source;

use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::error::{Error, ErrorKind, Result};
use crate::sql::Statement;

pub use ledger::Ledger;
pub(crate) use ledger::is_ledger;

/// An ordered history of migrations.
///
/// ```
/// use sqlitmus::migrations::Migrations;
/// use sqlitmus::rusqlite::Connection;
///
/// let history = Migrations::embedded(&[
///     ("001_users.sql", "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL);"),
///     ("002_users_email.sql", "CREATE UNIQUE INDEX users_email ON users(email);"),
/// ])?;
/// let mut conn = Connection::open_in_memory()?;
/// let applied = history.apply(&mut conn)?;
/// assert_eq!(applied.iter().collect::<Vec<_>>(), [1, 2]);
/// # Ok::<(), sqlitmus::BoxError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Migrations {
    format: Format,
    ledger: Ledger,
    /// Ascending by version, each version once, never empty.
    migrations: Vec<Migration>,
}

impl Migrations {
    /// Reads the history in a folder. A single `.sql` file is a history of one migration with version 1.
    ///
    /// The path is taken as it is given: a relative one starts at the current directory.
    ///
    /// # Errors
    /// If the folder is missing, empty or of mixed formats; if a version is there twice; if a file is empty, unreadable,
    /// not UTF-8, or would be left out. The error names the file.
    pub fn load(path: impl AsRef<Path>) -> Result<Migrations> {
        load::path(path.as_ref())
    }

    /// A history of files that are compiled in: name (or path, as in `2026-01-31_users/up.sql`) and content.
    ///
    /// The names are read as those of a folder are, with the same rules. Folders above a migration are passed over, so
    /// that the path of an `include_str!` can be written here as well.
    ///
    /// # Errors
    /// The same as those of [`load`](Migrations::load).
    pub fn embedded(files: &[(&str, &str)]) -> Result<Migrations> {
        load::list(files)
    }

    /// How the files are named and cut.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The migrations in their order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Migration> + ExactSizeIterator {
        self.migrations.iter()
    }

    /// How many migrations there are.
    pub fn len(&self) -> usize {
        self.migrations.len()
    }

    /// Whether there is no migration. A history that could be loaded has at least one.
    pub fn is_empty(&self) -> bool {
        self.migrations.is_empty()
    }

    /// The version of the newest migration.
    pub fn last_version(&self) -> Option<i64> {
        self.migrations.last().map(Migration::version)
    }

    /// Where it is recorded which migrations are applied.
    ///
    /// ```
    /// use sqlitmus::migrations::{Ledger, Migrations};
    /// # use sqlitmus::rusqlite::Connection;
    ///
    /// let history = Migrations::embedded(&[("001_users.sql", "CREATE TABLE users(id INTEGER PRIMARY KEY);")])?
    ///     .ledger(Ledger::UserVersion);
    /// # let mut conn = Connection::open_in_memory()?;
    /// assert_eq!(history.apply(&mut conn)?.len(), 1);
    /// assert_eq!(history.apply(&mut conn)?.len(), 0);
    /// # Ok::<(), sqlitmus::BoxError>(())
    /// ```
    pub fn ledger(mut self, ledger: Ledger) -> Self {
        self.ledger = ledger;
        self
    }

    /// Applies what the ledger does not have, oldest first. Without a ledger that is everything.
    ///
    /// A migration that is older than one that is applied already is applied too, in its turn, as sqlx, diesel and
    /// dbmate do. Returns what was applied.
    ///
    /// # Errors
    /// If a statement fails: with the file, the line, the statement and SQLite's message. Its transaction is rolled
    /// back, and the version before is intact. If the ledger has a version that the history does not have.
    pub fn apply(&self, conn: &mut Connection) -> Result<Applied> {
        let pending = self.indexes_of_pending(conn)?;
        apply::up(self, conn, &pending)
    }

    /// As [`apply`](Migrations::apply), up to and with `version`. 0 is the empty database (-1 where 0 is a version).
    ///
    /// # Errors
    /// As those of [`apply`](Migrations::apply), and if no migration has that version.
    pub fn up_to(&self, conn: &mut Connection, version: i64) -> Result<Applied> {
        let end = self.count_up_to(version)?;
        let mut pending = self.indexes_of_pending(conn)?;
        pending.retain(|&index| index < end);
        apply::up(self, conn, &pending)
    }

    /// Applies the migrations above `from`, up to and with `to`, to a database that is at `from`.
    ///
    /// This is how a history without a ledger is applied step by step. A ledger is written, but not asked.
    ///
    /// # Errors
    /// As those of [`up_to`](Migrations::up_to).
    pub fn up_from(&self, conn: &mut Connection, from: i64, to: i64) -> Result<Applied> {
        let steps: Vec<usize> = (self.count_up_to(from)?..self.count_up_to(to)?).collect();
        apply::up(self, conn, &steps)
    }

    /// Undoes every migration above `version`, newest first. 0 is the empty database (-1 where 0 is a version).
    ///
    /// What the ledger does not have is not undone. Without a ledger the database is taken to be at the newest
    /// version; [`down_from`](Migrations::down_from) starts elsewhere. Returns what was undone, newest first.
    ///
    /// # Errors
    /// If no migration has that version; if one that is to be undone has no down script (nothing is undone then); if a
    /// statement fails, as in [`apply`](Migrations::apply).
    pub fn down_to(&self, conn: &mut Connection, version: i64) -> Result<Applied> {
        let start = self.count_up_to(version)?;
        let known = self.ledger.read(conn, self)?;
        let steps: Vec<usize> =
            (start..self.len()).rev().filter(|&index| known.may_be_applied(self.migrations[index].version)).collect();
        apply::down(self, conn, &steps)
    }

    /// Undoes the migrations above `to`, newest first, in a database that is at `from`.
    ///
    /// A ledger is written, but not asked.
    ///
    /// # Errors
    /// As those of [`down_to`](Migrations::down_to).
    pub fn down_from(&self, conn: &mut Connection, from: i64, to: i64) -> Result<Applied> {
        let steps: Vec<usize> = (self.count_up_to(to)?..self.count_up_to(from)?).rev().collect();
        apply::down(self, conn, &steps)
    }

    /// What [`apply`](Migrations::apply) would apply. Without a ledger that is everything.
    ///
    /// # Errors
    /// If the ledger cannot be read, or has a version that the history does not have.
    pub fn pending(&self, conn: &Connection) -> Result<Vec<&Migration>> {
        Ok(self.indexes_of_pending(conn)?.into_iter().map(|index| &self.migrations[index]).collect())
    }

    fn indexes_of_pending(&self, conn: &Connection) -> Result<Vec<usize>> {
        let known = self.ledger.read(conn, self)?;
        Ok((0..self.len()).filter(|&index| !known.is_applied(self.migrations[index].version)).collect())
    }

    fn index_of(&self, version: i64) -> Option<usize> {
        self.migrations.binary_search_by_key(&version, Migration::version).ok()
    }

    /// How many migrations a database at `version` has.
    fn count_up_to(&self, version: i64) -> Result<usize> {
        if let Some(index) = self.index_of(version) {
            return Ok(index + 1);
        }
        if version == 0 || version == -1 {
            return Ok(0);
        }
        let above = self.migrations.partition_point(|migration| migration.version < version);
        let nearest: Vec<String> = self.migrations[above.saturating_sub(1)..self.len().min(above + 1)]
            .iter()
            .map(|migration| format!("{}  {}", migration.version, migration.name()))
            .collect();
        Err(Error::new(ErrorKind::History, format!("no migration has version {version}"))
            .evidence("nearest", nearest.join("\n")))
    }

    /// The version of a database before the first migration.
    pub(crate) fn base(&self) -> i64 {
        if self.index_of(0).is_some() { -1 } else { 0 }
    }

    /// Whether the migration runs in one transaction that its runner begins and commits.
    pub(crate) fn is_wrapped(&self, migration: &Migration) -> bool {
        let statements = crate::sql::split(&migration.up.sql);
        self.format == Format::RusqliteMigration
            || (migration.up.transaction && !apply::brings_its_own(self.format, &statements))
    }

    /// The table in which it is recorded what is applied.
    pub(crate) fn ledger_table(&self) -> Option<&'static str> {
        match self.ledger {
            Ledger::Table(table) => Some(table),
            Ledger::None | Ledger::UserVersion => None,
        }
    }

    /// Whether it is recorded at all what is applied.
    pub(crate) fn has_ledger(&self) -> bool {
        self.ledger != Ledger::None
    }

    /// Hands everything that decides what the history does to `add`: equal bytes, equal databases. The folder that it
    /// was read from is no part of it.
    pub(crate) fn fingerprint(&self, add: &mut dyn FnMut(&[u8])) {
        let mut field = |bytes: &[u8]| {
            add(&(bytes.len() as u64).to_le_bytes());
            add(bytes);
        };
        field(self.format.to_string().as_bytes());
        field(format!("{:?}", self.ledger).as_bytes());
        for migration in &self.migrations {
            field(&migration.version.to_le_bytes());
            field(&[migration.down.is_some().into()]);
            for script in std::iter::once(&migration.up).chain(&migration.down) {
                field(script.file.as_bytes());
                field(&[script.transaction.into()]);
                field(script.sql.as_bytes());
            }
        }
    }
}

/// One step of a history.
#[derive(Clone, Debug)]
pub struct Migration {
    version: i64,
    up: Script,
    down: Option<Script>,
}

impl Migration {
    /// Its number in the history.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// The name of its file in the folder: `002_orders.sql`, `2026-01-31-120000_orders/up.sql`.
    pub fn name(&self) -> &str {
        &self.up.file
    }

    /// The SQL that applies it. Of a goose or dbmate file that is the Up section.
    pub fn sql(&self) -> &str {
        &self.up.sql
    }

    /// The SQL that undoes it.
    pub fn down_sql(&self) -> Option<&str> {
        self.down.as_ref().map(|script| script.sql.as_str())
    }

    /// The statements that apply it.
    pub(crate) fn statements(&self) -> Vec<Statement<'_>> {
        crate::sql::split(&self.up.sql)
    }

    /// The file and the line of one of them.
    pub(crate) fn place(&self, statement: &Statement<'_>) -> String {
        let file = self.up.path.as_ref().map_or_else(|| self.up.file.clone(), |path| path.display().to_string());
        format!("{file}:{}", self.up.first_line - 1 + statement.line)
    }

    /// Its file. None if it was compiled in.
    pub fn path(&self) -> Option<&Path> {
        self.up.path.as_deref()
    }
}

/// A file, or a section of one.
#[derive(Clone, Debug)]
struct Script {
    /// The name in the folder, with `/` before the last part on every system.
    file: String,
    path: Option<PathBuf>,
    sql: String,
    /// The line of the file that the SQL starts in, counted from 1.
    first_line: usize,
    /// Whether its format has it run in a transaction.
    transaction: bool,
}

/// What was applied or undone, in the order in which it happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    versions: Vec<i64>,
}

impl Applied {
    /// The versions.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator {
        self.versions.iter().copied()
    }

    /// How many there were.
    pub fn len(&self) -> usize {
        self.versions.len()
    }

    /// Whether there was nothing to do.
    pub fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }
}

/// How the files of a history are named and cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// `001_users.sql`: sqlx's simple migrations, and most hand-written runners.
    Plain,
    /// `001_users.up.sql` and `001_users.down.sql`: sqlx, golang-migrate.
    Paired,
    /// `2026-01-31-120000_users/up.sql`, `down.sql` and `metadata.toml`.
    Diesel,
    /// `V1__users.sql`.
    Refinery,
    /// `01-users/up.sql` and `down.sql`.
    RusqliteMigration,
    /// Sections behind `-- +goose Up` and `-- +goose Down`.
    Goose,
    /// Sections behind `-- migrate:up` and `-- migrate:down`.
    Dbmate,
}

impl Format {
    /// What a file of it looks like.
    fn example(self) -> &'static str {
        match self {
            Format::Plain => "001_users.sql",
            Format::Paired => "001_users.up.sql",
            Format::Diesel => "2026-01-31-120000_users/up.sql",
            Format::Refinery => "V1__users.sql",
            Format::RusqliteMigration => "01-users/up.sql",
            Format::Goose => "-- +goose Up",
            Format::Dbmate => "-- migrate:up",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Plain => "plain",
            Format::Paired => "paired",
            Format::Diesel => "diesel",
            Format::Refinery => "refinery",
            Format::RusqliteMigration => "rusqlite_migration",
            Format::Goose => "goose",
            Format::Dbmate => "dbmate",
        })
    }
}
