//! Schemas: reading, the canonical form, differences.

mod canonical;
mod diff;
mod mangle;
mod mutated;
mod read;
mod rebuilt;

use sqlitmus::rusqlite::Connection;
use sqlitmus::schema::{Schema, Table};

fn database(sql: &str) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(sql).unwrap_or_else(|error| panic!("{error}:\n{sql}"));
    connection
}

fn schema(sql: &str) -> Schema {
    Schema::read(&database(sql)).unwrap()
}

/// Returns the table `t` of the schema.
fn table(sql: &str) -> Table {
    schema(sql).table("t").unwrap().clone()
}
