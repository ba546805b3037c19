//! Rows that are gone from their table and found again as rows of another one, perhaps under other names.

use std::collections::BTreeSet;

use super::elsewhere::{Elsewhere, Place};
use crate::check::Cell;
use crate::sql::Name;
use crate::suite::rows::{Row, TableRows};

/// Rows that are gone from a table.
pub(crate) struct GoneRows<'s, 'a> {
    pub(crate) table: &'a TableRows,
    /// The name of the table after the migration: the rows that it kept are others.
    pub(crate) name_after: &'s Name,
    /// The columns without which a row is still the same: a key that nothing refers to.
    pub(crate) not_needed: BTreeSet<usize>,
    /// Returns true if the statements that move rows choose them by this value: in the table where they are now, it is
    /// known.
    pub(crate) is_chosen_by: &'s dyn Fn(usize, &Cell) -> bool,
}

/// For each column of a row, the columns of another table that hold its value.
type Held = Vec<Option<BTreeSet<usize>>>;

impl<'a> GoneRows<'_, 'a> {
    /// Returns the rows that are not found.
    pub(crate) fn not_found(&self, mut rows: Vec<usize>, elsewhere: &Elsewhere<'a>) -> Vec<usize> {
        for place in elsewhere.places().iter().filter(|place| place.table.name != *self.name_after) {
            let fresh: Vec<&Row> =
                (0..place.table.rows.len()).filter(|&at| place.is_fresh(at)).map(|at| &place.table.rows[at]).collect();
            if fresh.is_empty() {
                continue;
            }
            while let Some(found) = self.group_in(place, &fresh, &rows, elsewhere) {
                rows.retain(|row| !found.contains(row));
            }
        }
        rows
    }

    /// Returns rows that the new rows of a table hold, each value in the same column for all of them.
    fn group_in(
        &self,
        place: &Place<'a>,
        fresh: &[&Row],
        rows: &[usize],
        elsewhere: &Elsewhere<'a>,
    ) -> Option<BTreeSet<usize>> {
        let held = |row: usize, other: &Row| self.held(&self.table.rows[row], other, elsewhere);
        let mut best: Option<BTreeSet<usize>> = None;
        for other in fresh {
            let Some(mut columns) = held(*rows.first()?, other).filter(|held| self.is_telling(rows[0], held, place))
            else {
                continue;
            };
            let mut found = BTreeSet::from([rows[0]]);
            for &row in &rows[1..] {
                let narrowed = fresh.iter().find_map(|other| narrowed(&columns, &held(row, other)?));
                if let Some(narrowed) = narrowed {
                    columns = narrowed;
                    found.insert(row);
                }
            }
            if best.as_ref().is_none_or(|best| best.len() < found.len()) {
                best = Some(found);
            }
        }
        // The first row may be the only one that is not there.
        best.or_else(|| (rows.len() > 1).then(|| self.group_in(place, fresh, &rows[1..], elsewhere)).flatten())
    }

    /// Returns where another row holds the values of this one, or nothing if it lacks one.
    fn held(&self, row: &Row, other: &Row, elsewhere: &Elsewhere<'a>) -> Option<Held> {
        let columns = row.cells.iter().enumerate().map(|(at, cell)| {
            if *cell == Cell::Null {
                return Some(None);
            }
            let holding: BTreeSet<usize> =
                (0..other.cells.len()).filter(|&place| elsewhere.holds(&other.cells[place], cell)).collect();
            match holding.is_empty() {
                false => Some(Some(holding)),
                true => (self.not_needed.contains(&at) || (self.is_chosen_by)(at, cell)).then_some(None),
            }
        });
        columns.collect()
    }

    /// Returns true if the values that are found are not there by chance.
    fn is_telling(&self, row: usize, held: &Held, place: &Place<'a>) -> bool {
        let cells = &self.table.rows[row].cells;
        let found = || (0..cells.len()).filter(|&at| held[at].is_some() && !self.not_needed.contains(&at));
        let is_long = |at: usize| match &cells[at] {
            Cell::Text(text) | Cell::Blob(text) => text.len() > 3,
            Cell::Real(_) => true,
            _ => false,
        };
        let has_names = || found().all(|at| place.table.place_of(&self.table.columns[at]).is_some());
        found().any(is_long) || found().count() > 1 || (found().count() == 1 && has_names())
    }
}

/// Returns the columns that hold the values of both rows.
fn narrowed(one: &Held, other: &Held) -> Option<Held> {
    let both = one.iter().zip(other).map(|(one, other)| match (one, other) {
        (Some(one), Some(other)) => {
            let both: BTreeSet<usize> = one & other;
            (!both.is_empty()).then_some(Some(both))
        }
        (some, None) | (None, some) => Some(some.clone()),
    });
    both.collect()
}
