//! Rows that SQLite goes over within one instruction.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::plan::bytecode::{self, Opened};
use crate::plan::catalog::Catalog;

/// How many rows each table has, by its name.
pub(super) type Rows = BTreeMap<String, u64>;

/// Counts the rows of all tables.
pub(super) fn rows(connection: &Connection) -> rusqlite::Result<Rows> {
    let sql = "SELECT name FROM main.sqlite_master
               WHERE type = 'table' AND rootpage > 0 AND lower(substr(name, 1, 7)) <> 'sqlite_'";
    let mut tables = connection.prepare(sql)?;
    let names = tables.query_map([], |row| row.get::<_, String>(0))?;
    let mut rows = Rows::new();
    for name in names {
        let name = name?;
        let sql = format!("SELECT count(*) FROM main.{}", crate::sql::quote_identifier(&name));
        let count = connection.query_row(&sql, [], |row| row.get::<_, i64>(0))?.unsigned_abs();
        rows.insert(name, count);
    }
    Ok(rows)
}

/// The rows that one run of a statement reads or deletes within single instructions: `count(*)` of a whole table, and
/// `DELETE` without a WHERE. To count them as one step would call constant what reads every page.
pub(super) fn in_single_steps(connection: &Connection, sql: &str, rows: &Rows) -> u64 {
    let listing = || -> rusqlite::Result<Option<Vec<bytecode::Program>>> {
        bytecode::read(&mut connection.prepare(&format!("EXPLAIN {sql}"))?.raw_query())
    };
    // What cannot be explained (BEGIN, a function that is gone) is no such statement.
    let (Ok(Some(programs)), Ok(catalog)) = (listing(), Catalog::read(connection)) else { return 0 };
    let Some(program) = programs.first() else { return 0 };
    let walked = program.ops.iter().enumerate().filter_map(|(at, op)| {
        let (database, root) = match (op.code.as_str(), program.opened(op.p1, at)) {
            ("Count", Some(Opened::Root(database, root))) => (database, root),
            ("Clear", _) => (op.p2, op.p1),
            _ => return None,
        };
        rows.get(&catalog.at_root(database, root)?.table)
    });
    walked.sum()
}
