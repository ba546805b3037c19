//! The costs of a migration on a small and on a large database: costs that grow with the rows come from rewriting a table.

use std::fmt;

use rusqlite::StatementStatus;

use super::builder::Suite;
use super::rows::RowPlan;
use super::versions::{FilledVersions, UpgradeRun, UpgradeStep, VersionedDatabases};
use crate::error::{Error, ErrorKind, Result};
use crate::report::{Raw, printable};

/// The numbers of rows per table: few, and enough that a rewritten table stands out.
const ROWS: [u64; 2] = [10, 1_000];

/// The costs of each migration. `Display` is a table for a review.
///
///
/// ```
/// use sqlitmus::Template;
/// use sqlitmus::suite::Suite;
///
/// static APP: Template = Template::embedded(&[
///     ("1_notes.sql", "CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT)"),
///     ("2_pinned.sql", "ALTER TABLE notes ADD COLUMN pinned INT DEFAULT 0"),
///     (
///         "3_title.sql",
///         "ALTER TABLE notes ADD COLUMN title TEXT;
///          UPDATE notes SET title = substr(body, 1, 10)",
///     ),
/// ]);
///
/// let costs = Suite::new(&APP).costs().unwrap();
/// let growing = costs.iter().filter(|cost| cost.grows());
/// let grows: Vec<&str> = growing.map(|cost| cost.migration.as_str()).collect();
/// assert_eq!(grows, ["3_title.sql"]);
/// ```
#[derive(Clone, Debug)]
pub struct Costs {
    costs: Vec<Cost>,
}

/// The costs of one migration.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Cost {
    /// The name of the migration's file.
    pub migration: String,
    /// Pages written at 10 and at 1,000 rows in every table.
    pub pages: [u64; 2],
    /// Steps of SQLite's virtual machine at 10 and at 1,000 rows in every table.
    pub steps: [u64; 2],
}

impl Cost {
    /// Returns true if the migration writes more pages where there are more rows. On a large table, every other writer waits
    /// that long. A statement that only reads rows, such as one that looks for NULLs, takes steps but does not count.
    pub fn grows(&self) -> bool {
        self.pages[1] >= self.pages[0] * 2 && self.pages[1] > self.pages[0] + 4
    }
}

impl Costs {
    /// Iterates over the migrations in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Cost> {
        self.costs.iter()
    }
}

impl<'a> IntoIterator for &'a Costs {
    type Item = &'a Cost;
    type IntoIter = std::slice::Iter<'a, Cost>;

    fn into_iter(self) -> Self::IntoIter {
        self.costs.iter()
    }
}

printable!(Costs);

impl Raw for Costs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.costs.iter().map(|cost| cost.migration.len()).max().unwrap_or(0).max(9);
        writeln!(f, "{:width$}  pages at {} and {} rows  steps", "migration", ROWS[0], ROWS[1])?;
        for cost in &self.costs {
            let pages = format!("{} -> {}", cost.pages[0], cost.pages[1]);
            let grows = if cost.grows() { "  grows with the rows" } else { "" };
            writeln!(f, "{:width$}  {pages:26}  {} -> {}{grows}", cost.migration, cost.steps[0], cost.steps[1])?;
        }
        Ok(())
    }
}

impl Suite {
    /// Measures the costs of each migration with 10 rows in every table, and with 1,000.
    ///
    /// # Errors
    /// When there is no history, or a migration fails on an empty database.
    pub fn costs(&self) -> Result<Costs> {
        let Some(databases) = self.subject.databases()? else {
            return Err(Error::new(ErrorKind::Suite, "the template has no history")
                .help("name the folder of the migrations with Suite::history"));
        };
        databases.empty(databases.len())?;
        let mut costs: Vec<Cost> = databases
            .history
            .iter()
            .map(|migration| Cost { migration: migration.name().to_owned(), pages: [0; 2], steps: [0; 2] })
            .collect();
        for (at, rows) in ROWS.into_iter().enumerate() {
            let plan = RowPlan { rows, ..self.subject.options.plan.clone() };
            let large =
                VersionedDatabases::new(databases.history.clone(), databases.workshop, plan, FilledVersions::default());
            for step in &UpgradeRun::of(&large)?.steps {
                let cost = &mut costs[step.index];
                (cost.pages[at], cost.steps[at]) = measured(&large, step)?;
            }
        }
        Ok(Costs { costs })
    }
}

/// Returns the pages and steps of a migration, run statement by statement. If it refuses the rows, they count up to there.
fn measured(databases: &VersionedDatabases, step: &UpgradeStep) -> Result<(u64, u64)> {
    let database = databases.open(&step.before.image)?;
    let refused = |error| Error::sqlite("measure a migration", error);
    // Whatever the profile sets, the pages of a transaction are counted in a WAL that is never checkpointed.
    database.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0").map_err(refused)?;
    databases.prepare(&database, step.index)?;
    let mut steps = 0;
    let (migration, _) = databases.migration_on(step.index, &step.before.image)?;
    for statement in migration.statements() {
        let Ok(mut statement) = database.prepare(statement.text) else { break };
        let mut rows = statement.raw_query();
        let done = loop {
            match rows.next() {
                Ok(Some(_)) => {}
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        drop(rows);
        steps += u64::try_from(statement.get_status(StatementStatus::VmStep)).unwrap_or(0);
        if !done {
            break;
        }
    }
    if !database.is_autocommit() {
        let _ = database.execute_batch("COMMIT");
    }
    Ok((database.pages_in_wal(), steps))
}
