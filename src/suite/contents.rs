//! The rows of a database, read whole: populated clones are small.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::check::{self, Cell, Snapshot, TableSet};
use crate::error::{Error, Result};

/// Everything that people would miss.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) tables: Vec<Table>,
    /// The numbers that AUTOINCREMENT has handed out, by table.
    pub(super) sequence: BTreeMap<String, i64>,
}

/// The rows of a table, without its generated columns.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
    /// The places of the columns that tell rows apart; empty where there are none.
    pub(super) key: Vec<usize>,
    pub(super) rows: Vec<Row>,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) rowid: Option<i64>,
    pub(super) cells: Vec<Cell>,
}

impl Contents {
    /// Reads all rows but those of `ledger`, the table of the runner.
    pub(super) fn read(connection: &Connection, ledger: Option<&str>) -> Result<Contents> {
        let snapshot = Snapshot::begin(connection)?;
        let mut tables = Vec::new();
        for table in check::tables(&snapshot, TableSet::Written)? {
            if ledger.is_some_and(|ledger| ledger.eq_ignore_ascii_case(&table.name)) {
                continue;
            }
            let refused = |error| table.refused(&snapshot, error);
            let columns: Vec<&str> = table.columns.iter().map(String::as_str).collect();
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
            tables.push(Table { name: table.name, columns: table.columns, key: table.key, rows });
        }
        let sequence = match check::sequence(&snapshot)? {
            Some(_) => sequence(connection).map_err(|error| Error::sqlite("to read sqlite_sequence", error))?,
            None => BTreeMap::new(),
        };
        Ok(Contents { tables, sequence })
    }

    pub(super) fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name.eq_ignore_ascii_case(name))
    }
}

fn sequence(connection: &Connection) -> rusqlite::Result<BTreeMap<String, i64>> {
    let mut query =
        connection.prepare("SELECT lower(name), seq FROM main.sqlite_sequence WHERE typeof(seq) = 'integer'")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}
