//! The rows of a database, read whole: the databases of the suite are small.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::check::{self, Cell, Snapshot, TableSet};
use crate::error::{Error, Result};
use crate::sql::{Name, same_name};

/// Everything that a migration has to keep.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) tables: Vec<TableRows>,
    /// The largest number that AUTOINCREMENT has handed out, by table.
    pub(crate) sequence: BTreeMap<Name, i64>,
}

/// The rows of a table, without its generated columns.
#[derive(Debug)]
pub(crate) struct TableRows {
    pub(crate) name: Name,
    pub(crate) columns: Vec<Name>,
    /// The places of the columns that identify a row. Empty if there are none.
    pub(crate) key: Vec<usize>,
    pub(crate) rows: Vec<Row>,
}

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) rowid: Option<i64>,
    pub(crate) cells: Vec<Cell>,
}

impl Contents {
    /// Reads all tables but `ledger`, the one of the migrations' runner.
    pub(crate) fn read(connection: &Connection, ledger: Option<&str>) -> Result<Contents> {
        let snapshot = Snapshot::begin(connection)?;
        let mut tables = Vec::new();
        for table in check::tables(&snapshot, TableSet::Written)? {
            if ledger.is_some_and(|ledger| same_name(ledger, &table.name)) {
                continue;
            }
            let refused = |error| table.refused(&snapshot, error);
            let columns: Vec<&str> = table.columns.iter().map(|column| &**column).collect();
            let by_rowid = table.rowid.is_some();
            let select =
                if by_rowid { table.select_by_rowid(&columns) } else { table.select(&snapshot, &columns, &[]) };
            let mut statement = connection.prepare(&select).map_err(refused)?;
            let mut found = statement.query([]).map_err(refused)?;
            let mut rows = Vec::new();
            while let Some(row) = found.next().map_err(refused)? {
                let first = usize::from(by_rowid);
                let rowid = if by_rowid { Some(row.get(0).map_err(refused)?) } else { None };
                let mut cells = Vec::with_capacity(columns.len());
                for at in first..columns.len() + first {
                    cells.push(Cell::of(row.get_ref(at).map_err(refused)?));
                }
                rows.push(Row { rowid, cells });
            }
            let columns = table.columns.into_iter().map(Name::from).collect();
            tables.push(TableRows { name: Name::from(table.name), columns, key: table.key, rows });
        }
        let sequence = match check::sequence(&snapshot)? {
            Some(_) => sequence(connection).map_err(|error| Error::sqlite("read sqlite_sequence", error))?,
            None => BTreeMap::new(),
        };
        Ok(Contents { tables, sequence })
    }

    pub(crate) fn table(&self, name: &str) -> Option<&TableRows> {
        self.tables.iter().find(|table| table.name == name)
    }
}

impl TableRows {
    /// Returns the place of a column.
    pub(crate) fn place_of(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|name| name == column)
    }
}

fn sequence(connection: &Connection) -> rusqlite::Result<BTreeMap<Name, i64>> {
    let mut query = connection.prepare("SELECT name, seq FROM main.sqlite_sequence WHERE typeof(seq) = 'integer'")?;
    let rows = query.query_map([], |row| Ok((Name::from(row.get::<_, String>(0)?), row.get(1)?)))?;
    rows.collect()
}
