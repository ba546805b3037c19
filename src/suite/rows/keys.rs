//! The keys of a table, and SQL that names one of its rows.

use rusqlite::Connection;

use super::literal::literal;
use crate::schema::references::{column_names, parent_columns};
use crate::schema::{IndexedColumn, Table};
use crate::sql::quote_identifier;

/// Returns the terms of the PRIMARY KEY and of each UNIQUE constraint and unique index, partial ones too.
pub(crate) fn unique_keys(table: &Table) -> impl Iterator<Item = &Vec<IndexedColumn>> {
    let of_indexes = table.indexes.iter().filter(|index| index.unique).map(|index| &index.terms);
    table.unique.iter().chain(&table.primary_key).map(|key| &key.terms).chain(of_indexes)
}

/// Returns the columns of the PRIMARY KEY.
pub(crate) fn primary_key_columns(table: &Table) -> Vec<&str> {
    table.primary_key.iter().flat_map(|key| column_names(&key.terms)).collect()
}

/// Returns the columns with which a table refers to itself, and the columns that they refer to.
pub(crate) fn self_references(table: &Table) -> Vec<(&str, &str)> {
    let own = table.foreign_keys.iter().filter(|key| key.parent == table.name);
    own.filter_map(|key| match key.columns.as_slice() {
        [column] => Some((column.as_str(), *parent_columns(key, table).first()?)),
        _ => None,
    })
    .collect()
}

/// Returns a condition that is true of the row at this place only.
pub(crate) fn row_at(connection: &Connection, table: &Table, place: usize) -> Option<String> {
    let name = quote_identifier(&table.name);
    let (condition, order) = if table.without_rowid {
        let terms: Vec<String> = primary_key_columns(table)
            .into_iter()
            .map(|column| {
                let column = quote_identifier(column);
                format!("'{} IS ' || {}", column.replace('\'', "''"), literal(&column))
            })
            .collect();
        (terms.join(" || ' AND ' || "), "")
    } else {
        ("'rowid = ' || rowid".to_owned(), "ORDER BY rowid ")
    };
    let sql = format!("SELECT {condition} FROM {name} {order}LIMIT 1 OFFSET {place}");
    connection.query_row(&sql, [], |row| row.get(0)).ok()
}

/// Returns the number of rows of a table.
pub(crate) fn count(connection: &Connection, table: &Table) -> Option<i64> {
    let sql = format!("SELECT count(*) FROM {}", quote_identifier(&table.name));
    connection.query_row(&sql, [], |row| row.get(0)).ok()
}
