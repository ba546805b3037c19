//! Histories of migrations: loaded from a folder or a list, ordered, applied and undone as their runner would do it.
//!
//! | format | files | transactions |
//! | --- | --- | --- |
//! | plain, sqlx | `001_users.sql` | one for each; `-- no-transaction` as the very first bytes of the file: none |
//! | Atlas | `20260131120000_users.sql`, `atlas.sum` | one for each; `-- atlas:txmode none` at the top: none |
//! | sqlx, golang-migrate | `001_users.up.sql`, `001_users.down.sql`; `1/up.sql`, `1/down.sql` | the same |
//! | diesel | `2026-01-31-120000_users/up.sql`, `down.sql`, `metadata.toml` | one for each; none if `metadata.toml` does not say `run_in_transaction = true` |
//! | refinery | `V1__users.sql` | one for each |
//! | rusqlite_migration | `01-users/up.sql`, `down.sql` | one for all that is pending |
//! | goose | `001_users.sql` with `-- +goose Up` | one for each; `-- +goose NO TRANSACTION`: none |
//! | dbmate | `001_users.sql` with `-- migrate:up` | one for each; `-- migrate:up transaction:false`: none |
//! | Flyway | `V1.2__users.sql`, `U1.2__users.sql`, `R__views.sql` | one for each; none for a file with `PRAGMA foreign_keys` |
//! | Prisma | `20260131120000_users/migration.sql` | none |
//! | drizzle | `0001_users.sql`, `meta/_journal.json` | one for all that is pending |
//!
//! The format is recognized by the files. The order is that of the runner: diesel and dbmate compare versions as text,
//! drizzle has a journal, all others compare numbers. What may surprise the author of a file is an [`Oddity`]: it is passed
//! over, or run earlier than its number says. Only what the runner itself would fail at is an error.
//!
//! The files do not say whether foreign keys are on while they run. Where the app switches them off, or leaves out the
//! transactions, see [`Migrations::with_foreign_keys_off`] and [`Migrations::without_transaction`].

mod apply;
mod atlas;
mod code;
mod failure;
mod history;
mod in_sqlx;
mod journal;
mod ledger;
mod load;
mod migration;
mod names;
mod oddity;
mod recognize;
mod runner;
mod sections;
mod source;
mod step_limit;
mod unreadable;

pub use apply::Applied;
pub(crate) use code::{Code, MigratePathTo, MigrateTo};
pub use history::Migrations;
pub use ledger::Ledger;
pub(crate) use migration::RecordedStep;
pub use migration::{Format, Migration};
pub use oddity::{Oddity, OddityKind};
pub(crate) use runner::Runner;
pub(crate) use step_limit::most_steps;
