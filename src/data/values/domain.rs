//! The values that a column may have, as far as its constraints could be read.

use std::cmp::Ordering;

use rusqlite::types::Value;

use crate::data::values::value_buf::compare;

/// Storage classes, as bits.
pub(crate) const INTEGER: u8 = 1;
pub(crate) const REAL: u8 = 2;
pub(crate) const TEXT: u8 = 4;
pub(crate) const BLOB: u8 = 8;
pub(crate) const ANY: u8 = 15;

/// A set of values. A value is in it if it satisfies every field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Domain {
    pub(crate) nullability: Nullability,
    /// The only values, if they are listed.
    pub(crate) choices: Option<Vec<Value>>,
    pub(crate) except: Vec<Value>,
    pub(crate) low: Option<Bound>,
    pub(crate) high: Option<Bound>,
    /// In characters; in bytes for blobs.
    pub(crate) min_length: u64,
    pub(crate) max_length: u64,
    /// The allowed storage classes, as bits.
    pub(crate) classes: u8,
    /// GLOB patterns that all match the value.
    pub(crate) patterns: Vec<String>,
    /// The only characters of the text, if they are listed.
    pub(crate) alphabet: Option<Vec<u8>>,
    pub(crate) shape: Option<Shape>,
    /// Divisor and remainder: `x % 5 = 0`.
    pub(crate) step: Option<(i64, i64)>,
}

/// The place of NULL in a domain. A CHECK that is NULL passes, so most CHECKs allow it.
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
    /// True if the range excludes the value itself.
    pub(crate) is_open: bool,
}

/// The form of a text or number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    /// JSON of a type as `json_type` names it, or of any type.
    Json(Option<String>),
    /// A JSON array of this length.
    List(u64),
    /// A JSON object with these members.
    Document(Vec<Member>),
    /// A time in a format of `strftime`.
    Time(String),
    Lower,
    Upper,
    /// A number without a fraction: `x = CAST(x AS INTEGER)`.
    Whole,
}

/// A member of a JSON document.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member {
    /// The keys that lead to it, outermost first.
    pub(crate) path: Vec<String>,
    /// The type of the generated column that holds it, or an empty string.
    pub(crate) declared_type: String,
    pub(crate) domain: Domain,
}

impl Default for Domain {
    fn default() -> Domain {
        Domain {
            nullability: Nullability::Allowed,
            choices: None,
            except: Vec::new(),
            low: None,
            high: None,
            min_length: 0,
            max_length: u64::MAX,
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

    /// Intersects the domain with `other`. Returns false if nothing is left.
    pub(crate) fn narrow(&mut self, other: &Domain) -> bool {
        self.nullability = match (self.nullability, other.nullability) {
            (Nullability::Allowed, other) => other,
            (own, Nullability::Allowed) => own,
            (own, other) if own == other => own,
            _ => return false,
        };
        narrow_list(&mut self.choices, other.choices.as_ref(), |one, two| compare(one.into(), two.into()).is_eq());
        self.except.extend(other.except.iter().cloned());
        if let Some(bound) = &other.low
            && self.low.as_ref().is_none_or(|own| own.compare(bound, Ordering::Greater).is_lt())
        {
            self.low = Some(bound.clone());
        }
        if let Some(bound) = &other.high
            && self.high.as_ref().is_none_or(|own| own.compare(bound, Ordering::Less).is_gt())
        {
            self.high = Some(bound.clone());
        }
        self.min_length = self.min_length.max(other.min_length);
        self.max_length = self.max_length.min(other.max_length);
        self.classes &= other.classes;
        self.patterns.extend(other.patterns.iter().cloned());
        narrow_list(&mut self.alphabet, other.alphabet.as_ref(), |one, two| one == two);
        if !self.narrow_shape(other.shape.as_ref()) {
            return false;
        }
        self.step = match (self.step, other.step) {
            (Some(one), Some(two)) => both_steps(one, two).or(Some(one)),
            (one, two) => one.or(two),
        };
        if let Some(choices) = &mut self.choices {
            let (low, high, except) = (&self.low, &self.high, &self.except);
            choices.retain(|value| {
                low.as_ref().is_none_or(|bound| bound.admits(value, Ordering::Greater))
                    && high.as_ref().is_none_or(|bound| bound.admits(value, Ordering::Less))
                    && !except.iter().any(|other| compare(value.into(), other.into()).is_eq())
            });
        }
        self.nullability == Nullability::Required || self.has_values()
    }

    fn narrow_shape(&mut self, other: Option<&Shape>) -> bool {
        match (&mut self.shape, other) {
            (Some(Shape::Document(own)), Some(Shape::Document(others))) => narrow_members(own, others),
            (Some(Shape::Json(Some(kind))), Some(Shape::Document(_))) if kind != "object" => false,
            (Some(Shape::Json(Some(kind))), Some(Shape::List(_))) if kind != "array" => false,
            // The more specific shape is the one with a type or with members.
            (own @ (None | Some(Shape::Json(None))), Some(other))
            | (own @ Some(Shape::Json(_)), Some(other @ (Shape::Document(_) | Shape::List(_)))) => {
                *own = Some(other.clone());
                true
            }
            _ => true,
        }
    }

    /// Returns false if it is known that every value in the domain is NULL.
    fn has_values(&self) -> bool {
        let is_in_order = match (&self.low, &self.high) {
            (Some(low), Some(high)) => {
                let order = compare((&low.value).into(), (&high.value).into());
                order.is_lt() || order.is_eq() && !low.is_open && !high.is_open
            }
            _ => true,
        };
        is_in_order
            && self.choices.as_ref().is_none_or(|choices| !choices.is_empty())
            && self.alphabet.as_ref().is_none_or(|alphabet| !alphabet.is_empty() || self.min_length == 0)
            && self.min_length <= self.max_length
            && self.classes != 0
    }

    /// Returns true if nothing but the nullability is restricted.
    pub(crate) fn is_free(&self) -> bool {
        Domain { nullability: Nullability::Allowed, ..self.clone() } == Domain::default()
    }
}

impl Bound {
    /// Returns true if `value` lies on this side of the bound.
    fn admits(&self, value: &Value, side: Ordering) -> bool {
        let order = compare(value.into(), (&self.value).into());
        order == side || order.is_eq() && !self.is_open
    }

    /// Orders two bounds, both of which have their range on this side.
    fn compare(&self, other: &Bound, side: Ordering) -> Ordering {
        let by_value = compare((&self.value).into(), (&other.value).into());
        let by_strictness = self.is_open.cmp(&other.is_open);
        by_value.then(if side == Ordering::Greater { by_strictness } else { by_strictness.reverse() })
    }
}

/// Intersects two lists of allowed items. `None` allows all.
fn narrow_list<T: Clone>(own: &mut Option<Vec<T>>, others: Option<&Vec<T>>, is_same: fn(&T, &T) -> bool) {
    match (own, others) {
        (Some(own), Some(others)) => own.retain(|item| others.iter().any(|other| is_same(item, other))),
        (own @ None, Some(others)) => *own = Some(others.clone()),
        (_, None) => {}
    }
}

/// Returns the step of the numbers that satisfy two: `x % 4 = 1 AND x % 6 = 3`. `None` if there is none, or only a large one.
fn both_steps((by, rest): (i64, i64), (other_by, other_rest): (i64, i64)) -> Option<(i64, i64)> {
    const MOST: i64 = 10_000;
    let multiples = |from| (from..MOST).map_while(|times| by.checked_mul(times));
    let mut numbers = multiples(0).map_while(|multiple| multiple.checked_add(rest));
    let first = numbers.find(|number| number.checked_rem(other_by) == Some(other_rest))?;
    let both = multiples(1).find(|multiple| multiple.checked_rem(other_by) == Some(0))?;
    Some((both, first))
}

/// Narrows members by others of the same document. Returns false if nothing is left for one of them.
fn narrow_members(own: &mut Vec<Member>, others: &[Member]) -> bool {
    others.iter().all(|other| match own.iter_mut().find(|member| member.path == other.path) {
        Some(member) => {
            if member.declared_type.is_empty() {
                member.declared_type.clone_from(&other.declared_type);
            }
            member.domain.narrow(&other.domain)
        }
        None => {
            own.push(other.clone());
            true
        }
    })
}

/// The value of a number.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Real(number) => Some(*number),
        _ => None,
    }
}
