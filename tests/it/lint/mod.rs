//! Lints. Each code has a schema on which it fires, with a fix that works, and a similar one on which it is silent.

mod clean;
mod columns;
mod indexes;
mod keys;
mod levels;
mod objects;
mod partly_indexed;
mod references;
mod report;
mod undeclared;

use sqlitmus::check::{self, Finding, Findings};
use sqlitmus::rusqlite::Connection;

fn database(schema: &str) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(schema).unwrap();
    connection
}

fn found(connection: &Connection, code: &str) -> Vec<Finding> {
    assert!(check::LINT_CODES.contains(&code), "{code} is a code");
    check::lint(connection).into_iter().filter(|finding| finding.code() == code).collect()
}

/// Asserts that `fires` has this finding and no other of its code, that the fix contains `fix`, and that running it on
/// a real database removes the finding.
#[track_caller]
fn check(code: &str, fires: &str, object: &str, fix: &str) -> Finding {
    let connection = database(fires);
    let before = found(&connection, code);
    let objects: Vec<&str> = before.iter().map(Finding::object).collect();
    assert_eq!(objects, [object], "{before:#?}");
    let help = before[0].help().unwrap_or_default();
    assert!(help.contains(fix), "{help}");
    assert!(!before[0].why().is_empty());
    connection.execute_batch(help).unwrap();
    let after = found(&connection, code);
    assert!(after.iter().all(|finding| finding.object() != object), "the fix leaves it: {help}\n{after:#?}");
    before.into_iter().next().unwrap()
}

/// Asserts that `schema` has no finding of this code.
#[track_caller]
fn silent(code: &str, schema: &str) {
    assert_eq!(found(&database(schema), code), [], "{code}");
}

/// Asserts that `schema` has this finding, whose help is `words` and not SQL.
#[track_caller]
fn check_words(code: &str, schema: &str, object: &str, words: &str) {
    let found = found(&database(schema), code);
    let shown: Vec<_> = found.iter().map(|finding| (finding.object(), finding.help())).collect();
    assert_eq!(shown, [(object, Some(words))]);
}

fn all(findings: &Findings) -> Vec<String> {
    findings.iter().map(|finding| format!("{} {}", finding.code(), finding.object())).collect()
}
