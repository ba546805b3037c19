//! States that differ only in the ids of their new rows.
//!
//! SQLite gives a new row the next rowid, so that the order of two INSERTs decides their ids, and nothing else. Two states are
//! the same if one of them, with other ids for the rows that are new, is the other. A column that refers to such rows changes
//! with them: one with a foreign key, or one that holds nothing but new ids of one table, also where SQLite chooses others.
//!
//! The rows are matched by color refinement: a row has the color of its own values, then of the rows that it refers to and of
//! those that refer to it.

use std::hash::{DefaultHasher, Hash, Hasher};

use rusqlite::types::ValueRef;

use super::footprint::Footprints;
use super::run::{Run, TaskOutcome};
use super::shifted_ids;
use crate::check::{Cell, ChangedRow, changes_between};
use crate::db::Address;
use crate::error::Result;
use crate::order::{Order as _, SortedMap, SortedSet};
use crate::schema::references::parent_columns;
use crate::schema::{Name, Schema, Table};

/// The ids of a schema, and the statements after which SQLite has chosen some.
pub(super) struct NewIds {
    /// A copy of the state before: the last connection that closes makes a checkpoint, and the next schedule would begin
    /// differently.
    base: Address,
    footprints: Footprints,
    /// The column of each table that is its rowid.
    columns: SortedMap<Name, Name>,
    /// The columns with a foreign key to such a column, and its table.
    references: SortedMap<(Name, Name), Name>,
    /// The rows that the tasks change one after another where new rows get other ids, or `None` if that cannot be known.
    shifted: Option<Option<Vec<NewRow>>>,
}

/// Runs the tasks one after another on another database.
pub(super) type RunOn<'a> = &'a dyn Fn(&Address) -> Result<Run>;

impl NewIds {
    pub(super) fn new(base: &Address) -> Result<NewIds> {
        let base = base.fork();
        let schema = Schema::read(&base.look()?)?;
        let rowid = |table: &Table| {
            let column = table.columns.iter().find(|column| table.is_rowid(&column.name))?;
            Some((table.name.clone(), column.name.clone()))
        };
        let columns: SortedMap<Name, Name> = schema.tables.iter().filter_map(rowid).collect();
        let mut references = SortedMap::new();
        for table in &schema.tables {
            for key in &table.foreign_keys {
                let Some(parent) = schema.table(&key.parent) else { continue };
                if let ([column], [of]) = (key.columns.as_slice(), parent_columns(key, parent).as_slice())
                    && columns.get(&parent.name).is_some_and(|id| *id == **of)
                {
                    references.insert((table.name.clone(), column.clone()), parent.name.clone());
                }
            }
        }
        Ok(NewIds { footprints: Footprints::new(&base)?, base, columns, references, shifted: None })
    }

    /// Returns true if two runs have the same state and these tasks the same results, but for the ids of new rows.
    pub(super) fn are_all_that_differs(
        &mut self,
        (one, other): (&Run, &Run),
        tasks: &[usize],
        run_on: RunOn<'_>,
    ) -> Result<bool> {
        let lines = one.schedule.lines.iter().chain(&other.schedule.lines);
        let tables: SortedSet<Name> =
            lines.flat_map(|line| self.footprints.of(&line.text).new_ids.clone()).map(Name::from).collect();
        if tables.is_empty() {
            return Ok(false);
        }
        let rows = |run: &Run| self.new_rows((&self.base, run), &tables);
        let (mut one_rows, mut other_rows) = (rows(one)?, rows(other)?);
        for guesses in [false, true] {
            let references = |rows: &[NewRow]| match guesses {
                true => self.guessed(rows),
                false => self.references.clone(),
            };
            let references = (references(&one_rows), references(&other_rows));
            if references.0 != references.1 {
                continue;
            }
            color(&mut one_rows, &references.0);
            color(&mut other_rows, &references.0);
            let same_rows = one_rows.iter().map(|row| row.color).eq(other_rows.iter().map(|row| row.color));
            if same_rows && tasks.iter().all(|task| same_result([one, other], [&one_rows, &other_rows], *task)) {
                return Ok(!guesses || self.are_references(&references.0, &tables, run_on)?);
            }
        }
        Ok(false)
    }

    /// Returns true if these columns refer to new rows also where those have other ids.
    fn are_references(
        &mut self,
        guessed: &SortedMap<(Name, Name), Name>,
        tables: &SortedSet<Name>,
        run_on: RunOn<'_>,
    ) -> Result<bool> {
        if self.shifted.is_none() {
            let base = shifted_ids::shifted(&self.base, tables)?;
            let run = run_on(&base)?;
            let is_whole = run.outcomes.iter().all(|outcome| matches!(outcome, Some(TaskOutcome::Returned(_))));
            self.shifted = Some(if is_whole { Some(self.new_rows((&base, &run), tables)?) } else { None });
        }
        let Some(Some(rows)) = &self.shifted else { return Ok(true) };
        let ids = ids_by_table(rows);
        let refers = |row: &NewRow, (column, cell): &(Name, Cell)| {
            let Some(parent) = guessed.get(&(row.table.clone(), column.clone())) else { return true };
            let id = if let Cell::Integer(id) = cell { Some(id) } else { None };
            self.references.contains_key(&(row.table.clone(), column.clone()))
                || ids.get(parent).zip(id).is_some_and(|(ids, id)| ids.contains_key(id))
        };
        Ok(rows.iter().all(|row| row.cells.iter().all(|cell| refers(row, cell))))
    }

    fn new_rows(&self, (base, run): (&Address, &Run), tables: &SortedSet<Name>) -> Result<Vec<NewRow>> {
        let changes = changes_between(&base.look()?, &run.database.look()?)?;
        let mut rows = Vec::new();
        for table in changes.iter() {
            let name = Name::from(table.name());
            let id_column = self.columns.get(&name).filter(|_| tables.contains(&name));
            for row in table.inserted() {
                let mut new = NewRow::of(&name, "+", row.iter());
                let id = id_column.and_then(|column| row.get(column));
                if let (Some(column), Some(ValueRef::Integer(id))) = (id_column, id) {
                    new.id = Some(id);
                    new.cells.retain(|(name, _)| name != column);
                }
                rows.push(new);
            }
            let deleted = table.deleted();
            rows.extend(deleted.iter().map(|row: &ChangedRow| NewRow::of(&name, "-", row.iter())));
            for update in table.updated() {
                let mut new = NewRow::of(&name, "~", update.changed().map(|(column, _, after)| (column, after)));
                new.key = update.before.key();
                rows.push(new);
            }
        }
        Ok(rows)
    }

    /// Returns the columns with a foreign key, and those that hold new ids of one table and nothing else.
    fn guessed(&self, rows: &[NewRow]) -> SortedMap<(Name, Name), Name> {
        let ids = ids_by_table(rows);
        let mut values: SortedMap<(Name, Name), SortedSet<Option<i64>>> = SortedMap::new();
        for (row, (column, cell)) in rows.iter().flat_map(|row| row.cells.iter().map(move |cell| (row, cell))) {
            let number = if let Cell::Integer(number) = cell { Some(*number) } else { None };
            values.get_or_default((row.table.clone(), column.clone())).insert(number);
        }
        let mut references = self.references.clone();
        for (column, values) in values {
            let holds = |ids: &SortedMap<i64, usize>| {
                values.iter().all(|value| value.is_some_and(|value| ids.contains_key(&value)))
            };
            let mut parents: Vec<_> = ids.iter().filter(|(_, ids)| holds(ids)).map(|(table, _)| *table).collect();
            let is_named =
                |table: &Name| column.1.to_ascii_lowercase().contains(table.to_ascii_lowercase().trim_end_matches('s'));
            parents.order_by_key(|table| !is_named(table));
            if let Some(parent) = parents.first() {
                references.get_or_insert_with(column, || (*parent).clone());
            }
        }
        references
    }
}

/// A row that a run has changed.
struct NewRow {
    table: Name,
    change: &'static str,
    /// The id that SQLite has given to it, if it is new. It is not among the cells.
    id: Option<i64>,
    /// The key of a row that was there before.
    key: Vec<Cell>,
    cells: Vec<(Name, Cell)>,
    color: u64,
}

impl NewRow {
    fn of<'v>(table: &Name, change: &'static str, cells: impl Iterator<Item = (&'v str, ValueRef<'v>)>) -> NewRow {
        let cells = cells.map(|(name, value)| (Name::from(name), Cell::of(value))).collect();
        NewRow { table: table.clone(), change, id: None, key: Vec::new(), cells, color: 0 }
    }
}

/// Returns the new ids of each table, with the places of their rows.
fn ids_by_table(rows: &[NewRow]) -> SortedMap<&Name, SortedMap<i64, usize>> {
    let mut ids: SortedMap<&Name, SortedMap<i64, usize>> = SortedMap::new();
    for (place, row) in rows.iter().enumerate() {
        if let Some(id) = row.id {
            ids.get_or_default(&row.table).insert(id, place);
        }
    }
    ids
}

/// The number of rounds in which a color spreads along the references.
const ROUNDS: usize = 4;

/// Gives equal colors to rows that differ only in their ids and in those that they refer to, and sorts the rows by color.
fn color(rows: &mut [NewRow], references: &SortedMap<(Name, Name), Name>) {
    let hash = |of: &dyn Fn(&mut DefaultHasher)| {
        let mut hasher = DefaultHasher::new();
        of(&mut hasher);
        hasher.finish()
    };
    let ids = ids_by_table(rows);
    // The row that each row refers to, by column.
    let mut edges: Vec<(usize, usize, usize)> = Vec::new();
    let mut colors: Vec<u64> = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        let mut own = vec![format!("{:?} {} {:?}", row.table, row.change, row.key)];
        for (at, (column, cell)) in row.cells.iter().enumerate() {
            let parent = references.get(&(row.table.clone(), column.clone())).and_then(|parent| ids.get(parent));
            let target = if let (Some(ids), Cell::Integer(id)) = (parent, cell) { ids.get(id) } else { None };
            match target {
                Some(target) => edges.push((place, at, *target)),
                None => own.push(format!("{column:?} {cell:?}")),
            }
        }
        colors.push(hash(&|hasher| own.hash(hasher)));
    }
    for _ in 0..ROUNDS {
        let mut seen: Vec<Vec<(usize, bool, u64)>> = vec![Vec::new(); colors.len()];
        for (from, at, to) in &edges {
            seen[*from].push((*at, true, colors[*to]));
            seen[*to].push((*at, false, colors[*from]));
        }
        for (color, seen) in colors.iter_mut().zip(&mut seen) {
            seen.order();
            *color = hash(&|hasher| (*color, &*seen).hash(hasher));
        }
    }
    rows.iter_mut().zip(colors).for_each(|(row, color)| row.color = color);
    rows.order_by_key(|row| (row.color, row.id));
}

/// Returns true if a task has the same result in both runs, with the ids of the rows that match.
fn same_result(runs: [&Run; 2], rows: [&[NewRow]; 2], task: usize) -> bool {
    let [one, other] = runs.map(|run| run.outcomes[task].as_ref());
    let (Some(TaskOutcome::Returned(one)), Some(TaskOutcome::Returned(other))) = (one, other) else {
        return one == other;
    };
    let parts = |text: &str| {
        let mut parts: Vec<String> = Vec::new();
        for c in text.chars() {
            match parts.last_mut() {
                Some(part) if part.ends_with(|end: char| end.is_ascii_digit()) == c.is_ascii_digit() => part.push(c),
                _ => parts.push(c.to_string()),
            }
        }
        parts
    };
    // A number that is a new id has to be that of the row that matches.
    let is_same = |one: &str, other: &str| {
        let ids = [one, other].map(|part| part.parse::<i64>().ok());
        let mut matches =
            rows[0].iter().zip(rows[1]).filter(|(row, _)| row.id.is_some() && row.id == ids[0]).peekable();
        match matches.peek() {
            Some(_) => matches.any(|(_, row)| row.id == ids[1]),
            None => one == other,
        }
    };
    let (one, other) = (parts(one), parts(other));
    one.len() == other.len() && one.iter().zip(&other).all(|(one, other)| is_same(one, other))
}
