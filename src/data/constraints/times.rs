//! Comparisons with points in time: `at < datetime('now', '-30 days')`, `strftime('%Y', at) = '2019'`.

use rusqlite::types::Value;

use crate::data::constraints::expression::{Comparison, Expression};
use crate::data::values::texts::{moment, seconds};

/// Points in time long before and long after now, as `datetime` writes them.
const PAST: &str = "2000-01-01 00:00:00";
const FUTURE: &str = "2099-01-01 00:00:00";

/// Returns a comparison with a known point in time that is stricter than one with a time that depends on now.
pub(super) fn from_now(comparison: Comparison, moment: &Expression) -> Option<(Comparison, Value)> {
    let bound = match comparison {
        Comparison::Less | Comparison::LessOrEqual | Comparison::Unequal | Comparison::IsNot => PAST,
        Comparison::Greater | Comparison::GreaterOrEqual => FUTURE,
        Comparison::Equal | Comparison::Is => return None,
    };
    Some((comparison, at(moment, bound)?))
}

/// Returns the bound in the form of an expression that is a time. `None` if it does not depend on now.
fn at(moment: &Expression, bound: &str) -> Option<Value> {
    let Expression::Call(name, arguments) = moment else { return None };
    let text = |value: &Expression| match value {
        Expression::Value(Value::Text(text)) => Some(text.to_ascii_lowercase()),
        _ => None,
    };
    let is_now = arguments.iter().filter_map(text).any(|text| text == "now");
    match (name.as_str(), &arguments[..]) {
        ("date", _) if is_now => Some(Value::Text(bound[..10].to_owned())),
        ("datetime", _) if is_now => Some(Value::Text(bound.to_owned())),
        ("unixepoch", _) if is_now => seconds(bound).map(Value::Integer),
        ("julianday", _) if is_now => Some(Value::Real(2_440_587.5 + seconds(bound)? as f64 / 86_400.0)),
        ("strftime", [format, ..]) if is_now => match text(format)?.as_str() {
            "%s" => seconds(bound).map(Value::Integer),
            "%j" | "%w" | "%u" => None,
            format if format.starts_with("%y-%m-%d") => Some(Value::Text(bound[..10].to_owned())),
            _ => None,
        },
        ("+" | "-", [moment, Expression::Value(_)]) => at(moment, bound),
        ("*", [moment, Expression::Value(Value::Integer(by))]) => match at(moment, bound)? {
            Value::Integer(seconds) => seconds.checked_mul(*by).map(Value::Integer),
            _ => None,
        },
        ("cast:integer" | "cast:int", [moment]) => at(moment, bound),
        _ => None,
    }
}

/// Returns the comparisons of times that hold if a time function compares with a text in this way. `modifiers` are its
/// arguments behind the column.
pub(super) fn formatted(
    comparison: Comparison,
    format: &str,
    modifiers: &[Expression],
    text: &str,
) -> Option<Vec<(Comparison, Value)>> {
    let is_unix = match modifiers {
        [] => false,
        [Expression::Value(Value::Text(modifier))] => modifier.eq_ignore_ascii_case("unixepoch"),
        _ => return None,
    };
    // The parts that the format leaves out begin at their first value.
    let (rest, unit) = match format {
        "%Y" => ("-01-01 00:00:00", 366 * 86_400),
        "%Y-%m" => ("-01 00:00:00", 31 * 86_400),
        "%Y-%m-%d" => (" 00:00:00", 86_400),
        "%Y-%m-%d %H:%M:%S" => ("", 1),
        _ => return None,
    };
    let start = seconds(&format!("{text}{rest}"))?;
    let end = start.checked_add(unit)?;
    let next = moment(end);
    let end = seconds(&(next[..next.len() - rest.len()].to_owned() + rest))?;
    let value = |at: i64| if is_unix { Value::Integer(at) } else { Value::Text(moment(at)) };
    let (from, before) = (Comparison::GreaterOrEqual, Comparison::Less);
    Some(match comparison {
        Comparison::Equal | Comparison::Is => vec![(from, value(start)), (before, value(end))],
        Comparison::GreaterOrEqual => vec![(from, value(start))],
        Comparison::Less => vec![(before, value(start))],
        Comparison::LessOrEqual => vec![(before, value(end))],
        Comparison::Greater | Comparison::Unequal | Comparison::IsNot => vec![(from, value(end))],
    })
}
