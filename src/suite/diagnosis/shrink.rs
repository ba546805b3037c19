//! The smallest data that shows a failure, as INSERTs that can be pasted.

use rusqlite::Connection;

use crate::db::{Image, Scratch, Workshop};
use crate::error::{Error, Result};
use crate::schema::{Column, Schema, Table, TableKind};
use crate::sql::{Name, insert_values, plain_name, quote_identifier};
use crate::suite::rows::{literal, printable, row_at, self_references};

/// The most attempts to take something away: a failure is a reason to spend time, but not all of it.
const TRIES: usize = 600;
/// Values of more characters than this are cut, if the rest still shows the failure.
const LONG: usize = 40;

/// Takes rows and values away as long as `fails` holds, and returns what is left as INSERTs.
pub(crate) fn smallest_data(
    workshop: Workshop,
    image: &Image,
    fails: &mut dyn FnMut(Scratch) -> bool,
) -> Result<String> {
    let database = workshop.over(image.clone())?;
    let schema = Schema::read(&database)?;
    // Foreign keys are off, so that a row can go before the rows that refer to it. What is left has to be as valid as before.
    database.execute_batch("PRAGMA foreign_keys = OFF").map_err(refused)?;
    let dangling = dangling(&database);
    let mut shrinker = Shrinker { database, dangling, tries: TRIES, fails };
    // Children first: a row that others refer to cannot go before them.
    let tables: Vec<&Table> = parents_first(&schema).into_iter().rev().collect();
    for table in &tables {
        shrinker.delete_all(table)?;
    }
    for table in &tables {
        shrinker.delete_rows(table)?;
    }
    for table in &tables {
        shrinker.simplify_values(table)?;
    }
    inserts(&shrinker.database, &schema).map_err(|error| Error::sqlite("read the rows", error))
}

struct Shrinker<'a> {
    database: Scratch,
    /// The number of references that dangle from the start.
    dangling: i64,
    tries: usize,
    fails: &'a mut dyn FnMut(Scratch) -> bool,
}

impl Shrinker<'_> {
    fn delete_all(&mut self, table: &Table) -> Result<()> {
        let name = quote_identifier(&table.name);
        if self.has_rows(table) {
            self.attempt(&format!("DELETE FROM {name}"))?;
        }
        Ok(())
    }

    /// Tries each row once, and steps over one that has to stay.
    fn delete_rows(&mut self, table: &Table) -> Result<()> {
        let name = quote_identifier(&table.name);
        let mut kept = 0;
        while let Some(row) = row_at(&self.database, table, kept) {
            if !self.attempt(&format!("DELETE FROM {name} WHERE {row}"))? {
                kept += 1;
            }
        }
        Ok(())
    }

    fn simplify_values(&mut self, table: &Table) -> Result<()> {
        let name = quote_identifier(&table.name);
        if !self.has_rows(table) {
            return Ok(());
        }
        for column in table.columns.iter().filter(|column| column.generated.is_none()) {
            let column = quote_identifier(&column.name);
            let is_long = format!("SELECT count(*) FROM {name} WHERE length({column}) > {LONG}");
            if !self.attempt(&format!("UPDATE {name} SET {column} = NULL"))? && number(&self.database, &is_long) > 0 {
                self.attempt(&format!("UPDATE {name} SET {column} = substr({column}, 1, {LONG})"))?;
            }
        }
        Ok(())
    }

    fn has_rows(&self, table: &Table) -> bool {
        number(&self.database, &format!("SELECT count(*) FROM {}", quote_identifier(&table.name))) > 0
    }

    /// Runs the statement if the failure is still there afterwards. Returns true if it is.
    fn attempt(&mut self, sql: &str) -> Result<bool> {
        if self.tries == 0 {
            return Ok(false);
        }
        self.tries -= 1;
        let trial = self.database.copy()?;
        let _ = trial.execute_batch("PRAGMA foreign_keys = OFF");
        let is_valid = trial.execute_batch(sql).is_ok() && dangling(&trial) <= self.dangling;
        if !is_valid || !(self.fails)(trial.copy()?) {
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
