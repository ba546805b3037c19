//! The migration suite.

mod answers;
mod behind_refusals;
mod code;
mod cost;
mod declared_values;
mod fixed_keys;
mod folders;
mod frozen;
mod histories;
mod losses;
mod messages;
mod options;
mod population;
mod random;
mod release_databases;
mod released;
mod released_statements;
mod runners;
mod salvage;
mod targeted;
mod trees;

use std::path::Path;

use sqlitmus::suite::{Outcome, Report, Suite};
use sqlitmus::{Profile, Template};

/// Returns a template over a folder of this package, leaked for the life of the process.
fn template(folder: &str) -> &'static Template {
    let folder: &'static str = Box::leak(folder.to_owned().into_boxed_str());
    Box::leak(Box::new(Template::new(folder).profile(Profile::MINIMAL)))
}

/// Returns a template over embedded files.
fn embedded(files: &[(&'static str, &'static str)]) -> &'static Template {
    Box::leak(Box::new(Template::embedded(Box::leak(files.to_vec().into_boxed_slice())).profile(Profile::MINIMAL)))
}

/// Returns the tests that fail, with their headlines.
fn failures(report: &Report) -> Vec<(&'static str, String)> {
    report.failures().map(|(name, error)| (name, error.headline().to_owned())).collect()
}

/// Returns the report of a test, without the path of the package.
#[track_caller]
fn says(suite: &Suite, test: &str) -> String {
    match suite.try_test(test) {
        Ok(outcome) => format!("nothing, {outcome:?}"),
        Err(error) => stable(&error.to_string()),
    }
}

fn stable(text: &str) -> String {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = text.replace(&format!("{}/", package.display()), "");
    // The name of a code differs between versions of rusqlite.
    let mut parts = text.split(" (code ");
    let mut stable = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_once(": ").unwrap();
        let (_, rest) = rest.split_once(')').unwrap();
        stable.push_str(&format!(" (code {code}){rest}"));
    }
    stable
}

#[track_caller]
fn outcome(report: &Report, test: &str) -> String {
    let result = report.iter().find(|result| result.name == test).unwrap();
    match &result.outcome {
        Outcome::Passed => "passed".to_owned(),
        Outcome::Skipped(reason) => format!("skipped: {reason}"),
        Outcome::Failed(error) => format!("failed: {}", error.headline()),
        other => format!("{other:?}"),
    }
}
