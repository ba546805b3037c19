//! Rows of full-text tables that hold their own content.

use rusqlite::Connection;

use crate::schema::{Table, TableKind, VirtualTable};
use crate::sql::{Cursor, Name, insert_values, quote_identifier, quote_text, tokens};

/// Returns true if it is a full-text table without another table behind it.
pub(crate) fn is_full_text(table: &Table) -> bool {
    let is_virtual = matches!(&table.kind, TableKind::Virtual { module, .. } if module.starts_with("fts"));
    is_virtual && VirtualTable::of(&table.sql).content.is_none()
}

const TEXTS: [&str; 5] = ["Night train to the sea", " River  ", "", "HARBOR lights, again and again", "Snow"];

/// Inserts rows of a few words. Returns true if all are in.
pub(crate) fn insert_texts(connection: &Connection, table: &Table, rows: u64) -> bool {
    let columns: Vec<&Name> = table.columns.iter().filter(|column| !column.hidden).map(|column| &column.name).collect();
    let into = format!("INTO {}", quote_identifier(&table.name));
    let insert = |row: u64| {
        let text = |column: usize| quote_text(TEXTS[(row as usize + column * 2) % TEXTS.len()]);
        let values: Vec<String> = (0..columns.len()).map(text).collect();
        connection.execute(&insert_values(&into, &columns, &values), []).is_ok()
    };
    (0..rows).all(insert)
}

/// Returns the tables that these statements fill from tables that stay: a full-text table among them has no content of its own.
pub(crate) fn refilled(statements: &[&str]) -> Vec<Name> {
    let mut temporary: Vec<Name> = Vec::new();
    let mut found: Vec<Name> = Vec::new();
    for statement in statements {
        let tokens = tokens(statement);
        let mut cursor = Cursor::new(&tokens);
        if cursor.take("create") && (cursor.take("temp") || cursor.take("temporary")) && cursor.take("table") {
            temporary.extend(cursor.object_name().map(Name::from));
        }
        cursor.seek(0);
        if !cursor.take("insert") && !cursor.take("replace") {
            continue;
        }
        cursor.skip_to(|token| token.is("into"));
        cursor.next();
        let Some(table) = cursor.object_name().map(Name::from) else { continue };
        cursor.skip_to(|token| token.is("from"));
        cursor.next();
        let from = cursor.object_name().map(Name::from);
        if from.is_some_and(|from| from != table && !temporary.contains(&from)) {
            found.push(table);
        }
    }
    found
}
