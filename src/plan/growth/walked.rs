//! Rows that SQLite goes over within one instruction.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::plan::bytecode::{self, Opened};
use crate::plan::catalog::Catalog;
use crate::record::Query;

/// How many rows each table has, by its name.
pub(super) type Rows = BTreeMap<String, u64>;

/// Counts the rows of all tables.
pub(super) fn rows(connection: &Connection) -> rusqlite::Result<Rows> {
    let _own = crate::own::statements();
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

/// The rows that a statement reads or deletes within single instructions: `count(*)` of a whole table, and `DELETE` without
/// a WHERE. To count them as one step would call constant what reads every page.
#[derive(Clone, Debug, Default)]
pub(super) struct Walked {
    /// Of each run.
    statement: u64,
    /// Of each run of a trigger, by its name.
    triggers: Vec<(String, u64)>,
}

impl Walked {
    pub(super) fn by(connection: &Connection, sql: &str, rows: &Rows) -> Walked {
        let listing = || -> rusqlite::Result<Option<Vec<bytecode::Program>>> {
            bytecode::read(&mut connection.prepare(&format!("EXPLAIN {sql}"))?.raw_query())
        };
        // What cannot be explained (BEGIN, a function that is gone) is no such statement.
        let (Ok(Some(programs)), Ok(catalog)) = (listing(), Catalog::read(connection)) else {
            return Walked::default();
        };
        let mut walked = Walked::default();
        for (number, program) in programs.iter().enumerate() {
            let rows = in_single_steps(program, &catalog, rows);
            match program.trigger() {
                None if number == 0 => walked.statement = rows,
                // A trigger is compiled once for each way that leads to it.
                Some(name) if walked.triggers.iter().all(|(known, _)| known != name) => {
                    walked.triggers.push((name.to_owned(), rows));
                }
                _ => {}
            }
        }
        walked
    }

    /// Of one run, which set off these triggers.
    pub(super) fn of_run(&self, query: &Query) -> u64 {
        let runs = |name: &str| query.nested().iter().filter(|one| one.strip_prefix("TRIGGER ") == Some(name)).count();
        let of_triggers =
            self.triggers.iter().filter(|(_, rows)| *rows > 0).map(|(name, rows)| runs(name) as u64 * rows);
        self.statement + of_triggers.sum::<u64>()
    }
}

fn in_single_steps(program: &bytecode::Program, catalog: &Catalog, rows: &Rows) -> u64 {
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
