//! What is left to do around the rows: keys that go in a circle, and full-text indexes that no trigger keeps in step.

use rusqlite::{Connection, Row};

use crate::data::fill::failure;
use crate::data::fill::plan::Plan;
use crate::error::{Error, Result};
use crate::schema::{Schema, TableKind, VirtualTable};
use crate::sql::{plain_name, quote_text, tokens};

/// Foreign keys are checked when the transaction ends, as long as this lives.
pub(crate) struct Deferred<'c> {
    connection: &'c Connection,
    before: bool,
}

impl<'c> Deferred<'c> {
    pub(crate) fn on(connection: &'c Connection) -> Result<Deferred<'c>> {
        let sql = "PRAGMA defer_foreign_keys";
        let before = connection
            .query_row(sql, [], |row| row.get(0))
            .and_then(|before| connection.execute_batch("PRAGMA defer_foreign_keys = ON").map(|()| before))
            .map_err(|error| Error::sqlite("defer foreign keys", error).sql(sql))?;
        Ok(Deferred { connection, before })
    }
}

impl Drop for Deferred<'_> {
    fn drop(&mut self) {
        // SQLite keeps count of what is missing, so that what is checked at the end is checked then all the same.
        if !self.before {
            let _ = self.connection.execute_batch("PRAGMA defer_foreign_keys = OFF");
        }
    }
}

/// Fills of more rows than this get a larger page cache: where an index is larger than the cache, SQLite writes its pages
/// again and again.
const MANY: u64 = 10_000;

/// The connection has a page cache of 64 MB at least, as long as this lives.
pub(crate) struct Roomy<'c> {
    connection: &'c Connection,
    before: i64,
}

impl<'c> Roomy<'c> {
    pub(crate) fn of(connection: &'c Connection, rows: u64) -> Result<Option<Roomy<'c>>> {
        let sql = "PRAGMA main.cache_size";
        let refused = |error| Error::sqlite("read cache_size", error).sql(sql);
        let before: i64 = connection.query_row(sql, [], |row| row.get(0)).map_err(refused)?;
        // Below zero it is in KB, else in pages, of which few have more than 4 KB.
        let size = if before < 0 { -before } else { before.saturating_mul(4) };
        if rows <= MANY || size >= 64_000 {
            return Ok(None);
        }
        connection.execute_batch("PRAGMA main.cache_size = -64000").map_err(refused)?;
        Ok(Some(Roomy { connection, before }))
    }
}

impl Drop for Roomy<'_> {
    fn drop(&mut self) {
        let _ = self.connection.execute_batch(&format!("PRAGMA main.cache_size = {}", self.before));
    }
}

/// Says so if rows of a table refer to nothing.
pub(crate) fn check_references(connection: &Connection, table: &str) -> Result<()> {
    let sql = format!("PRAGMA main.foreign_key_check({})", plain_name(table));
    let shown = |row: &Row<'_>| -> rusqlite::Result<String> {
        let (rowid, parent): (Option<i64>, String) = (row.get(1)?, row.get(2)?);
        let rowid = rowid.map_or(String::new(), |rowid| format!(" {rowid}"));
        Ok(format!("{table}{rowid} refers to {parent}"))
    };
    let broken = connection
        .prepare(&sql)
        .and_then(|mut check| check.query_map([], shown)?.take(5).collect::<rusqlite::Result<Vec<String>>>())
        .map_err(|error| Error::sqlite("check foreign keys", error).sql(&sql))?;
    if broken.is_empty() { Ok(()) } else { Err(failure::broken(table, &broken)) }
}

/// What builds the full-text tables anew that index a filled table, unless triggers of that table keep them in step.
pub(crate) fn index_texts(schema: &Schema, plans: &[Plan]) -> Vec<String> {
    let mut found = Vec::new();
    for table in &schema.tables {
        if !matches!(table.kind, TableKind::Virtual { .. }) {
            continue;
        }
        let of = VirtualTable::of(&table.sql);
        if !of.module.starts_with("fts") {
            continue;
        }
        let Some(content) = of.content.filter(|content| !content.is_empty()) else { continue };
        if !plans.iter().any(|plan| plan.count > 0 && plan.name.eq_ignore_ascii_case(&content)) {
            continue;
        }
        let names_it = |sql: &str| {
            tokens(sql).iter().filter_map(crate::sql::Token::name).any(|name| name.eq_ignore_ascii_case(&table.name))
        };
        let triggers = schema.table(&content).map_or(&[][..], |content| &content.triggers);
        if triggers.iter().any(|trigger| names_it(&trigger.sql)) {
            continue;
        }
        let name = plain_name(&table.name);
        // A column of the full-text table's own name takes commands.
        found.push(format!("INSERT INTO main.{name}({name}) VALUES ({})", quote_text("rebuild")));
    }
    found
}
