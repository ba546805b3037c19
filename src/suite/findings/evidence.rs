//! Evidence that several findings have.

use crate::check::Finding;
use crate::migrations::Migration;

/// Adds where the statement is, and its first line.
pub(crate) fn at_statement(finding: Finding, migration: &Migration, statement: usize) -> Finding {
    let statements = migration.statements();
    let Some(statement) = statements.get(statement) else { return finding };
    let line = statement.text.lines().next().unwrap_or_default();
    finding.evidence(format!("at {}", migration.place(statement)), format!("> {line}"))
}

/// Adds the name of the database, if it is one of a past release.
pub(crate) fn with_release(finding: Finding, release: Option<&str>) -> Finding {
    match release {
        Some(name) => finding.evidence("database", name),
        None => finding,
    }
}
