//! The tables whose rows are the state of a database, and how they are read.

use std::path::Path;

use rusqlite::Connection;

use crate::error::{Error, ErrorKind, Result};
use crate::migrations::is_ledger;
use crate::own::{self, Own};
use crate::schema::VirtualTable;
use crate::sql;

/// Modules whose tables hold rows of their own.
const MODULES_WITH_ROWS: [&str; 6] = ["fts3", "fts4", "fts5", "rtree", "rtree_i32", "geopoly"];

/// A collation that compares texts by their UTF-8, for databases that store them in UTF-16: there, BINARY compares the
/// bytes of UTF-16.
const BY_UTF8: &str = "sqlitmus_utf8";

/// A table, as far as its rows are concerned.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    /// In the order of declaration, generated ones too.
    pub(crate) columns: Vec<String>,
    /// The places of the columns that tell rows apart: the primary key, else the shortest UNIQUE key of NOT NULL columns,
    /// else nothing.
    pub(crate) key: Vec<usize>,
    /// Whether the key is the rowid, so that a scan gives the rows in its order.
    pub(crate) scans_in_order: bool,
    /// A name for the rowid that is not the name of a column, where there is a rowid.
    pub(crate) rowid: Option<&'static str>,
    /// Whether rows can share a key because NULL is allowed in it.
    pub(crate) key_may_be_null: bool,
}

impl Table {
    /// The names of the columns of the key.
    pub(crate) fn key_columns(&self) -> Vec<&str> {
        self.key.iter().map(|&at| self.columns[at].as_str()).collect()
    }
}

/// A connection that sees one state of the database until this is dropped.
pub(crate) struct Reading<'c> {
    pub(crate) connection: &'c Connection,
    began: bool,
    collation: &'static str,
    /// Dropped last: its end is a statement too.
    _own: Own,
}

impl<'c> Reading<'c> {
    pub(crate) fn begin(connection: &'c Connection) -> Result<Reading<'c>> {
        // In a transaction of the user's, its state is what is seen.
        let began = connection.is_autocommit();
        let mut reading = Reading { connection, began, collation: "BINARY", _own: own::statements() };
        let begin = || -> rusqlite::Result<String> {
            if began {
                connection.execute_batch("BEGIN")?;
            }
            // Only the first read makes BEGIN hold on to a state.
            connection.query_row("SELECT count(*) FROM main.sqlite_schema", [], |_| Ok(()))?;
            connection.query_row("PRAGMA main.encoding", [], |row| row.get(0))
        };
        let encoding = begin().map_err(|error| reading.refused("to read the database", error))?;
        if encoding == "UTF-8" {
            return Ok(reading);
        }
        connection
            .create_collation(BY_UTF8, |one, other| one.cmp(other))
            .map_err(|error| reading.refused("a collation", error))?;
        reading.collation = BY_UTF8;
        Ok(reading)
    }

    /// SQLite's refusal, with the file that it is about.
    pub(crate) fn refused(&self, what: impl std::fmt::Display, error: rusqlite::Error) -> Error {
        let refusal = Error::new(ErrorKind::Sqlite, format!("SQLite refused {what}"));
        let refusal = match self.connection.path() {
            Some(path) if !path.is_empty() => refusal.evidence("database", path).path(Path::new(path)),
            _ => refusal,
        };
        refusal.because_sqlite(error)
    }

    /// `SELECT` of these columns; by a key where one is given, in the order in which [`cell::order`](super::cell::order)
    /// has them.
    pub(crate) fn select(&self, table: &Table, columns: &[&str], key: &[&str]) -> String {
        let list: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
        let mut select = format!("SELECT {} FROM main.{}", list.join(", "), sql::quote_identifier(&table.name));
        let in_order = table.scans_in_order && table.key_columns() == key;
        for (index, column) in key.iter().enumerate() {
            select.push_str(if index == 0 { " ORDER BY " } else { ", " });
            select.push_str(&quoted(column));
            // The rowid has no collation, and naming one would hide from SQLite that the rows are in order.
            if !in_order && *column != ROWID {
                select.push_str(" COLLATE ");
                select.push_str(self.collation);
            }
        }
        select
    }

    /// `SELECT` of the rowid and these columns, in the order of the rowid.
    pub(crate) fn select_by_rowid(&self, table: &Table, columns: &[&str]) -> String {
        let rowid = table.rowid.unwrap_or(ROWID);
        let list: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
        let table = sql::quote_identifier(&table.name);
        format!("SELECT {rowid}, {} FROM main.{table} ORDER BY {rowid}", list.join(", "))
    }

    /// The tables, in the order of their names.
    pub(crate) fn tables(&self) -> Result<Vec<Table>> {
        self.read_tables().map_err(|error| self.refused("to list the tables", error))
    }

    /// `sqlite_sequence`, where there is one.
    pub(crate) fn sequence(&self) -> Result<Option<Table>> {
        let sql = "SELECT count(*) FROM main.sqlite_schema WHERE name = 'sqlite_sequence'";
        let there: i64 = self
            .connection
            .query_row(sql, [], |row| row.get(0))
            .map_err(|error| self.refused("to list the tables", error))?;
        let columns = ["name", "seq"].map(str::to_owned).to_vec();
        let name = String::from("sqlite_sequence");
        let table =
            Table { name, columns, key: Vec::new(), scans_in_order: false, rowid: None, key_may_be_null: false };
        Ok((there > 0).then_some(table))
    }

    fn read_tables(&self) -> rusqlite::Result<Vec<Table>> {
        // https://www.sqlite.org/pragma.html#pragma_table_xinfo: `hidden` is 1 for hidden columns of virtual tables, 2 and
        // 3 for generated columns.
        let mut statement = self.connection.prepare(
            "SELECT l.name, l.type, l.wr, s.sql, c.name, c.type, c.pk, c.\"notnull\"
             FROM pragma_table_list AS l
             JOIN main.sqlite_schema AS s ON s.type = 'table' AND s.name = l.name
             JOIN pragma_table_xinfo(l.name, 'main') AS c
             WHERE l.schema = 'main' AND l.type IN ('table', 'virtual') AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
               AND c.hidden <> 1
             ORDER BY lower(l.name), l.name, c.cid",
        )?;
        let mut rows = statement.query([])?;
        let mut tables: Vec<Declared> = Vec::new();
        while let Some(row) = rows.next()? {
            let name: String = row.get(0)?;
            if is_ledger(&name) {
                continue;
            }
            if tables.last().is_none_or(|last| last.name != name) {
                let module = match row.get_ref(1)?.as_str()? {
                    "virtual" => Some(VirtualTable::of(row.get_ref(3)?.as_str()?)),
                    _ => None,
                };
                tables.push(Declared { name, module, without_rowid: row.get(2)?, columns: Vec::new() });
            }
            if let Some(table) = tables.last_mut() {
                let (declared_type, place): (String, usize) =
                    (row.get(5)?, row.get::<_, i64>(6)?.try_into().unwrap_or(0));
                table.columns.push(Column {
                    name: row.get(4)?,
                    declared_type,
                    place_in_key: place,
                    not_null: row.get(7)?,
                });
            }
        }
        tables.into_iter().filter_map(|table| table.read(self.connection).transpose()).collect()
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        if self.collation == BY_UTF8 {
            let _ = self.connection.remove_collation(BY_UTF8);
        }
        if self.began && !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("COMMIT");
        }
    }
}

/// `rowid` stays a word: in quotes it would be a text where the table has none.
fn quoted(column: &str) -> String {
    if column == ROWID { column.to_owned() } else { sql::quote_identifier(column) }
}

/// The name under which the rowid of a full-text table is read.
const ROWID: &str = "rowid";

struct Declared {
    name: String,
    module: Option<VirtualTable>,
    without_rowid: bool,
    columns: Vec<Column>,
}

struct Column {
    name: String,
    declared_type: String,
    place_in_key: usize,
    not_null: bool,
}

impl Declared {
    fn read(self, connection: &Connection) -> rusqlite::Result<Option<Table>> {
        let mut columns: Vec<String> = self.columns.iter().map(|column| column.name.clone()).collect();
        if let Some(module) = self.module {
            if !has_rows(&module) {
                return Ok(None);
            }
            if module.module.starts_with("fts") {
                columns.insert(0, ROWID.to_owned());
            }
            // The first column of an R*Tree is its rowid.
            return Ok(Some(Table {
                name: self.name,
                columns,
                key: vec![0],
                scans_in_order: false,
                rowid: None,
                key_may_be_null: false,
            }));
        }
        let mut key: Vec<usize> = (0..columns.len()).filter(|&at| self.columns[at].place_in_key > 0).collect();
        key.sort_by_key(|&at| self.columns[at].place_in_key);
        let is_rowid = |at: &usize| self.columns[*at].declared_type.eq_ignore_ascii_case("INTEGER");
        let scans_in_order = !self.without_rowid && key.len() == 1 && key.iter().all(is_rowid);
        let key_may_be_null =
            !scans_in_order && !self.without_rowid && key.iter().any(|&at| !self.columns[at].not_null);
        if key.is_empty() {
            key = self.unique_key(connection)?;
        }
        let is_free = |name: &&str| !columns.iter().any(|column| column.eq_ignore_ascii_case(name));
        let rowid = ["rowid", "_rowid_", "oid"].into_iter().find(is_free).filter(|_| !self.without_rowid);
        Ok(Some(Table { name: self.name, columns, key, scans_in_order, rowid, key_may_be_null }))
    }

    fn unique_key(&self, connection: &Connection) -> rusqlite::Result<Vec<usize>> {
        let mut statement = connection.prepare(
            "SELECT l.seq, i.name
             FROM pragma_index_list(?1, 'main') AS l JOIN pragma_index_info(l.name, 'main') AS i
             WHERE l.\"unique\" AND NOT l.partial
             ORDER BY l.seq, i.seqno",
        )?;
        let mut rows = statement.query([&self.name])?;
        let mut keys: Vec<(i64, Option<Vec<usize>>)> = Vec::new();
        while let Some(row) = rows.next()? {
            let (index, name): (i64, Option<String>) = (row.get(0)?, row.get(1)?);
            // The name of an expression is NULL.
            let place = self.columns.iter().position(|column| column.not_null && name.as_ref() == Some(&column.name));
            if keys.last().is_none_or(|last| last.0 != index) {
                keys.push((index, Some(Vec::new())));
            }
            if let Some((_, key)) = keys.last_mut() {
                *key = match (key.take(), place) {
                    (Some(mut key), Some(place)) => {
                        key.push(place);
                        Some(key)
                    }
                    _ => None,
                };
            }
        }
        // Not the order of the indexes, which is that of their creation and differs between histories.
        let keys = keys.into_iter().filter_map(|(_, key)| key);
        Ok(keys.min_by_key(|key| (key.len(), key.clone())).unwrap_or_default())
    }
}

/// Whether a virtual table keeps rows of its own: an FTS5 table with `content=` shows those of another, or none.
fn has_rows(module: &VirtualTable) -> bool {
    MODULES_WITH_ROWS.contains(&module.module.as_str()) && module.content.is_none()
}
