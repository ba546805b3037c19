//! One value of a row: stored, compared as SQLite compares, and shown so that different values look different.

use std::cmp::Ordering;
use std::fmt::Write;

use rusqlite::types::ValueRef;
use xxhash_rust::xxh64::xxh64;

/// The numbers of characters of a text and bytes of a blob that are shown. Longer values are cut, with a digest of the whole.
const SHOWN_CHARS: usize = 60;
const SHOWN_BYTES: usize = 24;

/// A value that outlives its statement. Texts are bytes, because SQLite also stores texts that are not UTF-8.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(Box<[u8]>),
    Blob(Box<[u8]>),
}

impl Cell {
    pub(crate) fn of(value: ValueRef<'_>) -> Cell {
        match value {
            ValueRef::Null => Cell::Null,
            ValueRef::Integer(number) => Cell::Integer(number),
            ValueRef::Real(number) => Cell::Real(number),
            ValueRef::Text(bytes) => Cell::Text(bytes.into()),
            ValueRef::Blob(bytes) => Cell::Blob(bytes.into()),
        }
    }

    /// Returns a digest of the type and the value.
    pub(super) fn digest(&self) -> u64 {
        let mut bytes = Vec::new();
        put(&mut bytes, self.value());
        xxh64(&bytes, 0)
    }

    pub(crate) fn value(&self) -> ValueRef<'_> {
        match self {
            Cell::Null => ValueRef::Null,
            Cell::Integer(number) => ValueRef::Integer(*number),
            Cell::Real(number) => ValueRef::Real(*number),
            Cell::Text(bytes) => ValueRef::Text(bytes),
            Cell::Blob(bytes) => ValueRef::Blob(bytes),
        }
    }
}

/// Appends the type and the value. The length is fixed by what precedes it, so different rows never give the same bytes.
pub(super) fn put(bytes: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Null => bytes.push(0),
        ValueRef::Integer(number) => {
            bytes.push(1);
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        ValueRef::Real(number) => {
            bytes.push(2);
            bytes.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        ValueRef::Text(text) => {
            bytes.push(3);
            put_bytes(bytes, text);
        }
        ValueRef::Blob(blob) => {
            bytes.push(4);
            put_bytes(bytes, blob);
        }
    }
}

pub(super) fn put_bytes(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
    bytes.extend_from_slice(part);
}

impl PartialEq for Cell {
    fn eq(&self, other: &Cell) -> bool {
        same(self.value(), other.value())
    }
}

impl Eq for Cell {}

impl PartialOrd for Cell {
    fn partial_cmp(&self, other: &Cell) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// SQLite's order, then the type and the bits: equal cells are the same value.
impl Ord for Cell {
    fn cmp(&self, other: &Cell) -> Ordering {
        let bits = |cell: &Cell| if let Cell::Real(number) = cell { (1, number.to_bits()) } else { (0, 0) };
        order(self.value(), other.value()).then_with(|| bits(self).cmp(&bits(other)))
    }
}

/// Returns true if two values are the same to the last bit: `-0.0` is not `0.0`, `1` is not `1.0`.
pub(super) fn same(one: ValueRef<'_>, other: ValueRef<'_>) -> bool {
    match (one, other) {
        (ValueRef::Null, ValueRef::Null) => true,
        (ValueRef::Integer(one), ValueRef::Integer(other)) => one == other,
        (ValueRef::Real(one), ValueRef::Real(other)) => one.to_bits() == other.to_bits(),
        (ValueRef::Text(one), ValueRef::Text(other)) | (ValueRef::Blob(one), ValueRef::Blob(other)) => one == other,
        _ => false,
    }
}

/// Compares two values as SQLite does under the collation BINARY, see <https://www.sqlite.org/datatype3.html#sort_order>.
pub(super) fn order(one: ValueRef<'_>, other: ValueRef<'_>) -> Ordering {
    match (one, other) {
        (ValueRef::Integer(one), ValueRef::Integer(other)) => one.cmp(&other),
        // SQLite stores no NaN: it becomes NULL.
        (ValueRef::Real(one), ValueRef::Real(other)) => one.partial_cmp(&other).unwrap_or(Ordering::Equal),
        (ValueRef::Integer(one), ValueRef::Real(other)) => order_mixed(one, other),
        (ValueRef::Real(one), ValueRef::Integer(other)) => order_mixed(other, one).reverse(),
        (ValueRef::Text(one), ValueRef::Text(other)) | (ValueRef::Blob(one), ValueRef::Blob(other)) => one.cmp(other),
        _ => class(one).cmp(&class(other)),
    }
}

fn class(value: ValueRef<'_>) -> u8 {
    match value {
        ValueRef::Null => 0,
        ValueRef::Integer(_) | ValueRef::Real(_) => 1,
        ValueRef::Text(_) => 2,
        ValueRef::Blob(_) => 3,
    }
}

/// Compares exactly, even if the integer has more digits than a float can hold.
fn order_mixed(integer: i64, real: f64) -> Ordering {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if real >= BEYOND {
        return Ordering::Less;
    }
    if real < -BEYOND {
        return Ordering::Greater;
    }
    let whole = real.trunc();
    #[expect(clippy::cast_possible_truncation, reason = "within the range, as was just seen")]
    let order = integer.cmp(&(whole as i64));
    order.then_with(|| whole.partial_cmp(&real).unwrap_or(Ordering::Equal))
}

/// Returns the value as an SQL literal on one line: `NULL`, `1`, `1.0`, `'it''s'`, `x'31'`. Invisible characters and the
/// backslash are escaped. A long value is cut, and shown with its length and a digest of the whole.
pub(crate) fn shown(value: ValueRef<'_>) -> String {
    shown_from(value, 0)
}

/// Returns two different values, cut so that the difference is visible.
pub(super) fn shown_both(before: ValueRef<'_>, after: ValueRef<'_>) -> (String, String) {
    let from = match (before, after) {
        (ValueRef::Text(one), ValueRef::Text(other)) => {
            let (one, other) = (String::from_utf8_lossy(one), String::from_utf8_lossy(other));
            let common = one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
            if common < SHOWN_CHARS * 3 / 4 { 0 } else { common - SHOWN_CHARS / 4 }
        }
        (ValueRef::Blob(one), ValueRef::Blob(other)) => {
            let common = one.iter().zip(other).take_while(|(one, other)| one == other).count();
            if common < SHOWN_BYTES * 3 / 4 { 0 } else { common - SHOWN_BYTES / 4 }
        }
        _ => 0,
    };
    (shown_from(before, from), shown_from(after, from))
}

fn shown_from(value: ValueRef<'_>, from: usize) -> String {
    match value {
        ValueRef::Null => String::from("NULL"),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) if number.is_infinite() => String::from(if number > 0.0 { "Inf" } else { "-Inf" }),
        ValueRef::Real(number) => format!("{number:?}"),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => shown_text(text, from),
            Err(_) => format!("CAST({} AS TEXT)", shown_blob(bytes, 0)),
        },
        ValueRef::Blob(bytes) => shown_blob(bytes, from),
    }
}

fn shown_text(text: &str, from: usize) -> String {
    // A text has no more characters than bytes.
    let length = if text.len() <= SHOWN_CHARS { text.len() } else { text.chars().count() };
    let mut shown = String::with_capacity(text.len().min(4 * SHOWN_CHARS) + 2);
    shown.push('\'');
    if length <= SHOWN_CHARS {
        escape(&mut shown, text.chars());
        shown.push('\'');
        return shown;
    }
    if from > 0 {
        shown.push('…');
    }
    escape(&mut shown, text.chars().skip(from).take(SHOWN_CHARS));
    let rest = if from + SHOWN_CHARS < length { "…" } else { "" };
    let _ = write!(shown, "{rest}' ({length} characters, digest {:016x})", xxh64(text.as_bytes(), 0));
    shown
}

fn shown_blob(bytes: &[u8], from: usize) -> String {
    let mut shown = String::from("x'");
    let short = bytes.len() <= SHOWN_BYTES;
    let from = if short { 0 } else { from };
    if from > 0 {
        shown.push('…');
    }
    for byte in bytes.iter().skip(from).take(SHOWN_BYTES) {
        let _ = write!(shown, "{byte:02x}");
    }
    if short {
        shown.push('\'');
    } else {
        let rest = if from + SHOWN_BYTES < bytes.len() { "…" } else { "" };
        let _ = write!(shown, "{rest}' ({} bytes, digest {:016x})", bytes.len(), xxh64(bytes, 0));
    }
    shown
}

fn escape(shown: &mut String, text: impl Iterator<Item = char>) {
    for c in text {
        match c {
            '\'' => shown.push_str("''"),
            '\\' => shown.push_str("\\\\"),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if is_invisible(c) => {
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
            }
            c => shown.push(c),
        }
    }
}

/// Returns true for control characters, line separators, and characters that change the direction or have no width. The list
/// is fixed here, because that of the standard library changes with the version of Unicode, and snapshots with it.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Returns the name of a column or a table, quoted and escaped unless it is a plain word.
pub(super) fn shown_name(name: &str) -> String {
    if !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return name.to_owned();
    }
    let mut escaped = String::new();
    for c in name.chars() {
        match c {
            // Within double quotes, a single quote needs no escape.
            '\'' => escaped.push(c),
            c => escape(&mut escaped, std::iter::once(c)),
        }
    }
    crate::sql::quote_identifier(&escaped)
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use rusqlite::types::ValueRef;

    use super::{Cell, order, shown, shown_both};

    #[test]
    fn the_order_is_sqlites() {
        let reals = [
            f64::NEG_INFINITY,
            -9.3e18,
            -9_223_372_036_854_775_808.0,
            -1.5,
            -0.0,
            0.0,
            0.5,
            1.0,
            9.007_199_254_740_993e15,
        ];
        let reals = reals.into_iter().chain([9_223_372_036_854_775_808.0, 9.3e18, f64::INFINITY]).map(Cell::Real);
        let integers =
            [i64::MIN, i64::MIN + 1, -1, 0, 1, 9_007_199_254_740_993, i64::MAX - 1, i64::MAX].map(Cell::Integer);
        let texts = ["", "A", "a", "a\0b", "ä", "1"].map(|text| Cell::Text(text.as_bytes().into()));
        let blobs = [&b""[..], b"\xff", b"1"].map(|bytes| Cell::Blob(bytes.into()));
        let all: Vec<Cell> = reals
            .chain(integers)
            .chain(texts)
            .chain(blobs)
            .chain([Cell::Null, Cell::Text(b"\xff".as_slice().into())])
            .collect();
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        // Not `?1 < ?2`, which is NULL for NULL: ORDER BY orders all values.
        let mut places = connection
            .prepare("WITH t(id, x) AS (VALUES (1, ?1), (2, ?2)) SELECT rank() OVER (ORDER BY x) FROM t ORDER BY id")
            .unwrap();
        for one in &all {
            for other in &all {
                let bound = [one.value(), other.value()].map(rusqlite::types::ToSqlOutput::Borrowed);
                let places: Vec<i64> =
                    places.query_map(bound, |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
                assert_eq!(order(one.value(), other.value()), places[0].cmp(&places[1]), "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn values_that_sqlite_treats_as_equal_are_distinguished() {
        assert_ne!(Cell::Real(0.0), Cell::Real(-0.0));
        assert_ne!(Cell::Real(1.0), Cell::Integer(1));
        assert_eq!(Cell::Integer(1).cmp(&Cell::Real(1.0)), Ordering::Less);
    }

    #[test]
    fn a_long_value_shows_where_it_differs() {
        let (one, other) = ("x".repeat(500) + "one" + &"y".repeat(500), "x".repeat(500) + "two" + &"y".repeat(500));
        let (before, after) = shown_both(ValueRef::Text(one.as_bytes()), ValueRef::Text(other.as_bytes()));
        assert!(before.starts_with("'…xxxxxxxxxxxxxxxoneyyy"), "{before}");
        assert!(after.starts_with("'…xxxxxxxxxxxxxxxtwoyyy"), "{after}");
        assert_ne!(
            shown(ValueRef::Text(one.as_bytes())),
            shown(ValueRef::Text(other.as_bytes())),
            "the digest differs"
        );
    }
}
