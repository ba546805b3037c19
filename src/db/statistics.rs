//! Production's statistics in the databases of tests: a file that is read, compared with the schema, and loaded.

use std::path::PathBuf;

use rusqlite::Connection;

use crate::env;
use crate::error::{Error, ErrorKind, Result};
use crate::real_file;
use crate::schema::StatisticsRows;

/// A file of statistics.
pub(super) struct StatisticsFile {
    name: &'static str,
    path: PathBuf,
    pub(super) text: String,
}

impl StatisticsFile {
    /// Reads a file. `name` is relative to the package under test.
    pub(super) fn read(name: &'static str) -> Result<StatisticsFile> {
        let path = env::package_dir().join(name);
        let text = real_file::read_to_string(&path).map_err(|error| {
            Error::io("read the statistics", &path, error).help(format!(
                "write them from production's database, or from a copy: sqlitmus::plan::write_statistics(&connection, {name:?})"
            ))
        })?;
        Ok(StatisticsFile { name, path, text })
    }

    /// Loads the statistics into the database. A row about something that is not in the schema is an error, because
    /// SQLite would plan with less than the file promises.
    pub(super) fn load(&self, connection: &Connection) -> Result<()> {
        let failed = |headline: String| Error::new(ErrorKind::Template, headline).path(&self.path);
        let rows = StatisticsRows::parse(&self.text).map_err(|misread| {
            let first = misread.statement.lines().next().unwrap_or_default();
            failed(format!("line {} of the statistics does not insert a row of ANALYZE: {}", misread.line, self.name))
                .evidence("it reads", format!("> {first}"))
                .help("the file may contain only INSERT INTO sqlite_stat1 or sqlite_stat4, with literals")
        })?;
        if rows.is_empty() {
            return Err(failed(format!("the statistics have no rows: {}", self.name)));
        }
        let refused = |error| Error::sqlite("load the statistics", error).path(&self.path);
        let stale = rows.stale(connection).map_err(refused)?;
        if !stale.is_empty() {
            return Err(failed(format!("the statistics do not fit the schema: {}", self.name))
                .evidence("rows", stale.join("\n"))
                .help("if a migration has changed the schema since production was analyzed, delete these rows")
                .help(format!(
                    "otherwise write the file again from production: sqlitmus::plan::write_statistics(&connection, {:?})",
                    self.name
                )));
        }
        let load = || -> rusqlite::Result<()> {
            let transaction = connection.unchecked_transaction()?;
            rows.load(connection)?;
            transaction.commit()
        };
        load().map_err(refused)
    }
}
