//! Columns that have to be what others make of them: `CHECK (total = price * amount)`, or a trigger that refuses
//! `NEW.version <> 1 + (SELECT max(version) FROM events)`. SQLite calculates them, row by row.

use rusqlite::types::Value;
use rusqlite::{Connection, Statement};

use crate::data::constraints::conditions::written;
use crate::data::constraints::expression::{Comparison, Expression};
use crate::data::values::value_buf::ValueBuf;
use crate::sql::{Token, quote_identifier};

/// A column and what it has to be.
#[derive(Clone, Debug)]
pub(crate) struct Derived {
    pub(crate) column: usize,
    /// The columns that the expression is about, in the order of its parameters.
    from: Vec<usize>,
    sql: String,
}

impl Derived {
    /// What `condition` says of one column, if the others decide on it. `free` are the columns that can follow.
    pub(crate) fn of(condition: &Expression, names: &[String], free: &dyn Fn(usize) -> bool) -> Vec<Derived> {
        let mut found = Vec::new();
        match condition {
            Expression::And(parts) => {
                for part in parts {
                    found.extend(Derived::of(part, names, free));
                }
            }
            Expression::Compare(Comparison::Equal | Comparison::Is, left, right) => {
                found.extend(
                    Derived::equal(left, right, names, free).or_else(|| Derived::equal(right, left, names, free)),
                );
            }
            _ => {}
        }
        found
    }

    /// What a column has to be for a trigger that refuses `NEW.column <> …`. SQLite calculates it when the rows before are
    /// there, so that it may read them.
    pub(crate) fn told(condition: &[Token<'_>], names: &[String]) -> Option<Derived> {
        let mut depth = 0;
        let mut operators = Vec::new();
        for (at, token) in condition.iter().enumerate() {
            depth += i32::from(token.is_symbol("(")) - i32::from(token.is_symbol(")"));
            if depth > 0 {
                continue;
            }
            if ["AND", "OR", "CASE", "=", "==", "<", ">", "<=", ">=", "IN", "LIKE", "BETWEEN"]
                .iter()
                .any(|word| token.is(word) || token.is_symbol(word))
            {
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
        let (left, right) = (&condition[..at], &condition[at + length..]);
        let place = |name: &Token<'_>| {
            let name = name.name()?;
            names.iter().position(|own| own.eq_ignore_ascii_case(&name))
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
        let reads = other.iter().any(|token| token.is("SELECT"));
        if from.contains(&column) || from.is_empty() && !reads {
            return None;
        }
        let columns =
            from.iter().enumerate().map(|(at, column)| format!("?{} AS {}", at + 1, quote_identifier(&names[*column])));
        let columns: Vec<String> = columns.collect();
        let columns = if columns.is_empty() { "NULL".to_owned() } else { columns.join(", ") };
        let sql = format!("SELECT ({}\n) FROM (SELECT {columns}) AS NEW", written(other));
        Some(Derived { column, from, sql })
    }

    fn equal(left: &Expression, right: &Expression, names: &[String], free: &dyn Fn(usize) -> bool) -> Option<Derived> {
        let Expression::Column(column) = left else { return None };
        // What stands in a JSON document follows from the column beside it.
        if let Expression::Call(name, arguments) = right
            && let [document, Expression::Value(Value::Text(path))] = &arguments[..]
            && matches!(name.as_str(), "json_extract" | "->>")
            && let Some(document) = inner(document).filter(|document| free(*document))
        {
            let path = if path.starts_with('$') { path.clone() } else { format!("$.\"{path}\"") };
            let from = vec![*column, document];
            let (value, object) = (quote_identifier(&names[*column]), quote_identifier(&names[document]));
            let object = format!("CASE WHEN json_valid({object}) THEN {object} ELSE '{{}}' END");
            let object = format!("json_set({object}, {}, {value})", crate::sql::quote_text(&path));
            return Some(Derived { column: document, sql: statement(&object, &from, names), from });
        }
        let mut from = Vec::new();
        right.columns(&mut from);
        if !free(*column) || from.is_empty() || from.contains(column) || matches!(right, Expression::Column(_)) {
            return None;
        }
        let sql = statement(&text(right, names)?, &from, names);
        Some(Derived { column: *column, from, sql })
    }

    pub(crate) fn prepare<'c>(&self, connection: &'c Connection) -> Option<Statement<'c>> {
        connection.prepare(&self.sql).ok()
    }

    /// Calculates the value of a row. What cannot be calculated stays as it is.
    pub(crate) fn make(&self, statement: &mut Statement<'_>, made: &mut [ValueBuf]) {
        for (index, column) in self.from.iter().enumerate() {
            if statement.raw_bind_parameter(index + 1, &made[*column]).is_err() {
                return;
            }
        }
        let mut rows = statement.raw_query();
        if let Ok(Some(row)) = rows.next()
            && let Ok(value) = row.get_ref(0)
        {
            made[self.column].set(value);
        }
    }
}

fn statement(expression: &str, from: &[usize], names: &[String]) -> String {
    let columns: Vec<String> = from
        .iter()
        .enumerate()
        .map(|(index, column)| format!("?{} AS {}", index + 1, quote_identifier(&names[*column])))
        .collect();
    format!("SELECT {expression} FROM (SELECT {})", columns.join(", "))
}

/// The column within `CAST(column AS …)`.
fn inner(expression: &Expression) -> Option<usize> {
    match expression {
        Expression::Column(column) => Some(*column),
        Expression::Call(name, arguments) if name.starts_with("cast:") => inner(arguments.first()?),
        _ => None,
    }
}

/// An expression as SQL. `None` where it has parts that are not understood.
fn text(expression: &Expression, names: &[String]) -> Option<String> {
    let all = |list: &[Expression]| list.iter().map(|one| text(one, names)).collect::<Option<Vec<String>>>();
    Some(match expression {
        Expression::Column(column) => quote_identifier(&names[*column]),
        Expression::Value(value) => ValueBuf::from(value).sql_literal(),
        Expression::Not(inner) => format!("NOT ({})", text(inner, names)?),
        Expression::And(parts) => format!("({})", all(parts)?.join(" AND ")),
        Expression::Or(parts) => format!("({})", all(parts)?.join(" OR ")),
        Expression::Compare(comparison, left, right) => {
            let operator = match comparison {
                Comparison::Equal => "=",
                Comparison::Unequal => "<>",
                Comparison::Less => "<",
                Comparison::LessOrEqual => "<=",
                Comparison::Greater => ">",
                Comparison::GreaterOrEqual => ">=",
                Comparison::Is => "IS",
                Comparison::IsNot => "IS NOT",
            };
            format!("({} {operator} {})", text(left, names)?, text(right, names)?)
        }
        Expression::In(what, list) => format!("({} IN ({}))", text(what, names)?, all(list)?.join(", ")),
        Expression::Match(..) | Expression::Opaque => return None,
        Expression::Call(name, arguments) => {
            let arguments = all(arguments)?;
            if let Some(kind) = name.strip_prefix("cast:") {
                format!("CAST({} AS {kind})", arguments.first()?)
            } else if name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
                format!("{}({})", quote_identifier(name), arguments.join(", "))
            } else {
                match &arguments[..] {
                    [only] => format!("({name} {only})"),
                    [left, right] => format!("({left} {name} {right})"),
                    _ => return None,
                }
            }
        }
        Expression::Case(arms, otherwise) => {
            let mut sql = "CASE".to_owned();
            for (condition, value) in arms {
                sql.push_str(&format!(" WHEN {} THEN {}", text(condition, names)?, text(value, names)?));
            }
            if let Some(otherwise) = otherwise {
                sql.push_str(&format!(" ELSE {}", text(otherwise, names)?));
            }
            sql.push_str(" END");
            sql
        }
    })
}
