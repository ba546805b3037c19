//! Writes numbers and times, in the form that a column stores.

use crate::data::values::realistic::kind::{NumberRange, Period, TimeFormat};
use crate::data::values::stored_type::StoredType;
use crate::data::values::time::date as calendar;
use crate::data::values::value_buf::ValueBuf;
use crate::draw::Draw;

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
    let above = match unique {
        Some(unique) => scattered(unique, range),
        None => draw.below(range),
    };
    let value = number.low.wrapping_add(above as i64);
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
    if format == TimeFormat::Date || format == TimeFormat::TimeOfDay {
        let range = if format == TimeFormat::Date { length / 86_400 } else { 86_400 };
        let number = match unique {
            Some(number) => scattered(number, range),
            None => draw.below(range),
        };
        out.start_text();
        if format == TimeFormat::Date {
            let date = date(start / 86_400 + number as i64);
            out.push_bytes(&date);
        } else {
            out.push_bytes(&time_of_day((number % 86_400) as u32));
            if number >= 86_400 {
                out.push_ascii(b'.');
                out.push_number(number / 86_400, 3);
            }
        }
        return;
    }
    let seconds = start
        + match unique {
            Some(number) => scattered(number, length) as i64,
            None => draw.below(length) as i64,
        };
    match format {
        TimeFormat::Seconds => out.set_integer(seconds),
        TimeFormat::Milliseconds => out.set_integer(seconds * 1000 + draw.below(1000) as i64),
        TimeFormat::Microseconds => out.set_integer(seconds * 1_000_000 + draw.below(1_000_000) as i64),
        TimeFormat::Nanoseconds => out.set_integer(seconds * 1_000_000_000 + draw.below(1_000_000_000) as i64),
        TimeFormat::SecondsReal => out.set_real(seconds as f64),
        TimeFormat::Julian => out.set_real(2_440_587.5 + seconds as f64 / 86_400.0),
        TimeFormat::DateTime | TimeFormat::Date | TimeFormat::TimeOfDay => {
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
