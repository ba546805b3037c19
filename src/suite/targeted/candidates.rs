//! Values that an expression may change, and pairs that it may make equal.

use rusqlite::types::Value;

use super::resolve::LocalExpression;
use super::rows::{RowMaker, RowRequest};
use crate::data::{StoredType, candidate_values, type_word};
use crate::schema::Column;
use crate::sql::{Name, quote_identifier, tokens};

/// Texts that functions on texts change: blanks, case, lengths, numbers with zeros, marks between parts.
const TEXTS: [&str; 12] = [
    "  spaces  ",
    "MiXed Case",
    "mixed case",
    "MIXED CASE",
    "\tline\r\nbreak ",
    "007",
    "1.50",
    "a, b; c/d-e_f",
    "it''s",
    "Ünïcode",
    "http://www.example.com/a b/?q=1",
    "-7",
];
const INTEGERS: [i64; 6] = [-7, 7, 1_000_003, 1_772_368_496, 1_772_368_496_789, 9_007_199_254_740_993];
const REALS: [f64; 6] = [1234.567_89, -0.125, 2.5, -2.5, 1e10, 1_772_368_496.25];
/// Times with what `date` and the like leave out: a fraction, a zone, a time of day.
const TIMES: [&str; 6] = [
    "2026-03-01 12:34:56.789",
    "2026-03-01T12:34:56+05:30",
    "2026-03-01 12:34:56",
    "2026-03-01T12:34:56.789Z",
    "2026-03-01 23:59",
    "2026-03-01",
];
const DOCUMENTS: [&str; 3] = ["{\"a\": 1, \"b\": [1, 2], \"c\": null}", "[1, \"two\", 3]", "{}"];

/// A value, and what the expression makes of it.
pub(super) struct Candidate {
    pub(super) value: Value,
    pub(super) result: Value,
    pub(super) is_changed: bool,
}

/// Evaluates an expression for values of a column that an app could have stored there.
pub(super) fn candidates(
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
    let filter = if rows.conditions.is_empty() { String::from("1") } else { rows.conditions.join(" AND ") };
    let sql = format!(
        "SELECT {e}, ({e}) IS NOT {stored} FROM (SELECT {columns} FROM {name} WHERE {filter} LIMIT 1)",
        e = expression.sql,
        stored = quote_identifier(stored),
        columns = columns.join(", "),
        name = quote_identifier(&table.name),
    );
    let Ok(mut statement) = maker.connection.prepare(&sql) else { return Vec::new() };
    let mut evaluated = |value: Value| {
        let (result, is_changed) = statement.query_row([&value], |row| Ok((row.get(0)?, row.get(1)?))).ok()?;
        Some(Candidate { value, result, is_changed })
    };
    let pool = pool(column, table.strict, &expression.sql);
    let mut found: Vec<Candidate> = pool.into_iter().filter_map(&mut evaluated).collect();
    // What becomes of a value may have been there before, beside it.
    let results: Vec<Value> = found.iter().filter(|it| it.is_changed).map(|it| it.result.clone()).collect();
    found.extend(results.into_iter().filter(|result| *result != Value::Null).filter_map(&mut evaluated));
    found
}

/// Returns values of the kind that the column is declared for, and of the format that the expression reads.
fn pool(column: &Column, strict: bool, expression: &str) -> Vec<Value> {
    let names: Vec<String> = tokens(expression).iter().map(|token| token.text.to_ascii_lowercase()).collect();
    let reads = |words: &[&str]| names.iter().any(|name| words.iter().any(|word| name.starts_with(word)));
    let reads_time = reads(&["date", "time", "julianday", "strftime", "unixepoch"])
        || ["DATE", "TIME"].iter().any(|word| type_word(column).starts_with(word));
    let reads_json = reads(&["json", "->"]) || type_word(column).starts_with("JSON");
    let texts = |list: &[&str]| list.iter().map(|text| Value::Text((*text).to_owned())).collect::<Vec<_>>();
    let kind = StoredType::of(column, strict);
    let holds_text = matches!(kind, StoredType::Text | StoredType::Any | StoredType::Numeric);
    let mut pool = match kind {
        _ if holds_text && reads_json => texts(&DOCUMENTS),
        _ if holds_text && reads_time => texts(&TIMES),
        StoredType::Text | StoredType::Any => texts(&TEXTS),
        StoredType::Integer => INTEGERS.into_iter().map(Value::Integer).collect(),
        StoredType::Real | StoredType::Numeric => REALS.into_iter().map(Value::Real).collect(),
        StoredType::Blob => vec![Value::Blob(b"\0\xff\x61".to_vec())],
    };
    let fits = |value: &Value| match (kind, value) {
        (StoredType::Text | StoredType::Any, Value::Text(text)) => {
            !reads_time && (!reads_json || text.starts_with(['{', '[']))
        }
        (StoredType::Integer | StoredType::Numeric, Value::Integer(_)) => true,
        (StoredType::Real, Value::Integer(_) | Value::Real(_)) | (StoredType::Numeric, Value::Real(_)) => true,
        (StoredType::Blob, Value::Blob(_)) => true,
        _ => false,
    };
    // Those that the expression names come first.
    let mut named: Vec<Value> = candidate_values(expression).into_iter().filter(fits).collect();
    named.append(&mut pool);
    named
}
