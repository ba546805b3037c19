//! Texts that match a GLOB pattern.

use std::iter::Peekable;
use std::str::Chars;

use crate::data::values::texts::{LETTERS_AND_DIGITS, word};
use crate::data::values::value_buf::ValueBuf;
use crate::draw::Draw;

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PatternPart {
    Literal(String),
    /// One of these characters.
    OneOf(Vec<u8>),
    /// Any number of any characters.
    Run,
}

/// Returns the ASCII characters of a GLOB set (`[a-z_]`); of an inverted one (`[^0-9]`), the letters and digits that it
/// matches. `None` if `pattern` is not a single set.
pub(crate) fn character_set(pattern: &str) -> Option<Vec<u8>> {
    let mut parts = parts(pattern)?;
    match parts.pop() {
        Some(PatternPart::OneOf(alphabet)) if parts.is_empty() => Some(alphabet),
        _ => None,
    }
}

/// Returns the parts of a GLOB pattern. `None` if one of its sets is never closed or is not ASCII.
pub(crate) fn parts(pattern: &str) -> Option<Vec<PatternPart>> {
    let mut found: Vec<PatternPart> = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' if found.last() == Some(&PatternPart::Run) => {}
            '*' => found.push(PatternPart::Run),
            '?' => found.push(PatternPart::OneOf(LETTERS_AND_DIGITS.to_vec())),
            '[' => match set(&mut chars)? {
                PatternPart::Literal(text) => text.chars().for_each(|c| push_literal(&mut found, c)),
                set => found.push(set),
            },
            c => push_literal(&mut found, c),
        }
    }
    Some(found)
}

/// Reads a set behind its opening bracket. A set of one character is that character.
fn set(chars: &mut Peekable<Chars<'_>>) -> Option<PatternPart> {
    let is_inverted = chars.next_if_eq(&'^').is_some();
    let mut members: Vec<char> = Vec::new();
    // A closing bracket that comes first is a member.
    if chars.next_if_eq(&']').is_some() {
        members.push(']');
    }
    loop {
        match chars.next()? {
            ']' => break,
            '-' if !members.is_empty() && chars.peek().is_some_and(|next| *next != ']') => {
                let (from, to) = (*members.last()?, chars.next()?);
                members.extend(from..=to);
            }
            member => members.push(member),
        }
    }
    let is_member = |byte: &u8| members.contains(&char::from(*byte));
    let alphabet: Vec<u8> = if is_inverted {
        LETTERS_AND_DIGITS.iter().copied().filter(|byte| !is_member(byte)).collect()
    } else {
        (0..128).filter(is_member).collect()
    };
    match (alphabet.as_slice(), members.as_slice()) {
        ([byte], [_]) => Some(PatternPart::Literal(char::from(*byte).into())),
        ([], [only]) if !is_inverted => Some(PatternPart::Literal((*only).into())),
        ([], _) => None,
        _ => Some(PatternPart::OneOf(alphabet)),
    }
}

fn push_literal(found: &mut Vec<PatternPart>, c: char) {
    match found.last_mut() {
        Some(PatternPart::Literal(text)) => text.push(c),
        _ => found.push(PatternPart::Literal(c.into())),
    }
}

/// Writes a text of at least `min_length` characters that matches a pattern. A number is written into the first run; in a
/// pattern without runs, it chooses the characters of the sets.
pub(crate) fn write(draw: &mut Draw, parts: &[PatternPart], min_length: u64, number: Option<u64>, out: &mut ValueBuf) {
    out.start_text();
    let fixed: u64 = parts.iter().map(fixed_length).sum();
    let mut missing = min_length.saturating_sub(fixed);
    let mut rest = number;
    let has_run = parts.contains(&PatternPart::Run);
    let mut is_first_run = true;
    for part in parts {
        match part {
            PatternPart::Literal(text) => out.push_str(text),
            PatternPart::OneOf(alphabet) => {
                let size = alphabet.len() as u64;
                let digit = match &mut rest {
                    Some(rest) if !has_run => {
                        let digit = *rest % size;
                        *rest /= size;
                        digit
                    }
                    _ => draw.below(size),
                };
                out.push_ascii(alphabet[digit as usize]);
            }
            PatternPart::Run => {
                if is_first_run {
                    if let Some(number) = number {
                        // The letter separates the number from digits in front of it.
                        out.push_ascii(b'n');
                        out.push_number(number, 1);
                        missing = missing.saturating_sub(2);
                    }
                    while missing > 0 {
                        let word = word(draw);
                        out.push_str(word);
                        missing = missing.saturating_sub(word.len() as u64);
                    }
                }
                if number.is_none() {
                    out.push_str(word(draw));
                }
                is_first_run = false;
            }
        }
    }
}

/// Returns the pattern with its runs replaced by sets of `letters`, if these are given or if `max_length` requires it.
pub(crate) fn bounded(
    parts: Vec<PatternPart>,
    min_length: u64,
    max_length: u64,
    letters: Option<&[u8]>,
) -> Vec<PatternPart> {
    /// The room that an unbounded run needs for its words.
    const RUN: u64 = 64;
    let fixed: u64 = parts.iter().map(fixed_length).sum();
    let least = min_length.max(fixed);
    if letters.is_none() && max_length >= least.saturating_add(RUN) {
        return parts;
    }
    let mut rest = max_length.min(least.max(fixed + 8)).saturating_sub(fixed);
    let letter = PatternPart::OneOf(letters.unwrap_or(LETTERS_AND_DIGITS).to_vec());
    let bounded = parts.into_iter().flat_map(|part| match part {
        PatternPart::Run => vec![letter.clone(); std::mem::take(&mut rest) as usize],
        other => vec![other],
    });
    bounded.collect()
}

fn fixed_length(part: &PatternPart) -> u64 {
    match part {
        PatternPart::Literal(text) => text.chars().count() as u64,
        PatternPart::OneOf(_) => 1,
        PatternPart::Run => 0,
    }
}

/// Returns the number of different texts that numbers make.
pub(crate) fn capacity(parts: &[PatternPart]) -> u64 {
    if parts.contains(&PatternPart::Run) {
        return u64::MAX;
    }
    parts.iter().fold(1, |all, part| match part {
        PatternPart::OneOf(alphabet) => all.saturating_mul(alphabet.len() as u64),
        _ => all,
    })
}

#[cfg(test)]
mod tests {
    use super::{PatternPart, character_set, parts};

    #[test]
    fn patterns_are_taken_apart() {
        let text = |text: &str| PatternPart::Literal(text.to_owned());
        assert_eq!(parts("a*b"), Some(vec![text("a"), PatternPart::Run, text("b")]));
        assert_eq!(parts("[*]x[]]"), Some(vec![text("*x]")]));
        assert_eq!(parts("[0-2a]"), Some(vec![PatternPart::OneOf(b"012a".to_vec())]));
        assert_eq!(parts("a[b"), None);
        assert_eq!(character_set("[^b-z0-9]"), Some(b"a".to_vec()));
        assert_eq!(character_set("[^c-z0-9]"), Some(b"ab".to_vec()));
    }
}
