//! Statements of the last release that a migration breaks, or that lose their index by it.

use std::path::Path;

use rusqlite::Connection;

use crate::check::{Finding, Level};
use crate::db::Scratch;
use crate::error::Result;
use crate::migrations::Migration;
use crate::plan::try_explain;
use crate::record::{LedgerStatement, StatementLedger};
use crate::sql::{Name, listed, on_one_line};
use crate::suite::versions::VersionedDatabases;

/// The response of SQLite to a statement.
enum Prepared {
    Refused(String),
    Scans(Vec<Name>),
    Searches,
}

/// Prepares and plans each statement of a ledger at the last version, and looks for the migration that made it worse.
pub(super) fn findings(databases: &VersionedDatabases, ledger: &Path) -> Result<Vec<Finding>> {
    let statements = StatementLedger::read(ledger)?;
    let count = databases.applicable();
    // The last version first.
    let versions = (0..=count).rev().map(|count| databases.empty(count)).collect::<Result<Vec<Scratch>>>()?;
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for statement in statements.iter() {
        let is_worse = |prepared: &Prepared| match prepared {
            Prepared::Refused(_) => true,
            Prepared::Scans(_) => !statement.scans(),
            Prepared::Searches => false,
        };
        let now = prepared(&versions[0], statement);
        if !is_worse(&now) {
            continue;
        }
        let was_better = |connection: &Scratch| match (prepared(connection, statement), &now) {
            (Prepared::Refused(_), _) => false,
            (Prepared::Scans(_), now) => matches!(now, Prepared::Refused(_)),
            (Prepared::Searches, _) => true,
        };
        match (versions.iter().position(was_better), now) {
            (Some(at), now) => found.extend(finding(databases.migration(count - at), statement, now)),
            (None, Prepared::Refused(_)) => unknown.push(on_one_line(statement.sql())),
            // Its plan in the ledger was made with values.
            (None, _) => {}
        }
    }
    if let Some(first) = unknown.first() {
        let (of, file) = (statements.len(), ledger.display());
        let what = format!("{} of {of} statements of {file} are those of no version, for one: {first}", unknown.len());
        found.push(Finding::new("not-tried", file.to_string(), what).level_of(Level::Review));
    }
    Ok(found)
}

fn prepared(connection: &Connection, statement: &LedgerStatement) -> Prepared {
    let _own = crate::own::statements();
    if let Err(error) = connection.prepare(statement.sql()) {
        return Prepared::Refused(error.to_string());
    }
    match try_explain(connection, statement.sql()).map(|plan| plan.scanned_tables(&[])) {
        Ok(tables) if !tables.is_empty() => Prepared::Scans(tables),
        _ => Prepared::Searches,
    }
}

fn finding(migration: &Migration, statement: &LedgerStatement, now: Prepared) -> Option<Finding> {
    let (version, file, sql) = (migration.version(), migration.name(), on_one_line(statement.sql()));
    let (code, does, cost, label, evidence) = match now {
        Prepared::Refused(error) => (
            "breaks-old-statement",
            "breaks",
            "the old version of the app fails while the new one is rolled out, and after a rollback",
            "SQLite says",
            error,
        ),
        Prepared::Scans(tables) => (
            "slows-old-statement",
            "takes the index from",
            "the old version of the app reads whole tables while the new one is rolled out",
            "read as a whole",
            listed(&tables),
        ),
        Prepared::Searches => return None,
    };
    Some(
        Finding::new(code, file, format!("migration {version} {does} a statement of the last release: {sql}"))
            .cost(cost)
            .evidence(label, evidence)
            .fix(format!(
                "keep what it uses until no old version runs, and drop it in a later release\n\
                 if none runs by then, say so: .allow({code:?}, {file:?}, \"why\")"
            )),
    )
}
