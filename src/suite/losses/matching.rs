//! Rows before a migration that are there after it too: in their table, in another one, or with equivalent values, which may
//! be stored as other types.

use rusqlite::Connection;

use crate::check::Cell;
use crate::order::{Order as _, SortedMap, SortedSet};
use crate::suite::rows::TableRows;

/// The place of each column after the migration.
pub(crate) type Places = [Option<usize>];

/// The rows of a table before and after a migration, matched.
pub(crate) struct Matching {
    /// The places of rows before and after.
    pub(crate) pairs: Vec<(usize, usize)>,
    /// Rows before without a counterpart.
    pub(crate) missing: Vec<usize>,
    /// Rows after without a counterpart.
    pub(crate) extra: Vec<usize>,
}

impl Matching {
    /// Matches rows by key, else by their values, else by rowid.
    pub(crate) fn of(before: &TableRows, after: &TableRows, places: &Places) -> Matching {
        let key: Option<Vec<(usize, usize)>> = before.key.iter().map(|&at| Some((at, places[at]?))).collect();
        if let Some(key) = key.filter(|key| !key.is_empty()) {
            return Matching::by_columns(before, after, &key);
        }
        let by_values = Matching::by_values(before, after, places);
        let has_rowid = |table: &TableRows| table.rows.iter().all(|row| row.rowid.is_some());
        if by_values.missing.is_empty() || !has_rowid(before) || !has_rowid(after) {
            return by_values;
        }
        let by_rowid = Matching::by(before, after, |row| before.rows[row].rowid, |row| after.rows[row].rowid);
        // Values that changed leave the other rows in their places. Without a row in its place there is nothing to compare.
        let columns = identifying(before, places);
        let is_same = |(row, row_after): &&(usize, usize)| {
            let cells =
                columns.iter().map(|&(at, place)| (&before.rows[*row].cells[at], &after.rows[*row_after].cells[place]));
            cells.into_iter().all(|(was, is)| as_key(was) == as_key(is))
        };
        let is_in_place = by_rowid.pairs.iter().filter(is_same).count() >= by_values.pairs.len();
        if by_rowid.missing.is_empty() && is_in_place { by_rowid } else { by_values }
    }

    /// Matches rows by the values that identify them.
    pub(crate) fn by_values(before: &TableRows, after: &TableRows, places: &Places) -> Matching {
        Matching::by_columns(before, after, &identifying(before, places))
    }

    fn by_columns(before: &TableRows, after: &TableRows, columns: &[(usize, usize)]) -> Matching {
        Matching::by(
            before,
            after,
            |row| columns.iter().map(|&(at, _)| as_key(&before.rows[row].cells[at])).collect::<Vec<String>>(),
            |row| columns.iter().map(|&(_, at)| as_key(&after.rows[row].cells[at])).collect(),
        )
    }

    /// Matches rows by any keys.
    pub(crate) fn by<K: Ord>(
        before: &TableRows,
        after: &TableRows,
        key_before: impl Fn(usize) -> K,
        key_after: impl Fn(usize) -> K,
    ) -> Matching {
        let mut places = SortedMap::grouped((0..after.rows.len()).rev().map(|at| (key_after(at), at)));
        let mut matching = Matching { pairs: Vec::new(), missing: Vec::new(), extra: Vec::new() };
        for at in 0..before.rows.len() {
            match places.get_mut(&key_before(at)).and_then(Vec::pop) {
                Some(place) => matching.pairs.push((at, place)),
                None => matching.missing.push(at),
            }
        }
        matching.extra = places.into_values().flatten().collect();
        matching.extra.order();
        matching
    }
}

/// Returns the rows that differ from all others in the columns by which rows are matched.
pub(crate) fn distinct_rows(table: &TableRows, places: &Places) -> SortedSet<usize> {
    let columns = identifying(table, places);
    let key = |cells: &[Cell]| columns.iter().map(|&(at, _)| as_key(&cells[at])).collect::<Vec<String>>();
    let alike = SortedMap::grouped(table.rows.iter().enumerate().map(|(place, row)| (key(&row.cells), place)));
    alike.into_values().filter(|places| places.len() == 1).flatten().collect()
}

/// Returns the columns whose values identify a row. A NULL may have been filled in, so it identifies none.
fn identifying(table: &TableRows, places: &Places) -> Vec<(usize, usize)> {
    let (without_null, with_null): (Vec<_>, Vec<_>) =
        kept(places).partition(|&(at, _)| table.rows.iter().all(|row| row.cells[at] != Cell::Null));
    if without_null.is_empty() { with_null } else { without_null }
}

/// Returns the columns that are still there, with their places before and after.
pub(crate) fn kept(places: &Places) -> impl Iterator<Item = (usize, usize)> {
    places.iter().enumerate().filter_map(|(at, place)| Some((at, (*place)?)))
}

/// Returns true if nothing is lost from `before` to `after`: the same value, the same number or flag as another type, the
/// same instant, the same JSON, or a JSON object with more members. A NULL may become anything.
pub(crate) fn is_equivalent(before: &Cell, after: &Cell, connection: &Connection) -> bool {
    if before == after {
        return true;
    }
    match (before, after) {
        (Cell::Null, _) => true,
        (_, Cell::Null) => false,
        (Cell::Integer(one), Cell::Real(other)) | (Cell::Real(other), Cell::Integer(one)) => same_number(*one, *other),
        (Cell::Text(one), Cell::Blob(other)) if one == other => true,
        // SQLite stores any bytes as text, but a program reads only UTF-8.
        (Cell::Blob(one), Cell::Text(other)) if one == other => std::str::from_utf8(one).is_ok(),
        (Cell::Blob(bytes), Cell::Text(digits)) | (Cell::Text(digits), Cell::Blob(bytes)) if is_hex(digits, bytes) => {
            true
        }
        (Cell::Text(text), Cell::Integer(_) | Cell::Real(_)) if is_number(text, after) => true,
        (Cell::Integer(_) | Cell::Real(_), Cell::Text(text)) if is_number(text, before) => true,
        (Cell::Text(_), _) | (_, Cell::Text(_)) => {
            same_instant(before, after, connection) || same_json(before, after, connection)
        }
        _ => false,
    }
}

/// Returns a text that two values share if and only if they are equal as keys.
pub(crate) fn as_key(cell: &Cell) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Integer(number) => format!("={number}"),
        Cell::Real(number) if number.fract() == 0.0 && number.abs() < 9e15 => format!("={number:.0}"),
        Cell::Real(number) => format!("={number:?}"),
        Cell::Text(bytes) | Cell::Blob(bytes) => format!("={}", String::from_utf8_lossy(bytes)),
    }
}

/// Returns true if a text has the digits of these bytes, all in one case, or is a UUID of them.
fn is_hex(text: &[u8], bytes: &[u8]) -> bool {
    let is_uuid = bytes.len() == 16 && text.len() == 36;
    let digits: Vec<u8> = text.iter().copied().filter(|digit| !(is_uuid && *digit == b'-')).collect();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    !bytes.is_empty() && (digits == hex.as_bytes() || digits == hex.to_ascii_uppercase().as_bytes())
}

/// Compares exactly: beyond 2^53 the neighbors of an integer would pass for it.
fn same_number(integer: i64, real: f64) -> bool {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    #[expect(clippy::cast_possible_truncation, reason = "within the range")]
    let is_same = |real: f64| real.trunc().to_bits() == real.to_bits() && real as i64 == integer;
    (-BEYOND..BEYOND).contains(&real) && is_same(real)
}

/// Returns true if a text is this number. `007` is not 7, and `1.50` is 1.5.
fn is_number(text: &[u8], number: &Cell) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let flag = match number {
        Cell::Integer(0) => text.eq_ignore_ascii_case("false"),
        Cell::Integer(1) => text.eq_ignore_ascii_case("true"),
        _ => false,
    };
    let short = match text.split_once('.') {
        Some((whole, _)) => {
            let cut = text.trim_end_matches('0');
            if cut.ends_with('.') { whole } else { cut }
        }
        None => text,
    };
    flag || match number {
        Cell::Integer(number) => short == number.to_string(),
        Cell::Real(number) => short == format!("{number}"),
        _ => false,
    }
}

/// Compares instants: texts to the millisecond, a number of seconds or milliseconds or a Julian day with a text.
fn same_instant(before: &Cell, after: &Cell, connection: &Connection) -> bool {
    match (milliseconds(before, connection), milliseconds(after, connection)) {
        (Some(one), Some(other)) => one == other,
        (Some(instant), None) => is_time_of(after, instant),
        (None, Some(instant)) => is_time_of(before, instant),
        (None, None) => false,
    }
}

/// Returns true if a number has the seconds of an instant, and not its fraction.
pub(crate) fn drops_fraction(before: &Cell, after: &Cell, connection: &Connection) -> bool {
    let has_fraction = matches!(before, Cell::Text(text) if text.contains(&b'.'));
    has_fraction
        && milliseconds(before, connection).is_some_and(|instant| {
            instant.rem_euclid(1000) != 0 && whole_number(after) == Some(instant.div_euclid(1000))
        })
}

/// Returns the milliseconds since 1970 of a date as text. It has a dash in it: without one, SQLite would read any number as a
/// day.
fn milliseconds(cell: &Cell, connection: &Connection) -> Option<i64> {
    let Cell::Text(text) = cell else { return None };
    let text = std::str::from_utf8(text).ok();
    let text = text.filter(|text| text.len() >= 8 && text.as_bytes()[1..].contains(&b'-'))?;
    let sql = "SELECT CAST(round((julianday(?1) - 2440587.5) * 86400000) AS INTEGER)";
    connection.query_row(sql, [text], |row| row.get(0)).ok()?
}

fn whole_number(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Integer(number) => Some(*number),
        Cell::Text(text) => std::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}

fn is_time_of(number: &Cell, instant: i64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "compared to the millisecond")]
    let is_near = |milliseconds: f64| (milliseconds - instant as f64).abs() < 1.0;
    match number {
        Cell::Real(number) => is_near(number * 1000.0) || is_near((number - 2_440_587.5) * 86_400_000.0),
        // Seconds, milliseconds, microseconds, nanoseconds and days.
        _ => whole_number(number).map(i128::from).is_some_and(|it| {
            let instant = i128::from(instant);
            [1, 1000, 1_000_000].iter().any(|unit| instant * unit == it)
                || instant.div_euclid(1000) == it
                || it * 86_400_000 == instant
        }),
    }
}

fn same_json(before: &Cell, after: &Cell, connection: &Connection) -> bool {
    let is_compound = |cell: &Cell| match cell {
        Cell::Text(text) => matches!(text.first(), Some(b'{' | b'[')),
        Cell::Blob(_) => true,
        _ => false,
    };
    if !is_compound(before) || !is_compound(after) {
        return false;
    }
    let values = [before.value(), after.value()].map(rusqlite::types::ToSqlOutput::Borrowed);
    // An object may get members. An array is one value.
    let members = |of: &str| {
        format!("SELECT fullkey, type, CASE type WHEN 'array' THEN value ELSE atom END FROM json_tree({of})")
    };
    let sql = format!("SELECT NOT EXISTS ({} EXCEPT {})", members("?1"), members("?2"));
    connection.query_row(&sql, values, |row| row.get(0)).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::is_equivalent;
    use crate::check::Cell;

    fn cell(sql: &str) -> Cell {
        Connection::open_in_memory()
            .unwrap()
            .query_row(&format!("SELECT {sql}"), [], |row| Ok(Cell::of(row.get_ref(0)?)))
            .unwrap()
    }

    #[test]
    fn another_type_may_be_equivalent() {
        let connection = Connection::open_in_memory().unwrap();
        for (before, after, same) in [
            ("NULL", "7", true),
            ("7", "NULL", false),
            ("7", "7.0", true),
            ("7.5", "7", false),
            ("'7'", "7", true),
            ("'007'", "7", false),
            ("'1.50'", "1.5", true),
            ("'1.50'", "2", false),
            ("'true'", "1", true),
            ("'true'", "0", false),
            ("1", "0", false),
            ("' a'", "'a'", false),
            ("'a'", "x'61'", true),
            ("x'61'", "'a'", true),
            ("x'61ff'", "CAST(x'61ff' AS TEXT)", false),
            ("x'61ff'", "'61ff'", true),
            ("x'61ff'", "'61FF'", true),
            ("'61FF'", "x'61ff'", true),
            ("'61Ff'", "x'61ff'", false),
            ("x'61ff'", "'61fe'", false),
            ("x'61ff'", "'61ff0'", false),
            ("x'00112233445566778899aabbccddeeff'", "'00112233-4455-6677-8899-aabbccddeeff'", true),
            ("9007199254740993", "9007199254740992.0", false),
            ("9007199254740994", "9007199254740994.0", true),
            ("9007199254740994.0", "9007199254740994", true),
            ("9223372036854775807", "9223372036854775807.0", false),
            ("'2026-03-01 12:00:00'", "1772366400", true),
            ("'2026-03-01 12:00:00'", "'1772366400'", true),
            ("'2026-03-01 12:00:00'", "1772366400000", true),
            ("'2026-03-01 12:00:00'", "1772366400000000000", true),
            ("'2026-03-01 12:00:00'", "17723664000", false),
            ("'2026-03-01'", "20513", true),
            ("'2026-03-01 12:00:00'", "20513", false),
            ("'2026-03-01 12:00:00'", "'2026-03-01T12:00:00Z'", true),
            ("'2026-03-01 12:00:00'", "'2026-03-01 13:00:00'", false),
            ("'2026-03-01T12:00:00+05:30'", "'2026-03-01 06:30:00'", true),
            ("'2026-03-01 12:00:00.250'", "'2026-03-01 12:00:00.25Z'", true),
            ("'2026-03-01 12:00:00.250'", "1772366400250", true),
            ("'2026-03-01 12:00:00.250'", "'2026-03-01 12:00:00'", false),
            ("'2026-03-01 12:00:00.250'", "1772366400", true),
            ("'2026-03-01 12:00:00.250'", "1772366401", false),
            ("'2026-03-01 12:00:00.250'", "1772366400.25", true),
            ("'2026-03-01 12:00:00.250'", "1772366400.0", false),
            ("'2026-03-01 12:00:00'", "julianday('2026-03-01 12:00:00')", true),
            ("'{\"a\": 1}'", "'{\"a\":1}'", true),
            ("'{\"a\": 1}'", "'{\"a\":2}'", false),
            ("'{\"a\": 1}'", "'{\"b\":2, \"a\":1}'", true),
            ("'{\"a\": 1, \"b\": 2}'", "'{\"a\":1}'", false),
            ("'{\"a\": [1]}'", "'{\"a\":[1,2]}'", false),
            ("'{\"a\": null, \"b\": {\"c\": 1}}'", "'{\"b\":{\"c\":1,\"d\":2},\"a\":null}'", true),
            ("'{\"a\": null}'", "'{}'", false),
            ("'[1, 2]'", "'[1,2]'", true),
            ("'[1, 2]'", "'[2,1]'", false),
        ] {
            assert_eq!(is_equivalent(&cell(before), &cell(after), &connection), same, "{before} -> {after}");
        }
    }
}
