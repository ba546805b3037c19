//! Full-text tables that can be filled again from the tables whose words they hold.

use super::matching::as_key;
use super::migrated::Migrated;
use crate::check::Cell;
use crate::order::SortedSet;
use crate::schema::{TableKind, Trigger};
use crate::sql::tokens;
use crate::suite::rows::{Contents, Row, TableRows, index_triggers};

/// Returns true for a full-text table whose words are those of another table: it can be filled again.
pub(crate) fn is_index_of_words(table: &TableRows, contents: &Contents, migrated: Migrated<'_>) -> bool {
    let Migrated { old, new, .. } = migrated;
    let kind = old.table(&table.name).or_else(|| new.table(&table.name)).map(|table| &table.kind);
    if !matches!(kind, Some(TableKind::Virtual { .. })) {
        return false;
    }
    let values = |table: &TableRows, at: usize| table.rows.iter().map(|row| as_key(&row.cells[at])).collect();
    let others = || contents.tables.iter().filter(|other| other.name != table.name);
    // Without a trigger for each change, some words are older than the rows.
    let has_most = |known: SortedSet<String>, at: usize| {
        table.rows.iter().filter(|row| known.contains(&as_key(&row.cells[at]))).count() * 2 > table.rows.len()
    };
    (0..table.columns.len())
        .all(|at| others().any(|other| (0..other.columns.len()).any(|column| has_most(values(other, column), at))))
}

/// Returns the rows of a full-text table that are not found any more, though the row of another table with their words is
/// still there. Without a trigger for each change, the index may have been older than those rows.
pub(crate) fn not_indexed(table: &TableRows, after: &TableRows, migrated: Migrated<'_>) -> Vec<usize> {
    let is_of_update = |trigger: &Trigger| tokens(&trigger.sql).iter().any(|token| token.is("update"));
    let mut of_updates = index_triggers(migrated.old, &table.name).map(is_of_update).peekable();
    let columns = table.columns.iter().enumerate().filter(|(_, name)| **name != *"rowid");
    let columns: Vec<(usize, usize)> = columns.filter_map(|(at, name)| Some((at, after.place_of(name)?))).collect();
    if columns.is_empty() || (of_updates.peek().is_some() && !of_updates.any(|is_it| is_it)) {
        return Vec::new();
    }
    let words = |cells: &[Cell], at: &dyn Fn(&(usize, usize)) -> usize| -> Vec<String> {
        columns.iter().map(|column| as_key(&cells[at(column)])).filter(|word| word.len() > 1).collect()
    };
    let known: SortedSet<Vec<String>> = after.rows.iter().map(|row| words(&row.cells, &|column| column.1)).collect();
    let others = || migrated.after.tables.iter().filter(|other| other.name != after.name);
    let has_source = |words: &[String]| {
        let has = |row: &Row| words.iter().all(|word| row.cells.iter().any(|cell| as_key(cell) == *word));
        others().any(|other| other.rows.iter().any(has))
    };
    let is_gone = |row: &usize| {
        let words = words(&table.rows[*row].cells, &|column| column.0);
        !words.is_empty() && !known.contains(&words) && has_source(&words)
    };
    (0..table.rows.len()).filter(is_gone).collect()
}
