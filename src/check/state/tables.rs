//! One consistent state of a database, its tables as far as their rows are concerned, and the SELECTs that read them.

use std::path::Path;

use rusqlite::Connection;

use crate::error::{Error, ErrorKind, Result};
use crate::order::Order as _;
use crate::own::{self, Own};
use crate::schema::references::column_names;
use crate::schema::{self, IndexedColumn, TableKind, VirtualTable, is_ledger};
use crate::sql;

/// A collation that compares texts by their UTF-8, for databases that store them in UTF-16: there, BINARY compares the
/// bytes of UTF-16.
const BY_UTF8: &str = "sqlitmus_utf8";

/// A connection that sees one state of its database until this is dropped.
pub(crate) struct Snapshot<'c> {
    pub(crate) connection: &'c Connection,
    /// The collation that orders texts by their UTF-8.
    pub(super) collation: &'static str,
    began: bool,
    /// Dropped last: the end of the transaction is a statement too.
    _own: Own,
}

impl<'c> Snapshot<'c> {
    /// Begins a read transaction. Inside a transaction of the caller, the snapshot is what that transaction sees.
    pub(crate) fn begin(connection: &'c Connection) -> Result<Snapshot<'c>> {
        let began = connection.is_autocommit();
        let mut snapshot = Snapshot { connection, began, collation: "BINARY", _own: own::statements() };
        let begin = || -> rusqlite::Result<String> {
            if began {
                connection.execute_batch("BEGIN")?;
            }
            // Only the first read makes BEGIN hold on to a state.
            connection.query_row("SELECT count(*) FROM main.sqlite_schema", [], |_| Ok(()))?;
            connection.query_row("PRAGMA main.encoding", [], |row| row.get(0))
        };
        let encoding = begin().map_err(|error| snapshot.refused("read the database", error))?;
        if encoding == "UTF-8" {
            return Ok(snapshot);
        }
        connection
            .create_collation(BY_UTF8, |one, other| one.cmp(other))
            .map_err(|error| snapshot.refused("register a collation", error))?;
        snapshot.collation = BY_UTF8;
        Ok(snapshot)
    }

    /// Returns SQLite's error, with the path of the database. `what` is an infinitive, as for `Error::sqlite`.
    pub(crate) fn refused(&self, what: impl std::fmt::Display, error: rusqlite::Error) -> Error {
        let path = self.connection.path().filter(|path| !path.is_empty());
        Error::new(ErrorKind::Sqlite, format!("cannot {what}"))
            .given(path, |refusal, path| refusal.evidence("database", path).path(Path::new(path)))
            .because_sqlite(error)
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        if self.collation == BY_UTF8 {
            let _ = self.connection.remove_collation(BY_UTF8);
        }
        if self.began && !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("COMMIT");
        }
    }
}

/// Modules whose tables hold rows of their own.
const MODULES_WITH_ROWS: [&str; 6] = ["fts3", "fts4", "fts5", "rtree", "rtree_i32", "geopoly"];

/// The tables and columns to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TableSet {
    /// The data of an app: ordinary tables, and virtual ones that hold rows of their own. SQLite's own tables, shadow tables
    /// and ledgers of migration runners are left out.
    Data,
    /// Everything that the file stores: ordinary tables, SQLite's own, shadow tables and ledgers. Generated columns are left
    /// out, because they may call a function that only the app's connections have.
    Stored,
}

/// A table as far as its rows are concerned.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    /// The columns in the order of declaration.
    pub(crate) columns: Vec<String>,
    /// The positions of the columns that identify a row: the primary key, else the shortest UNIQUE key of NOT NULL columns,
    /// else none.
    pub(crate) key: Vec<usize>,
    /// True if the key is the rowid, so that a scan returns the rows in its order.
    pub(crate) scans_in_order: bool,
    /// A name of the rowid that is not the name of a column, if there is a rowid.
    pub(crate) rowid: Option<&'static str>,
    /// True if rows can share a key because NULL is allowed in it.
    pub(crate) key_may_be_null: bool,
}

impl Table {
    /// Returns a table of [`TableSet::Data`] by its facts, without asking SQLite, and without its generated columns. `None` if
    /// it is not in that set.
    pub(crate) fn written(table: &schema::Table) -> Option<Table> {
        let module = match &table.kind {
            TableKind::Ordinary => None,
            TableKind::Virtual { .. } => Some(VirtualTable::of(&table.sql)),
            TableKind::Shadow { .. } => return None,
        };
        let written = table.columns.iter().filter(|column| !column.hidden && column.generated.is_none());
        let written: Vec<&schema::Column> = written.collect();
        let key: Vec<&str> = table.primary_key.iter().flat_map(|key| column_names(&key.terms)).collect();
        let column = |column: &&schema::Column| Column {
            name: column.name.to_string(),
            declared_type: column.declared_type.clone(),
            place_in_key: key.iter().position(|name| column.name == *name).map_or(0, |at| at + 1),
            not_null: column.not_null,
        };
        let indexes = table.indexes.iter().filter(|index| index.unique && index.partial.is_none());
        let keys = table.unique.iter().map(|key| &key.terms).chain(indexes.map(|index| &index.terms));
        let place = |term: &IndexedColumn| written.iter().position(|it| it.not_null && term.what.is_column(&it.name));
        let keys = keys.filter_map(|terms| terms.iter().map(place).collect()).collect();
        let columns = written.iter().map(column).collect();
        let (name, without_rowid) = (table.name.to_string(), table.without_rowid);
        let is_ledger = is_ledger(&name);
        Declared { name, module, without_rowid, columns }.into_table(keys).filter(|_| !is_ledger)
    }

    /// Returns the names of the key's columns.
    pub(crate) fn key_columns(&self) -> Vec<&str> {
        self.key.iter().map(|&at| self.columns[at].as_str()).collect()
    }

    /// Returns a SELECT of these columns; with a `key`, in the order of [`cell::order`](super::cell::order).
    pub(crate) fn select(&self, snapshot: &Snapshot<'_>, columns: &[&str], key: &[&str]) -> String {
        let list: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
        let mut select = format!("SELECT {} FROM main.{}", list.join(", "), sql::quote_identifier(&self.name));
        let in_order = self.scans_in_order && self.key_columns() == key;
        for (index, column) in key.iter().enumerate() {
            select.push_str(if index == 0 { " ORDER BY " } else { ", " });
            select.push_str(&quoted(column));
            // The rowid has no collation, and naming one would hide from SQLite that the rows are in order.
            if !in_order && *column != ROWID {
                select.push_str(" COLLATE ");
                select.push_str(snapshot.collation);
            }
        }
        select
    }

    /// Returns a SELECT of the rowid and these columns, in the order of the rowid.
    pub(crate) fn select_by_rowid(&self, columns: &[&str]) -> String {
        let rowid = self.rowid.unwrap_or(ROWID);
        let list: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
        let table = sql::quote_identifier(&self.name);
        format!("SELECT {rowid}, {} FROM main.{table} ORDER BY {rowid}", list.join(", "))
    }

    /// Returns SQLite's refusal to read this table.
    pub(crate) fn refused(&self, snapshot: &Snapshot<'_>, error: rusqlite::Error) -> Error {
        snapshot.refused(format_args!("read the table {}", self.name), error)
    }
}

/// Returns the tables of a set, in the order of their names.
pub(crate) fn tables(snapshot: &Snapshot<'_>, set: TableSet) -> Result<Vec<Table>> {
    read(snapshot.connection, set).map_err(|error| snapshot.refused("list the tables", error))
}

/// Returns `sqlite_sequence`, if there is one.
pub(crate) fn sequence(snapshot: &Snapshot<'_>) -> Result<Option<Table>> {
    let sql = "SELECT count(*) FROM main.sqlite_schema WHERE name = 'sqlite_sequence'";
    let found: i64 = snapshot
        .connection
        .query_row(sql, [], |row| row.get(0))
        .map_err(|error| snapshot.refused("list the tables", error))?;
    Ok((found > 0).then(sequence_table))
}

/// Returns `sqlite_sequence`.
pub(crate) fn sequence_table() -> Table {
    let columns = ["name", "seq"].map(str::to_owned).to_vec();
    let name = String::from("sqlite_sequence");
    Table { name, columns, key: Vec::new(), scans_in_order: false, rowid: None, key_may_be_null: false }
}

fn read(connection: &Connection, set: TableSet) -> rusqlite::Result<Vec<Table>> {
    // https://www.sqlite.org/pragma.html#pragma_table_xinfo: `hidden` is 1 for hidden columns of virtual tables, 2 and 3 for
    // generated columns.
    let of_app = "l.type IN ('table', 'virtual') AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    let condition = match set {
        TableSet::Data => format!("{of_app} AND c.hidden <> 1"),
        TableSet::Stored => String::from("l.type IN ('table', 'shadow') AND c.hidden = 0"),
    };
    let mut statement = connection.prepare(&format!(
        "SELECT l.name, l.type, l.wr, s.sql, c.name, c.type, c.pk, c.\"notnull\"
         FROM pragma_table_list AS l
         JOIN main.sqlite_schema AS s ON s.type = 'table' AND s.name = l.name
         JOIN pragma_table_xinfo(l.name, 'main') AS c
         WHERE l.schema = 'main' AND {condition}
         ORDER BY lower(l.name), l.name, c.cid",
    ))?;
    let mut rows = statement.query([])?;
    let mut tables: Vec<Declared> = Vec::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        if set != TableSet::Stored && is_ledger(&name) {
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
            table.columns.push(Column {
                name: row.get(4)?,
                declared_type: row.get(5)?,
                place_in_key: row.get::<_, i64>(6)?.try_into().unwrap_or(0),
                not_null: row.get(7)?,
            });
        }
    }
    let known = |table: Declared| {
        let keys = if table.has_key() { Vec::new() } else { table.unique_keys(connection)? };
        Ok(table.into_table(keys))
    };
    tables.into_iter().filter_map(|table| known(table).transpose()).collect()
}

/// Returns a column as SQL. `rowid` stays a word: in quotes it would be a text where the table has none.
fn quoted(column: &str) -> String {
    if column == ROWID { column.to_owned() } else { sql::quote_identifier(column) }
}

/// The name under which the rowid of a full-text table is read.
const ROWID: &str = "rowid";

/// A table as SQLite's PRAGMAs or its facts list it.
struct Declared {
    name: String,
    module: Option<VirtualTable>,
    without_rowid: bool,
    columns: Vec<Column>,
}

struct Column {
    name: String,
    declared_type: String,
    /// The position in the PRIMARY KEY, from 1; 0 for other columns.
    place_in_key: usize,
    not_null: bool,
}

impl Declared {
    fn has_key(&self) -> bool {
        self.module.is_some() || self.columns.iter().any(|column| column.place_in_key > 0)
    }

    /// `unique` are the UNIQUE keys by the positions of their columns, which are NOT NULL. Returns `None` for a virtual table
    /// without rows of its own.
    fn into_table(self, unique: Vec<Vec<usize>>) -> Option<Table> {
        let mut columns: Vec<String> = self.columns.iter().map(|column| column.name.clone()).collect();
        if let Some(module) = self.module {
            if !has_rows(&module) {
                return None;
            }
            if module.module.starts_with("fts") {
                columns.insert(0, ROWID.to_owned());
            }
            // The first column of an R*Tree is its rowid.
            return Some(Table {
                name: self.name,
                columns,
                key: vec![0],
                scans_in_order: false,
                rowid: None,
                key_may_be_null: false,
            });
        }
        let mut key: Vec<usize> = (0..columns.len()).filter(|&at| self.columns[at].place_in_key > 0).collect();
        key.order_by_key(|&at| self.columns[at].place_in_key);
        let is_rowid = |at: &usize| self.columns[*at].declared_type.eq_ignore_ascii_case("INTEGER");
        let scans_in_order = !self.without_rowid && key.len() == 1 && key.iter().all(is_rowid);
        let key_may_be_null =
            !scans_in_order && !self.without_rowid && key.iter().any(|&at| !self.columns[at].not_null);
        if key.is_empty() {
            // Not the first index: indexes are listed in the order of creation, which differs between histories.
            key = unique.into_iter().min_by_key(|key| (key.len(), key.clone())).unwrap_or_default();
        }
        let is_free = |name: &&str| !columns.iter().any(|column| sql::same_name(column, name));
        let rowid = ["rowid", "_rowid_", "oid"].into_iter().find(is_free).filter(|_| !self.without_rowid);
        Some(Table { name: self.name, columns, key, scans_in_order, rowid, key_may_be_null })
    }

    fn unique_keys(&self, connection: &Connection) -> rusqlite::Result<Vec<Vec<usize>>> {
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
        Ok(keys.into_iter().filter_map(|(_, key)| key).collect())
    }
}

/// Returns true if a virtual table keeps rows of its own. An FTS5 table with `content=` shows those of another table, or
/// none.
fn has_rows(module: &VirtualTable) -> bool {
    MODULES_WITH_ROWS.contains(&module.module.as_str()) && module.content.is_none()
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::{Snapshot, Table, TableSet, tables};
    use crate::schema::Schema;

    #[test]
    fn facts_and_pragmas_list_the_same_tables() {
        let connection = Connection::open_in_memory().unwrap();
        let sql = "CREATE TABLE a(id INTEGER PRIMARY KEY, x, rowid);
            CREATE TABLE b(y TEXT, x INT, PRIMARY KEY (x, y)); CREATE TABLE c(y TEXT, x INT, PRIMARY KEY (y)) WITHOUT ROWID;
            CREATE TABLE d(x NOT NULL, y NOT NULL, z, UNIQUE (x, z), UNIQUE (y, x)); CREATE UNIQUE INDEX d2 ON d(y DESC);
            CREATE TABLE e(x NOT NULL, y); CREATE UNIQUE INDEX e1 ON e(lower(x)); CREATE UNIQUE INDEX e2 ON e(x) WHERE y;
            CREATE TABLE E3(id INTEGER PRIMARY KEY DESC, x); CREATE TABLE _migrations(version); CREATE TABLE f(x UNIQUE);
            CREATE VIRTUAL TABLE g USING fts5(x, y); CREATE VIRTUAL TABLE h USING fts5(x, content='e');
            CREATE VIRTUAL TABLE i USING rtree(id, x, y); CREATE VIEW j AS SELECT 1;
            CREATE TABLE k(id INTEGER PRIMARY KEY AUTOINCREMENT, x NOT NULL UNIQUE)";
        connection.execute_batch(sql).unwrap();
        let schema = Schema::read(&connection).unwrap();
        let by_facts: Vec<Table> = schema.tables.iter().filter_map(Table::written).collect();
        let by_pragmas = tables(&Snapshot::begin(&connection).unwrap(), TableSet::Data).unwrap();
        assert_eq!(format!("{by_facts:#?}"), format!("{by_pragmas:#?}"));
    }
}
