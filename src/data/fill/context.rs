//! The inputs of every phase of a fill, and the rows of a table before it is filled.

use rusqlite::Connection;

use crate::data::fill::options::FillOptions;
use crate::data::relations::Relation;
use crate::data::values::value_buf::ValueBuf;
use crate::error::{Error, Result};
use crate::schema::{Name, Schema, Table};
use crate::sql::{plain_name, plain_names};

pub(crate) struct FillContext<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) schema: &'a Schema,
    /// The foreign keys of each table, by its place in the schema.
    pub(crate) relations: Vec<Vec<Relation>>,
    pub(crate) options: &'a FillOptions,
}

/// Keys of existing rows are read up to this number.
const MOST_KEYS: usize = 100_000;

/// Returns the number of rows before the first new one: the greatest rowid, which SQLite finds at once, or their count.
pub(crate) fn first_number(connection: &Connection, table: &Table) -> Result<u64> {
    let name = plain_name(&table.name);
    // A column may be called `rowid`.
    let has_rowid = !table.without_rowid && table.column("rowid").is_none();
    let what = if has_rowid { "max(rowid)" } else { "count(*)" };
    let sql = format!("SELECT coalesce({what}, 0) FROM main.{name}");
    let number: i64 = connection
        .query_row(&sql, [], |row| row.get(0))
        .map_err(|error| Error::sqlite(format!("read the rows of {}", table.name), error).sql(&sql))?;
    Ok(u64::try_from(number).unwrap_or(0))
}

/// Returns the first free rowid. AUTOINCREMENT never uses a number twice, not even that of a deleted row.
pub(super) fn first_rowid(connection: &Connection, table: &Table, start: u64) -> Result<i64> {
    let mut last = start.cast_signed();
    if table.autoincrement {
        let sql = "SELECT coalesce(max(seq), 0) FROM main.sqlite_sequence WHERE name = ?1 COLLATE NOCASE";
        let used: i64 = connection
            .query_row(sql, [&table.name], |row| row.get(0))
            .map_err(|error| Error::sqlite("read sqlite_sequence", error).sql(sql))?;
        last = last.max(used);
    }
    Ok(last.saturating_add(1))
}

/// Returns the keys of existing rows that have no NULL in them.
pub(in crate::data) fn existing_keys(
    connection: &Connection,
    parent: &Table,
    columns: &[Name],
) -> Result<Vec<Vec<ValueBuf>>> {
    let list = plain_names(columns.iter().map(Name::as_str));
    let given: Vec<String> = columns.iter().map(|name| format!("{} IS NOT NULL", plain_name(name))).collect();
    let sql = format!(
        "SELECT {list} FROM main.{} WHERE {} ORDER BY {list} LIMIT {MOST_KEYS}",
        plain_name(&parent.name),
        given.join(" AND ")
    );
    connection
        .prepare(&sql)
        .and_then(|mut statement| statement.query_map([], |row| row_values(row, columns.len()))?.collect())
        .map_err(|error| Error::sqlite(format!("read the keys of {}", parent.name), error).sql(&sql))
}

/// Copies the first values of a row.
pub(super) fn row_values(row: &rusqlite::Row<'_>, columns: usize) -> rusqlite::Result<Vec<ValueBuf>> {
    let value = |index| {
        let mut value = ValueBuf::default();
        value.set(row.get_ref(index)?);
        Ok(value)
    };
    (0..columns).map(value).collect()
}

/// Counts the existing rows that have these values in these columns.
pub(super) fn count_existing(connection: &Connection, table: &Table, set: &[(&Name, &ValueBuf)]) -> Result<u64> {
    let conditions: String = set.iter().map(|(name, _)| format!(" AND {} = ?", plain_name(name))).collect();
    let sql = format!("SELECT count(*) FROM main.{} WHERE true{conditions}", plain_name(&table.name));
    let values = set.iter().map(|(_, value)| *value);
    let count: i64 = connection
        .query_row(&sql, rusqlite::params_from_iter(values), |row| row.get(0))
        .map_err(|error| Error::sqlite(format!("count the rows of {}", table.name), error).sql(&sql))?;
    Ok(count.cast_unsigned())
}
