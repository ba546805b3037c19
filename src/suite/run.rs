//! Running the tests of a suite, and their results.

use std::fmt;
use std::time::{Duration, Instant};

use super::builder::Suite;
use super::cases::all::{ALL, APPLIES, Case, Check, FIRST, unknown};
use super::versions::VersionedDatabases;
use crate::check::{Finding, Findings};
use crate::error::{Error, ErrorKind, Result, or_panic};
use crate::report::{Raw, printable};

const NO_HISTORY: &str = "the template has no history: run the app's own runner by Template::migrate_to, \
                          or name the folder of the migrations with Suite::history";

impl Suite {
    /// Runs the tests, one after the other.
    ///
    /// # Panics
    /// When a test fails, with the reports of all that do.
    #[track_caller]
    pub fn run(&self) -> Report {
        or_panic(self.try_run())
    }

    /// Runs the tests and reports all of them, those that fail too.
    #[must_use = "a report does not panic by itself"]
    pub fn report(&self) -> Report {
        let cases = ALL.iter().filter(|case| self.subject.options.is_chosen(case.name));
        cases.map(|case| timed(case.name, || self.outcome(case))).collect()
    }

    /// Like [`try_test`](Suite::try_test), with what the test found for review.
    pub(crate) fn try_test_and_review(&self, name: &str) -> Result<(Option<String>, Findings)> {
        let Some(case) = ALL.iter().find(|case| case.name == name) else { return Err(unknown(name)) };
        match self.outcome(case) {
            (Outcome::Passed, review) => Ok((None, review)),
            (Outcome::Skipped(reason), review) => Ok((Some(reason), review)),
            (Outcome::Failed(error), _) => Err(error),
        }
    }

    /// Runs a case. Returns what it found for review, too.
    fn outcome(&self, case: &Case) -> (Outcome, Findings) {
        let mut review = Findings::default();
        (self.outcome_and_review(case, &mut review), review)
    }

    fn outcome_and_review(&self, case: &Case, review: &mut Findings) -> Outcome {
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
        match self.check(case, databases, review) {
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
    fn check(
        &self,
        case: &Case,
        databases: Option<&VersionedDatabases>,
        review: &mut Findings,
    ) -> Result<Option<String>> {
        let skipped = |reason: &str| Ok(Some(reason.to_owned()));
        // The template has no limit, so that its database would never be there.
        let needs_template = !matches!(case.check, Check::Files(_) | Check::History(_) | Check::Losses(_));
        if let Some(databases) = databases
            && needs_template
            && case.name != APPLIES
            && databases.is_endless()
        {
            return Ok(unapplied(databases));
        }
        match (case.check, databases) {
            (Check::Files(check) | Check::History(check), Some(databases)) => check(&self.subject, databases),
            (Check::Losses(check), Some(databases)) => check(&self.subject, databases, review),
            (Check::Files(_) | Check::History(_) | Check::Losses(_), None) => skipped(NO_HISTORY),
            (Check::Runner(_), None) if self.subject.template.runner().is_none() => {
                skipped("the template's migrations run on a path, where they cannot run twice")
            }
            (Check::Template(check) | Check::Runner(check), _) => check(&self.subject).map(|()| None),
            (Check::Reviewed(check), _) => check(&self.subject, review),
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
        if self.subject.databases()?.is_some_and(VersionedDatabases::is_endless) {
            return Ok(None);
        }
        crate::schema::snapshot_text(&*self.subject.template.scratch()?).map(Some)
    }
}

/// The same without panics: each returns its failure as an [`Error`](crate::Error).
impl Suite {
    /// Like [`run`](Suite::run), without the panic.
    ///
    /// # Errors
    /// When a test fails.
    pub fn try_run(&self) -> Result<Report> {
        self.report().into_result()
    }

    /// Runs one test, as [`migration_suite!`](crate::migration_suite) does. Returns the reason if it was skipped.
    ///
    /// # Errors
    /// When the test fails, and when there is no test of this name.
    pub fn try_test(&self, name: &str) -> Result<Option<String>> {
        self.try_test_and_review(name).map(|(skipped, _)| skipped)
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

/// The outcome of one test.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It found nothing wrong.
    Passed,
    /// It did not run, or could check only the part of the history that applies. The text is the reason.
    Skipped(String),
    /// It found something wrong.
    Failed(Error),
}

/// A test and its outcome.
#[derive(Debug)]
#[non_exhaustive]
pub struct TestResult {
    /// The name of the test.
    pub name: &'static str,
    /// The outcome of the test.
    pub outcome: Outcome,
    /// The findings for review, at [`Level::Review`](crate::check::Level::Review). They do not fail a test.
    pub review: Vec<Finding>,
    /// The time that it took. The first test that needs databases builds them for all tests.
    pub took: Duration,
}

/// The results of all tests. `Display` is a table.
#[derive(Debug)]
pub struct Report {
    results: Vec<TestResult>,
}

impl Report {
    /// Iterates over the results, in the order in which the tests ran.
    pub fn iter(&self) -> std::slice::Iter<'_, TestResult> {
        self.results.iter()
    }

    /// Returns the number of tests that passed.
    pub fn passed(&self) -> usize {
        self.results.iter().filter(|result| matches!(result.outcome, Outcome::Passed)).count()
    }

    /// Iterates over the names and errors of the tests that failed.
    pub fn failures(&self) -> impl Iterator<Item = (&'static str, &Error)> {
        self.results.iter().filter_map(|result| match &result.outcome {
            Outcome::Failed(error) => Some((result.name, error)),
            _ => None,
        })
    }

    pub(crate) fn into_result(self) -> Result<Report> {
        let failed = self.failures().count();
        if failed == 0 {
            return Ok(self);
        }
        let of = self.results.len();
        let mut error = Error::new(
            ErrorKind::Suite,
            format!("{failed} of {of} migration tests {}", if failed == 1 { "fails" } else { "fail" }),
        );
        for (name, failure) in self.failures() {
            error = error.evidence(name, failure.to_string());
        }
        Err(error)
    }
}

impl<'a> IntoIterator for &'a Report {
    type Item = &'a TestResult;
    type IntoIter = std::slice::Iter<'a, TestResult>;

    fn into_iter(self) -> Self::IntoIter {
        self.results.iter()
    }
}

impl FromIterator<TestResult> for Report {
    fn from_iter<T: IntoIterator<Item = TestResult>>(results: T) -> Report {
        Report { results: results.into_iter().collect() }
    }
}

printable!(Report);

impl Raw for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.results.iter().map(|result| result.name.len()).max().unwrap_or(0);
        for result in &self.results {
            let name = result.name;
            match &result.outcome {
                Outcome::Passed => writeln!(f, "{name:width$}  ok")?,
                Outcome::Skipped(reason) => writeln!(f, "{name:width$}  skipped: {reason}")?,
                Outcome::Failed(error) => writeln!(f, "{name:width$}  FAILED: {}", error.headline())?,
            }
            for finding in &result.review {
                writeln!(f, "{:width$}  review: {}", "", finding.what())?;
            }
        }
        Ok(())
    }
}

fn timed(name: &'static str, run: impl FnOnce() -> (Outcome, Findings)) -> TestResult {
    let start = Instant::now();
    let (outcome, review) = run();
    TestResult { name, outcome, review: review.into_iter().collect(), took: start.elapsed() }
}
