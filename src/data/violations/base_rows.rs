//! Rows that a table accepts, from which rows that break its constraints are made.

use rusqlite::Connection;

use super::constraint;
use crate::data::fill::Fill;
use crate::data::script::{Script, Target, within};
use crate::data::values::value_buf::ValueBuf;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Schema, Table};
use crate::sql::plain_name;

/// Inserts a few rows into each table that can be filled.
pub(super) fn fill(db: &Connection, schema: &Schema) -> Result<()> {
    let filled = |fill: Fill| -> Result<()> {
        let (_, script) = fill.null_rate(0).drafted(db, schema)?;
        within(db, true, || script.run(db))
    };
    if constraint::tables(schema).next().is_some() && filled(Fill::new().every_table(3)).is_err() {
        for table in constraint::tables(schema) {
            // A table that cannot be filled is reported when its constraints are tried.
            let _ = filled(Fill::new().rows(&table.name, 3).reuse());
        }
    }
    Ok(())
}

/// Makes rows of a table and inserts the parents that they need. Returns the rows.
pub(super) fn draft(
    db: &Connection,
    schema: &Schema,
    table: &Table,
    fill: Fill,
) -> Result<(Target, Vec<Vec<ValueBuf>>)> {
    let (_, script) = fill.null_rate(0).drafted(db, schema)?;
    let (target, ours, parents) = split(script, &table.name)
        .filter(|(_, ours, _)| !ours.is_empty())
        .ok_or_else(|| Error::new(ErrorKind::Data, format!("no row of {} could be made", table.name)))?;
    within(db, true, || parents.run(db))?;
    Ok((target, ours))
}

/// Splits the rows of a table off a script.
fn split(mut script: Script, table: &str) -> Option<(Target, Vec<Vec<ValueBuf>>, Script)> {
    let at = script.tables.iter().position(|target| target.name == table)?;
    let (ours, others): (Vec<_>, Vec<_>) =
        std::mem::take(&mut script.rows).into_iter().partition(|row| row.table == at);
    script.rows = others;
    let target = Target { name: table.to_owned(), columns: script.tables[at].columns.clone() };
    Some((target, ours.into_iter().map(|row| row.values).collect(), script))
}

/// Takes an existing row out of its table, if no other can be made: the migrations have used up all values, or the parents
/// also need a child.
pub(super) fn taken_out(
    db: &Connection,
    schema: &Schema,
    table: &Table,
) -> Result<Option<(Target, Vec<Vec<ValueBuf>>)>> {
    let given = table.columns.iter().filter(|column| column.generated.is_none() && !column.hidden);
    let target =
        Target { name: table.name.to_string(), columns: given.map(|column| column.name.to_string()).collect() };
    if existing(db, &target)?.is_empty() {
        let (_, script) = Fill::new().null_rate(0).rows(&table.name, 2).drafted(db, schema)?;
        within(db, true, || script.run(db))?;
    }
    let Some(row) = existing(db, &target)?.pop() else { return Ok(None) };
    let same: Vec<String> = target.columns.iter().map(|name| format!("{} IS ?", plain_name(name))).collect();
    let sql = format!("DELETE FROM main.{} WHERE {}", plain_name(&table.name), same.join(" AND "));
    // Rows that refer to it may stay, because each trial inserts it again.
    let delete = || -> rusqlite::Result<usize> {
        let on: bool = db.query_row("PRAGMA foreign_keys", [], |row| row.get(0))?;
        db.execute_batch("PRAGMA foreign_keys = OFF")?;
        let deleted = db.execute(&sql, rusqlite::params_from_iter(&row));
        db.execute_batch(if on { "PRAGMA foreign_keys = ON" } else { "PRAGMA foreign_keys = OFF" })?;
        deleted
    };
    let deleted = delete().map_err(|error| Error::sqlite("delete a row from its table", error).sql(&sql))?;
    Ok((deleted > 0).then_some((target, vec![row])))
}

/// Returns existing rows.
pub(super) fn existing(connection: &Connection, target: &Target) -> Result<Vec<Vec<ValueBuf>>> {
    if target.columns.is_empty() {
        return Ok(Vec::new());
    }
    let columns = crate::sql::plain_names(target.columns.iter().map(String::as_str));
    let sql = format!("SELECT {columns} FROM main.{} LIMIT 12", plain_name(&target.name));
    let read = || -> rusqlite::Result<Vec<Vec<ValueBuf>>> {
        let mut statement = connection.prepare(&sql)?;
        let rows = statement.query_map([], |row| {
            let mut values = vec![ValueBuf::default(); target.columns.len()];
            for (index, made) in values.iter_mut().enumerate() {
                made.set(row.get_ref(index)?);
            }
            Ok(values)
        })?;
        rows.collect()
    };
    read().map_err(|error| Error::sqlite(format!("read the rows of {}", target.name), error).sql(&sql))
}
