//! A copy of a database, on which checks may write.

use rusqlite::Connection;

use crate::db::{Functions, back_up};

/// Copies the main database into memory, as this connection sees it. SQLite refuses while the connection has a write
/// transaction open.
pub(super) fn copy_of(connection: &Connection, functions: Option<Functions>) -> rusqlite::Result<Connection> {
    let mut copy = Connection::open_in_memory()?;
    if let Some(functions) = functions {
        // A function that could not be registered is named by the statement that needs it.
        let _ = functions(&copy);
    }
    back_up(connection, &mut copy)?;
    Ok(copy)
}
