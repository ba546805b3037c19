//! Rows that SQLite reads or deletes within one instruction of its virtual machine.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::bytecode::{self, CursorTarget};
use super::catalog::Catalog;
use crate::sql::quote_identifier;

/// The number of rows of each table, by its name.
pub(crate) type TableRows = BTreeMap<String, u64>;

/// Counts the rows of all tables of the main database.
pub(crate) fn count_table_rows(connection: &Connection) -> rusqlite::Result<TableRows> {
    let _own = crate::own::statements();
    let sql = "SELECT name FROM main.sqlite_master
               WHERE type = 'table' AND rootpage > 0 AND lower(substr(name, 1, 7)) <> 'sqlite_'";
    let mut tables = connection.prepare(sql)?;
    let names = tables.query_map([], |row| row.get::<_, String>(0))?;
    let count = |name: rusqlite::Result<String>| {
        let name = name?;
        let sql = format!("SELECT count(*) FROM main.{}", quote_identifier(&name));
        let count: i64 = connection.query_row(&sql, [], |row| row.get(0))?;
        Ok((name, count.unsigned_abs()))
    };
    names.map(count).collect()
}

/// The rows that a statement reads or deletes within single instructions: `count(*)` of a whole table, and `DELETE` without
/// a WHERE. Counted as one step each, they would look constant although they read every page.
#[derive(Clone, Debug, Default)]
pub(crate) struct SingleStepRows {
    /// The rows of each run of the statement itself.
    statement: u64,
    /// The rows of each run of a trigger, by the trigger's name.
    triggers: Vec<(String, u64)>,
}

impl SingleStepRows {
    /// Reads the bytecode of a statement.
    pub(crate) fn of(connection: &Connection, sql: &str, rows: &TableRows) -> SingleStepRows {
        let listing = || -> rusqlite::Result<Option<Vec<bytecode::Program>>> {
            bytecode::read(&mut connection.prepare(&format!("EXPLAIN {sql}"))?.raw_query())
        };
        // A statement that cannot be explained (BEGIN, a function that is gone) has no such rows.
        let (Ok(Some(programs)), Ok(catalog)) = (listing(), Catalog::read(connection)) else {
            return SingleStepRows::default();
        };
        let mut found = SingleStepRows::default();
        for (number, program) in programs.iter().enumerate() {
            let rows = in_single_steps(program, &catalog, rows);
            match program.trigger() {
                None if number == 0 => found.statement = rows,
                // SQLite compiles a trigger once for each path that leads to it.
                Some(name) if found.triggers.iter().all(|(known, _)| known != name) => {
                    found.triggers.push((name.to_owned(), rows));
                }
                _ => {}
            }
        }
        found
    }

    /// Returns the rows of one run. `nested` are the statements that it set off, as the trace names them: `TRIGGER name`.
    pub(crate) fn of_run(&self, nested: &[String]) -> u64 {
        let runs = |name: &str| nested.iter().filter(|one| one.strip_prefix("TRIGGER ") == Some(name)).count();
        let of_triggers =
            self.triggers.iter().filter(|(_, rows)| *rows > 0).map(|(name, rows)| runs(name) as u64 * rows);
        self.statement + of_triggers.sum::<u64>()
    }
}

fn in_single_steps(program: &bytecode::Program, catalog: &Catalog, rows: &TableRows) -> u64 {
    let found = program.ops.iter().enumerate().filter_map(|(at, op)| {
        let (database, root) = match (op.code.as_str(), program.target_of(op.p1, at)) {
            ("Count", Some(CursorTarget::Root(database, root))) => (database, root),
            ("Clear", _) => (op.p2, op.p1),
            _ => return None,
        };
        rows.get(catalog.at_root(database, root)?.table.as_str())
    });
    found.sum()
}
