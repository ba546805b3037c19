//! Simpler values: no value, the DEFAULT, small numbers, short texts of plain letters.

use rusqlite::types::Value;

use super::template_database::Replacements;
use crate::data::values::value_buf::{ValueBuf, ValueKind};
use crate::order::Order as _;

/// The simplicity of a value. Each step leads to a simpler value, so that shrinking ends.
type Weight = (u8, u128, Vec<u32>);

/// Returns values to try in place of this one, the simplest first.
pub(super) fn simpler_values(value: &ValueBuf, replacements: &Replacements, rows: usize) -> Vec<ValueBuf> {
    let mut found: Vec<ValueBuf> = replacements.nullable.then(ValueBuf::default).into_iter().collect();
    found.extend(replacements.default.clone());
    let mut named = replacements.named.clone();
    named.order_by_key(|made| weight(made, replacements));
    let made_up: Vec<Value> = match value.kind() {
        ValueKind::Null => Vec::new(),
        ValueKind::Integer(number) => integers(number, rows).into_iter().map(Value::Integer).collect(),
        ValueKind::Real(number) => reals(number).into_iter().map(Value::Real).collect(),
        ValueKind::Text => texts(value.as_text().unwrap_or_default(), rows).into_iter().map(Value::Text).collect(),
        ValueKind::Blob => blobs(value.as_bytes().unwrap_or_default()).into_iter().map(Value::Blob).collect(),
    };
    found.extend(made_up.iter().map(ValueBuf::from));
    // A value that a CHECK names is more likely to be accepted than a made-up one.
    let made_up = found.split_off(found.len().min(2));
    found.extend(named);
    found.extend(made_up);
    let own = weight(value, replacements);
    let mut distinct: Vec<ValueBuf> = Vec::new();
    for made in found {
        if weight(&made, replacements) < own && !distinct.contains(&made) {
            distinct.push(made);
        }
    }
    distinct
}

fn integers(number: i64, rows: usize) -> Vec<i64> {
    // One value for each row that has to differ.
    let mut found: Vec<i64> = (0..=i64::try_from(rows.min(8)).unwrap_or(8)).collect();
    if number < 0 {
        found.push(number.saturating_neg());
    }
    let mut half = number / 2;
    while half != 0 {
        found.push(number - half);
        half /= 2;
    }
    found.push(number.saturating_sub(number.signum()));
    found
}

fn reals(number: f64) -> Vec<f64> {
    let mut found = vec![0.0, 1.0, -number, number.trunc()];
    let mut half = number / 2.0;
    // A double has 53 digits.
    for _ in 0..53 {
        found.push((number - half).trunc());
        half /= 2.0;
        if half.abs() < 1.0 {
            break;
        }
    }
    found.extend([number.trunc() - number.signum(), number / 2.0]);
    found.retain(|number| number.is_finite());
    found
}

fn texts(text: &str, rows: usize) -> Vec<String> {
    let mut found = vec![String::new()];
    found.extend("abcdefgh".chars().take(rows.clamp(1, 8)).map(String::from));
    let letters: Vec<char> = text.chars().collect();
    let without = |from: usize, to: usize| letters[..from].iter().chain(&letters[to..]).collect::<String>();
    let mut part = letters.len() / 2;
    while part > 0 {
        // Without its end, its beginning, its middle.
        let middle = letters.len() / 2 - part / 2;
        for at in [letters.len() - part, 0, middle] {
            found.push(without(at, at + part));
        }
        part /= 2;
    }
    if letters.len() > 64 {
        return found;
    }
    found.push("a".repeat(letters.len()));
    for at in 0..letters.len() {
        for plain in ['a', '0'] {
            let mut changed = letters.clone();
            changed[at] = plain;
            found.push(changed.iter().collect());
        }
        found.push(without(at, at + 1));
    }
    found
}

fn blobs(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = vec![Vec::new(), vec![0]];
    let mut part = bytes.len() / 2;
    while part > 0 {
        found.push(bytes[..bytes.len() - part].to_vec());
        part /= 2;
    }
    found.push(vec![0; bytes.len()]);
    found
}

fn weight(made: &ValueBuf, replacements: &Replacements) -> Weight {
    let kind = made.kind();
    if replacements.default.as_ref() == Some(made) && kind != ValueKind::Null {
        return (1, 0, Vec::new());
    }
    match kind {
        ValueKind::Null => (0, 0, Vec::new()),
        // A rowid of 0 is unusual, not simple.
        ValueKind::Integer(0) if replacements.counts => (2, u128::MAX, Vec::new()),
        ValueKind::Integer(number) => (2, u128::from(number.unsigned_abs()) * 2 + u128::from(number < 0), Vec::new()),
        ValueKind::Real(number) => {
            let broken = u128::from(number.fract() != 0.0) << 80;
            (3, broken + u128::from(number.abs().to_bits()) * 2 + u128::from(number.is_sign_negative()), Vec::new())
        }
        ValueKind::Text => {
            let letters: Vec<u32> = made.as_text().unwrap_or_default().chars().map(plainness).collect();
            (4, letters.len() as u128, letters)
        }
        ValueKind::Blob => {
            let bytes = made.as_bytes().unwrap_or_default();
            (5, bytes.len() as u128, bytes.iter().map(|byte| u32::from(*byte)).collect())
        }
    }
}

/// Small letters are plainer than digits, these than capitals, and these than everything else.
fn plainness(letter: char) -> u32 {
    match letter {
        'a'..='z' => letter as u32 - 'a' as u32,
        '0'..='9' => 100 + letter as u32,
        'A'..='Z' => 200 + letter as u32,
        _ => 300 + letter as u32,
    }
}
