//! Matching the rows of a table before a migration with those after it.

use std::collections::{BTreeSet, HashMap};

use super::equivalence::as_key;
use crate::check::Cell;
use crate::suite::rows::{Row, TableRows};

/// The place of each column after the migration.
pub(crate) type Places = [Option<usize>];

/// The rows of a table before and after a migration, matched.
pub(crate) struct Matching {
    /// The places of rows before and after.
    pub(crate) pairs: Vec<(usize, usize)>,
    /// Rows before without a counterpart.
    pub(crate) missing: Vec<usize>,
    /// Rows after without a counterpart.
    pub(crate) extra: Vec<usize>,
}

impl Matching {
    /// Matches rows by key, else by their values, else by rowid.
    pub(crate) fn of(before: &TableRows, after: &TableRows, places: &Places) -> Matching {
        let key: Option<Vec<(usize, usize)>> = before.key.iter().map(|&at| Some((at, places[at]?))).collect();
        if let Some(key) = key.filter(|key| !key.is_empty()) {
            return Matching::by_columns(before, after, &key);
        }
        let by_values = Matching::by_values(before, after, places);
        let has_rowid = |table: &TableRows| table.rows.iter().all(|row| row.rowid.is_some());
        if by_values.missing.is_empty() || !has_rowid(before) || !has_rowid(after) {
            return by_values;
        }
        let rowid = |row: &Row| vec![row.rowid.unwrap_or_default().to_string()];
        let by_rowid = Matching::by(before, after, rowid, rowid);
        // Values that changed leave the rows in their places; without a row in its place there is nothing to compare.
        if by_rowid.missing.is_empty() { by_rowid } else { by_values }
    }

    /// Matches rows by the values that identify them.
    pub(crate) fn by_values(before: &TableRows, after: &TableRows, places: &Places) -> Matching {
        Matching::by_columns(before, after, &identifying(before, places))
    }

    fn by_columns(before: &TableRows, after: &TableRows, columns: &[(usize, usize)]) -> Matching {
        Matching::by(
            before,
            after,
            |row| columns.iter().map(|&(at, _)| as_key(&row.cells[at])).collect(),
            |row| columns.iter().map(|&(_, at)| as_key(&row.cells[at])).collect(),
        )
    }

    fn by(
        before: &TableRows,
        after: &TableRows,
        key_before: impl Fn(&Row) -> Vec<String>,
        key_after: impl Fn(&Row) -> Vec<String>,
    ) -> Matching {
        let mut places: HashMap<Vec<String>, Vec<usize>> = HashMap::new();
        for (at, row) in after.rows.iter().enumerate().rev() {
            places.entry(key_after(row)).or_default().push(at);
        }
        let mut matching = Matching { pairs: Vec::new(), missing: Vec::new(), extra: Vec::new() };
        for (at, row) in before.rows.iter().enumerate() {
            match places.get_mut(&key_before(row)).and_then(Vec::pop) {
                Some(place) => matching.pairs.push((at, place)),
                None => matching.missing.push(at),
            }
        }
        matching.extra = places.into_values().flatten().collect();
        matching.extra.sort_unstable();
        matching
    }
}

/// Returns the rows that differ from all others in the columns by which rows are matched.
pub(crate) fn distinct_rows(table: &TableRows, places: &Places) -> BTreeSet<usize> {
    let columns = identifying(table, places);
    let mut alike: HashMap<Vec<String>, Vec<usize>> = HashMap::new();
    for (place, row) in table.rows.iter().enumerate() {
        alike.entry(columns.iter().map(|&(at, _)| as_key(&row.cells[at])).collect()).or_default().push(place);
    }
    alike.into_values().filter(|places| places.len() == 1).flatten().collect()
}

/// Returns the columns whose values identify a row. A NULL may have been filled in, so it identifies none.
fn identifying(table: &TableRows, places: &Places) -> Vec<(usize, usize)> {
    let (without_null, with_null): (Vec<_>, Vec<_>) =
        kept(places).partition(|&(at, _)| table.rows.iter().all(|row| row.cells[at] != Cell::Null));
    if without_null.is_empty() { with_null } else { without_null }
}

/// Returns the columns that are still there, with their places before and after.
pub(crate) fn kept(places: &Places) -> impl Iterator<Item = (usize, usize)> {
    places.iter().enumerate().filter_map(|(at, place)| Some((at, (*place)?)))
}
