//! Columns whose values differ each time that the same code runs: times and ids that an app makes.

use std::collections::HashSet;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::cell::{Cell, shown_name};
use super::changes::{TableChanges, changes_between};
use super::tables::{Snapshot, TableSet, tables};
use crate::error::Result;
use crate::order::{Order as _, SortedMap};

/// The columns that are masked. A value that was there before the code ran is compared; all others count as the same value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mask {
    /// The values before, by table and column.
    columns: SortedMap<String, SortedMap<String, HashSet<u64>>>,
}

impl Mask {
    /// Masks the columns that differ between two runs on copies of `before`: those in which not the same values changed.
    pub(crate) fn between(before: &Connection, first: &Connection, again: &Connection) -> Result<Mask> {
        let mut mask = Mask::default();
        let changes = changes_between(first, again)?;
        let snapshot = Snapshot::begin(before)?;
        for table in tables(&snapshot, TableSet::Data)? {
            let Some(changed) = changes.table(&table.name) else { continue };
            for column in table.columns.iter().filter(|column| differs(changed, column)) {
                let select = table.select(&snapshot, &[column], &[]);
                let read = || -> rusqlite::Result<HashSet<u64>> {
                    let mut statement = snapshot.connection.prepare(&select)?;
                    let mut rows = statement.query([])?;
                    let mut values = HashSet::new();
                    while let Some(row) = rows.next()? {
                        values.insert(Cell::of(row.get_ref(0)?).digest());
                    }
                    Ok(values)
                };
                let values = read().map_err(|error| table.refused(&snapshot, error))?;
                mask.columns.get_or_default(table.name.clone()).insert(column.clone(), values);
            }
        }
        Ok(mask)
    }

    /// Returns the columns that one of two masks has.
    pub(crate) fn and(mut self, other: Mask) -> Mask {
        for (table, columns) in other.columns {
            self.columns.get_or_default(table).extend(columns);
        }
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Returns the masked columns: `sessions.token`.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = |(table, columns): (&String, &SortedMap<String, _>)| -> Vec<String> {
            columns.keys().map(|column| format!("{}.{}", shown_name(table), shown_name(column))).collect()
        };
        self.columns.iter().flat_map(names).collect()
    }

    /// Returns the values before of a column, if it is masked.
    pub(super) fn of(&self, table: &str, column: &str) -> Option<&HashSet<u64>> {
        self.columns.get(table)?.get(column)
    }
}

/// Returns true if the rows that changed hold other values of a column on both sides.
fn differs(table: &TableChanges, column: &str) -> bool {
    let digest = |value: Option<ValueRef<'_>>| value.map(|value| Cell::of(value).digest());
    let (mut first, mut again) = (Vec::new(), Vec::new());
    first.extend(table.deleted().iter().map(|row| digest(row.get(column))));
    again.extend(table.inserted().iter().map(|row| digest(row.get(column))));
    for updated in table.updated() {
        first.push(digest(updated.before.get(column)));
        again.push(digest(updated.after.get(column)));
    }
    first.order();
    again.order();
    first != again
}
