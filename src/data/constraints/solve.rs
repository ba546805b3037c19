//! From the expression of a constraint to the ways in which a row can satisfy it.
//!
//! A way is a branch: domains of columns and relations between them, all of which hold. One branch is enough, so that
//! branches may be left out where there are many.

use rusqlite::types::Value;

use crate::data::constraints::domain::{self, BLOB, Domain, INTEGER, Nullability, REAL, Shape, TEXT, as_glob};
use crate::data::constraints::expression::{Comparison, Expression, Matching};

/// One way to satisfy a constraint.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Branch {
    pub(crate) domains: Vec<(usize, Domain)>,
    pub(crate) relations: Vec<Relation>,
    /// Whether it has parts that are not understood.
    pub(crate) opaque: bool,
}

/// `left < right`, where neither is NULL.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Relation {
    pub(crate) left: usize,
    pub(crate) comparison: Comparison,
    pub(crate) right: usize,
}

/// More of them are not needed.
const MOST: usize = 24;

impl Branch {
    fn of(column: usize, domain: Domain) -> Vec<Branch> {
        vec![Branch { domains: vec![(column, domain)], ..Branch::default() }]
    }

    fn opaque() -> Vec<Branch> {
        vec![Branch { opaque: true, ..Branch::default() }]
    }

    /// Both at once, if that is possible.
    pub(crate) fn and(&self, other: &Branch) -> Option<Branch> {
        let mut both = self.clone();
        for (column, domain) in &other.domains {
            match both.domains.iter_mut().find(|(own, _)| own == column) {
                Some((_, own)) => {
                    if !own.narrow(domain) {
                        return None;
                    }
                }
                None => both.domains.push((*column, domain.clone())),
            }
        }
        both.relations.extend(&other.relations);
        both.opaque |= other.opaque;
        Some(both)
    }
}

/// The ways in which both can hold.
pub(crate) fn product(ones: &[Branch], others: &[Branch]) -> Vec<Branch> {
    let mut branches = Vec::new();
    // Along the diagonals, so that what is left out is not all of one side.
    for sum in 0..ones.len() + others.len() {
        for one in 0..=sum.min(ones.len().saturating_sub(1)) {
            if branches.len() == MOST {
                return branches;
            }
            if let (Some(one), Some(other)) = (ones.get(one), others.get(sum - one)) {
                branches.extend(one.and(other));
            }
        }
    }
    branches
}

/// The ways in which an expression is `wanted` (not false, or not true, if it is not wanted). None if there is none.
pub(crate) fn branches(expression: &Expression, wanted: bool) -> Vec<Branch> {
    match expression {
        Expression::Not(inner) => branches(inner, !wanted),
        Expression::And(parts) => {
            if wanted {
                all(parts, wanted)
            } else {
                any(parts, wanted)
            }
        }
        Expression::Or(parts) => {
            if wanted {
                any(parts, wanted)
            } else {
                all(parts, wanted)
            }
        }
        Expression::Value(value) => {
            let holds = domain::number(value).is_none_or(|number| (number != 0.0) == wanted);
            if holds { vec![Branch::default()] } else { Vec::new() }
        }
        Expression::Column(column) => Branch::of(*column, Domain::of_choices(vec![Value::Integer(i64::from(wanted))])),
        Expression::Compare(comparison, left, right) => {
            let comparison = if wanted { *comparison } else { comparison.opposite() };
            compared(comparison, left, right)
        }
        Expression::In(what, list) => contained(what, list, wanted),
        Expression::Match(matching, what, pattern) => matched(*matching, what, pattern, wanted),
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
    let mut found: Vec<Branch> = parts.iter().flat_map(|part| branches(part, wanted)).collect();
    // What is understood comes first, should some have to go.
    found.sort_by_key(|branch| branch.opaque);
    found.truncate(MOST);
    found
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
        // Without ELSE it is NULL, which passes.
        None => found.extend(before),
    }
    found.sort_by_key(|branch| branch.opaque);
    found.truncate(MOST);
    found
}

/// Whether an expression is true, false or NULL and nothing else.
fn is_boolean(expression: &Expression) -> bool {
    match expression {
        Expression::Not(_)
        | Expression::And(_)
        | Expression::Or(_)
        | Expression::Compare(..)
        | Expression::In(..)
        | Expression::Match(..) => true,
        Expression::Call(name, _) => name == "json_valid",
        _ => false,
    }
}

fn compared(comparison: Comparison, left: &Expression, right: &Expression) -> Vec<Branch> {
    if let (Expression::Column(left), Expression::Column(right)) = (left, right) {
        let relations = vec![Relation { left: *left, comparison, right: *right }];
        return vec![Branch { relations, ..Branch::default() }];
    }
    if matches!(left, Expression::Value(_)) || matches!(right, Expression::Column(_)) {
        return compared_with(comparison.mirrored(), right, left);
    }
    compared_with(comparison, left, right)
}

fn compared_with(comparison: Comparison, left: &Expression, right: &Expression) -> Vec<Branch> {
    let equal = matches!(comparison, Comparison::Equal | Comparison::Is);
    let unequal = matches!(comparison, Comparison::Unequal | Comparison::IsNot);
    if (equal || unequal) && is_boolean(left) {
        match right {
            Expression::Value(Value::Integer(truth @ (0 | 1))) => return branches(left, (*truth == 1) == equal),
            right if is_boolean(right) => {
                // Both hold or neither does; or one of them.
                let mut found = product(&branches(left, true), &branches(right, equal));
                found.extend(product(&branches(left, false), &branches(right, unequal)));
                return found;
            }
            _ => {}
        }
    }
    match (left, right) {
        (Expression::Value(one), Expression::Value(two)) => {
            if holds(comparison, one, two) {
                vec![Branch::default()]
            } else {
                Vec::new()
            }
        }
        (Expression::Column(column), Expression::Value(value)) => {
            Branch::of(*column, Domain::compared(comparison, value.clone()))
        }
        // `lower(x) = x`, seen from either side.
        (Expression::Column(column), Expression::Call(name, arguments)) if equal => {
            shaped(*column, name, arguments).unwrap_or_else(Branch::opaque)
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

/// `column = function(column)`.
fn shaped(column: usize, name: &str, arguments: &[Expression]) -> Option<Vec<Branch>> {
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
        "abs" => Domain::compared(Comparison::GreaterOrEqual, Value::Integer(0)),
        "cast:integer" | "cast:int" | "round" | "floor" | "ceil" => Domain::of_shape(Shape::Whole),
        "json" => Domain::of_shape(Shape::Json(None)),
        _ => Domain::of_shape(Shape::Time(time_format(name)?.to_owned())),
    };
    Some(Branch::of(column, domain))
}

fn time_format(function: &str) -> Option<&'static str> {
    match function {
        "date" => Some("%Y-%m-%d"),
        "time" => Some("%H:%M:%S"),
        "datetime" | "julianday" | "unixepoch" | "strftime" => Some("%Y-%m-%d %H:%M:%S"),
        _ => None,
    }
}

/// The column that is measured, through functions that do not make it longer.
fn measured(expression: &Expression) -> Option<usize> {
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

/// `function(column, …) = value`.
fn of_call(comparison: Comparison, name: &str, arguments: &[Expression], value: &Value) -> Option<Vec<Branch>> {
    let equal = matches!(comparison, Comparison::Equal | Comparison::Is);
    let first = arguments.first()?;
    let is_null_test = *value == Value::Null && matches!(comparison, Comparison::Is | Comparison::IsNot);
    if is_null_test && time_format(name).is_some() {
        let argument = if name == "strftime" { arguments.get(1)? } else { first };
        let Expression::Column(column) = argument else { return None };
        if comparison == Comparison::Is {
            return Some(Branch::opaque());
        }
        let format = if name == "time" { "%H:%M:%S" } else { time_format(name)? };
        let domain = Domain { nullability: Nullability::Forbidden, ..Domain::of_shape(Shape::Time(format.to_owned())) };
        return Some(Branch::of(*column, domain));
    }
    match name {
        "length" | "octet_length" => {
            let Value::Integer(length) = value else { return None };
            let mut domain = Domain::of_length(comparison, *length)?;
            if let Expression::Call(inner, hexed) = first
                && inner == "hex"
            {
                domain.shortest = domain.shortest.div_ceil(2);
                domain.longest /= if domain.longest == i64::MAX.cast_unsigned() { 1 } else { 2 };
                return Some(Branch::of(measured(hexed.first()?)?, domain));
            }
            Some(Branch::of(measured(first)?, domain))
        }
        "typeof" => {
            let (Expression::Column(column), Value::Text(class)) = (first, value) else { return None };
            classified(*column, class, equal)
        }
        "json_valid" => {
            let Value::Integer(truth) = value else { return None };
            Some(called(name, arguments, (*truth != 0) == equal))
        }
        "json_type" if arguments.len() == 1 => {
            let (Expression::Column(column), Value::Text(kind), true) = (first, value, equal) else { return None };
            Some(Branch::of(*column, Domain::of_shape(Shape::Json(Some(kind.clone())))))
        }
        "json_array_length" if arguments.len() == 1 => {
            let (Expression::Column(column), Value::Integer(length)) = (first, value) else { return None };
            let lengths = Domain::of_length(comparison, *length)?;
            // Two are enough to be several.
            let items = lengths.shortest.max(2).min(lengths.longest);
            Some(Branch::of(*column, Domain::of_shape(Shape::List(items))))
        }
        "instr" => {
            let (Expression::Column(column), Some(Expression::Value(Value::Text(part)))) = (first, arguments.get(1))
            else {
                return None;
            };
            let found = match (comparison, value) {
                (Comparison::Greater | Comparison::Unequal, Value::Integer(0))
                | (Comparison::GreaterOrEqual, Value::Integer(1)) => true,
                (Comparison::Equal, Value::Integer(1)) => {
                    return Some(Branch::of(*column, Domain::of_pattern(format!("{}*", literal(part)))));
                }
                _ => return None,
            };
            found.then(|| Branch::of(*column, Domain::of_pattern(format!("*{}*", literal(part)))))
        }
        "substr" | "substring" => {
            let (Expression::Column(column), Value::Text(part), true) = (first, value, equal) else { return None };
            let Some(Expression::Value(Value::Integer(from))) = arguments.get(1) else { return None };
            let pattern = match *from {
                from @ 1..=64 => format!("{}{}*", "?".repeat(usize::try_from(from).ok()? - 1), literal(part)),
                from @ -64..=-1 => {
                    let behind = usize::try_from(-from).ok()?.checked_sub(part.chars().count())?;
                    format!("*{}{}", literal(part), "?".repeat(behind))
                }
                _ => return None,
            };
            Some(Branch::of(*column, Domain::of_pattern(pattern)))
        }
        "coalesce" | "ifnull" => {
            let mut found = Vec::new();
            for branch in compared(comparison, first, &Expression::Value(value.clone())) {
                let mut not_null = Vec::new();
                first.columns(&mut not_null);
                let strict = Branch {
                    domains: not_null.iter().map(|column| (*column, Domain::of_null(Nullability::Forbidden))).collect(),
                    ..Branch::default()
                };
                found.extend(branch.and(&strict));
            }
            if let (Expression::Column(column), Some(Expression::Value(instead))) = (first, arguments.get(1))
                && holds(comparison, instead, value)
            {
                found.extend(Branch::of(*column, Domain::of_null(Nullability::Required)));
            }
            Some(found)
        }
        "%" => {
            let (Expression::Column(column), Some(Expression::Value(Value::Integer(step))), Value::Integer(rest), true) =
                (first, arguments.get(1), value, equal)
            else {
                return None;
            };
            Some(Branch::of(*column, Domain { step: Some((*step, *rest)), ..Domain::default() }))
        }
        "+" | "-" if arguments.len() == 2 => {
            // The known side is carried over.
            let (Expression::Value(Value::Integer(by)), Value::Integer(number)) = (&arguments[1], value) else {
                return None;
            };
            let moved = if name == "+" { number.checked_sub(*by)? } else { number.checked_add(*by)? };
            Some(compared(comparison, first, &Expression::Value(Value::Integer(moved))))
        }
        "*" if arguments.len() == 2 && equal => {
            let (Expression::Value(Value::Integer(by)), Value::Integer(number)) = (&arguments[1], value) else {
                return None;
            };
            if number.checked_rem(*by)? != 0 {
                return None;
            }
            Some(compared(comparison, first, &Expression::Value(Value::Integer(number / by))))
        }
        "abs" => {
            let Expression::Column(column) = first else { return None };
            let mut found = Branch::of(*column, Domain::compared(comparison, value.clone()));
            found[0].domains[0].1.narrow(&Domain::compared(Comparison::GreaterOrEqual, Value::Integer(0)));
            Some(found)
        }
        "lower" | "upper" | "trim" | "ltrim" | "rtrim" | "cast:text" | "cast:integer" | "cast:real" | "date"
        | "datetime" | "round"
            if arguments.len() == 1 =>
        {
            let Expression::Column(column) = first else { return None };
            Some(Branch::of(*column, Domain::compared(comparison, value.clone())))
        }
        _ => None,
    }
}

/// `(a IS NULL) + (b IS NULL) = 1`: how many of them hold.
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
    found.truncate(MOST);
    Some(found)
}

fn holds(comparison: Comparison, one: &Value, two: &Value) -> bool {
    let has_null = *one == Value::Null || *two == Value::Null;
    let order = domain::compare(one, two);
    match comparison {
        Comparison::Is => order.is_eq(),
        Comparison::IsNot => !order.is_eq(),
        // NULL passes.
        _ if has_null => true,
        Comparison::Equal => order.is_eq(),
        Comparison::Unequal => !order.is_eq(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    }
}

fn classified(column: usize, class: &str, equal: bool) -> Option<Vec<Branch>> {
    if class.eq_ignore_ascii_case("null") {
        return Some(Branch::of(
            column,
            Domain::of_null(if equal { Nullability::Required } else { Nullability::Forbidden }),
        ));
    }
    let bit = match class {
        "integer" => INTEGER,
        "real" => REAL,
        "text" => TEXT,
        "blob" => BLOB,
        _ => return None,
    };
    let mut domain = Domain { classes: if equal { bit } else { domain::ANY & !bit }, ..Domain::default() };
    if equal {
        // `typeof(NULL)` is no NULL.
        domain.nullability = Nullability::Forbidden;
    }
    Some(Branch::of(column, domain))
}

fn contained(what: &Expression, list: &[Expression], wanted: bool) -> Vec<Branch> {
    let values: Option<Vec<Value>> = list
        .iter()
        .map(|one| match one {
            Expression::Value(value) => Some(value.clone()),
            _ => None,
        })
        .collect();
    match (what, values) {
        (Expression::Column(column), Some(mut values)) => {
            if !wanted {
                return Branch::of(*column, Domain { except: values, ..Domain::default() });
            }
            // A list with NULL refuses nothing: what is not in it is NULL, which passes. The others are what is meant.
            values.retain(|value| *value != Value::Null);
            Branch::of(*column, Domain::of_choices(values))
        }
        (Expression::Call(..), Some(values)) if wanted => {
            let mut found: Vec<Branch> = Vec::new();
            for value in values {
                found.extend(compared(Comparison::Equal, what, &Expression::Value(value)));
            }
            found.truncate(MOST);
            // Several storage classes are one domain.
            found
        }
        // `1 IN (a, b)`.
        (other, None) if wanted => {
            let mut found: Vec<Branch> = Vec::new();
            for one in list {
                found.extend(compared(Comparison::Equal, other, one));
            }
            found.truncate(MOST);
            found
        }
        _ => Branch::opaque(),
    }
}

fn matched(matching: Matching, what: &Expression, pattern: &Expression, wanted: bool) -> Vec<Branch> {
    let (Some(column), Expression::Value(Value::Text(pattern))) = (measured(what), pattern) else {
        return Branch::opaque();
    };
    let glob = as_glob(matching, pattern);
    if wanted {
        return Branch::of(column, Domain::of_pattern(glob));
    }
    // NOT GLOB '*[^a-z]*': there is nothing but a-z.
    let inverted = glob.strip_prefix("*[^").and_then(|rest| rest.strip_suffix("]*"));
    match inverted.and_then(|set| crate::data::values::text::set(&format!("[{set}]"))) {
        Some(alphabet) => Branch::of(column, Domain { alphabet: Some(alphabet), ..Domain::default() }),
        None => {
            // NOT GLOB '*[ /]*': what is made has letters and digits, and these not.
            let without = glob.strip_prefix('*').and_then(|rest| rest.strip_suffix('*'));
            let excluded = without.and_then(crate::data::values::text::set);
            let left = |set: Vec<u8>| {
                crate::data::values::text::PLAIN.iter().copied().filter(|byte| !set.contains(byte)).collect()
            };
            match excluded.map(left) {
                Some(alphabet) => Branch::of(column, Domain { alphabet: Some(alphabet), ..Domain::default() }),
                None => Branch::opaque(),
            }
        }
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
        ("instr", _) if wanted => {
            of_call(Comparison::Greater, name, arguments, &Value::Integer(0)).unwrap_or_else(Branch::opaque)
        }
        ("length" | "octet_length", _) if wanted => {
            of_call(Comparison::Greater, name, arguments, &Value::Integer(0)).unwrap_or_else(Branch::opaque)
        }
        // A time function as a truth is one that is not NULL.
        (function, _) if wanted && time_format(function).is_some() => {
            of_call(Comparison::IsNot, name, arguments, &Value::Null).unwrap_or_else(Branch::opaque)
        }
        _ => Branch::opaque(),
    }
}

/// A text as the part of a GLOB pattern that matches it and nothing else.
fn literal(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        if matches!(c, '*' | '?' | '[') { pattern.extend(['[', c, ']']) } else { pattern.push(c) }
    }
    pattern
}
