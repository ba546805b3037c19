//! Does people's data survive the migrations? A suite of named tests over a history: on databases with rows in them, made
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
//!     .allow_loss(26, "products.price_cents", "since 16 it is in prices, and 26 copies what is missing there")
//!     .allow_loss(30, "sessions.ip_address", "the law asks for it"));
//! # }
//! # fn main() {}
//! ```
//!
//! | test | fails when |
//! | --- | --- |
//! | `history_is_linear` | a number is missing, or the files are no history |
//! | `applies_to_an_empty_database` | a statement fails; the file and line are named |
//! | `stepwise_equals_at_once` | a new install and one that was upgraded step by step differ |
//! | `rerun_changes_nothing` | a second run does something |
//! | `every_version_upgrades_with_data` | a migration refuses rows that the version before it accepts |
//! | `every_row_survives` | a row or value is gone afterwards that no one said would go |
//! | `upgraded_equals_fresh` | data decides which schema comes out |
//! | `shipped_migrations_are_frozen` | a file is not what it was when it was shipped, see [`Suite`] |
//! | `down_undoes_up` | a down script fails, or leaves another schema than there was |
//! | `failure_leaves_the_previous_version` | a migration of which a statement fails, or that is interrupted, leaves half of its work |
//! | `survives_power_loss` | a power cut in a migration leaves what no version has |
//! | `integrity_holds` | a broken reference, index, CHECK or full-text index after a step |
//! | `schema_is_as_reviewed` | the schema is not that of the snapshot (needs the feature `snapshots` and the macro) |
//! | `lints_clean` | a migration does more than it says, or leaves something broken: see [`CODES`] |
//!
//! All databases have the template's profile and functions. A test that cannot put rows into a table fails.

mod allowances;
mod builder;
mod cases;
mod costs;
mod diagnosis;
mod losses;
mod macros;
mod options;
mod outcome;
mod report;
mod rows;
mod run;
mod statements;
mod subject;
mod versions;

pub use builder::Suite;
pub use cases::all::TESTS;
pub use cases::lints::CODES;
pub use costs::{Cost, Costs};
#[doc(hidden)]
pub use macros::__private;
pub use outcome::{Outcome, Report, TestResult};
