//! Variety that a fill alone does not bring: gaps between keys, NULLs, duplicate values, rows that refer to one another.
//!
//! Each change is one statement or a savepoint, so that a change which a constraint or trigger refuses leaves nothing.

use rusqlite::Connection;

use super::keys::{count, primary_key_columns, row_at, self_references, unique_keys};
use crate::schema::{IndexedColumn, Schema, Table, TableKind};
use crate::sql::quote_identifier;

/// Sets one value to NULL in each nullable column of which all rows have a value.
pub(crate) fn nulls(connection: &Connection, table: &Table, is_given: impl Fn(&str) -> bool) {
    let name = quote_identifier(&table.name);
    let is_key = |column: &str| primary_key_columns(table).contains(&column);
    let columns = table.columns.iter().filter(|column| !column.not_null && column.generated.is_none());
    let free = columns.filter(|column| !is_key(&column.name) && !is_given(&column.name));
    for (nth, column) in free.enumerate() {
        let column = quote_identifier(&column.name);
        let none = format!("SELECT count(*) > 1 AND count({column}) = count(*) FROM {name}");
        if !connection.query_row(&none, [], |row| row.get(0)).unwrap_or(false) {
            continue;
        }
        let rows = usize::try_from(count(connection, table).unwrap_or(1)).unwrap_or(1).max(1);
        if let Some(row) = row_at(connection, table, nth % rows) {
            let _ = connection.execute(&format!("UPDATE {name} SET {column} = NULL WHERE {row}"), []);
        }
    }
}

/// Deletes a row here and there, so that keys have gaps and AUTOINCREMENT is ahead of them, as in the field.
pub(crate) fn gaps(connection: &Connection, schema: &Schema, known: Option<&Schema>) {
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
            let is_deleted = connection.execute_batch(&sql).is_ok();
            let emptied = counts().iter().zip(&before).any(|(now, was)| *now == Some(0) && *was != Some(0));
            if !is_deleted || emptied || connection.execute_batch("RELEASE gap").is_err() {
                let _ = connection.execute_batch("ROLLBACK TO gap; RELEASE gap");
            }
        }
    }
}

/// Gives two rows the same value, column by column, wherever no constraint forbids it: an app that does not look for
/// duplicates has some. Each column takes another pair of rows, so that hardly any two rows are the same.
pub(crate) fn repeats(connection: &Connection, table: &Table) {
    let key: Vec<String> = match &table.primary_key {
        Some(_) if table.without_rowid => primary_key_columns(table).into_iter().map(quote_identifier).collect(),
        _ => vec![String::from("rowid")],
    };
    let key = key.join(", ");
    let name = quote_identifier(&table.name);
    let alone: Vec<&IndexedColumn> =
        unique_keys(table).filter_map(|terms| terms.first().filter(|_| terms.len() == 1)).collect();
    let is_unique = |column: &str| alone.iter().any(|term| term.what.is_column(column));
    let refers = |column: &str| table.foreign_keys.iter().any(|key| key.columns.iter().any(|name| name == column));
    let columns = table.columns.iter().filter(|column| column.generated.is_none() && !column.hidden);
    for (nth, column) in columns.filter(|column| !is_unique(&column.name) && !refers(&column.name)).enumerate() {
        let column = quote_identifier(&column.name);
        let all_differ =
            format!("SELECT count({column}) > 2 AND count({column}) = count(DISTINCT {column}) FROM {name}");
        if !connection.query_row(&all_differ, [], |row| row.get(0)).unwrap_or(false) {
            continue;
        }
        let row = |place: usize| {
            format!(
                "(SELECT {key} FROM {name} WHERE {column} IS NOT NULL ORDER BY {key} LIMIT 1 OFFSET \
                 {place} % (SELECT count({column}) FROM {name}))"
            )
        };
        let (one, other) = (row(nth), row(nth + 1));
        let sql = format!(
            "UPDATE {name} SET {column} = (SELECT {column} FROM {name} WHERE ({key}) = {one}) WHERE ({key}) = {other}"
        );
        let _ = connection.execute(&sql, []);
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
