//! Rows taken away from a database, and with them the rows that refer to them.

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::contents::key_of_rows;
use crate::order::{Order as _, SortedMap};
use crate::schema::references::parent_columns;
use crate::schema::{ForeignKey, Schema, Table};
use crate::sql::{plain_name, quote_identifier};

/// Rows of a table, by their places in the order of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowRange {
    /// The place of the table in the schema.
    pub(crate) table: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl RowRange {
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }
}

/// References that lead nowhere: how many there are by table, rowid and number of the foreign key. A table WITHOUT ROWID has
/// no rowids.
pub(crate) type Dangling = SortedMap<(String, Option<i64>, i64), usize>;

/// Returns the references that lead nowhere.
pub(crate) fn dangling(connection: &Connection, schema: &Schema) -> Dangling {
    let mut found = Dangling::new();
    let Ok(mut check) = connection.prepare("SELECT rowid, fkid FROM pragma_foreign_key_check(?1)") else {
        return found;
    };
    for table in schema.tables.iter().filter(|table| !table.foreign_keys.is_empty()) {
        let name = table.name.to_string();
        // SQLite refuses to check a key whose parent has no such unique columns.
        let rows = check.query_map([&name], |row| Ok((name.clone(), row.get(0)?, row.get(1)?)));
        for reference in rows.into_iter().flatten().flatten() {
            *found.get_or_default(reference) += 1;
        }
    }
    found
}

/// Deletes rows, and what refers to them. `known` are the references that lead nowhere before that. Returns true if this
/// was possible without others.
pub(crate) fn take_away(connection: &Connection, schema: &Schema, rows: &[RowRange], known: &Dangling) -> bool {
    // A trigger may keep an index or a sum up to date. It may also refuse the deletion.
    [true, false].into_iter().any(|fires_triggers| {
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, fires_triggers).is_ok()
            && connection.execute_batch("PRAGMA foreign_keys = OFF; BEGIN").is_ok()
            && match delete(connection, schema, rows, known) {
                Ok(true) => connection.execute_batch("COMMIT").is_ok(),
                _ => {
                    // The trigger may have done it.
                    let _ = connection.execute_batch("ROLLBACK");
                    false
                }
            }
    })
}

fn delete(connection: &Connection, schema: &Schema, rows: &[RowRange], known: &Dangling) -> rusqlite::Result<bool> {
    let mut rows: Vec<&RowRange> = rows.iter().collect();
    // The last ones first, so that the others keep their places.
    rows.order_by_key(|range| std::cmp::Reverse(range.start));
    for range in rows {
        let table = &schema.tables[range.table];
        let (name, key) = (quote_identifier(&table.name), key_of_rows(table));
        let (limit, offset) = (range.len(), range.start);
        connection.execute(
            &format!("DELETE FROM {name} WHERE ({key}) IN (SELECT {key} FROM {name} ORDER BY {key} LIMIT {limit} OFFSET {offset})"),
            [],
        )?;
    }
    loop {
        let now = dangling(connection, schema);
        let new: Vec<_> = now.iter().filter(|(key, count)| known.get(key).is_none_or(|known| known < count)).collect();
        if new.is_empty() {
            return Ok(true);
        }
        let mut deleted = 0;
        for ((name, rowid, _), _) in new {
            let Some(table) = schema.table(name) else { continue };
            let name = quote_identifier(name);
            deleted += match rowid {
                Some(rowid) => connection.execute(&format!("DELETE FROM {name} WHERE rowid = ?1"), [rowid])?,
                None => {
                    let mut deleted = 0;
                    for orphans in table.foreign_keys.iter().filter_map(|key| delete_orphans(schema, table, key)) {
                        deleted += connection.execute(&orphans, [])?;
                    }
                    deleted
                }
            };
        }
        if deleted == 0 {
            return Ok(false);
        }
    }
}

/// Returns the DELETE of all rows whose reference leads nowhere.
pub(crate) fn delete_orphans(schema: &Schema, table: &Table, key: &ForeignKey) -> Option<String> {
    let parent = schema.table(&key.parent)?;
    let name = plain_name(&table.name);
    let own: Vec<String> = key.columns.iter().map(|column| format!("{name}.{}", plain_name(column))).collect();
    let pairs = parent_columns(key, parent).into_iter().zip(&own);
    let same: Vec<String> = pairs.map(|(parent, own)| format!("parent.{} = {own}", plain_name(parent))).collect();
    let is_set: Vec<String> = own.iter().map(|column| format!("{column} IS NOT NULL")).collect();
    Some(format!(
        "DELETE FROM {name} WHERE {} AND NOT EXISTS (SELECT 1 FROM {} AS parent WHERE {})",
        is_set.join(" AND "),
        plain_name(&parent.name),
        same.join(" AND ")
    ))
}
