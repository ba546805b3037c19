//! Histories of migrations: loaded from a folder or a list, ordered, applied and undone as their runner would do it.
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
//! The format is recognized by the files. Migrations are ordered by number, never by name. A file that a runner would
//! silently ignore is an error here, because the tests would run on another schema than its author believes.

mod apply;
mod failure;
mod history;
mod ledger;
mod load;
mod migration;
mod names;
mod sections;
mod source;

pub use apply::Applied;
pub use history::Migrations;
pub use ledger::Ledger;
pub use migration::{Format, Migration};
