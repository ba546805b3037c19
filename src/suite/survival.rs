//! What a migration kept of the rows and values that were there.
//!
//! The rows decide, not the text: a table, column, row or value that was there and is not there any more is a loss, unless
//! another table has the row now, or the migration says so itself. It does by an `UPDATE … WHERE` that puts something else
//! in place of a value (not something computed from it, which has to say the same), and by a rename, which is followed.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};

use rusqlite::Connection;

use super::contents::{Contents, Row, Table};
use super::equivalence::{as_key, is_equivalent};
use super::renames::Renames;
use super::statement_effects::StatementEffect;
use crate::check::{Cell, shown};

/// Something that was there and is gone.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Loss {
    pub(super) kind: Kind,
    /// By the name that it had before.
    pub(super) table: String,
    pub(super) column: Option<String>,
    /// Whether the migration makes the table anew.
    pub(super) rebuilt: bool,
    /// A few of the rows or values, as text.
    pub(super) examples: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// The table is gone.
    Table,
    /// The column is gone.
    Column,
    /// Rows are gone: as many, of so many.
    Rows { gone: usize, of: usize },
    /// The rows are there, under other keys.
    Renumbered,
    /// Rows are there several times.
    Multiplied { by: usize },
    /// Values are others; all that there were, or some.
    Values { changed: usize, of: usize, to_null: bool },
    /// The column has the values of this other one.
    Moved { from: String },
    /// AUTOINCREMENT hands out numbers again that were in use.
    Sequence { was: i64, is: i64 },
}

impl Loss {
    /// What an allowance has to name.
    pub(super) fn object(&self) -> String {
        match &self.column {
            Some(column) => format!("{}.{column}", self.table),
            None => self.table.clone(),
        }
    }

    /// Whether the other one is of the same thing, though perhaps of other rows.
    pub(super) fn is_like(&self, other: &Loss) -> bool {
        std::mem::discriminant(&self.kind) == std::mem::discriminant(&other.kind)
            && self.table == other.table
            && self.column == other.column
    }
}

/// Everything that was in `before` and is not in `after`.
pub(super) fn losses(
    before: &Contents,
    after: &Contents,
    effects: &[StatementEffect],
    connection: &Connection,
) -> Vec<Loss> {
    let renames = Renames::of(before.tables.iter().map(|table| table.name.as_str()), effects);
    let elsewhere = Elsewhere::of(before, after, connection);
    let mut found = Vec::new();
    for table in &before.tables {
        let place = renames.name_after(&table.name);
        let there = place.and_then(|(name, rebuilt)| Some((after.table(name)?, rebuilt)));
        let there = there.or_else(|| after.table(&table.name).map(|same| (same, true)));
        let there = there.or_else(|| Some((copied(table, before, after, &renames, &elsewhere)?, true)));
        let Some((twin, rebuilt)) = there else {
            if !table.rows.is_empty() && table.rows.iter().all(|row| elsewhere.has(table, row)) {
                continue;
            }
            found.push(Loss {
                kind: Kind::Table,
                table: table.name.clone(),
                column: None,
                rebuilt: false,
                examples: Vec::new(),
            });
            continue;
        };
        let pair = Pair { table, twin, rebuilt, renames: &renames, elsewhere: &elsewhere, connection };
        let lost = pair.losses();
        let emptied = lost.iter().any(|loss| matches!(loss.kind, Kind::Rows { gone, of } if gone == of));
        if emptied && rebuilt {
            // Without a row, there is nothing to tell of its columns and numbers.
            found.extend(lost.into_iter().filter(|loss| matches!(loss.kind, Kind::Rows { .. })));
            continue;
        }
        found.extend(lost);
        let sequence = |contents: &Contents, name: &str| contents.sequence.get(&name.to_ascii_lowercase()).copied();
        if let Some(was) = sequence(before, &table.name) {
            let is = sequence(after, &twin.name).unwrap_or(0);
            if is < was {
                let kind = Kind::Sequence { was, is };
                found.push(Loss { kind, table: table.name.clone(), column: None, rebuilt, examples: Vec::new() });
            }
        }
    }
    found
}

/// The tables that are gone, and those into which all their rows were copied.
pub(super) fn renamed_by_hand(
    before: &Contents,
    after: &Contents,
    effects: &[StatementEffect],
    connection: &Connection,
) -> Vec<(String, String)> {
    let renames = Renames::of(before.tables.iter().map(|table| table.name.as_str()), effects);
    let elsewhere = Elsewhere::of(before, after, connection);
    let gone = before
        .tables
        .iter()
        .filter(|table| renames.name_after(&table.name).is_none() && after.table(&table.name).is_none());
    let twin =
        |table: &Table| Some((table.name.clone(), copied(table, before, after, &renames, &elsewhere)?.name.clone()));
    gone.filter_map(twin).collect()
}

/// The table into which all rows of one that is gone were copied: a rename by hand.
fn copied<'a>(
    table: &Table,
    before: &Contents,
    after: &'a Contents,
    renames: &Renames,
    elsewhere: &Elsewhere<'_>,
) -> Option<&'a Table> {
    let connection = elsewhere.connection;
    let candidates = after.tables.iter().filter(|twin| before.table(&twin.name).is_none());
    candidates
        .filter(|twin| !table.rows.is_empty() && twin.rows.len() >= table.rows.len())
        .find(|twin| Pair { table, twin, rebuilt: true, renames, elsewhere, connection }.losses().is_empty())
}

/// Rows that were not there before, by their tables: what is gone from one table may have gone to another, as into an
/// archive.
struct Elsewhere<'a> {
    before: &'a Contents,
    after: &'a Contents,
    /// Only where something is gone.
    new: OnceCell<Vec<(&'a Table, Vec<&'a Row>)>>,
    connection: &'a Connection,
}

impl<'a> Elsewhere<'a> {
    fn of(before: &'a Contents, after: &'a Contents, connection: &'a Connection) -> Elsewhere<'a> {
        Elsewhere { before, after, new: OnceCell::new(), connection }
    }

    fn new_rows(&self, table: &'a Table) -> Vec<&'a Row> {
        let Some(old) = self.before.table(&table.name) else { return table.rows.iter().collect() };
        let places: Option<Vec<usize>> = table.columns.iter().map(|name| place_of(name, old)).collect();
        let Some(places) = places else { return table.rows.iter().collect() };
        let texts = |row: &Row| places.iter().map(|&at| as_key(&row.cells[at])).collect();
        let known: BTreeSet<Vec<String>> = old.rows.iter().map(texts).collect();
        let is_new = |row: &&Row| !known.contains(&row.cells.iter().map(as_key).collect::<Vec<_>>());
        table.rows.iter().filter(is_new).collect()
    }

    /// Whether another table has the row, with all its values under the same names.
    fn has(&self, table: &Table, row: &Row) -> bool {
        let new =
            self.new.get_or_init(|| self.after.tables.iter().map(|table| (table, self.new_rows(table))).collect());
        new.iter().filter(|(twin, _)| !twin.name.eq_ignore_ascii_case(&table.name)).any(|(twin, rows)| {
            let places: Option<Vec<usize>> = table.columns.iter().map(|name| place_of(name, twin)).collect();
            places.is_some_and(|places| {
                let same = |cells: &[Cell]| {
                    let mut pairs = row.cells.iter().zip(&places);
                    pairs.all(|(cell, &place)| is_equivalent(cell, &cells[place], self.connection))
                };
                rows.iter().any(|twin| same(&twin.cells))
            })
        })
    }
}

fn place_of(column: &str, table: &Table) -> Option<usize> {
    table.columns.iter().position(|name| name.eq_ignore_ascii_case(column))
}

/// A table before and after.
struct Pair<'a, 'e> {
    table: &'a Table,
    twin: &'a Table,
    rebuilt: bool,
    renames: &'a Renames,
    elsewhere: &'a Elsewhere<'e>,
    connection: &'a Connection,
}

/// Which row became which.
struct Matched {
    pairs: Vec<(usize, usize)>,
    missing: Vec<usize>,
    extra: Vec<usize>,
}

impl Pair<'_, '_> {
    fn losses(&self) -> Vec<Loss> {
        let mut columns = self.columns();
        let mut matched = self.matched(&columns);
        let mut found = Vec::new();
        // A copy that leaves the key to SQLite may by chance give all keys again, to other rows.
        let doubted = !matched.missing.is_empty() || (self.rebuilt && self.any_changed(&columns, &matched));
        if doubted && !self.table.key.is_empty() {
            let without_key: Vec<Option<usize>> =
                (0..columns.len()).map(|at| columns[at].filter(|_| !self.table.key.contains(&at))).collect();
            let by_rest = self.matched_by_values(&without_key);
            let changes = self.key_changes(&by_rest, &columns, &without_key);
            if !changes.is_empty() && by_rest.missing.is_empty() {
                found.push(self.loss(Kind::Renumbered, self.key_column(), changes));
                matched = by_rest;
            }
        }
        self.find_renamed(&mut columns, &matched);
        matched.missing.retain(|&row| !self.elsewhere.has(self.table, &self.table.rows[row]));
        if !matched.missing.is_empty() {
            let kind = Kind::Rows { gone: matched.missing.len(), of: self.table.rows.len() };
            let examples = matched.missing.iter().take(3).map(|&at| self.row_text(&self.table.rows[at])).collect();
            found.push(self.loss(kind, None, examples));
        }
        for (at, place) in columns.iter().enumerate() {
            match place {
                None => found.push(self.loss(Kind::Column, Some(at), Vec::new())),
                Some(place) if !self.table.key.contains(&at) || found.is_empty() => {
                    found.extend(self.changed(at, *place, &columns, &matched));
                }
                Some(_) => {}
            }
        }
        found.extend(self.multiplied(&columns, &matched));
        found
    }

    fn loss(&self, kind: Kind, column: Option<usize>, examples: Vec<String>) -> Loss {
        let column = column.map(|at| self.table.columns[at].clone());
        Loss { kind, table: self.table.name.clone(), column, rebuilt: self.rebuilt, examples }
    }

    /// Where each column is afterwards, by its name.
    fn columns(&self) -> Vec<Option<usize>> {
        let place = |column: &String| {
            let name = self.renames.column_after(&self.table.name, column);
            self.twin.columns.iter().position(|twin| twin.eq_ignore_ascii_case(name))
        };
        self.table.columns.iter().map(place).collect()
    }

    /// A column that is gone, and a new one that holds the same: a rename by hand. One value alone could be a default.
    fn find_renamed(&self, columns: &mut [Option<usize>], matched: &Matched) {
        for at in 0..columns.len() {
            if columns[at].is_some() {
                continue;
            }
            let values: BTreeSet<String> =
                matched.pairs.iter().map(|&(row, _)| as_key(&self.table.rows[row].cells[at])).collect();
            if values.iter().filter(|value| !value.is_empty()).count() < 2 {
                continue;
            }
            let is_new = |place: &usize| !columns.contains(&Some(*place));
            let holds = |place: &usize| {
                matched
                    .pairs
                    .iter()
                    .all(|&(row, twin)| self.same(&self.table.rows[row].cells[at], &self.twin.rows[twin].cells[*place]))
            };
            columns[at] = (0..self.twin.columns.len()).filter(is_new).find(holds);
        }
    }

    fn matched(&self, columns: &[Option<usize>]) -> Matched {
        let key: Option<Vec<(usize, usize)>> = self.table.key.iter().map(|&at| Some((at, columns[at]?))).collect();
        if let Some(key) = key.filter(|key| !key.is_empty()) {
            return self.matched_by(
                |row| key.iter().map(|&(at, _)| as_key(&row.cells[at])).collect(),
                |row| key.iter().map(|&(_, at)| as_key(&row.cells[at])).collect(),
            );
        }
        let by_values = self.matched_by_values(columns);
        let has_rowid = |table: &Table| table.rows.iter().all(|row| row.rowid.is_some());
        if by_values.missing.is_empty() || !has_rowid(self.table) || !has_rowid(self.twin) {
            return by_values;
        }
        let rowid = |row: &Row| vec![row.rowid.unwrap_or_default().to_string()];
        let by_rowid = self.matched_by(rowid, rowid);
        // Values that changed leave the rows in their places; without a row in its place there is nothing to compare.
        if by_rowid.missing.is_empty() { by_rowid } else { by_values }
    }

    fn matched_by_values(&self, columns: &[Option<usize>]) -> Matched {
        let of = self.saying(columns);
        self.matched_by(
            |row| of.iter().map(|&(at, _)| as_key(&row.cells[at])).collect(),
            |row| of.iter().map(|&(_, at)| as_key(&row.cells[at])).collect(),
        )
    }

    /// The columns whose values say which row it is: a NULL, which may have been filled in, says nothing.
    fn saying(&self, columns: &[Option<usize>]) -> Vec<(usize, usize)> {
        let kept = columns.iter().enumerate().filter_map(|(at, place)| Some((at, (*place)?)));
        let (said, unsaid): (Vec<_>, Vec<_>) =
            kept.partition(|&(at, _)| self.table.rows.iter().all(|row| row.cells[at] != Cell::Null));
        if said.is_empty() { unsaid } else { said }
    }

    fn matched_by(&self, key: impl Fn(&Row) -> Vec<String>, twin_key: impl Fn(&Row) -> Vec<String>) -> Matched {
        let mut places: HashMap<Vec<String>, Vec<usize>> = HashMap::new();
        for (at, row) in self.twin.rows.iter().enumerate().rev() {
            places.entry(twin_key(row)).or_default().push(at);
        }
        let mut matched = Matched { pairs: Vec::new(), missing: Vec::new(), extra: Vec::new() };
        for (at, row) in self.table.rows.iter().enumerate() {
            match places.get_mut(&key(row)).and_then(Vec::pop) {
                Some(twin) => matched.pairs.push((at, twin)),
                None => matched.missing.push(at),
            }
        }
        matched.extra = places.into_values().flatten().collect();
        matched.extra.sort_unstable();
        matched
    }

    fn any_changed(&self, columns: &[Option<usize>], matched: &Matched) -> bool {
        let kept = || columns.iter().enumerate().filter_map(|(at, place)| Some((at, (*place)?)));
        matched.pairs.iter().any(|&(row, twin)| {
            kept().any(|(at, place)| !self.same(&self.table.rows[row].cells[at], &self.twin.rows[twin].cells[place]))
        })
    }

    /// The rows that no other is like in these columns.
    fn told_apart(&self, columns: &[Option<usize>]) -> BTreeSet<usize> {
        let of = self.saying(columns);
        let mut alike: HashMap<Vec<String>, Vec<usize>> = HashMap::new();
        for (place, row) in self.table.rows.iter().enumerate() {
            alike.entry(of.iter().map(|&(at, _)| as_key(&row.cells[at])).collect()).or_default().push(place);
        }
        alike.into_values().filter(|places| places.len() == 1).flatten().collect()
    }

    fn key_column(&self) -> Option<usize> {
        self.table.key.first().copied()
    }

    /// `by` are the columns by which they were matched.
    fn key_changes(&self, matched: &Matched, columns: &[Option<usize>], by: &[Option<usize>]) -> Vec<String> {
        let Some(at) = self.key_column() else { return Vec::new() };
        let Some(place) = columns[at] else { return Vec::new() };
        let apart = self.told_apart(by);
        if apart.len() < 2 {
            return Vec::new();
        }
        let pairs = matched.pairs.iter().filter(|(row, _)| apart.contains(row));
        pairs
            .map(|&(row, twin)| (&self.table.rows[row].cells[at], &self.twin.rows[twin].cells[place]))
            .filter(|(one, other)| !self.same(one, other))
            .take(3)
            .map(|(one, other)| change_text(one, other))
            .collect()
    }

    fn changed(&self, at: usize, place: usize, columns: &[Option<usize>], matched: &Matched) -> Option<Loss> {
        let cells =
            |&(row, twin): &(usize, usize)| (&self.table.rows[row].cells[at], &self.twin.rows[twin].cells[place]);
        let changed: Vec<(usize, usize)> = matched
            .pairs
            .iter()
            .copied()
            .filter(|pair| {
                let (one, other) = cells(pair);
                !self.same(one, other)
            })
            .collect();
        if changed.is_empty() || self.renames.is_replaced(&self.twin.name, &self.twin.columns[place]) {
            return None;
        }
        // A key counts up, and so does many a value: that they are equal says little.
        let moved = (0..columns.len()).filter(|other| *other != at && !self.table.key.contains(other)).find(|&other| {
            changed.iter().all(|&(row, twin)| self.table.rows[row].cells[other] == self.twin.rows[twin].cells[place])
        });
        let to_null = changed.iter().all(|pair| *cells(pair).1 == Cell::Null);
        let kind = match moved {
            Some(other) if !to_null => Kind::Moved { from: self.table.columns[other].clone() },
            _ => Kind::Values { changed: changed.len(), of: self.table.rows.len(), to_null },
        };
        let examples = changed.iter().take(3).map(|pair| {
            let (one, other) = cells(pair);
            change_text(one, other)
        });
        Some(self.loss(kind, Some(at), examples.collect()))
    }

    /// New rows that are copies of old ones, but for their key.
    fn multiplied(&self, columns: &[Option<usize>], matched: &Matched) -> Option<Loss> {
        if matched.extra.is_empty() || !self.rebuilt {
            return None;
        }
        let rest: Vec<(usize, usize)> = columns
            .iter()
            .enumerate()
            .filter(|(at, _)| !self.table.key.contains(at))
            .filter_map(|(at, place)| Some((at, (*place)?)))
            .collect();
        if rest.is_empty() {
            return None;
        }
        let is_copy = |&&twin: &&usize| {
            let twin = &self.twin.rows[twin];
            self.table.rows.iter().any(|row| rest.iter().all(|&(at, place)| row.cells[at] == twin.cells[place]))
        };
        let copies: Vec<usize> = matched.extra.iter().filter(is_copy).copied().collect();
        let examples = copies.iter().take(3).map(|&at| texts(&self.twin.columns, &self.twin.rows[at])).collect();
        (!copies.is_empty()).then(|| self.loss(Kind::Multiplied { by: copies.len() }, None, examples))
    }

    fn same(&self, before: &Cell, after: &Cell) -> bool {
        is_equivalent(before, after, self.connection)
    }

    fn row_text(&self, row: &Row) -> String {
        texts(&self.table.columns, row)
    }
}

fn change_text(before: &Cell, after: &Cell) -> String {
    format!("{} became {}", shown(before.value()), shown(after.value()))
}

fn texts(columns: &[String], row: &Row) -> String {
    let values: Vec<String> =
        columns.iter().zip(&row.cells).map(|(column, cell)| format!("{column}={}", shown(cell.value()))).collect();
    values.join(", ")
}
