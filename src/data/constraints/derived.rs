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
            Expression::And(parts) => match DerivedColumn::within(parts, names, is_free) {
                Some(found) => vec![found],
                None => parts.iter().flat_map(|part| DerivedColumn::of(part, names, is_free)).collect(),
            },
            Expression::Compare(Comparison::Is, inner, truth)
                if **truth == Expression::Value(Value::Integer(1)) && matches!(**inner, Expression::Compare(..)) =>
            {
                DerivedColumn::of(inner, names, is_free)
            }
            Expression::Compare(Comparison::Equal | Comparison::Is, left, right) => {
                let inverse = |left, right| DerivedColumn::inverse(left, right, names, is_free);
                let found = equal(left, right).or_else(|| equal(right, left));
                found.or_else(|| inverse(left, right)).or_else(|| inverse(right, left)).into_iter().collect()
            }
            // One of the values that parents give.
            Expression::In(left, list) => {
                let given = list.iter().find_map(|value| match value {
                    Expression::Column(other) if !is_free(*other) => Some(*other),
                    _ => None,
                });
                match (&**left, given) {
                    (Expression::Column(column), Some(other)) if is_free(*column) => {
                        let sql = query(&quote_identifier(&names[other]), &[other], names);
                        vec![DerivedColumn { column: *column, from: vec![other], sql }]
                    }
                    _ => Vec::new(),
                }
            }
            _ => Vec::new(),
        }
    }

    /// Returns the column that a trigger requires by refusing `NEW.column <> …`, or `NEW.column > (SELECT …)`. The expression
    /// may read the rows before, because SQLite calculates it when they are there.
    pub(crate) fn of_refusal(condition: &[Token<'_>], names: &[String]) -> Option<DerivedColumn> {
        let (left, operator, right) = refused_comparison(condition)?;
        let place = |name: &Token<'_>| {
            let name = name.name()?;
            names.iter().position(|own| same_name(own, &name))
        };
        let of_new = |tokens: &[Token<'_>]| match tokens {
            [new, dot, name] if new.is("NEW") && dot.is_symbol(".") => place(name),
            _ => None,
        };
        let (column, operator, other) = match (of_new(left), of_new(right)) {
            (Some(_), Some(_)) | (None, None) => return None,
            (Some(column), None) => (column, operator, right),
            (None, Some(column)) => (column, operator.mirrored(), left),
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
        let (own, other) = (format!("NEW.{}", quote_identifier(&names[column])), tokens_sql(other));
        let value = match operator {
            Comparison::Unequal | Comparison::IsNot => other,
            // The value stays if it is on the right side of the bound.
            _ if !reads_tables => return None,
            Comparison::Greater => format!("min({own}, ({other}\n))"),
            Comparison::GreaterOrEqual => format!("min({own}, ({other}\n) - 1)"),
            Comparison::Less => format!("max({own}, ({other}\n))"),
            _ => format!("max({own}, ({other}\n) + 1)"),
        };
        let is_bound = !matches!(operator, Comparison::Unequal | Comparison::IsNot);
        let value = if is_bound { format!("coalesce({value}, {own})") } else { format!("({value}\n)") };
        from.extend(is_bound.then_some(column));
        let columns = if from.is_empty() { "NULL".to_owned() } else { parameters(&from, names) };
        Some(DerivedColumn { column, sql: format!("SELECT {value} FROM (SELECT {columns}) AS NEW"), from })
    }

    /// Returns the column whose distance from another one has to be within a range: `stop - start BETWEEN 300 AND 900`.
    fn within(parts: &[Expression], names: &[String], is_free: &dyn Fn(usize) -> bool) -> Option<DerivedColumn> {
        let [Expression::Compare(from, one, low), Expression::Compare(to, two, high)] = parts else { return None };
        let (Expression::Value(Value::Integer(low)), Expression::Value(Value::Integer(high))) = (&**low, &**high)
        else {
            return None;
        };
        let Expression::Call(name, arguments) = &**one else { return None };
        let [Expression::Column(column), Expression::Column(other)] = arguments[..] else { return None };
        let is_range =
            one == two && (*from, *to) == (Comparison::GreaterOrEqual, Comparison::LessOrEqual) && low <= high;
        if name != "-" || !is_range || column == other || !is_free(column) {
            return None;
        }
        let (own, base) = (quote_identifier(&names[column]), quote_identifier(&names[other]));
        let size = i128::from(*high) - i128::from(*low) + 1;
        let from = vec![column, other];
        let sql = query(&format!("{base} + {low} + abs(CAST({own} AS INTEGER)) % {size}"), &from, names);
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

    /// Returns the column that an operation on it and an equal expression define: `id >> 32 = stream`. The bits that the
    /// operation loses are those that the column has.
    fn inverse(
        left: &Expression,
        right: &Expression,
        names: &[String],
        is_free: &dyn Fn(usize) -> bool,
    ) -> Option<DerivedColumn> {
        let mut from = Vec::new();
        left.columns(&mut from);
        let column = *from.first().filter(|column| is_free(**column))?;
        let mut others = Vec::new();
        right.columns(&mut others);
        if from.len() > 1 || others.is_empty() || others.contains(&column) || matches!(left, Expression::Column(_)) {
            return None;
        }
        let value = solved(left, sql(right, names)?, names)?;
        from.extend(others);
        Some(DerivedColumn { column, sql: query(&value, &from, names), from })
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

/// Returns the value of the column within operations, so that their result is `target`.
fn solved(operations: &Expression, target: String, names: &[String]) -> Option<String> {
    let Expression::Call(operator, arguments) = operations else {
        return matches!(operations, Expression::Column(_)).then_some(target);
    };
    let (operand, by) = match &arguments[..] {
        [operand, Expression::Value(Value::Integer(by))] => (operand, *by),
        [Expression::Value(Value::Integer(by)), operand] if matches!(operator.as_str(), "+" | "*" | "&" | "|") => {
            (operand, *by)
        }
        _ => return None,
    };
    let old = sql(operand, names)?;
    let target = match operator.as_str() {
        "+" => format!("(({target}) - {by})"),
        "-" => format!("(({target}) + {by})"),
        "*" if by != 0 => format!("(({target}) / {by})"),
        "/" if by > 0 => format!("(({target}) * {by} + ({old}) % {by})"),
        "%" if by > 0 => format!("(({old}) / {by} * {by} + ({target}))"),
        ">>" if (0..63).contains(&by) => format!("((({target}) << {by}) | (({old}) & {}))", (1_i64 << by) - 1),
        "<<" => format!("(({target}) >> {by})"),
        "&" => format!("((({old}) & ~{by}) | ({target}))"),
        "|" => target,
        _ => return None,
    };
    solved(operand, target, names)
}

/// Returns the sides and the operator of a condition that is a single comparison other than `=`.
fn refused_comparison<'t, 'a>(condition: &'t [Token<'a>]) -> Option<(&'t [Token<'a>], Comparison, &'t [Token<'a>])> {
    const OTHERS: [&str; 8] = ["AND", "OR", "CASE", "=", "==", "IN", "LIKE", "BETWEEN"];
    let mut operators = Vec::new();
    for (at, token) in outside(condition) {
        if OTHERS.iter().any(|word| token.is(word) || token.is_symbol(word)) {
            return None;
        }
        let comparison = match token.text {
            "<>" | "!=" => Some((Comparison::Unequal, 1)),
            "<" => Some((Comparison::Less, 1)),
            "<=" => Some((Comparison::LessOrEqual, 1)),
            ">" => Some((Comparison::Greater, 1)),
            ">=" => Some((Comparison::GreaterOrEqual, 1)),
            _ if !token.is("IS") => None,
            _ if condition.get(at + 1).is_some_and(|token| token.is("NOT")) => Some((Comparison::IsNot, 2)),
            _ => return None,
        };
        operators.extend(comparison.map(|(comparison, length)| (at, comparison, length)));
    }
    let [(at, comparison, length)] = operators[..] else { return None };
    Some((&condition[..at], comparison, &condition[at + length..]))
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
