//! Texts that are made: words, patterns, times, JSON. A number that differs makes a text that differs.

use crate::draw::Draw;

use crate::data::values::value_buf::ValueBuf;

/// What words are made of.
pub(crate) const PLAIN: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

const WORDS: [&str; 64] = [
    "amber", "apple", "autumn", "basil", "birch", "breeze", "bridge", "candle", "cedar", "cherry", "cinder", "clover",
    "copper", "coral", "cotton", "dawn", "delta", "ember", "falcon", "fern", "field", "forest", "garden", "ginger",
    "glacier", "harbor", "hazel", "heron", "indigo", "island", "ivory", "jasmine", "juniper", "lantern", "lemon",
    "linen", "maple", "marble", "meadow", "mint", "north", "olive", "opal", "orchid", "pebble", "pepper", "pine",
    "plum", "quartz", "raven", "river", "saffron", "sage", "silver", "spruce", "stone", "summer", "thistle", "tulip",
    "valley", "velvet", "walnut", "willow", "winter",
];

/// One word.
pub(crate) fn word(draw: &mut Draw) -> &'static str {
    WORDS[(draw.next() >> 58) as usize]
}

/// Words with spaces between them, of a length in these limits. With a number: words, a hyphen and the number.
pub(crate) fn words(draw: &mut Draw, shortest: u64, longest: u64, number: Option<u64>, out: &mut ValueBuf) {
    out.start_text();
    let tail = number.map_or(0, |number| 1 + decimals(number));
    let longest = longest.saturating_sub(tail).min(1 << 20);
    let shortest = shortest.saturating_sub(tail).min(longest);
    let count = if number.is_some() { 1 } else { 1 + draw.below(3) };
    out.push_str(word(draw));
    for _ in 1..count {
        out.push_ascii(b' ');
        out.push_str(word(draw));
    }
    while (out.len() as u64) < shortest {
        out.push_ascii(b' ');
        out.push_str(word(draw));
    }
    if out.len() as u64 > longest {
        out.truncate(longest as usize);
        // What a text ends with may be trimmed.
        out.replace_last_blank(b'x');
    }
    if let Some(number) = number {
        out.push_ascii(b'-');
        out.push_number(number, 1);
    }
}

fn decimals(number: u64) -> u64 {
    u64::from(number.checked_ilog10().unwrap_or(0)) + 1
}

/// Characters of an alphabet. With a number: the number in that alphabet, behind others.
pub(crate) fn letters(
    draw: &mut Draw,
    alphabet: &[u8],
    shortest: u64,
    longest: u64,
    number: Option<u64>,
    out: &mut ValueBuf,
) {
    out.start_text();
    let size = alphabet.len() as u64;
    let length = match number {
        // One length for all of them, or a number could be told in two ways.
        Some(_) => width(shortest, longest),
        None => shortest + draw.below(longest.min(shortest.saturating_add(12).max(8)).saturating_sub(shortest) + 1),
    };
    if size == 0 {
        return;
    }
    for at in 0..length {
        let digit = match number {
            Some(number) => {
                let place = length - 1 - at;
                if place > 40 { 0 } else { (number / size.saturating_pow(place as u32)) % size }
            }
            None => draw.below(size),
        };
        out.push_ascii(alphabet[digit as usize]);
    }
}

/// How long texts are that are told apart by all of their characters.
fn width(shortest: u64, longest: u64) -> u64 {
    longest.min(shortest.max(12)).min(1 << 20)
}

/// How many texts of these characters and lengths differ.
pub(crate) fn letters_capacity(alphabet: &[u8], shortest: u64, longest: u64) -> u64 {
    let places = width(shortest, longest).min(64) as u32;
    (alphabet.len() as u64).saturating_pow(places)
}

/// The ASCII characters that a set of GLOB's (`[a-z_]`, `[^0-9]`) matches, if `pattern` is one set and nothing else.
pub(crate) fn set(pattern: &str) -> Option<Vec<u8>> {
    let mut pieces = pieces(pattern)?;
    match pieces.pop() {
        Some(Piece::One(alphabet)) if pieces.is_empty() => Some(alphabet),
        _ => None,
    }
}

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece {
    Text(String),
    /// One of these characters.
    One(Vec<u8>),
    /// Any number of any characters.
    Run,
}

/// The parts of a GLOB pattern. `None` for a set that is never closed.
pub(crate) fn pieces(pattern: &str) -> Option<Vec<Piece>> {
    let mut found: Vec<Piece> = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' => {
                if found.last() != Some(&Piece::Run) {
                    found.push(Piece::Run);
                }
            }
            '?' => found.push(Piece::One(PLAIN.to_vec())),
            '[' => {
                let inverted = chars.next_if_eq(&'^').is_some();
                let mut members: Vec<char> = Vec::new();
                // A bracket that comes first is a member.
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
                let alphabet: Vec<u8> = if inverted {
                    PLAIN.iter().copied().filter(|byte| !is_member(byte)).collect()
                } else {
                    (0..128).filter(is_member).collect()
                };
                match (alphabet.as_slice(), members.as_slice()) {
                    // A character in brackets stands for itself.
                    ([byte], [_]) => push_text(&mut found, char::from(*byte)),
                    ([], [only]) if !inverted => push_text(&mut found, *only),
                    ([], _) => return None,
                    _ => found.push(Piece::One(alphabet)),
                }
            }
            c => push_text(&mut found, c),
        }
    }
    Some(found)
}

fn push_text(found: &mut Vec<Piece>, c: char) {
    match found.last_mut() {
        Some(Piece::Text(text)) => text.push(c),
        _ => found.push(Piece::Text(c.into())),
    }
}

/// A text that matches a pattern, at least so long. With a number: the number in its first run, or in its places.
pub(crate) fn matching(draw: &mut Draw, pieces: &[Piece], shortest: u64, number: Option<u64>, out: &mut ValueBuf) {
    out.start_text();
    let fixed: u64 = pieces.iter().map(fixed_length).sum();
    let mut missing = shortest.saturating_sub(fixed);
    let mut rest = number;
    let has_run = pieces.contains(&Piece::Run);
    let mut first_run = true;
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::One(alphabet) => {
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
            Piece::Run => {
                if first_run {
                    if let Some(number) = number {
                        // The letter tells where the digits begin, whatever stands before.
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
                first_run = false;
            }
        }
    }
}

/// A pattern whose runs are of these letters, if any are named, and such that no text is longer than `longest`.
pub(crate) fn within(pieces: Vec<Piece>, shortest: u64, longest: u64, letters: Option<&[u8]>) -> Vec<Piece> {
    /// A run is a few words, or as many as it takes.
    const ROOMY: u64 = 64;
    let fixed: u64 = pieces.iter().map(fixed_length).sum();
    let least = shortest.max(fixed);
    if letters.is_none() && longest >= least.saturating_add(ROOMY) {
        return pieces;
    }
    let mut rest = longest.min(least.max(fixed + 8)).saturating_sub(fixed);
    let letter = Piece::One(letters.unwrap_or(PLAIN).to_vec());
    let mut bounded = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Run => bounded.extend(std::iter::repeat_n(letter.clone(), std::mem::take(&mut rest) as usize)),
            other => bounded.push(other),
        }
    }
    bounded
}

fn fixed_length(piece: &Piece) -> u64 {
    match piece {
        Piece::Text(text) => text.chars().count() as u64,
        Piece::One(_) => 1,
        Piece::Run => 0,
    }
}

/// How many texts that match a pattern differ.
pub(crate) fn matching_capacity(pieces: &[Piece]) -> u64 {
    if pieces.contains(&Piece::Run) {
        return u64::MAX;
    }
    pieces.iter().fold(1, |all, piece| match piece {
        Piece::One(alphabet) => all.saturating_mul(alphabet.len() as u64),
        _ => all,
    })
}

/// A number in letters and digits, with a fixed count of them.
pub(crate) fn hex(number: u64, out: &mut ValueBuf) {
    for place in (0..16).rev() {
        out.push_ascii(DIGITS_OF_HEX[(number >> (place * 4) & 15) as usize]);
    }
}

const DIGITS_OF_HEX: &[u8; 16] = b"0123456789abcdef";

/// A JSON array of so many: a number, and words.
pub(crate) fn list(draw: &mut Draw, items: u64, number: Option<u64>, out: &mut ValueBuf) {
    out.start_text();
    out.push_ascii(b'[');
    for item in 0..items {
        if item == 0 {
            out.push_number(number.unwrap_or_else(|| draw.below(1000)), 1);
        } else {
            out.push_str(", \"");
            out.push_str(word(draw));
            out.push_ascii(b'"');
        }
    }
    out.push_ascii(b']');
}

/// JSON of a type as `json_type` calls it; an object where any will do.
pub(crate) fn json(draw: &mut Draw, kind: Option<&str>, number: Option<u64>, out: &mut ValueBuf) {
    out.start_text();
    let unlike = number.unwrap_or_else(|| draw.below(1000));
    match kind {
        Some("array") => list(draw, 2, Some(unlike), out),
        Some("integer") => out.push_number(unlike, 1),
        Some("real") => {
            out.push_number(unlike, 1);
            out.push_str(".5");
        }
        Some("text") => {
            out.push_ascii(b'"');
            out.push_str(word(draw));
            out.push_ascii(b'-');
            out.push_number(unlike, 1);
            out.push_ascii(b'"');
        }
        Some(word @ ("true" | "false" | "null")) => out.push_str(word),
        _ => {
            out.push_str("{\"");
            out.push_str(word(draw));
            out.push_str("\": ");
            out.push_number(unlike, 1);
            out.push_ascii(b'}');
        }
    }
}

/// The first second that is made: 2020-01-01.
pub(crate) const EPOCH: i64 = 1_577_836_800;

/// Seconds of the years from 2020 to 2025.
pub(crate) const SPAN: u64 = 189_388_800;

/// A time, as `strftime` writes it in this format.
pub(crate) fn time(seconds: i64, format: &str, out: &mut ValueBuf) {
    out.start_text();
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400).cast_unsigned());
    let (year, month, day) = date(days);
    let bytes = format.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'%' || at + 1 == bytes.len() {
            let end = bytes[at + 1..].iter().position(|byte| *byte == b'%').map_or(bytes.len(), |found| at + 1 + found);
            out.push_str(&format[at..end]);
            at = end;
            continue;
        }
        match bytes[at + 1] {
            b'Y' => out.push_number(year, 4),
            b'm' => out.push_number(month, 2),
            b'd' => out.push_number(day, 2),
            b'H' => out.push_number(second / 3600, 2),
            b'M' => out.push_number(second / 60 % 60, 2),
            b'S' => out.push_number(second % 60, 2),
            b'f' => {
                out.push_number(second % 60, 2);
                out.push_str(".000");
            }
            b'F' => {
                out.push_number(year, 4);
                out.push_ascii(b'-');
                out.push_number(month, 2);
                out.push_ascii(b'-');
                out.push_number(day, 2);
            }
            b'T' => {
                out.push_number(second / 3600, 2);
                out.push_ascii(b':');
                out.push_number(second / 60 % 60, 2);
                out.push_ascii(b':');
                out.push_number(second % 60, 2);
            }
            b's' => out.push_number(seconds.unsigned_abs(), 1),
            other => out.push_ascii(other & 0x7f),
        }
        at += 2;
    }
}

/// How long one step is, so that each gives another text, and how many steps a century or a day has.
pub(crate) fn time_steps(format: &str) -> (i64, u64) {
    let has = |parts: &[&str]| parts.iter().any(|part| format.contains(part));
    let has_date = has(&["%d", "%F", "%j"]);
    if has(&["%S", "%T", "%f", "%s"]) {
        (1, if has_date || has(&["%s"]) { 3_000_000_000 } else { 86_400 })
    } else if has(&["%M"]) {
        (60, if has_date { 50_000_000 } else { 1_440 })
    } else if has(&["%H"]) {
        (3_600, if has_date { 800_000 } else { 24 })
    } else if has_date {
        (86_400, 36_000)
    } else if has(&["%m"]) {
        (2_678_400, 12)
    } else {
        (31_622_400, 90)
    }
}

/// Year, month and day of a count of days since 1970, after 1970 (<https://howardhinnant.github.io/date_algorithms.html>).
fn date(days: i64) -> (u64, u64, u64) {
    let days = (days + 719_468).max(0).cast_unsigned();
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::{Piece, pieces, set, time};
    use crate::data::values::value_buf::ValueBuf;

    #[test]
    fn the_calendar_has_its_leap_days() {
        let mut made = ValueBuf::default();
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_583_020_799, "2020-02-29 23:59:59"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ] {
            time(seconds, "%Y-%m-%d %H:%M:%S", &mut made);
            assert_eq!(made.as_text(), Some(text));
        }
        time(951_782_461, "%FT%TZ", &mut made);
        assert_eq!(made.as_text(), Some("2000-02-29T00:01:01Z"));
    }

    #[test]
    fn patterns_are_taken_apart() {
        let text = |text: &str| Piece::Text(text.to_owned());
        assert_eq!(pieces("a*b"), Some(vec![text("a"), Piece::Run, text("b")]));
        assert_eq!(pieces("[*]x[]]"), Some(vec![text("*x]")]));
        assert_eq!(pieces("[0-2a]"), Some(vec![Piece::One(b"012a".to_vec())]));
        assert_eq!(pieces("a[b"), None);
        assert_eq!(set("[^b-z0-9]"), Some(b"a".to_vec()));
        assert_eq!(set("[^c-z0-9]"), Some(b"ab".to_vec()));
    }
}
