//! Rows for the tables of a version, with what a fill alone does not bring: gaps between keys, NULLs, duplicate values, rows
//! that refer to one another.
//!
//! Each such change is one statement or a savepoint, so that a change which a constraint or trigger refuses leaves nothing.

use rusqlite::{Connection, Statement};

use super::contents::{count, key_of_rows, primary_key_columns, row_at, select_count, self_references, unique_keys};
use super::cycles::break_cycles;
use super::declared_values::add_declared_values;
use super::full_text::{insert_texts, is_full_text};
use super::hard_values::add_hard_values;
use super::partial_keys::repeat_outside;
use super::plan::RowPlan;
use crate::data::Fill;
use crate::error::{Error, Result};
use crate::order::SortedSet;
use crate::schema::{IndexedColumn, Schema, Table};
use crate::sql::{Name, quote_identifier};

/// Rows per table with values at the ends of what their types hold.
const EDGES: u64 = 2;

impl RowPlan {
    /// Inserts rows into every table that is new or changed since the schema `known`, or empty: with and without NULLs,
    /// ordinary values and edge cases, the same value twice. Returns the tables that stay empty.
    pub(crate) fn fill(
        &self,
        connection: &Connection,
        schema: &Schema,
        known: Option<&Schema>,
        is_empty: impl Fn(&Table) -> bool,
    ) -> Vec<(String, Error)> {
        let is_new = |table: &Table| known.is_none_or(|known| known.table(&table.name) != Some(table));
        let filled = schema.tables.iter().filter(|table| self.is_filled(table));
        let new: Vec<&Table> = filled.filter(|table| is_new(table) || is_empty(table)).collect();
        let plain = || self.plain(schema);
        let mut failed = Vec::new();
        if known.is_some() || plain().every_table(self.rows).insert_into(connection, schema).is_err() {
            for table in &new {
                // A table that holds fewer rows, or shares its keys with a parent that is full, gets what it takes.
                let filled = plain().existing_parents().rows(&table.name, self.rows).insert_into(connection, schema);
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
            let edges =
                self.with_given(Fill::seed(self.seed ^ 1).existing_parents().edge_cases(), schema, |_, _| false);
            let _ = edges.rows(&table.name, EDGES).insert_into(connection, schema);
        }
        gaps(connection, schema, &new);
        for table in &new {
            nulls(connection, table, |column| self.is_given(table, column));
            repeats(connection, table);
            if self.hard_values {
                add_hard_values(connection, schema, table, |column| self.is_given(table, column));
            }
            add_declared_values(self, connection, schema, table);
            repeat_outside(connection, table);
            add_self_reference(connection, table);
        }
        self.break_cycles(connection, schema);
        let full_text = schema.tables.iter().filter(|table| is_full_text(table));
        // Triggers have filled the others.
        for table in full_text.filter(|table| is_empty(table) && count(connection, table) == Some(0)) {
            match self.refilled.iter().find(|refill| refill.table == table.name) {
                Some(refill) => refill.run(connection, schema),
                None => drop(insert_texts(connection, table, self.rows, &[])),
            }
        }
        failed
    }

    /// Inserts ordinary rows into every table of an empty database.
    pub(crate) fn fill_plainly(&self, connection: &Connection, schema: &Schema) -> Result<()> {
        self.plain(schema).every_table(self.rows).insert_into(connection, schema)?;
        self.break_cycles(connection, schema);
        Ok(())
    }

    /// Changes rows that refer to one another in a circle.
    pub(crate) fn break_cycles(&self, connection: &Connection, schema: &Schema) {
        break_cycles(connection, schema, &self.recursive, |table, column| self.is_set(table, column));
    }

    fn plain(&self, schema: &Schema) -> Fill {
        self.with_given(Fill::seed(self.seed).null_rate(30).new_parents(), schema, |_, _| false)
    }
}

/// Returns the values of aggregates over a table.
fn numbers(connection: &Connection, table: &str, aggregates: impl Iterator<Item = String>) -> Option<Vec<usize>> {
    let aggregates: Vec<String> = aggregates.collect();
    let sql = format!("SELECT {} FROM {table}", aggregates.join(", "));
    let number = |row: &rusqlite::Row<'_>, at| Ok(usize::try_from(row.get::<_, i64>(at)?).unwrap_or(0));
    connection.query_row(&sql, [], |row| (0..aggregates.len()).map(|at| number(row, at)).collect()).ok()
}

/// Sets one value to NULL in each nullable column of which all rows have a value.
pub(crate) fn nulls(connection: &Connection, table: &Table, is_given: impl Fn(&str) -> bool) {
    let name = quote_identifier(&table.name);
    let is_key = |column: &str| primary_key_columns(table).contains(&column);
    let columns = table.columns.iter().filter(|column| !column.not_null && column.generated.is_none());
    let free = columns.filter(|column| !is_key(&column.name) && !is_given(&column.name));
    let free: Vec<String> = free.map(|column| quote_identifier(&column.name)).collect();
    let counts = std::iter::once(String::from("count(*)")).chain(free.iter().map(|column| format!("count({column})")));
    let Some(counts) = numbers(connection, &name, counts) else { return };
    let rows = counts[0];
    for (nth, column) in free.iter().enumerate().filter(|(nth, _)| rows > 1 && counts[nth + 1] == rows) {
        if let Some(row) = row_at(connection, table, nth % rows) {
            let _ = connection.execute(&format!("UPDATE {name} SET {column} = NULL WHERE {row}"), []);
        }
    }
}

/// Deletes a row here and there, so that keys have gaps and AUTOINCREMENT is ahead of them, as in the field.
pub(crate) fn gaps(connection: &Connection, schema: &Schema, new: &[&Table]) {
    let parents: SortedSet<&Name> =
        schema.tables.iter().flat_map(|it| &it.foreign_keys).map(|key| &key.parent).collect();
    let mut counters: Vec<Option<Statement<'_>>> = Vec::new();
    let mut counts = || -> Vec<Option<i64>> {
        if counters.is_empty() {
            counters.extend(schema.tables.iter().map(|table| connection.prepare(&select_count(table)).ok()));
        }
        counters.iter_mut().map(|it| it.as_mut()?.query_row([], |row| row.get(0)).ok()).collect()
    };
    for table in new {
        // Without triggers and children, no other table has fewer rows afterwards.
        let is_alone = table.triggers.is_empty() && !parents.contains(&table.name);
        let by_rowid = table.primary_key.as_ref().is_some_and(|key| key.is_rowid);
        if !by_rowid || count(connection, table).is_none_or(|rows| rows < 3) {
            continue;
        }
        let name = quote_identifier(&table.name);
        let places: &[&str] = if table.autoincrement {
            &["rowid LIMIT 1 OFFSET 1", "rowid DESC LIMIT 1"]
        } else {
            &["rowid LIMIT 1 OFFSET 1"]
        };
        for place in places {
            let before = if is_alone { Vec::new() } else { counts() };
            if connection.execute_batch("SAVEPOINT gap").is_err() {
                return;
            }
            let sql = format!("DELETE FROM {name} WHERE rowid = (SELECT rowid FROM {name} ORDER BY {place})");
            let is_deleted = connection.execute_batch(&sql).is_ok();
            let mut emptied = || counts().iter().zip(&before).any(|(now, was)| *now == Some(0) && *was != Some(0));
            if !is_deleted || (!is_alone && emptied()) || connection.execute_batch("RELEASE gap").is_err() {
                let _ = connection.execute_batch("ROLLBACK TO gap; RELEASE gap");
            }
        }
    }
}

/// Gives two rows the same value, column by column, wherever no constraint forbids it: an app that does not look for
/// duplicates has some. Each column takes another pair of rows, so that hardly any two rows are the same.
pub(crate) fn repeats(connection: &Connection, table: &Table) {
    let key = key_of_rows(table);
    let name = quote_identifier(&table.name);
    let alone: Vec<&IndexedColumn> =
        unique_keys(table).filter_map(|terms| terms.first().filter(|_| terms.len() == 1)).collect();
    let is_unique = |column: &str| alone.iter().any(|term| term.what.is_column(column));
    let refers = |column: &str| table.foreign_keys.iter().any(|key| key.columns.iter().any(|name| name == column));
    let columns = table.columns.iter().filter(|column| column.generated.is_none() && !column.hidden);
    let free = columns.filter(|column| !is_unique(&column.name) && !refers(&column.name));
    let free: Vec<String> = free.map(|column| quote_identifier(&column.name)).collect();
    let counts = free.iter().flat_map(|column| [format!("count({column})"), format!("count(DISTINCT {column})")]);
    let Some(counts) = numbers(connection, &name, counts) else { return };
    let all_differ = |nth: usize| counts[2 * nth] > 2 && counts[2 * nth] == counts[2 * nth + 1];
    for (nth, column) in free.iter().enumerate().filter(|(nth, _)| all_differ(*nth)) {
        let of_row = |what: &str, place: usize| {
            let offset = place % counts[2 * nth];
            format!("(SELECT {what} FROM {name} WHERE {column} IS NOT NULL ORDER BY {key} LIMIT 1 OFFSET {offset})")
        };
        let (value, other) = (of_row(column, nth), of_row(&key, nth + 1));
        let _ = connection.execute(&format!("UPDATE {name} SET {column} = {value} WHERE ({key}) = {other}"), []);
    }
}

/// Makes a row refer to another one of its table, if none does.
pub(crate) fn add_self_reference(connection: &Connection, table: &Table) {
    let name = quote_identifier(&table.name);
    for (column, parent) in self_references(table) {
        let (column, parent) = (quote_identifier(column), quote_identifier(parent));
        let sql = format!(
            "UPDATE {name} SET {column} = (SELECT min({parent}) FROM {name}) \
             WHERE {parent} = (SELECT max({parent}) FROM {name}) AND {parent} <> (SELECT min({parent}) FROM {name}) \
             AND NOT EXISTS (SELECT 1 FROM {name} WHERE {column} <> {parent})"
        );
        let _ = connection.execute(&sql, []);
    }
}
