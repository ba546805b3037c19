//! The statement of a migration that a finding is about.

use crate::check::Finding;
use crate::migrations::Migration;

/// Adds where the statement is, and its first line.
pub(crate) fn at_statement(finding: Finding, migration: &Migration, statement: usize) -> Finding {
    let statements = migration.statements();
    let Some(statement) = statements.get(statement) else { return finding };
    let line = statement.text.lines().next().unwrap_or_default();
    finding.evidence(format!("at {}", migration.place(statement)), format!("> {line}"))
}
