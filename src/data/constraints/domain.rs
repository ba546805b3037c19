//! What constraints leave of a column: the values that it may have, as far as their expressions could be read.

use std::cmp::Ordering;

use rusqlite::types::Value;

use crate::data::constraints::documents::Member;
use crate::data::constraints::expression::{Comparison, Matching};

/// Storage classes, as bits.
pub(crate) const INTEGER: u8 = 1;
pub(crate) const REAL: u8 = 2;
pub(crate) const TEXT: u8 = 4;
pub(crate) const BLOB: u8 = 8;
pub(crate) const ANY: u8 = 15;

/// The values that a column may have. All parts hold at once.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Domain {
    pub(crate) nullability: Nullability,
    /// The only values, where they are listed.
    pub(crate) choices: Option<Vec<Value>>,
    pub(crate) except: Vec<Value>,
    pub(crate) low: Option<Bound>,
    pub(crate) high: Option<Bound>,
    /// In characters, for blobs in bytes.
    pub(crate) shortest: u64,
    pub(crate) longest: u64,
    pub(crate) classes: u8,
    /// Patterns that it matches, as SQLite reads GLOB; those of LIKE are turned into these.
    pub(crate) patterns: Vec<String>,
    /// The only characters that it has, where they are listed.
    pub(crate) alphabet: Option<Vec<u8>>,
    pub(crate) shape: Option<Shape>,
    /// Number and rest: `x % 5 = 0`.
    pub(crate) step: Option<(i64, i64)>,
}

/// Whether it may be NULL. A CHECK passes where it is NULL, so most of them say nothing about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nullability {
    Allowed,
    Required,
    Forbidden,
}

/// An end of a range.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bound {
    pub(crate) value: Value,
    /// Whether the value itself is outside.
    pub(crate) open: bool,
}

/// What a text has to look like.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    /// JSON of a type as `json_type` calls it, or of any.
    Json(Option<String>),
    /// A JSON array of so many.
    List(u64),
    /// A JSON object with these members.
    Document(Vec<Member>),
    /// A time, as `strftime` writes it.
    Time(String),
    Lower,
    Upper,
    /// No fraction: `x = CAST(x AS INTEGER)`.
    Whole,
}

impl Default for Domain {
    fn default() -> Domain {
        Domain {
            nullability: Nullability::Allowed,
            choices: None,
            except: Vec::new(),
            low: None,
            high: None,
            shortest: 0,
            longest: u64::MAX,
            classes: ANY,
            patterns: Vec::new(),
            alphabet: None,
            shape: None,
            step: None,
        }
    }
}

impl Domain {
    pub(crate) fn of_null(nullability: Nullability) -> Domain {
        Domain { nullability, ..Domain::default() }
    }

    pub(crate) fn of_choices(choices: Vec<Value>) -> Domain {
        Domain { choices: Some(choices), ..Domain::default() }
    }

    pub(crate) fn of_shape(shape: Shape) -> Domain {
        Domain { shape: Some(shape), ..Domain::default() }
    }

    pub(crate) fn of_pattern(pattern: String) -> Domain {
        Domain { patterns: vec![pattern], ..Domain::default() }
    }

    /// The values that compare so with `value`.
    pub(crate) fn compared(comparison: Comparison, value: Value) -> Domain {
        let bound = |open| Some(Bound { value: value.clone(), open });
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

    /// The values whose length compares so with `length`.
    pub(crate) fn of_length(comparison: Comparison, length: i64) -> Option<Domain> {
        let (mut shortest, mut longest) = (0, i64::MAX);
        match comparison {
            Comparison::Equal | Comparison::Is => (shortest, longest) = (length, length),
            Comparison::Less => longest = length - 1,
            Comparison::LessOrEqual => longest = length,
            Comparison::Greater => shortest = length + 1,
            Comparison::GreaterOrEqual => shortest = length,
            // Anything but empty is by far the most frequent.
            Comparison::Unequal | Comparison::IsNot if length == 0 => shortest = 1,
            Comparison::Unequal | Comparison::IsNot => return None,
        }
        let longest = u64::try_from(longest).ok()?;
        Some(Domain { shortest: shortest.max(0).cast_unsigned(), longest, ..Domain::default() })
    }

    /// Narrows it to what is in `other` too. Whether anything can be left.
    pub(crate) fn narrow(&mut self, other: &Domain) -> bool {
        self.nullability = match (self.nullability, other.nullability) {
            (Nullability::Allowed, other) => other,
            (own, Nullability::Allowed) => own,
            (own, other) if own == other => own,
            // Both cannot hold.
            _ => return false,
        };
        match (&mut self.choices, &other.choices) {
            (Some(own), Some(others)) => own.retain(|value| others.iter().any(|other| compare(value, other).is_eq())),
            (own @ None, Some(others)) => *own = Some(others.clone()),
            (_, None) => {}
        }
        self.except.extend(other.except.iter().cloned());
        if let Some(bound) = &other.low
            && self.low.as_ref().is_none_or(|own| order(own, bound, true).is_lt())
        {
            self.low = Some(bound.clone());
        }
        if let Some(bound) = &other.high
            && self.high.as_ref().is_none_or(|own| order(own, bound, false).is_gt())
        {
            self.high = Some(bound.clone());
        }
        self.shortest = self.shortest.max(other.shortest);
        self.longest = self.longest.min(other.longest);
        self.classes &= other.classes;
        self.patterns.extend(other.patterns.iter().cloned());
        match (&mut self.alphabet, &other.alphabet) {
            (Some(own), Some(others)) => own.retain(|byte| others.contains(byte)),
            (own @ None, Some(others)) => *own = Some(others.clone()),
            (_, None) => {}
        }
        let fits = match (&mut self.shape, &other.shape) {
            (Some(Shape::Document(own)), Some(Shape::Document(others))) => Member::narrow(own, others),
            (Some(Shape::Json(Some(kind))), Some(Shape::Document(_))) if kind != "object" => false,
            (Some(Shape::Json(Some(kind))), Some(Shape::List(_))) if kind != "array" => false,
            // The more special shape is the one that was given a type, or members.
            (None | Some(Shape::Json(None)), Some(_))
            | (Some(Shape::Json(_)), Some(Shape::Document(_) | Shape::List(_))) => {
                self.shape.clone_from(&other.shape);
                true
            }
            _ => true,
        };
        if !fits {
            return false;
        }
        self.step = self.step.or(other.step);
        if let Some(choices) = &mut self.choices {
            let (low, high, except) = (&self.low, &self.high, &self.except);
            choices.retain(|value| {
                low.as_ref().is_none_or(|bound| within(value, bound, Ordering::Greater))
                    && high.as_ref().is_none_or(|bound| within(value, bound, Ordering::Less))
                    && !except.iter().any(|other| compare(value, other).is_eq())
            });
        }
        self.nullability == Nullability::Required || self.has_values()
    }

    /// Whether there may be a value that is not NULL.
    fn has_values(&self) -> bool {
        let in_order = match (&self.low, &self.high) {
            (Some(low), Some(high)) => {
                let order = compare(&low.value, &high.value);
                order.is_lt() || order.is_eq() && !low.open && !high.open
            }
            _ => true,
        };
        in_order
            && self.choices.as_ref().is_none_or(|choices| !choices.is_empty())
            && self.alphabet.as_ref().is_none_or(|alphabet| !alphabet.is_empty() || self.shortest == 0)
            && self.shortest <= self.longest
            && self.classes != 0
    }

    /// Whether nothing but NULL is said to be in it or not.
    pub(crate) fn is_free(&self) -> bool {
        Domain { nullability: Nullability::Allowed, ..self.clone() } == Domain::default()
    }
}

fn within(value: &Value, bound: &Bound, side: Ordering) -> bool {
    let order = compare(value, &bound.value);
    order == side || order.is_eq() && !bound.open
}

/// Which of two bounds of one side is lower.
fn order(one: &Bound, two: &Bound, is_low: bool) -> Ordering {
    let strictness = if is_low { one.open.cmp(&two.open) } else { two.open.cmp(&one.open) };
    compare(&one.value, &two.value).then(strictness)
}

/// The order of SQLite's ORDER BY, without collations.
pub(crate) fn compare(one: &Value, two: &Value) -> Ordering {
    let class = |value: &Value| match value {
        Value::Null => 0,
        Value::Integer(_) | Value::Real(_) => 1,
        Value::Text(_) => 2,
        Value::Blob(_) => 3,
    };
    match (one, two) {
        (Value::Integer(one), Value::Integer(two)) => one.cmp(two),
        (Value::Text(one), Value::Text(two)) => one.cmp(two),
        (Value::Blob(one), Value::Blob(two)) => one.cmp(two),
        _ => match (number(one), number(two)) {
            (Some(one), Some(two)) => one.total_cmp(&two),
            _ => class(one).cmp(&class(two)),
        },
    }
}

pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Real(number) => Some(*number),
        _ => None,
    }
}

/// A pattern of LIKE as one of GLOB. LIKE does not tell large letters from small ones; a text that matches the one
/// spelling matches in any case.
pub(crate) fn as_glob(matching: Matching, pattern: &str) -> String {
    if matching == Matching::Glob {
        return pattern.to_owned();
    }
    let mut glob = String::new();
    for c in pattern.chars() {
        match c {
            '%' => glob.push('*'),
            '_' => glob.push('?'),
            '*' | '?' | '[' => glob.extend(['[', c, ']']),
            _ => glob.push(c),
        }
    }
    glob
}
