//! Times as texts, in the formats of `strftime`.

use crate::data::values::value_buf::ValueBuf;

/// The first second of the times: 2020-01-01, in seconds since 1970.
pub(crate) const START: i64 = 1_577_836_800;

/// The number of seconds of the years 2020 to 2025.
pub(crate) const SPAN: u64 = 189_388_800;

/// Writes a time in a format of `strftime`.
pub(crate) fn write(seconds: i64, format: &str, out: &mut ValueBuf) {
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

/// Returns the number of seconds from one time to the next that reads differently in this format, and the number of such
/// steps in about a century, or in a day if the format has no date.
pub(crate) fn steps(format: &str) -> (i64, u64) {
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
    use super::write;
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
            write(seconds, "%Y-%m-%d %H:%M:%S", &mut value);
            assert_eq!(value.as_text(), Some(text));
        }
        write(951_782_461, "%FT%TZ", &mut value);
        assert_eq!(value.as_text(), Some("2000-02-29T00:01:01Z"));
    }
}
