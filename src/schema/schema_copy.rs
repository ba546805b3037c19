//! An empty copy of a schema in memory, on which statements are planned and fixes are tried.

use std::cell::RefCell;

use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{FromSql, Value};
use rusqlite::{Connection, ToSql};

use super::entries::{SchemaEntry, entries};
use crate::error::{Error, Refusal, Result};
use crate::sql::same_name;

/// An empty copy of a schema in memory.
#[derive(Debug)]
pub(crate) struct SchemaCopy {
    pub(crate) connection: Connection,
    /// The objects that could not be copied: a virtual table whose module only the app registers, and what depends on it.
    missing: Vec<String>,
    /// Tables and indexes that SQLite accepts only while a name in double quotes that resolves to nothing counts as a text,
    /// each with the refusal.
    pub(crate) quoted: Vec<(String, String)>,
    /// Functions that only the app has.
    stubs: RefCell<Vec<String>>,
}

/// The treatment of triggers in a [`SchemaCopy`]. They are left out if each is tried alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Triggers {
    Copied,
    LeftOut,
}

impl SchemaCopy {
    pub(crate) fn copy(source: &Connection, triggers: Triggers) -> Result<SchemaCopy> {
        SchemaCopy::of(&declared(source)?, triggers)
    }

    pub(crate) fn of(declared: &[SchemaEntry], triggers: Triggers) -> Result<SchemaCopy> {
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open_in_memory()?;
            // An automatic index would hide the scan that builds it. Foreign keys are switched on for single plans.
            connection.execute_batch("PRAGMA automatic_index = OFF; PRAGMA foreign_keys = OFF")?;
            Ok(connection)
        };
        let connection = open().map_err(|error| Error::sqlite("open a database in memory", error))?;
        let mut copy = SchemaCopy { connection, missing: Vec::new(), quoted: Vec::new(), stubs: RefCell::default() };
        let is_virtual =
            |sql: &str| sql.as_bytes().get(..14).is_some_and(|s| s.eq_ignore_ascii_case(b"CREATE VIRTUAL"));
        // One transaction costs half as much as one for each object.
        let _ = copy.run("BEGIN");
        // A virtual table creates its shadow tables itself, so it comes before them; VACUUM writes it after them.
        let kinds: [(&str, bool); 5] =
            [("table", true), ("table", false), ("index", false), ("view", false), ("trigger", false)];
        for (kind, virtual_table) in kinds {
            if kind == "trigger" && triggers == Triggers::LeftOut {
                continue;
            }
            for entry in declared.iter().filter(|entry| entry.kind == kind) {
                if let Some(sql) = entry.declaration().filter(|sql| is_virtual(sql) == virtual_table) {
                    copy.declare(entry, sql);
                }
            }
        }
        let _ = copy.run("COMMIT");
        copy.quoted_strings(true, true);
        Ok(copy)
    }

    /// Creates one object, first with strict names and, if that fails, as SQLite reads them by default.
    fn declare(&mut self, entry: &SchemaEntry, sql: &str) {
        self.quoted_strings(false, true);
        let Err(refusal) = self.run(sql) else { return };
        if refusal.contains("already exists") {
            return;
        }
        self.quoted_strings(true, true);
        match self.run(sql) {
            Ok(()) => self.quoted.push((entry.name.clone(), refusal)),
            Err(_) => self.missing.push(if entry.kind == "index" { &entry.table } else { &entry.name }.clone()),
        }
    }

    /// Sets whether names in double quotes that resolve to nothing are texts: in declarations, and in statements.
    pub(crate) fn quoted_strings(&self, declarations: bool, statements: bool) {
        // The result is the new setting; a build without the switch keeps to what it was compiled with.
        let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, declarations);
        let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, statements);
    }

    /// Runs statements. Functions and collations that only the app has are replaced by stubs.
    pub(crate) fn run(&self, sql: &str) -> std::result::Result<(), String> {
        self.with_stubs(|connection| connection.execute_batch(sql))
    }

    /// Prepares a statement. The error is SQLite's message.
    pub(crate) fn prepare(&self, sql: &str) -> std::result::Result<(), String> {
        self.with_stubs(|connection| connection.prepare(sql).map(drop))
    }

    /// Returns the lines of a query plan, or `None` if there is no plan.
    pub(crate) fn plan(&self, sql: &str) -> Option<Vec<String>> {
        let explain = format!("EXPLAIN QUERY PLAN {sql}");
        let lines = |connection: &Connection| -> rusqlite::Result<Vec<String>> {
            let mut statement = connection.prepare(&explain)?;
            // Not `query`: it insists on values for the parameters.
            let mut rows = statement.raw_query();
            let mut lines = Vec::new();
            while let Some(row) = rows.next()? {
                lines.push(row.get(3)?);
            }
            Ok(lines)
        };
        self.with_stubs(lines).ok()
    }

    /// Returns the one value of a query, or `None` if it fails. A stub fails when it is called, because its value is unknown.
    pub(crate) fn value<T: FromSql>(&self, sql: &str, values: &[Value]) -> Option<T> {
        let values: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).collect();
        self.with_stubs(|connection| connection.query_row(sql, values.as_slice(), |row| row.get(0))).ok()
    }

    /// Returns true if a plan reads all of a table or of one of its indexes.
    pub(crate) fn scans(plan: &[String], table: &str) -> bool {
        plan.iter().any(|line| is_scan_of(line, table))
    }

    /// Returns true if this table or view could not be copied.
    pub(crate) fn is_missing(&self, name: &str) -> bool {
        self.missing.iter().any(|missing| same_name(missing, name))
    }

    /// Returns true if only the app has this function, so that its values are unknown.
    pub(crate) fn is_stub(&self, function: &str) -> bool {
        self.stubs.borrow().iter().any(|stub| same_name(stub, function))
    }

    /// Returns true if SQLite's message names something that could not be copied.
    pub(crate) fn is_about_missing(&self, message: &str) -> bool {
        let message = message.to_ascii_lowercase();
        self.missing.iter().any(|missing| message.contains(&missing.to_ascii_lowercase()))
    }

    fn with_stubs<T>(&self, mut run: impl FnMut(&Connection) -> rusqlite::Result<T>) -> std::result::Result<T, String> {
        let mut last = String::new();
        loop {
            let error = match run(&self.connection) {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let message = Refusal::of(&error).map_or_else(|| error.to_string(), |refusal| refusal.message);
            if message == last || !self.stub(&message) {
                return Err(message);
            }
            last = message;
        }
    }

    /// Registers a stub for what the message misses, and returns true if there was something to register.
    fn stub(&self, message: &str) -> bool {
        let behind = |start: &str| message.find(start).map(|at| message[at + start.len()..].trim_end_matches("()"));
        if let Some(name) = behind("no such function: ").or_else(|| behind("unknown function: ")) {
            let flags =
                FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
            self.stubs.borrow_mut().push(name.to_owned());
            // rusqlite 0.43 hands closures a `&mut Context`, older ones a `&Context`: an inferred type fits both.
            let registered =
                self.connection.create_scalar_function(name, -1, flags, |_| -> rusqlite::Result<Option<i64>> {
                    Err(rusqlite::Error::UserFunctionError("only the app has this function".into()))
                });
            return registered.is_ok();
        }
        if let Some(name) = behind("no such collation sequence: ") {
            return self.connection.create_collation(name, |a: &str, b: &str| a.cmp(b)).is_ok();
        }
        false
    }
}

/// Returns what a database declares, without SQLite's own tables.
pub(crate) fn declared(source: &Connection) -> Result<Vec<SchemaEntry>> {
    let _own = crate::own::statements();
    let mut entries = entries(source).map_err(|error| Error::sqlite("read sqlite_schema", error))?;
    entries.retain(|entry| entry.declaration().is_some());
    Ok(entries)
}

/// Returns true for `SCAN child`, or `SCAN TABLE child` up to SQLite 3.35, either with ` USING …` behind it.
fn is_scan_of(line: &str, table: &str) -> bool {
    let Some(rest) = line.strip_prefix("SCAN ") else { return false };
    let is_it = |rest: &str| {
        let (Some(name), Some(tail)) = (rest.get(..table.len()), rest.get(table.len()..)) else { return false };
        (tail.is_empty() || tail.starts_with(" USING ")) && same_name(name, table)
    };
    is_it(rest) || rest.strip_prefix("TABLE ").is_some_and(is_it)
}

#[cfg(test)]
mod tests {
    use super::is_scan_of;

    #[test]
    fn a_scan_is_told_by_the_whole_name_of_its_table() {
        for (line, expected) in [
            ("SCAN child", true),
            ("SCAN Child USING COVERING INDEX x", true),
            ("SCAN TABLE child", true),
            ("SCAN children", false),
            ("SEARCH child USING INDEX x (a=?)", false),
        ] {
            assert_eq!(is_scan_of(line, "child"), expected, "{line}");
        }
    }
}
