//! Shared by the checks: the names of objects, a copy to write on, and findings about checks that could not finish.

use std::collections::HashMap;
use std::error::Error as _;

use rusqlite::{Connection, ffi};

use crate::check::finding::Finding;
use crate::db::{Functions, back_up};
use crate::error::{Error, Refusal};
use crate::sql;

/// Returns the path of the main database, by which findings name the file.
pub(in crate::check) fn file_of(connection: &Connection) -> String {
    match connection.path() {
        Some(path) if !path.is_empty() => path.to_owned(),
        _ => String::from("the database in memory"),
    }
}

/// Returns the databases of a connection: `main`, `temp` and the attached ones.
pub(super) fn databases(connection: &Connection) -> Vec<String> {
    let read = || -> rusqlite::Result<Vec<String>> {
        let mut statement = connection.prepare("SELECT name FROM pragma_database_list ORDER BY seq")?;
        statement.query_map([], |row| row.get(0))?.collect()
    };
    read().unwrap_or_default()
}

/// Returns `database.name`, and the name alone for `main`.
pub(super) fn in_database(database: &str, name: &str) -> String {
    if database == "main" { name.to_owned() } else { format!("{database}.{name}") }
}

/// The names of tables and indexes, as far as the schema can be read.
#[derive(Default)]
pub(super) struct Names {
    by_root: HashMap<(String, u32), String>,
    /// The table of each index.
    tables: HashMap<String, String>,
}

impl Names {
    pub(super) fn read(connection: &Connection) -> Names {
        let mut names = Names::default();
        for database in databases(connection) {
            names.by_root.insert((database.clone(), 1), in_database(&database, "sqlite_schema"));
            // A schema that cannot be read gives no names; the checks report what is wrong with it.
            let _ = names.add(connection, &database);
        }
        names
    }

    fn add(&mut self, connection: &Connection, database: &str) -> rusqlite::Result<()> {
        let schema = if database == "temp" { "sqlite_temp_schema" } else { "sqlite_schema" };
        let database_in_sql = sql::quote_identifier(database);
        let query = format!("SELECT type, name, tbl_name, rootpage FROM {database_in_sql}.{schema} WHERE rootpage > 0");
        let mut statement = connection.prepare(&query)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (kind, name, table): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            self.by_root.insert((database.to_owned(), row.get(3)?), in_database(database, &name));
            if kind == "index" {
                self.tables.insert(name, table);
            }
        }
        Ok(())
    }

    /// Returns the table or index whose tree begins at this page.
    pub(super) fn at_root(&self, database: &str, page: u32) -> Option<&str> {
        self.by_root.get(&(database.to_owned(), page)).map(String::as_str)
    }

    pub(super) fn table_of_index(&self, index: &str) -> Option<&str> {
        self.tables.get(index).map(String::as_str)
    }
}

/// Copies the main database into memory, as this connection sees it. SQLite refuses while the connection has a write
/// transaction open.
pub(super) fn copy_of(connection: &Connection, functions: Option<Functions>) -> rusqlite::Result<Connection> {
    let mut copy = Connection::open_in_memory()?;
    if let Some(functions) = functions {
        // A function that could not be registered is named by the statement that needs it.
        let _ = functions(&copy);
    }
    back_up(connection, &mut copy)?;
    Ok(copy)
}

/// The code of a file that SQLite cannot read.
pub(super) const UNREADABLE: &str = "unreadable";
/// The code of something that could not be checked.
pub(super) const NOT_CHECKED: &str = "not-checked";

/// Returns the finding for a check that SQLite could not finish. Only some result codes blame the file. The others mean that
/// this connection lacks something, such as a function of the app.
pub(in crate::check) fn failure(check: &str, file: &str, error: &rusqlite::Error) -> Finding {
    let (code, says) = match Refusal::of(error) {
        Some(refusal) => (refusal.code, refusal.to_string()),
        None => (ffi::SQLITE_ERROR, error.to_string()),
    };
    match code & 0xff {
        ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB | ffi::SQLITE_CANTOPEN | ffi::SQLITE_IOERR => {
            Finding::new(UNREADABLE, file, format!("SQLite cannot read {file}")).evidence("SQLite says", says)
        }
        _ => Finding::new(NOT_CHECKED, file, format!("{check} could not be finished on {file}"))
            .evidence("SQLite says", says),
    }
}

/// Like [`failure`], for an error that has already been described.
pub(in crate::check) fn failure_of(check: &str, file: &str, error: &Error) -> Finding {
    match error.source().and_then(|source| source.downcast_ref::<rusqlite::Error>()) {
        Some(cause) => failure(check, file, cause),
        None => Finding::new(NOT_CHECKED, file, error.headline()),
    }
}
