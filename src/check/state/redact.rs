//! Replaces values in snapshots that change from run to run: ids, times, tokens.

use rusqlite::types::ValueRef;

use super::cell::{Cell, shown};
use crate::order::SortedMap;
use crate::sql::same_name;

/// The values to replace where rows are shown. NULL stays NULL, because having a value or none is part of the state.
///
/// ```
/// use sqlitmus::check::{self, Redact};
///
/// let db = sqlitmus::Template::empty().in_memory();
/// db.execute_batch(
///     "CREATE TABLE t(id, parent, at, x);
///      INSERT INTO t VALUES
///          ('c0ffee', NULL, datetime('now'), 'a'),
///          ('facade', 'c0ffee', datetime('now'), 'b')",
/// )
/// .unwrap();
/// let redact = Redact::new()
///     .column("id", "[id-#]")
///     .column("parent", "[id-#]")
///     .times();
/// let rows = check::query_rows(&db, "SELECT * FROM t ORDER BY x").unwrap();
/// assert_eq!(rows.redacted(redact).to_string(), "\
/// id     | parent | at     | x
/// -------+--------+--------+----
/// [id-1] | NULL   | [time] | 'a'
/// [id-2] | [id-1] | [time] | 'b'
/// ");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "it does nothing until rows or changes are shown with it"]
pub struct Redact {
    columns: Vec<(String, String)>,
    times: bool,
}

impl Redact {
    /// Creates a redaction that replaces nothing.
    pub fn new() -> Redact {
        Redact::default()
    }

    /// Shows `text` for the values of a column: `status` of any table, or `orders.status`.
    ///
    /// A `#` in the text becomes a number that is the same for the same value, so that references stay visible. Columns with the
    /// same text share their numbers.
    pub fn column(mut self, column: &str, text: &str) -> Redact {
        self.columns.push((column.to_owned(), text.to_owned()));
        self
    }

    /// Shows `[time]` for texts that are a date with a time of day, such as `2026-03-01 12:00:00` or
    /// `2026-03-01T12:00:00.5+01:00`. Dates without a time and numbers are not replaced: use [`column`](Redact::column).
    pub fn times(mut self) -> Redact {
        self.times = true;
        self
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(column, _)| column.as_str())
    }

    pub(super) fn place(&self, table: &str, column: &str, cell: &Cell) -> Place {
        match cell {
            Cell::Null => Place::Null,
            cell if self.text(table, column, cell.value()).is_some() => Place::Replaced,
            cell => Place::Shown(cell.clone()),
        }
    }

    /// Returns the text that replaces a value, if any.
    pub(super) fn text(&self, table: &str, column: &str, value: ValueRef<'_>) -> Option<&str> {
        if matches!(value, ValueRef::Null) {
            return None;
        }
        let is_of_table = |start: &str| start.strip_suffix('.').is_some_and(|start| same_name(start, table));
        let is_named = |name: &str| {
            let at = name.len().checked_sub(column.len());
            at.and_then(|at| name.split_at_checked(at))
                .is_some_and(|(start, end)| same_name(end, column) && (start.is_empty() || is_of_table(start)))
        };
        if let Some((_, text)) = self.columns.iter().find(|(name, _)| is_named(name)) {
            return Some(text);
        }
        let is_time = self.times && matches!(value, ValueRef::Text(text) if is_time(text));
        is_time.then_some("[time]")
    }
}

/// The position of a value in the order of a redacted column: NULL first, then replaced values, which all compare equal, then
/// the others.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Null,
    Replaced,
    Shown(Cell),
}

/// The redaction of one snapshot, with the numbers given so far.
pub(super) struct Redacting<'r> {
    redact: &'r Redact,
    numbers: SortedMap<&'r str, SortedMap<Cell, usize>>,
}

impl<'r> Redacting<'r> {
    pub(super) fn new(redact: &'r Redact) -> Self {
        Redacting { redact, numbers: SortedMap::new() }
    }

    pub(super) fn show(&mut self, table: &str, column: &str, cell: &Cell) -> String {
        self.replaced(table, column, cell).unwrap_or_else(|| shown(cell.value()))
    }

    pub(super) fn replaced(&mut self, table: &str, column: &str, cell: &Cell) -> Option<String> {
        let text = self.redact.text(table, column, cell.value())?;
        if !text.contains('#') {
            return Some(text.to_owned());
        }
        let numbers = self.numbers.get_or_default(text);
        let next = numbers.len() + 1;
        let number = *numbers.get_or_insert_with(cell.clone(), || next);
        Some(text.replace('#', &number.to_string()))
    }
}

/// Returns true for `YYYY-MM-DD`, a space or `T`, `HH:MM`, and optional seconds, fraction and zone.
fn is_time(text: &[u8]) -> bool {
    const SHAPE: &[u8; 16] = b"0000-00-00 00:00";
    let fits = |(byte, shape): (&u8, &u8)| match shape {
        b'0' => byte.is_ascii_digit(),
        b' ' => matches!(byte, b' ' | b'T' | b't'),
        shape => byte == shape,
    };
    let Some((start, mut rest)) = text.split_first_chunk::<16>() else { return false };
    if !start.iter().zip(SHAPE).all(fits) {
        return false;
    }
    if let [b':', one, other, after @ ..] = rest
        && one.is_ascii_digit()
        && other.is_ascii_digit()
    {
        rest = after;
        if let [b'.', after @ ..] = rest {
            let digits = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return false;
            }
            rest = &after[digits..];
        }
    }
    if let [b' ', after @ ..] = rest {
        rest = after;
    }
    match rest {
        [] | b"Z" | b"z" | b"UTC" => true,
        [b'+' | b'-', zone @ ..] => {
            let digits = zone.iter().filter(|byte| byte.is_ascii_digit()).count();
            matches!((zone.len(), digits), (5, 4) | (4, 4) | (2, 2)) && (zone.len() != 5 || zone[2] == b':')
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_time;

    #[test]
    fn a_time_is_a_date_with_a_time_of_day() {
        for text in [
            "2026-03-01 12:00",
            "2026-03-01 12:00:00",
            "2026-03-01T12:00:00.123456789Z",
            "2026-03-01T12:00:00+01:00",
            "2026-03-01 12:00:00.5 +0100",
            "2026-03-01 12:00:00 UTC",
        ] {
            assert!(is_time(text.as_bytes()), "{text}");
        }
        for text in ["", "2026-03-01", "2026-03-01 12:00:00 or so", "12:00:00", "2026-03-01T12:00:00.", "1772366400"] {
            assert!(!is_time(text.as_bytes()), "{text}");
        }
    }
}
