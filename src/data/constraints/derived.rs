//! Columns that have to be what others make of them: `CHECK (total = price * amount)`. SQLite calculates them, row by row.

use rusqlite::types::Value;
use rusqlite::{Connection, Statement};

use crate::data::constraints::expression::{Comparison, Expression};
use crate::data::values::made::Made;
use crate::sql::quote_identifier;

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

    fn equal(left: &Expression, right: &Expression, names: &[String], free: &dyn Fn(usize) -> bool) -> Option<Derived> {
        let Expression::Column(column) = left else { return None };
        // What stands in a JSON document follows from the column beside it.
        if let Expression::Call(name, arguments) = right
            && let [document, Expression::Value(Value::Text(path))] = &arguments[..]
            && matches!(name.as_str(), "json_extract" | "->>")
            && let Some(document) = inner(document).filter(|document| free(*document))
        {
            let key = path.strip_prefix("$.").unwrap_or(path);
            if !key.is_empty() && !key.contains(['.', '[', '$', '"']) {
                let from = vec![*column];
                let name = quote_identifier(&names[*column]);
                let object = format!("json_object({}, {name})", crate::sql::quote_text(key));
                return Some(Derived { column: document, sql: statement(&object, &from, names), from });
            }
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
    pub(crate) fn make(&self, statement: &mut Statement<'_>, made: &mut [Made]) {
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
        Expression::Value(value) => Made::of(value).as_sql(),
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
