//! What came out of the tests.

use std::fmt;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};

/// What came out of one test.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// Nothing is wrong.
    Passed,
    /// It did not run, or found nothing in the part of the history that applies: the reason.
    Skipped(String),
    /// Something is wrong.
    Failed(Error),
}

/// A test and what came out of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct TestResult {
    /// Its name.
    pub name: &'static str,
    /// What came out of it.
    pub outcome: Outcome,
    /// How long it took. The first test that needs data makes it for all of them.
    pub took: Duration,
}

/// What came out of all tests. `Display` is a table.
#[derive(Debug)]
#[must_use = "a report says nothing unless it is looked at"]
pub struct Report {
    results: Vec<TestResult>,
}

impl Report {
    /// The tests, in the order in which they ran.
    pub fn iter(&self) -> std::slice::Iter<'_, TestResult> {
        self.results.iter()
    }

    /// How many passed.
    pub fn passed(&self) -> usize {
        self.results.iter().filter(|result| matches!(result.outcome, Outcome::Passed)).count()
    }

    /// The errors of those that failed.
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
        let mut error = Error::new(ErrorKind::Suite, format!("{failed} of {of} tests of the migrations fail"));
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
