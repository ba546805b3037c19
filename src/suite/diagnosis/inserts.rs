//! The rows of a database as INSERTs that can be pasted.

use rusqlite::Connection;

use crate::schema::{Column, Schema, Table, TableKind};
use crate::sql::{Name, insert_values, plain_name, quote_identifier};
use crate::suite::rows::{literal, printable, self_references};

/// The most rows that are printed.
const SHOWN: usize = 12;

/// An INSERT, and for each reference of the table to itself the literal that refers and the one that can be referred to.
struct Insert {
    line: String,
    links: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Returns the rows as INSERTs without NULLs, parents first.
pub(crate) fn inserts(connection: &Connection, schema: &Schema) -> rusqlite::Result<String> {
    let mut lines = Vec::new();
    for table in parents_first(schema) {
        let mut inserts = inserts_of(connection, table)?;
        // A row that others of its table refer to goes before them.
        while !inserts.is_empty() {
            let waits = |insert: &Insert| {
                insert.links.iter().enumerate().any(|(nth, (refers, key))| {
                    refers != key && inserts.iter().any(|other| other.links[nth].1 == *refers)
                })
            };
            let next = inserts.iter().position(|insert| !waits(insert)).unwrap_or(0);
            lines.push(inserts.remove(next).line);
        }
    }
    let more = lines.len().saturating_sub(SHOWN);
    lines.truncate(SHOWN);
    match more {
        0 => {}
        1 => lines.push(String::from("-- and 1 more row")),
        _ => lines.push(format!("-- and {more} more rows")),
    }
    Ok(lines.join("\n"))
}

fn inserts_of(connection: &Connection, table: &Table) -> rusqlite::Result<Vec<Insert>> {
    let is_stored = |column: &&Column| column.generated.is_none() && !column.hidden;
    let columns: Vec<&Name> = table.columns.iter().filter(is_stored).map(|column| &column.name).collect();
    let values: Vec<String> = columns.iter().map(|column| literal(&quote_identifier(column))).collect();
    let sql = format!("SELECT {} FROM {}", values.join(", "), quote_identifier(&table.name));
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let place = |name: &str| columns.iter().position(|column| *column == name);
    let references = self_references(table);
    let mut inserts = Vec::new();
    while let Some(row) = rows.next()? {
        let value = |name: &str| -> rusqlite::Result<Vec<u8>> {
            let value = place(name).map(|at| row.get_ref(at)).transpose()?;
            Ok(value.and_then(|value| value.as_bytes().ok()).unwrap_or_default().to_vec())
        };
        let links: rusqlite::Result<Vec<_>> =
            references.iter().map(|(refers, key)| Ok((value(refers)?, value(key)?))).collect();
        let (mut names, mut texts) = (Vec::new(), Vec::new());
        for (at, column) in columns.iter().enumerate() {
            let text = printable(row.get_ref(at)?.as_bytes().unwrap_or_default());
            if text != "NULL" {
                names.push(*column);
                texts.push(text);
            }
        }
        let insert = insert_values(&format!("INTO {}", plain_name(&table.name)), &names, &texts);
        inserts.push(Insert { line: format!("{insert};"), links: links? });
    }
    Ok(inserts)
}

/// Returns the ordinary tables, each after those that it refers to.
pub(crate) fn parents_first(schema: &Schema) -> Vec<&Table> {
    let is_ordinary = |at: &usize| schema.tables[*at].kind == TableKind::Ordinary;
    let ordinary: Vec<usize> = (0..schema.tables.len()).filter(is_ordinary).collect();
    schema.parents_first(&ordinary).into_iter().map(|at| &schema.tables[at]).collect()
}
