//! The losses of one table in a migration.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::equivalence::{as_key, is_equivalent};
use super::loss::{Loss, LossKind};
use super::matching::{Matching, Places, distinct_rows, kept};
use super::new_rows::NewRows;
use crate::check::{Cell, shown};
use crate::sql::Name;
use crate::suite::rows::{Row, TableRows};
use crate::suite::statements::Renames;

/// A loss shows this many of its rows or values.
const EXAMPLES: usize = 3;

/// A table before and after a migration.
pub(crate) struct TablePair<'p, 'a> {
    pub(crate) before: &'p TableRows,
    pub(crate) after: &'p TableRows,
    pub(crate) is_rebuilt: bool,
    pub(crate) renames: &'p Renames,
    pub(crate) new_rows: &'p NewRows<'a>,
    pub(crate) connection: &'a Connection,
}

impl TablePair<'_, '_> {
    pub(crate) fn losses(&self) -> Vec<Loss> {
        let mut places = self.places_by_name();
        let mut matching = Matching::of(self.before, self.after, &places);
        let mut found = Vec::new();
        if let Some((renumbered, by_values)) = self.renumbered(&places, &matching) {
            found.push(renumbered);
            matching = by_values;
        }
        self.find_renamed(&mut places, &matching);
        matching.missing.retain(|&row| !self.new_rows.contain(self.before, &self.before.rows[row]));
        if !matching.missing.is_empty() {
            let kind = LossKind::Rows { gone: matching.missing.len(), of: self.before.rows.len() };
            let missing = matching.missing.iter().take(EXAMPLES);
            let examples = missing.map(|&at| row_text(self.before, &self.before.rows[at])).collect();
            found.push(self.loss(kind, None, examples));
        }
        for (at, place) in places.iter().enumerate() {
            match place {
                None => found.push(self.loss(LossKind::Column, Some(at), Vec::new())),
                Some(place) if !self.before.key.contains(&at) || found.is_empty() => {
                    found.extend(self.changed((at, *place), &matching));
                }
                Some(_) => {}
            }
        }
        found.extend(self.multiplied(&places, &matching));
        found
    }

    fn loss(&self, kind: LossKind, column: Option<usize>, examples: Vec<String>) -> Loss {
        let column = column.map(|at| self.before.columns[at].clone());
        Loss { kind, table: self.before.name.clone(), column, is_rebuilt: self.is_rebuilt, examples }
    }

    fn places_by_name(&self) -> Vec<Option<usize>> {
        let columns = self.before.columns.iter();
        columns.map(|column| self.after.place_of(self.renames.column_after(&self.before.name, column))).collect()
    }

    /// Finds rows that are there under other keys. Returns how rows are matched without their keys.
    fn renumbered(&self, places: &Places, matching: &Matching) -> Option<(Loss, Matching)> {
        // A copy that leaves the key to SQLite may by chance hand out the same keys, to other rows.
        let is_doubted = !matching.missing.is_empty() || (self.is_rebuilt && self.is_any_changed(places, matching));
        let key = *self.before.key.first().filter(|_| is_doubted)?;
        let without_key: Vec<Option<usize>> =
            (0..places.len()).map(|at| places[at].filter(|_| !self.before.key.contains(&at))).collect();
        let by_values = Matching::by_values(self.before, self.after, &without_key);
        let distinct = distinct_rows(self.before, &without_key);
        if !by_values.missing.is_empty() || distinct.len() < 2 {
            return None;
        }
        let column = (key, places[key]?);
        let pairs = by_values.pairs.iter().filter(|(row, _)| distinct.contains(row));
        let changes = pairs.map(|pair| self.cells(column, pair)).filter(|(before, after)| !self.same(before, after));
        let examples: Vec<String> = changes.take(EXAMPLES).map(change_text).collect();
        (!examples.is_empty()).then(|| (self.loss(LossKind::Renumbered, Some(key), examples), by_values))
    }

    fn is_any_changed(&self, places: &Places, matching: &Matching) -> bool {
        matching.pairs.iter().any(|pair| {
            kept(places).any(|column| {
                let (before, after) = self.cells(column, pair);
                !self.same(before, after)
            })
        })
    }

    /// Finds columns that are gone where a new one holds the same: a rename by hand. One value alone could be a default.
    fn find_renamed(&self, places: &mut Places, matching: &Matching) {
        for at in 0..places.len() {
            if places[at].is_some() {
                continue;
            }
            let values: BTreeSet<String> =
                matching.pairs.iter().map(|&(row, _)| as_key(&self.before.rows[row].cells[at])).collect();
            if values.iter().filter(|value| !value.is_empty()).count() < 2 {
                continue;
            }
            let is_new = |place: &usize| !places.contains(&Some(*place));
            let holds_the_same = |place: &usize| {
                matching.pairs.iter().all(|pair| {
                    let (before, after) = self.cells((at, *place), pair);
                    self.same(before, after)
                })
            };
            places[at] = (0..self.after.columns.len()).filter(is_new).find(holds_the_same);
        }
    }

    /// Finds values of a column that are others now.
    fn changed(&self, column: (usize, usize), matching: &Matching) -> Option<Loss> {
        let (at, place) = column;
        let is_changed = |pair: &&(usize, usize)| {
            let (before, after) = self.cells(column, pair);
            !self.same(before, after)
        };
        let changed: Vec<(usize, usize)> = matching.pairs.iter().filter(is_changed).copied().collect();
        if changed.is_empty() || self.renames.is_replaced(&self.after.name, &self.after.columns[place]) {
            return None;
        }
        // A key counts up, and so do many values: it says little that they are equal.
        let others = (0..self.before.columns.len()).filter(|other| *other != at && !self.before.key.contains(other));
        let source = others.into_iter().find(|&other| {
            changed.iter().all(|pair| {
                let (before, after) = self.cells((other, place), pair);
                before == after
            })
        });
        let to_null = changed.iter().all(|pair| *self.cells(column, pair).1 == Cell::Null);
        let kind = match source {
            Some(other) if !to_null => LossKind::Moved { from: self.before.columns[other].clone() },
            _ => LossKind::Values { changed: changed.len(), of: self.before.rows.len(), to_null },
        };
        let examples = changed.iter().take(EXAMPLES).map(|pair| change_text(self.cells(column, pair)));
        Some(self.loss(kind, Some(at), examples.collect()))
    }

    /// Finds new rows that are copies of old ones, except for their key.
    fn multiplied(&self, places: &Places, matching: &Matching) -> Option<Loss> {
        if matching.extra.is_empty() || !self.is_rebuilt {
            return None;
        }
        let columns: Vec<(usize, usize)> = kept(places).filter(|(at, _)| !self.before.key.contains(at)).collect();
        if columns.is_empty() {
            return None;
        }
        let is_copy = |extra: &&usize| {
            let extra = &self.after.rows[**extra];
            let mut rows = self.before.rows.iter();
            rows.any(|row| columns.iter().all(|&(at, place)| row.cells[at] == extra.cells[place]))
        };
        let copies = matching.extra.iter().filter(is_copy).take(EXAMPLES);
        let examples: Vec<String> = copies.map(|&at| row_text(self.after, &self.after.rows[at])).collect();
        (!examples.is_empty()).then(|| self.loss(LossKind::Multiplied, None, examples))
    }

    /// The values of a column in a pair of rows, by their places before and after.
    fn cells(&self, (at, place): (usize, usize), (row, row_after): &(usize, usize)) -> (&Cell, &Cell) {
        (&self.before.rows[*row].cells[at], &self.after.rows[*row_after].cells[place])
    }

    fn same(&self, before: &Cell, after: &Cell) -> bool {
        is_equivalent(before, after, self.connection)
    }
}

fn change_text((before, after): (&Cell, &Cell)) -> String {
    format!("{} became {}", shown(before.value()), shown(after.value()))
}

fn row_text(table: &TableRows, row: &Row) -> String {
    let value = |(column, cell): (&Name, &Cell)| format!("{column}={}", shown(cell.value()));
    table.columns.iter().zip(&row.cells).map(value).collect::<Vec<_>>().join(", ")
}
