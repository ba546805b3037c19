//! Fills the tables of an empty copy.

use std::collections::BTreeSet;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::comparisons::Comparisons;
use super::reach::Reach;
use super::run::{MeasuredStatement, limit_steps};
use super::values::{ROWS, Values};
use crate::schema::{Column, Schema, Table};
use crate::sql::{Name, Token, plain_name, plain_names, tokens};

/// Fills the tables that these statements read or write, and returns the statements as they can be measured there. The rows
/// of a table depend on its declaration and on what all of the statements compare its columns with.
///
/// The connection has no rows, and may have a transaction open. Afterwards none is, and the connection stops each statement
/// after about 300,000 steps.
pub(crate) fn fill<'s>(
    connection: &mut Connection,
    schema: &Schema,
    statements: impl IntoIterator<Item = &'s str>,
) -> rusqlite::Result<Vec<MeasuredStatement>> {
    let _own = crate::own::statements();
    let mut all = Comparisons::default();
    let mut tables: Vec<&Table> = Vec::new();
    let mut named: BTreeSet<Name> = BTreeSet::new();
    let mut read: Vec<(&str, Comparisons, Vec<Name>)> = Vec::new();
    for sql in statements {
        let reach = Reach::of(schema, sql);
        for text in &reach.texts {
            all.extend(Comparisons::of(text));
            named.extend(tokens(text).iter().filter_map(Token::name).map(Name::from));
        }
        read.push((sql, Comparisons::of(sql), reach.tables.iter().map(|table| table.name.clone()).collect()));
        for table in reach.tables {
            if !tables.iter().any(|known| known.name == table.name) {
                tables.push(table);
            }
        }
    }
    let conditions = tables.iter().flat_map(|table| &table.indexes).filter_map(|index| index.partial.as_deref());
    conditions.for_each(|condition| all.extend(Comparisons::of(condition)));

    let values = Values { schema, comparisons: &all, named };
    let foreign_keys = without_constraints(connection)?;
    for table in &tables {
        // A table that refuses its rows, because it calls a function of the app, stays empty.
        let _ = connection.execute_batch(&insert(&values, table));
    }
    with_constraints(connection, foreign_keys)?;
    limit_steps(connection);
    let measured = read.into_iter().map(|(sql, own, tables)| {
        let tables = tables.iter().filter_map(|name| schema.table(name));
        MeasuredStatement::new(connection, sql, &own, &tables.collect::<Vec<_>>())
    });
    Ok(measured.collect())
}

/// Returns another statement as it can be measured on rows that are there.
pub(crate) fn measured(connection: &Connection, schema: &Schema, sql: &str) -> MeasuredStatement {
    let _own = crate::own::statements();
    MeasuredStatement::new(connection, sql, &Comparisons::of(sql), &Reach::of(schema, sql).tables)
}

/// Opens a transaction in which nothing is enforced or fired, and returns whether foreign keys were on. CHECKs stay off.
fn without_constraints(connection: &Connection) -> rusqlite::Result<bool> {
    if !connection.is_autocommit() {
        connection.execute_batch("COMMIT")?;
    }
    let foreign_keys = connection.query_row("PRAGMA foreign_keys", [], |row| row.get(0))?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; BEGIN")?;
    Ok(foreign_keys)
}

fn with_constraints(connection: &Connection, foreign_keys: bool) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, true)?;
    connection.execute_batch(&format!("COMMIT; PRAGMA foreign_keys = {}", i32::from(foreign_keys)))
}

/// Returns the INSERT of all rows of a table. A row that would break a UNIQUE is left out.
fn insert(values: &Values<'_>, table: &Table) -> String {
    let columns: Vec<&Column> =
        table.columns.iter().filter(|column| column.generated.is_none() && !column.hidden).collect();
    let names = plain_names(columns.iter().map(|column| column.name.as_str()));
    let expressions: Vec<String> = columns.iter().map(|column| values.of(table, column, "i")).collect();
    format!(
        "INSERT OR IGNORE INTO main.{}({names})
         WITH RECURSIVE rows(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM rows WHERE i < {ROWS}) SELECT {} FROM rows",
        plain_name(&table.name),
        expressions.join(", ")
    )
}
