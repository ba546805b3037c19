//! Tests that people's data survives the migrations: a suite of named tests over a history, run on databases with rows made
//! from the schema at each version.
//!
//! ```
//! use sqlitmus::Template;
//!
//! static APP: Template = Template::new("fixtures/shop/migrations");
//!
//! # mod tests {
//! # use super::APP;
//! sqlitmus::migration_suite!(APP, |suite| suite
//!     .allow_loss(26, "products.price_cents", "moved to prices in 16")
//!     .allow_loss(30, "sessions.ip_address", "required by law"));
//! # }
//! # fn main() {}
//! ```
//!
//! | test | fails when |
//! | --- | --- |
//! | `history_is_linear` | a version number is missing, the runner passes over a file or orders otherwise, or the files are not a history; the app's own runner does not stop at the version that it is asked for |
//! | `applies_to_an_empty_database` | a statement fails; the report names the file and line |
//! | `stepwise_equals_at_once` | a new install differs from one that was upgraded step by step |
//! | `rerun_changes_nothing` | a second run of the migrations changes anything |
//! | `every_version_upgrades_with_data` | a migration refuses rows that the version before it accepts |
//! | `every_row_survives` | a migration loses a row or value that [`Suite::allow_loss`] does not name |
//! | `upgraded_equals_fresh` | the resulting schema depends on the rows |
//! | `shipped_migrations_are_frozen` | a file was changed after it was shipped, see [`Suite`] |
//! | `down_undoes_up` | a down script, or [`migrate_down`](crate::Template::migrate_down), fails, does not restore the schema, or loses what its up has kept |
//! | `failure_leaves_the_previous_version` | a migration that fails or is interrupted leaves some of its changes |
//! | `survives_power_loss` | a power cut during a migration leaves a state between two versions |
//! | `concurrent_upgrades` | two upgrades by the app's own runner at the same time (the first step, and the last one on rows) do harm; one that only fails is for review |
//! | `newer_database_is_refused` | the app's own runner writes into a database of a newer version, or panics; that it returns no error is for review |
//! | `integrity_holds` | a migration leaves a broken reference, index, CHECK or full-text index |
//! | `schema_is_as_reviewed` | the schema differs from its snapshot (needs the feature `snapshots` and the macro) |
//! | `lints_clean` | a migration has silent side effects or leaves something broken, see [`MIGRATION_CODES`] |
//!
//! # Runners
//!
//! A suite runs migrations as the app does. What the files do not say, the template does:
//! [`Template::migrate_with_foreign_keys_off`](crate::Template::migrate_with_foreign_keys_off) and
//! [`migrate_without_transaction`](crate::Template::migrate_without_transaction).
//!
//! [`Template::migrate_to`](crate::Template::migrate_to) makes the app's own runner the history. All tests run it. A finding shows the
//! statement that ran, its number within the step and, with `RUST_BACKTRACE=1`, the line of the app's code. Code that opens its own
//! connections, [`migrate_path_to`](crate::Template::migrate_path_to), cannot be made to fail halfway. What an app computes in Rust is
//! judged by the rows that come out, and the text of such a step does not tell which rows are worth having: they are those of the
//! schema.
//!
//! | foreign keys while a migration runs | DROP TABLE or DELETE of a parent | what is checked |
//! | --- | --- | --- |
//! | on | fires the actions of its children, or is refused | that no child is lost, and no row refused |
//! | off, by the runner or by a PRAGMA outside of a transaction | leaves the children alone | that each child still has its parent |
//!
//! Runners of these formats leave foreign keys as the connection has them. sqlx switches them on unless told otherwise.
//!
//! All databases have the template's profile and functions. A test that cannot fill a table fails.
//!
//! # The rows
//!
//! At each version, every new or changed table gets rows from the schema: with and without NULLs, edge cases, the same value
//! twice, and whatever [`Suite::rows`] says, one with each of the values that a CHECK lists, up to 32, and with each DEFAULT
//! that is a constant; and where a unique index has a condition, two rows outside of it that are alike. They are upgraded
//! along with the rows of all versions before. Rows that a migration refuses are reported and taken away; the others go on.
//! Where code migrates, a column of words or e-mails has one text with spaces around it, capitals, marks of other alphabets
//! and 300 characters, and one of numbers a negative one with many digits: no statement says what the code does to them.
//!
//! The statements of a migration get rows of their own, on a copy: for `DELETE .. WHERE kind = 'old'` a row whose `kind` is
//! `old`, one of another kind and one without; for a join or subquery rows without a partner, with one and with two; for
//! `GROUP BY`, `DISTINCT`, `OR IGNORE` and unique indexes rows that are alike; for a text that is inserted or set as a key a
//! row that has it, unless earlier migrations have put rows into the table; for `trim(x)`, `round(x, 2)` or `date(x)` a
//! value that the function changes, and two that it makes equal; for `LIMIT 100` 101 rows, up to a limit of 10,000, and for
//! `HAVING count(*) > 3` or `row_number()` more rows than that, up to 100; for `HAVING sum(x) = 0` a group of one such row;
//! for `max(x)` and `a.x < b.x - 10` a row far from the others; for a recursive query a chain of rows that it follows. What
//! an expression compares with the current time, and what only the app's own functions know, may still be missed:
//! [`Suite::set`] and [`Suite::release_databases`] bring such rows.

// The way through this folder, each part importing only from those before it:
//
//   statements   what the SQL of a migration says: effects, renames, values that it names
//   rows         rows of one database, written and read
//   losses       what is gone between two databases, by their rows
//   versions     an empty database at each version; one upgrade run with rows; databases of past releases
//   targeted     rows for the statements of one step: both sides of conditions, partners of joins, values functions change
//   released     which versions were released, by numbers or by git's tags
//   diagnosis    adversarial rows; why rows are lost or refused: blame, shrinking; only for what is reported
//   subject      a template, its options and its databases, built at first use
//   findings     diagnoses as text; nothing here runs anything
//   cases        the tests, and the list of all
//   builder, run, costs, macros   what users call

mod builder;
mod cases;
mod costs;
mod diagnosis;
mod findings;
mod losses;
mod macros;
mod released;
mod rows;
mod run;
mod statements;
mod subject;
mod targeted;
mod versions;

pub use builder::Suite;
pub use cases::all::TESTS;
pub use cases::lints::MIGRATION_CODES;
pub use costs::{Cost, Costs};
#[doc(hidden)]
pub use macros::__private;
pub use run::{Outcome, Report, TestResult};
pub(crate) use subject::{Together, Upgrade, WhatIf};
