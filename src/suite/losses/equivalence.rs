//! Values that are equivalent before and after a migration, though they may be stored as other types.

use rusqlite::Connection;

use crate::check::Cell;

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

fn same_number(integer: i64, real: f64) -> bool {
    // Beyond 2^53 a float is no longer exact, and the neighbors of an integer would pass for it.
    integer.unsigned_abs() <= 1 << 53 && real == exactly(integer)
}

#[expect(clippy::cast_precision_loss, reason = "only called for integers that a float holds exactly")]
fn exactly(integer: i64) -> f64 {
    integer as f64
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

/// Compares instants. A date as text has a dash in it: without one, SQLite would read any number as a day.
fn same_instant(before: &Cell, after: &Cell, connection: &Connection) -> bool {
    let is_date = |cell: &Cell| matches!(cell, Cell::Text(text) if text.len() >= 8 && text[1..].contains(&b'-'));
    let seconds = |cell: &Cell| -> Option<i64> {
        match cell {
            Cell::Integer(seconds) => Some(*seconds),
            Cell::Text(text) if is_date(cell) => {
                let text = std::str::from_utf8(text).ok()?;
                connection.query_row("SELECT CAST(strftime('%s', ?1) AS INTEGER)", [text], |row| row.get(0)).ok()?
            }
            Cell::Text(text) => std::str::from_utf8(text).ok()?.parse().ok(),
            _ => None,
        }
    };
    if !is_date(before) && !is_date(after) {
        return false;
    }
    match (seconds(before), seconds(after)) {
        (Some(one), Some(other)) => {
            one == other || one.checked_mul(1000) == Some(other) || other.checked_mul(1000) == Some(one)
        }
        _ => false,
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
    // Merging into an object what it already has changes nothing: https://www.rfc-editor.org/rfc/rfc7396
    let sql = "SELECT json(?1) = json(?2) OR (json_type(?1) = 'object' AND json_patch(?2, ?1) = json(?2))";
    connection.query_row(sql, values, |row| row.get(0)).unwrap_or(false)
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
            ("9007199254740993", "9007199254740992.0", false),
            ("'2026-03-01 12:00:00'", "1772366400", true),
            ("'2026-03-01 12:00:00'", "'1772366400'", true),
            ("'2026-03-01 12:00:00'", "1772366400000", true),
            ("'2026-03-01 12:00:00'", "'2026-03-01T12:00:00Z'", true),
            ("'2026-03-01 12:00:00'", "'2026-03-01 13:00:00'", false),
            ("'{\"a\": 1}'", "'{\"a\":1}'", true),
            ("'{\"a\": 1}'", "'{\"a\":2}'", false),
            ("'{\"a\": 1}'", "'{\"b\":2, \"a\":1}'", true),
            ("'{\"a\": 1, \"b\": 2}'", "'{\"a\":1}'", false),
            ("'{\"a\": [1]}'", "'{\"a\":[1,2]}'", false),
        ] {
            assert_eq!(is_equivalent(&cell(before), &cell(after), &connection), same, "{before} -> {after}");
        }
    }
}
