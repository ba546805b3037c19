//! Texts of words and of letters, JSON, and times. A number that differs makes a text that differs.

use crate::data::values::value_buf::ValueBuf;
use crate::draw::Draw;

/// The characters of texts about which nothing is known.
pub(crate) const LETTERS_AND_DIGITS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

const WORDS: [&str; 64] = [
    "amber", "apple", "autumn", "basil", "birch", "breeze", "bridge", "candle", "cedar", "cherry", "cinder", "clover",
    "copper", "coral", "cotton", "dawn", "delta", "ember", "falcon", "fern", "field", "forest", "garden", "ginger",
    "glacier", "harbor", "hazel", "heron", "indigo", "island", "ivory", "jasmine", "juniper", "lantern", "lemon",
    "linen", "maple", "marble", "meadow", "mint", "north", "olive", "opal", "orchid", "pebble", "pepper", "pine",
    "plum", "quartz", "raven", "river", "saffron", "sage", "silver", "spruce", "stone", "summer", "thistle", "tulip",
    "valley", "velvet", "walnut", "willow", "winter",
];

/// Returns one of the words.
pub(crate) fn word(draw: &mut Draw) -> &'static str {
    WORDS[(draw.next() >> 58) as usize]
}

/// Writes words with spaces between them, of a length in these limits. With a number, writes a word, a hyphen and the
/// number.
pub(crate) fn words(draw: &mut Draw, min_length: u64, max_length: u64, number: Option<u64>, out: &mut ValueBuf) {
    out.start_text();
    let tail = number.map_or(0, |number| 1 + digits_of(number));
    let max_length = max_length.saturating_sub(tail).min(1 << 20);
    let min_length = min_length.saturating_sub(tail).min(max_length);
    let count = if number.is_some() { 1 } else { 1 + draw.below(3) };
    out.push_str(word(draw));
    for _ in 1..count {
        out.push_ascii(b' ');
        out.push_str(word(draw));
    }
    while (out.len() as u64) < min_length {
        out.push_ascii(b' ');
        out.push_str(word(draw));
    }
    if out.len() as u64 > max_length {
        out.truncate(max_length as usize);
        // An app may trim the end of a text.
        out.replace_last_blank(b'x');
    }
    if let Some(number) = number {
        out.push_ascii(b'-');
        out.push_number(number, 1);
    }
}

fn digits_of(number: u64) -> u64 {
    u64::from(number.checked_ilog10().unwrap_or(0)) + 1
}

/// Texts of the characters of an alphabet.
#[derive(Clone, Debug)]
pub(crate) struct Letters {
    pub(crate) alphabet: Vec<u8>,
    pub(crate) min_length: u64,
    pub(crate) max_length: u64,
}

impl Letters {
    /// Writes a text. With a number, writes the number with the alphabet as its digits.
    pub(crate) fn write(&self, draw: &mut Draw, number: Option<u64>, out: &mut ValueBuf) {
        let (min, max) = (self.min_length, self.max_length);
        out.start_text();
        let size = self.alphabet.len() as u64;
        let length = match number {
            // With several lengths, leading zeros would make two texts of one number.
            Some(_) => self.numbered_length(),
            None => min + draw.below(max.min(min.saturating_add(12).max(8)).saturating_sub(min) + 1),
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
            out.push_ascii(self.alphabet[digit as usize]);
        }
    }

    /// Returns the length of texts that have a number.
    fn numbered_length(&self) -> u64 {
        self.max_length.min(self.min_length.max(12)).min(1 << 20)
    }

    /// Returns the number of different texts that numbers make.
    pub(crate) fn capacity(&self) -> u64 {
        let places = self.numbered_length().min(64) as u32;
        (self.alphabet.len() as u64).saturating_pow(places)
    }
}

/// Writes a JSON array of this length: a number, then words.
pub(crate) fn write_list(draw: &mut Draw, items: u64, number: Option<u64>, out: &mut ValueBuf) {
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

/// Writes JSON of a type as `json_type` names it, or an object if any type will do.
pub(crate) fn write_json(draw: &mut Draw, kind: Option<&str>, number: Option<u64>, out: &mut ValueBuf) {
    out.start_text();
    let distinct = number.unwrap_or_else(|| draw.below(1000));
    match kind {
        Some("array") => write_list(draw, 2, Some(distinct), out),
        Some("integer") => out.push_number(distinct, 1),
        Some("real") => {
            out.push_number(distinct, 1);
            out.push_str(".5");
        }
        Some("text") => {
            out.push_ascii(b'"');
            out.push_str(word(draw));
            out.push_ascii(b'-');
            out.push_number(distinct, 1);
            out.push_ascii(b'"');
        }
        Some(word @ ("true" | "false" | "null")) => out.push_str(word),
        _ => {
            out.push_str("{\"");
            out.push_str(word(draw));
            out.push_str("\": ");
            out.push_number(distinct, 1);
            out.push_ascii(b'}');
        }
    }
}

/// Appends a text as a JSON string.
pub(crate) fn push_string(text: &str, out: &mut ValueBuf) {
    out.push_ascii(b'"');
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| matches!(c, '"' | '\\') || c.is_control()) {
        out.push_str(&rest[..at]);
        let c = rest[at..].chars().next().unwrap_or_default();
        out.push_str(&format!("\\u{:04x}", u32::from(c)));
        rest = &rest[at + c.len_utf8()..];
    }
    out.push_str(rest);
    out.push_ascii(b'"');
}

/// Times in a format of `strftime`.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    pub(crate) format: String,
    /// The first of them, in seconds since 1970.
    start: i64,
    /// The number of seconds among which they are drawn.
    span: u64,
    /// True if none comes after those.
    has_end: bool,
}

/// 2020-01-01, in seconds since 1970.
const TIME_START: i64 = 1_577_836_800;

/// The number of seconds of the years 2020 to 2025.
const TIME_SPAN: u64 = 189_388_800;

impl Times {
    /// Returns times from 2020 on.
    pub(crate) fn of(format: &str) -> Times {
        Times { format: format.to_owned(), start: TIME_START, span: TIME_SPAN, has_end: false }
    }

    /// Returns times between two seconds. `None` if there are none.
    pub(crate) fn between(format: &str, low: Option<i64>, high: Option<i64>) -> Option<Times> {
        let step = time_steps(format).0;
        // A day begins at midnight.
        let up = |low: i64| low.checked_add((-low).rem_euclid(step));
        let start = match (low, high) {
            (Some(low), _) => up(low)?,
            (None, Some(high)) => up(high.checked_sub(TIME_SPAN.cast_signed())?)?,
            (None, None) => TIME_START,
        };
        let span = match high {
            Some(high) => u64::try_from(high.checked_sub(start)?.checked_add(1)?).ok().filter(|span| *span > 0)?,
            None => TIME_SPAN,
        };
        Some(Times { format: format.to_owned(), start, span, has_end: high.is_some() })
    }

    pub(crate) fn write(&self, draw: &mut Draw, number: Option<u64>, out: &mut ValueBuf) {
        let seconds = match number {
            Some(number) => time_steps(&self.format).0 * number.cast_signed(),
            None => draw.below(self.span).cast_signed(),
        };
        write_time(self.start + seconds, &self.format, out);
    }

    /// Returns the number of different times that numbers make.
    pub(crate) fn capacity(&self) -> u64 {
        let (step, count) = time_steps(&self.format);
        if self.has_end { self.span.div_ceil(step.unsigned_abs()).min(count) } else { count }
    }
}

/// Returns the seconds since 1970 of a text like `2026-03-01`, `2026-03-01 12:34` or `2026-03-01T12:34:56Z`.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let of_day = match text.len() {
        10 => 0,
        _ => part(11, 13)? * 3600 + part(14, 16)? * 60 + if text.len() > 16 { part(17, 19)? } else { 0 },
    };
    // The inverse of `date`.
    let shifted = (month + 9) % 12;
    let year = year - i64::from(month <= 2);
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    let of_era = year.rem_euclid(400);
    let days = year.div_euclid(400) * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(days * 86_400 + of_day)
}

/// Returns a time as `datetime` writes it.
pub(crate) fn moment(seconds: i64) -> String {
    let mut text = ValueBuf::default();
    write_time(seconds, "%Y-%m-%d %H:%M:%S", &mut text);
    text.as_text().unwrap_or_default().to_owned()
}

/// Writes a time in a format of `strftime`.
fn write_time(seconds: i64, format: &str, out: &mut ValueBuf) {
    out.start_text();
    push_time(seconds, format, out);
}

fn push_time(seconds: i64, format: &str, out: &mut ValueBuf) {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400).cast_unsigned());
    let (year, month, day) = date(days);
    let mut rest = format;
    while let Some((text, after)) = rest.split_once('%') {
        out.push_str(text);
        let mut letters = after.chars();
        match letters.next() {
            Some('Y') => out.push_number(year, 4),
            Some('m') => out.push_number(month, 2),
            Some('d') => out.push_number(day, 2),
            Some('H') => out.push_number(second / 3600, 2),
            Some('M') => out.push_number(second / 60 % 60, 2),
            Some('S') => out.push_number(second % 60, 2),
            Some('f') => push_time(seconds, "%S.000", out),
            Some('F') => push_time(seconds, "%Y-%m-%d", out),
            Some('T') => push_time(seconds, "%H:%M:%S", out),
            Some('s') => out.push_number(seconds.unsigned_abs(), 1),
            Some(other) => out.push_str(other.encode_utf8(&mut [0; 4])),
            None => out.push_ascii(b'%'),
        }
        rest = letters.as_str();
    }
    out.push_str(rest);
}

/// Returns the number of seconds from one time to the next that reads differently in this format, and the number of such
/// steps in about a century, or in a day if the format has no date.
fn time_steps(format: &str) -> (i64, u64) {
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

/// Returns the year, month and day of a number of days since 1970, from the year 0 on. The calendar is Gregorian at all
/// times, as in SQLite (<https://howardhinnant.github.io/date_algorithms.html>).
pub(crate) fn date(days: i64) -> (u64, u64, u64) {
    // Years begin on March 1, so that a leap day is the last day of its year.
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
    use super::{moment, write_time};
    use crate::data::values::value_buf::ValueBuf;

    #[test]
    fn the_calendar_has_its_leap_days() {
        let mut value = ValueBuf::default();
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_583_020_799, "2020-02-29 23:59:59"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ] {
            write_time(seconds, "%Y-%m-%d %H:%M:%S", &mut value);
            assert_eq!(value.as_text(), Some(text));
            assert_eq!((super::seconds(text), moment(seconds)), (Some(seconds), text.to_owned()));
        }
        assert_eq!(super::seconds("2020-02-29"), Some(1_582_934_400));
        write_time(951_782_461, "%FT%TZ", &mut value);
        assert_eq!(value.as_text(), Some("2000-02-29T00:01:01Z"));
    }
}
