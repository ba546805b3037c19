//! Generated columns that become plain ones, and plain columns that become generated: their values are compared like those of
//! any column.

use std::sync::Arc;

use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, params_from_iter};

use super::migrated::Migrated;
use crate::check::Cell;
use crate::schema::{Affinity, Column, Table};
use crate::sql::quote_identifier;
use crate::suite::rows::{Contents, TableRows};
use crate::suite::statements::Renames;

/// Returns the rows before and after a migration with the values of these columns, if there are any.
pub(crate) fn with_generated(migrated: Migrated<'_>, renames: &Renames) -> Option<(Contents, Contents)> {
    let (mut before, mut after) = (None, None);
    for rows in &migrated.before.tables {
        let Some(old) = migrated.old.table(&rows.name) else { continue };
        let name = renames.successor(&rows.name).map_or(&rows.name, |successor| successor.name);
        let Some(new) = migrated.new.table(name) else { continue };
        let is_plain_after = |column: &Column| has_plain(new, renames.column_after(&rows.name, &column.name));
        let made_plain: Vec<&Column> = generated(old).filter(|column| is_plain_after(column)).collect();
        extend(&mut before, migrated.before, (old, &made_plain), migrated.connection);
        // What a plain column held may be in a generated one of any name.
        if plain(old).any(|column| !is_plain_after(column)) {
            let is_new = |column: &&Column| old.column(&column.name).is_none_or(|it| it.generated.is_none());
            let made: Vec<&Column> = generated(new).filter(is_new).collect();
            extend(&mut after, migrated.after, (new, &made), migrated.connection);
        }
    }
    if before.is_none() && after.is_none() {
        return None;
    }
    Some((before.unwrap_or_else(|| migrated.before.clone()), after.unwrap_or_else(|| migrated.after.clone())))
}

fn generated(table: &Table) -> impl Iterator<Item = &Column> {
    table.columns.iter().filter(|column| column.generated.is_some())
}

fn plain(table: &Table) -> impl Iterator<Item = &Column> {
    table.columns.iter().filter(|column| column.generated.is_none() && !column.hidden)
}

fn has_plain(table: &Table, name: &str) -> bool {
    plain(table).any(|column| column.name == name)
}

/// Adds columns to the rows of a table.
fn extend(
    extended: &mut Option<Contents>,
    contents: &Contents,
    (table, columns): (&Table, &[&Column]),
    connection: &Connection,
) {
    let contents = extended.as_ref().unwrap_or(contents);
    let at = contents.tables.iter().position(|rows| rows.name == table.name).filter(|_| !columns.is_empty());
    let Some(at) = at else { return };
    // Where SQLite cannot tell the values, as without a function of the app, they are not compared.
    let Ok(values) = values(&contents.tables[at], (table, columns), connection) else { return };
    let mut contents = contents.clone();
    contents.tables[at] = Arc::new(values);
    *extended = Some(contents);
}

/// Returns the rows with the values that SQLite computes for these columns, in a temporary table of the same types.
fn values(
    rows: &TableRows,
    (table, columns): (&Table, &[&Column]),
    connection: &Connection,
) -> rusqlite::Result<TableRows> {
    let _own = crate::own::statements();
    let names = |columns: &[&Column]| -> String {
        columns.iter().map(|column| quote_identifier(&column.name)).collect::<Vec<_>>().join(", ")
    };
    let written: Vec<&Column> = rows.columns.iter().filter_map(|name| table.column(name)).collect();
    let declared: Vec<String> = written.iter().copied().chain(generated(table)).map(declaration).collect();
    connection.execute_batch(&format!("CREATE TEMP TABLE {HOLDER}({})", declared.join(", ")))?;
    let filled = || -> rusqlite::Result<TableRows> {
        let places = vec!["?"; written.len()].join(", ");
        let mut insert =
            connection.prepare(&format!("INSERT INTO temp.{HOLDER}({}) VALUES ({places})", names(&written)))?;
        for row in &rows.rows {
            insert.execute(params_from_iter(row.cells.iter().map(|cell| ToSqlOutput::Borrowed(cell.value()))))?;
        }
        let mut select = connection.prepare(&format!("SELECT {} FROM temp.{HOLDER} ORDER BY rowid", names(columns)))?;
        let mut found = select.query([])?;
        let mut extended = rows.clone();
        extended.columns.extend(columns.iter().map(|column| column.name.clone()));
        for row in &mut extended.rows {
            let Some(values) = found.next()? else { break };
            for at in 0..columns.len() {
                row.cells.push(Cell::of(values.get_ref(at)?));
            }
        }
        Ok(extended)
    };
    let filled = filled();
    connection.execute_batch(&format!("DROP TABLE temp.{HOLDER}"))?;
    filled
}

/// The name of the temporary table.
const HOLDER: &str = "sqlitmus_generated";

/// Returns a column without its constraints, with the affinity and the collation that its table gives it.
fn declaration(column: &Column) -> String {
    let affinity = match column.affinity {
        Affinity::Integer => "INTEGER",
        Affinity::Text => "TEXT",
        Affinity::Real => "REAL",
        Affinity::Numeric => "NUMERIC",
        // Both leave a value as it is.
        Affinity::Blob | Affinity::Any => "",
    };
    let generated = column.generated.as_ref().map(|it| format!(" GENERATED ALWAYS AS ({})", it.expression));
    let (name, collation) = (quote_identifier(&column.name), quote_identifier(&column.collation));
    format!("{name} {affinity} COLLATE {collation}{}", generated.unwrap_or_default())
}
