//! Running the tests of a suite.

use super::builder::Suite;
use super::cases::all::{ALL, APPLIES, Case, Check, FIRST, unknown};
use super::outcome::{Outcome, Report, timed};
use super::versions::VersionedDatabases;
use crate::error::{Error, ErrorKind, Result, or_panic};

const NO_HISTORY: &str = "the template has no history: name the folder of the migrations with Suite::history";

impl Suite {
    /// Runs the tests, one after the other.
    ///
    /// # Panics
    /// When a test fails, with the reports of all that do.
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

    /// Runs the tests and reports all of them, those that fail too.
    pub fn report(&self) -> Report {
        let cases = ALL.iter().filter(|case| self.subject.options.is_chosen(case.name));
        cases.map(|case| timed(case.name, || self.outcome(case))).collect()
    }

    /// Runs one test, as [`migration_suite!`](crate::migration_suite) does. Returns the reason if it was skipped.
    ///
    /// # Errors
    /// When the test fails, and when there is no test of this name.
    pub fn try_test(&self, name: &str) -> Result<Option<String>> {
        let Some(case) = ALL.iter().find(|case| case.name == name) else { return Err(unknown(name)) };
        match self.outcome(case) {
            Outcome::Passed => Ok(None),
            Outcome::Skipped(reason) => Ok(Some(reason)),
            Outcome::Failed(error) => Err(error),
        }
    }

    fn outcome(&self, case: &Case) -> Outcome {
        if let Some(error) = self.problem() {
            return Outcome::Failed(error);
        }
        if let Some(reason) = self.subject.options.skip_reason(case.name) {
            return Outcome::Skipped(reason);
        }
        let databases = match self.subject.databases() {
            Ok(databases) => databases,
            // One cause, one failure.
            Err(error) if error.kind() == ErrorKind::History && case.name != FIRST => {
                return Outcome::Skipped(format!("the history cannot be read, see {FIRST}"));
            }
            Err(error) => return Outcome::Failed(error),
        };
        match self.check(case, databases) {
            Ok(Some(reason)) => Outcome::Skipped(reason),
            Ok(None) => {
                let applied = databases.filter(|_| !matches!(case.check, Check::Files(_)));
                applied.and_then(unapplied).map_or(Outcome::Passed, Outcome::Skipped)
            }
            // The seed of Suite::seed is in the code.
            Err(error) => Outcome::Failed(match crate::env::settings().map(|settings| settings.seed) {
                Ok(Some(seed)) => error.note(format!("SQLITMUS_SEED={seed:#x} cargo test {}", case.name)),
                _ => error,
            }),
        }
    }

    /// Runs a case. Returns the reason if there is nothing to run it on.
    fn check(&self, case: &Case, databases: Option<&VersionedDatabases>) -> Result<Option<String>> {
        let skipped = |reason: &str| Ok(Some(reason.to_owned()));
        match (case.check, databases) {
            (Check::Files(check) | Check::History(check), Some(databases)) => check(&self.subject, databases),
            (Check::Files(_) | Check::History(_), None) => skipped(NO_HISTORY),
            (Check::Runner(_), None) if self.subject.template.runner().is_none() => {
                skipped("the template's migrations run on a path, where they cannot run twice")
            }
            (Check::Template(check) | Check::Runner(check), _) => check(&self.subject).map(|()| None),
            (Check::Snapshot, _) => skipped("only migration_suite! compares the snapshot, which is beside its test"),
        }
    }

    /// Returns an error if a value could not be taken, or a name is misspelt.
    fn problem(&self) -> Option<Error> {
        let options = &self.subject.options;
        let is_unknown = |name: &&String| !ALL.iter().any(|case| case.name == name.as_str());
        options.problem().or_else(|| options.named_tests().find(is_unknown).map(|name| unknown(name)))
    }

    /// Returns the schema that `schema_is_as_reviewed` compares with its snapshot.
    #[cfg(feature = "snapshots")]
    pub(crate) fn reviewed_schema(&self) -> Result<Option<String>> {
        if let Some(error) = self.problem() {
            return Err(error);
        }
        if self.subject.options.skip_reason("schema_is_as_reviewed").is_some() {
            return Ok(None);
        }
        crate::schema::snapshot_text(&*self.subject.template.scratch()?).map(Some)
    }
}

/// Returns why nothing is known about the later versions, if a migration does not apply to an empty database.
fn unapplied(databases: &VersionedDatabases) -> Option<String> {
    let applicable = databases.applicable();
    if applicable == databases.len() {
        return None;
    }
    let found = match applicable {
        0 => String::new(),
        _ => format!("nothing is wrong up to version {}; ", databases.version(applicable)),
    };
    Some(format!("{found}migration {} does not apply, see {APPLIES}", databases.version(applicable + 1)))
}
