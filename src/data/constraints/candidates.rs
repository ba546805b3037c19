//! Candidates: values that may satisfy an expression that is not understood.

use rusqlite::types::Value;

use crate::data::constraints::expression::{self, Expression};
use crate::data::values::pattern::PatternPart;
use crate::data::values::source::Source;
use crate::data::values::texts::{LETTERS_AND_DIGITS, Letters, Times};
use crate::data::values::value_buf::ValueBuf;
use crate::draw::{Draw, key};
use crate::sql::{TokenKind, tokens};

/// The length of the longest text or blob that is tried.
const MAX_LENGTH: usize = 4096;
/// A number beyond this is no length of a text.
const LONGEST: usize = 100_000;

/// Returns sources of typical values, and of texts that contain the literals of the expressions.
pub(super) fn sources(texts: &[&str]) -> Vec<Source> {
    let letters = |alphabet: &[u8], length| {
        Source::Letters(Letters { alphabet: alphabet.to_vec(), min_length: length, max_length: length })
    };
    let pattern = |parts: Vec<PatternPart>| Source::Pattern { parts, min_length: 0 };
    let literal = |text: &str| PatternPart::Literal(text.to_owned());
    let integers = |low, step, count| Source::Integer { low, step, count, max_distinct: count };
    let reals = |low, step, count| Source::Real { low, step, count, max_distinct: count };
    let time = |format: &str| Source::Time(Times::of(format));
    let json = |kind: &str| Source::Json(Some(kind.to_owned()));
    let mut found = Vec::new();
    if texts.iter().any(|text| text.contains("json") || text.contains("->")) {
        // First, because most texts of digits are JSON too.
        found.extend([json("object"), json("array")]);
    }
    found.extend([
        Source::Words { min_length: 0, max_length: 40 },
        letters(LETTERS_AND_DIGITS, 10),
        letters(b"0123456789", 8),
        letters(b"0123456789abcdef", 32),
        letters(b"0123456789abcdef", 40),
        letters(b"0123456789abcdef", 64),
        letters(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", 3),
        letters(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", 8),
        letters(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 8),
        letters(b"abcdefghijklmnopqrstuvwxyz", 2),
        integers(1, 1, 1000),
        // Days, as julianday() counts them.
        reals(2_459_000.5, 0.25, 8_000),
        integers(1_600_000_000, 1, 100_000_000),
        integers(1_600_000_000_000, 1000, 100_000_000),
        integers(-1000, 1, 999),
        reals(0.0, 0.25, 4),
        time("%Y-%m-%d"),
        time("%Y-%m-%d %H:%M:%S"),
        time("%Y-%m-%dT%H:%M:%SZ"),
        time("%Y-%m-%dT%H:%M:%S.000Z"),
        time("%H:%M:%S"),
        time("%H:%M"),
        time("%Y-%m"),
        time("%Y"),
        json("object"),
        json("array"),
        json("integer"),
        json("text"),
        Source::Uuid,
        pattern(vec![PatternPart::Run, literal("@example.com")]),
        pattern(vec![literal("https://example.com/"), PatternPart::Run]),
        // Texts that functions change: `trim`, `lower`, `length` of bytes, `substr`, `round`.
        pattern(vec![literal(" "), PatternPart::Run, literal(" ")]),
        pattern(vec![literal("Q"), PatternPart::Run]),
        pattern(vec![literal("é"), PatternPart::Run]),
        Source::Words { min_length: 300, max_length: 400 },
        reals(0.001, 0.001, 999),
    ]);
    for length in [1, 4, 16, 20, 32, 64] {
        found.push(Source::Blob { min_length: length, max_length: length });
    }
    let literals = literals(texts);
    for value in &literals {
        if let Value::Text(text) = value {
            // As often as a number says: `length(x) - length(replace(x, ' ', '')) = 4`.
            let counts = literals.iter().filter_map(|value| match value {
                Value::Integer(times @ 2..=8) if (1..=2).contains(&text.len()) => Some(*times as usize),
                _ => None,
            });
            for times in counts {
                let mut parts = vec![PatternPart::Run];
                (0..times).for_each(|_| parts.extend([literal(text), PatternPart::Run]));
                found.push(pattern(parts));
            }
            found.push(pattern(vec![literal(text), PatternPart::Run]));
            found.push(pattern(vec![PatternPart::Run, literal(text)]));
            found.push(pattern(vec![PatternPart::Run, literal(text), PatternPart::Run]));
        }
    }
    found
}

/// Returns the literals of expressions.
fn literals(texts: &[&str]) -> Vec<Value> {
    let mut found = Vec::new();
    for text in texts {
        for token in tokens(text) {
            let is_literal = matches!(token.kind, TokenKind::Text | TokenKind::Number | TokenKind::Blob)
                || token.kind == TokenKind::Quoted && token.text.starts_with('"');
            if is_literal && let Expression::Value(value) = expression::parse(token.text, &[]) {
                add_new(&mut found, value);
            }
        }
    }
    found
}

/// Returns single values: the literals of the expressions, their neighbors, combinations of two, and a sample of each typical
/// source.
pub(crate) fn candidates(texts: &[&str], key_of: u64) -> Vec<ValueBuf> {
    let literals = literals(texts);
    let mut values: Vec<Value> = vec![Value::Null];
    for literal in &literals {
        values.push(literal.clone());
        add_neighbors(literal, &literals, &mut values);
    }
    for one in &literals {
        for two in &literals {
            if let (Value::Integer(one), Value::Integer(two)) = (one, two) {
                let both = [one.checked_add(*two), one.checked_sub(*two), one.checked_mul(*two), one.checked_div(*two)];
                values.extend(both.into_iter().flatten().map(Value::Integer));
            }
        }
    }
    values.extend([0, 1, -1, 2, 10, 100, 1000].map(Value::Integer));
    values.extend([0.5, -0.5].map(Value::Real));
    values.extend(["", "x", "X", "0", "1", "a b", "{}", "[]", "null"].map(|text| Value::Text(text.to_owned())));
    let mut pool: Vec<ValueBuf> = Vec::new();
    values.iter().for_each(|value| add_new(&mut pool, value.into()));
    for (index, source) in sources(texts).iter().enumerate() {
        add_new(&mut pool, sample(source, key(key_of, index as u64)));
    }
    pool
}

/// Returns the value that a source makes from a key.
pub(super) fn sample(source: &Source, key: u64) -> ValueBuf {
    let mut value = ValueBuf::default();
    source.make(&mut Draw::new(key), None, &mut value);
    value
}

/// Adds an item that is not in the list yet.
pub(crate) fn add_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// Returns the same values for the suite, which has statements in place of constraints. Longer than any literal of them is a
/// text with it inside, and a text is longer than any number says.
pub(crate) fn candidate_values(text: &str) -> Vec<Value> {
    let literals = literals(&[text]);
    // A document with all members that the statement names.
    let paths = literals.iter().filter_map(|literal| match literal {
        Value::Text(text) => text.strip_prefix("$.").filter(|name| name.chars().all(char::is_alphanumeric)),
        _ => None,
    });
    let members: Vec<String> = paths.map(|name| format!("\"{name}\": \"the {name}\"")).collect();
    let mut values: Vec<Value> = Vec::new();
    if members.len() > 1 {
        values.push(Value::Text(format!("{{{}}}", members.join(", "))));
    }
    values.extend(candidates(&[text], 0).iter().map(ValueBuf::to_value));
    for literal in literals {
        match literal {
            Value::Text(literal) => values.push(Value::Text(format!("x{literal}y"))),
            Value::Integer(length) => {
                let length = usize::try_from(length).ok().filter(|length| (MAX_LENGTH + 1..=LONGEST).contains(length));
                values.extend(length.map(|length| Value::Text("x".repeat(length + 1))));
            }
            _ => {}
        }
    }
    values
}

/// Adds values near a literal. Other literals of the expressions may be lengths, prefixes or suffixes.
fn add_neighbors(literal: &Value, literals: &[Value], values: &mut Vec<Value>) {
    match literal {
        Value::Integer(number) => {
            let near = [number.wrapping_sub(1), number.wrapping_add(1), number.wrapping_neg(), number.wrapping_mul(2)];
            values.extend(near.map(Value::Integer));
            if let Ok(length) = usize::try_from(*number)
                && length <= MAX_LENGTH
            {
                for length in [length.saturating_sub(1), length, length + 1] {
                    values.push(Value::Text("x".repeat(length)));
                    values.push(Value::Text("7".repeat(length)));
                    values.push(Value::Blob(vec![7; length]));
                }
            }
        }
        Value::Blob(bytes) => {
            // The literal may be the beginning of a longer blob.
            let lengths = literals.iter().filter_map(|other| match other {
                Value::Integer(length) => usize::try_from(*length).ok(),
                _ => None,
            });
            for length in lengths.filter(|length| (bytes.len() + 1..=MAX_LENGTH).contains(length)) {
                for last in 0..64 {
                    let mut longer = bytes.clone();
                    longer.resize(length - 1, 7);
                    longer.push(last);
                    values.push(Value::Blob(longer));
                }
            }
        }
        Value::Real(number) => values.extend([number - 0.5, number + 0.5].map(Value::Real)),
        Value::Text(text) => {
            // The literal may be a pattern.
            values.push(Value::Text(text.replace(['%', '_', '*', '?'], "x")));
            for other in literals {
                if let Value::Text(other) = other {
                    values.push(Value::Text(format!("{text}{other}")));
                    values.push(Value::Text(format!("{text}x{other}")));
                    let rest = text.strip_suffix(other.as_str()).or_else(|| text.strip_prefix(other.as_str()));
                    values.extend(rest.map(|rest| Value::Text(rest.to_owned())));
                }
            }
            // The literal may be a path into a JSON document.
            values.push(Value::Text(format!("{{\"{}\": 1}}", text.trim_start_matches("$."))));
            values.push(Value::Text(format!("{{\"{}\": \"x\"}}", text.trim_start_matches("$."))));
        }
        Value::Null => {}
    }
}
