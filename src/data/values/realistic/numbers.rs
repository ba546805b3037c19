//! Writes numbers and times, in the form that a column keeps.

use super::kind::{Form, Number, Span};
use crate::data::ValueBuf;
use crate::data::values::stored_type::StoredType;
use crate::draw::Draw;

/// A prime number that divides none of the ranges: multiplied by it, modulo a range, each number of it becomes another one.
const PRIME: u64 = 48_271;

pub(super) fn a_number(
    number: Number,
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
        // NUMERIC would turn 12.0 into 12.
        out.set_integer(value / unit as i64);
    }
}

pub(super) fn moment(form: Form, span: Span, draw: &mut Draw, unique: Option<u64>, out: &mut ValueBuf) {
    let (start, length) = span.seconds();
    if form == Form::Date || form == Form::TimeOfDay {
        let range = if form == Form::Date { length / 86_400 } else { 86_400 };
        let number = match unique {
            Some(number) => scattered(number, range),
            None => draw.below(range),
        };
        out.start_text();
        if form == Form::Date {
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
    match form {
        Form::Seconds => out.set_integer(seconds),
        Form::Milliseconds => out.set_integer(seconds * 1000 + draw.below(1000) as i64),
        Form::Microseconds => out.set_integer(seconds * 1_000_000 + draw.below(1_000_000) as i64),
        Form::Nanoseconds => out.set_integer(seconds * 1_000_000_000 + draw.below(1_000_000_000) as i64),
        Form::SecondsReal => out.set_real(seconds as f64),
        Form::Julian => out.set_real(2_440_587.5 + seconds as f64 / 86_400.0),
        Form::DateTime | Form::Date | Form::TimeOfDay => {
            out.start_text();
            out.push_bytes(&date(seconds.div_euclid(86_400)));
            out.push_ascii(b' ');
            out.push_bytes(&time_of_day(seconds.rem_euclid(86_400) as u32));
        }
    }
}

/// `2026-03-01` of days since 1970. The calendar is the one of SQLite's functions, Gregorian at all times.
fn date(days: i64) -> [u8; 10] {
    // Counted from the first of March of the year 0, so that a leap day is the last day of its year.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month < 3);
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

/// Another number of the same range for each number of a range; numbers beyond it stay.
pub(super) fn scattered(number: u64, range: u64) -> u64 {
    if number < range && range < u64::MAX / PRIME { number * PRIME % range } else { number }
}
