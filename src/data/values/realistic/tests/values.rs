//! The values of each kind, checked by SQLite, by their check digits and by their shape.

use std::collections::HashSet;

use rusqlite::Connection;
use rusqlite::types::{Value, ValueRef};

use super::{COLUMNS, LOCALES, Locale, column, generator};
use crate::data::values::realistic::Generator;
use crate::data::values::value_buf::ValueBuf;
use crate::draw::{Draw, key};

/// Returns a thousand values, each drawn from a key of its own.
fn values(generator: &Generator, unique: bool) -> Vec<Value> {
    let mut out = ValueBuf::default();
    (0..1000)
        .map(|row| {
            generator.make(&mut Draw::new(key(7, row)), unique.then_some(row), &mut out);
            out.to_value()
        })
        .collect()
}

/// Checks a thousand values of a column, with and without a number, by an SQL expression about `v`.
#[track_caller]
fn check_sql(declarations: &[&str], condition: &str) {
    let connection = Connection::open_in_memory().unwrap();
    let mut statement = connection.prepare(&format!("SELECT {condition} FROM (SELECT ?1 AS v)")).unwrap();
    for declaration in declarations {
        let generator = generator("t", declaration, Locale::En).unwrap();
        for value in values(&generator, false).into_iter().chain(values(&generator, true)) {
            let passes: Option<bool> = statement.query_row([&value], |row| row.get(0)).unwrap();
            assert_eq!(passes, Some(true), "{declaration}: {value:?}");
        }
    }
}

/// Checks a thousand texts of a column, with and without a number.
#[track_caller]
fn check_text(declaration: &str, passes: fn(&str) -> bool) {
    let generator = generator("t", declaration, Locale::En).unwrap();
    for value in values(&generator, false).into_iter().chain(values(&generator, true)) {
        let Value::Text(text) = &value else { panic!("{declaration}: {value:?}") };
        assert!(passes(text), "{declaration}: {text}");
    }
}

#[test]
fn a_value_follows_from_its_key_alone() {
    let generator = generator("t", "slug TEXT", Locale::En).unwrap();
    assert_eq!(values(&generator, false), values(&generator, false));
    assert_eq!(values(&generator, false)[0], Value::Text("northern-lagoon".to_owned()));
    assert_eq!(values(&generator, true)[7], Value::Text("sunny-sky-7".to_owned()));
}

#[test]
fn a_column_stores_each_value_unchanged() {
    let connection = Connection::open_in_memory().unwrap();
    for (number, declaration) in COLUMNS.iter().enumerate() {
        connection.execute_batch(&format!("CREATE TABLE t{number}({declaration})")).unwrap();
        let column = column("t", declaration);
        let generator = Generator::of("t", &column, false, Locale::En).unwrap_or_else(|| panic!("{declaration}"));
        let mut insert = connection.prepare(&format!("INSERT INTO t{number} VALUES (?1) RETURNING *")).unwrap();
        for value in values(&generator, false).into_iter().chain(values(&generator, true)) {
            let kept: Value = insert.query_row([&value], |row| row.get(0)).unwrap();
            assert_eq!(kept, value, "{declaration}");
        }
    }
}

#[test]
fn a_strict_table_takes_each_value() {
    let connection = Connection::open_in_memory().unwrap();
    let strict = COLUMNS.iter().filter(|declaration| {
        matches!(declaration.split_once(' '), Some((_, "TEXT" | "INTEGER" | "REAL" | "BLOB" | "ANY")))
    });
    for (number, declaration) in strict.chain(&["email ANY", "price ANY", "created_at ANY"]).enumerate() {
        connection.execute_batch(&format!("CREATE TABLE t{number}({declaration}) STRICT")).unwrap();
        let column = crate::schema::Schema::read(&connection).unwrap();
        let column = &column.table(&format!("t{number}")).unwrap().columns[0];
        let generator = Generator::of("t", column, true, Locale::En).unwrap_or_else(|| panic!("{declaration}"));
        let mut insert = connection.prepare(&format!("INSERT INTO t{number} VALUES (?1)")).unwrap();
        for value in values(&generator, false) {
            insert.execute([&value]).unwrap();
        }
    }
}

#[test]
fn a_hundred_thousand_numbers_make_different_values() {
    let full =
        ["email TEXT", "phone TEXT", "ip TEXT", "opens TIME", "postal_code TEXT", "uuid TEXT", "created_at TEXT"];
    let mut out = ValueBuf::default();
    for declaration in COLUMNS {
        let generator = generator("t", declaration, Locale::En).unwrap();
        assert!(generator.distinct() >= 100_000, "{declaration}");
        // Kinds with a smaller range and the usual kinds are tried with every number, the others in larger steps.
        let step = if full.contains(&declaration) { 1 } else { 13 };
        let numbers = (0..100_000_u32).step_by(step);
        let count = numbers.len();
        let mut seen: Vec<u64> = numbers
            .map(|number| {
                let number = u64::from(number);
                // Two of three rows have the same draws, so that a difference has to come from the number.
                generator.make(&mut Draw::new(number % 3 / 2), Some(number), &mut out);
                digest(&out)
            })
            .collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count, "{declaration}");
    }
}

#[test]
fn large_numbers_make_different_values() {
    let mut out = ValueBuf::default();
    for declaration in COLUMNS {
        let generator = generator("t", declaration, Locale::En).unwrap();
        let end = generator.distinct();
        let numbers: HashSet<u64> = (0..64)
            .flat_map(|power| [1 << power, (1 << power) + 1, u64::MAX >> power, end - 1 - power])
            .filter(|number| *number < end)
            .collect();
        let values: HashSet<u64> = numbers
            .iter()
            .map(|number| {
                generator.make(&mut Draw::new(1), Some(*number), &mut out);
                digest(&out)
            })
            .collect();
        assert_eq!(values.len(), numbers.len(), "{declaration}");
    }
}

fn digest(value: &ValueBuf) -> u64 {
    match value.value_ref() {
        ValueRef::Null => 0,
        ValueRef::Integer(number) => number as u64,
        ValueRef::Real(number) => number.to_bits(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => xxhash_rust::xxh64::xxh64(bytes, 0),
    }
}

#[test]
fn a_declared_length_is_obeyed_in_every_locale() {
    let mut out = ValueBuf::default();
    for declaration in COLUMNS.iter().filter_map(|declaration| declaration.strip_suffix(" TEXT")) {
        let mut column = column("t", &format!("{declaration} TEXT"));
        for length in (1..42).chain([60, 64, 94, 100, 120]) {
            column.declared_type = format!("VARCHAR({length})");
            for locale in LOCALES {
                let Some(generator) = Generator::of("t", &column, false, locale) else { continue };
                let distinct = generator.distinct();
                for row in 0..12 {
                    let unique = [None, Some(row), Some(distinct.saturating_sub(row)), Some(u64::MAX - row)];
                    generator.make(&mut Draw::new(row), unique[row as usize % 4], &mut out);
                    let text = out.as_text().unwrap_or_else(|| panic!("{declaration} {locale:?}: no text"));
                    assert!(!text.is_empty(), "{declaration} {locale:?} {length}");
                    assert!(text.chars().count() <= length, "{declaration} {locale:?} {length}: {text}");
                }
            }
        }
    }
}

#[test]
fn the_capacity_of_a_short_column_is_right() {
    let mut out = ValueBuf::default();
    for declaration in
        ["slug VARCHAR(12)", "email VARCHAR(20)", "first_name VARCHAR(10)", "country CHAR(2)", "sku CHAR(9)"]
    {
        let generator = generator("t", declaration, Locale::En).unwrap();
        let distinct = generator.distinct().min(100_000);
        let values: HashSet<u64> = (0..distinct)
            .map(|number| {
                generator.make(&mut Draw::new(1), Some(number), &mut out);
                digest(&out)
            })
            .collect();
        assert_eq!(values.len() as u64, distinct, "{declaration}");
    }
}

#[test]
fn every_locale_has_its_own_texts() {
    for declaration in COLUMNS {
        for locale in LOCALES {
            let generator = generator("t", declaration, locale).unwrap();
            for value in values(&generator, false) {
                if let Value::Text(text) = value {
                    assert_eq!(text, text.trim(), "{declaration} {locale:?}");
                    assert!(!text.contains(['\t', '\u{fffd}']), "{declaration} {locale:?}: {text}");
                }
            }
        }
    }
    let names: HashSet<String> = LOCALES
        .iter()
        .map(|locale| format!("{:?}", values(&generator("users", "name TEXT", *locale).unwrap(), false)))
        .collect();
    assert_eq!(names.len(), LOCALES.len());
}

#[test]
fn times_are_as_sqlite_writes_them() {
    check_sql(&["created_at TEXT", "created_at TIMESTAMP"], "datetime(v) = v");
    check_sql(&["born_on DATE", "due_date TEXT"], "date(v) = v");
    check_sql(&["opens TIME"], "time(v) = v");
    check_sql(&["created_at INTEGER", "created_at REAL"], "datetime(v, 'unixepoch') BETWEEN '2024' AND '2026'");
    check_sql(&["updated_at_ms INTEGER"], "datetime(v / 1000, 'unixepoch') BETWEEN '2026' AND '2026-07'");
    check_sql(&["updated_at_ns INTEGER"], "datetime(v / 1000000000, 'unixepoch') BETWEEN '2026' AND '2026-07'");
    check_sql(&["created_at_julian REAL"], "datetime(v) BETWEEN '2024' AND '2026'");
    check_sql(&["expires_at TEXT"], "v BETWEEN '2026-07' AND '2028'");
    check_sql(&["deleted_at TEXT", "closed_at TEXT"], "v BETWEEN '2026-06' AND '2026-07'");
    check_sql(&["status_code INTEGER"], "v BETWEEN 200 AND 1699");
}

#[test]
fn json_is_valid_in_sqlite() {
    check_sql(
        &["metadata TEXT", "payload TEXT", "settings_json TEXT", "x JSON"],
        "json_valid(v) AND json_type(v) = 'object'",
    );
}

#[test]
fn numbers_are_in_their_range() {
    check_sql(&["latitude REAL"], "typeof(v) = 'real' AND v BETWEEN -90 AND 90");
    check_sql(&["longitude TEXT"], "typeof(v) = 'text' AND CAST(v AS REAL) BETWEEN -180 AND 180 AND length(v) <= 11");
    check_sql(&["price REAL"], "v BETWEEN 1 AND 1000 AND round(v, 2) = v");
    check_sql(&["price TEXT"], "v GLOB '[1-9]*.[0-9][0-9]'");
    check_sql(&["price_cents INTEGER"], "typeof(v) = 'integer' AND v BETWEEN 100 AND 99999");
}

#[test]
fn addresses_are_well_formed_and_reach_nobody() {
    check_text("email TEXT", |text| {
        let Some((local, domain)) = text.split_once('@') else { return false };
        matches!(domain, "example.com" | "example.org" | "example.net")
            && local
                .split('.')
                .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()))
    });
    check_text("website TEXT", |text| {
        let rest = text.strip_prefix("https://example.").and_then(|rest| rest.get(3..));
        rest.is_some_and(|rest| {
            rest.starts_with('/') && rest[1..].chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        })
    });
    check_text("host TEXT", |text| text.contains(".example."));
    check_text("phone TEXT", |text| text.starts_with("+1 ") && text[6..].starts_with("-555-01") && text.len() == 15);
}

#[test]
fn ip_addresses_are_those_of_examples() {
    check_text("ip TEXT", |text| match text.parse() {
        Ok(std::net::IpAddr::V4(ip)) => ip.is_documentation(),
        Ok(std::net::IpAddr::V6(ip)) => ip.segments()[..2] == [0x2001, 0xdb8],
        Err(_) => false,
    });
    check_text("ipv6 TEXT", |text| text.parse::<std::net::Ipv6Addr>().is_ok());
}

#[test]
fn an_iban_has_its_check_digits() {
    check_text("iban TEXT", |text| {
        let remainder = text[4..].chars().chain(text[..4].chars()).fold(0_u64, |remainder, letter| {
            let digit = u64::from(letter.to_digit(36).unwrap());
            (remainder * if digit > 9 { 100 } else { 10 } + digit) % 97
        });
        text.len() == 22 && remainder == 1
    });
}

#[test]
fn a_uuid_is_one_of_version_4() {
    check_text("uuid TEXT", |text| {
        let shape = text.char_indices().all(|(at, letter)| match at {
            8 | 13 | 18 | 23 => letter == '-',
            14 => letter == '4',
            19 => matches!(letter, '8' | '9' | 'a' | 'b'),
            _ => matches!(letter, '0'..='9' | 'a'..='f'),
        });
        shape && text.len() == 36
    });
    check_sql(&["uuid BLOB"], "typeof(v) = 'blob' AND length(v) = 16 AND substr(hex(v), 13, 1) = '4'");
}

#[test]
fn hashes_have_their_size() {
    check_sql(&["sha256 BLOB", "token BLOB"], "typeof(v) = 'blob' AND length(v) = 32");
    check_sql(&["md5 BLOB"], "length(v) = 16");
    check_sql(&["sha1 BLOB"], "length(v) = 20");
    check_sql(&["sha512 TEXT"], "length(v) = 128 AND v NOT GLOB '*[^0-9a-f]*'");
    check_sql(&["password_hash TEXT"], "length(v) = 94 AND v GLOB '$argon2id$v=19$m=19456,t=2,p=1$*$*'");
    check_sql(&["password_hash VARCHAR(60)"], "length(v) = 60 AND v GLOB '$2b$12$NotARealHash*'");
}

#[test]
fn short_texts_have_their_form() {
    check_sql(&["color TEXT"], "v GLOB '#[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]'");
    check_sql(&["mac_address TEXT"], "length(v) = 17 AND v GLOB '02:[0-9a-f][0-9a-f]:*'");
    check_sql(&["slug TEXT"], "v GLOB '[a-z]*-[a-z]*' AND v NOT GLOB '*[^a-z0-9-]*'");
    check_sql(&["sku TEXT"], "v GLOB '[A-Z][A-Z][A-Z]-[0-9][0-9][0-9][0-9][0-9]'");
    check_sql(&["version TEXT"], "v GLOB '[0-9]*.[0-9]*.[0-9]*'");
    check_sql(&["country CHAR(2)"], "v GLOB '[A-Z][A-Z]'");
    check_sql(&["language CHAR(2)", "locale VARCHAR(4)"], "v GLOB '[a-z][a-z]'");
    check_sql(&["language TEXT", "locale VARCHAR(5)"], "v GLOB '[a-z][a-z]-[A-Z][A-Z]*'");
    check_sql(&["postal_code TEXT"], "v GLOB '[0-9][0-9][0-9][0-9][0-9]'");
}
