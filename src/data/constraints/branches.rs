//! Turns the expression of a constraint into its branches: the ways in which a row can satisfy it.
//!
//! One branch is enough, so some may be left out if there are many.

use rusqlite::types::Value;

use crate::data::constraints::condition::{Branch, MAX_BRANCHES, Relation, best, product};
use crate::data::constraints::expression::{Comparison, Expression, MatchOperator};
use crate::data::constraints::functions::{self, as_glob, domain_of, holds};
use crate::data::constraints::{integers, nulls, times};
use crate::data::values::domain::{self, Domain, Nullability, Shape};
use crate::data::values::pattern::character_set;
use crate::data::values::texts::LETTERS_AND_DIGITS;

/// Returns the ways in which an expression is not false, or not true if it is not `wanted`. Empty if there is none.
pub(crate) fn branches(expression: &Expression, wanted: bool) -> Vec<Branch> {
    match expression {
        Expression::Not(inner) => branches(inner, !wanted),
        Expression::And(parts) if wanted => all(parts, wanted),
        Expression::And(parts) => any(parts, wanted),
        Expression::Or(parts) if wanted => any(parts, wanted),
        Expression::Or(parts) => all(parts, wanted),
        Expression::Value(value) => {
            Branch::constant(domain::number(value).is_none_or(|number| (number != 0.0) == wanted))
        }
        Expression::Column(column) => Branch::of(*column, Domain::of_choices(vec![Value::Integer(i64::from(wanted))])),
        Expression::Compare(comparison, left, right) => {
            let mut found = compared(if wanted { *comparison } else { comparison.opposite() }, left, right);
            // What time functions read is a time, even if the comparison is not understood.
            if let [only] = &mut found[..]
                && only.is_opaque
                && only.domains.is_empty()
            {
                functions::add_times(left, &mut only.domains);
                functions::add_times(right, &mut only.domains);
            }
            found
        }
        Expression::In(left, list) => contained(left, list, wanted),
        Expression::Match(operator, text, pattern) => matched(*operator, text, pattern, wanted),
        Expression::Call(name, arguments) => called(name, arguments, wanted),
        Expression::Case(arms, otherwise) => cases(arms, otherwise.as_deref(), wanted),
        Expression::Opaque => Branch::opaque(),
    }
}

fn all(parts: &[Expression], wanted: bool) -> Vec<Branch> {
    let mut found = vec![Branch::default()];
    for part in parts {
        found = product(&found, &branches(part, wanted));
    }
    found
}

fn any(parts: &[Expression], wanted: bool) -> Vec<Branch> {
    best(parts.iter().flat_map(|part| branches(part, wanted)).collect())
}

fn cases(arms: &[(Expression, Expression)], otherwise: Option<&Expression>, wanted: bool) -> Vec<Branch> {
    let mut found = Vec::new();
    let mut before = vec![Branch::default()];
    for (condition, value) in arms {
        let here = product(&before, &branches(condition, true));
        found.extend(product(&here, &branches(value, wanted)));
        before = product(&before, &branches(condition, false));
    }
    match otherwise {
        Some(value) => found.extend(product(&before, &branches(value, wanted))),
        // Without ELSE the result is NULL, which passes.
        None => found.extend(before),
    }
    best(found)
}

/// Returns true if the expression has no values but true, false and NULL.
fn is_boolean(expression: &Expression) -> bool {
    use Expression::{And, Call, Compare, In, Match, Not, Or};
    matches!(expression, Not(_) | And(_) | Or(_) | Compare(..) | In(..) | Match(..))
        || matches!(expression, Call(name, _) if name == "json_valid")
}

/// Returns the ways in which two expressions compare.
fn compared(comparison: Comparison, left: &Expression, right: &Expression) -> Vec<Branch> {
    if let (Expression::Column(left), Expression::Column(right)) = (left, right) {
        if left == right {
            return with_itself(*left, comparison);
        }
        let relations = vec![Relation { left: *left, comparison, right: *right }];
        return vec![Branch { relations, ..Branch::default() }];
    }
    if matches!(left, Expression::Value(_)) || matches!(right, Expression::Column(_)) {
        return compared_with(comparison.mirrored(), right, left);
    }
    compared_with(comparison, left, right)
}

/// Returns the ways in which a column compares with itself.
fn with_itself(column: usize, comparison: Comparison) -> Vec<Branch> {
    use Comparison::{Equal, GreaterOrEqual, Is, IsNot, LessOrEqual};
    match comparison {
        Equal | Is | LessOrEqual | GreaterOrEqual => Branch::constant(true),
        IsNot => Branch::constant(false),
        // Only the comparison of two NULLs is not false.
        _ => Branch::of(column, Domain::of_null(Nullability::Required)),
    }
}

fn compared_with(comparison: Comparison, left: &Expression, right: &Expression) -> Vec<Branch> {
    let equal = matches!(comparison, Comparison::Equal | Comparison::Is);
    let unequal = matches!(comparison, Comparison::Unequal | Comparison::IsNot);
    if (equal || unequal) && is_boolean(left) {
        match right {
            // `IS TRUE` and `IS FALSE` are false for NULL.
            Expression::Value(Value::Integer(truth @ (0 | 1))) if comparison == Comparison::Is => {
                return nulls::excluded(branches(left, *truth == 1), left);
            }
            Expression::Value(Value::Integer(truth @ (0 | 1))) => return branches(left, (*truth == 1) == equal),
            right if is_boolean(right) => {
                // Both hold or neither does. If they differ, one of them holds.
                let mut found = product(&branches(left, true), &branches(right, equal));
                found.extend(product(&branches(left, false), &branches(right, unequal)));
                return found;
            }
            _ => {}
        }
    }
    if let Some((comparison, moment)) = times::from_now(comparison, right) {
        return compared_with(comparison, left, &Expression::Value(moment));
    }
    match (left, right) {
        (Expression::Value(one), Expression::Value(two)) => Branch::constant(holds(comparison, one, two)),
        (Expression::Column(column), Expression::Value(value)) => {
            Branch::of(*column, domain_of(comparison, value.clone()))
        }
        // `lower(x) = x`, with its sides in either order.
        (Expression::Column(column), Expression::Call(name, arguments)) if equal => {
            functions::fixed_point(*column, name, arguments).unwrap_or_else(Branch::opaque)
        }
        (Expression::Call(name, arguments), Expression::Value(value)) => {
            if name == "+"
                && let Some(found) = counted(comparison, arguments, value)
            {
                return found;
            }
            of_call(comparison, name, arguments, value).unwrap_or_else(Branch::opaque)
        }
        _ => Branch::opaque(),
    }
}

/// Returns the ways in which `function(…)` compares with a value.
fn of_call(comparison: Comparison, name: &str, arguments: &[Expression], value: &Value) -> Option<Vec<Branch>> {
    match name {
        "json_valid" => {
            let Value::Integer(truth) = value else { return None };
            Some(called(name, arguments, (*truth != 0) == matches!(comparison, Comparison::Equal | Comparison::Is)))
        }
        "coalesce" | "ifnull" => Some(coalesced(comparison, arguments, value)),
        _ if integers::is_operator(name) => {
            let Value::Integer(number) = value else { return None };
            let (operand, by) = match arguments {
                [operand, Expression::Value(Value::Integer(by))] => (operand, *by),
                [Expression::Value(Value::Integer(by)), operand] if matches!(name, "+" | "*" | "&" | "|") => {
                    (operand, *by)
                }
                _ => return None,
            };
            let column = if let Expression::Column(column) = operand { Some(*column) } else { None };
            let of = |comparison, number| compared(comparison, operand, &Expression::Value(Value::Integer(number)));
            integers::compared(comparison, (name, by), *number, column, &of)
        }
        _ => functions::compared(comparison, name, arguments, value),
    }
}

/// Returns the ways in which `coalesce(first, …)` compares with a value.
fn coalesced(comparison: Comparison, arguments: &[Expression], value: &Value) -> Vec<Branch> {
    let Some(first) = arguments.first() else { return Vec::new() };
    let mut columns = Vec::new();
    first.columns(&mut columns);
    let not_null = columns.iter().map(|column| (*column, Domain::of_null(Nullability::Forbidden)));
    let not_null = Branch { domains: not_null.collect(), ..Branch::default() };
    let mut found: Vec<Branch> = compared(comparison, first, &Expression::Value(value.clone()))
        .iter()
        .filter_map(|branch| branch.and(&not_null))
        .collect();
    if let (Expression::Column(column), [_, rest @ ..]) = (first, arguments) {
        let instead = match rest {
            [] => Vec::new(),
            [only] => compared(comparison, only, &Expression::Value(value.clone())),
            several => coalesced(comparison, several, value),
        };
        found.extend(product(&Branch::of(*column, Domain::of_null(Nullability::Required)), &instead));
    }
    found
}

/// Returns the ways in which a given number of conditions hold: `(a IS NULL) + (b IS NULL) = 1`.
fn counted(comparison: Comparison, arguments: &[Expression], value: &Value) -> Option<Vec<Branch>> {
    fn addends<'e>(arguments: &'e [Expression], found: &mut Vec<&'e Expression>) -> bool {
        arguments.iter().all(|argument| match argument {
            Expression::Call(name, inner) if name == "+" && inner.len() == 2 => addends(inner, found),
            other => {
                found.push(other);
                is_boolean(other)
            }
        })
    }
    let mut parts = Vec::new();
    if !addends(arguments, &mut parts) || parts.len() > 6 {
        return None;
    }
    let mut found = Vec::new();
    for mask in 0_u32..1 << parts.len() {
        if !holds(comparison, &Value::Integer(mask.count_ones().into()), value) {
            continue;
        }
        let mut here = vec![Branch::default()];
        for (index, part) in parts.iter().enumerate() {
            here = product(&here, &branches(part, mask & (1 << index) != 0));
        }
        found.extend(here);
    }
    found.truncate(MAX_BRANCHES);
    Some(found)
}

fn contained(left: &Expression, list: &[Expression], wanted: bool) -> Vec<Branch> {
    let values: Option<Vec<Value>> = list
        .iter()
        .map(|one| match one {
            Expression::Value(value) => Some(value.clone()),
            _ => None,
        })
        .collect();
    match (left, values) {
        (Expression::Column(column), Some(mut values)) => {
            if !wanted {
                return Branch::of(*column, Domain { except: values, ..Domain::default() });
            }
            // With NULL in the list, a value that is not in the list gives NULL, which passes. The branch takes the others.
            values.retain(|value| *value != Value::Null);
            Branch::of(*column, Domain::of_choices(values))
        }
        (Expression::Call(..), Some(values)) if wanted => {
            let equal = |value| compared(Comparison::Equal, left, &Expression::Value(value));
            values.into_iter().flat_map(equal).take(MAX_BRANCHES).collect()
        }
        // `1 IN (a, b)`.
        (other, None) if wanted => {
            list.iter().flat_map(|one| compared(Comparison::Equal, other, one)).take(MAX_BRANCHES).collect()
        }
        _ => Branch::opaque(),
    }
}

fn matched(operator: MatchOperator, text: &Expression, pattern: &Expression, wanted: bool) -> Vec<Branch> {
    let (Some(column), Expression::Value(Value::Text(pattern))) = (functions::measured(text), pattern) else {
        return Branch::opaque();
    };
    let glob = as_glob(operator, pattern);
    if wanted {
        return Branch::of(column, Domain::of_pattern(glob));
    }
    let Some(inner) = glob.strip_prefix('*').and_then(|rest| rest.strip_suffix('*')) else { return Branch::opaque() };
    // NOT GLOB '*[^a-z]*': the text has the characters of the set only.
    let allowed = inner.strip_prefix("[^").and_then(|set| character_set(&format!("[{set}")));
    // NOT GLOB '*[ /]*': the text has none of the set.
    let without = |set: Vec<u8>| LETTERS_AND_DIGITS.iter().copied().filter(|byte| !set.contains(byte)).collect();
    match allowed.or_else(|| character_set(inner).map(without)) {
        Some(alphabet) => Branch::of(column, Domain { alphabet: Some(alphabet), ..Domain::default() }),
        None => Branch::opaque(),
    }
}

fn called(name: &str, arguments: &[Expression], wanted: bool) -> Vec<Branch> {
    match (name, arguments) {
        ("json_valid", [Expression::Column(column), ..]) if wanted => {
            Branch::of(*column, Domain::of_shape(Shape::Json(None)))
        }
        ("iif" | "if", [condition, then, rest @ ..]) => {
            cases(&[(condition.clone(), then.clone())], rest.first(), wanted)
        }
        ("coalesce" | "ifnull", [first, instead]) => {
            let mut found = branches(first, wanted);
            if let (Expression::Column(column), Expression::Value(value)) = (first, instead) {
                for branch in &mut found {
                    branch.domains[0].1.nullability = Nullability::Forbidden;
                }
                if domain::number(value).is_some_and(|number| (number != 0.0) == wanted) {
                    found.extend(Branch::of(*column, Domain::of_null(Nullability::Required)));
                }
            }
            found
        }
        _ if integers::is_operator(name) => {
            let comparison = if wanted { Comparison::Unequal } else { Comparison::Equal };
            of_call(comparison, name, arguments, &Value::Integer(0)).unwrap_or_else(Branch::opaque)
        }
        ("instr" | "length" | "octet_length", _) if wanted => {
            of_call(Comparison::Greater, name, arguments, &Value::Integer(0)).unwrap_or_else(Branch::opaque)
        }
        // The result of a time function is true if it is not NULL.
        (function, _) if wanted && functions::time_format(function).is_some() => {
            of_call(Comparison::IsNot, name, arguments, &Value::Null).unwrap_or_else(Branch::opaque)
        }
        _ => Branch::opaque(),
    }
}
