//! The choice of a source for a column, from its declaration and its domain.

use rusqlite::types::Value;

use crate::data::values::domain::{self, BLOB, Bound, Domain, INTEGER, Nullability, REAL, Shape, TEXT};
use crate::data::values::pattern::{self, PatternPart};
use crate::data::values::source::{Source, UNBOUNDED};
use crate::data::values::texts::{self, LETTERS_AND_DIGITS, Letters, Times};
use crate::data::values::value_buf::ValueBuf;
use crate::schema::{Affinity, Column};

/// Returns the source for a column with this domain. `None` if no value is known to be in the domain.
pub(crate) fn source(column: &Column, strict: bool, domain: &Domain) -> Option<Source> {
    if domain.nullability == Nullability::Required {
        return Some(Source::Null);
    }
    if let Some(choices) = &domain.choices {
        let fitting: Vec<ValueBuf> =
            choices.iter().filter(|value| has_allowed_length(value, domain)).map(ValueBuf::from).collect();
        return (!fitting.is_empty()).then_some(Source::Choices(fitting));
    }
    match class(column, strict, domain)? {
        INTEGER => integers(column, domain),
        REAL => reals(column, domain),
        TEXT => text(column, domain),
        _ => {
            let max_length = domain.max_length.min(domain.min_length.max(16));
            Some(Source::Blob { min_length: domain.min_length, max_length })
        }
    }
}

/// Returns true if a listed value has an allowed length. Its storage class is not compared, because a column of numbers may
/// convert a text.
fn has_allowed_length(value: &Value, domain: &Domain) -> bool {
    let length = match value {
        Value::Text(text) => text.chars().count(),
        Value::Blob(bytes) => bytes.len(),
        Value::Null | Value::Integer(_) | Value::Real(_) => return true,
    };
    (domain.min_length..=domain.max_length).contains(&(length as u64))
}

/// Returns the storage class of the values to generate.
fn class(column: &Column, strict: bool, domain: &Domain) -> Option<u8> {
    let of_bound = |bound: &Option<Bound>| match bound.as_ref().map(|bound| &bound.value) {
        Some(Value::Integer(_)) => Some(INTEGER),
        Some(Value::Real(_)) => Some(REAL),
        Some(Value::Text(_)) => Some(TEXT),
        _ => None,
    };
    let is_text_only = domain.shape.as_ref().is_some_and(|shape| *shape != Shape::Whole)
        || !domain.patterns.is_empty()
        || domain.alphabet.is_some();
    let has_length = domain.min_length > 0 || domain.max_length < u64::MAX;
    let declared = column.declared_type.to_ascii_uppercase();
    let likely = match column.affinity {
        Affinity::Integer => INTEGER,
        Affinity::Real => REAL,
        Affinity::Text => TEXT,
        Affinity::Blob if declared.is_empty() || is_text_only => TEXT,
        Affinity::Blob => BLOB,
        Affinity::Any => TEXT,
        Affinity::Numeric => {
            let is = |part: &str| declared.contains(part);
            if is_text_only || is("DATE") || is("TIME") || is("JSON") || is("UUID") || is("STRING") {
                TEXT
            } else if is("BOOL") || has_length {
                INTEGER
            } else {
                REAL
            }
        }
    };
    let keeps_any_class = matches!(column.affinity, Affinity::Blob | Affinity::Any | Affinity::Numeric) && !strict
        || column.affinity == Affinity::Any;
    let likely = match (keeps_any_class, of_bound(&domain.low).or(of_bound(&domain.high))) {
        (true, Some(class)) if !is_text_only => class,
        _ if domain.step.is_some() && keeps_any_class => INTEGER,
        // Only texts match a pattern, and a column of integers keeps a text that is not a number.
        _ if is_text_only && !strict => TEXT,
        _ => likely,
    };
    [likely, TEXT, INTEGER, REAL, BLOB].into_iter().find(|class| domain.classes & class != 0)
}

fn integers(column: &Column, domain: &Domain) -> Option<Source> {
    let is_bool = column.declared_type.to_ascii_uppercase().contains("BOOL");
    let end = |bound: &Option<Bound>, is_low| match bound {
        Some(bound) => whole(&bound.value, bound.is_open, is_low).map(Some),
        None => Some(None),
    };
    let (low, high) = (end(&domain.low, true)?, end(&domain.high, false)?);
    if low.is_none() && high.is_none() && domain.step.is_none() && is_bool && domain.except.is_empty() {
        return Some(Source::Choices(vec![ValueBuf::from(&Value::Integer(0)), ValueBuf::from(&Value::Integer(1))]));
    }
    // The length of a number is that of its digits.
    let (mut low, mut high) = match (low, high) {
        (Some(low), Some(high)) => (low, high),
        (Some(low), None) => (low, low.saturating_add(9_999)),
        (None, Some(high)) => (if high >= 0 { 0 } else { high.saturating_sub(9_999) }, high),
        (None, None) if domain.min_length > 1 || domain.max_length < 4 => {
            let low = 10_i64.checked_pow(u32::try_from(domain.min_length.max(1) - 1).ok()?)?;
            (low, 10_i64.checked_pow(u32::try_from(domain.max_length.min(18)).ok()?)? - 1)
        }
        (None, None) => (1, 10_000),
    };
    let mut step = 1;
    if let Some((by, rest)) = domain.step
        && by != 0
    {
        step = by.saturating_abs();
        low = low.checked_add((rest - low).rem_euclid(step))?;
        if domain.high.is_none() {
            high = low.saturating_add(step.saturating_mul(9_999));
        }
    }
    // Exceptions at the ends are cut off. A row that draws one in between is refused, and drawn again.
    while low <= high && domain.except.contains(&Value::Integer(low)) {
        low = low.checked_add(step)?;
    }
    while low <= high && domain.except.contains(&Value::Integer(high)) {
        high = high.checked_sub(1)?;
    }
    if low > high {
        return None;
    }
    let count = (high.abs_diff(low) / step.unsigned_abs()).saturating_add(1).min(1 << 62);
    let max_distinct =
        if domain.high.is_none() && domain.max_length == u64::MAX { count.max(UNBOUNDED) } else { count };
    Some(Source::Integer { low, step, count, max_distinct })
}

/// Returns the integer in the range that is nearest to the bound.
fn whole(value: &Value, is_open: bool, is_low: bool) -> Option<i64> {
    match value {
        Value::Integer(number) => match (is_open, is_low) {
            (false, _) => Some(*number),
            (true, true) => number.checked_add(1),
            (true, false) => number.checked_sub(1),
        },
        Value::Real(number) => {
            let (down, up) = (number.floor(), number.ceil());
            let is_whole = down == up;
            Some(match (is_low, is_whole && is_open) {
                (true, false) => up as i64,
                (true, true) => (up as i64).checked_add(1)?,
                (false, false) => down as i64,
                (false, true) => (down as i64).checked_sub(1)?,
            })
        }
        // Every text is greater than every number.
        Value::Text(text) => match text.parse::<i64>() {
            Ok(number) => whole(&Value::Integer(number), is_open, is_low),
            Err(_) if is_low => None,
            Err(_) => Some(i64::MAX),
        },
        _ => None,
    }
}

fn reals(column: &Column, domain: &Domain) -> Option<Source> {
    if domain.shape == Some(Shape::Whole) || domain.step.is_some() {
        return integers(column, domain);
    }
    let end = |bound: &Option<Bound>| match bound {
        Some(bound) => domain::number(&bound.value).map(|number| Some((number, bound.is_open))),
        None => Some(None),
    };
    Some(match (end(&domain.low)?, end(&domain.high)?) {
        (Some((low, low_open)), Some((high, high_open))) => {
            let parts = if high - low >= 1.0 { ((high - low) * 100.0).min(1e9) as u64 } else { 1 << 20 };
            let step = (high - low) / parts as f64;
            let first = u64::from(low_open);
            let count = (parts + 1 - u64::from(high_open)).checked_sub(first).filter(|count| *count > 0)?;
            Source::Real { low: low + step * first as f64, step, count, max_distinct: count }
        }
        (Some((low, is_open)), None) => Source::Real {
            low: if is_open { low + 0.25 } else { low },
            step: 0.25,
            count: 4_000,
            max_distinct: UNBOUNDED,
        },
        (None, Some((high, is_open))) => {
            let high = if is_open { high - 0.25 } else { high };
            let low = if high >= 0.0 { 0.0 } else { high - 1000.0 };
            let count = ((high - low) * 4.0) as u64 + 1;
            Source::Real { low, step: 0.25, count: count.min(4_000), max_distinct: count }
        }
        // Quarters are exact in binary.
        (None, None) => Source::Real { low: 0.25, step: 0.25, count: 4_000, max_distinct: UNBOUNDED },
    })
}

fn text(column: &Column, domain: &Domain) -> Option<Source> {
    let declared = column.declared_type.to_ascii_uppercase();
    let max_length = domain.max_length.min(declared_length(&declared).unwrap_or(u64::MAX).max(domain.min_length));
    let min_length = domain.min_length;
    let letters = |alphabet: &[u8]| {
        let min_length = if min_length == 0 { 1.min(max_length) } else { min_length };
        Some(Source::Letters(Letters { alphabet: alphabet.to_vec(), min_length, max_length }))
    };
    if let Some(shape) = &domain.shape {
        match shape {
            Shape::Json(kind) => return Some(Source::Json(kind.clone())),
            Shape::List(items) => return Some(Source::List(*items)),
            Shape::Time(format) => return times(format, domain),
            Shape::Upper => return letters(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
            // The solver makes documents with members.
            Shape::Document(_) => return Some(Source::Json(Some("object".to_owned()))),
            Shape::Lower | Shape::Whole => {}
        }
    }
    // The pattern with the most parts is the most specific.
    let patterns = domain.patterns.iter().filter_map(|pattern| pattern::parts(pattern));
    if let Some(parts) = patterns.max_by_key(Vec::len)
        && parts != [PatternPart::Run]
    {
        let parts = pattern::bounded(parts, min_length, max_length, letters_of_runs(domain));
        return Some(Source::Pattern { parts, min_length });
    }
    if let Some(alphabet) = &domain.alphabet {
        // Where there are enough letters and digits, no text begins or ends with another character.
        let plain: Vec<u8> = alphabet.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
        return letters(if plain.len() >= 10 { &plain } else { alphabet });
    }
    if let Some(bound) = domain.low.as_ref().or(domain.high.as_ref())
        && let Value::Text(bound) = &bound.value
    {
        if let Some(format) = time_format_of(bound) {
            return times(format, domain);
        }
        if domain.low.is_some() {
            let parts = vec![PatternPart::Literal(bound.clone()), PatternPart::Run];
            return Some(Source::Pattern { parts, min_length });
        }
    }
    if domain.is_free() {
        let moment = "%Y-%m-%d %H:%M:%S";
        let formats = [("DATETIME", moment), ("TIMESTAMP", moment), ("DATE", "%Y-%m-%d"), ("TIME", "%H:%M:%S")];
        if let Some((_, format)) = formats.iter().find(|(part, _)| declared.contains(part)) {
            return Some(Source::Time(Times::of(format)));
        } else if declared.contains("JSON") {
            return Some(Source::Json(None));
        } else if declared.contains("UUID") {
            return Some(Source::Uuid);
        }
    }
    if max_length < 8 {
        return letters(LETTERS_AND_DIGITS);
    }
    Some(Source::Words { min_length, max_length })
}

/// Returns the characters for the runs of a pattern, if they are restricted.
fn letters_of_runs(domain: &Domain) -> Option<&[u8]> {
    let is_number = |bound: &Bound| matches!(bound.value, Value::Integer(_) | Value::Real(_));
    match &domain.alphabet {
        Some(alphabet) => Some(alphabet),
        // `CAST(isbn AS INTEGER) > 0`
        None => domain.low.iter().chain(&domain.high).any(is_number).then_some(b"0123456789"),
    }
}

/// Returns the times in a format that are between the bounds, as far as these are times.
fn times(format: &str, domain: &Domain) -> Option<Source> {
    let end = |bound: &Option<Bound>, next: i64| match bound.as_ref().map(|bound| (&bound.value, bound.is_open)) {
        Some((Value::Text(text), is_open)) => texts::seconds(text).map(|at| at + if is_open { next } else { 0 }),
        _ => None,
    };
    Times::between(format, end(&domain.low, 1), end(&domain.high, -1)).map(Source::Time)
}

/// Returns the format of a text that is a time.
fn time_format_of(text: &str) -> Option<&'static str> {
    let digits: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    match digits.as_str() {
        "0000-00-00" => Some("%Y-%m-%d"),
        "0000-00-00 00:00:00" => Some("%Y-%m-%d %H:%M:%S"),
        "0000-00-00T00:00:00Z" => Some("%Y-%m-%dT%H:%M:%SZ"),
        "00:00" => Some("%H:%M"),
        "00:00:00" => Some("%H:%M:%S"),
        _ => None,
    }
}

/// Returns the length in `VARCHAR(20)`. SQLite ignores it, apps do not.
fn declared_length(declared: &str) -> Option<u64> {
    let (name, rest) = declared.split_once('(')?;
    if !name.contains("CHAR") && !name.contains("TEXT") {
        return None;
    }
    rest.trim_end_matches(')').trim().parse().ok().filter(|length| *length > 0)
}
