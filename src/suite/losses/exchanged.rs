//! Tables that have each other's rows after a migration.

use super::migrated::Migrated;
use crate::check::Cell;
use crate::order::SortedSet;
use crate::sql::Name;
use crate::suite::rows::TableRows;

/// Returns the table with which a table has exchanged all its rows, keys included. Both have their names still.
pub(crate) fn exchanged_with(before: &TableRows, after: &TableRows, migrated: Migrated<'_>) -> Option<Name> {
    if before.rows.is_empty() || before.name != after.name {
        return None;
    }
    let (own, is) = (values(before, &before.columns)?, values(after, &before.columns)?);
    let others = migrated.before.tables.iter().filter(|other| other.name != before.name && !other.rows.is_empty());
    others.filter(|other| other.columns.len() == before.columns.len()).find_map(|other| {
        let (theirs, now) = (values(other, &before.columns)?, migrated.after.table(&other.name)?);
        let is_it = own != theirs && is == theirs && values(now, &before.columns)? == own;
        is_it.then(|| other.name.clone())
    })
}

/// Returns the rows by these columns, if the table has them all.
fn values<'a>(table: &'a TableRows, columns: &[Name]) -> Option<SortedSet<Vec<&'a Cell>>> {
    let places = columns.iter().map(|column| table.place_of(column)).collect::<Option<Vec<usize>>>()?;
    Some(table.rows.iter().map(|row| places.iter().map(|&at| &row.cells[at]).collect()).collect())
}
