//! A table before and after a migration, with its rows matched.

use rusqlite::Connection;

use super::matching::{Matching, distinct_rows, is_equivalent, kept};
use crate::check::Cell;
use crate::suite::rows::TableRows;
use crate::suite::statements::Renames;

/// The rows of a table and those of the table that takes its place.
pub(crate) struct PairedRows<'a> {
    pub(crate) before: &'a TableRows,
    pub(crate) after: &'a TableRows,
    pub(crate) is_rebuilt: bool,
    /// The place of each column afterwards, by its name.
    pub(crate) places: Vec<Option<usize>>,
    pub(crate) matching: Matching,
    /// The place of the key before and after, if the rows are there under other keys.
    pub(crate) renumbered: Option<(usize, usize)>,
    connection: &'a Connection,
}

impl<'a> PairedRows<'a> {
    pub(crate) fn of(
        (before, after): (&'a TableRows, &'a TableRows),
        is_rebuilt: bool,
        renames: &Renames,
        connection: &'a Connection,
    ) -> PairedRows<'a> {
        let places = places_by_name(before, after, renames);
        let matching = Matching::of(before, after, &places);
        let mut paired = PairedRows { before, after, is_rebuilt, places, matching, renumbered: None, connection };
        if let Some((column, by_values)) = paired.by_values() {
            paired.renumbered = Some(column);
            paired.matching = by_values;
        }
        paired
    }

    /// Finds rows that are there under other keys. Returns how rows are matched without their keys.
    fn by_values(&self) -> Option<((usize, usize), Matching)> {
        // A copy that leaves the key to SQLite may by chance hand out the same keys, to other rows.
        let is_doubted = !self.matching.missing.is_empty() || (self.is_rebuilt && self.is_any_changed());
        let key = *self.before.key.first().filter(|_| is_doubted)?;
        let without_key: Vec<Option<usize>> =
            (0..self.places.len()).map(|at| self.places[at].filter(|_| !self.before.key.contains(&at))).collect();
        let by_values = Matching::by_values(self.before, self.after, &without_key);
        let distinct = distinct_rows(self.before, &without_key);
        if !by_values.missing.is_empty() || distinct.len() < 2 {
            return None;
        }
        let column = (key, self.places[key]?);
        let mut pairs = by_values.pairs.iter().filter(|(row, _)| distinct.contains(row));
        pairs.any(|pair| self.is_changed(column, pair)).then_some((column, by_values))
    }

    /// Matches rows that are there under other keys, and refer to rows under other keys, with those that refer to the same.
    pub(crate) fn or_rekeyed(mut self, matching: impl FnOnce() -> Option<Matching>) -> PairedRows<'a> {
        let key = self.before.key.first().and_then(|&at| Some((at, self.places[at]?)));
        if let Some(key) = key.filter(|_| self.renumbered.is_none() && !self.matching.missing.is_empty())
            && let Some(matching) = matching().filter(|matching| matching.missing.is_empty())
        {
            self.renumbered = Some(key);
            self.matching = matching;
        }
        self
    }

    fn is_any_changed(&self) -> bool {
        self.matching.pairs.iter().any(|pair| kept(&self.places).any(|column| self.is_changed(column, pair)))
    }

    pub(crate) fn is_changed(&self, column: (usize, usize), pair: &(usize, usize)) -> bool {
        let (before, after) = self.cells(column, pair);
        !self.same(before, after)
    }

    /// The values of a column in a pair of rows, by their places before and after.
    pub(crate) fn cells(&self, (at, place): (usize, usize), (row, row_after): &(usize, usize)) -> (&'a Cell, &'a Cell) {
        (&self.before.rows[*row].cells[at], &self.after.rows[*row_after].cells[place])
    }

    pub(crate) fn same(&self, before: &Cell, after: &Cell) -> bool {
        is_equivalent(before, after, self.connection)
    }
}

/// Returns where the columns are afterwards. Where a renamed column has the name of one that is gone, that one is nowhere.
pub(crate) fn places_by_name(before: &TableRows, after: &TableRows, renames: &Renames) -> Vec<Option<usize>> {
    let name_after = |at: usize| renames.column_after(&before.name, &before.columns[at]);
    let is_renamed = |at: usize| *name_after(at) != before.columns[at];
    let taken: Vec<usize> = (0..before.columns.len())
        .filter(|&at| is_renamed(at))
        .filter_map(|at| after.place_of(name_after(at)))
        .collect();
    let is_free = |at: usize, place: &usize| is_renamed(at) || !taken.contains(place);
    (0..before.columns.len()).map(|at| after.place_of(name_after(at)).filter(|place| is_free(at, place))).collect()
}
