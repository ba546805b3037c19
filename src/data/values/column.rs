//! How the values of one column are made.

use rusqlite::types::Value;

use crate::data::constraints::domain::{self, BLOB, Bound, Domain, INTEGER, REAL, Shape, TEXT};
use crate::data::values::document::Document;
use crate::data::values::text::{self, Piece};
use crate::data::values::value_buf::ValueBuf;
use crate::draw::Draw;
use crate::schema::{Affinity, Column};

/// How values are made. Nothing in it is changed by making one, and a value follows from the draw and the number alone.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Null,
    /// One of these.
    Choices(Vec<ValueBuf>),
    /// `low + n * step` for n below `count`; where values must differ, for n below `most`.
    Integer {
        low: i64,
        step: i64,
        count: u64,
        most: u64,
    },
    /// `low + n * step` for n below `count`; where values must differ, for n below `most`.
    Real {
        low: f64,
        step: f64,
        count: u64,
        most: u64,
    },
    Words {
        shortest: u64,
        longest: u64,
    },
    Letters {
        alphabet: Vec<u8>,
        shortest: u64,
        longest: u64,
    },
    Pattern {
        pieces: Vec<Piece>,
        shortest: u64,
    },
    Time(String),
    Json(Option<String>),
    /// A JSON array of so many.
    List(u64),
    Document(Box<Document>),
    Uuid,
    Blob {
        shortest: u64,
        longest: u64,
    },
    #[cfg(feature = "data")]
    Realistic(crate::data::values::realistic::Generator),
}

/// Distinct numbers below this are enough for any table.
const MANY: u64 = 1 << 31;

impl Source {
    /// Makes a value. `number` is below the capacity and differs for each row where values must differ.
    pub(crate) fn make(&self, draw: &mut Draw, number: Option<u64>, out: &mut ValueBuf) {
        match self {
            Source::Null => out.set_null(),
            Source::Choices(choices) => {
                let at = number.unwrap_or_else(|| draw.below(choices.len() as u64));
                out.clone_from(&choices[at as usize]);
            }
            Source::Integer { low, step, count, .. } => {
                let at = number.unwrap_or_else(|| draw.below(*count));
                out.set_integer(low.wrapping_add(step.wrapping_mul(at.cast_signed())));
            }
            Source::Real { low, step, count, .. } => {
                let at = number.unwrap_or_else(|| draw.below(*count));
                out.set_real(low + step * at as f64);
            }
            Source::Words { shortest, longest } => text::words(draw, *shortest, *longest, number, out),
            Source::Letters { alphabet, shortest, longest } => {
                text::letters(draw, alphabet, *shortest, *longest, number, out);
            }
            Source::Pattern { pieces, shortest } => text::matching(draw, pieces, *shortest, number, out),
            Source::Time(format) => {
                let seconds = match number {
                    Some(number) => {
                        let (step, _) = text::time_steps(format);
                        text::EPOCH + step * number.cast_signed()
                    }
                    None => text::EPOCH + draw.below(text::SPAN).cast_signed(),
                };
                text::time(seconds, format, out);
            }
            Source::Json(kind) => text::json(draw, kind.as_deref(), number, out),
            Source::List(items) => text::list(draw, *items, number, out),
            Source::Document(document) => document.make(draw, number, out),
            Source::Uuid => uuid(draw, number, out),
            Source::Blob { shortest, longest } => blob(draw, *shortest, *longest, number, out),
            #[cfg(feature = "data")]
            Source::Realistic(generator) => generator.make(draw, number, out),
        }
    }

    /// How many values differ.
    pub(crate) fn capacity(&self) -> u64 {
        match self {
            Source::Null => 1,
            Source::Choices(choices) => choices.len() as u64,
            Source::Integer { most, .. } | Source::Real { most, .. } => *most,
            Source::Words { shortest, longest } if *longest < 12 => {
                text::letters_capacity(text::PLAIN, *shortest, *longest)
            }
            Source::Words { .. } | Source::Uuid => u64::MAX,
            Source::Letters { alphabet, shortest, longest } => text::letters_capacity(alphabet, *shortest, *longest),
            Source::Pattern { pieces, .. } => text::matching_capacity(pieces),
            Source::Time(format) => text::time_steps(format).1,
            Source::Json(kind) => match kind.as_deref() {
                Some("true" | "false" | "null") => 1,
                _ => u64::MAX,
            },
            Source::List(items) => {
                if *items == 0 {
                    1
                } else {
                    u64::MAX
                }
            }
            Source::Document(document) => document.capacity(),
            Source::Blob { longest, .. } => {
                if *longest >= 8 {
                    u64::MAX
                } else {
                    1 << (8 * longest)
                }
            }
            #[cfg(feature = "data")]
            Source::Realistic(generator) => generator.distinct(),
        }
    }

    /// Whether it makes whole numbers, as many as any table needs.
    pub(crate) fn is_endless_count(&self) -> bool {
        matches!(self, Source::Integer { most, .. } if *most >= MANY)
    }

    /// Whether its values are JSON.
    pub(crate) fn is_json(&self) -> bool {
        matches!(self, Source::Json(_) | Source::List(_) | Source::Document(_))
    }

    /// Whether its values look like something, and may be fewer than the column holds.
    pub(crate) fn is_realistic(&self) -> bool {
        #[cfg(feature = "data")]
        return matches!(self, Source::Realistic(_));
        #[cfg(not(feature = "data"))]
        return false;
    }

    /// The same with room for a number.
    pub(crate) fn with_number(self) -> Source {
        match self {
            // A word, a hyphen and ten digits have to find room.
            Source::Words { shortest, longest } if longest < 12 => {
                Source::Letters { alphabet: text::PLAIN.to_vec(), shortest, longest }
            }
            same => same,
        }
    }
}

/// The source for a column of which `domain` is left. `None` where nothing is.
pub(crate) fn source(column: &Column, strict: bool, domain: &Domain) -> Option<Source> {
    if domain.nullability == domain::Nullability::Required {
        return Some(Source::Null);
    }
    if let Some(choices) = &domain.choices {
        let fitting: Vec<ValueBuf> = choices.iter().filter(|value| fits(value, domain)).map(ValueBuf::from).collect();
        return (!fitting.is_empty()).then_some(Source::Choices(fitting));
    }
    match class(column, strict, domain)? {
        INTEGER => integers(column, domain),
        REAL => reals(column, domain),
        TEXT => texts(column, domain),
        _ => {
            let longest = domain.longest.min(domain.shortest.max(16));
            Some(Source::Blob { shortest: domain.shortest, longest })
        }
    }
}

/// Whether a listed value has the length that is asked for. Its class is left to SQLite: in a column of numbers a text may
/// become a number.
fn fits(value: &Value, domain: &Domain) -> bool {
    let length = match value {
        Value::Text(text) => text.chars().count(),
        Value::Blob(bytes) => bytes.len(),
        Value::Null | Value::Integer(_) | Value::Real(_) => return true,
    };
    (domain.shortest..=domain.longest).contains(&(length as u64))
}

/// The storage class of the values that are made.
fn class(column: &Column, strict: bool, domain: &Domain) -> Option<u8> {
    let of_bound = |bound: &Option<Bound>| match bound.as_ref().map(|bound| &bound.value) {
        Some(Value::Integer(_)) => Some(INTEGER),
        Some(Value::Real(_)) => Some(REAL),
        Some(Value::Text(_)) => Some(TEXT),
        _ => None,
    };
    let says_text = domain.shape.as_ref().is_some_and(|shape| *shape != Shape::Whole)
        || !domain.patterns.is_empty()
        || domain.alphabet.is_some();
    let has_length = domain.shortest > 0 || domain.longest < u64::MAX;
    let declared = column.declared_type.to_ascii_uppercase();
    let likely = match column.affinity {
        Affinity::Integer => INTEGER,
        Affinity::Real => REAL,
        Affinity::Text => TEXT,
        Affinity::Blob if declared.is_empty() || says_text => TEXT,
        Affinity::Blob => BLOB,
        Affinity::Any => TEXT,
        Affinity::Numeric => {
            let is = |part: &str| declared.contains(part);
            if says_text || is("DATE") || is("TIME") || is("JSON") || is("UUID") || is("STRING") {
                TEXT
            } else if is("BOOL") || has_length {
                INTEGER
            } else {
                REAL
            }
        }
    };
    let free = matches!(column.affinity, Affinity::Blob | Affinity::Any | Affinity::Numeric) && !strict
        || column.affinity == Affinity::Any;
    let likely = match (free, of_bound(&domain.low).or(of_bound(&domain.high))) {
        (true, Some(class)) if !says_text => class,
        _ if domain.step.is_some() && free => INTEGER,
        // Only texts match a pattern; a column of integers keeps a text that is no number.
        _ if says_text && !strict => TEXT,
        _ => likely,
    };
    [likely, TEXT, INTEGER, REAL, BLOB].into_iter().find(|class| domain.classes & class != 0)
}

fn integers(column: &Column, domain: &Domain) -> Option<Source> {
    let is_bool = column.declared_type.to_ascii_uppercase().contains("BOOL");
    let low = match &domain.low {
        Some(bound) => Some(whole(&bound.value, bound.open, true)?),
        None => None,
    };
    let high = match &domain.high {
        Some(bound) => Some(whole(&bound.value, bound.open, false)?),
        None => None,
    };
    if low.is_none() && high.is_none() && domain.step.is_none() && is_bool && domain.except.is_empty() {
        return Some(Source::Choices(vec![ValueBuf::from(&Value::Integer(0)), ValueBuf::from(&Value::Integer(1))]));
    }
    // Lengths of numbers are those of their digits.
    let (mut low, mut high) = match (low, high) {
        (Some(low), Some(high)) => (low, high),
        (Some(low), None) => (low, low.saturating_add(9_999)),
        (None, Some(high)) => (if high >= 0 { 0 } else { high.saturating_sub(9_999) }, high),
        (None, None) if domain.shortest > 1 || domain.longest < 4 => {
            let low = 10_i64.checked_pow(u32::try_from(domain.shortest.max(1) - 1).ok()?)?;
            (low, 10_i64.checked_pow(u32::try_from(domain.longest.min(18)).ok()?)? - 1)
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
    // Exceptions at the ends are cut off; those within are redrawn.
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
    let most = if domain.high.is_none() && domain.longest == u64::MAX { count.max(MANY) } else { count };
    Some(Source::Integer { low, step, count, most })
}

/// The first integer within a bound.
fn whole(value: &Value, open: bool, is_low: bool) -> Option<i64> {
    match value {
        Value::Integer(number) => match (open, is_low) {
            (false, _) => Some(*number),
            (true, true) => number.checked_add(1),
            (true, false) => number.checked_sub(1),
        },
        Value::Real(number) => {
            let (down, up) = (number.floor(), number.ceil());
            let is_whole = down == up;
            Some(match (is_low, is_whole && open) {
                (true, false) => up as i64,
                (true, true) => (up as i64).checked_add(1)?,
                (false, false) => down as i64,
                (false, true) => (down as i64).checked_sub(1)?,
            })
        }
        // Every text is greater than every number.
        Value::Text(text) => match text.parse::<i64>() {
            Ok(number) => whole(&Value::Integer(number), open, is_low),
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
    let low = domain.low.as_ref().map(|bound| (domain::number(&bound.value), bound.open));
    let high = domain.high.as_ref().map(|bound| (domain::number(&bound.value), bound.open));
    let (low, high) = match (low, high) {
        (Some((Some(low), open)), Some((Some(high), closed))) => (Some((low, open)), Some((high, closed))),
        (Some((Some(low), open)), None) => (Some((low, open)), None),
        (None, Some((Some(high), open))) => (None, Some((high, open))),
        (None, None) => (None, None),
        _ => return None,
    };
    Some(match (low, high) {
        (Some((low, low_open)), Some((high, high_open))) => {
            let parts = if high - low >= 1.0 { ((high - low) * 100.0).min(1e9) as u64 } else { 1 << 20 };
            let step = (high - low) / parts as f64;
            let first = u64::from(low_open);
            let count = (parts + 1 - u64::from(high_open)).checked_sub(first).filter(|count| *count > 0)?;
            Source::Real { low: low + step * first as f64, step, count, most: count }
        }
        (Some((low, open)), None) => {
            Source::Real { low: if open { low + 0.25 } else { low }, step: 0.25, count: 4_000, most: MANY }
        }
        (None, Some((high, open))) => {
            let high = if open { high - 0.25 } else { high };
            let low = if high >= 0.0 { 0.0 } else { high - 1000.0 };
            let count = ((high - low) * 4.0) as u64 + 1;
            Source::Real { low, step: 0.25, count: count.min(4_000), most: count }
        }
        // Quarters are exact.
        (None, None) => Source::Real { low: 0.25, step: 0.25, count: 4_000, most: MANY },
    })
}

fn texts(column: &Column, domain: &Domain) -> Option<Source> {
    let declared = column.declared_type.to_ascii_uppercase();
    let longest = domain.longest.min(declared_length(&declared).unwrap_or(u64::MAX).max(domain.shortest));
    let shortest = domain.shortest;
    if let Some(shape) = &domain.shape {
        match shape {
            Shape::Json(kind) => return Some(Source::Json(kind.clone())),
            Shape::List(items) => return Some(Source::List(*items)),
            Shape::Time(format) => return Some(Source::Time(format.clone())),
            Shape::Upper => {
                let alphabet = (b'A'..=b'Z').collect();
                return Some(Source::Letters { alphabet, shortest: shortest.max(1.min(longest)), longest });
            }
            // Its members are made elsewhere.
            Shape::Document(_) => return Some(Source::Json(Some("object".to_owned()))),
            Shape::Lower | Shape::Whole => {}
        }
    }
    // The pattern with the most parts says the most.
    let patterns = domain.patterns.iter().filter_map(|pattern| text::pieces(pattern));
    if let Some(pieces) = patterns.max_by_key(Vec::len)
        && pieces != [Piece::Run]
    {
        let pieces = text::within(pieces, shortest, longest, letters_of_runs(domain));
        return Some(Source::Pattern { pieces, shortest });
    }
    if let Some(alphabet) = &domain.alphabet {
        let shortest = if shortest == 0 { 1.min(longest) } else { shortest };
        return Some(Source::Letters { alphabet: alphabet.clone(), shortest, longest });
    }
    if let Some(bound) = domain.low.as_ref().or(domain.high.as_ref())
        && let Value::Text(bound) = &bound.value
    {
        if let Some(format) = time_format_of(bound) {
            return Some(Source::Time(format.to_owned()));
        }
        if domain.low.is_some() {
            let pieces = vec![Piece::Text(bound.clone()), Piece::Run];
            return Some(Source::Pattern { pieces, shortest });
        }
    }
    let is = |part: &str| declared.contains(part);
    if domain.is_free() {
        if is("DATETIME") || is("TIMESTAMP") {
            return Some(Source::Time("%Y-%m-%d %H:%M:%S".to_owned()));
        } else if is("DATE") {
            return Some(Source::Time("%Y-%m-%d".to_owned()));
        } else if is("TIME") {
            return Some(Source::Time("%H:%M:%S".to_owned()));
        } else if is("JSON") {
            return Some(Source::Json(None));
        } else if is("UUID") {
            return Some(Source::Uuid);
        }
    }
    if longest < 8 {
        let shortest = if shortest == 0 { 1.min(longest) } else { shortest };
        return Some(Source::Letters { alphabet: text::PLAIN.to_vec(), shortest, longest });
    }
    Some(Source::Words { shortest, longest })
}

/// What runs of a pattern are made of, where it matters.
fn letters_of_runs(domain: &Domain) -> Option<&[u8]> {
    let is_number = |bound: &Bound| matches!(bound.value, Value::Integer(_) | Value::Real(_));
    match &domain.alphabet {
        Some(alphabet) => Some(alphabet),
        // `CAST(isbn AS INTEGER) > 0`
        None => domain.low.iter().chain(&domain.high).any(is_number).then_some(b"0123456789"),
    }
}

/// The format of a text that is a time.
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

/// The length in `VARCHAR(20)`. SQLite does not heed it; apps do.
fn declared_length(declared: &str) -> Option<u64> {
    let (name, rest) = declared.split_once('(')?;
    if !name.contains("CHAR") && !name.contains("TEXT") {
        return None;
    }
    rest.trim_end_matches(')').trim().parse().ok().filter(|length| *length > 0)
}

fn uuid(draw: &mut Draw, number: Option<u64>, out: &mut ValueBuf) {
    out.start_text();
    let high = draw.next();
    let low = number.map_or_else(|| draw.next(), |number| crate::draw::key(0, number));
    let mut text = ValueBuf::default();
    text.start_text();
    text::hex(high, &mut text);
    text::hex(low, &mut text);
    let digits = text.as_text().unwrap_or_default();
    for (from, to) in [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)] {
        if from > 0 {
            out.push_ascii(b'-');
        }
        match from {
            12 => {
                out.push_ascii(b'4');
                out.push_str(&digits[13..16]);
            }
            _ => out.push_str(&digits[from..to]),
        }
    }
}

fn blob(draw: &mut Draw, shortest: u64, longest: u64, number: Option<u64>, out: &mut ValueBuf) {
    out.start_blob();
    let mut length = shortest.max(longest.min(16)).min(longest);
    if let Some(number) = number {
        let bytes = longest.min(8) as usize;
        out.push_bytes(&number.to_be_bytes()[8 - bytes..]);
        length = length.saturating_sub(bytes as u64);
    }
    while length > 0 {
        let bytes = draw.next().to_be_bytes();
        let now = length.min(8) as usize;
        out.push_bytes(&bytes[..now]);
        length -= now as u64;
    }
}
