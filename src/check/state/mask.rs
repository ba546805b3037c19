//! Columns and numbers whose values differ each time that the same code runs: times and ids that an app makes.

use std::collections::HashSet;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::cell::{Cell, shown_name};
use super::changes::{TableChanges, changes_of};
use super::header::header_numbers;
use super::tables::{Snapshot, Table, TableSet, tables};
use crate::error::Result;
use crate::order::{Order as _, SortedMap};
use crate::schema::is_ledger;

/// The columns and numbers that are masked, in which not every value is compared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mask {
    /// By table and column.
    columns: SortedMap<String, SortedMap<String, MaskedColumn>>,
    /// The numbers of the header that are masked, each as it was before, which is compared.
    numbers: SortedMap<&'static str, i64>,
}

/// The digests of values of a column. Those that are not compared count as the same value.
#[derive(Clone, Debug)]
struct MaskedColumn {
    /// Those that are compared: they were there before, or several runs have left them in the same rows.
    compared: HashSet<u64>,
    /// Those that were seen in a row in which two runs differ.
    differing: HashSet<u64>,
}

impl Mask {
    /// Masks the columns that differ between two runs on copies of `before`: those in which not the same values changed. The
    /// times of a migration runner's ledger are among them.
    pub(crate) fn between(before: &Connection, first: &Connection, again: &Connection) -> Result<Mask> {
        let mut mask = Mask::default();
        let (before, first, again) = (Snapshot::begin(before)?, Snapshot::begin(first)?, Snapshot::begin(again)?);
        mask.add(TableSet::Data, &before, &first, &again)?;
        mask.add(TableSet::Stored, &before, &first, &again)?;
        let numbers = header_numbers(&first)?.into_iter().zip(header_numbers(&again)?);
        for ((name, before), (first, again)) in header_numbers(&before)?.into_iter().zip(numbers) {
            if first != again {
                mask.numbers.insert(name, before);
            }
        }
        Ok(mask)
    }

    /// Adds the columns of the app's tables, or those of ledgers, which are among all that is stored.
    fn add(&mut self, set: TableSet, before: &Snapshot<'_>, first: &Snapshot<'_>, again: &Snapshot<'_>) -> Result<()> {
        let is_meant = |table: &Table| set == TableSet::Data || is_ledger(&table.name);
        let of_first: Vec<Table> = tables(first, set)?.into_iter().filter(is_meant).collect();
        if of_first.is_empty() {
            return Ok(());
        }
        let (of_before, changes) = (tables(before, set)?, changes_of(set, first, again)?);
        for table in of_first {
            let Some(changed) = changes.iter().find(|changed| changed.name() == table.name) else { continue };
            let earlier = of_before.iter().find(|earlier| earlier.name == table.name);
            for column in table.columns.iter().filter(|column| differs(changed, column)) {
                let known = match earlier.filter(|table| table.columns.contains(column)) {
                    Some(table) => values(table, before, column)?,
                    None => HashSet::new(),
                };
                // A value that is in such a row and in others, too, may be in the others by chance: a time in seconds.
                let differing: HashSet<u64> = differing(changed, column).difference(&known).copied().collect();
                let mut compared = known;
                compared.extend(values(&table, first, column)?.difference(&differing));
                let masked = MaskedColumn { compared, differing };
                self.columns.get_or_default(table.name.clone()).insert(column.clone(), masked);
            }
        }
        Ok(())
    }

    /// Returns what one of two masks has.
    pub(crate) fn and(mut self, other: Mask) -> Mask {
        for (table, columns) in other.columns {
            let known = self.columns.get_or_default(table);
            for (column, MaskedColumn { compared, differing }) in columns {
                match known.get_mut(&column) {
                    Some(known) => {
                        known.differing.extend(differing);
                        known.compared.extend(compared);
                        known.compared.retain(|value| !known.differing.contains(value));
                    }
                    None => drop(known.insert(column, MaskedColumn { compared, differing })),
                }
            }
        }
        self.numbers.extend(other.numbers);
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.columns.is_empty() && self.numbers.is_empty()
    }

    /// Returns the masked columns and numbers: `sessions.token`, `PRAGMA user_version`.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = |(table, columns): (&String, &SortedMap<String, _>)| -> Vec<String> {
            columns.keys().map(|column| format!("{}.{}", shown_name(table), shown_name(column))).collect()
        };
        let numbers = self.numbers.keys().map(|name| format!("PRAGMA {name}"));
        self.columns.iter().flat_map(names).chain(numbers).collect()
    }

    /// Returns the values of a column that are compared, if it is masked.
    pub(super) fn of(&self, table: &str, column: &str) -> Option<&HashSet<u64>> {
        self.columns.get(table)?.get(column).map(|masked| &masked.compared)
    }

    /// Returns the number before, if it is masked.
    pub(super) fn of_number(&self, pragma: &str) -> Option<i64> {
        self.numbers.get(pragma).copied()
    }
}

/// Returns the values of a column.
fn values(table: &Table, snapshot: &Snapshot<'_>, column: &str) -> Result<HashSet<u64>> {
    let read = || -> rusqlite::Result<HashSet<u64>> {
        let mut statement = snapshot.connection.prepare(&table.select(snapshot, &[column], &[]))?;
        let mut rows = statement.query([])?;
        let mut values = HashSet::new();
        while let Some(row) = rows.next()? {
            values.insert(Cell::of(row.get_ref(0)?).digest());
        }
        Ok(values)
    };
    read().map_err(|error| table.refused(snapshot, error))
}

/// Returns the values of a column in rows that differ in it.
fn differing(table: &TableChanges, column: &str) -> HashSet<u64> {
    let (deleted, inserted, updated) = (table.deleted(), table.inserted(), table.updated());
    let one_sided = deleted.iter().chain(&inserted).map(|row| row.get(column));
    let two_sided = updated.iter().map(|row| [row.before.get(column), row.after.get(column)]);
    let two_sided = two_sided.filter(|[before, after]| before != after).flatten();
    one_sided.chain(two_sided).flatten().map(|value| Cell::of(value).digest()).collect()
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
