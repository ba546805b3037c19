//! Statistics that a database could have: the numbers that ANALYZE counts, and others that it could find.

use rusqlite::Connection;

use crate::error::{Error, Result};
use crate::plan::catalog::Catalog;
use crate::plan::explain::try_explain;
use crate::plan::query_plan::Plan;
use crate::plan::tree::{AccessPath, Node, distinct};
use crate::schema::{Count, StatisticsRows};
use crate::sql::{Name, same_name};

pub(super) struct StatisticsCase {
    pub(super) name: String,
    pub(super) rows: StatisticsRows,
}

/// Returns the statistics under which a statement is planned.
pub(super) fn cases(catalog: &Catalog, sql: &str) -> Result<Vec<StatisticsCase>> {
    let copy = catalog.empty_copy_for(sql)?;
    let counted = read(&copy.connection).map_err(|error| Error::sqlite("read the schema", error))?;
    let base = try_explain(&copy.connection, sql)?;
    let without = StatisticsCase { name: "without statistics".to_owned(), rows: StatisticsRows::default() };
    let mut cases = Cases { counted, found: vec![without] };
    // Second, because they may say nothing about some tables, and SQLite keeps the sizes that it has loaded before.
    if !catalog.statistics.is_empty() {
        let name = "with the statistics of this database".to_owned();
        cases.found.push(StatisticsCase { name, rows: catalog.statistics.clone() });
    }
    cases.add_all_alike();
    cases.add_unselective_columns(&base);
    cases.add_unequal_sizes(&base);
    Ok(cases.found)
}

struct Cases {
    counted: Vec<CountedIndex>,
    found: Vec<StatisticsCase>,
}

impl Cases {
    fn add(&mut self, name: &str, size: impl Fn(&str) -> u64, is_unselective: impl Fn(&CountedIndex) -> bool) {
        let counts = self.counted.iter().map(|one| one.count(size(&one.table), is_unselective(one))).collect();
        let rows = StatisticsRows { counts, samples: Vec::new() };
        self.found.push(StatisticsCase { name: name.to_owned(), rows });
    }

    fn add_all_alike(&mut self) {
        self.add("all tables small", |_| SMALL, |_| false);
        self.add("all tables large, indexes selective", |_| LARGE, |_| false);
        self.add_unselective("all tables large, first columns of indexes unselective", |_| true);
    }

    /// Adds a case for each column that leads an index of the plan. ANALYZE finds a column alike in all indexes that it
    /// leads.
    fn add_unselective_columns(&mut self, base: &Plan) {
        let first_column = |node: &Node| {
            let AccessPath::Index { name, .. } = node.path()? else { return None };
            let index = self.counted.iter().find(|one| one.index.as_deref() == Some(name) && !one.first_is_key)?;
            Some((index.table.clone(), index.first.clone()?))
        };
        for (table, column) in distinct(base.lines().filter_map(first_column)) {
            let is_led_by = |one: &CountedIndex| one.table == table && one.first.as_ref() == Some(&column);
            self.add_unselective(&format!("all tables large, {table}.{column} unselective"), is_led_by);
        }
    }

    fn add_unequal_sizes(&mut self, base: &Plan) {
        let tables = distinct(base.lines().filter_map(|node| node.table.as_deref()));
        if tables.len() > 1 {
            for table in &tables {
                let size = |name: &str| if same_name(name, table) { LARGE } else { SMALL };
                self.add(&format!("{table} large, the others small"), size, |_| false);
            }
        }
        // With two tables, these would be the same cases.
        if tables.len() > 2 {
            for table in &tables {
                let size = |name: &str| if same_name(name, table) { SMALL } else { LARGE };
                self.add(&format!("{table} small, the others large"), size, |_| false);
            }
        }
    }

    /// Adds a case with large tables, except those to which unselective columns refer: if many rows refer to the same row,
    /// there are few to refer to.
    fn add_unselective(&mut self, name: &str, is_unselective: impl Fn(&CountedIndex) -> bool) {
        let children = self.counted.iter().filter(|one| !one.first_is_key && is_unselective(one));
        let parents: Vec<Name> = children.filter_map(|one| one.parent.clone()).collect();
        let size = |table: &str| if parents.iter().any(|parent| parent == table) { SMALL } else { LARGE };
        self.add(name, size, is_unselective);
    }
}

/// The rows of a large table: so many that a wrong plan hurts, and not too many for an app on SQLite.
const LARGE: u64 = 1_000_000;

/// The rows of a small table, and still enough: below 40 rows SQLite may scan for what it would search among more.
const SMALL: u64 = 100;

/// A table or an index that ANALYZE counts.
#[derive(Clone, Default)]
struct CountedIndex {
    table: Name,
    /// The index, as ANALYZE names it. `None` for the table itself.
    index: Option<Name>,
    columns: usize,
    unique: bool,
    partial: bool,
    /// The first column. `None` if it is an expression.
    first: Option<Name>,
    /// True if the first column alone is a key of the table.
    first_is_key: bool,
    /// True if the first column leads an index of several columns, as a type does. Such a column is less selective than one
    /// that has an index to itself.
    first_of_several: bool,
    /// The table to which a foreign key of the first column alone refers.
    parent: Option<Name>,
}

impl CountedIndex {
    /// Returns the row of sqlite_stat1: the number of rows, and how many of them share the first column, the first two, and
    /// so on. An unselective index has few values in its first column.
    fn count(&self, rows: u64, is_unselective: bool) -> Count {
        let rows = if self.partial { rows / 10 } else { rows };
        let selective = if rows > SMALL { 20 } else { 4 };
        let mut alike = match (is_unselective, self.first_of_several) {
            _ if self.first_is_key => 1,
            (false, _) => selective,
            (true, true) => rows / 4,
            (true, false) => rows / 100,
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
fn read(connection: &Connection) -> rusqlite::Result<Vec<CountedIndex>> {
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
    for at in 0..counted.len() {
        let (table, first) = (&counted[at].table, &counted[at].first);
        let alike = || counted.iter().filter(|other| other.table == *table && other.first == *first);
        let is_key = first.is_some() && alike().any(|other| other.unique && other.columns == 1 && !other.partial);
        let of_several = alike().any(|other| other.columns > 1);
        (counted[at].first_is_key, counted[at].first_of_several) = (is_key, of_several);
    }
    Ok(counted)
}
