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

mod adversarial_rows;
mod blame;
mod cases;
mod contents;
mod cost;
mod equivalence;
mod failure;
mod fill;
mod frozen;
mod lints;
mod macros;
mod nested;
mod options;
mod outcome;
mod release_databases;
mod renames;
mod shrink;
mod statement_effects;
mod survival;
mod versioned_databases;

use std::fmt;

use once_cell::sync::OnceCell;

use crate::db::Template;
use crate::error::{Error, ErrorKind, Result, or_panic};
use crate::migrations::Migrations;

use cases::Case;
pub use cases::TESTS;
pub use cost::{Cost, Costs};
pub use lints::CODES;
#[doc(hidden)]
pub use macros::__private;
use options::Options;
pub use outcome::{Outcome, Report, TestResult};
use release_databases::ReleaseDatabase;
use versioned_databases::{UpgradeStep, VersionedDatabases};

/// The tests over one history, and what is to be said about it beforehand.
///
/// ```
/// use sqlitmus::Template;
/// use sqlitmus::suite::Suite;
///
/// static APP: Template = Template::new("fixtures/shop/migrations");
///
/// let report = Suite::new(&APP).only("applies_to_an_empty_database").only("integrity_holds").run();
/// assert_eq!(report.passed(), 2);
/// ```
///
/// # What was shipped stays as it is
///
/// `migrations.lock`, beside the folder, has the hash of each migration. `SQLITMUS_ACCEPT=migrations` lets
/// `shipped_migrations_are_frozen` write it and add new migrations to it; it never changes what is there. A history without
/// one, or with migrations that are not in it yet, passes on a laptop and fails where `CI` is set.
pub struct Suite {
    template: &'static Template,
    options: Options,
    databases: OnceCell<VersionedDatabases>,
    release_databases: OnceCell<Vec<ReleaseDatabase>>,
}

impl Suite {
    /// All tests over the history of this template.
    pub fn new(template: &'static Template) -> Suite {
        Suite { template, options: Options::default(), databases: OnceCell::new(), release_databases: OnceCell::new() }
    }

    /// Runs the tests, one after the other.
    ///
    /// # Panics
    /// When one fails, with the reports of all that do.
    #[track_caller]
    pub fn run(&self) -> Report {
        or_panic(self.try_run())
    }

    /// Like [`run`](Suite::run), without the panic.
    ///
    /// # Errors
    /// When a test fails.
    pub fn try_run(&self) -> Result<Report> {
        self.report().into_result()
    }

    /// Runs the tests and tells of all of them, also of those that fail.
    pub fn report(&self) -> Report {
        let cases = cases::ALL.iter().filter(|case| self.options.runs(case.name));
        cases.map(|case| outcome::timed(case.name, || self.outcome(case))).collect()
    }

    /// Runs one test, as [`migration_suite!`](crate::migration_suite) does. `Ok` has the reason if it was skipped.
    ///
    /// # Errors
    /// When it fails, and when there is no such test.
    pub fn try_test(&self, name: &str) -> Result<Option<String>> {
        let Some(case) = cases::ALL.iter().find(|case| case.name == name) else { return Err(cases::unknown(name)) };
        match self.outcome(case) {
            Outcome::Passed => Ok(None),
            Outcome::Skipped(reason) => Ok(Some(reason)),
            Outcome::Failed(error) => Err(error),
        }
    }

    fn outcome(&self, case: &Case) -> Outcome {
        if let Some(error) = self.options.problem() {
            return Outcome::Failed(error);
        }
        if let Some(reason) = self.options.skips(case.name) {
            return Outcome::Skipped(reason);
        }
        let databases = match self.databases() {
            Ok(databases) => databases,
            // One cause, one failure.
            Err(error) if error.kind() == ErrorKind::History && case.name != cases::FIRST => {
                return Outcome::Skipped(format!("the history cannot be read, see {}", cases::FIRST));
            }
            Err(error) => return Outcome::Failed(error),
        };
        let done = match (case.needs, databases) {
            (cases::Needs::History(run), Some(databases)) => run(self, databases),
            (cases::Needs::Files(run) | cases::Needs::PartOfHistory(run), Some(databases)) => {
                match run(self, databases) {
                    Ok(None) => Ok(()),
                    Ok(Some(reason)) => return Outcome::Skipped(reason),
                    Err(error) => Err(error),
                }
            }
            (cases::Needs::Files(_) | cases::Needs::History(_) | cases::Needs::PartOfHistory(_), None) => {
                return Outcome::Skipped(String::from(
                    "the template has no versions of its own: name the folder of the migrations, Suite::history",
                ));
            }
            (cases::Needs::Runner(_), None) if self.template.runner().is_none() => {
                return Outcome::Skipped(String::from(
                    "the template's migrations run on a path, and cannot run there twice",
                ));
            }
            (cases::Needs::Template(run) | cases::Needs::Runner(run), _) => run(self),
            (cases::Needs::Snapshot, _) => {
                return Outcome::Skipped(String::from("a snapshot lies beside its test: migration_suite! takes it"));
            }
        };
        match done {
            Ok(()) => {
                match databases
                    .filter(|_| !matches!(case.needs, cases::Needs::Files(_)))
                    .and_then(VersionedDatabases::unreached)
                {
                    Some(reason) => Outcome::Skipped(reason),
                    None => Outcome::Passed,
                }
            }
            // The suite's own seed stands in the code.
            Err(error) => Outcome::Failed(match crate::env::settings().map(|settings| settings.seed) {
                Ok(Some(seed)) => error.note(format!("SQLITMUS_SEED={seed:#x} cargo test {}", case.name)),
                _ => error,
            }),
        }
    }

    /// The schema that `schema_is_as_reviewed` compares with its snapshot.
    #[cfg(feature = "snapshots")]
    fn reviewed_schema(&self) -> Result<Option<String>> {
        const NAME: &str = "schema_is_as_reviewed";
        if let Some(error) = self.options.problem() {
            return Err(error);
        }
        if self.options.skips(NAME).is_some() {
            return Ok(None);
        }
        crate::schema::snapshot_text(&*self.template.scratch()?).map(Some)
    }

    /// The databases of the history, made once for all tests.
    fn databases(&self) -> Result<Option<&VersionedDatabases>> {
        if self.databases.get().is_none() {
            let Some(history) = self.migrations()? else { return Ok(None) };
            let first = match self.options.from {
                None => 0,
                Some(version) => self.position(&history, version)?,
            };
            let databases =
                VersionedDatabases::new(history, self.template.workshop(), self.options.plan.clone(), first);
            return Ok(Some(self.databases.get_or_init(|| databases)));
        }
        Ok(self.databases.get())
    }

    /// The steps of the upgrade run, and those of the databases of past releases, each with the name of its file.
    fn steps<'s>(&'s self, databases: &'s VersionedDatabases) -> Result<Vec<(&'s UpgradeStep, Option<&'s str>)>> {
        let made = databases.upgrade_run()?.steps.iter().map(|step| (step, None));
        let Some(folder) = &self.options.release_databases else { return Ok(made.collect()) };
        let release_databases = self.release_databases.get_or_try_init(|| release_databases::all(databases, folder))?;
        let found =
            release_databases.iter().flat_map(|release| release.steps.iter().map(|step| (step, Some(&*release.name))));
        Ok(made.chain(found).collect())
    }

    fn migrations(&self) -> Result<Option<Migrations>> {
        match &self.options.history {
            Some(folder) => Migrations::load(crate::env::package_dir().join(folder)).map(Some),
            None => self.template.migrations(),
        }
    }

    /// How many migrations a database of this version has.
    fn position(&self, history: &Migrations, version: i64) -> Result<usize> {
        match history.iter().position(|migration| migration.version() == version) {
            Some(index) => Ok(index + 1),
            None => Err(Error::new(ErrorKind::Suite, format!("no migration has version {version}: .from({version})"))),
        }
    }
}

impl fmt::Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suite").field("template", self.template).field("options", &self.options).finish_non_exhaustive()
    }
}
