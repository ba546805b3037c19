//! Expressions and tokens as SQL.

use crate::data::constraints::expression::tree::{Comparison, Expression};
use crate::data::values::value_buf::ValueBuf;
use crate::sql::{Token, quote_identifier};

/// Returns an expression as SQL. `None` if it has parts that are not understood.
pub(crate) fn sql(expression: &Expression, names: &[String]) -> Option<String> {
    let all = |list: &[Expression]| list.iter().map(|one| sql(one, names)).collect::<Option<Vec<String>>>();
    Some(match expression {
        Expression::Column(column) => quote_identifier(&names[*column]),
        Expression::Value(value) => ValueBuf::from(value).sql_literal(),
        Expression::Not(inner) => format!("NOT ({})", sql(inner, names)?),
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
            format!("({} {operator} {})", sql(left, names)?, sql(right, names)?)
        }
        Expression::In(what, list) => format!("({} IN ({}))", sql(what, names)?, all(list)?.join(", ")),
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
            let mut case = "CASE".to_owned();
            for (condition, value) in arms {
                case.push_str(&format!(" WHEN {} THEN {}", sql(condition, names)?, sql(value, names)?));
            }
            if let Some(otherwise) = otherwise {
                case.push_str(&format!(" ELSE {}", sql(otherwise, names)?));
            }
            case.push_str(" END");
            case
        }
    })
}

/// Returns tokens as SQL, with a space where there was anything between them.
pub(crate) fn tokens_sql(tokens: &[Token<'_>]) -> String {
    let mut text = String::new();
    let mut end = None;
    for token in tokens {
        if end.is_some_and(|end| end != token.start) {
            text.push(' ');
        }
        text.push_str(token.text);
        end = Some(token.end());
    }
    text
}
