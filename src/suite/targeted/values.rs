//! Values that an expression changes, and pairs that it makes equal.

use rusqlite::types::Value;

use super::pool::pool;
use super::resolve::LocalExpression;
use super::rows::{RowMaker, RowRequest};
use crate::check::Cell;
use crate::sql::{Name, Token, owned, quote_identifier, tokens};
use crate::suite::losses::is_kept;

/// A value, and what the expression makes of it.
struct Candidate {
    value: Value,
    result: Value,
    is_changed: bool,
}

/// Makes rows with values that an expression changes, and with two values that it makes equal. If there are rows with
/// values that it changes, and none can get in the way of another, those do.
pub(super) fn changed_by(
    expression: &LocalExpression<'_>,
    stored: &Name,
    rows: &RowRequest,
    is_merged: bool,
    maker: &mut RowMaker<'_>,
) {
    let table = expression.table;
    if !maker.ensure(table, rows, 1) || (!is_merged && changes_any(expression, stored, rows, maker)) {
        return;
    }
    let found: Vec<Candidate> = candidates(expression, stored, rows, maker);
    let make = |value: &Value, maker: &mut RowMaker<'_>| maker.ensure(table, &rows.with(stored, value.clone()), 1);
    let mut equal = found.iter().enumerate().filter_map(|(at, one)| {
        let twin = found[at + 1..].iter().find(|other| other.result == one.result && other.value != one.value)?;
        Some((one, twin))
    });
    let pair = equal.find(|(one, other)| make(&one.value, maker) && make(&other.value, maker));
    // Those of the pair may be in each other's way.
    let in_pair = |it: &Candidate| pair.is_some_and(|(one, other)| it.value == one.value || it.value == other.value);
    for is_null in [false, true] {
        let mut changed =
            found.iter().filter(|it| it.is_changed && !in_pair(it) && (it.result == Value::Null) == is_null);
        let is_made = changed.any(|candidate| make(&candidate.value, maker));
        if is_made && !is_required(expression, stored) {
            break;
        }
    }
}

/// Returns true if a column is NOT NULL. A value of which the expression makes NULL is refused, and shows no change.
fn is_required(expression: &LocalExpression<'_>, stored: &Name) -> bool {
    expression.table.column(stored).is_some_and(|column| column.not_null)
}

/// Returns true if the expression changes a value that is there.
fn changes_any(expression: &LocalExpression<'_>, stored: &Name, rows: &RowRequest, maker: &RowMaker<'_>) -> bool {
    let (name, filter) = (quote_identifier(&expression.table.name), rows.all_conditions());
    let sql = format!("SELECT {}, {} FROM {name} WHERE {filter} LIMIT 100", quote_identifier(stored), expression.sql);
    let found = || -> rusqlite::Result<bool> {
        let mut statement = maker.connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (before, after) = (Cell::of(row.get_ref(0)?), Cell::of(row.get_ref(1)?));
            let is_refused = after == Cell::Null && is_required(expression, stored);
            if !is_refused && !is_kept(&before, &after, maker.connection) {
                return Ok(true);
            }
        }
        Ok(false)
    };
    found().unwrap_or(false)
}

fn has_time_function(expression: &str) -> bool {
    let functions = ["date", "time", "datetime", "julianday", "unixepoch", "strftime"];
    // A column may have the name of one.
    let is_call = |pair: &[Token<'_>]| pair[1].is_symbol("(") && functions.iter().any(|function| pair[0].is(function));
    tokens(expression).windows(2).any(is_call)
}

/// Evaluates an expression for values of a column that an app could have stored there.
fn candidates(
    expression: &LocalExpression<'_>,
    stored: &Name,
    rows: &RowRequest,
    maker: &RowMaker<'_>,
) -> Vec<Candidate> {
    let table = expression.table;
    let Some(column) = table.column(stored).filter(|column| column.generated.is_none()) else { return Vec::new() };
    let others = expression.columns.iter().filter(|other| *other != stored).map(|other| quote_identifier(other));
    let value = format!("?1 AS {}", quote_identifier(stored));
    let columns: Vec<String> = others.chain([value]).collect();
    let sql = format!(
        "SELECT {} FROM (SELECT {} FROM {} WHERE {} LIMIT 1)",
        expression.sql,
        columns.join(", "),
        quote_identifier(&table.name),
        rows.all_conditions()
    );
    let Ok(mut statement) = maker.connection.prepare(&sql) else { return Vec::new() };
    let is_of_time = has_time_function(&expression.sql);
    let mut evaluated = |value: Value| {
        let result: Value = statement.query_row([&value], |row| row.get_ref(0).map(owned)).ok()?;
        // A number that is no time is not where the app keeps times.
        if is_of_time && result == Value::Null && matches!(value, Value::Integer(_) | Value::Real(_)) {
            return None;
        }
        let (before, after) = (Cell::of((&value).into()), Cell::of((&result).into()));
        let is_changed = !is_kept(&before, &after, maker.connection);
        Some(Candidate { value, result, is_changed })
    };
    let pool = pool(column, table.strict, &expression.sql);
    let mut found: Vec<Candidate> = pool.into_iter().filter_map(&mut evaluated).collect();
    // What becomes of a value may have been there before, beside it.
    let results: Vec<Value> = found.iter().filter(|it| it.is_changed).map(|it| it.result.clone()).collect();
    found.extend(results.into_iter().filter(|result| *result != Value::Null).filter_map(&mut evaluated));
    found
}
