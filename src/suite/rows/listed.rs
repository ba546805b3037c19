//! Rows with the values that a table's own declaration names, each of which an app has in some row: those that a CHECK lists.

use rusqlite::Connection;
use rusqlite::types::Value;

use super::fill::RowPlan;
use crate::data::{Fill, listed_choices};
use crate::schema::{Check, Schema, Table};
use crate::sql::{Name, quote_identifier, quote_text};

/// The most values of a list that get a row.
const MOST: usize = 32;

/// Adds rows until there is one with each value that a CHECK lists for a column, as far as other constraints leave room for it.
pub(super) fn add_listed(plan: &RowPlan, connection: &Connection, schema: &Schema, table: &Table) {
    if table.checks.is_empty() {
        return;
    }
    let is_free = |name: &Name| {
        let column = table.column(name);
        column.is_some_and(|column| column.generated.is_none()) && !plan.is_given(table, name)
    };
    let listed = listed_choices(table).into_iter().filter(|(column, _)| is_free(column));
    let missing = |(column, values): (Name, Vec<Value>)| {
        let mut query = connection.prepare(&rows_with(table, &column)).ok()?;
        let is_missing = |value: &Value| !query.exists([value]).unwrap_or(true);
        let values: Vec<Value> = values.into_iter().take(MOST).filter(is_missing).collect();
        (!values.is_empty()).then_some((column, values))
    };
    let missing: Vec<(Name, Vec<Value>)> = listed.filter_map(missing).collect();
    let Some(rows) = missing.iter().map(|(_, values)| values.len()).max() else { return };
    let fill = |schema: &Schema| plan.with_given(Fill::seed(plan.seed ^ 2).existing_parents(), schema, |_, _| false);
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
            let Some(literal) = literal_of(value) else { continue };
            let expression = format!("{} = {literal}", quote_identifier(column));
            schema.tables[at].checks.push(Check { name: None, expression, column: None });
            let _ = fill(&schema).rows(&table.name, 1).insert_into(connection, &schema);
            schema.tables[at].checks.pop();
        }
    }
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
