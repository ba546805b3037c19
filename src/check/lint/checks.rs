//! CHECK constraints, evaluated on rows.

use rusqlite::types::Value;

use super::finding::{LintFinding, LintInput, is_nullable, object};
use crate::check::finding::Level;
use crate::check::state;
use crate::schema::schema_copy::SchemaCopy;
use crate::schema::{Affinity, Check, Column, Table};
use crate::sql::{Token, TokenKind, plain_name, quote_identifier, tokens};

pub(super) fn lint(input: &LintInput, found: &mut Vec<LintFinding>) {
    for table in input.tables() {
        for check in &table.checks {
            undecided(input, table, check, found);
            null_beside_default(input, table, check, found);
        }
    }
}

/// The value of a CHECK for a row. Only `False` refuses the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    True,
    False,
    Null,
    /// The expression cannot be evaluated here: it calls a function of the app, or fails.
    Unknown,
}

/// Evaluates an expression on a row, given as names and values.
pub(super) fn evaluate(copy: &SchemaCopy, expression: &str, row: &[(&str, Value)]) -> Verdict {
    let named = |(index, (name, _)): (usize, &(&str, Value))| format!("?{} AS {}", index + 1, quote_identifier(name));
    let columns: Vec<String> = row.iter().enumerate().map(named).collect();
    let values: Vec<Value> = row.iter().map(|(_, value)| value.clone()).collect();
    // The line breaks end a comment within the expression.
    let sql = format!(
        "SELECT CASE WHEN ({expression}\n) IS NULL THEN 2 WHEN ({expression}\n) THEN 1 ELSE 0 END FROM (SELECT {})",
        columns.join(", ")
    );
    match copy.value::<i64>(&sql, &values) {
        Some(0) => Verdict::False,
        Some(1) => Verdict::True,
        Some(2) => Verdict::Null,
        _ => Verdict::Unknown,
    }
}

/// The names and values of some columns.
type Row<'a> = Vec<(&'a str, Value)>;

/// The number of other columns of a CHECK with which values for them are tried.
const MOST_OTHERS: usize = 2;

/// Returns true if some row can have NULL in a column: neither the declaration nor a CHECK keeps NULL out, whatever is in the
/// other columns.
pub(super) fn accepts_null(input: &LintInput, table: &Table, column: &Column) -> bool {
    is_nullable(table, column) && !table.checks.iter().any(|check| refuses_null(input, table, check, column))
}

/// Returns true if a CHECK is true for no row with NULL in a column. A CHECK that only the app can evaluate is taken for one.
fn refuses_null<'a>(input: &LintInput, table: &'a Table, check: &Check, column: &'a Column) -> bool {
    let (own, others): (Vec<&Column>, Vec<&Column>) =
        named_columns(table, &check.expression).into_iter().partition(|named| named.name == column.name);
    if own.is_empty() || others.len() > MOST_OTHERS {
        return false;
    }
    let mut rows: Vec<Row<'a>> = vec![vec![(column.name.as_str(), Value::Null)]];
    for other in others {
        let mut values = vec![Value::Null];
        values.extend(samples(other));
        values.extend(literals(&check.expression));
        let with = |row: &Row<'a>| -> Vec<Row<'a>> {
            let next = |value: &Value| row.iter().cloned().chain([(other.name.as_str(), value.clone())]).collect();
            values.iter().map(next).collect()
        };
        rows = rows.iter().flat_map(with).collect();
    }
    let refuses =
        |row: &Row<'_>| matches!(evaluate(&input.copy, &check.expression, row), Verdict::False | Verdict::Unknown);
    rows.iter().all(refuses)
}

/// Returns the texts and numbers in an expression.
fn literals(expression: &str) -> Vec<Value> {
    let value = |token: &Token<'_>| match token.kind {
        TokenKind::Text => Some(Value::Text(token.name().unwrap_or_default())),
        TokenKind::Number => token.text.parse().ok().map(Value::Integer),
        _ => None,
    };
    tokens(expression).iter().filter_map(value).collect()
}

/// Returns the columns of the table that an expression names.
pub(super) fn named_columns<'a>(table: &'a Table, expression: &str) -> Vec<&'a Column> {
    let tokens = tokens(expression);
    let of_names = tokens.iter().filter(|token| matches!(token.kind, TokenKind::Word | TokenKind::Quoted));
    let names: Vec<String> = of_names.filter_map(|token| token.name()).collect();
    let is_named = |column: &&Column| names.iter().any(|name| column.name == *name);
    table.columns.iter().filter(is_named).collect()
}

/// Returns values of a column's type, none of them NULL.
fn samples(column: &Column) -> Vec<Value> {
    let text = |text: &str| Value::Text(text.to_owned());
    match column.affinity {
        Affinity::Integer | Affinity::Real | Affinity::Numeric => [0, 1, -1].map(Value::Integer).to_vec(),
        Affinity::Text => ["x", "", "{}"].map(text).to_vec(),
        Affinity::Blob => vec![Value::Blob(vec![0]), Value::Blob(Vec::new()), text("x")],
        Affinity::Any => vec![text("x"), Value::Integer(0), text("{}")],
    }
}

/// Finds a CHECK that is NULL for a row without NULLs: a comparison with NULL, a function that returns NULL for invalid input
/// (`date(day) = day`), a CASE without ELSE. Such a row passes although it was never found valid.
fn undecided(input: &LintInput, table: &Table, check: &Check, found: &mut Vec<LintFinding>) {
    let columns = named_columns(table, &check.expression);
    if columns.is_empty() || columns.iter().any(|column| column.generated.is_some()) {
        return;
    }
    let passes = |sample: &usize| {
        let row = row_of(table, |column| {
            let samples = samples(column);
            samples[*sample % samples.len()].clone()
        });
        evaluate(&input.copy, &check.expression, &row) == Verdict::Null
            && table.checks.iter().all(|other| {
                let related = named_columns(table, &other.expression).iter().any(|column| columns.contains(column));
                !related || matches!(evaluate(&input.copy, &other.expression, &row), Verdict::True | Verdict::Null)
            })
    };
    let Some(sample) = (0..3).find(passes) else { return };
    let object = of_check(table, check, &columns);
    let shown: Vec<String> = columns
        .iter()
        .map(|column| {
            let samples = samples(column);
            format!("{} = {}", column.name, shown(&samples[sample % samples.len()]))
        })
        .collect();
    let what =
        format!("CHECK ({}) accepts {}, for which it is NULL, not true", check.expression.trim(), shown.join(", "));
    let nulls: String = columns
        .iter()
        .filter(|column| is_nullable(table, column))
        .map(|column| format!("{} IS NULL OR ", plain_name(&column.name)))
        .collect();
    let decided = format!("{nulls}({}) IS TRUE", check.expression.trim());
    let cost = "a CHECK refuses a row only where it is false: where it is NULL, anything passes";
    found.push(
        LintFinding::new("check-passes-null", object, what, cost)
            .rebuild(table, |sql| sql.replace(check.expression.trim(), &decided)),
    );
}

/// Finds a column with a CHECK that NULL passes, although a DEFAULT says that there is always a value. Without a DEFAULT, NULL
/// is taken for "not given", and is no finding.
fn null_beside_default(input: &LintInput, table: &Table, check: &Check, found: &mut Vec<LintFinding>) {
    let columns = named_columns(table, &check.expression);
    let [column] = columns.as_slice() else { return };
    let has_default = column.default.as_ref().is_some_and(|default| !default.trim().eq_ignore_ascii_case("NULL"));
    if !has_default || !is_nullable(table, column) {
        return;
    }
    let row = row_of(table, |_| Value::Null);
    if evaluate(&input.copy, &check.expression, &row) != Verdict::Null {
        return;
    }
    let object = object(table, [column.name.as_str()]);
    let what = format!("CHECK ({}) does not keep NULL out of {object}", check.expression.trim());
    let cost = "the DEFAULT fills the column only where an INSERT leaves it out; an explicit NULL passes the CHECK, for which it is neither true nor false";
    found.push(
        LintFinding::new("check-passes-null", object, what, cost)
            .level_of(Level::Review)
            .rebuild(table, |sql| sql.constrain(&column.name, "NOT NULL")),
    );
}

fn row_of(table: &Table, value: impl Fn(&Column) -> Value) -> Vec<(&str, Value)> {
    table.columns.iter().map(|column| (column.name.as_str(), value(column))).collect()
}

fn of_check(table: &Table, check: &Check, columns: &[&Column]) -> String {
    match &check.column {
        Some(column) => object(table, [column.as_str()]),
        None => object(table, columns.iter().map(|column| column.name.as_str())),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Blob(bytes) => format!("a blob of {} bytes", bytes.len()),
        value => state::shown(value.into()),
    }
}

/// Returns true if the CHECKs of a column allow at most two of the values that they name and a few others.
pub(super) fn is_two_valued(input: &LintInput, table: &Table, column: &Column) -> bool {
    table.checks.iter().any(|check| {
        let columns = named_columns(table, &check.expression);
        if columns.len() != 1 || columns[0].name != column.name {
            return false;
        }
        let mut accepted = 0;
        for value in candidates(column, &check.expression) {
            let row = [(column.name.as_str(), value)];
            match evaluate(&input.copy, &check.expression, &row) {
                Verdict::True | Verdict::Null => accepted += 1,
                Verdict::False => {}
                Verdict::Unknown => return false,
            }
        }
        (1..=2).contains(&accepted)
    })
}

/// Returns the literals of an expression, and other values that a list of two is unlikely to have.
fn candidates(column: &Column, expression: &str) -> Vec<Value> {
    let mut values: Vec<Value> = [-1, 0, 1, 2, 3, 5, 10, 100, 100_000].map(Value::Integer).to_vec();
    if matches!(column.affinity, Affinity::Real | Affinity::Numeric) {
        values.push(Value::Real(0.5));
    }
    if !matches!(column.affinity, Affinity::Integer | Affinity::Real | Affinity::Numeric) {
        values = ["", "x", "sqlitmus", "0", "1", "2024-01-31"].map(|text| Value::Text(text.to_owned())).to_vec();
    }
    for value in literals(expression) {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

/// Returns true if a CHECK names this column; for a BLOB it is nearly always about the length.
pub(super) fn has_check(table: &Table, column: &Column) -> bool {
    table.checks.iter().any(|check| named_columns(table, &check.expression).contains(&column))
}
