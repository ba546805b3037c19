//! Simpler values: no value, the DEFAULT, small numbers, short texts of plain letters.

use super::template_database::Replacements;
use crate::data::values::value_buf::{ValueBuf, ValueKind};

/// The simplicity of a value. Each step leads to a simpler value, so that shrinking ends.
type Weight = (u8, u128, Vec<u32>);

/// Returns values to try in place of this one, the simplest first.
pub(super) fn simpler_values(value: &ValueBuf, replacements: &Replacements, rows: usize) -> Vec<ValueBuf> {
    let mut found: Vec<ValueBuf> = Vec::new();
    if replacements.nullable {
        found.push(ValueBuf::default());
    }
    found.extend(replacements.default.clone());
    let mut named = replacements.named.clone();
    named.sort_by_key(|made| weight(made, replacements));
    match value.kind() {
        ValueKind::Null => {}
        ValueKind::Integer(number) => integers(number, rows, &mut found),
        ValueKind::Real(number) => reals(number, &mut found),
        ValueKind::Text => texts(value.as_text().unwrap_or_default(), rows, &mut found),
        ValueKind::Blob => blobs(value, &mut found),
    }
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

fn integers(number: i64, rows: usize, found: &mut Vec<ValueBuf>) {
    let mut add = |number: i64| {
        let mut made = ValueBuf::default();
        made.set_integer(number);
        found.push(made);
    };
    // One value for each row that has to differ.
    (0..=i64::try_from(rows.min(8)).unwrap_or(8)).for_each(&mut add);
    if number < 0 {
        add(number.saturating_neg());
    }
    let mut half = number / 2;
    while half != 0 {
        add(number - half);
        half /= 2;
    }
    add(number.saturating_sub(number.signum()));
}

fn reals(number: f64, found: &mut Vec<ValueBuf>) {
    let mut add = |number: f64| {
        let mut made = ValueBuf::default();
        made.set_real(number);
        if number.is_finite() {
            found.push(made);
        }
    };
    [0.0, 1.0, -number, number.trunc()].into_iter().for_each(&mut add);
    let mut half = number / 2.0;
    // A double has 53 digits.
    for _ in 0..53 {
        add((number - half).trunc());
        half /= 2.0;
        if half.abs() < 1.0 {
            break;
        }
    }
    add(number.trunc() - number.signum());
    add(number / 2.0);
}

fn texts(text: &str, rows: usize, found: &mut Vec<ValueBuf>) {
    let mut add = |text: &str| {
        let mut made = ValueBuf::default();
        made.set_text(text);
        found.push(made);
    };
    add("");
    for letter in "abcdefgh".chars().take(rows.clamp(1, 8)) {
        add(&letter.to_string());
    }
    let letters: Vec<char> = text.chars().collect();
    let mut part = letters.len() / 2;
    while part > 0 {
        // Without its end, its beginning, its middle.
        add(&letters[..letters.len() - part].iter().collect::<String>());
        add(&letters[part..].iter().collect::<String>());
        let at = letters.len() / 2 - part / 2;
        add(&letters[..at].iter().chain(&letters[at + part..]).collect::<String>());
        part /= 2;
    }
    if letters.len() > 64 {
        return;
    }
    add(&"a".repeat(letters.len()));
    for at in 0..letters.len() {
        for plain in ['a', '0'] {
            let mut changed = letters.clone();
            changed[at] = plain;
            add(&changed.iter().collect::<String>());
        }
        add(&letters[..at].iter().chain(&letters[at + 1..]).collect::<String>());
    }
}

fn blobs(value: &ValueBuf, found: &mut Vec<ValueBuf>) {
    let Some(bytes) = value.as_bytes() else { return };
    let mut add = |bytes: &[u8]| {
        let mut made = ValueBuf::default();
        made.set_blob(bytes);
        found.push(made);
    };
    add(&[]);
    add(&[0]);
    let mut part = bytes.len() / 2;
    while part > 0 {
        add(&bytes[..bytes.len() - part]);
        part /= 2;
    }
    add(&vec![0; bytes.len()]);
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
