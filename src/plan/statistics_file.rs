//! Production's statistics as a file, to plan in tests as production does.

use std::path::Path;

use rusqlite::Connection;

use crate::env;
use crate::error::{Error, ErrorKind, Result};
use crate::real_file;
use crate::schema::StatisticsRows;

/// Writes the statistics of a production database to a file for [`Template::stats`](crate::Template::stats): the number of
/// rows of each table, and how many of them share a value of an index. The file contains no value of any row.
///
/// The connection is one to production's database or to a copy, and is only read. `file` is relative to the package, as for
/// [`Template::stats`](crate::Template::stats). Its rows are sorted, so a diff shows the changes.
///
/// SQLite's shell writes the same rows without any Rust:
///
/// ```text
/// sqlite3 production.db "
///   SELECT format('INSERT INTO sqlite_stat1 VALUES(%Q,%Q,%Q);', tbl, idx, stat)
///   FROM sqlite_stat1 ORDER BY tbl, idx" > production_statistics.sql
/// ```
///
/// ```
/// use sqlitmus::{Template, plan::write_statistics};
///
/// let production = Template::empty().in_memory();
/// production.execute_batch("CREATE TABLE users(name TEXT UNIQUE)").unwrap();
/// production.execute_batch("INSERT INTO users VALUES ('Ada'); ANALYZE").unwrap();
///
/// let file = std::env::temp_dir()
///     .join(format!("statistics-{}.sql", std::process::id()));
/// write_statistics(&production, &file).unwrap();
/// let text = std::fs::read_to_string(&file).unwrap();
/// assert!(text.contains("('users', 'sqlite_autoindex_users_1', '1 1');"));
/// # std::fs::remove_file(&file).unwrap();
/// ```
///
/// # Errors
/// If the database has no statistics, or if the file cannot be written.
pub fn write_statistics(connection: &Connection, file: impl AsRef<Path>) -> Result<()> {
    let mut rows = read(connection)?;
    rows.samples.clear();
    write(&rows, file.as_ref(), "Numbers of rows, no values.")
}

/// Like [`write_statistics`], with the samples of sqlite_stat4, from which SQLite tells frequent values from rare ones.
///
/// **A sample is a value from a row of production**: names, addresses, whatever is indexed. Look at the file before you
/// commit it. A build of SQLite without STAT4 neither writes nor reads samples.
///
/// # Errors
/// If the database has no statistics, or if the file cannot be written.
pub fn write_statistics_with_samples(connection: &Connection, file: impl AsRef<Path>) -> Result<()> {
    write(
        &read(connection)?,
        file.as_ref(),
        "Numbers of rows, and samples: VALUES OF PRODUCTION'S ROWS in hexadecimal.",
    )
}

fn read(connection: &Connection) -> Result<StatisticsRows> {
    let rows = StatisticsRows::read(connection).map_err(|error| Error::sqlite("read the statistics", error))?;
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
    real_file::replace(&path, &[text.as_bytes()]).map_err(|error| Error::io("write the statistics", &path, error))
}
