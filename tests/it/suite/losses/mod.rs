//! What is a loss, and what is none: histories of two versions each, with what the suite says about the second.
//!
//! Each rule has histories that must be found, with their cause, and histories that must pass.

mod advice_followed;
mod constraints;
mod elsewhere;
mod exchanged;
mod generated;
mod overflow;
mod remedies;
mod replaced;
mod statements;
mod triggers;

use sqlitmus::suite::Suite;

use super::embedded;

/// A history of two versions.
struct History {
    name: &'static str,
    before: &'static str,
    change: &'static str,
}

const fn history(name: &'static str, before: &'static str, change: &'static str) -> History {
    History { name, before, change }
}

impl History {
    fn suite(&self) -> Suite {
        Suite::new(embedded(&[("001_tables.sql", self.before), ("002_change.sql", self.change)]))
    }

    /// Returns what the tests of this file's subject report.
    fn found(&self) -> Vec<String> {
        let suite = TESTS.iter().fold(self.suite(), |suite, test| suite.only(test));
        let report = suite.report();
        report.failures().map(|(test, error)| format!("{test}: {error}")).collect()
    }
}

const TESTS: [&str; 4] = ["every_version_upgrades_with_data", "every_row_survives", "integrity_holds", "lints_clean"];

/// Checks that nothing is found in any of these.
#[track_caller]
fn nothing_is_found(histories: &[History]) {
    let mut wrong = Vec::new();
    for history in histories {
        let found = history.found();
        if !found.is_empty() {
            wrong.push(format!("=== {}\n{}\n{}", history.name, history.change, found.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{} of {} false alarms\n{}", wrong.len(), histories.len(), wrong.join("\n"));
}

/// Checks that each of these is found, with this text in its report and no other failure.
#[track_caller]
fn each_is_found(histories: &[(History, &str)]) {
    let mut wrong = Vec::new();
    for (history, text) in histories {
        let found = history.found();
        if found.len() != 1 || !found[0].contains(text) {
            wrong.push(format!("=== {}: {text}\n{}\n{}", history.name, history.change, found.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{} of {} are wrong\n{}", wrong.len(), histories.len(), wrong.join("\n"));
}
