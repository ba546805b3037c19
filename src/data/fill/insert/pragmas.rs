//! Settings of the connection that a fill changes while it runs.

use rusqlite::Connection;

use crate::error::{Error, Result};

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
