//! Rows that are alike in the columns of a partial unique index, where it allows that: `UNIQUE (slug) WHERE deleted_at IS NULL`
//! says nothing of a deleted page. An index that a migration makes without the condition does.

use rusqlite::Connection;

use super::contents::key_of_rows;
use crate::order::SortedSet;
use crate::schema::{Index, IndexedExpr, Table};
use crate::sql::{Token, quote_identifier, tokens};

/// The number of rows that are tried as the one that is like another.
const TRIED: usize = 4;

/// Gives a row that a partial unique index leaves out the values of another one in the columns of the index.
pub(super) fn repeat_outside(connection: &Connection, table: &Table) {
    let name = quote_identifier(&table.name);
    let key = key_of_rows(table);
    for index in table.indexes.iter().filter(|index| index.unique) {
        let Some(condition) = &index.partial else { continue };
        let columns: Vec<String> = columns_of(index, table).into_iter().map(quote_identifier).collect();
        if columns.is_empty() {
            continue;
        }
        let list = columns.join(", ");
        let has_values: Vec<String> = columns.iter().map(|column| format!("{column} IS NOT NULL")).collect();
        let has_values = has_values.join(" AND ");
        let alike = format!("SELECT 1 FROM {name} WHERE {has_values} GROUP BY {list} HAVING count(*) > 1");
        let is_there = connection.prepare(&alike).and_then(|mut query| query.exists([]));
        if is_there.unwrap_or(true) {
            continue;
        }
        for place in 0..TRIED {
            let row = format!(
                "(SELECT {key} FROM {name} WHERE ({condition}) IS NOT TRUE ORDER BY {key} LIMIT 1 OFFSET {place})"
            );
            let values =
                format!("(SELECT {list} FROM {name} WHERE {has_values} AND ({key}) <> {row} ORDER BY {key} LIMIT 1)");
            let sql = format!("UPDATE {name} SET ({list}) = {values} WHERE ({key}) = {row}");
            if connection.execute(&sql, []).is_ok_and(|changed| changed == 1) {
                break;
            }
        }
    }
}

/// Returns the columns of an index, also those within expressions.
fn columns_of<'t>(index: &Index, table: &'t Table) -> Vec<&'t str> {
    let mut found: SortedSet<&str> = SortedSet::new();
    for term in &index.terms {
        let named: Vec<String> = match &term.what {
            IndexedExpr::Column(column) => vec![column.to_string()],
            IndexedExpr::Rowid => return Vec::new(),
            IndexedExpr::Expression(expression) => tokens(expression).iter().filter_map(Token::name).collect(),
        };
        let columns = named.iter().filter_map(|name| table.column(name));
        found.extend(columns.filter(|column| column.generated.is_none()).map(|column| column.name.as_str()));
    }
    found.into_iter().collect()
}
