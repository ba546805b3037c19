//! A copy of the database in which new rows get other ids, which tells a reference to a new row from a number that happens to
//! be its id.

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::db::Address;
use crate::error::{Error, Result};
use crate::order::SortedSet;
use crate::schema::{Name, Schema, Table};
use crate::sql::quote_identifier;

/// The distance by which the ids of the first table move. Each further one moves as far again.
const DISTANCE: i64 = 10_000;

/// Copies the database, and moves the next id of these tables, as far as their constraints allow.
pub(super) fn shifted(base: &Address, tables: &SortedSet<Name>) -> Result<Address> {
    let copy = base.fork();
    let connection = copy.look()?;
    let schema = Schema::read(&connection)?;
    let prepared = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false);
    prepared.map_err(|error| Error::sqlite("turn triggers off", error))?;
    for (distance, table) in (1..).zip(tables.iter().filter_map(|name| schema.table(name))) {
        // What is refused says nothing about references.
        let _ = shift(&connection, table, distance * DISTANCE);
    }
    Ok(copy)
}

fn shift(connection: &Connection, table: &Table, distance: i64) -> rusqlite::Result<usize> {
    let name = quote_identifier(&table.name);
    if table.autoincrement {
        let sequence = "UPDATE sqlite_sequence SET seq = seq + ?1 WHERE name = ?2";
        return match connection.execute(sequence, (distance, &*table.name))? {
            0 => connection.execute("INSERT INTO sqlite_sequence VALUES (?2, ?1)", (distance, &*table.name)),
            moved => Ok(moved),
        };
    }
    let is_kept = |column: &&crate::schema::Column| column.generated.is_none() && !column.hidden;
    let columns: Vec<String> = table.columns.iter().filter(is_kept).map(|column| column.name.to_string()).collect();
    let (ids, others): (Vec<&String>, Vec<&String>) = columns.iter().partition(|column| table.is_rowid(column));
    let Some(id) = ids.first().map(|id| quote_identifier(id)) else { return Ok(0) };
    let others: String = others.iter().map(|column| format!(", {}", quote_identifier(column))).collect();
    // One more row with a higher id; where its values have to be unique, the last row itself moves.
    let copied =
        format!("INSERT INTO {name}({id}{others}) SELECT {id} + ?1{others} FROM {name} ORDER BY {id} DESC LIMIT 1");
    let moved = format!("UPDATE {name} SET {id} = {id} + ?1 WHERE {id} = (SELECT max({id}) FROM {name})");
    let first = format!("INSERT INTO {name}({id}) VALUES (?1)");
    match connection.execute(&copied, [distance]) {
        Ok(0) => connection.execute(&first, [distance]),
        Ok(rows) => Ok(rows),
        Err(_) => connection.execute(&moved, [distance]),
    }
}
