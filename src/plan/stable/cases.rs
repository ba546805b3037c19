//! Statistics that a database could have.

use super::counted::{self, CountedIndex, LARGE, SMALL, Selectivity};
use crate::error::{Error, Result};
use crate::plan::catalog::Catalog;
use crate::plan::explain::try_explain;
use crate::plan::query_plan::Plan;
use crate::plan::tree::{Access, AccessPath};
use crate::schema::StatisticsRows;
use crate::sql::{Name, same_name};

pub(super) struct StatisticsCase {
    pub(super) name: String,
    pub(super) rows: StatisticsRows,
}

/// Returns the statistics under which a statement is planned.
pub(super) fn cases(catalog: &Catalog, sql: &str) -> Result<Vec<StatisticsCase>> {
    let copy = catalog.empty_copy_for(sql)?;
    let counted = counted::read(&copy.connection).map_err(|error| Error::sqlite("read the schema", error))?;
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
    fn add(
        &mut self,
        name: impl Into<String>,
        size: impl Fn(&str) -> u64,
        selectivity: impl Fn(&CountedIndex) -> Selectivity,
    ) {
        let counts = self.counted.iter().map(|one| one.count(size(&one.table), selectivity(one))).collect();
        let rows = StatisticsRows { counts, samples: Vec::new() };
        self.found.push(StatisticsCase { name: name.into(), rows });
    }

    fn add_all_alike(&mut self) {
        self.add("all tables small", |_| SMALL, |_| Selectivity::Selective);
        self.add("all tables large, indexes selective", |_| LARGE, |_| Selectivity::Selective);
        let parents = self.parents(|_| true);
        self.add(
            "all tables large, first columns of indexes unselective",
            |table| size_beside(&parents, table),
            |_| Selectivity::Unselective,
        );
    }

    /// Adds a case for each column that leads an index of the plan. ANALYZE finds a column alike in all indexes that it
    /// leads.
    fn add_unselective_columns(&mut self, base: &Plan) {
        let mut columns: Vec<(Name, Name)> = Vec::new();
        for access in base.lines().filter_map(|node| node.access()) {
            let Access { path: AccessPath::Index { name, .. }, .. } = access else { continue };
            let index = self.counted.iter().find(|one| one.index.as_deref() == Some(name) && !one.first_is_key);
            if let Some(CountedIndex { table, first: Some(first), .. }) = index {
                let column = (table.clone(), first.clone());
                if !columns.contains(&column) {
                    columns.push(column);
                }
            }
        }
        for (table, column) in columns {
            let is_led_by = |one: &CountedIndex| one.table == table && one.first.as_ref() == Some(&column);
            let parents = self.parents(is_led_by);
            self.add(
                format!("all tables large, {table}.{column} unselective"),
                |table| size_beside(&parents, table),
                |one| if is_led_by(one) { Selectivity::Unselective } else { Selectivity::Selective },
            );
        }
    }

    fn add_unequal_sizes(&mut self, base: &Plan) {
        let mut tables: Vec<&str> = Vec::new();
        for table in base.lines().filter_map(|node| node.table.as_deref()) {
            if !tables.contains(&table) {
                tables.push(table);
            }
        }
        if tables.len() > 1 {
            for table in &tables {
                let size = |name: &str| if same_name(name, table) { LARGE } else { SMALL };
                self.add(format!("{table} large, the others small"), size, |_| Selectivity::Selective);
            }
        }
        // With two tables, these would be the same cases.
        if tables.len() > 2 {
            for table in &tables {
                let size = |name: &str| if same_name(name, table) { SMALL } else { LARGE };
                self.add(format!("{table} small, the others large"), size, |_| Selectivity::Selective);
            }
        }
    }

    /// Returns the tables to which unselective columns refer. If many rows refer to the same row, there are few to refer to,
    /// so these tables cannot be large.
    fn parents(&self, is_unselective: impl Fn(&CountedIndex) -> bool) -> Vec<Name> {
        let children = self.counted.iter().filter(|one| !one.first_is_key && is_unselective(one));
        children.filter_map(|one| one.parent.clone()).collect()
    }
}

fn size_beside(parents: &[Name], table: &str) -> u64 {
    if parents.iter().any(|parent| parent == table) { SMALL } else { LARGE }
}
