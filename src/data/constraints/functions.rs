//! Domains from comparisons with known values: `x > 3`, `length(x) > 3`, `x = lower(x)`.

use rusqlite::types::Value;

use crate::data::constraints::condition::Branch;
use crate::data::constraints::expression::{Comparison, Expression, MatchOperator};
use crate::data::constraints::times;
use crate::data::values::domain::{self, BLOB, Bound, Domain, INTEGER, Nullability, REAL, Shape, TEXT};
use crate::data::values::value_buf::compare;

/// Returns the branch for `column = function(column)`.
pub(super) fn fixed_point(column: usize, name: &str, arguments: &[Expression]) -> Option<Vec<Branch>> {
    if let [Expression::Value(Value::Text(format)), Expression::Column(same), ..] = arguments
        && *same == column
        && name == "strftime"
    {
        return Some(Branch::of(column, Domain::of_shape(Shape::Time(format.clone()))));
    }
    let Some(Expression::Column(same)) = arguments.first() else { return None };
    if *same != column {
        return None;
    }
    let domain = match name {
        "lower" => Domain::of_shape(Shape::Lower),
        "upper" => Domain::of_shape(Shape::Upper),
        "trim" | "ltrim" | "rtrim" => Domain { classes: TEXT, ..Domain::default() },
        "abs" => domain_of(Comparison::GreaterOrEqual, Value::Integer(0)),
        "cast:integer" | "cast:int" | "round" | "floor" | "ceil" => Domain::of_shape(Shape::Whole),
        "json" => Domain::of_shape(Shape::Json(None)),
        _ => Domain::of_shape(Shape::Time(time_format(name)?.to_owned())),
    };
    Some(Branch::of(column, domain))
}

/// Returns the format of the values that a time function reads.
pub(super) fn time_format(function: &str) -> Option<&'static str> {
    match function {
        "date" => Some("%Y-%m-%d"),
        "time" => Some("%H:%M:%S"),
        "datetime" | "julianday" | "unixepoch" | "strftime" => Some("%Y-%m-%d %H:%M:%S"),
        _ => None,
    }
}

/// Adds the columns that time functions of an expression read.
pub(super) fn add_times(expression: &Expression, found: &mut Vec<(usize, Domain)>) {
    let Expression::Call(name, arguments) = expression else { return };
    let read = arguments.get(usize::from(name == "strftime"));
    match (time_format(name), read) {
        (Some(format), Some(Expression::Column(column))) if !found.iter().any(|(other, _)| other == column) => {
            found.push((*column, Domain::of_shape(Shape::Time(format.to_owned()))));
        }
        _ => arguments.iter().for_each(|argument| add_times(argument, found)),
    }
}

/// Returns the column within functions that do not make it longer.
pub(super) fn measured(expression: &Expression) -> Option<usize> {
    match expression {
        Expression::Column(column) => Some(*column),
        Expression::Call(name, arguments)
            if matches!(name.as_str(), "trim" | "ltrim" | "rtrim" | "lower" | "upper" | "cast:blob" | "cast:text") =>
        {
            measured(arguments.first()?)
        }
        _ => None,
    }
}

/// Returns the ways in which `function(column, …)` compares with a value.
pub(super) fn compared(
    comparison: Comparison,
    name: &str,
    arguments: &[Expression],
    value: &Value,
) -> Option<Vec<Branch>> {
    let equal = matches!(comparison, Comparison::Equal | Comparison::Is);
    let first = arguments.first()?;
    let is_null_test = *value == Value::Null && matches!(comparison, Comparison::Is | Comparison::IsNot);
    if is_null_test && time_format(name).is_some() {
        return time_is_null(comparison, name, arguments);
    }
    match (name, first, value) {
        ("length" | "octet_length", _, Value::Integer(length)) => measured_by(comparison, first, *length),
        ("typeof", Expression::Column(column), Value::Text(class)) => of_class(*column, class, equal),
        ("json_type", Expression::Column(column), Value::Text(kind)) if arguments.len() == 1 && equal => {
            Some(Branch::of(*column, Domain::of_shape(Shape::Json(Some(kind.clone())))))
        }
        ("json_array_length", Expression::Column(column), Value::Integer(length)) if arguments.len() == 1 => {
            let lengths = of_length(comparison, *length)?;
            // Two items are enough to be several.
            let items = lengths.min_length.max(2).min(lengths.max_length);
            Some(Branch::of(*column, Domain::of_shape(Shape::List(items))))
        }
        ("hex", Expression::Column(column), Value::Text(digits)) if equal => {
            let byte = |at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
            let bytes = (0..digits.len()).step_by(2).map(byte).collect::<Option<Vec<u8>>>()?;
            let text = String::from_utf8(bytes.clone()).ok().filter(|text| !text.contains('\0')).map(Value::Text);
            Some(Branch::of(*column, Domain::of_choices(text.into_iter().chain([Value::Blob(bytes)]).collect())))
        }
        ("instr", Expression::Column(column), Value::Integer(place)) => {
            let Some(Expression::Value(Value::Text(part))) = arguments.get(1) else { return None };
            let pattern = match (comparison, place) {
                (Comparison::Greater | Comparison::Unequal, 0) | (Comparison::GreaterOrEqual, 1) => {
                    format!("*{}*", literal(part))
                }
                (Comparison::Equal, 1) => format!("{}*", literal(part)),
                _ => return None,
            };
            Some(Branch::of(*column, Domain::of_pattern(pattern)))
        }
        ("substr" | "substring", Expression::Column(column), Value::Text(part)) if equal => {
            let Some(Expression::Value(Value::Integer(from))) = arguments.get(1) else { return None };
            Some(Branch::of(*column, Domain::of_pattern(part_at(*from, part)?)))
        }
        ("strftime", Expression::Value(Value::Text(format)), Value::Text(text)) => {
            let [_, Expression::Column(column), modifiers @ ..] = arguments else { return None };
            of_time(*column, times::formatted(comparison, format, modifiers, text)?)
        }
        ("date" | "datetime", Expression::Column(column), Value::Text(text)) => {
            let format = if name == "date" { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M:%S" };
            of_time(*column, times::formatted(comparison, format, &arguments[1..], text)?)
        }
        ("abs", Expression::Column(column), _) => {
            let mut domain = domain_of(comparison, value.clone());
            domain.narrow(&domain_of(Comparison::GreaterOrEqual, Value::Integer(0)));
            Some(Branch::of(*column, domain))
        }
        (
            "lower" | "upper" | "trim" | "ltrim" | "rtrim" | "cast:text" | "cast:integer" | "cast:real" | "round",
            Expression::Column(column),
            _,
        ) if arguments.len() == 1 => Some(Branch::of(*column, domain_of(comparison, value.clone()))),
        _ => None,
    }
}

/// Returns the branch in which a column compares in all of these ways.
fn of_time(column: usize, comparisons: Vec<(Comparison, Value)>) -> Option<Vec<Branch>> {
    let mut domain = Domain::default();
    let holds = comparisons.into_iter().all(|(comparison, value)| domain.narrow(&domain_of(comparison, value)));
    holds.then(|| Branch::of(column, domain))
}

/// Returns the branch for a time function that is NULL, or that is not.
fn time_is_null(comparison: Comparison, name: &str, arguments: &[Expression]) -> Option<Vec<Branch>> {
    let argument = arguments.get(usize::from(name == "strftime"))?;
    let Expression::Column(column) = argument else { return None };
    if comparison == Comparison::Is {
        return Some(Branch::opaque());
    }
    let format = time_format(name)?;
    let shape = Domain::of_shape(Shape::Time(format.to_owned()));
    Some(Branch::of(*column, Domain { nullability: Nullability::Forbidden, ..shape }))
}

/// Returns the branch for a length, also that of `hex(column)`.
fn measured_by(comparison: Comparison, argument: &Expression, length: i64) -> Option<Vec<Branch>> {
    let mut domain = of_length(comparison, length)?;
    if let Expression::Call(inner, arguments) = argument
        && inner == "hex"
    {
        domain.min_length = domain.min_length.div_ceil(2);
        domain.max_length /= if domain.max_length == i64::MAX.cast_unsigned() { 1 } else { 2 };
        return Some(Branch::of(measured(arguments.first()?)?, domain));
    }
    Some(Branch::of(measured(argument)?, domain))
}

/// Returns the pattern of texts with this part at a position, as `substr` counts it.
fn part_at(from: i64, part: &str) -> Option<String> {
    match from {
        1..=64 => Some(format!("{}{}*", "?".repeat(usize::try_from(from).ok()? - 1), literal(part))),
        -64..=-1 => {
            let behind = usize::try_from(-from).ok()?.checked_sub(part.chars().count())?;
            Some(format!("*{}{}", literal(part), "?".repeat(behind)))
        }
        _ => None,
    }
}

/// Returns the branch for `typeof(column)`.
fn of_class(column: usize, class: &str, equal: bool) -> Option<Vec<Branch>> {
    let domain = match (class, equal) {
        ("null", true) => Domain::of_null(Nullability::Required),
        ("null", false) => Domain::of_null(Nullability::Forbidden),
        // `typeof(NULL)` is not NULL.
        (_, true) => Domain { classes: storage_class(class)?, ..Domain::of_null(Nullability::Forbidden) },
        (_, false) => Domain { classes: domain::ANY & !storage_class(class)?, ..Domain::default() },
    };
    Some(Branch::of(column, domain))
}

/// Returns the storage class that `typeof` and `json_type` call by this name.
pub(super) fn storage_class(name: &str) -> Option<u8> {
    match name {
        "integer" => Some(INTEGER),
        "real" => Some(REAL),
        "text" => Some(TEXT),
        "blob" => Some(BLOB),
        _ => None,
    }
}

/// Returns the values that compare with `value` in this way.
pub(super) fn domain_of(comparison: Comparison, value: Value) -> Domain {
    let bound = |is_open| Some(Bound { value: value.clone(), is_open });
    match comparison {
        Comparison::Is if value == Value::Null => Domain::of_null(Nullability::Required),
        Comparison::IsNot if value == Value::Null => Domain::of_null(Nullability::Forbidden),
        // A comparison with NULL is NULL, which passes.
        _ if value == Value::Null => Domain::default(),
        Comparison::Equal => Domain::of_choices(vec![value]),
        Comparison::Is => Domain { nullability: Nullability::Forbidden, ..Domain::of_choices(vec![value]) },
        Comparison::Unequal | Comparison::IsNot => Domain { except: vec![value], ..Domain::default() },
        Comparison::Less => Domain { high: bound(true), ..Domain::default() },
        Comparison::LessOrEqual => Domain { high: bound(false), ..Domain::default() },
        Comparison::Greater => Domain { low: bound(true), ..Domain::default() },
        Comparison::GreaterOrEqual => Domain { low: bound(false), ..Domain::default() },
    }
}

/// Returns the values whose length compares with `length` in this way.
pub(super) fn of_length(comparison: Comparison, length: i64) -> Option<Domain> {
    let (mut min, mut max) = (0, i64::MAX);
    match comparison {
        Comparison::Equal | Comparison::Is => (min, max) = (length, length),
        Comparison::Less => max = length - 1,
        Comparison::LessOrEqual => max = length,
        Comparison::Greater => min = length + 1,
        Comparison::GreaterOrEqual => min = length,
        // `length(x) <> 0` is by far the most frequent.
        Comparison::Unequal | Comparison::IsNot if length == 0 => min = 1,
        Comparison::Unequal | Comparison::IsNot => return None,
    }
    let max_length = u64::try_from(max).ok()?;
    Some(Domain { min_length: min.max(0).cast_unsigned(), max_length, ..Domain::default() })
}

/// Returns true if the comparison is not false. A comparison with NULL is NULL, which passes.
pub(super) fn holds(comparison: Comparison, one: &Value, two: &Value) -> bool {
    let has_null = *one == Value::Null || *two == Value::Null;
    let order = compare(one.into(), two.into());
    match comparison {
        Comparison::Is => order.is_eq(),
        Comparison::IsNot => !order.is_eq(),
        _ if has_null => true,
        Comparison::Equal => order.is_eq(),
        Comparison::Unequal => !order.is_eq(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    }
}

/// Returns the pattern of LIKE or GLOB as one of GLOB. LIKE ignores the case of ASCII letters, so a text that matches in
/// the case of the pattern matches.
pub(super) fn as_glob(operator: MatchOperator, pattern: &str) -> String {
    if operator == MatchOperator::Glob {
        return pattern.to_owned();
    }
    let mut glob = String::new();
    for c in pattern.chars() {
        match c {
            '%' => glob.push('*'),
            '_' => glob.push('?'),
            other => push_literal(other, &mut glob),
        }
    }
    glob
}

/// Returns the GLOB pattern that matches this text only.
pub(super) fn literal(text: &str) -> String {
    let mut pattern = String::new();
    text.chars().for_each(|c| push_literal(c, &mut pattern));
    pattern
}

fn push_literal(c: char, pattern: &mut String) {
    if matches!(c, '*' | '?' | '[') {
        pattern.extend(['[', c, ']']);
    } else {
        pattern.push(c);
    }
}
