//! Rows that a migration inserts: a row that is gone from one table may have moved to another, such as an archive.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use rusqlite::Connection;

use super::equivalence::{as_key, is_equivalent};
use crate::suite::rows::{Contents, Row, TableRows};

/// The rows of the tables after a migration that were not there before.
pub(crate) struct NewRows<'a> {
    before: &'a Contents,
    after: &'a Contents,
    /// Computed only if something is gone.
    found: OnceCell<Vec<(&'a TableRows, Vec<&'a Row>)>>,
    connection: &'a Connection,
}

impl<'a> NewRows<'a> {
    pub(crate) fn between(before: &'a Contents, after: &'a Contents, connection: &'a Connection) -> NewRows<'a> {
        NewRows { before, after, found: OnceCell::new(), connection }
    }

    /// Returns true if another table than `table` has a new row with the same values under the same names.
    pub(crate) fn contain(&self, table: &TableRows, row: &Row) -> bool {
        let found =
            self.found.get_or_init(|| self.after.tables.iter().map(|table| (table, self.of_table(table))).collect());
        found.iter().filter(|(other, _)| other.name != table.name).any(|(other, rows)| {
            let Some(places) = places_in(other, table) else { return false };
            rows.iter().any(|other| {
                let mut pairs = row.cells.iter().zip(&places);
                pairs.all(|(cell, &place)| is_equivalent(cell, &other.cells[place], self.connection))
            })
        })
    }

    fn of_table(&self, table: &'a TableRows) -> Vec<&'a Row> {
        let Some(old) = self.before.table(&table.name) else { return table.rows.iter().collect() };
        let Some(places) = places_in(old, table) else { return table.rows.iter().collect() };
        let texts = |row: &Row| places.iter().map(|&at| as_key(&row.cells[at])).collect();
        let known: BTreeSet<Vec<String>> = old.rows.iter().map(texts).collect();
        let is_new = |row: &&Row| !known.contains(&row.cells.iter().map(as_key).collect::<Vec<_>>());
        table.rows.iter().filter(is_new).collect()
    }
}

/// Returns where `other` has the columns of `table`, or nothing if it has not all of them.
fn places_in(other: &TableRows, table: &TableRows) -> Option<Vec<usize>> {
    table.columns.iter().map(|column| other.place_of(column)).collect()
}
