//! Compares two databases row by row.
//!
//! Both sides of a table are read in the order of its key and merged, so that only the differences are kept in memory. The
//! key is ordered by bytes, whatever its collation: under NOCASE, the order of `a` and `A` is undefined. A table whose order
//! costs a sort is first read in the order of its rowids. Rows that are the same under one rowid are done. If few are left,
//! as between a database and its fork, they are sorted here, and SQLite sorts nothing.

use std::cmp::Ordering;

use rusqlite::Row;

use super::cell::{self, Cell};
use super::diff::{Layout, RowChange, Side, TableDiff};
use super::tables::{Snapshot, Table, TableSet, tables};
use crate::error::{Error, Result};
use crate::order::{Order as _, SortedMap};
use crate::sql::{Name, same_name};

/// The number of rows that are sorted in memory. SQLite sorts more than that, and can use files.
const MAX_SORTED_HERE: usize = 4096;

type Rows = Vec<Vec<Cell>>;

/// Returns the tables of a set that differ, in the order of their names, each with its first `keep` differences.
pub(crate) fn compare(
    before: &Snapshot<'_>,
    after: &Snapshot<'_>,
    set: TableSet,
    keep: usize,
) -> Result<Vec<TableDiff>> {
    let mut sides: SortedMap<Name, (Option<Table>, Option<Table>)> = SortedMap::new();
    for table in tables(before, set)? {
        let name = Name::from(&table.name);
        sides.get_or_default(name).0 = Some(table);
    }
    for table in tables(after, set)? {
        let name = Name::from(&table.name);
        sides.get_or_default(name).1 = Some(table);
    }
    let mut found = Vec::new();
    for sides in sides.into_values() {
        let diff = match sides {
            (Some(one), Some(other)) => TablePair::new((before, one), (after, other)).compare(keep)?,
            (Some(table), None) => whole_table(before, &table, Side::Before, keep)?,
            (None, Some(table)) => whole_table(after, &table, Side::After, keep)?,
            (None, None) => continue,
        };
        if !diff.is_empty() {
            found.push(diff);
        }
    }
    Ok(found)
}

fn whole_table(snapshot: &Snapshot<'_>, table: &Table, side: Side, keep: usize) -> Result<TableDiff> {
    let columns: Vec<&str> = table.columns.iter().map(String::as_str).collect();
    let key = if table.key.is_empty() { columns.clone() } else { table.key_columns() };
    let refused = |error| table.refused(snapshot, error);
    let layout = Layout { columns: table.columns.clone(), key: table.key.clone() };
    let mut diff = TableDiff::new(table.name.clone(), layout);
    diff.only_on = Some(side);
    let mut statement = snapshot.connection.prepare(&table.select(snapshot, &columns, &key)).map_err(refused)?;
    let mut rows = statement.query([]).map_err(refused)?;
    while let Some(row) = rows.next().map_err(refused)? {
        let cells = cells(row, 0..columns.len()).map_err(refused)?;
        diff.add(if side == Side::Before { RowChange::Deleted(cells) } else { RowChange::Inserted(cells) }, keep);
    }
    Ok(diff)
}

/// A table that exists on both sides.
struct TablePair<'a> {
    before: (&'a Snapshot<'a>, Table),
    after: (&'a Snapshot<'a>, Table),
    /// The columns that exist on both sides, by their names there.
    common: Vec<(String, String)>,
    /// The positions of the key among the common columns.
    key: Vec<usize>,
    /// The positions of all columns by which the rows are ordered.
    order: Vec<usize>,
}

impl<'a> TablePair<'a> {
    fn new(before: (&'a Snapshot<'a>, Table), after: (&'a Snapshot<'a>, Table)) -> TablePair<'a> {
        let (one, other) = (&before.1, &after.1);
        let twin = |name: &String| other.columns.iter().find(|other| same_name(other, name)).cloned();
        let common: Vec<(String, String)> =
            one.columns.iter().filter_map(|name| Some((name.clone(), twin(name)?))).collect();
        let places = |table: &Table| -> Option<Vec<usize>> {
            let place = |name: &str| common.iter().position(|(common, _)| same_name(common, name));
            let places: Vec<usize> = table.key_columns().into_iter().map(place).collect::<Option<_>>()?;
            if places.is_empty() { None } else { Some(places) }
        };
        let (key_before, key_after) = (places(one), places(other));
        let is_unique =
            key_before.is_some() && key_before == key_after && !one.key_may_be_null && !other.key_may_be_null;
        let key = key_before.or(key_after).unwrap_or_default();
        let mut order = key.clone();
        if !is_unique {
            // Rows that share a key are ordered by everything else, so that identical ones line up.
            order.extend((0..common.len()).filter(|place| !key.contains(place)));
        }
        TablePair { before, after, common, key, order }
    }

    fn compare(&self, keep: usize) -> Result<TableDiff> {
        let columns = self.common.iter().map(|(name, _)| name.clone()).collect();
        let mut diff = TableDiff::new(self.before.1.name.clone(), Layout { columns, key: self.key.clone() });
        let is_missing = |name: &String, names: &[String]| !names.iter().any(|other| same_name(other, name));
        let (one, other) = (&self.before.1.columns, &self.after.1.columns);
        diff.lost_columns = one.iter().filter(|name| is_missing(name, other)).cloned().collect();
        diff.new_columns = other.iter().filter(|name| is_missing(name, one)).cloned().collect();
        if self.common.is_empty() {
            return Ok(diff);
        }
        let is_sorted = self.before.1.scans_in_order && self.after.1.scans_in_order && self.order == self.key;
        let left_over = if is_sorted { None } else { self.compare_by_rowid()? };
        let mut found = |change| diff.add(change, keep);
        match left_over {
            Some((before, after)) => self.match_in_memory(before, after, &mut found),
            None => self.merge(&mut found)?,
        }
        Ok(diff)
    }

    /// Returns the SELECTs of both sides, ordered by the columns at the positions of `order`.
    fn selects(&self, order: &[usize]) -> (String, String) {
        let (one, other): (Vec<&str>, Vec<&str>) = self.common.iter().map(|(one, other)| (&**one, &**other)).unzip();
        let by = |columns: &[&'_ str], (snapshot, table): &(&Snapshot<'_>, Table)| {
            let order: Vec<&str> = order.iter().map(|&at| columns[at]).collect();
            table.select(snapshot, columns, &order)
        };
        (by(&one, &self.before), by(&other, &self.after))
    }

    /// Returns the SELECTs of both sides with the rowid first, and in its order.
    fn selects_by_rowid(&self) -> (String, String) {
        let (one, other): (Vec<&str>, Vec<&str>) = self.common.iter().map(|(one, other)| (&**one, &**other)).unzip();
        (self.before.1.select_by_rowid(&one), self.after.1.select_by_rowid(&other))
    }

    fn refused(&self, side: Side) -> impl Fn(rusqlite::Error) -> Error + Copy {
        let (snapshot, table) = if side == Side::Before { &self.before } else { &self.after };
        move |error| table.refused(snapshot, error)
    }

    /// Returns the rows that differ under the same rowid. Returns `None` if there are many, or if there are no rowids and
    /// anything differs at all.
    fn compare_by_rowid(&self) -> Result<Option<(Rows, Rows)>> {
        let (refused_before, refused_after) = (self.refused(Side::Before), self.refused(Side::After));
        let by_rowid = self.before.1.rowid.is_some() && self.after.1.rowid.is_some();
        let (one, other) = if by_rowid { self.selects_by_rowid() } else { self.selects(&[]) };
        let mut before = self.before.0.connection.prepare(&one).map_err(refused_before)?;
        let mut after = self.after.0.connection.prepare(&other).map_err(refused_after)?;
        let mut before = before.query([]).map_err(refused_before)?;
        let mut after = after.query([]).map_err(refused_after)?;
        let mut one = before.next().map_err(refused_before)?;
        let mut other = after.next().map_err(refused_after)?;
        let width = self.common.len() + usize::from(by_rowid);
        let mut left_over = (Rows::new(), Rows::new());
        loop {
            let order = match (one, other) {
                (None, None) => return Ok(Some(left_over)),
                (Some(row), Some(twin)) if is_same_row(row, twin, width).map_err(refused_before)? => {
                    one = before.next().map_err(refused_before)?;
                    other = after.next().map_err(refused_after)?;
                    continue;
                }
                _ if !by_rowid || left_over.0.len() + left_over.1.len() > MAX_SORTED_HERE => return Ok(None),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(row), Some(twin)) => order_of(row, twin, &[0]).map_err(refused_before)?,
            };
            if let (Some(row), true) = (one, order.is_le()) {
                left_over.0.push(cells(row, 1..width).map_err(refused_before)?);
                one = before.next().map_err(refused_before)?;
            }
            if let (Some(row), true) = (other, order.is_ge()) {
                left_over.1.push(cells(row, 1..width).map_err(refused_after)?);
                other = after.next().map_err(refused_after)?;
            }
        }
    }

    /// Matches rows that are all in memory.
    fn match_in_memory(&self, mut before: Rows, mut after: Rows, found: &mut dyn FnMut(RowChange)) {
        let places: Vec<usize> = if self.key.is_empty() { (0..self.common.len()).collect() } else { self.key.clone() };
        let by_key = |one: &Vec<Cell>, other: &Vec<Cell>| {
            let orders = places.iter().map(|&at| cell::order(one[at].value(), other[at].value()));
            orders.fold(Ordering::Equal, Ordering::then)
        };
        before.order_by(by_key);
        after.order_by(by_key);
        let (mut before, mut after) = (before.into_iter().peekable(), after.into_iter().peekable());
        while let Some(first) =
            [before.peek(), after.peek()].into_iter().flatten().min_by(|one, other| by_key(one, other))
        {
            let first = first.clone();
            let mut group = Group::new(&self.key);
            while let Some(row) = before.next_if(|row| by_key(row, &first).is_eq()) {
                group.before.push(row);
            }
            while let Some(row) = after.next_if(|row| by_key(row, &first).is_eq()) {
                group.after.push(row);
            }
            group.close(found);
        }
    }

    /// Reads both sides in the same order, and matches rows on the way.
    fn merge(&self, found: &mut dyn FnMut(RowChange)) -> Result<()> {
        let (refused_before, refused_after) = (self.refused(Side::Before), self.refused(Side::After));
        let (one, other) = self.selects(&self.order);
        let mut before = self.before.0.connection.prepare(&one).map_err(refused_before)?;
        let mut after = self.after.0.connection.prepare(&other).map_err(refused_after)?;
        let mut before = before.query([]).map_err(refused_before)?;
        let mut after = after.query([]).map_err(refused_after)?;
        let width = self.common.len();
        let mut one = before.next().map_err(refused_before)?;
        let mut other = after.next().map_err(refused_after)?;
        let mut group = Group::new(&self.key);
        loop {
            let order = match (one, other) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(one), Some(other)) if is_same_row(one, other, width).map_err(refused_before)? => {
                    group.close_before(one, found).map_err(refused_before)?;
                    // Identical rows cancel out, whatever other rows share their key.
                    Ordering::Equal
                }
                (Some(one), Some(other)) => {
                    let order = order_of(one, other, &self.order).map_err(refused_before)?;
                    group.close_before(if order.is_gt() { other } else { one }, found).map_err(refused_before)?;
                    if order.is_eq() {
                        group.before.push(cells(one, 0..width).map_err(refused_before)?);
                        group.after.push(cells(other, 0..width).map_err(refused_after)?);
                    }
                    order
                }
            };
            if let (Some(row), Ordering::Less) = (one, order) {
                group.close_before(row, found).map_err(refused_before)?;
                group.before.push(cells(row, 0..width).map_err(refused_before)?);
            }
            if let (Some(row), Ordering::Greater) = (other, order) {
                group.close_before(row, found).map_err(refused_after)?;
                group.after.push(cells(row, 0..width).map_err(refused_after)?);
            }
            if order.is_le() {
                one = before.next().map_err(refused_before)?;
            }
            if order.is_ge() {
                other = after.next().map_err(refused_after)?;
            }
        }
        group.close(found);
        Ok(())
    }
}

/// The rows of one key without an identical row on the other side. Usually there is at most one on each side.
struct Group<'a> {
    key: &'a [usize],
    before: Rows,
    after: Rows,
}

impl<'a> Group<'a> {
    fn new(key: &'a [usize]) -> Group<'a> {
        Group { key, before: Rows::new(), after: Rows::new() }
    }

    /// Closes the group if `row` has another key. Without a key, every row is a group of its own.
    fn close_before(&mut self, row: &Row<'_>, found: &mut dyn FnMut(RowChange)) -> rusqlite::Result<()> {
        let Some(member) = self.before.first().or(self.after.first()) else { return Ok(()) };
        let width = if self.key.is_empty() { member.len() } else { self.key.len() };
        for place in 0..width {
            let at = self.key.get(place).copied().unwrap_or(place);
            if cell::order(member[at].value(), row.get_ref(at)?).is_ne() {
                self.close(found);
                break;
            }
        }
        Ok(())
    }

    fn close(&mut self, found: &mut dyn FnMut(RowChange)) {
        if self.before.is_empty() && self.after.is_empty() {
            return;
        }
        self.before.order();
        self.after.order();
        let (mut deleted, mut inserted) = (Vec::new(), Vec::new());
        let (mut before, mut after) = (self.before.drain(..).peekable(), self.after.drain(..).peekable());
        // Rows that differ only in values that SQLite treats as equal may have arrived in any order.
        loop {
            let order = match (before.peek(), after.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(one), Some(other)) => one.cmp(other),
            };
            if order.is_le() {
                deleted.extend(before.next().filter(|_| order.is_ne()));
            }
            if order.is_ge() {
                inserted.extend(after.next().filter(|_| order.is_ne()));
            }
        }
        // If several rows share a key, it does not tell which one became which.
        if !self.key.is_empty() && deleted.len() == 1 && inserted.len() == 1 {
            deleted.drain(..).zip(inserted.drain(..)).for_each(|(one, other)| found(RowChange::Updated(one, other)));
        }
        deleted.into_iter().for_each(|row| found(RowChange::Deleted(row)));
        inserted.into_iter().for_each(|row| found(RowChange::Inserted(row)));
    }
}

fn cells(row: &Row<'_>, places: std::ops::Range<usize>) -> rusqlite::Result<Vec<Cell>> {
    places.map(|at| row.get_ref(at).map(Cell::of)).collect()
}

fn is_same_row(one: &Row<'_>, other: &Row<'_>, width: usize) -> rusqlite::Result<bool> {
    for at in 0..width {
        if !cell::same(one.get_ref(at)?, other.get_ref(at)?) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn order_of(one: &Row<'_>, other: &Row<'_>, places: &[usize]) -> rusqlite::Result<Ordering> {
    for &at in places {
        let order = cell::order(one.get_ref(at)?, other.get_ref(at)?);
        if order.is_ne() {
            return Ok(order);
        }
    }
    Ok(Ordering::Equal)
}
