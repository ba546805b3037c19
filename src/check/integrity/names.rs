//! Names of databases, tables and indexes as findings show them.

use std::collections::HashMap;

use rusqlite::Connection;

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
