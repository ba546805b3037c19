//! The losses of a migration: the rows of each table are compared with those of the table that takes its place.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::matching::{Matching, NewRows, Places, as_key, distinct_rows, is_equivalent, kept};
use crate::check::{Cell, shown};
use crate::sql::Name;
use crate::suite::rows::{Contents, Row, TableRows};
use crate::suite::statements::{Renames, StatementEffect};

/// The rows of a database before and after a migration.
pub(crate) struct Comparison<'a> {
    before: &'a Contents,
    after: &'a Contents,
    renames: Renames,
    new_rows: NewRows<'a>,
    connection: &'a Connection,
}

impl<'a> Comparison<'a> {
    /// `connection` is to the database after the migration.
    pub(crate) fn of(
        before: &'a Contents,
        after: &'a Contents,
        effects: &[StatementEffect],
        connection: &'a Connection,
    ) -> Comparison<'a> {
        let renames = Renames::of(before.tables.iter().map(|table| table.name.as_str()), effects);
        let new_rows = NewRows::between(before, after, connection);
        Comparison { before, after, renames, new_rows, connection }
    }

    /// Returns everything that was there before and is not there afterwards.
    pub(crate) fn losses(&self) -> Vec<Loss> {
        self.before.tables.iter().flat_map(|table| self.losses_of(table)).collect()
    }

    /// Like `losses`, of one table.
    pub(crate) fn losses_in(&self, table: &str) -> Vec<Loss> {
        self.before.table(table).map(|table| self.losses_of(table)).unwrap_or_default()
    }

    /// Returns the tables that are gone, and those into which all their rows were copied.
    pub(crate) fn renamed_by_hand(&self) -> Vec<(Name, Name)> {
        let is_gone = |table: &&TableRows| {
            self.renames.successor(&table.name).is_none() && self.after.table(&table.name).is_none()
        };
        let copied = |table: &TableRows| Some((table.name.clone(), self.copied_into(table)?.name.clone()));
        self.before.tables.iter().filter(is_gone).filter_map(copied).collect()
    }

    fn losses_of(&self, table: &TableRows) -> Vec<Loss> {
        let loss = |kind: LossKind, is_rebuilt: bool| Loss {
            kind,
            table: table.name.clone(),
            column: None,
            is_rebuilt,
            examples: Vec::new(),
        };
        let Some((after, is_rebuilt)) = self.counterpart(table) else {
            let is_moved = !table.rows.is_empty() && table.rows.iter().all(|row| self.new_rows.contain(table, row));
            return if is_moved { Vec::new() } else { vec![loss(LossKind::Table, false)] };
        };
        let mut lost = self.pair(table, after, is_rebuilt).losses();
        if is_rebuilt && lost.iter().any(|loss| loss.kind.is_all_rows()) {
            // Without a row, there is nothing to say about its columns and numbers.
            lost.retain(|loss| matches!(loss.kind, LossKind::Rows { .. }));
            return lost;
        }
        if let Some(was) = self.before.sequence.get(&table.name) {
            let is = self.after.sequence.get(&after.name).copied().unwrap_or(0);
            if is < *was {
                lost.push(loss(LossKind::Sequence { was: *was, is }, is_rebuilt));
            }
        }
        lost
    }

    /// Returns the table that holds the rows of this one afterwards, and whether it is another table.
    fn counterpart(&self, table: &TableRows) -> Option<(&'a TableRows, bool)> {
        let successor = self.renames.successor(&table.name);
        let by_text = successor.and_then(|new| Some((self.after.table(new.name)?, new.is_recreated)));
        let by_name = || self.after.table(&table.name).map(|same| (same, true));
        let by_rows = || self.copied_into(table).map(|copy| (copy, true));
        by_text.or_else(by_name).or_else(by_rows)
    }

    /// Returns the table into which all rows of one that is gone were copied: a rename by hand.
    fn copied_into(&self, table: &TableRows) -> Option<&'a TableRows> {
        let is_new = |after: &&TableRows| self.before.table(&after.name).is_none();
        let mut candidates = self.after.tables.iter().filter(is_new);
        candidates.find(|after| {
            !table.rows.is_empty()
                && after.rows.len() >= table.rows.len()
                && self.pair(table, after, true).losses().is_empty()
        })
    }

    fn pair<'p>(&'p self, before: &'p TableRows, after: &'p TableRows, is_rebuilt: bool) -> TablePair<'p, 'a> {
        let (renames, new_rows, connection) = (&self.renames, &self.new_rows, self.connection);
        TablePair { before, after, is_rebuilt, renames, new_rows, connection }
    }
}

/// Something that a migration lost.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Loss {
    pub(crate) kind: LossKind,
    /// The name before the migration.
    pub(crate) table: Name,
    pub(crate) column: Option<Name>,
    /// True if the migration drops the table and creates it again.
    pub(crate) is_rebuilt: bool,
    /// A few of the rows or values, as text.
    pub(crate) examples: Vec<String>,
}

/// The kind of a loss.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LossKind {
    /// The table is gone.
    Table,
    /// The column is gone.
    Column,
    /// `gone` of the `of` rows are gone.
    Rows { gone: usize, of: usize },
    /// The rows are there, under other keys.
    Renumbered,
    /// Rows are there several times.
    Multiplied,
    /// `changed` of the `of` values have changed.
    Values { changed: usize, of: usize, to_null: bool },
    /// The column has the values of this other column.
    Moved { from: Name },
    /// AUTOINCREMENT hands out numbers again that were in use.
    Sequence { was: i64, is: i64 },
}

impl LossKind {
    /// Returns true if all rows are gone.
    pub(crate) fn is_all_rows(&self) -> bool {
        matches!(self, LossKind::Rows { gone, of } if gone == of)
    }
}

impl Loss {
    /// Returns what an allowance has to name.
    pub(crate) fn object(&self) -> String {
        match &self.column {
            Some(column) => format!("{}.{column}", self.table),
            None => self.table.to_string(),
        }
    }

    /// Returns true if the other loss is the same, whatever its examples.
    pub(crate) fn is_same(&self, other: &Loss) -> bool {
        self.kind == other.kind && self.table == other.table && self.column == other.column
    }

    /// Returns true if the other loss is of the same kind in the same table and column, whatever its rows.
    pub(crate) fn is_like(&self, other: &Loss) -> bool {
        std::mem::discriminant(&self.kind) == std::mem::discriminant(&other.kind)
            && self.table == other.table
            && self.column == other.column
    }
}

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
