//! Values that are gone from their column and found again elsewhere: in another column of the row, in a row of another table
//! that a key links to it, as a member of a JSON value, as a part of a text, in several pieces.
//!
//! Equal values may be chance. So the place has to be new: a table, column or row that the migration made, or a value that it
//! changed, and it has to hold the values of all rows.

use std::cell::OnceCell;

use rusqlite::Connection;
use rusqlite::types::ToSqlOutput;

use super::matching::{as_key, is_equivalent};
use super::migrated::Migrated;
use crate::check::Cell;
use crate::order::{Order as _, SortedMap, SortedSet};
use crate::schema::{IndexedColumn, Schema};
use crate::sql::Name;
use crate::suite::rows::{Contents, Row, TableRows, unique_keys};

/// A row that lost a value, before the migration, and after it if it is still there.
#[derive(Clone, Copy)]
pub(crate) struct RowWithLoss<'a> {
    pub(crate) before: &'a Row,
    pub(crate) after: Option<&'a Row>,
}

/// The values to search for: a column of these rows.
pub(crate) struct Wanted<'s, 'a> {
    pub(crate) column: &'s Name,
    /// Its place in the rows before.
    pub(crate) at: usize,
    pub(crate) subjects: &'s [RowWithLoss<'a>],
    /// For each column of the rows after, the place that it had before.
    pub(crate) origins: &'s [Option<usize>],
    /// The table of the rows, before and after.
    pub(crate) table: (&'s TableRows, Option<&'s TableRows>),
    /// True if statements pass the column to a function that may cut it: a part of a value may be the whole by chance.
    pub(crate) is_cut: bool,
}

/// The tables after a migration, where values are searched.
pub(crate) struct Elsewhere<'a> {
    tables: OnceCell<Vec<Place<'a>>>,
    migrated: Migrated<'a>,
}

/// A table after a migration.
pub(crate) struct Place<'a> {
    pub(crate) table: &'a TableRows,
    /// The table of this name before the migration.
    before: Option<&'a TableRows>,
    /// The rows that hold each value, by column.
    rows: Vec<OnceCell<SortedMap<String, Vec<usize>>>>,
    /// Columns that the table did not have.
    pub(crate) new_columns: SortedSet<usize>,
    /// Rows that the table did not have.
    new_rows: OnceCell<SortedSet<usize>>,
}

impl<'a> Elsewhere<'a> {
    pub(crate) fn new(migrated: Migrated<'a>) -> Elsewhere<'a> {
        Elsewhere { tables: OnceCell::new(), migrated }
    }

    pub(crate) fn places(&self) -> &[Place<'a>] {
        let Migrated { before, after, .. } = self.migrated;
        self.tables.get_or_init(|| after.tables.iter().map(|table| Place::of(table, before)).collect())
    }

    /// Returns true if all values of the column are found.
    pub(crate) fn has(&self, wanted: &Wanted<'_, 'a>) -> bool {
        let values: SortedSet<String> = wanted.subjects.iter().map(|subject| as_key(wanted.value(subject))).collect();
        match values.iter().filter(|value| !value.is_empty()).count() {
            0 => false,
            count => {
                self.has_in_row(wanted, count > 1)
                    || self.has_in_pieces(wanted)
                    || self.has_linked(wanted, count > 1)
                    || self.has_as_rows(wanted)
                    || self.has_as_named_row(wanted)
            }
        }
    }

    /// Searches one new or changed column of the same rows.
    fn has_in_row(&self, wanted: &Wanted<'_, 'a>, is_telling: bool) -> bool {
        is_telling
            && !wanted.is_cut
            && (0..wanted.origins.len()).any(|place| {
                wanted.origins[place] != Some(wanted.at)
                    && wanted.holders().all(|subject| {
                        self.new_cell(wanted, subject, place)
                            .is_some_and(|cell| self.holds(cell, wanted.value(subject)))
                    })
            })
    }

    /// Searches the new and changed columns of the same rows for the parts of a text.
    fn has_in_pieces(&self, wanted: &Wanted<'_, 'a>) -> bool {
        let mut most = 0;
        let all = wanted.is_long()
            && wanted.holders().all(|subject| {
                let places = (0..wanted.origins.len()).filter(|&place| wanted.origins[place] != Some(wanted.at));
                let cells: Vec<&Cell> = places.filter_map(|place| self.new_cell(wanted, subject, place)).collect();
                let pieces = pieces_of(wanted.value(subject), &cells);
                most = most.max(pieces.unwrap_or(0));
                pieces.is_some()
            });
        all && most > 1
    }

    /// Returns the value of a column after the migration, if it is new there, and holds what the column held before.
    fn new_cell(&self, wanted: &Wanted<'_, 'a>, subject: &RowWithLoss<'a>, place: usize) -> Option<&'a Cell> {
        let cell = wanted.changed_cell(subject, place)?;
        let was = wanted.origins[place].map(|at| &subject.before.cells[at]);
        was.is_none_or(|was| *was == Cell::Null || self.holds(cell, was)).then_some(cell)
    }

    /// Searches the rows of any table that a value of the rows links to them.
    fn has_linked(&self, wanted: &Wanted<'_, 'a>, is_telling: bool) -> bool {
        self.places().iter().any(|place| {
            let has_news = !place.new_columns.is_empty() || !place.new_rows().is_empty();
            (0..place.table.columns.len()).any(|link| {
                let links = wanted.links().filter(|(_, is_new)| has_news || *is_new);
                let mut links = links.filter(|(cell_of, _)| !wanted.is_itself((place.table, link), *cell_of));
                links.any(|(cell_of, is_new)| self.has_at(wanted, (place, link), cell_of, (is_new, is_telling)))
            })
        })
    }

    /// Searches a table that has a new row for each row with one of two values: a flag that became a table of its own.
    fn has_as_rows(&self, wanted: &Wanted<'_, 'a>) -> bool {
        let &[key] = wanted.table.0.key.as_slice() else { return false };
        let is_split = |place: &Place<'a>, link: usize| {
            let is_there = |subject: &&RowWithLoss<'a>| {
                let rows = place.rows_with(link, &as_key(&subject.before.cells[key]));
                rows.is_some_and(|rows| rows.iter().any(|row| place.new_rows().contains(row)))
            };
            let (with, without): (Vec<_>, Vec<_>) = wanted.subjects.iter().partition(is_there);
            let values = |subjects: Vec<&RowWithLoss<'a>>| -> SortedSet<String> {
                subjects.into_iter().map(|subject| as_key(wanted.value(subject))).collect()
            };
            let (with, without) = (values(with), values(without));
            with.len() == 1 && without.len() == 1 && with != without
        };
        let is_other = |place: &&Place<'a>| wanted.table.1.is_none_or(|own| own.name != place.table.name);
        key != wanted.at
            && self.places().iter().filter(is_other).any(|place| {
                !place.new_rows().is_empty() && (0..place.table.columns.len()).any(|link| is_split(place, link))
            })
    }

    /// Searches the new rows of any table for one that has the name of the column beside its value, where the table had but
    /// one row: settings that became pairs of a key and a value.
    fn has_as_named_row(&self, wanted: &Wanted<'_, 'a>) -> bool {
        let [subject] = wanted.subjects else { return false };
        let (value, connection) = (wanted.value(subject), self.migrated.connection);
        let is_it = |cell: &Cell| is_equivalent(value, cell, connection) || has_member(cell, value, connection);
        self.places().iter().any(|place| {
            let mut new = place.new_rows().iter().map(|row| &place.table.rows[*row]);
            new.any(|row| wanted.is_named_in(row) && row.cells.iter().any(is_it))
        })
    }

    /// Searches the rows of one table that one column links.
    fn has_at(
        &self,
        wanted: &Wanted<'_, 'a>,
        (place, link): (&Place<'a>, usize),
        cell_of: Link,
        (is_new, is_telling): (bool, bool),
    ) -> bool {
        let mut linked: Vec<(&RowWithLoss<'a>, &[usize])> = Vec::new();
        for subject in wanted.holders() {
            let Some(key) = wanted.linking(subject, cell_of).map(as_key).filter(|key| !key.is_empty()) else {
                return false;
            };
            match place.rows_with(link, &key) {
                // A reference refers to one row.
                Some(rows) if rows.len() == 1 || !is_new => linked.push((subject, rows)),
                None if wanted.is_long() && pieces_of(wanted.value(subject), &[]).is_some() => {}
                _ => return false,
            }
        }
        if !is_new && !self.has_room((place.table, link), wanted, cell_of) {
            return false;
        }
        // Pairs of a name and a value: the values of other names are others.
        let has_names = !is_new && place.new_rows().iter().any(|row| wanted.is_named_in(&place.table.rows[*row]));
        (0..place.table.columns.len()).filter(|&column| column != link).any(|column| {
            let is_known = (is_telling && !has_names) || place.table.columns[column] == *wanted.column;
            let is_fresh = |row: usize| {
                (is_new || place.new_columns.contains(&column) || place.new_rows().contains(&row))
                    && (is_known || wanted.is_named_in(&place.table.rows[row]))
            };
            let mut most = 0;
            let all = linked.iter().all(|(subject, rows)| {
                let value = wanted.value(subject);
                let cells: Vec<&Cell> = rows
                    .iter()
                    .filter(|&&row| is_fresh(row))
                    .map(|&row| &place.table.rows[row].cells[column])
                    .collect();
                if !wanted.is_cut && cells.iter().any(|cell| self.holds(cell, value)) {
                    return true;
                }
                let pieces = pieces_of(value, &cells).filter(|_| wanted.is_long());
                most = most.max(pieces.unwrap_or(0));
                pieces.is_some()
            });
            all && (!wanted.is_cut || most > 1)
        })
    }

    /// Returns true if the rows that a column links have room for the values of all rows. A table may hold one row for a
    /// key that several rows share.
    fn has_room(&self, (table, link): (&TableRows, usize), wanted: &Wanted<'_, 'a>, cell_of: Link) -> bool {
        let Link::Before(at) = cell_of else { return true };
        let (home, home_after) = wanted.table;
        let is_unique = |schema: &Schema, table: &TableRows, at: usize| {
            let column = &table.columns[at];
            let is_it = |terms: &[IndexedColumn]| matches!(terms, [term] if term.what.is_column(column));
            schema.table(&table.name).is_some_and(|table| unique_keys(table).any(|terms| is_it(terms)))
        };
        // A row of the own table would be the row itself.
        home_after.is_none_or(|home| home.name != table.name)
            && (is_unique(self.migrated.old, home, at) || !is_unique(self.migrated.new, table, link))
    }

    /// Returns true if a value is this one, or has it in it.
    pub(crate) fn holds(&self, cell: &Cell, value: &Cell) -> bool {
        if *cell == Cell::Null {
            return false;
        }
        let connection = self.migrated.connection;
        is_equivalent(value, cell, connection) || has_member(cell, value, connection) || has_part(cell, value)
    }
}

impl<'a> Place<'a> {
    fn of(table: &'a TableRows, before: &'a Contents) -> Place<'a> {
        let before = before.table(&table.name);
        let is_new = |column: &Name| before.is_none_or(|before| before.place_of(column).is_none());
        let new_columns = (0..table.columns.len()).filter(|&at| is_new(&table.columns[at])).collect();
        let rows = table.columns.iter().map(|_| OnceCell::new()).collect();
        Place { table, before, rows, new_columns, new_rows: OnceCell::new() }
    }

    /// Returns the rows that the table did not have.
    pub(crate) fn new_rows(&self) -> &SortedSet<usize> {
        self.new_rows.get_or_init(|| {
            let table = self.table;
            let Some(before) = self.before else { return (0..table.rows.len()).collect() };
            if std::ptr::eq(before, table) {
                return SortedSet::new();
            }
            let kept = (0..table.columns.len()).filter_map(|at| Some((before.place_of(&table.columns[at])?, at)));
            let kept: Vec<(usize, usize)> = kept.collect();
            let values = |row: &Row, at: &dyn Fn(&(usize, usize)) -> usize| -> Vec<String> {
                kept.iter().map(|column| as_key(&row.cells[at(column)])).collect()
            };
            let known: SortedSet<Vec<String>> = before.rows.iter().map(|row| values(row, &|column| column.0)).collect();
            let is_new = |&at: &usize| !known.contains(&values(&table.rows[at], &|column| column.1));
            (0..table.rows.len()).filter(is_new).collect()
        })
    }

    /// Returns the rows that have this value in a column.
    pub(crate) fn rows_with(&self, column: usize, value: &str) -> Option<&Vec<usize>> {
        let rows = self.table.rows.iter().enumerate();
        let by_value = || SortedMap::grouped(rows.map(|(at, row)| (as_key(&row.cells[column]), at)));
        self.rows[column].get_or_init(by_value).get(value)
    }

    /// Returns true if something in this row is new.
    pub(crate) fn is_fresh(&self, row: usize) -> bool {
        !self.new_columns.is_empty() || self.new_rows().contains(&row)
    }
}

/// A value of a row, before or after the migration, that may be a key of other rows.
#[derive(Clone, Copy)]
enum Link {
    Before(usize),
    After(usize),
}

impl<'s, 'a> Wanted<'s, 'a> {
    pub(crate) fn value(&self, subject: &RowWithLoss<'a>) -> &'a Cell {
        &subject.before.cells[self.at]
    }

    /// Returns true if a row has the name of the column as a value: `theme`, `app.theme`.
    fn is_named_in(&self, row: &Row) -> bool {
        let is_name = |cell: &Cell| {
            let Cell::Text(text) = cell else { return false };
            let last = text.rsplit(|byte| b".:/".contains(byte)).next().unwrap_or_default();
            self.column.as_bytes().eq_ignore_ascii_case(last)
        };
        row.cells.iter().any(is_name)
    }

    /// Returns the rows that have a value.
    pub(crate) fn holders(&self) -> impl Iterator<Item = &'s RowWithLoss<'a>> {
        self.subjects.iter().filter(|subject| *self.value(subject) != Cell::Null)
    }

    /// Returns true if some of the values are texts that are not found by chance.
    fn is_long(&self) -> bool {
        let is_long = |cell: &Cell| matches!(cell, Cell::Text(text) if text.len() > 3);
        self.subjects.iter().filter(|subject| is_long(self.value(subject))).count() > 1
    }

    /// Returns the value of a column after the migration, if it is another one than before.
    fn changed_cell(&self, subject: &RowWithLoss<'a>, place: usize) -> Option<&'a Cell> {
        let cell = &subject.after?.cells[place];
        let was = self.origins[place].map(|at| &subject.before.cells[at]);
        (was != Some(cell)).then_some(cell)
    }

    fn linking(&self, subject: &RowWithLoss<'a>, link: Link) -> Option<&'a Cell> {
        match link {
            Link::Before(at) => Some(&subject.before.cells[at]),
            Link::After(place) => Some(&subject.after?.cells[place]),
        }
    }

    /// Returns true if a column would link each row to itself.
    fn is_itself(&self, (table, link): (&TableRows, usize), cell_of: Link) -> bool {
        let is_own = self.table.1.is_some_and(|own| own.name == table.name);
        matches!(cell_of, Link::After(place) if is_own && place == link)
    }

    /// Returns the columns that may link other rows, and whether they are new.
    fn links(&self) -> impl Iterator<Item = (Link, bool)> {
        let columns = self.subjects.first().map_or(0, |subject| subject.before.cells.len());
        let before = (0..columns).filter(|&at| at != self.at).map(|at| (Link::Before(at), false));
        let is_new = |place: &usize| {
            self.origins[*place].is_none_or(|at| at == self.at)
                && self.holders().all(|subject| self.changed_cell(subject, *place).is_some())
        };
        before.chain((0..self.origins.len()).filter(is_new).map(|place| (Link::After(place), true)))
    }
}

/// Returns true if a JSON value has this value in it.
fn has_member(cell: &Cell, value: &Cell, connection: &Connection) -> bool {
    let is_compound = matches!(cell, Cell::Text(text) if matches!(text.first(), Some(b'{' | b'[')));
    if !is_compound || matches!(value, Cell::Blob(_)) {
        return false;
    }
    let values = [cell.value(), value.value()].map(ToSqlOutput::Borrowed);
    let sql = "SELECT EXISTS (SELECT 1 FROM json_tree(?1) WHERE atom IS ?2 OR (atom IS NULL AND value = ?2))";
    connection.query_row(sql, values, |row| row.get(0)).unwrap_or(false)
}

/// Returns true if a text has this text in it, and something else.
fn has_part(cell: &Cell, value: &Cell) -> bool {
    let (Cell::Text(cell), Cell::Text(value)) = (cell, value) else { return false };
    let (cell, value) = (String::from_utf8_lossy(cell), String::from_utf8_lossy(value));
    let value = value.trim();
    cell.len() > value.len() && cell.contains(value)
}

/// Returns in how many of these values the words of a text are, or nothing if some are nowhere.
fn pieces_of(value: &Cell, pieces: &[&Cell]) -> Option<usize> {
    let Cell::Text(value) = value else { return None };
    let mut left = String::from_utf8_lossy(value).into_owned();
    if is_instant(value) {
        // They join a date and a time, and say nothing.
        left = left.replace(['T', 'Z'], " ");
    }
    let text = |piece: &&'_ &Cell| match piece {
        Cell::Text(text) => String::from_utf8_lossy(text).trim().to_owned(),
        _ => String::new(),
    };
    let mut texts: Vec<String> = pieces.iter().map(|piece| text(&piece)).filter(|text| !text.is_empty()).collect();
    // A longer one may contain a shorter one.
    texts.order_by_key(|text| std::cmp::Reverse(text.len()));
    let mut count = 0;
    for text in texts {
        if let Some(at) = left.find(&text) {
            left.replace_range(at..at + text.len(), " ");
            count += 1;
        }
    }
    (!left.chars().any(char::is_alphanumeric)).then_some(count)
}

/// Returns true if a text begins with a date and a time, as in `2024-05-01T10:30`.
fn is_instant(text: &[u8]) -> bool {
    let form = b"0000-00-00T00:00";
    text.len() >= form.len()
        && form.iter().zip(text).all(|(of_form, byte)| match of_form {
            b'0' => byte.is_ascii_digit(),
            _ => byte == of_form,
        })
}
