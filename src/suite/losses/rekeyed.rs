//! Tables that get other keys together: a row is the same if it holds the same values and refers to the same rows.
//!
//! Each row has a digest of its values without its key, and of the digests of the rows that it refers to. Rows of a table
//! that keeps its keys have their keys as digests.

use std::cell::OnceCell;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::matching::{Matching, as_key, kept};
use super::migrated::Migrated;
use super::pairs::places_by_name;
use crate::check::Cell;
use crate::order::{SortedMap, SortedSet};
use crate::schema::references::parent_columns;
use crate::schema::{ForeignKey, Schema};
use crate::sql::Name;
use crate::suite::rows::{Row, TableRows};
use crate::suite::statements::Renames;

/// Rows refer to rows that refer to rows; beyond this depth they may be any.
const DEPTH: usize = 4;

/// The digests of the rows before a migration and after it.
pub(crate) struct Rekeyed<'a> {
    migrated: Migrated<'a>,
    tables: OnceCell<Vec<TableDigests<'a>>>,
}

/// A table before and after the migration.
struct TableDigests<'a> {
    rows: [&'a TableRows; 2],
    has_new_keys: bool,
    /// The columns whose values identify a row, by their places before and after.
    own: Vec<(usize, usize)>,
    links: Vec<Link>,
    digests: [Vec<u64>; 2],
}

/// A column that refers to rows, before and after the migration.
#[derive(Clone)]
struct Link {
    columns: [usize; 2],
    /// The place of the table that it refers to.
    parent: usize,
    parent_columns: [usize; 2],
}

impl<'a> Rekeyed<'a> {
    pub(crate) fn new(migrated: Migrated<'a>) -> Rekeyed<'a> {
        Rekeyed { migrated, tables: OnceCell::new() }
    }

    /// Matches the rows of a table by their digests. None if no key is another one.
    pub(crate) fn matching(&self, renames: &Renames, before: &TableRows, after: &TableRows) -> Option<Matching> {
        let table = self.table(renames, &before.name).filter(|table| table.rows[1].name == after.name)?;
        let [was, is] = &table.digests;
        let is_telling = !table.links.is_empty() || (table.has_new_keys && !table.own.is_empty());
        is_telling.then(|| Matching::by(before, after, |row| was[row], |row| is[row]))
    }

    /// Returns true if a value refers to a row of a table with new keys that is the same as this row before.
    pub(crate) fn is_same(&self, renames: &Renames, (parent, row): (&Name, usize), place: usize, value: &Cell) -> bool {
        let Some(TableDigests { rows, digests, has_new_keys: true, .. }) = self.table(renames, parent) else {
            return false;
        };
        let referred = rows[1].rows.iter().position(|row| as_key(&row.cells[place]) == as_key(value));
        referred.is_some_and(|at| digests[1][at] == digests[0][row])
    }

    /// Returns true if a row that has a reference in its key is there under another key, because the row to which it refers has
    /// become one with another.
    pub(crate) fn has_become_one(&self, renames: &Renames, table: &TableRows, row: usize) -> bool {
        let Some(of) = self.table(renames, &table.name) else { return false };
        let tables = self.tables.get_or_init(Vec::new);
        let is_merged = |link: &Link| tables[link.parent].has_new_keys && table.key.contains(&link.columns[0]);
        let is_link = |at: usize| of.links.iter().any(|link| link.columns[0] == at);
        let others: Vec<(usize, usize)> =
            (0..table.columns.len()).filter(|at| !is_link(*at)).filter_map(|at| Some((at, of.place_of(at)?))).collect();
        let is_it = |(later, digest): (&Row, &u64)| {
            let cells =
                |&(at, place): &(usize, usize)| as_key(&table.rows[row].cells[at]) == as_key(&later.cells[place]);
            *digest == of.digests[0][row] && others.iter().all(cells)
        };
        of.links.iter().any(is_merged) && of.rows[1].rows.iter().zip(&of.digests[1]).any(is_it)
    }

    fn table(&self, renames: &Renames, name: &Name) -> Option<&TableDigests<'a>> {
        let tables = self.tables.get_or_init(|| self.digested(renames));
        tables.iter().find(|table| table.rows[0].name == *name)
    }

    fn digested(&self, renames: &Renames) -> Vec<TableDigests<'a>> {
        let Migrated { before, after, .. } = self.migrated;
        let tables: Vec<&'a TableRows> = before.tables.iter().map(|table| &**table).collect();
        let twin = |table: &&'a TableRows| Some([*table, after.table(renames.successor(&table.name)?.name)?]);
        let twins: Vec<[&'a TableRows; 2]> = tables.iter().filter_map(twin).collect();
        let mut tables: Vec<TableDigests<'a>> =
            twins.iter().map(|twin| TableDigests::of(twin, self.links(renames, twin, &twins), renames)).collect();
        for _ in 0..DEPTH {
            let next: Vec<[Vec<u64>; 2]> =
                tables.iter().map(|table| [0, 1].map(|side| table.digests(side, &tables))).collect();
            for (table, digests) in tables.iter_mut().zip(next) {
                table.digests = digests;
            }
        }
        tables
    }

    /// Returns the references of a table to the others.
    fn links(&self, renames: &Renames, [before, after]: &[&TableRows; 2], twins: &[[&TableRows; 2]]) -> Vec<Link> {
        let Migrated { old, new, .. } = self.migrated;
        let keys = |schema: &'a Schema, table: &TableRows| -> Vec<&'a ForeignKey> {
            let keys = schema.table(&table.name).into_iter().flat_map(|table| &table.foreign_keys);
            keys.filter(|key| key.columns.len() == 1).collect()
        };
        let referred = |schema: &Schema, key: &ForeignKey, parent: &TableRows| {
            parent.place_of(parent_columns(key, schema.table(&parent.name)?).first()?)
        };
        let places = places_by_name(before, after, renames);
        let is_renamed =
            |key: &ForeignKey| after.place_of(&key.columns[0]).is_none_or(|place| !places.contains(&Some(place)));
        let link = |key: &ForeignKey| {
            let at = before.place_of(&key.columns[0])?;
            let parent = twins.iter().position(|[parent, _]| parent.name == key.parent)?;
            let [was, is] = twins[parent];
            let is_it = |later: &&&ForeignKey| {
                is.name == later.parent
                    && places[at].map_or_else(|| is_renamed(later), |place| after.columns[place] == later.columns[0])
            };
            let later = keys(new, after).iter().find(is_it).copied();
            let place = places[at].or_else(|| after.place_of(&later?.columns[0]))?;
            let referred_later =
                later.and_then(|later| referred(new, later, is)).or_else(|| is.key.first().copied())?;
            Some(Link { columns: [at, place], parent, parent_columns: [referred(old, key, was)?, referred_later] })
        };
        keys(old, before).into_iter().filter_map(link).collect()
    }
}

impl<'a> TableDigests<'a> {
    fn of(rows: &[&'a TableRows; 2], links: Vec<Link>, renames: &Renames) -> TableDigests<'a> {
        let [before, after] = rows;
        let places = places_by_name(before, after, renames);
        let is_link = |column: usize, side: usize| links.iter().any(|link| link.columns[side] == column);
        let has_new_keys = match (before.key.as_slice(), after.key.as_slice()) {
            (&[at], &[place]) if !is_link(at, 0) && !is_link(place, 1) => {
                let kept: SortedSet<String> = after.rows.iter().map(|row| as_key(&row.cells[place])).collect();
                before.rows.iter().any(|row| !kept.contains(&as_key(&row.cells[at])))
            }
            _ => false,
        };
        let is_by_key = !has_new_keys && !before.key.is_empty() && !before.key.iter().any(|&at| is_link(at, 0));
        let is_own = |&(at, place): &(usize, usize)| match is_by_key {
            true => before.key.contains(&at),
            false => {
                let is_key = has_new_keys && (before.key.contains(&at) || after.key.contains(&place));
                // A NULL may have been filled in.
                let nulls =
                    |rows: &TableRows, at: usize| rows.rows.iter().filter(|row| row.cells[at] == Cell::Null).count();
                let is_filled = [0, nulls(after, place)].contains(&nulls(before, at));
                !is_key && is_filled && !is_link(at, 0) && !is_link(place, 1)
            }
        };
        let own = kept(&places).filter(is_own).collect();
        let digests = rows.map(|rows| vec![0; rows.rows.len()]);
        TableDigests { rows: *rows, has_new_keys, own, links: if is_by_key { Vec::new() } else { links }, digests }
    }

    /// Returns where a column is afterwards, by its name.
    fn place_of(&self, at: usize) -> Option<usize> {
        self.rows[1].place_of(&self.rows[0].columns[at])
    }

    /// Returns the digests of the rows before (0) or after (1) the migration, with those of the rows that they refer to.
    fn digests(&self, side: usize, tables: &[TableDigests<'a>]) -> Vec<u64> {
        let place = |&(at, place): &(usize, usize)| [at, place][side];
        let parents: Vec<SortedMap<String, u64>> = self
            .links
            .iter()
            .map(|link| {
                let parent = &tables[link.parent];
                let keys = parent.rows[side].rows.iter().map(|row| as_key(&row.cells[link.parent_columns[side]]));
                keys.zip(parent.digests[side].iter().copied()).collect()
            })
            .collect();
        let digest = |row: &Row| {
            let mut hasher = DefaultHasher::new();
            self.own.iter().for_each(|column| as_key(&row.cells[place(column)]).hash(&mut hasher));
            for (link, parents) in self.links.iter().zip(&parents) {
                let value = as_key(&row.cells[link.columns[side]]);
                match parents.get(&value) {
                    Some(digest) => digest.hash(&mut hasher),
                    None => value.hash(&mut hasher),
                }
            }
            hasher.finish()
        };
        self.rows[side].rows.iter().map(digest).collect()
    }
}
