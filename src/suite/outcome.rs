//! The results of the tests.

use std::fmt;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};

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
    /// The time that it took. The first test that needs databases builds them for all tests.
    pub took: Duration,
}

/// The results of all tests. `Display` is a table.
#[derive(Debug)]
#[must_use = "a report does not panic by itself"]
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

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.results.iter().map(|result| result.name.len()).max().unwrap_or(0);
        for result in &self.results {
            let name = result.name;
            match &result.outcome {
                Outcome::Passed => writeln!(f, "{name:width$}  ok")?,
                Outcome::Skipped(reason) => writeln!(f, "{name:width$}  skipped: {reason}")?,
                Outcome::Failed(error) => writeln!(f, "{name:width$}  FAILED: {}", error.headline())?,
            }
        }
        Ok(())
    }
}

pub(crate) fn timed(name: &'static str, run: impl FnOnce() -> Outcome) -> TestResult {
    let start = Instant::now();
    let outcome = run();
    TestResult { name, outcome, took: start.elapsed() }
}
