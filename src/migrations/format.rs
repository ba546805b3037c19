//! The formats of migration runners.

use std::fmt;

/// The format of a history: how its files are named and divided.
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
    /// Sections after `-- +goose Up` and `-- +goose Down`.
    Goose,
    /// Sections after `-- migrate:up` and `-- migrate:down`.
    Dbmate,
}

impl Format {
    /// The name of a file of this format, or a line in it.
    pub(super) fn example(self) -> &'static str {
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

    /// Explains how a migration runs without its runner's transaction. `None` if the format has no way.
    pub(crate) fn without_transaction(self) -> Option<&'static str> {
        match self {
            Format::Plain | Format::Paired => {
                Some("to run the file without a transaction, make `-- no-transaction` its first line")
            }
            Format::Diesel => {
                Some("to run it without a transaction, write `run_in_transaction = false` in its metadata.toml")
            }
            Format::Goose => Some("to run the file without a transaction, add `-- +goose NO TRANSACTION`"),
            Format::Dbmate => Some("to run the section without a transaction, write `-- migrate:up transaction:false`"),
            Format::Refinery | Format::RusqliteMigration => None,
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
