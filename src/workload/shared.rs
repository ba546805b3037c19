//! The indexes that the statements of a recording or of a ledger need together.

use rusqlite::Connection;

use crate::error::Result;
use crate::plan::{Planner, SharedAdvice, together};
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
    advise(&queries.connect()?, queries.planned_and_written()?)
}

/// Like [`advise_all`], for the statements of a ledger on the schema of `connection`. A ledger has `?` for every value, so no
/// index for one value of a flag is among them.
///
/// # Errors
/// If SQLite refuses to read the schema.
pub fn advise_ledger(connection: &Connection, ledger: &StatementLedger) -> Result<SharedAdvice> {
    advise(connection, ledger.iter().map(|statement| (statement.sql().to_owned(), statement.sql().to_owned())))
}

/// Returns the indexes for statements, each with its values and as it was written.
fn advise(connection: &Connection, statements: impl IntoIterator<Item = (String, String)>) -> Result<SharedAdvice> {
    let planner = Planner::on(connection)?;
    let (mut plans, mut unplanned) = (Vec::new(), Vec::new());
    for (sql, written) in statements {
        match planner.explain(&sql) {
            Ok(plan) => plans.push(plan.written_as(&written)),
            Err(_) => unplanned.push(written),
        }
    }
    Ok(SharedAdvice { unplanned, ..together(plans, Vec::new())? })
}
