//! Edge cases: valid values that often break apps.

use crate::data::values::stored_type::{StoredType, declared_digits, declared_length, type_word};
use crate::data::values::value_buf::ValueBuf;
use crate::draw::Draw;
use crate::schema::Column;

/// Draws one of the edge cases for the type of a column.
///
/// Texts keep to a declared length. Types of dates get dates, and BOOLEAN gets 0 and 1. NaN is left out, because SQLite
/// stores it as NULL.
pub(crate) fn edge_case(column: &Column, strict: bool, draw: &mut Draw, out: &mut ValueBuf) {
    match StoredType::of(column, strict) {
        StoredType::Text => text(declared_length(column), draw, out),
        StoredType::Integer => out.set_integer(INTEGERS[draw.below(INTEGERS.len() as u64) as usize]),
        StoredType::Real => out.set_real(REALS[draw.below(REALS.len() as u64) as usize]),
        StoredType::Numeric => numeric(column, draw, out),
        StoredType::Blob => blob(draw, out),
        StoredType::Any => match draw.below(8) {
            0 => out.set_integer(INTEGERS[draw.below(INTEGERS.len() as u64) as usize]),
            1 => out.set_real(REALS[draw.below(REALS.len() as u64) as usize]),
            2 => blob(draw, out),
            _ => text(None, draw, out),
        },
    }
}

#[rustfmt::skip] // One line for each kind.
const INTEGERS: [i64; 18] = [
    0, 1, -1, i64::MAX, i64::MIN, i64::MIN + 1,
    // From here on, JavaScript and every other reader that has only doubles loses the last digit.
    (1 << 53) + 1, (1 << 53) - 1, -(1 << 53) - 1,
    1 << 31, (1 << 31) - 1, -(1 << 31), -(1 << 31) - 1, 1 << 32, (1 << 32) - 1,
    // SQLite stores 127 in one byte and 128 in two.
    127, 128, 65_536,
];

#[rustfmt::skip] // One line for each kind.
const REALS: [f64; 12] = [
    // SQLite stores it as the integer 0 and gives back 0.0.
    -0.0,
    f64::INFINITY, f64::NEG_INFINITY,
    // The smallest positive number, and the smallest with full precision.
    f64::from_bits(1), f64::MIN_POSITIVE,
    f64::MAX, f64::MIN,
    0.1 + 0.2, -1.5, 1e15 + 0.3,
    // 2^63: one more than the largest i64.
    9_223_372_036_854_775_808.0,
    1e-7,
];

#[rustfmt::skip] // One line for each kind.
const TEXTS: [&str; 34] = [
    "", " ", " leading", "trailing ",
    "007", "1e5", "-0", "0x10", "9223372036854775808",
    "NULL", "null", "true", "NaN",
    "O'Brien", "say \"hi\"", "`[x]`", "'; DROP TABLE users; --",
    "%_", "100%", "a\\_b",
    "a\0b", "\0", "line\nbreak", "carriage\r\nreturn", "tab\tbed",
    // The same word twice: with one character, and with a letter and a combining mark.
    "caf\u{e9}", "cafe\u{301}",
    "Z\u{351}\u{36b}\u{343}\u{32a}\u{302}\u{36b}\u{33d}a\u{34f}l\u{334}\u{321}go",
    // An emoji of five code points, and a flag of two.
    "👩‍👩‍👧", "🇩🇪",
    "مرحبا بالعالم",
    // A right-to-left override, and a byte order mark.
    "\u{202e}abc", "\u{feff}bom",
    // Upper case makes it longer. The Turkish I changes its length, too.
    "Straße İı",
];

/// Longer than any length that fits into two bytes.
const LONG: usize = 65_537;

fn text(limit: Option<usize>, draw: &mut Draw, out: &mut ValueBuf) {
    let kind = draw.below(TEXTS.len() as u64 + 4);
    match TEXTS.get(kind as usize) {
        Some(text) => out.set_text(text),
        None => {
            out.start_text();
            let piece = if kind.is_multiple_of(2) { "0123456789abcdef" } else { "añ漢🦀" };
            // A page of SQLite has 4096 bytes by default, so a text of that length needs a second one.
            let bytes = if kind < TEXTS.len() as u64 + 2 { 4096 } else { LONG };
            while out.len() < bytes {
                out.push_str(piece);
            }
        }
    }
    if let Some(limit) = limit {
        out.truncate(limit);
    }
}

fn numeric(column: &Column, draw: &mut Draw, out: &mut ValueBuf) {
    const TIMES: [&str; 6] = [
        "0000-01-01 00:00:00",
        "1969-12-31 23:59:59",
        "1970-01-01 00:00:00",
        "2024-02-29 12:00:00",
        "2038-01-19 03:14:08",
        "9999-12-31 23:59:59",
    ];
    let time = TIMES[draw.below(TIMES.len() as u64) as usize];
    match &*type_word(column) {
        "DATE" => out.set_text(&time[..10]),
        "TIME" => out.set_text(&time[11..]),
        "DATETIME" | "TIMESTAMP" | "TIMESTAMPTZ" => out.set_text(time),
        "BOOL" | "BOOLEAN" => out.set_integer(draw.below(2) as i64),
        _ => {
            let real = REALS[draw.below(REALS.len() as u64) as usize];
            let is_integer = draw.percent(50);
            let integer = INTEGERS[draw.below(INTEGERS.len() as u64) as usize];
            match declared_digits(column) {
                Some(digits) if is_integer => out.set_integer(integer % 10_i64.pow(digits)),
                Some(_) => out.set_real(-1.5),
                // NUMERIC converts a real that is a 64-bit integer, and nothing else.
                None if is_integer || (real.fract() == 0.0 && real.abs() < 9.3e18) => out.set_integer(integer),
                None => out.set_real(real),
            }
        }
    }
}

fn blob(draw: &mut Draw, out: &mut ValueBuf) {
    match draw.below(10) {
        0 => out.set_blob(b""),
        // The bytes of a text, of a number and of JSON.
        1 => out.set_blob("añ漢🦀".as_bytes()),
        2 => out.set_blob(b"007"),
        3 => out.set_blob(b"{\"a\": 1}"),
        // An incomplete character, bytes that are invalid in UTF-8, and half of a surrogate pair.
        4 => out.set_blob(&[b'a', 0xc3]),
        5 => out.set_blob(&[0xff, 0xfe, 0x00, 0xd8]),
        6 => out.set_blob(&[0xed, 0xa0, 0x80]),
        7 => out.set_blob(&[0; 16]),
        8 => out.set_blob(&[0]),
        _ => out.set_blob(&[0xff; LONG.next_multiple_of(64)]),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rusqlite::Connection;
    use rusqlite::types::Value;

    use super::{INTEGERS, LONG, REALS, TEXTS, edge_case};
    use crate::data::values::value_buf::ValueBuf;
    use crate::draw::Draw;
    use crate::schema::Schema;

    /// Returns 2,000 drawn values, each of which a column of this type stores unchanged.
    fn kept(declared: &str, strict: bool) -> Vec<Value> {
        let connection = Connection::open_in_memory().unwrap();
        let ending = if strict { "STRICT" } else { "" };
        connection.execute_batch(&format!("CREATE TABLE t(x {declared}) {ending}")).unwrap();
        let column = Schema::read(&connection).unwrap().tables[0].columns[0].clone();
        let mut insert = connection.prepare("INSERT INTO t VALUES (?1) RETURNING x").unwrap();
        let (mut draw, mut drawn) = (Draw::new(7), ValueBuf::default());
        (0..2000)
            .map(|_| {
                edge_case(&column, strict, &mut draw, &mut drawn);
                let value: Value = insert.query_row([&drawn], |row| row.get(0)).unwrap();
                assert_eq!(value, drawn.to_value(), "{declared} {strict}");
                value
            })
            .collect()
    }

    fn different(values: &[Value]) -> usize {
        values.iter().map(|value| format!("{value:?}")).collect::<HashSet<String>>().len()
    }

    #[test]
    fn every_type_gets_all_its_values_and_stores_them_unchanged() {
        for strict in [false, true] {
            assert_eq!(different(&kept("INTEGER", strict)), INTEGERS.len());
            // -0.0 comes back as 0.0.
            assert_eq!(different(&kept("REAL", strict)), REALS.len());
            assert_eq!(different(&kept("TEXT", strict)), TEXTS.len() + 4);
            assert_eq!(different(&kept("BLOB", strict)), 10);
        }
        assert!(different(&kept("ANY", true)) > TEXTS.len() + INTEGERS.len());
        assert!(different(&kept("", false)) > TEXTS.len() + INTEGERS.len());
        assert!(different(&kept("NUMERIC", false)) > INTEGERS.len());
    }

    #[test]
    fn a_text_is_as_long_as_the_type_allows() {
        let length = |value: &Value| match value {
            Value::Text(text) => text.chars().count(),
            other => panic!("{other:?}"),
        };
        assert!(kept("TEXT", false).iter().any(|value| length(value) >= LONG));
        let limited: Vec<usize> = kept("VARCHAR(20)", false).iter().map(length).collect();
        assert_eq!(limited.iter().max(), Some(&20));
    }

    #[test]
    fn dates_stay_dates_and_flags_stay_flags() {
        assert!(kept("DATE", false).contains(&Value::Text("2024-02-29".to_owned())));
        assert!(kept("DATETIME", false).contains(&Value::Text("9999-12-31 23:59:59".to_owned())));
        assert_eq!(different(&kept("BOOLEAN", false)), 2);
    }
}
