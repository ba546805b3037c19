//! The options of a suite.

use std::path::PathBuf;

use super::allowances::Allowance;
use super::rows::RowPlan;
use crate::error::{Error, ErrorKind};

/// The options, as the methods of `Suite` set them.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) only: Vec<String>,
    /// Names of tests, and why they are left out.
    pub(crate) skipped: Vec<(String, String)>,
    /// The error of a value that `Suite::set` could not take.
    pub(crate) bad_value: Option<String>,
    pub(crate) history: Option<PathBuf>,
    pub(crate) from: Option<i64>,
    pub(crate) plan: RowPlan,
    pub(crate) losses: Vec<Allowance>,
    pub(crate) refusals: Vec<Allowance>,
    pub(crate) irreversible: Vec<Allowance>,
    /// Code, object and reason, as `Findings::allow` takes them.
    pub(crate) lints: Vec<(String, String, String)>,
    pub(crate) lowest_sqlite: Option<String>,
    pub(crate) old_code_runs: bool,
    pub(crate) release_databases: Option<PathBuf>,
}

impl Options {
    pub(crate) fn is_chosen(&self, test: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == test)
    }

    /// Returns why a test is left out.
    pub(crate) fn skip_reason(&self, test: &str) -> Option<String> {
        if !self.is_chosen(test) {
            return Some(String::from("not selected by Suite::only"));
        }
        self.skipped.iter().find(|(name, _)| name == test).map(|(_, reason)| reason.clone())
    }

    /// Returns an error if a value could not be taken.
    pub(crate) fn problem(&self) -> Option<Error> {
        self.bad_value.as_ref().map(|headline| Error::new(ErrorKind::Suite, headline))
    }

    /// Returns all names of tests that the user names.
    pub(crate) fn named_tests(&self) -> impl Iterator<Item = &String> {
        self.only.iter().chain(self.skipped.iter().map(|(name, _)| name))
    }
}
