//! A database of a version that the app's runner does not know yet: the latest one, with the runner's record of its version
//! moved on by one, as its last step has moved it.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::db::{Image, Scratch};
use crate::error::{Error, Result};
use crate::schema::{Schema, is_ledger};
use crate::sql::{Name, insert_parameters, plain_name, quote_identifier, quote_text};

/// A database of a newer version, and the record that says so.
pub(crate) struct NewerDatabase {
    pub(crate) image: Image,
    pub(crate) record: String,
}

/// Where a runner keeps which version a database has: `user_version`, and the rows of tables.
pub(crate) struct VersionRecord {
    user_version: i64,
    tables: Vec<RecordTable>,
}

struct RecordTable {
    name: Name,
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
}

/// A change of the record that makes the database newer.
enum Change {
    UserVersion(i64),
    /// A new row.
    Row {
        table: Name,
        columns: Vec<String>,
        row: Vec<Value>,
        moved: Vec<usize>,
    },
    /// New values in a row.
    Values {
        table: Name,
        columns: Vec<String>,
        row: Vec<Value>,
        moved: Vec<usize>,
    },
}

impl VersionRecord {
    /// Reads the record of a runner that knows its versions by these tables.
    pub(crate) fn read(connection: &Connection, tables: &[Name]) -> Result<VersionRecord> {
        let read = || -> rusqlite::Result<VersionRecord> {
            let user_version = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
            let is_there = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE";
            let mut found = Vec::new();
            for name in tables {
                if connection.query_row(is_there, [&**name], |row| row.get::<_, i64>(0))? > 0 {
                    found.push(RecordTable::read(connection, name)?);
                }
            }
            Ok(VersionRecord { user_version, tables: found })
        };
        read().map_err(|error| Error::sqlite("read the record of a runner", error))
    }

    /// Reads the record of a runner of which only the last version is known, by the tables that runners are known to have.
    /// Returns it with what it may have been one version before.
    pub(crate) fn read_last(connection: &Connection) -> Result<(VersionRecord, VersionRecord)> {
        let schema = Schema::read(connection)?;
        let tables: Vec<Name> =
            schema.tables.iter().map(|table| table.name.clone()).filter(|name| is_ledger(name)).collect();
        let [mut before, last] = [VersionRecord::read(connection, &tables)?, VersionRecord::read(connection, &tables)?];
        before.user_version = last.user_version.saturating_sub(1).max(0);
        for table in &mut before.tables {
            table.rows.pop();
        }
        Ok((before, last))
    }

    /// Returns the changes that move this record on, as the last version has moved it from `before`.
    fn changes_since(&self, before: &VersionRecord) -> Vec<Change> {
        let mut changes = Vec::new();
        let step = self.user_version.saturating_sub(before.user_version);
        if self.user_version != 0 && step != 0 {
            let next = [step.max(1), 1].into_iter().map(|step| self.user_version.saturating_add(step));
            changes.extend(next.filter(|next| i32::try_from(*next).is_ok()).map(Change::UserVersion).take(1));
        }
        for table in &self.tables {
            let old = before.tables.iter().find(|old| old.name == table.name);
            changes.extend(table.change_since(old.map_or(&[], |old| &old.rows)));
        }
        changes
    }
}

impl RecordTable {
    fn read(connection: &Connection, name: &Name) -> rusqlite::Result<RecordTable> {
        let mut query = connection.prepare(&format!("SELECT * FROM main.{}", quote_identifier(name)))?;
        let count = query.column_count();
        let columns = (0..count).map(|at| query.column_name(at).map(str::to_owned)).collect::<rusqlite::Result<_>>()?;
        let rows = query.query_map([], |row| (0..count).map(|column| row.get(column)).collect())?;
        let rows = rows.collect::<rusqlite::Result<_>>()?;
        Ok(RecordTable { name: name.clone(), columns, rows })
    }

    /// Returns the next row where the last version has added one, and the next values where it has changed one.
    fn change_since(&self, old: &[Vec<Value>]) -> Option<Change> {
        let added = self.rows.iter().rfind(|row| !old.contains(row))?;
        let gone = old.iter().rfind(|row| !self.rows.contains(row));
        // Before the first version there is no row to compare with. A table of runners has one for each version.
        let is_value = gone.is_some() || (old.is_empty() && self.rows.len() == 1 && !is_ledger(&self.name));
        let model = gone.or_else(|| old.last());
        let mut row = added.clone();
        let mut moved = Vec::new();
        for (column, value) in row.iter_mut().enumerate() {
            if let Some(next) = next_value(model.and_then(|model| model.get(column)), value) {
                *value = next;
                moved.push(column);
            }
        }
        let (table, columns) = (self.name.clone(), self.columns.clone());
        match is_value {
            _ if moved.is_empty() => None,
            true => Some(Change::Values { table, columns, row, moved }),
            false => Some(Change::Row { table, columns, row, moved }),
        }
    }
}

impl Change {
    fn make(&self, connection: &Connection) -> rusqlite::Result<()> {
        match self {
            Change::UserVersion(version) => connection.execute_batch(&format!("PRAGMA user_version = {version}")),
            Change::Row { table, columns, row, .. } => {
                let into = format!("INTO main.{}", quote_identifier(table));
                connection.execute(&insert_parameters(&into, columns), params_from_iter(row)).map(drop)
            }
            Change::Values { table, columns, row, moved } => {
                let all = |is_moved: bool, by: &str, between: &str| {
                    let chosen = columns.iter().enumerate().filter(|(at, _)| moved.contains(at) == is_moved);
                    let parts = chosen.map(|(at, name)| format!("{} {by} ?{}", quote_identifier(name), at + 1));
                    parts.collect::<Vec<_>>().join(between)
                };
                let kept = all(false, "IS", " AND ");
                let kept = if kept.is_empty() { "1" } else { &kept };
                let table = quote_identifier(table);
                let sql = format!("UPDATE main.{table} SET {} WHERE {kept}", all(true, "=", ", "));
                connection.execute(&sql, params_from_iter(row)).map(drop)
            }
        }
    }

    fn text(&self) -> String {
        match self {
            Change::UserVersion(version) => format!("user_version is {version}"),
            Change::Row { table, columns, row, moved } | Change::Values { table, columns, row, moved } => {
                let value = |at: &usize| {
                    let value = match &row[*at] {
                        Value::Text(text) => quote_text(text),
                        Value::Integer(number) => number.to_string(),
                        other => format!("{other:?}"),
                    };
                    format!("{} {value}", plain_name(&columns[*at]))
                };
                let values = moved.iter().map(value).collect::<Vec<_>>().join(", ");
                format!("{} has a row with {values}", plain_name(table))
            }
        }
    }
}

impl NewerDatabase {
    /// Moves the record in a database of the last version on. Returns nothing if there is no record.
    pub(crate) fn of(
        latest: Scratch,
        (before, last): (&VersionRecord, &VersionRecord),
    ) -> Result<Option<NewerDatabase>> {
        let changes = last.changes_since(before);
        if changes.is_empty() {
            return Ok(None);
        }
        for change in &changes {
            let error = |error| Error::sqlite(format!("make a newer database, in which {}", change.text()), error);
            change.make(&latest).map_err(error)?;
        }
        let record = changes.iter().map(Change::text).collect::<Vec<_>>().join("\n");
        Ok(Some(NewerDatabase { image: latest.image()?, record }))
    }
}

/// Returns the value that a column has in the next version, if it is not the same in each.
fn next_value(before: Option<&Value>, last: &Value) -> Option<Value> {
    match (before, last) {
        (Some(before), last) if before == last => None,
        (Some(Value::Integer(before)), Value::Integer(last)) => {
            last.checked_add(last.saturating_sub(*before).max(1)).map(Value::Integer)
        }
        (_, Value::Integer(last)) => last.checked_add(1).map(Value::Integer),
        (before, Value::Text(last)) => {
            let before = before.and_then(|before| if let Value::Text(text) = before { Some(&**text) } else { None });
            next_text(before.unwrap_or_default(), last).map(Value::Text)
        }
        _ => None,
    }
}

/// Returns the text with its number moved on: the first one that is not that of `before`. A time of day is kept.
fn next_text(before: &str, last: &str) -> Option<String> {
    if last.contains(':') {
        return None;
    }
    let differs = before.bytes().zip(last.bytes()).position(|(one, other)| one != other);
    let differs = differs.unwrap_or_else(|| before.len().min(last.len()));
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let bytes = last.as_bytes();
    // The number that the difference is in begins before it.
    let from = bytes[..differs].iter().rposition(|byte| !is_digit(byte)).map_or(0, |before| before + 1);
    let first = |from: usize| bytes[from..].iter().position(is_digit).map(|at| from + at);
    let Some(start) = first(from).or_else(|| first(0)) else { return Some(format!("{last}_next")) };
    let end = bytes[start..].iter().position(|byte| !is_digit(byte)).map_or(bytes.len(), |length| start + length);
    let next = last[start..end].parse::<u64>().ok()?.checked_add(1)?;
    Some(format!("{}{next:0width$}{}", &last[..start], &last[end..], width = end - start))
}

#[cfg(test)]
mod tests {
    use super::next_text;

    #[test]
    fn the_number_that_differs_is_moved_on() {
        for (before, last, next) in [
            ("2", "3", Some("4")),
            ("9", "10", Some("11")),
            ("", "007", Some("008")),
            ("0001_users", "0002_posts_v2", Some("0003_posts_v2")),
            ("m20220101_000001_a", "m20220101_000009_b", Some("m20220101_000010_b")),
            ("users", "posts", Some("posts_next")),
            ("2026-01-31T10:00:00Z", "2026-01-31T10:00:59Z", None),
        ] {
            assert_eq!(next_text(before, last).as_deref(), next, "{before} {last}");
        }
    }
}
