//! The ledger: the record, in a database, of the migrations that it has.

use rusqlite::{Connection, OptionalExtension};

use super::migration::{Migration, index_of};
use crate::error::{Error, ErrorKind, Result};
use crate::sql::{insert_parameters, quote_identifier};

/// The place where it is recorded which migrations are applied.
///
/// An entry is written in the transaction of its migration. [`Migrations::ledger`](super::Migrations::ledger) has an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ledger {
    /// Nowhere: every `apply` applies everything.
    #[default]
    None,
    /// `PRAGMA user_version` is the newest version. For versions from 1 to 2147483647.
    UserVersion,
    /// A table of this name: `(id INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL)`, with a row for
    /// each migration. It is created if it is missing.
    Table(&'static str),
}

/// The migrations that are applied, according to the ledger.
#[derive(Debug)]
pub(super) enum Known {
    /// There is no ledger.
    Nothing,
    /// The number of migrations.
    UpTo(usize),
    /// Ascending.
    Exactly(Vec<i64>),
}

impl Known {
    pub(super) fn is_applied(&self, index: usize, migrations: &[Migration]) -> bool {
        match self {
            Known::Nothing => false,
            Known::UpTo(count) => index < *count,
            Known::Exactly(versions) => versions.binary_search(&migrations[index].version()).is_ok(),
        }
    }

    pub(super) fn may_be_applied(&self, index: usize, migrations: &[Migration]) -> bool {
        matches!(self, Known::Nothing) || self.is_applied(index, migrations)
    }
}

impl Ledger {
    pub(super) fn read(self, conn: &Connection, migrations: &[Migration]) -> Result<Known> {
        match self {
            Ledger::None => Ok(Known::Nothing),
            Ledger::UserVersion => {
                self.check_versions(migrations)?;
                let version: i64 = conn
                    .query_row("PRAGMA main.user_version", [], |row| row.get(0))
                    .map_err(|error| Error::sqlite("read user_version", error))?;
                if version != 0 {
                    check_known(migrations, version, "user_version")?;
                }
                Ok(Known::UpTo(index_of(migrations, version).map_or(0, |last| last + 1)))
            }
            Ledger::Table(table) => {
                let versions =
                    versions(conn, table).map_err(|error| Error::sqlite(format!("read the ledger {table}"), error))?;
                for &version in &versions {
                    check_known(migrations, version, &format!("the table {table}"))?;
                }
                Ok(Known::Exactly(versions))
            }
        }
    }

    /// Fails if a version does not fit into `user_version`, which is 32 bits wide and 0 in every new database.
    pub(super) fn check_versions(self, migrations: &[Migration]) -> Result<()> {
        if self != Ledger::UserVersion {
            return Ok(());
        }
        match migrations.iter().find(|migration| !(1..=i64::from(i32::MAX)).contains(&migration.version())) {
            None => Ok(()),
            Some(migration) => Err(Error::new(
                ErrorKind::History,
                format!("version {} does not fit into user_version: {}", migration.version(), migration.name()),
            )
            .evidence("what fits", "1 to 2147483647")
            .help("keep the ledger in a table: Ledger::Table(\"_migrations\")")
            .migration(migration.name())),
        }
    }

    /// Creates the table before a migration is applied or undone, because its script may use the ledger of its runner.
    pub(super) fn prepare(self, conn: &Connection) -> rusqlite::Result<()> {
        let _own = crate::own::statements();
        match self {
            Ledger::None | Ledger::UserVersion => Ok(()),
            Ledger::Table(table) => conn.execute_batch(&format!(
                "CREATE TABLE IF NOT EXISTS main.{}(id INTEGER PRIMARY KEY, name TEXT NOT NULL, \
                 applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)",
                quote_identifier(table)
            )),
        }
    }

    pub(super) fn add(self, conn: &Connection, migration: &Migration) -> rusqlite::Result<()> {
        let _own = crate::own::statements();
        match self {
            Ledger::None => Ok(()),
            Ledger::UserVersion => set_user_version(conn, migration.version()),
            Ledger::Table(table) => conn
                .execute(
                    &insert_parameters(&format!("INTO main.{}", quote_identifier(table)), &["id", "name"]),
                    (migration.version(), migration.name()),
                )
                .map(drop),
        }
    }

    /// `before` is the version that the database is at without the migration.
    pub(super) fn remove(self, conn: &Connection, migration: &Migration, before: i64) -> rusqlite::Result<()> {
        let _own = crate::own::statements();
        match self {
            Ledger::None => Ok(()),
            Ledger::UserVersion => set_user_version(conn, before),
            Ledger::Table(table) => conn
                .execute(&format!("DELETE FROM main.{} WHERE id = ?1", quote_identifier(table)), [migration.version()])
                .map(drop),
        }
    }
}

fn set_user_version(conn: &Connection, version: i64) -> rusqlite::Result<()> {
    conn.execute_batch(&format!("PRAGMA main.user_version = {version}"))
}

fn versions(conn: &Connection, table: &str) -> rusqlite::Result<Vec<i64>> {
    let _own = crate::own::statements();
    let there = conn
        .query_row(
            "SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = ?1 COLLATE NOCASE",
            [table],
            |_| Ok(()),
        )
        .optional()?;
    if there.is_none() {
        return Ok(Vec::new());
    }
    let mut query = conn.prepare(&format!("SELECT id FROM main.{} ORDER BY id", quote_identifier(table)))?;
    query.query_map([], |row| row.get(0))?.collect()
}

/// Fails if the history does not have a version that the ledger has.
fn check_known(migrations: &[Migration], version: i64, ledger: &str) -> Result<()> {
    if index_of(migrations, version).is_some() {
        return Ok(());
    }
    let newest = migrations.last();
    let what = match newest {
        Some(last) if version > last.version() => "the database is ahead of its migrations",
        _ => "the database has a migration that the history does not have",
    };
    Err(Error::new(ErrorKind::Migration, format!("{what}: version {version}"))
        .evidence("ledger", format!("{ledger} has version {version}"))
        .evidence(
            "newest migration",
            newest.map(|last| format!("{}  {}", last.version(), last.name())).unwrap_or_default(),
        ))
}
