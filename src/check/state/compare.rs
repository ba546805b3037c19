//! Two databases, row by row: what is in one of them only, and what is in both and not the same.
//!
//! Both sides of a table are read in the order of its key and merged, so that nothing but the differences is kept. The key
//! is put in order by bytes, whatever its collation: under NOCASE, which of `a` and `A` comes first is anybody's guess.
//! A table whose order costs a sort is first read as it lies, by its rowids. Rows that are the same under one rowid are
//! done with; where little is left, as between a database and its fork, it is put in order here, and nothing is sorted.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, Row};

use super::cell::{self, Cell};
use super::tables::{Reading, Table};
use crate::error::{Error, Result};

/// How many rows are put in order here before that is left to SQLite, which can use files for it.
const LEFT_OVER: usize = 4096;

type Rows = Vec<Vec<Cell>>;

/// How the rows of a table are laid out.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) columns: Vec<String>,
    /// The places of the columns by which rows are told apart; empty where all of them are needed.
    pub(super) key: Vec<usize>,
}

/// What became of a row on the way from one side to the other.
#[derive(Debug, Clone)]
pub(super) enum Fate {
    Deleted(Vec<Cell>),
    Inserted(Vec<Cell>),
    Updated(Vec<Cell>, Vec<Cell>),
}

/// How a table differs.
#[derive(Debug, Clone)]
pub(super) struct TableDiff {
    pub(super) name: String,
    pub(super) layout: Arc<Layout>,
    /// Whether the whole table is on one side only: this is the side on which it is.
    pub(super) only_on: Option<Side>,
    pub(super) lost_columns: Vec<String>,
    pub(super) new_columns: Vec<String>,
    pub(super) deleted: usize,
    pub(super) inserted: usize,
    pub(super) updated: usize,
    /// The first differences, in the order of the key: as many as were asked for.
    pub(super) fates: Vec<Fate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Before,
    After,
}

impl TableDiff {
    fn is_empty(&self) -> bool {
        self.only_on.is_none() && self.lost_columns.is_empty() && self.new_columns.is_empty() && self.rows() == 0
    }

    /// How many rows differ.
    pub(super) fn rows(&self) -> usize {
        self.deleted + self.inserted + self.updated
    }

    fn add(&mut self, fate: Fate, keep: usize) {
        match fate {
            Fate::Deleted(_) => self.deleted += 1,
            Fate::Inserted(_) => self.inserted += 1,
            Fate::Updated(..) => self.updated += 1,
        }
        if self.fates.len() < keep {
            self.fates.push(fate);
        }
    }
}

/// The tables that differ, in the order of their names, each with its first `keep` differences.
pub(super) fn databases(before: &Connection, after: &Connection, keep: usize) -> Result<Vec<TableDiff>> {
    let (before, after) = (Reading::begin(before)?, Reading::begin(after)?);
    let mut tables: BTreeMap<String, (Option<Table>, Option<Table>)> = BTreeMap::new();
    for table in before.tables()? {
        let name = table.name.to_ascii_lowercase();
        tables.entry(name).or_default().0 = Some(table);
    }
    for table in after.tables()? {
        let name = table.name.to_ascii_lowercase();
        tables.entry(name).or_default().1 = Some(table);
    }
    let mut found = Vec::new();
    for sides in tables.into_values() {
        let diff = match sides {
            (Some(one), Some(other)) => Pair::new(&before, one, &after, other).compare(keep)?,
            (Some(table), None) => whole_table(&before, table, Side::Before, keep)?,
            (None, Some(table)) => whole_table(&after, table, Side::After, keep)?,
            (None, None) => continue,
        };
        if !diff.is_empty() {
            found.push(diff);
        }
    }
    Ok(found)
}

fn whole_table(reading: &Reading<'_>, table: Table, side: Side, keep: usize) -> Result<TableDiff> {
    let columns: Vec<&str> = table.columns.iter().map(String::as_str).collect();
    let key = if table.key.is_empty() { columns.clone() } else { table.key_columns() };
    let select = reading.select(&table, &columns, &key);
    let refused = |error| reading.refused(format_args!("to read the table {}", table.name), error);
    let layout = Layout { columns: table.columns.clone(), key: table.key.clone() };
    let mut diff = TableDiff::of(table.name.clone(), layout);
    diff.only_on = Some(side);
    let mut statement = reading.connection.prepare(&select).map_err(refused)?;
    let mut rows = statement.query([]).map_err(refused)?;
    while let Some(row) = rows.next().map_err(refused)? {
        let cells = cells(row, 0..columns.len()).map_err(refused)?;
        diff.add(if side == Side::Before { Fate::Deleted(cells) } else { Fate::Inserted(cells) }, keep);
    }
    Ok(diff)
}

impl TableDiff {
    fn of(name: String, layout: Layout) -> TableDiff {
        TableDiff {
            name,
            layout: Arc::new(layout),
            only_on: None,
            lost_columns: Vec::new(),
            new_columns: Vec::new(),
            deleted: 0,
            inserted: 0,
            updated: 0,
            fates: Vec::new(),
        }
    }
}

/// A table that is on both sides.
struct Pair<'a> {
    before: (&'a Reading<'a>, Table),
    after: (&'a Reading<'a>, Table),
    /// The columns that are on both sides, by the names they have there.
    common: Vec<(String, String)>,
    /// The places, among those, of the key, and of everything by which the rows are put in order.
    key: Vec<usize>,
    order: Vec<usize>,
}

impl<'a> Pair<'a> {
    fn new(before: &'a Reading<'a>, one: Table, after: &'a Reading<'a>, other: Table) -> Pair<'a> {
        let twin = |name: &String| other.columns.iter().find(|other| other.eq_ignore_ascii_case(name)).cloned();
        let common: Vec<(String, String)> =
            one.columns.iter().filter_map(|name| Some((name.clone(), twin(name)?))).collect();
        let places = |table: &Table| -> Option<Vec<usize>> {
            let place = |name: &str| common.iter().position(|(common, _)| common.eq_ignore_ascii_case(name));
            let places: Vec<usize> = table.key_columns().into_iter().map(place).collect::<Option<_>>()?;
            if places.is_empty() { None } else { Some(places) }
        };
        let (of_one, of_other) = (places(&one), places(&other));
        let unique = of_one.is_some() && of_one == of_other && !one.key_may_be_null && !other.key_may_be_null;
        let key = of_one.or(of_other).unwrap_or_default();
        let mut order = key.clone();
        if !unique {
            // Rows that share a key are put in order by everything else, so that the same ones meet.
            order.extend((0..common.len()).filter(|place| !key.contains(place)));
        }
        Pair { before: (before, one), after: (after, other), common, key, order }
    }

    fn compare(&self, keep: usize) -> Result<TableDiff> {
        let columns = self.common.iter().map(|(name, _)| name.clone()).collect();
        let mut diff = TableDiff::of(self.before.1.name.clone(), Layout { columns, key: self.key.clone() });
        let missing = |name: &String, names: &[String]| !names.iter().any(|other| other.eq_ignore_ascii_case(name));
        let (one, other) = (&self.before.1.columns, &self.after.1.columns);
        diff.lost_columns = one.iter().filter(|name| missing(name, other)).cloned().collect();
        diff.new_columns = other.iter().filter(|name| missing(name, one)).cloned().collect();
        if self.common.is_empty() {
            return Ok(diff);
        }
        let sorted = self.before.1.scans_in_order && self.after.1.scans_in_order && self.order == self.key;
        let left_over = if sorted { None } else { self.as_it_lies()? };
        let mut found = |fate| diff.add(fate, keep);
        match left_over {
            Some((before, after)) => self.settle(before, after, &mut found),
            None => self.merge(&mut found)?,
        }
        Ok(diff)
    }

    /// The SELECTs of both sides, by the columns at the places of `order`.
    fn selects(&self, order: &[usize]) -> (String, String) {
        let (one, other): (Vec<&str>, Vec<&str>) = self.common.iter().map(|(one, other)| (&**one, &**other)).unzip();
        let by = |columns: &[&'_ str], (reading, table): &(&Reading<'_>, Table)| {
            let order: Vec<&str> = order.iter().map(|&at| columns[at]).collect();
            reading.select(table, columns, &order)
        };
        (by(&one, &self.before), by(&other, &self.after))
    }

    /// The SELECTs of both sides with the rowid in front, and in its order.
    fn selects_by_rowid(&self) -> (String, String) {
        let (one, other): (Vec<&str>, Vec<&str>) = self.common.iter().map(|(one, other)| (&**one, &**other)).unzip();
        (self.before.0.select_by_rowid(&self.before.1, &one), self.after.0.select_by_rowid(&self.after.1, &other))
    }

    fn refused(&self, side: Side) -> impl Fn(rusqlite::Error) -> Error + Copy {
        let (reading, table) = if side == Side::Before { &self.before } else { &self.after };
        move |error| reading.refused(format_args!("to read the table {}", table.name), error)
    }

    /// What is not the same on both sides under the same rowid; `None` if that is much, or there are no rowids and anything
    /// differs at all.
    fn as_it_lies(&self) -> Result<Option<(Rows, Rows)>> {
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
                (Some(row), Some(twin)) if same_rows(row, twin, width).map_err(refused_before)? => {
                    one = before.next().map_err(refused_before)?;
                    other = after.next().map_err(refused_after)?;
                    continue;
                }
                _ if !by_rowid || left_over.0.len() + left_over.1.len() > LEFT_OVER => return Ok(None),
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

    /// Tells what became of rows that are all in memory.
    fn settle(&self, mut before: Rows, mut after: Rows, found: &mut dyn FnMut(Fate)) {
        let places: Vec<usize> = if self.key.is_empty() { (0..self.common.len()).collect() } else { self.key.clone() };
        let by_key = |one: &Vec<Cell>, other: &Vec<Cell>| {
            let orders = places.iter().map(|&at| cell::order(one[at].value(), other[at].value()));
            orders.fold(Ordering::Equal, Ordering::then)
        };
        before.sort_by(by_key);
        after.sort_by(by_key);
        let (mut before, mut after) = (before.into_iter().peekable(), after.into_iter().peekable());
        while let Some(first) =
            [before.peek(), after.peek()].into_iter().flatten().min_by(|one, other| by_key(one, other))
        {
            let first = first.clone();
            let mut group = Group { key: &self.key, before: Vec::new(), after: Vec::new() };
            while let Some(row) = before.next_if(|row| by_key(row, &first).is_eq()) {
                group.before.push(row);
            }
            while let Some(row) = after.next_if(|row| by_key(row, &first).is_eq()) {
                group.after.push(row);
            }
            group.close(found);
        }
    }

    fn merge(&self, found: &mut dyn FnMut(Fate)) -> Result<()> {
        let (refused_before, refused_after) = (self.refused(Side::Before), self.refused(Side::After));
        let (one, other) = self.selects(&self.order);
        let mut before = self.before.0.connection.prepare(&one).map_err(refused_before)?;
        let mut after = self.after.0.connection.prepare(&other).map_err(refused_after)?;
        let mut before = before.query([]).map_err(refused_before)?;
        let mut after = after.query([]).map_err(refused_after)?;
        let width = self.common.len();
        let mut one = before.next().map_err(refused_before)?;
        let mut other = after.next().map_err(refused_after)?;
        let mut group = Group { key: &self.key, before: Vec::new(), after: Vec::new() };
        loop {
            let order = match (one, other) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(one), Some(other)) if same_rows(one, other, width).map_err(refused_before)? => {
                    group.close_before(one, found).map_err(refused_before)?;
                    // Two of the same take each other away, whatever else has their key.
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

/// The rows of one key that did not meet their like on the other side. Usually there is one at most on each side.
struct Group<'a> {
    key: &'a [usize],
    before: Vec<Vec<Cell>>,
    after: Vec<Vec<Cell>>,
}

impl Group<'_> {
    /// Closes the group if `row` has another key. Without a key, every row is a group of its own.
    fn close_before(&mut self, row: &Row<'_>, found: &mut dyn FnMut(Fate)) -> rusqlite::Result<()> {
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

    fn close(&mut self, found: &mut dyn FnMut(Fate)) {
        if self.before.is_empty() && self.after.is_empty() {
            return;
        }
        self.before.sort();
        self.after.sort();
        let (mut deleted, mut inserted) = (Vec::new(), Vec::new());
        let (mut before, mut after) = (self.before.drain(..).peekable(), self.after.drain(..).peekable());
        // What differs only in what SQLite takes for equal has met here out of order.
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
        // A key that several rows share does not say which became which.
        if !self.key.is_empty() && deleted.len() == 1 && inserted.len() == 1 {
            deleted.drain(..).zip(inserted.drain(..)).for_each(|(one, other)| found(Fate::Updated(one, other)));
        }
        deleted.into_iter().for_each(|row| found(Fate::Deleted(row)));
        inserted.into_iter().for_each(|row| found(Fate::Inserted(row)));
    }
}

fn cells(row: &Row<'_>, places: std::ops::Range<usize>) -> rusqlite::Result<Vec<Cell>> {
    places.map(|at| row.get_ref(at).map(Cell::of)).collect()
}

fn same_rows(one: &Row<'_>, other: &Row<'_>, width: usize) -> rusqlite::Result<bool> {
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
