//! The keys of a table, and SQL that names one of its rows.

use rusqlite::Connection;

use super::literal::literal;
use crate::schema::{IndexedColumn, IndexedExpr, Table};
use crate::sql::quote_identifier;

/// Returns the terms of the PRIMARY KEY and of each UNIQUE constraint and unique index, partial ones too.
pub(crate) fn unique_keys(table: &Table) -> impl Iterator<Item = &Vec<IndexedColumn>> {
    let of_indexes = table.indexes.iter().filter(|index| index.unique).map(|index| &index.terms);
    table.unique.iter().chain(&table.primary_key).map(|key| &key.terms).chain(of_indexes)
}

/// Returns the columns of the PRIMARY KEY.
pub(crate) fn primary_key_columns(table: &Table) -> impl Iterator<Item = &str> {
    table.primary_key.iter().flat_map(|key| &key.terms).filter_map(column_of)
}

/// Returns the column of a term that is not an expression.
pub(crate) fn column_of(term: &IndexedColumn) -> Option<&str> {
    match &term.what {
        IndexedExpr::Column(column) => Some(column),
        _ => None,
    }
}

/// Returns a condition that is true of the row at this place only.
pub(crate) fn row_at(connection: &Connection, table: &Table, place: usize) -> Option<String> {
    let name = quote_identifier(&table.name);
    let (condition, order) = if table.without_rowid {
        let terms: Vec<String> = primary_key_columns(table)
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
