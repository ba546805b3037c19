//! The numbers that ANALYZE counts in a database, and other numbers that it could find.

use rusqlite::Connection;

use crate::schema::Count;
use crate::sql::Name;

/// The rows of a large table: so many that a wrong plan hurts, and not too many for an app on SQLite.
pub(super) const LARGE: u64 = 1_000_000;

/// The rows of a small table, and still enough: below 40 rows SQLite may scan for what it would search among more.
pub(super) const SMALL: u64 = 100;

/// A table or an index that ANALYZE counts.
#[derive(Clone, Default)]
pub(super) struct CountedIndex {
    pub(super) table: Name,
    /// The index, as ANALYZE names it. `None` for the table itself.
    pub(super) index: Option<Name>,
    columns: usize,
    unique: bool,
    partial: bool,
    /// The first column. `None` if it is an expression.
    pub(super) first: Option<Name>,
    /// True if the first column alone is a key of the table.
    pub(super) first_is_key: bool,
    /// True if the first column leads an index of several columns, as a type does. Such a column is less selective than one
    /// that has an index to itself.
    first_of_several: bool,
    /// The table to which a foreign key of the first column alone refers.
    pub(super) parent: Option<Name>,
}

/// The selectivity of the first column of an index in a large table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Selectivity {
    Selective,
    Unselective,
}

impl CountedIndex {
    /// Returns the row of sqlite_stat1: the number of rows, and how many of them share the first column, the first two, and
    /// so on.
    pub(super) fn count(&self, rows: u64, selectivity: Selectivity) -> Count {
        let rows = if self.partial { rows / 10 } else { rows };
        let selective = if rows > SMALL { 20 } else { 4 };
        let mut alike = match selectivity {
            _ if self.first_is_key => 1,
            Selectivity::Selective => selective,
            Selectivity::Unselective if self.first_of_several => rows / 4,
            Selectivity::Unselective => rows / 100,
        };
        let mut stat = rows.to_string();
        for column in 1..=self.columns {
            if column == self.columns && self.unique {
                alike = 1;
            }
            stat.push_str(&format!(" {}", alike.max(1)));
            alike = alike.min(selective).div_ceil(2);
        }
        Count::new(&self.table, self.index.as_deref(), stat)
    }
}

/// Returns what ANALYZE counts, and each table by itself, so that SQLite knows its size whatever indexes it has.
pub(super) fn read(connection: &Connection) -> rusqlite::Result<Vec<CountedIndex>> {
    let sql = "SELECT t.name, i.name, i.\"unique\", i.partial, (SELECT count(*) FROM pragma_index_info(i.name)),
                      EXISTS (SELECT 1 FROM main.sqlite_master AS m WHERE m.type = 'index' AND m.name = i.name),
                      (SELECT name FROM pragma_index_info(i.name) WHERE seqno = 0),
                      (SELECT f.\"table\" FROM pragma_foreign_key_list(t.name, 'main') AS f
                       WHERE f.\"from\" = (SELECT name FROM pragma_index_info(i.name) WHERE seqno = 0) COLLATE NOCASE
                         AND f.id NOT IN (SELECT id FROM pragma_foreign_key_list(t.name, 'main') WHERE seq > 0)
                       LIMIT 1)
               FROM main.sqlite_master AS t LEFT JOIN pragma_index_list(t.name, 'main') AS i
               WHERE t.type = 'table' AND t.rootpage > 0 AND lower(substr(t.name, 1, 7)) <> 'sqlite_'
               ORDER BY t.name, i.name";
    let mut query = connection.prepare(sql)?;
    let mut rows = query.query([])?;
    let mut counted: Vec<CountedIndex> = Vec::new();
    while let Some(row) = rows.next()? {
        let name = |column| row.get::<_, Option<String>>(column).map(|name| name.map(Name::from));
        let table = Name::from(row.get::<_, String>(0)?);
        let mut one = CountedIndex { table: table.clone(), ..CountedIndex::default() };
        let Some(index) = name(1)? else {
            counted.push(one);
            continue;
        };
        if counted.last().is_none_or(|last| last.table != table) {
            counted.push(one.clone());
        }
        // The primary key of a table WITHOUT ROWID is the table itself, and in no list of objects.
        one.index = Some(if row.get(5)? { index } else { table });
        one.columns = usize::try_from(row.get::<_, i64>(4)?).unwrap_or_default();
        (one.unique, one.partial, one.first, one.parent) = (row.get(2)?, row.get(3)?, name(6)?, name(7)?);
        counted.push(one);
    }
    let first_columns: Vec<(bool, bool)> = counted
        .iter()
        .map(|one| {
            let alike = || counted.iter().filter(|other| other.table == one.table && other.first == one.first);
            let is_key = alike().any(|other| other.unique && other.columns == 1 && !other.partial);
            (one.first.is_some() && is_key, alike().any(|other| other.columns > 1))
        })
        .collect();
    for (one, (is_key, of_several)) in counted.iter_mut().zip(first_columns) {
        (one.first_is_key, one.first_of_several) = (is_key, of_several);
    }
    Ok(counted)
}
