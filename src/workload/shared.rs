//! The indexes that the statements of a recording or of a ledger need together.

use rusqlite::Connection;

use crate::error::Result;
use crate::plan::{KnownStatement, SharedAdvice, together};
use crate::record::{Queries, StatementLedger};

/// Returns the smallest set of indexes that leaves no scan and no sort which an index can remove, and that makes none of the
/// recorded queries dearer by more than a tenth. What a query costs are SQLite's own steps on about a thousand rows of each
/// table, made for the purpose.
///
/// ```
/// # let db = sqlitmus::Template::empty().in_memory();
/// # db.execute_batch("CREATE TABLE orders(id INTEGER PRIMARY KEY, customer TEXT, status TEXT, at TEXT)").unwrap();
/// let queries = db.record(|db| {
///     db.execute("DELETE FROM orders WHERE customer = ?1", ["ada"])?;
///     let by_time = "UPDATE orders SET status = 'old'
///         WHERE customer = ?1 AND at < ?2";
///     db.execute(by_time, ["ada", "2026"])
/// });
/// let advice = sqlitmus::workload::advise_all(&queries).unwrap();
/// let expected = "\
/// CREATE INDEX orders_customer_at ON orders(customer, at);   for 2 statements
/// 1 index, of 2 that were tried: fewer cannot serve the same statements";
/// assert_eq!(advice.to_string(), expected);
/// ```
///
/// "Fewer cannot" is said of the indexes that were tried: so many statements were found of which no two can be served by one
/// of them. The database is not changed.
///
/// # Errors
/// If the recording is not complete, or if SQLite refuses a connection.
pub fn advise_all<R>(queries: &Queries<R>) -> Result<SharedAdvice> {
    let known = |(planned, written)| KnownStatement { planned, written };
    together(&queries.connect()?, &queries.planned_and_written()?.into_iter().map(known).collect::<Vec<_>>(), &[])
}

/// Like [`advise_all`], for the statements of a ledger on the schema of `connection`. A ledger has `?` for every value, so no
/// index for one value of a flag is among them.
///
/// # Errors
/// If SQLite refuses to read the schema.
pub fn advise_ledger(connection: &Connection, ledger: &StatementLedger) -> Result<SharedAdvice> {
    let known = |sql: &str| KnownStatement { planned: sql.to_owned(), written: sql.to_owned() };
    together(connection, &ledger.iter().map(|statement| known(statement.sql())).collect::<Vec<_>>(), &[])
}
