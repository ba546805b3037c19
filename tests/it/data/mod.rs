//! Filling tables: constraints that rows satisfy, failures, and repeatability.

mod agreements;
mod circles;
mod conditions;
mod documents;
mod hardships;
mod options;
mod parents;
mod properties;
mod refused;
mod shop;

use sqlitmus::data::{Fill, Filled};
use sqlitmus::rusqlite::Connection;

fn database(sql: &str) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    connection.execute_batch(sql).unwrap();
    connection
}

fn one(connection: &Connection, sql: &str) -> i64 {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn count(connection: &Connection, table: &str) -> i64 {
    one(connection, &format!("SELECT count(*) FROM {table}"))
}

/// Returns every row of every table as text.
fn dump(connection: &Connection) -> Vec<String> {
    let tables = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let names: Vec<String> =
        connection.prepare(tables).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    names.iter().flat_map(|name| rows(connection, &format!("SELECT * FROM \"{name}\""))).collect()
}

fn rows(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let line = |row: &sqlitmus::rusqlite::Row<'_>| {
        let values: Vec<String> = (0..columns).map(|index| format!("{:?}", row.get_ref(index).unwrap())).collect();
        Ok(values.join(" | "))
    };
    statement.query_map([], line).unwrap().map(Result::unwrap).collect()
}

/// Asserts that SQLite finds nothing wrong in the database.
#[track_caller]
fn whole(connection: &Connection) {
    assert_eq!(rows(connection, "PRAGMA foreign_key_check"), [""; 0]);
    let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    sqlitmus::check::integrity(connection).assert_ok();
}

/// Fills `table` with `rows` rows and asserts that all of them were inserted.
#[track_caller]
fn fills(sql: &str, table: &str, rows: u64) -> Connection {
    fills_by(sql, &Fill::seed(1).rows(table, rows), table, rows)
}

#[track_caller]
fn fills_by(sql: &str, fill: &Fill, table: &str, rows: u64) -> Connection {
    let connection = database(sql);
    let filled = fill.insert(&connection);
    assert_eq!((filled.rows(table), count(&connection, table)), (rows, rows.cast_signed()));
    whole(&connection);
    connection
}

/// Fills a table `t` of each of these schemas. The failure lists all schemas that cannot be filled.
#[track_caller]
fn all_fill(schemas: impl IntoIterator<Item = String>, rows: u64) -> Vec<Connection> {
    let (mut filled, mut failed) = (Vec::new(), Vec::new());
    for schema in schemas {
        let connection = database(&schema);
        if let Err(error) = Fill::seed(1).rows("t", rows).try_insert(&connection) {
            failed.push(format!("{schema}\n{error}"));
        } else {
            assert_eq!(count(&connection, "t"), rows.cast_signed(), "{schema}");
            whole(&connection);
            filled.push(connection);
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    filled
}

/// Returns the number of distinct values of a column of `t`.
fn distinct(connection: &Connection, column: &str) -> i64 {
    one(connection, &format!("SELECT count(DISTINCT {column}) FROM t"))
}

/// Returns the failure of a fill and asserts that nothing was inserted.
#[track_caller]
fn refused(connection: &Connection, fill: &Fill) -> String {
    let before = dump(connection);
    let text = said(fill.try_insert(connection));
    assert_eq!(dump(connection), before);
    assert!(connection.is_autocommit());
    text
}

fn said(result: sqlitmus::Result<Filled>) -> String {
    match result {
        Ok(filled) => panic!("it was not refused: {filled:?}"),
        Err(error) => error.to_string(),
    }
}
