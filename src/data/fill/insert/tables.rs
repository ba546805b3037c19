//! Inserts the rows of all tables, with the settings of the connection that this needs for as long as it takes.

use std::sync::Arc;

use rusqlite::{Connection, Row};

use crate::data::fill::context::FillContext;
use crate::data::fill::insert::inserter::Inserter;
use crate::data::fill::plan::table_plan::TablePlan;
use crate::data::fill::rows::values::{FilledTable, Tables};
use crate::data::script::Script;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Schema, TableKind, VirtualTable};
use crate::sql::{Token, plain_name, quote_text, tokens};

/// Inserts the rows of all tables. Returns the result of each, and the rows if `wants_script` is true.
pub(crate) fn insert_tables(
    context: &FillContext<'_>,
    plans: &[TablePlan],
    wants_script: bool,
) -> Result<(Vec<FilledTable>, Script)> {
    let connection = context.connection;
    let _cache = CacheSizeGuard::new(connection, plans.iter().map(|plan| plan.count).sum())?;
    let mut inserter =
        Inserter { context, tables: Tables { plans, filled: Vec::new() }, script: wants_script.then(Vec::new) };
    let in_cycles = plans.iter().enumerate().filter(|(at, plan)| plan.refers_to_later(*at));
    let in_cycles: Vec<&str> = in_cycles.map(|(_, plan)| plan.name.as_str()).collect();
    let deferred = if in_cycles.is_empty() { None } else { Some(DeferredForeignKeys::new(connection)?) };
    for at in 0..plans.len() {
        inserter.fill(at)?;
    }
    for table in &in_cycles {
        check_references(connection, table)?;
    }
    drop(deferred);
    let after = rebuilds(context.schema, plans);
    for sql in &after {
        connection.execute_batch(sql).map_err(|error| Error::sqlite("rebuild the full-text index", error).sql(sql))?;
    }
    let script = inserter.script.map_or_else(Script::default, |rows| Script {
        tables: Arc::new(plans.iter().map(TablePlan::target).collect()),
        rows,
        deferred: !in_cycles.is_empty(),
        after,
    });
    Ok((inserter.tables.filled, script))
}

/// Returns the statements that rebuild the full-text indexes of filled tables, unless triggers update them.
pub(super) fn rebuilds(schema: &Schema, plans: &[TablePlan]) -> Vec<String> {
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
        if !plans.iter().any(|plan| plan.count > 0 && plan.name == content) {
            continue;
        }
        let names_it = |sql: &str| tokens(sql).iter().filter_map(Token::name).any(|name| name == table.name);
        let triggers = schema.table(&content).map_or(&[][..], |content| &content.triggers);
        if triggers.iter().any(|trigger| names_it(&trigger.sql)) {
            continue;
        }
        let name = plain_name(&table.name);
        // The column with the name of the full-text table takes commands.
        found.push(format!("INSERT INTO main.{name}({name}) VALUES ({})", quote_text("rebuild")));
    }
    found
}

/// Returns an error if rows of a table refer to nothing.
fn check_references(connection: &Connection, table: &str) -> Result<()> {
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
    if broken.is_empty() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Data, format!("cannot fill {table}: rows would refer to nothing"))
        .evidence("PRAGMA foreign_key_check", broken.join("\n"))
        .help("existing rows may have the keys that were to be given"))
}

/// Checks foreign keys when the transaction ends, until this value is dropped.
pub(super) struct DeferredForeignKeys<'c> {
    connection: &'c Connection,
    before: bool,
}

impl<'c> DeferredForeignKeys<'c> {
    pub(super) fn new(connection: &'c Connection) -> Result<DeferredForeignKeys<'c>> {
        let sql = "PRAGMA defer_foreign_keys";
        let before = connection
            .query_row(sql, [], |row| row.get(0))
            .and_then(|before| connection.execute_batch("PRAGMA defer_foreign_keys = ON").map(|()| before))
            .map_err(|error| Error::sqlite("defer foreign keys", error).sql(sql))?;
        Ok(DeferredForeignKeys { connection, before })
    }
}

impl Drop for DeferredForeignKeys<'_> {
    fn drop(&mut self) {
        // SQLite counts missing parents, so keys that were to be checked at the end are still checked then.
        if !self.before {
            let _ = self.connection.execute_batch("PRAGMA defer_foreign_keys = OFF");
        }
    }
}

/// Fills of more rows than this get a larger page cache: if an index is larger than the cache, SQLite writes its pages
/// again and again.
const MANY: u64 = 10_000;

/// Gives the connection a page cache of at least 64 MB until this value is dropped.
pub(super) struct CacheSizeGuard<'c> {
    connection: &'c Connection,
    before: i64,
}

impl<'c> CacheSizeGuard<'c> {
    pub(super) fn new(connection: &'c Connection, rows: u64) -> Result<Option<CacheSizeGuard<'c>>> {
        let sql = "PRAGMA main.cache_size";
        let refused = |error| Error::sqlite("read cache_size", error).sql(sql);
        let before: i64 = connection.query_row(sql, [], |row| row.get(0)).map_err(refused)?;
        // A negative size is in KB, a positive one in pages, of which few have more than 4 KB.
        let size = if before < 0 { -before } else { before.saturating_mul(4) };
        if rows <= MANY || size >= 64_000 {
            return Ok(None);
        }
        connection.execute_batch("PRAGMA main.cache_size = -64000").map_err(refused)?;
        Ok(Some(CacheSizeGuard { connection, before }))
    }
}

impl Drop for CacheSizeGuard<'_> {
    fn drop(&mut self) {
        let _ = self.connection.execute_batch(&format!("PRAGMA main.cache_size = {}", self.before));
    }
}
