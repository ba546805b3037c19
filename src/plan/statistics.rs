//! Production's statistics as a file, to plan in tests as production does; and doubts about those of a fixture.

use std::path::Path;

use rusqlite::Connection;

use super::catalog::Catalog;
use super::tree::Node;
use super::{Plan, Query};
use crate::env;
use crate::error::{Error, ErrorKind, Result};
use crate::report::count;
use crate::schema::StatisticsRows;
use crate::schema::schema_copy::SchemaCopy;

/// Statistics of fewer rows than this are those of a fixture. By numbers of rows alone SQLite 3.46 and 3.54 scan for a list
/// of ten values below 36 rows, and for one value that half of the rows share below 40 (3.46) or 9 (3.54); what else they
/// make of so few is what the rows happen to share.
pub(super) const FEW_ROWS: u64 = 100;

/// Writes the statistics of a production database to a file for [`Template::stats`](crate::Template::stats): how many rows
/// each table has, and how many of them share a value of an index. No value of any row is in it.
///
/// The connection is one to production's database or to a copy; it is only read. `file` is relative to the package, as for
/// [`Template::stats`](crate::Template::stats), and the rows in it are sorted, so that a diff shows what has changed.
///
/// Where no Rust is at hand, SQLite's shell writes the same rows:
///
/// ```text
/// sqlite3 production.db "SELECT format('INSERT INTO sqlite_stat1 VALUES(%Q,%Q,%Q);', tbl, idx, stat)
///                        FROM sqlite_stat1 ORDER BY tbl, idx" > production_statistics.sql
/// ```
///
/// ```
/// use sqlitmus::{Template, plan::write_statistics};
///
/// let production = Template::empty().in_memory();
/// production.execute_batch("CREATE TABLE users(name TEXT UNIQUE); INSERT INTO users VALUES ('Ada'); ANALYZE").unwrap();
///
/// let file = std::env::temp_dir().join(format!("statistics-{}.sql", std::process::id()));
/// write_statistics(&production, &file).unwrap();
/// assert!(std::fs::read_to_string(&file).unwrap().contains("VALUES ('users', 'sqlite_autoindex_users_1', '1 1');"));
/// # std::fs::remove_file(&file).unwrap();
/// ```
///
/// # Errors
/// When the database has no statistics, or the file cannot be written.
pub fn write_statistics(connection: &Connection, file: impl AsRef<Path>) -> Result<()> {
    let mut rows = read(connection)?;
    rows.samples.clear();
    write(&rows, file.as_ref(), "Numbers of rows, no values.")
}

/// Like [`write_statistics`], with the samples of sqlite_stat4, by which SQLite plans differently for frequent and for rare
/// values.
///
/// **A sample is a value out of a row of production**: names, addresses, whatever is indexed. Look at what you commit. A
/// build of SQLite without STAT4 writes and reads none.
///
/// # Errors
/// When the database has no statistics, or the file cannot be written.
pub fn write_statistics_with_samples(connection: &Connection, file: impl AsRef<Path>) -> Result<()> {
    write(
        &read(connection)?,
        file.as_ref(),
        "Numbers of rows, and samples: VALUES OF PRODUCTION'S ROWS in hexadecimal.",
    )
}

fn read(connection: &Connection) -> Result<StatisticsRows> {
    let rows = StatisticsRows::read(connection).map_err(|error| Error::sqlite("to read the statistics", error))?;
    if rows.counts.is_empty() {
        return Err(Error::new(ErrorKind::Plan, "there are no statistics to write: sqlite_stat1 has no rows").help(
            "gather them first: run ANALYZE on a copy of production's database, or PRAGMA optimize in production",
        ));
    }
    Ok(rows)
}

fn write(rows: &StatisticsRows, file: &Path, what: &str) -> Result<()> {
    let path = env::package_dir().join(file);
    let text = format!("-- Statistics of ANALYZE, for sqlitmus::Template::stats. {what}\n{rows}");
    std::fs::write(&path, text).map_err(|error| Error::io("cannot write the statistics", &path, error))
}

impl Plan {
    /// The tables of the plan that had few rows when they were counted.
    fn tables_of_few_rows(&self) -> Vec<(&str, u64)> {
        let mut few: Vec<(&str, u64)> = Vec::new();
        for table in self.all().filter_map(|node| node.table.as_deref()) {
            if let Some(rows) = self.catalog.counted_rows(table).filter(|&rows| rows < FEW_ROWS)
                && !few.iter().any(|(known, _)| *known == table)
            {
                few.push((table, rows));
            }
        }
        few
    }

    /// Plans again without statistics, where those that there are were gathered on few rows. What an assertion says of
    /// this plan it may owe to them.
    pub(super) fn plan_without_statistics(&mut self, query: &Query<'_>) {
        if self.tables_of_few_rows().is_empty() {
            return;
        }
        // What cannot be planned there (a temporary table, an attached database) stays in doubt.
        let plan =
            empty_copy(&self.catalog, &self.sql).and_then(|copy| super::plan(&copy.connection, &self.sql, query));
        self.without_statistics = plan.ok().map(Box::new);
    }

    /// Fails if only statistics of few rows keep this plan from what is `guilty`.
    pub(super) fn check_without_statistics(&self, guilty: impl Fn(&Node) -> bool) -> Result<()> {
        let Some(without) = self.without_statistics.as_deref().filter(|plan| plan.all().any(&guilty)) else {
            return Ok(());
        };
        let few: Vec<String> = self
            .tables_of_few_rows()
            .into_iter()
            .map(|(table, rows)| format!("{} of {table}", count(rows, "row")))
            .collect();
        Err(without.scan_failure(guilty).evidence("plan under the statistics of this database", self.to_string()).note(
            format!(
                "only statistics that were gathered on {} avoid the scan, and production's are others: {PLAN_OTHERWISE}",
                few.join(" and ")
            ),
        ))
    }

    /// What is said of a guilty line where its table had few rows when it was counted.
    pub(super) fn note_on_few_rows(&self, node: &Node, guilty: &impl Fn(&Node) -> bool) -> Option<String> {
        let table = node.table.as_deref()?;
        let rows = count(self.catalog.counted_rows(table).filter(|&rows| rows < FEW_ROWS)?, "row");
        match &self.without_statistics {
            Some(without) => {
                let lines: Vec<&Node> = without.all().filter(|node| node.is_of(table)).collect();
                if lines.iter().any(|node| guilty(node)) {
                    return None;
                }
                let line = lines.first().map_or_else(String::new, |node| format!(" ({})", node.text));
                Some(format!(
                    "statistics were gathered on {rows} of {table}, and without them it is not so{line}: {PLAN_OTHERWISE}"
                ))
            }
            None => Some(format!(
                "statistics were gathered on {rows} of {table}: of so few, SQLite scans what it would search among many: {PLAN_OTHERWISE}"
            )),
        }
    }
}

/// How to get rid of a fixture's statistics.
const PLAN_OTHERWISE: &str = "keep ANALYZE and PRAGMA optimize away from the test's database (DELETE FROM sqlite_stat1, then open it again), or plan under production's: Template::stats";

/// An empty copy of the schema without statistics, on which `sql` can be prepared.
pub(super) fn empty_copy(catalog: &Catalog, sql: &str) -> Result<SchemaCopy> {
    let bench = catalog.bench_without_statistics()?;
    bench.prepare(sql).map_err(|message| {
        Error::new(
            ErrorKind::Plan,
            format!("the statement could not be planned on an empty copy of the schema: {message}"),
        )
        .sql(sql)
        .note("temporary tables, attached databases and modules of the app's are not on the copy")
    })?;
    Ok(bench)
}
