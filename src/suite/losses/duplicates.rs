//! Rows that are gone because another one is the same.

use super::matching::as_key;
use super::migrated::Migrated;
use super::pairs::PairedRows;
use super::references::References;
use crate::order::SortedMap;
use crate::schema::Schema;
use crate::sql::Name;
use crate::suite::rows::{TableRows, unique_keys};
use crate::suite::statements::Renames;

/// Leaves out rows that are the same as one that is kept: where a new UNIQUE allows no second one, and all references go
/// there, or where they refer to rows that have become one.
pub(crate) fn leave_out_duplicates(
    missing: &mut Vec<usize>,
    rows: &PairedRows<'_>,
    Migrated { old, new, .. }: Migrated<'_>,
    (references, renames): (&References<'_>, &Renames),
) {
    missing.retain(|&row| !references.has_become_one(renames, rows.before, row));
    let keys = |schema: &Schema, name: &Name| schema.table(name).map_or(0, |table| unique_keys(table).count());
    let has_other_key = !rows.before.key.is_empty() && !is_key_handed_out(rows.before, old);
    if missing.is_empty() || has_other_key || keys(new, &rows.after.name) <= keys(old, &rows.before.name) {
        return;
    }
    let values = |row: usize| -> Vec<String> {
        let cells = rows.before.rows[row].cells.iter().enumerate();
        cells.filter(|(at, _)| !rows.before.key.contains(at)).map(|(_, cell)| as_key(cell)).collect()
    };
    let kept = SortedMap::grouped(rows.matching.pairs.iter().map(|&(row, place)| (values(row), place)));
    missing.retain(|&row| {
        let twins = kept.get(&values(row));
        twins.is_none_or(|twins| !references.go_to(renames, (rows.before, row), (rows.after, twins)))
    });
}

/// Returns true if SQLite hands out the keys of a table.
pub(crate) fn is_key_handed_out(table: &TableRows, schema: &Schema) -> bool {
    let key = schema.table(&table.name).and_then(|table| table.primary_key.as_ref());
    key.is_some_and(|key| key.is_rowid)
}
