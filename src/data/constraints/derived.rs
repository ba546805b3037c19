//! Columns whose value follows from other columns: `CHECK (total = price * amount)`, or a trigger that refuses
//! `NEW.version <> 1 + (SELECT max(version) FROM events)`. SQLite calculates them, row by row.

use rusqlite::types::Value;
use rusqlite::{Connection, Statement};

use crate::data::constraints::expression::{Comparison, Expression, sql, tokens_sql};
use crate::data::values::value_buf::ValueBuf;
use crate::sql::{Token, outside, quote_identifier, quote_text, same_name};

/// A column and the query that calculates its value.
#[derive(Clone, Debug)]
pub(crate) struct DerivedColumn {
    pub(crate) column: usize,
    /// The columns from which it is calculated, in the order of the parameters.
    from: Vec<usize>,
    sql: String,
}

impl DerivedColumn {
    /// Returns the columns that a condition defines by others. `is_free` is true for the columns that may be calculated.
    pub(crate) fn of(condition: &Expression, names: &[String], is_free: &dyn Fn(usize) -> bool) -> Vec<DerivedColumn> {
        let equal = |left, right| DerivedColumn::equal(left, right, names, is_free);
        match condition {
            Expression::And(parts) => parts.iter().flat_map(|part| DerivedColumn::of(part, names, is_free)).collect(),
            Expression::Compare(Comparison::Equal | Comparison::Is, left, right) => {
                equal(left, right).or_else(|| equal(right, left)).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// Returns the column that a trigger requires by refusing `NEW.column <> …`. The expression may read the rows before,
    /// because SQLite calculates it when they are there.
    pub(crate) fn of_refusal(condition: &[Token<'_>], names: &[String]) -> Option<DerivedColumn> {
        let (left, right) = sides_of_unequal(condition)?;
        let place = |name: &Token<'_>| {
            let name = name.name()?;
            names.iter().position(|own| same_name(own, &name))
        };
        let of_new = |tokens: &[Token<'_>]| match tokens {
            [new, dot, name] if new.is("NEW") && dot.is_symbol(".") => place(name),
            _ => None,
        };
        let (column, other) = match (of_new(left), of_new(right)) {
            (Some(_), Some(_)) | (None, None) => return None,
            (Some(column), None) => (column, right),
            (None, Some(column)) => (column, left),
        };
        let mut from = Vec::new();
        for window in other.windows(3).filter(|window| of_new(window).is_some() || window[0].is("NEW")) {
            let of = of_new(window)?;
            if !from.contains(&of) {
                from.push(of);
            }
        }
        let reads_tables = other.iter().any(|token| token.is("SELECT"));
        if from.contains(&column) || from.is_empty() && !reads_tables {
            return None;
        }
        let columns = if from.is_empty() { "NULL".to_owned() } else { parameters(&from, names) };
        let sql = format!("SELECT ({}\n) FROM (SELECT {columns}) AS NEW", tokens_sql(other));
        Some(DerivedColumn { column, from, sql })
    }

    fn equal(
        left: &Expression,
        right: &Expression,
        names: &[String],
        is_free: &dyn Fn(usize) -> bool,
    ) -> Option<DerivedColumn> {
        let Expression::Column(column) = left else { return None };
        // A column determines the member of a document, not the reverse.
        if let Expression::Call(name, arguments) = right
            && let [document, Expression::Value(Value::Text(path))] = &arguments[..]
            && matches!(name.as_str(), "json_extract" | "->>")
            && let Some(document) = inner(document).filter(|document| is_free(*document))
        {
            let path = if path.starts_with('$') { path.clone() } else { format!("$.\"{path}\"") };
            let from = vec![*column, document];
            let (value, object) = (quote_identifier(&names[*column]), quote_identifier(&names[document]));
            let object = format!("CASE WHEN json_valid({object}) THEN {object} ELSE '{{}}' END");
            let object = format!("json_set({object}, {}, {value})", quote_text(&path));
            return Some(DerivedColumn { column: document, sql: query(&object, &from, names), from });
        }
        let mut from = Vec::new();
        right.columns(&mut from);
        if !is_free(*column) || from.is_empty() || from.contains(column) || matches!(right, Expression::Column(_)) {
            return None;
        }
        let sql = query(&sql(right, names)?, &from, names);
        Some(DerivedColumn { column: *column, from, sql })
    }

    pub(crate) fn prepare<'c>(&self, connection: &'c Connection) -> Option<Statement<'c>> {
        connection.prepare(&self.sql).ok()
    }

    /// Calculates the value of a row. A value that cannot be calculated does not change.
    pub(crate) fn make(&self, statement: &mut Statement<'_>, row: &mut [ValueBuf]) {
        for (index, column) in self.from.iter().enumerate() {
            if statement.raw_bind_parameter(index + 1, &row[*column]).is_err() {
                return;
            }
        }
        let mut rows = statement.raw_query();
        if let Ok(Some(result)) = rows.next()
            && let Ok(value) = result.get_ref(0)
        {
            row[self.column].set(value);
        }
    }
}

/// Returns the sides of a condition that is a single `<>` or `IS NOT`.
fn sides_of_unequal<'t, 'a>(condition: &'t [Token<'a>]) -> Option<(&'t [Token<'a>], &'t [Token<'a>])> {
    const OTHERS: [&str; 12] = ["AND", "OR", "CASE", "=", "==", "<", ">", "<=", ">=", "IN", "LIKE", "BETWEEN"];
    let mut operators = Vec::new();
    for (at, token) in outside(condition) {
        if OTHERS.iter().any(|word| token.is(word) || token.is_symbol(word)) {
            return None;
        }
        if token.is_symbol("<>") || token.is_symbol("!=") {
            operators.push((at, 1));
        } else if token.is("IS") && condition.get(at + 1).is_some_and(|token| token.is("NOT")) {
            operators.push((at, 2));
        } else if token.is("IS") {
            return None;
        }
    }
    let [(at, length)] = operators[..] else { return None };
    Some((&condition[..at], &condition[at + length..]))
}

fn query(expression: &str, from: &[usize], names: &[String]) -> String {
    format!("SELECT {expression} FROM (SELECT {})", parameters(from, names))
}

/// Returns parameters with the names of columns.
fn parameters(columns: &[usize], names: &[String]) -> String {
    let named = |(at, column): (usize, &usize)| format!("?{} AS {}", at + 1, quote_identifier(&names[*column]));
    columns.iter().enumerate().map(named).collect::<Vec<String>>().join(", ")
}

/// Returns the column within `CAST(column AS …)`.
fn inner(expression: &Expression) -> Option<usize> {
    match expression {
        Expression::Column(column) => Some(*column),
        Expression::Call(name, arguments) if name.starts_with("cast:") => inner(arguments.first()?),
        _ => None,
    }
}
