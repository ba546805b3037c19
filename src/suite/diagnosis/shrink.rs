//! The smallest data that shows a failure, as INSERTs that can be pasted.

use std::cell::Cell;

use rusqlite::Connection;

use crate::db::{Image, Scratch, Workshop};
use crate::error::{Error, Result};
use crate::schema::{Column, Schema, Table, TableKind};
use crate::sql::{Name, insert_values, plain_name, quote_identifier};
use crate::suite::rows::{count, key_of_rows, literal, printable, self_references};

/// The work that the shrinking of all findings of a test may take, in rows and tables that are read. A failure is a reason to
/// spend time, but not all of it.
const WORK: u64 = 150_000;
/// The work of an attempt on a database without tables.
const ATTEMPT: u64 = 20;
/// Values of more characters than this are cut, if the rest still shows the failure.
const LONG: usize = 40;

/// The work that is left for the findings of a test.
pub(crate) struct ShrinkBudget {
    left: Cell<u64>,
}

impl ShrinkBudget {
    pub(crate) fn new() -> ShrinkBudget {
        ShrinkBudget { left: Cell::new(WORK) }
    }

    /// Returns the work that one finding may take: a part, so that the others get some too.
    fn of_one(&self) -> u64 {
        self.left.get() / 4
    }
}

/// A failure that some rows show.
pub(crate) struct Shrinkable<'a> {
    pub(crate) workshop: Workshop,
    pub(crate) image: &'a Image,
    pub(crate) schema: &'a Schema,
    /// The table that it is about.
    pub(crate) table: &'a str,
}

/// The rows that are left.
pub(crate) struct SmallestData {
    pub(crate) inserts: String,
    pub(crate) image: Image,
}

impl Shrinkable<'_> {
    /// Takes rows and values away, and makes values plain, as long as `fails` holds, and returns what is left as INSERTs.
    pub(crate) fn smallest_data(
        &self,
        budget: &ShrinkBudget,
        fails: &mut dyn FnMut(Scratch) -> bool,
    ) -> Result<String> {
        self.smallest(budget, fails).map(|smallest| smallest.inserts)
    }

    /// Like `smallest_data`, with the database.
    pub(crate) fn smallest(
        &self,
        budget: &ShrinkBudget,
        fails: &mut dyn FnMut(Scratch) -> bool,
    ) -> Result<SmallestData> {
        let database = self.workshop.over(self.image.clone())?;
        let schema = self.schema;
        let enforces = number(&database, "PRAGMA foreign_keys") != 0;
        // Foreign keys are off, so that a row can go before the rows that refer to it. What is left has to be as valid as
        // before.
        database.execute_batch("PRAGMA foreign_keys = OFF").map_err(refused)?;
        let dangling = dangling(&database);
        let work = budget.of_one();
        let mut shrinker = Shrinker { database, schema, enforces, dangling, work, weight: 0, fails };
        shrinker.weigh();
        // Children first: a row that others refer to cannot go before them.
        let tables: Vec<&Table> = parents_first(schema).into_iter().rev().collect();
        let (own, others): (Vec<&Table>, Vec<&Table>) = tables.iter().partition(|table| table.name == *self.table);
        shrinker.empty(&others)?;
        shrinker.empty(&own)?;
        shrinker.weigh();
        for table in &tables {
            shrinker.delete_rows(table)?;
        }
        shrinker.weigh();
        for table in &tables {
            shrinker.simplify_values(table)?;
        }
        budget.left.set(budget.left.get() - (work - shrinker.work));
        let inserts = inserts(&shrinker.database, schema).map_err(|error| Error::sqlite("read the rows", error))?;
        Ok(SmallestData { inserts, image: shrinker.database.current_image()? })
    }
}

struct Shrinker<'a> {
    database: Scratch,
    schema: &'a Schema,
    /// True if the app's connections enforce foreign keys.
    enforces: bool,
    /// The number of references that dangle from the start.
    dangling: i64,
    /// The work that is left, and that of one attempt.
    work: u64,
    weight: u64,
    fails: &'a mut dyn FnMut(Scratch) -> bool,
}

impl Shrinker<'_> {
    /// Estimates the work of an attempt.
    fn weigh(&mut self) {
        let rows: i64 = self.schema.tables.iter().filter_map(|table| count(&self.database, table)).sum();
        self.weight = ATTEMPT + self.schema.tables.len() as u64 + rows.unsigned_abs();
    }

    /// Deletes all rows of these tables, or of as many as possible.
    fn empty(&mut self, tables: &[&Table]) -> Result<()> {
        let filled: Vec<&Table> = tables.iter().copied().filter(|table| self.rows(table) > 0).collect();
        let sql: Vec<String> =
            filled.iter().map(|table| format!("DELETE FROM {}", quote_identifier(&table.name))).collect();
        if !filled.is_empty() && !self.attempt(&sql.join("; "))? && filled.len() > 1 {
            let (first, second) = filled.split_at(filled.len() / 2);
            self.empty(first)?;
            self.empty(second)?;
        }
        Ok(())
    }

    fn delete_rows(&mut self, table: &Table) -> Result<()> {
        let rows = self.rows(table);
        // Most failures need one row.
        if rows > 1 && !self.delete_range(table, 0, rows - 1)? {
            let deleted = self.delete_part(table, 0, rows / 2)?;
            self.delete_part(table, rows / 2 - deleted, rows - deleted)?;
        }
        Ok(())
    }

    /// Deletes the rows at these places, or as many of them as possible. Returns how many.
    fn delete_part(&mut self, table: &Table, start: usize, end: usize) -> Result<usize> {
        if start == end || self.delete_range(table, start, end)? {
            return Ok(end - start);
        }
        if end - start == 1 {
            return Ok(0);
        }
        let middle = start.midpoint(end);
        let deleted = self.delete_part(table, start, middle)?;
        Ok(deleted + self.delete_part(table, middle - deleted, end - deleted)?)
    }

    fn delete_range(&mut self, table: &Table, start: usize, end: usize) -> Result<bool> {
        let (name, key, limit) = (quote_identifier(&table.name), key_of_rows(table), end - start);
        self.attempt(&format!(
            "DELETE FROM {name} WHERE ({key}) IN (SELECT {key} FROM {name} ORDER BY {key} LIMIT {limit} OFFSET {start})"
        ))
    }

    fn simplify_values(&mut self, table: &Table) -> Result<()> {
        if self.rows(table) == 0 {
            return Ok(());
        }
        let name = quote_identifier(&table.name);
        let has = |shrinker: &Self, condition: &str| {
            number(&shrinker.database, &format!("SELECT EXISTS (SELECT 1 FROM {name} WHERE {condition})")) > 0
        };
        let stored = table.columns.iter().filter(|column| column.generated.is_none() && !column.hidden);
        let columns: Vec<String> = stored.clone().map(|column| quote_identifier(&column.name)).collect();
        let nullable = stored.filter(|column| !column.not_null).map(|column| quote_identifier(&column.name));
        let filled: Vec<String> = nullable.filter(|column| has(self, &format!("{column} IS NOT NULL"))).collect();
        self.set_null(&name, &filled)?;
        for column in &columns {
            if has(self, &format!("length({column}) > {LONG}")) {
                self.attempt(&format!("UPDATE {name} SET {column} = substr({column}, 1, {LONG})"))?;
            }
            // A word is read at once, where control characters and other scripts seem to be the cause.
            let is_odd = format!("typeof({column}) = 'text' AND {column} GLOB '*[^ -~]*'");
            if has(self, &is_odd) {
                self.attempt(&format!("UPDATE {name} SET {column} = 'word' WHERE {is_odd}"))?;
            }
        }
        Ok(())
    }

    /// Sets these columns to NULL, or as many as possible.
    fn set_null(&mut self, table: &str, columns: &[String]) -> Result<()> {
        let sets: Vec<String> = columns.iter().map(|column| format!("{column} = NULL")).collect();
        if !columns.is_empty()
            && !self.attempt(&format!("UPDATE {table} SET {}", sets.join(", ")))?
            && columns.len() > 1
        {
            let (first, second) = columns.split_at(columns.len() / 2);
            self.set_null(table, first)?;
            self.set_null(table, second)?;
        }
        Ok(())
    }

    fn rows(&self, table: &Table) -> usize {
        count(&self.database, table).and_then(|rows| usize::try_from(rows).ok()).unwrap_or(0)
    }

    /// Runs the statements if the failure is still there afterwards. Returns true if it is.
    fn attempt(&mut self, sql: &str) -> Result<bool> {
        let Some(work) = self.work.checked_sub(self.weight) else { return Ok(false) };
        self.work = work;
        let trial = self.database.copy()?;
        let _ = trial.execute_batch("PRAGMA foreign_keys = OFF");
        let is_valid = trial.execute_batch(sql).is_ok() && dangling(&trial) <= self.dangling;
        let is_ready = !self.enforces || trial.execute_batch("PRAGMA foreign_keys = ON").is_ok();
        if !is_valid || !is_ready || !(self.fails)(trial) {
            return Ok(false);
        }
        self.database.execute_batch(sql).map_err(refused)?;
        Ok(true)
    }
}

fn refused(error: rusqlite::Error) -> Error {
    Error::sqlite("delete rows", error)
}

fn dangling(connection: &Connection) -> i64 {
    number(connection, "SELECT count(*) FROM pragma_foreign_key_check")
}

/// Returns the result of a query, or 0 if it fails.
fn number(connection: &Connection, sql: &str) -> i64 {
    connection.query_row(sql, [], |row| row.get(0)).unwrap_or(0)
}

/// The most rows that are printed.
const SHOWN: usize = 12;

/// An INSERT, and for each reference of the table to itself the literal that refers and the one that can be referred to.
struct Insert {
    line: String,
    links: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Returns the rows as INSERTs without NULLs, parents first.
pub(crate) fn inserts(connection: &Connection, schema: &Schema) -> rusqlite::Result<String> {
    let mut lines = Vec::new();
    for table in parents_first(schema) {
        let mut inserts = inserts_of(connection, table)?;
        // A row that others of its table refer to goes before them.
        while !inserts.is_empty() {
            let waits = |insert: &Insert| {
                insert.links.iter().enumerate().any(|(nth, (refers, key))| {
                    refers != key && inserts.iter().any(|other| other.links[nth].1 == *refers)
                })
            };
            let next = inserts.iter().position(|insert| !waits(insert)).unwrap_or(0);
            lines.push(inserts.remove(next).line);
        }
    }
    let more = lines.len().saturating_sub(SHOWN);
    lines.truncate(SHOWN);
    match more {
        0 => {}
        1 => lines.push(String::from("-- and 1 more row")),
        _ => lines.push(format!("-- and {more} more rows")),
    }
    Ok(lines.join("\n"))
}

fn inserts_of(connection: &Connection, table: &Table) -> rusqlite::Result<Vec<Insert>> {
    let is_stored = |column: &&Column| column.generated.is_none() && !column.hidden;
    let columns: Vec<&Name> = table.columns.iter().filter(is_stored).map(|column| &column.name).collect();
    let values: Vec<String> = columns.iter().map(|column| literal(&quote_identifier(column))).collect();
    let sql = format!("SELECT {} FROM {}", values.join(", "), quote_identifier(&table.name));
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let place = |name: &str| columns.iter().position(|column| *column == name);
    let references = self_references(table);
    let mut inserts = Vec::new();
    while let Some(row) = rows.next()? {
        let value = |name: &str| -> rusqlite::Result<Vec<u8>> {
            let value = place(name).map(|at| row.get_ref(at)).transpose()?;
            Ok(value.and_then(|value| value.as_bytes().ok()).unwrap_or_default().to_vec())
        };
        let links: rusqlite::Result<Vec<_>> =
            references.iter().map(|(refers, key)| Ok((value(refers)?, value(key)?))).collect();
        let (mut names, mut texts) = (Vec::new(), Vec::new());
        for (at, column) in columns.iter().enumerate() {
            let text = printable(row.get_ref(at)?.as_bytes().unwrap_or_default());
            if text != "NULL" {
                names.push(*column);
                texts.push(text);
            }
        }
        let insert = insert_values(&format!("INTO {}", plain_name(&table.name)), &names, &texts);
        inserts.push(Insert { line: format!("{insert};"), links: links? });
    }
    Ok(inserts)
}

/// Returns the ordinary tables, each after those that it refers to.
pub(crate) fn parents_first(schema: &Schema) -> Vec<&Table> {
    let is_ordinary = |at: &usize| schema.tables[*at].kind == TableKind::Ordinary;
    let ordinary: Vec<usize> = (0..schema.tables.len()).filter(is_ordinary).collect();
    schema.parents_first(&ordinary).into_iter().map(|at| &schema.tables[at]).collect()
}
