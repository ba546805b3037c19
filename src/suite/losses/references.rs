//! References between rows, across a migration that gives rows other keys: a reference that follows its row is kept.

use std::cell::OnceCell;
use std::collections::HashSet;

use super::matching::as_key;
use super::migrated::Migrated;
use super::pairs::PairedRows;
use super::rekeyed::Rekeyed;
use crate::check::Cell;
use crate::order::SortedMap;
use crate::schema::references::parent_columns;
use crate::sql::Name;
use crate::suite::rows::TableRows;
use crate::suite::statements::Renames;

/// Foreign keys of single columns, and what became of the rows that they refer to.
pub(crate) struct References<'a> {
    migrated: Migrated<'a>,
    rekeyed: Rekeyed<'a>,
    /// The tables that foreign keys refer to, by their names before.
    parents: OnceCell<SortedMap<Name, Parent<'a>>>,
}

/// A table that foreign keys refer to.
struct Parent<'a> {
    rows: PairedRows<'a>,
    /// The place of each row after the migration.
    row_after: SortedMap<usize, usize>,
    /// For each column before, the first row that has a value.
    row_of: Vec<OnceCell<SortedMap<String, usize>>>,
    /// The values of each column after.
    values_after: Vec<OnceCell<HashSet<String>>>,
}

impl Parent<'_> {
    fn row_of(&self, at: usize, value: &Cell) -> Option<usize> {
        let index = || {
            let rows = self.rows.before.rows.iter().enumerate().rev();
            rows.map(|(row, it)| (as_key(&it.cells[at]), row)).collect()
        };
        self.row_of[at].get_or_init(index).get(&as_key(value)).copied()
    }

    fn values_after(&self, place: usize) -> &HashSet<String> {
        let values = || self.rows.after.rows.iter().map(|row| as_key(&row.cells[place])).collect();
        self.values_after[place].get_or_init(values)
    }
}

/// The fate of the row that a value refers to.
enum Referred<'p, 'a> {
    /// There was none.
    Dangling,
    /// It is gone. These are the keys of those that are left.
    Gone(&'p HashSet<String>),
    Kept {
        row: usize,
        place: usize,
        key: &'a Cell,
    },
}

impl<'a> References<'a> {
    pub(crate) fn new(migrated: Migrated<'a>) -> References<'a> {
        References { migrated, rekeyed: Rekeyed::new(migrated), parents: OnceCell::new() }
    }

    /// Returns true if a value of a column that refers to rows is this one now because the row has another key, because it
    /// is gone and another one took its place, or because there was none.
    pub(crate) fn follow(&self, renames: &Renames, (table, at): (&TableRows, usize), cells: (&Cell, &Cell)) -> bool {
        self.parents_of(table, at).iter().any(|(parent, column)| {
            match self.referred(renames, parent, column, cells.0) {
                Some(Referred::Dangling) => *cells.1 == Cell::Null,
                Some(Referred::Gone(others)) if renames.is_written(&table.name, &table.columns[at]) => {
                    others.contains(&as_key(cells.1))
                }
                Some(Referred::Kept { row, place, key }) => {
                    as_key(key) == as_key(cells.1) || self.rekeyed.is_same(renames, (parent, row), place, cells.1)
                }
                _ => false,
            }
        })
    }

    /// Returns true if columns refer to the table, and all their values follow its rows to their new keys.
    pub(crate) fn all_follow(&self, renames: &Renames, table: &TableRows) -> bool {
        let mut followed = 0;
        for child in &self.migrated.before.tables {
            for at in 0..child.columns.len() {
                if !self.parents_of(child, at).iter().any(|(parent, _)| *parent == table.name) {
                    continue;
                }
                let Some((after, is_rebuilt)) = self.twin(renames, child) else { return false };
                let rows = self.pair(renames, (child, after), is_rebuilt);
                let places: Vec<usize> = match rows.places[at] {
                    Some(place) => vec![place],
                    None => (0..after.columns.len()).filter(|place| !rows.places.contains(&Some(*place))).collect(),
                };
                let mut pairs = rows.matching.pairs.iter().filter(|(row, _)| child.rows[*row].cells[at] != Cell::Null);
                let follows = |place: usize| {
                    let mut pairs = pairs.clone();
                    pairs.all(|pair| self.follow(renames, (child, at), rows.cells((at, place), pair)))
                };
                if !places.into_iter().any(follows) {
                    return false;
                }
                followed += usize::from(pairs.next().is_some());
            }
        }
        followed > 0
    }

    /// Returns true if all values that refer to a row which is gone refer to one of these rows after the migration.
    pub(crate) fn go_to(
        &self,
        renames: &Renames,
        (table, row): (&TableRows, usize),
        (after, twins): (&TableRows, &[usize]),
    ) -> bool {
        let goes_there = |child: &'a TableRows, at: usize, referred: &Name| {
            let key = table.place_of(referred).zip(after.place_of(renames.column_after(&table.name, referred)));
            let Some((key, key_after)) = key else { return true };
            let refers =
                |row: &usize, of: usize| as_key(&child.rows[*row].cells[at]) == as_key(&table.rows[of].cells[key]);
            if !(0..child.rows.len()).any(|child| refers(&child, row)) {
                return true;
            }
            let Some((child_after, is_rebuilt)) = self.twin(renames, child) else { return true };
            let rows = self.pair(renames, (child, child_after), is_rebuilt);
            let Some(place) = rows.places[at] else { return false };
            let is_twin =
                |cell: &Cell| twins.iter().any(|it| as_key(&after.rows[*it].cells[key_after]) == as_key(cell));
            let goes = |(_, later): &(usize, usize)| is_twin(&child_after.rows[*later].cells[place]);
            let mut gone = rows.matching.missing.iter().filter(|child| refers(child, row));
            rows.matching.pairs.iter().filter(|(child, _)| refers(child, row)).all(goes)
                && gone.all(|row| self.has_become_one(renames, child, *row))
        };
        self.migrated.before.tables.iter().all(|child| {
            (0..child.columns.len()).all(|at| {
                let parents = self.parents_of(child, at);
                parents.iter().filter(|(parent, _)| *parent == table.name).all(|(_, key)| goes_there(child, at, key))
            })
        })
    }

    /// Returns true if a row that has a reference in its key is there under another key, because the row to which it refers has
    /// become one with another.
    pub(crate) fn has_become_one(&self, renames: &Renames, table: &TableRows, row: usize) -> bool {
        self.rekeyed.has_become_one(renames, table, row)
    }

    /// Matches the rows of a table with those of the table that takes its place.
    pub(crate) fn pair(
        &self,
        renames: &Renames,
        (before, after): (&'a TableRows, &'a TableRows),
        is_rebuilt: bool,
    ) -> PairedRows<'a> {
        PairedRows::of((before, after), is_rebuilt, renames, self.migrated.connection)
            .or_rekeyed(|| self.rekeyed.matching(renames, before, after))
    }

    /// Returns true if a foreign key refers to the table.
    pub(crate) fn is_referred_to(&self, table: &str) -> bool {
        self.migrated.old.tables.iter().any(|child| child.foreign_keys.iter().any(|key| key.parent == table))
    }

    /// Returns the tables and columns that a column refers to, before the migration or after it.
    fn parents_of(&self, table: &TableRows, at: usize) -> Vec<(Name, Name)> {
        let mut found = Vec::new();
        let column = &table.columns[at];
        for schema in [self.migrated.old, self.migrated.new] {
            let keys = schema.table(&table.name).into_iter().flat_map(|table| &table.foreign_keys);
            for key in keys.filter(|key| key.columns.len() == 1 && key.columns[0] == *column) {
                let parent = self.migrated.old.table(&key.parent);
                let referred = parent.and_then(|parent| Some((parent, *parent_columns(key, parent).first()?)));
                found.extend(referred.map(|(parent, column)| (parent.name.clone(), Name::from(column))));
            }
        }
        found
    }

    fn referred(&self, renames: &Renames, parent: &Name, column: &Name, value: &Cell) -> Option<Referred<'_, 'a>> {
        let parent = self.parents(renames).get(parent)?;
        let rows = &parent.rows;
        let at = rows.before.place_of(column)?;
        let Some(row) = parent.row_of(at, value) else { return Some(Referred::Dangling) };
        let place = rows.places[at].or_else(|| rows.after.key.first().copied())?;
        Some(match parent.row_after.get(&row) {
            Some(&later) => Referred::Kept { row, place, key: &rows.after.rows[later].cells[place] },
            None => Referred::Gone(parent.values_after(place)),
        })
    }

    fn parents(&self, renames: &Renames) -> &SortedMap<Name, Parent<'a>> {
        self.parents.get_or_init(|| {
            let tables = self.migrated.before.tables.iter();
            let parents = tables.filter_map(|table| {
                let (after, is_rebuilt) = self.twin(renames, table)?;
                let rows = self.pair(renames, (table, after), is_rebuilt);
                let row_after = rows.matching.pairs.iter().copied().collect();
                let row_of = table.columns.iter().map(|_| OnceCell::new()).collect();
                let values_after = after.columns.iter().map(|_| OnceCell::new()).collect();
                Some((table.name.clone(), Parent { rows, row_after, row_of, values_after }))
            });
            parents.collect()
        })
    }

    /// Returns the table that holds the rows of this one afterwards, and whether it is another table.
    pub(crate) fn twin(&self, renames: &Renames, table: &TableRows) -> Option<(&'a TableRows, bool)> {
        let Migrated { before, after, connection, .. } = self.migrated;
        let before_table = before.table(&table.name)?;
        let successor = renames.successor(&table.name);
        let by_text = successor.and_then(|new| Some((after.table(new.name)?, new.is_recreated)));
        let by_name = || after.table(&table.name).map(|same| (same, true));
        let is_new = |after: &&TableRows| before.table(&after.name).is_none();
        let has_all = |after: &&'a TableRows| {
            let rows = PairedRows::of((before_table, after), true, renames, connection);
            !table.rows.is_empty()
                && rows.matching.missing.is_empty()
                && rows.places.iter().filter(|place| place.is_some()).count() > 1
        };
        let by_rows =
            || after.tables.iter().map(|table| &**table).filter(is_new).find(has_all).map(|copy| (copy, true));
        by_text.or_else(by_name).or_else(by_rows)
    }
}
