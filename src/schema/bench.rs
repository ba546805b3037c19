//! An empty copy of a schema in memory, on which plans are made and fixes are tried.

use std::cell::RefCell;

use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{FromSql, Value};
use rusqlite::{Connection, ToSql};

use crate::error::{Error, Refusal, Result};
use crate::sql::plain_name;

/// A row of `sqlite_schema`.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    kind: String,
    pub(crate) name: String,
    pub(crate) table: String,
    sql: String,
}

impl Declared {
    pub(crate) fn new(kind: &str, name: &str, table: &str, sql: &str) -> Declared {
        Declared { kind: kind.to_owned(), name: name.to_owned(), table: table.to_owned(), sql: sql.to_owned() }
    }
}

/// The copy.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) connection: Connection,
    /// What could not be made here: a virtual table whose module the app registers, and what stands on it. Nothing is
    /// judged that names one of them.
    missing: Vec<String>,
    /// Tables and indexes that SQLite takes only while a name that resolves to nothing counts as a text.
    pub(crate) quoted: Vec<(String, String)>,
    /// Functions that only the app has.
    stubs: RefCell<Vec<String>>,
}

/// Whether the triggers are copied too. One trigger is judged alone, without the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Triggers {
    Copied,
    LeftOut,
}

impl Bench {
    pub(crate) fn copy(source: &Connection, triggers: Triggers) -> Result<Bench> {
        Bench::of(&declared(source)?, triggers)
    }

    pub(crate) fn of(declared: &[Declared], triggers: Triggers) -> Result<Bench> {
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open_in_memory()?;
            // An automatic index would hide a scan: it is built by one. Foreign keys are switched on for single plans.
            connection.execute_batch("PRAGMA automatic_index = OFF; PRAGMA foreign_keys = OFF")?;
            Ok(connection)
        };
        let connection = open().map_err(|error| Error::sqlite("a database in memory", error))?;
        let mut bench = Bench { connection, missing: Vec::new(), quoted: Vec::new(), stubs: RefCell::default() };
        let is_virtual =
            |sql: &str| sql.as_bytes().get(..14).is_some_and(|s| s.eq_ignore_ascii_case(b"CREATE VIRTUAL"));
        // One transaction costs half of what one for each object costs.
        let _ = bench.run("BEGIN");
        // A virtual table makes its shadow tables itself, so it comes before them; VACUUM writes it behind them.
        let kinds: [(&str, bool); 5] =
            [("table", true), ("table", false), ("index", false), ("view", false), ("trigger", false)];
        for (kind, virtual_table) in kinds {
            if kind == "trigger" && triggers == Triggers::LeftOut {
                continue;
            }
            for one in declared.iter().filter(|one| one.kind == kind && is_virtual(&one.sql) == virtual_table) {
                bench.declare(one);
            }
        }
        let _ = bench.run("COMMIT");
        bench.quoted_strings(true, true);
        Ok(bench)
    }

    /// Makes one object, first with strict names and, where that fails, as SQLite reads them by default.
    fn declare(&mut self, one: &Declared) {
        self.quoted_strings(false, true);
        let Err(refusal) = self.run(&one.sql) else { return };
        if refusal.contains("already exists") {
            return;
        }
        self.quoted_strings(true, true);
        match self.run(&one.sql) {
            Ok(()) => self.quoted.push((one.name.clone(), refusal)),
            Err(_) => self.missing.push(if one.kind == "index" { one.table.clone() } else { one.name.clone() }),
        }
    }

    /// Whether names in double quotes that resolve to nothing are texts: in declarations, and in statements.
    pub(crate) fn quoted_strings(&self, declarations: bool, statements: bool) {
        // The answer tells what is set now; a build without the switch reads them as it was compiled to.
        let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, declarations);
        let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, statements);
    }

    /// Runs statements. A function or collation that only the app has is replaced by a stub.
    pub(crate) fn run(&self, sql: &str) -> std::result::Result<(), String> {
        self.with_stubs(|connection| connection.execute_batch(sql))
    }

    /// Prepares a statement, and says what SQLite says if it cannot.
    pub(crate) fn prepare(&self, sql: &str) -> std::result::Result<(), String> {
        self.with_stubs(|connection| connection.prepare(sql).map(drop))
    }

    /// The lines of a query plan, or nothing if there is no plan.
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

    /// The one value of a query, or nothing if it fails. A stub fails when it is called: its value is not known.
    pub(crate) fn value<T: FromSql>(&self, sql: &str, values: &[Value]) -> Option<T> {
        let values: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).collect();
        self.with_stubs(|connection| connection.query_row(sql, values.as_slice(), |row| row.get(0))).ok()
    }

    /// Whether a plan reads all of a table or of one of its indexes.
    pub(crate) fn scans(plan: &[String], table: &str) -> bool {
        plan.iter().any(|line| is_scan_of(line, table))
    }

    /// Whether this is about something that could not be copied.
    pub(crate) fn is_missing(&self, name: &str) -> bool {
        self.missing.iter().any(|missing| missing.eq_ignore_ascii_case(name))
    }

    /// Whether this function is only the app's, so that nothing is known of what it returns.
    pub(crate) fn is_stub(&self, function: &str) -> bool {
        self.stubs.borrow().iter().any(|stub| stub.eq_ignore_ascii_case(function))
    }

    /// Whether SQLite's message names something that is missing only here.
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

    /// Registers what the message misses. Whether there is something new to try with.
    fn stub(&self, message: &str) -> bool {
        let behind = |start: &str| message.find(start).map(|at| message[at + start.len()..].trim_end_matches("()"));
        if let Some(name) = behind("no such function: ").or_else(|| behind("unknown function: ")) {
            let flags =
                FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
            self.stubs.borrow_mut().push(name.to_owned());
            // rusqlite 0.43 hands closures a `&mut Context`, older ones a `&Context`: an inferred type fits both.
            let made = self.connection.create_scalar_function(name, -1, flags, |_| -> rusqlite::Result<Option<i64>> {
                Err(rusqlite::Error::UserFunctionError("only the app has this function".into()))
            });
            return made.is_ok();
        }
        if let Some(name) = behind("no such collation sequence: ") {
            return self.connection.create_collation(name, |a: &str, b: &str| a.cmp(b)).is_ok();
        }
        false
    }
}

/// What a database declares, without SQLite's own tables.
pub(crate) fn declared(source: &Connection) -> Result<Vec<Declared>> {
    let _own = crate::own::statements();
    read(source).map_err(|error| Error::sqlite("to read sqlite_schema", error))
}

fn read(source: &Connection) -> rusqlite::Result<Vec<Declared>> {
    let mut query = source.prepare(
        "SELECT type, name, tbl_name, sql FROM main.sqlite_master \
         WHERE sql IS NOT NULL AND lower(substr(name, 1, 7)) <> 'sqlite_' ORDER BY rowid",
    )?;
    let rows = query.query_map([], |row| {
        Ok(Declared { kind: row.get(0)?, name: row.get(1)?, table: row.get(2)?, sql: row.get(3)? })
    })?;
    rows.collect()
}

/// `SCAN child`, `SCAN TABLE child` up to SQLite 3.35, either with ` USING …` behind it.
fn is_scan_of(line: &str, table: &str) -> bool {
    let Some(rest) = line.strip_prefix("SCAN ") else { return false };
    [Some(rest), rest.strip_prefix("TABLE ")].into_iter().flatten().any(|rest| {
        let (Some(name), Some(tail)) = (rest.get(..table.len()), rest.get(table.len()..)) else { return false };
        name.eq_ignore_ascii_case(table) && (tail.is_empty() || tail.starts_with(" USING "))
    })
}

/// Names as SQL, with commas between them.
pub(crate) fn names<'a>(list: impl IntoIterator<Item = &'a str>) -> String {
    list.into_iter().map(plain_name).collect::<Vec<_>>().join(", ")
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
