//! Rows for the tables of a version.

use rusqlite::Connection;
use rusqlite::types::Value;

use crate::data::Fill;
use crate::error::Error;
use crate::migrations::is_ledger;
use crate::schema::{Schema, Table, TableKind};
use crate::sql::quote_identifier;

/// How many rows have values at the ends of what their types hold.
const EDGES: u64 = 2;

/// Which rows.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) rows: u64,
    pub(super) seed: u64,
    /// What the user says: table, column, value.
    pub(super) given: Vec<(String, String, Value)>,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan { rows: 5, seed: 7, given: Vec::new() }
    }
}

impl Plan {
    /// Puts rows into every table that is not as it was at the version before: NULL and not, ordinary values and edge
    /// cases. Gives the tables that stay empty.
    pub(super) fn rows(
        &self,
        connection: &Connection,
        schema: &Schema,
        known: Option<&Schema>,
        ledger: Option<&str>,
    ) -> Vec<(String, Error)> {
        let is_new = |table: &&Table| known.is_none_or(|known| known.table(&table.name) != Some(*table));
        let is_filled = |table: &&Table| {
            let is_of_runner =
                is_ledger(&table.name) || ledger.is_some_and(|ledger| ledger.eq_ignore_ascii_case(&table.name));
            table.kind == TableKind::Ordinary && !is_of_runner
        };
        let new: Vec<&Table> = schema.tables.iter().filter(is_filled).filter(is_new).collect();
        let plain = || self.given(Fill::seed(self.seed).null_rate(30), schema);
        let mut failed = Vec::new();
        if known.is_some() || plain().every_table(self.rows).try_insert(connection).is_err() {
            for table in &new {
                // A table that holds fewer rows, or shares its keys with a parent that is full, gets what it takes.
                let filled = plain().reuse().rows(&table.name, self.rows).try_insert(connection);
                let filled = filled.or_else(|_| plain().rows(&table.name, self.rows).try_insert(connection));
                let filled = filled.or_else(|_| plain().rows(&table.name, 1).try_insert(connection));
                if let Err(error) = filled
                    && count(connection, table) == Some(0)
                {
                    failed.push((table.name.clone(), error));
                }
            }
        }
        for table in &new {
            // Where no constraint leaves room for them, there are none.
            let edges = self.given(Fill::seed(self.seed ^ 1).reuse().edge_cases(), schema);
            let _ = edges.rows(&table.name, EDGES).try_insert(connection);
        }
        gaps(connection, schema, known);
        failed
    }

    /// With what the user says of the tables and columns that are there.
    fn given(&self, fill: Fill, schema: &Schema) -> Fill {
        let there = |table: &str, column: &str| schema.table(table).is_some_and(|table| table.column(column).is_some());
        let given = self.given.iter().filter(|(table, column, _)| there(table, column));
        given.fold(fill, |fill, (table, column, value)| fill.set(table, column, value.clone()))
    }
}

/// Takes a row away here and there, so that keys have gaps and AUTOINCREMENT is ahead of them, as in the field.
fn gaps(connection: &Connection, schema: &Schema, known: Option<&Schema>) {
    let counts = || -> Vec<Option<i64>> { schema.tables.iter().map(|table| count(connection, table)).collect() };
    for table in schema.tables.iter().filter(|table| known.is_none_or(|known| known.table(&table.name) != Some(*table)))
    {
        let by_rowid = table.primary_key.as_ref().is_some_and(|key| key.is_rowid);
        if table.kind != TableKind::Ordinary || !by_rowid || count(connection, table).is_none_or(|rows| rows < 3) {
            continue;
        }
        let name = quote_identifier(&table.name);
        let places: &[&str] = if table.autoincrement {
            &["rowid LIMIT 1 OFFSET 1", "rowid DESC LIMIT 1"]
        } else {
            &["rowid LIMIT 1 OFFSET 1"]
        };
        for place in places {
            let before = counts();
            if connection.execute_batch("SAVEPOINT gap").is_err() {
                return;
            }
            let sql = format!("DELETE FROM {name} WHERE rowid = (SELECT rowid FROM {name} ORDER BY {place})");
            let gone = connection.execute_batch(&sql).is_ok();
            let emptied = counts().iter().zip(&before).any(|(now, was)| *now == Some(0) && *was != Some(0));
            if !gone || emptied || connection.execute_batch("RELEASE gap").is_err() {
                let _ = connection.execute_batch("ROLLBACK TO gap; RELEASE gap");
            }
        }
    }
}

fn count(connection: &Connection, table: &Table) -> Option<i64> {
    let sql = format!("SELECT count(*) FROM {}", quote_identifier(&table.name));
    connection.query_row(&sql, [], |row| row.get(0)).ok()
}
