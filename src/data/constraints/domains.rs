//! Domains from comparisons with known values.

use rusqlite::types::Value;

use crate::data::constraints::expression::{Comparison, MatchOperator};
use crate::data::values::domain::{Bound, Domain, Nullability};
use crate::data::values::value_buf::compare;

/// Returns the values that compare with `value` in this way.
pub(super) fn compared(comparison: Comparison, value: Value) -> Domain {
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
