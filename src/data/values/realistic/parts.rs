//! Parts of values: words and phrases from the lists; numbers and times in the form that a column stores.

use crate::data::values::realistic::kind::{NumberRange, Period, TimeFormat};
use crate::data::values::realistic::lists::{ADJECTIVES, NOUNS, Words};
use crate::data::values::stored_type::StoredType;
use crate::data::values::texts::date as calendar;
use crate::data::values::value_buf::ValueBuf;
use crate::draw::Draw;

/// Draws a word. Some of the words of `fake` end in white space, which is left out.
pub(super) fn pick(words: Words, draw: &mut Draw) -> &'static str {
    let word = words[draw.below(words.len() as u64) as usize];
    if word.as_bytes()[word.len() - 1] <= b' ' { word.trim_end() } else { word }
}

pub(super) fn adjective(choice: u64) -> &'static str {
    ADJECTIVES[(choice & 63) as usize]
}

pub(super) fn noun(choice: u64) -> &'static str {
    NOUNS[(choice >> 6 & 63) as usize]
}

/// Appends an adjective and a noun.
pub(super) fn phrase(between: &str, draw: &mut Draw, out: &mut ValueBuf) {
    let choice = draw.next();
    two(adjective(choice), between, noun(choice), out);
}

pub(super) fn two(first: &str, between: &str, second: &str, out: &mut ValueBuf) {
    out.push_str(first);
    out.push_str(between);
    out.push_str(second);
}

/// Appends an ASCII word with a capital first letter.
pub(super) fn capital(word: &str, out: &mut ValueBuf) {
    out.push_ascii(word.as_bytes()[0].to_ascii_uppercase());
    out.push_str(&word[1..]);
}

/// A prime number that divides none of the ranges: multiplication by it is a bijection modulo each range.
const PRIME: u64 = 48_271;

pub(super) fn a_number(
    number: NumberRange,
    stored_type: StoredType,
    draw: &mut Draw,
    unique: Option<u64>,
    out: &mut ValueBuf,
) {
    let range = number.high.abs_diff(number.low) + 1;
    let value = number.low.wrapping_add(scattered_or_drawn(draw, unique, range) as i64);
    let unit = match number.decimals {
        0 => 1,
        2 => 100,
        _ => 1_000_000,
    };
    if stored_type == StoredType::Text {
        out.start_text();
        if value < 0 {
            out.push_ascii(b'-');
        }
        out.push_number(value.unsigned_abs() / unit, 1);
        if unit > 1 {
            out.push_ascii(b'.');
            out.push_number(value.unsigned_abs() % unit, usize::from(number.decimals));
        }
    } else if stored_type == StoredType::Real
        || value % unit as i64 != 0
        || (stored_type == StoredType::Any && unit > 1)
    {
        out.set_real(value as f64 / unit as f64);
    } else {
        // NUMERIC converts 12.0 to 12.
        out.set_integer(value / unit as i64);
    }
}

pub(super) fn moment(format: TimeFormat, period: Period, draw: &mut Draw, unique: Option<u64>, out: &mut ValueBuf) {
    let (start, length) = period.seconds();
    let range = match format {
        TimeFormat::Date => length / 86_400,
        TimeFormat::TimeOfDay => 86_400,
        _ => length,
    };
    let number = scattered_or_drawn(draw, unique, range);
    // The number of a time of day has no limit.
    let seconds = start.wrapping_add_unsigned(number);
    match format {
        TimeFormat::Seconds => out.set_integer(seconds),
        TimeFormat::Milliseconds => out.set_integer(seconds * 1000 + draw.below(1000) as i64),
        TimeFormat::Microseconds => out.set_integer(seconds * 1_000_000 + draw.below(1_000_000) as i64),
        TimeFormat::Nanoseconds => out.set_integer(seconds * 1_000_000_000 + draw.below(1_000_000_000) as i64),
        TimeFormat::SecondsReal => out.set_real(seconds as f64),
        TimeFormat::Julian => out.set_real(2_440_587.5 + seconds as f64 / 86_400.0),
        TimeFormat::Date => {
            out.start_text();
            out.push_bytes(&date(start / 86_400 + number as i64));
        }
        TimeFormat::TimeOfDay => {
            out.start_text();
            out.push_bytes(&time_of_day((number % 86_400) as u32));
            if number >= 86_400 {
                out.push_ascii(b'.');
                out.push_number(number / 86_400, 3);
            }
        }
        TimeFormat::DateTime => {
            out.start_text();
            out.push_bytes(&date(seconds.div_euclid(86_400)));
            out.push_ascii(b' ');
            out.push_bytes(&time_of_day(seconds.rem_euclid(86_400) as u32));
        }
    }
}

/// Returns a date like `2026-03-01` from days since 1970.
fn date(days: i64) -> [u8; 10] {
    let (year, month, day) = calendar(days);
    let (century, year) = (pair((year / 100) as u32), pair((year % 100) as u32));
    let (month, day) = (pair(month as u32), pair(day as u32));
    [century[0], century[1], year[0], year[1], b'-', month[0], month[1], b'-', day[0], day[1]]
}

fn time_of_day(seconds: u32) -> [u8; 8] {
    let (hour, minute, second) = (pair(seconds / 3600), pair(seconds / 60 % 60), pair(seconds % 60));
    [hour[0], hour[1], b':', minute[0], minute[1], b':', second[0], second[1]]
}

fn pair(number: u32) -> [u8; 2] {
    [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]
}

/// Maps the numbers below `range` to each other, so that they look random. Numbers beyond it stay the same.
pub(super) fn scattered(number: u64, range: u64) -> u64 {
    if number < range && range < u64::MAX / PRIME { number * PRIME % range } else { number }
}

/// Returns a number below `range`, drawn or [`scattered`]. A number of a row beyond it stays the same.
pub(super) fn scattered_or_drawn(draw: &mut Draw, unique: Option<u64>, range: u64) -> u64 {
    match unique {
        Some(number) => scattered(number, range),
        None => draw.below(range),
    }
}

/// Returns the number of the row, or a drawn one below `end`.
pub(super) fn given_or_drawn(draw: &mut Draw, unique: Option<u64>, end: u64) -> u64 {
    match unique {
        Some(number) => number,
        None => draw.below(end),
    }
}
