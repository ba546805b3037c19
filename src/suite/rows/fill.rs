//! Rows for the tables of a version.

use std::collections::BTreeSet;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::json::JsonColumn;
use super::keys::count;
use super::variety::{add_self_reference, gaps, nulls, repeats};
use crate::data::Fill;
use crate::error::Error;
use crate::schema::{Schema, Table, TableKind, is_ledger};
use crate::sql::{Name, same_name};

/// Rows per table with values at the ends of what their types hold.
const EDGES: u64 = 2;

/// The rows that each table gets.
#[derive(Clone, Debug)]
pub(crate) struct RowPlan {
    pub(crate) rows: u64,
    pub(crate) seed: u64,
    /// Set by the user, `Suite::set`.
    pub(crate) given: Vec<GivenValue>,
    /// Columns that the history reads as JSON.
    pub(crate) json: Vec<JsonColumn>,
    /// The table of the migrations' runner, which gets no rows.
    pub(crate) ledger: Option<&'static str>,
}

/// One value for a column in all rows.
#[derive(Clone, Debug)]
pub(crate) struct GivenValue {
    pub(crate) table: Name,
    pub(crate) column: Name,
    pub(crate) value: Value,
}

impl Default for RowPlan {
    fn default() -> RowPlan {
        RowPlan { rows: 5, seed: 7, given: Vec::new(), json: Vec::new(), ledger: None }
    }
}

impl RowPlan {
    /// Inserts rows into every table that is new or changed since the schema `known`: with and without NULLs, ordinary
    /// values and edge cases, the same value twice. Returns the tables that stay empty.
    pub(crate) fn fill(
        &self,
        connection: &Connection,
        schema: &Schema,
        known: Option<&Schema>,
    ) -> Vec<(String, Error)> {
        let is_new = |table: &&Table| known.is_none_or(|known| known.table(&table.name) != Some(*table));
        let new: Vec<&Table> = schema.tables.iter().filter(|table| self.is_filled(table)).filter(is_new).collect();
        let plain = || self.with_given(Fill::seed(self.seed).null_rate(30), schema);
        let mut failed = Vec::new();
        if known.is_some() || plain().every_table(self.rows).insert_into(connection, schema).is_err() {
            for table in &new {
                // A table that holds fewer rows, or shares its keys with a parent that is full, gets what it takes.
                let filled = plain().reuse().rows(&table.name, self.rows).insert_into(connection, schema);
                let filled = filled.or_else(|_| plain().rows(&table.name, self.rows).insert_into(connection, schema));
                let filled = filled.or_else(|_| plain().rows(&table.name, 1).insert_into(connection, schema));
                if let Err(error) = filled
                    && count(connection, table) == Some(0)
                {
                    failed.push((table.name.to_string(), error));
                }
            }
        }
        for table in &new {
            // Where the constraints leave no room for edge cases, there are none.
            let edges = self.with_given(Fill::seed(self.seed ^ 1).reuse().edge_cases(), schema);
            let _ = edges.rows(&table.name, EDGES).insert_into(connection, schema);
        }
        gaps(connection, schema, known);
        for table in &new {
            nulls(connection, table, |column| self.is_given(table, column));
            repeats(connection, table);
            add_self_reference(connection, table);
        }
        failed
    }

    /// Inserts rows that no migration should refuse into every table: no NULL where a value is possible, no duplicates.
    pub(crate) fn fill_plain(&self, connection: &Connection, schema: &Schema) {
        for table in schema.tables.iter().filter(|table| self.is_filled(table)) {
            let fill = self.with_given(Fill::seed(self.seed).null_rate(0).reuse(), schema);
            let filled = fill.clone().rows(&table.name, self.rows).insert_into(connection, schema);
            // A table that stays empty has been reported where rows of every kind were tried.
            let _ = filled.or_else(|_| fill.rows(&table.name, 1).insert_into(connection, schema));
        }
    }

    /// Returns true if the user sets this column, or the history reads it as JSON.
    pub(crate) fn is_given(&self, table: &Table, column: &str) -> bool {
        self.is_set(table, column) || self.json.iter().any(|json| json.column_in(table) == Some(column))
    }

    fn is_set(&self, table: &Table, column: &str) -> bool {
        self.given.iter().any(|given| given.table == table.name && given.column == column)
    }

    /// Adds the given values of the columns that this schema has.
    fn with_given(&self, mut fill: Fill, schema: &Schema) -> Fill {
        for table in &schema.tables {
            let columns: BTreeSet<&str> = self.json.iter().filter_map(|json| json.column_in(table)).collect();
            for column in columns {
                if table.kind == TableKind::Ordinary && !self.is_set(table, column) {
                    fill = fill.set(&table.name, column, "{}");
                }
            }
        }
        for given in &self.given {
            if schema.table(&given.table).is_some_and(|table| table.column(&given.column).is_some()) {
                fill = fill.set(&given.table, &given.column, given.value.clone());
            }
        }
        fill
    }

    /// Returns true if it is a table of the app.
    fn is_filled(&self, table: &Table) -> bool {
        let is_ledger = is_ledger(&table.name) || self.ledger.is_some_and(|ledger| same_name(ledger, &table.name));
        table.kind == TableKind::Ordinary && !is_ledger
    }
}
