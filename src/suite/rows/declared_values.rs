//! Rows with the values that a table's own declaration names, each of which an app has in some row: those that a CHECK lists,
//! and those of DEFAULT.

use rusqlite::Connection;
use rusqlite::types::Value;

use super::contents::primary_key_columns;
use super::plan::RowPlan;
use crate::data::{Fill, listed_choices};
use crate::schema::{Check, Column, Schema, Table};
use crate::sql::{Name, TokenKind, owned, quote_identifier, quote_text, tokens, unquoted};

/// The most values of a list that get a row.
const MOST: usize = 32;

/// Adds rows until there is one with each value that a CHECK lists for a column and with each constant of DEFAULT, as far as other
/// constraints leave room for it.
pub(super) fn add_declared_values(plan: &RowPlan, connection: &Connection, schema: &Schema, table: &Table) {
    let declared = declared(plan, connection, table);
    let missing = |(column, values): (Name, Vec<Value>)| {
        let mut query = connection.prepare(&rows_with(table, &column)).ok()?;
        let is_missing = |value: &Value| !query.exists([value]).unwrap_or(true);
        let values: Vec<Value> = values.into_iter().take(MOST).filter(is_missing).collect();
        (!values.is_empty()).then_some((column, values))
    };
    let missing: Vec<(Name, Vec<Value>)> = declared.into_iter().filter_map(missing).collect();
    let Some(rows) = missing.iter().map(|(_, values)| values.len()).max() else { return };
    let fill = |schema: &Schema| {
        let is_declared = |column: &str| missing.iter().any(|(name, _)| name == column);
        let fill = Fill::seed(plan.seed ^ 2).existing_parents();
        plan.with_given(fill, schema, |other, column| other.name == table.name && is_declared(column))
    };
    let mut together = fill(schema);
    for (column, values) in &missing {
        let values = values.clone();
        together = together.set_with(&table.name, column, move |row| {
            values[usize::try_from(row.number()).unwrap_or(0) % values.len()].clone()
        });
    }
    if together.rows(&table.name, rows as u64).insert_into(connection, schema).is_ok() {
        return;
    }
    // Another constraint may ask for more: `CHECK (state <> 'done' OR done_at IS NOT NULL)`.
    let Some(at) = schema.tables.iter().position(|known| known.name == table.name) else { return };
    let mut schema = schema.clone();
    for (column, values) in &missing {
        for value in values {
            let is_there = connection.prepare(&rows_with(table, column)).and_then(|mut query| query.exists([value]));
            if is_there.unwrap_or(true) {
                continue;
            }
            let one = fill(&schema).set(&table.name, column, value.clone()).rows(&table.name, 1);
            let Some(literal) = literal_of(value).filter(|_| one.insert_into(connection, &schema).is_err()) else {
                continue;
            };
            let expression = format!("{} = {literal}", quote_identifier(column));
            schema.tables[at].checks.push(Check { name: None, expression, column: None });
            let _ = fill(&schema).rows(&table.name, 1).insert_into(connection, &schema);
            schema.tables[at].checks.pop();
        }
    }
}

/// Returns the columns whose declarations name values, with these.
fn declared(plan: &RowPlan, connection: &Connection, table: &Table) -> Vec<(Name, Vec<Value>)> {
    let mut found = if table.checks.is_empty() { Vec::new() } else { listed_choices(table) };
    found.retain(|(name, _)| !plan.is_given(table, name));
    let keys = primary_key_columns(table);
    for column in table.columns.iter().filter(|column| !keys.contains(&column.name.as_str())) {
        let refers = table.foreign_keys.iter().any(|key| key.columns.contains(&column.name));
        let is_listed = found.iter().any(|(name, _)| *name == column.name);
        // An app that reads JSON leaves out the column, too.
        if !refers && !is_listed && !plan.is_set(table, &column.name) {
            let default = default_literal(column).and_then(|literal| {
                connection.query_row(&format!("SELECT {literal}"), [], |row| row.get_ref(0).map(owned)).ok()
            });
            found.extend(default.map(|value| (column.name.clone(), vec![value])));
        }
    }
    found.retain(|(name, _)| table.column(name).is_some_and(|column| column.generated.is_none() && !column.hidden));
    found
}

/// Returns the DEFAULT of a column as SQL, if it is a constant and not NULL.
fn default_literal(column: &Column) -> Option<String> {
    let text = column.default.as_ref()?;
    let all = tokens(text);
    if let [name] = all.as_slice()
        && name.kind == TokenKind::Quoted
    {
        // Here SQLite takes it for a text.
        return Some(quote_text(&unquoted(name.text)));
    }
    let is_literal = all.iter().all(|token| match token.kind {
        TokenKind::Text | TokenKind::Number => true,
        TokenKind::Word => token.is("true") || token.is("false"),
        TokenKind::Symbol => ["-", "+", "(", ")"].iter().any(|symbol| token.is_symbol(symbol)),
        _ => false,
    });
    is_literal.then(|| text.clone())
}

/// Returns a query of the rows with a value, which is its parameter.
fn rows_with(table: &Table, column: &Name) -> String {
    format!("SELECT 1 FROM {} WHERE {} = ?1", quote_identifier(&table.name), quote_identifier(column))
}

fn literal_of(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(quote_text(text)),
        Value::Integer(number) => Some(number.to_string()),
        Value::Real(number) => Some(format!("{number:?}")),
        Value::Null | Value::Blob(_) => None,
    }
}
