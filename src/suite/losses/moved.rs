//! Rows that are gone from their table and found again as rows of another one, perhaps under other names.

use std::cell::Cell;

use super::elsewhere::{Elsewhere, Place};
use super::matching::as_key;
use crate::check;
use crate::order::{SortedMap, SortedSet};
use crate::sql::Name;
use crate::suite::rows::{Row, TableRows};

/// Rows that are gone from a table.
pub(crate) struct GoneRows<'s, 'a> {
    pub(crate) table: &'a TableRows,
    /// The name of the table after the migration: the rows that it kept are others.
    pub(crate) name_after: &'s Name,
    /// The columns without which a row is still the same: a key that nothing refers to.
    pub(crate) not_needed: SortedSet<usize>,
    /// Returns true if the statements that move rows choose them by this value: in the table where they are now, it is
    /// known.
    pub(crate) is_chosen_by: &'s dyn Fn(usize, &check::Cell) -> bool,
    /// Returns true if statements insert rows into a table.
    pub(crate) is_filled: &'s dyn Fn(&Name) -> bool,
}

/// New rows of another table, by their places, each with the places of the rows that it holds.
type FoundRows = SortedMap<usize, Vec<usize>>;

/// For each column of a row, the columns of another table that hold its value.
type Held = Vec<Option<SortedSet<usize>>>;

/// After so many comparisons of two rows, rows are looked for in a table by their values only, not in each of its new rows.
const COMPARISONS: usize = 100_000;

impl<'a> GoneRows<'_, 'a> {
    /// Returns the rows that are not found.
    pub(crate) fn not_found(&self, mut rows: Vec<usize>, elsewhere: &Elsewhere<'a>) -> Vec<usize> {
        for place in elsewhere.places().iter().filter(|place| place.table.name != *self.name_after) {
            let fresh: Vec<usize> = (0..place.table.rows.len()).filter(|&at| place.is_fresh(at)).collect();
            let mut search =
                Search { gone: self, place, fresh, elsewhere, comparisons: Cell::new(0), found: FoundRows::new() };
            while !search.fresh.is_empty()
                && let Some(group) = search.first_group(&rows)
            {
                let places: SortedSet<usize> = group.values().flatten().copied().collect();
                rows.retain(|row| !places.contains(row));
                for (holder, held) in group {
                    search.found.get_or_default(holder).extend(held);
                }
            }
            if (self.is_filled)(&place.table.name) {
                rows.retain(|row| !self.was_there(&self.table.rows[*row], place));
            }
        }
        rows
    }

    /// Returns true if the table that rows are moved into had the same row already, by the names of several columns.
    fn was_there(&self, row: &Row, place: &Place<'a>) -> bool {
        let columns: Option<Vec<usize>> =
            self.table.columns.iter().map(|column| place.table.place_of(column)).collect();
        let Some(columns) = columns.filter(|columns| columns.len() > 1) else { return false };
        let mut old = (0..place.table.rows.len()).filter(|at| !place.new_rows().contains(at));
        old.any(|at| columns.iter().zip(&row.cells).all(|(&column, cell)| place.table.rows[at].cells[column] == *cell))
    }

    /// Returns where another row holds the values of this one, or nothing if it lacks one.
    fn held(&self, row: &Row, other: &Row, elsewhere: &Elsewhere<'a>) -> Option<Held> {
        let columns = row.cells.iter().enumerate().map(|(at, cell)| {
            if *cell == check::Cell::Null {
                return Some(None);
            }
            let holding: SortedSet<usize> =
                (0..other.cells.len()).filter(|&place| elsewhere.holds(&other.cells[place], cell)).collect();
            match holding.is_empty() {
                false => Some(Some(holding)),
                true => (self.not_needed.contains(&at) || (self.is_chosen_by)(at, cell)).then_some(None),
            }
        });
        columns.collect()
    }

    /// Returns true if the values that are found in a row are not there by chance.
    fn is_telling(&self, row: usize, (candidate, held): (usize, &Held), place: &Place<'a>) -> bool {
        let cells = &self.table.rows[row].cells;
        if self.says_nothing(cells, held) {
            return true;
        }
        // A row that was there before, perhaps under another key, has its values from there.
        let is_new = |places: &SortedSet<usize>| places.iter().any(|column| place.new_columns.contains(column));
        if !place.new_rows().contains(&candidate) && !held.iter().flatten().any(is_new) {
            return false;
        }
        let found = || (0..cells.len()).filter(|&at| held[at].is_some() && !self.not_needed.contains(&at));
        let is_long = |at: usize| match &cells[at] {
            check::Cell::Text(text) | check::Cell::Blob(text) => text.len() > 3,
            check::Cell::Real(_) => true,
            _ => false,
        };
        let has_names = || found().all(|at| place.table.place_of(&self.table.columns[at]).is_some());
        // A row that has kept its number is the same one, where any other value is found too.
        let key = &place.table.key;
        let is_key = |places: &SortedSet<usize>| !key.is_empty() && key.iter().all(|key| places.contains(key));
        let has_number = || self.not_needed.iter().any(|&at| held[at].as_ref().is_some_and(is_key));
        found().any(is_long) || found().count() > 1 || (found().count() == 1 && (has_names() || has_number()))
    }

    /// Returns true if a row has a key, values by which it was chosen, and else only NULLs: `(7, 'phone', NULL)`.
    fn says_nothing(&self, cells: &[check::Cell], held: &Held) -> bool {
        let is_null = |at: usize| cells[at] == check::Cell::Null;
        let is_chosen = |at: usize| held[at].is_none() && !is_null(at) && (self.is_chosen_by)(at, &cells[at]);
        let mut places = 0..cells.len();
        let mut others = places.clone().filter(|at| !self.table.key.contains(at));
        places.any(is_chosen) && others.clone().any(is_null) && others.all(|at| is_null(at) || is_chosen(at))
    }
}

/// A search in one table.
struct Search<'s, 'a> {
    gone: &'s GoneRows<'s, 'a>,
    place: &'s Place<'a>,
    /// The new rows of the table.
    fresh: Vec<usize>,
    elsewhere: &'s Elsewhere<'a>,
    /// The comparisons of two rows so far.
    comparisons: Cell<usize>,
    found: FoundRows,
}

impl Search<'_, '_> {
    /// Returns rows that the new rows of the table hold, each value in the same column for all of them.
    fn first_group(&self, rows: &[usize]) -> Option<FoundRows> {
        // The first rows may be the only ones that are not there.
        (0..rows.len()).find_map(|first| self.group(rows[first], &rows[first + 1..]))
    }

    /// Returns the largest group of `first` and some of the others.
    fn group(&self, first: usize, others: &[usize]) -> Option<FoundRows> {
        let mut best: Option<(usize, FoundRows)> = None;
        for candidate in self.candidates(first) {
            let held =
                self.held(first, candidate).filter(|held| self.gone.is_telling(first, (candidate, held), self.place));
            let Some(mut columns) = held else { continue };
            let key = &self.place.table.key;
            let is_in_key = |at: &usize| columns.iter().flatten().any(|places| places.contains(at));
            let is_keyed = !key.is_empty() && key.iter().all(is_in_key);
            if !is_keyed && self.is_taken(first, candidate, &FoundRows::new()) {
                continue;
            }
            let mut found = FoundRows::new();
            found.insert(candidate, vec![first]);
            let mut count = 1;
            for &row in others {
                let mut free = self.candidates(row).filter(|it| is_keyed || !self.is_taken(row, *it, &found));
                let holder = free.find_map(|it| Some((it, narrowed(&columns, &self.held(row, it)?)?)));
                drop(free);
                if let Some((holder, narrowed)) = holder {
                    columns = narrowed;
                    found.get_or_default(holder).push(row);
                    count += 1;
                }
            }
            if best.as_ref().is_none_or(|(most, _)| *most < count) {
                best = Some((count, found));
            }
            if count > others.len() {
                break;
            }
        }
        best.map(|(_, found)| found)
    }

    /// Returns true if a new row holds a row that is the same as this one. Such rows need a new one each, unless their values
    /// are its key.
    fn is_taken(&self, row: usize, candidate: usize, further: &FoundRows) -> bool {
        let rows = &self.gone.table.rows;
        let held = [&self.found, further].into_iter().filter_map(|found| found.get(&candidate)).flatten();
        held.into_iter().any(|twin| rows[*twin].cells == rows[row].cells)
    }

    /// Returns the new rows that may hold a row: those that have its rarest value, then the others, as long as there are not
    /// too many of them. Values may be there in another form.
    fn candidates(&self, row: usize) -> impl Iterator<Item = usize> {
        let cells = &self.gone.table.rows[row].cells;
        let values = cells.iter().filter(|cell| **cell != check::Cell::Null).map(as_key);
        let columns = 0..self.place.table.columns.len();
        let holders = values.map(|value| -> Vec<&Vec<usize>> {
            columns.clone().filter_map(|column| self.place.rows_with(column, &value)).collect()
        });
        let rarest =
            holders.filter(|rows| !rows.is_empty()).min_by_key(|rows| rows.iter().map(|it| it.len()).sum::<usize>());
        let rarest = rarest.unwrap_or_default().into_iter().flatten().copied();
        let others = self.fresh.iter().copied().take_while(|_| self.comparisons.get() < COMPARISONS);
        rarest.filter(|at| self.place.is_fresh(*at)).chain(others)
    }

    fn held(&self, row: usize, candidate: usize) -> Option<Held> {
        self.comparisons.set(self.comparisons.get() + 1);
        self.gone.held(&self.gone.table.rows[row], &self.place.table.rows[candidate], self.elsewhere)
    }
}

/// Returns the columns that hold the values of both rows.
fn narrowed(one: &Held, other: &Held) -> Option<Held> {
    let both = one.iter().zip(other).map(|(one, other)| match (one, other) {
        (Some(one), Some(other)) => {
            let both: SortedSet<usize> = one.iter().filter(|column| other.contains(column)).copied().collect();
            (!both.is_empty()).then_some(Some(both))
        }
        (some, None) | (None, some) => Some(some.clone()),
    });
    both.collect()
}
