//! Runs statements on sampled rows and counts SQLite's steps.

use std::ffi::c_int;

use rusqlite::ffi::{SQLITE_CONSTRAINT_FOREIGNKEY, SQLITE_INTERRUPT};
use rusqlite::types::Value;
use rusqlite::{Connection, StatementStatus, params_from_iter};

use super::comparisons::{Comparison, Comparisons, Other, Relation};
use super::values::ROWS;
use crate::schema::{Column, Schema, Table};
use crate::sql::{owned, plain_name, tokens};

/// The steps after which a run is stopped. A join without an index takes millions.
pub(in crate::plan) const MOST_STEPS: u64 = 300_000;

/// Makes a connection stop each statement after so many steps.
pub(super) fn limit_steps(connection: &mut Connection) {
    let _ = connection.progress_handler(c_int::try_from(MOST_STEPS).unwrap_or(c_int::MAX), Some(|| true));
}

/// The work of one run of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) steps: u64,
    pub(crate) rows_written: u64,
}

impl Work {
    /// Returns true if this takes more steps than before by a tenth. What it takes to write the entries of new indexes does not
    /// count: that is the price of every index.
    pub(crate) fn is_dearer_than(&self, before: &Work, new_indexes: usize) -> bool {
        let entries = u64::try_from(new_indexes).unwrap_or(0) * self.rows_written.max(before.rows_written);
        is_dearer(self.steps, before.steps + STEPS_OF_AN_ENTRY * entries)
    }
}

/// The steps that a few rows more take, which nobody would notice.
const A_FEW_ROWS: u64 = 50;

/// Returns true if a statement takes more steps than before by a tenth, and by more than a few rows take.
pub(crate) fn is_dearer(now: u64, before: u64) -> bool {
    now > before + before / 10 + A_FEW_ROWS
}

/// The steps for the entry of a row in an index that an UPDATE changes: for each column and the rowid, twice.
const STEPS_OF_AN_ENTRY: u64 = 12;

/// A statement with values for its parameters, which can be run on sampled rows.
#[derive(Clone, Debug)]
pub(crate) struct MeasuredStatement {
    sql: String,
    values: Vec<Value>,
}

impl MeasuredStatement {
    /// Binds the parameters to values that the rows of `tables` have.
    pub(super) fn new(
        connection: &Connection,
        sql: &str,
        comparisons: &Comparisons,
        tables: &[&Table],
    ) -> MeasuredStatement {
        let count = connection.prepare(sql).map_or(0, |statement| statement.parameter_count());
        let value = |number: usize| {
            if comparisons.limits.contains(&number) {
                return Value::Integer(10);
            }
            let mut uses = comparisons.all.iter().filter(|one| one.other == Other::Parameter(number));
            let value = |one: &Comparison| existing(connection, one, tables, is_one_of_two_ends(one, comparisons));
            uses.find_map(value).unwrap_or(Value::Integer(500))
        };
        MeasuredStatement { sql: sql.to_owned(), values: (1..=count).map(value).collect() }
    }

    /// Replaces the values of the parameters.
    pub(in crate::plan) fn with_values(mut self, values: &[Value]) -> MeasuredStatement {
        if !values.is_empty() {
            self.values = values.to_vec();
        }
        self
    }

    /// Runs the statement, rolls it back, and returns the steps that SQLite took, at most about 300,000. `None` if SQLite
    /// refuses it, so that there is nothing to compare.
    pub(crate) fn steps(&self, connection: &Connection) -> Option<u64> {
        Some(self.work(connection)?.steps)
    }

    /// Like [`steps`](MeasuredStatement::steps), with the number of rows that the statement has written.
    pub(crate) fn work(&self, connection: &Connection) -> Option<Work> {
        changed(connection, "", || {
            let before = connection.total_changes();
            let steps = self.run(connection)?;
            Some(Work { steps, rows_written: connection.total_changes() - before })
        })
    }

    fn run(&self, connection: &Connection) -> Option<u64> {
        let mut statement = connection.prepare(&self.sql).ok()?;
        let mut rows = statement.query(params_from_iter(&self.values)).ok()?;
        let done = loop {
            match rows.next() {
                Ok(Some(_)) => {}
                Ok(None) => break true,
                // What a child forbids has taken its steps.
                Err(error) => {
                    break error.sqlite_error().is_some_and(|error| {
                        [SQLITE_INTERRUPT, SQLITE_CONSTRAINT_FOREIGNKEY].contains(&error.extended_code)
                    });
                }
            }
        };
        drop(rows);
        done.then(|| u64::try_from(statement.get_status(StatementStatus::VmStep)).unwrap_or(0))
    }
}

/// Runs `f` after a change of the schema, which is taken back.
///
/// If a statement is stopped while it writes, SQLite rolls back all that is not committed, and the change is gone before `f`
/// ends: then no transaction is open.
pub(crate) fn changed<T>(connection: &Connection, change: &str, f: impl FnOnce() -> Option<T>) -> Option<T> {
    let _own = crate::own::statements();
    // Several may be within each other.
    connection.execute_batch("SAVEPOINT sqlitmus_change").ok()?;
    let found = connection.execute_batch(change).ok().and_then(|()| f());
    let is_undone = connection.is_autocommit()
        || connection.execute_batch("ROLLBACK TO sqlitmus_change; RELEASE sqlitmus_change").is_ok();
    found.filter(|_| is_undone)
}

/// Returns true if the operand is compared with a value above and a value below.
fn is_one_of_two_ends(one: &Comparison, comparisons: &Comparisons) -> bool {
    let is_end = |relation| move |other: &Comparison| other.operand == one.operand && other.relation == relation;
    comparisons.all.iter().any(is_end(Relation::Above)) && comparisons.all.iter().any(is_end(Relation::Below))
}

/// Returns a value for a parameter that is compared with an operand or assigned to it. A range has a third of the rows.
fn existing(connection: &Connection, one: &Comparison, tables: &[&Table], is_one_of_two_ends: bool) -> Option<Value> {
    if one.relation == Relation::Pattern {
        return Some(Value::Text("ab%".to_owned()));
    }
    let names: Vec<String> = tokens(&one.operand).iter().filter_map(|token| token.name()).collect();
    let has_a_column = |table: &&&Table| names.iter().any(|name| table.column(name).is_some());
    tables.iter().filter(has_a_column).find_map(|table| {
        let (from, operand) = (plain_name(&table.name), &one.operand);
        let third = match (one.relation, is_one_of_two_ends) {
            (Relation::Above, true) | (Relation::Below, false) => Some(1),
            (Relation::Above, false) | (Relation::Below, true) => Some(2),
            _ => None,
        };
        let place = match third {
            Some(third) => format!("ORDER BY {operand} LIMIT 1 OFFSET {}", third * ROWS / 3),
            // One of the rows that children refer to.
            None => format!("LIMIT 1 OFFSET {}", ROWS / 8),
        };
        // NOT INDEXED: the values of all equalities are those of one row.
        let value = |place: &str| -> rusqlite::Result<Value> {
            let sql = format!("SELECT {operand} FROM main.{from} NOT INDEXED WHERE {operand} IS NOT NULL {place}");
            connection.query_row(&sql, [], |row| row.get_ref(0).map(owned))
        };
        let value = value(&place).or_else(|_| value("LIMIT 1")).ok()?;
        Some(if is_new(one, table) { renewed(value) } else { value })
    })
}

/// Returns values for the parameters of a statement: those of the row at this place in the tables that it compares them with.
pub(crate) fn values_of_row(connection: &Connection, sql: &str, schema: &Schema, row: usize) -> Vec<Value> {
    let count = connection.prepare(sql).map_or(0, |statement| statement.parameter_count());
    let comparisons = if count == 0 { Comparisons::default() } else { Comparisons::of(sql) };
    let words: Vec<String> = tokens(sql).iter().filter_map(|token| token.name()).collect();
    let tables: Vec<&Table> = schema.tables.iter().filter(|table| words.iter().any(|it| table.name == *it)).collect();
    let value = |number: usize| {
        if comparisons.limits.contains(&number) {
            return Value::Integer(10);
        }
        let of_row = |one: &Comparison| {
            let names: Vec<String> = tokens(&one.operand).iter().filter_map(|token| token.name()).collect();
            tables.iter().filter(|table| names.iter().any(|name| table.column(name).is_some())).find_map(|table| {
                let (from, operand) = (plain_name(&table.name), &one.operand);
                let sql = format!("SELECT {operand} FROM main.{from} NOT INDEXED LIMIT 1 OFFSET {row}");
                connection.query_row(&sql, [], |row| row.get_ref(0).map(owned)).ok()
            })
        };
        let mut uses = comparisons.all.iter().filter(|one| one.other == Other::Parameter(number));
        uses.find_map(of_row).unwrap_or(Value::Null)
    };
    (1..=count).map(value).collect()
}

/// Returns true if the parameter is a new value of a column that has each value once.
fn is_new(one: &Comparison, table: &Table) -> bool {
    let column = one.column.as_deref().and_then(|name| table.column(name));
    one.relation == Relation::Assigned && column.is_some_and(|column: &Column| !refers(table, &column.name))
}

fn refers(table: &Table, name: &str) -> bool {
    table.foreign_keys.iter().any(|key| key.columns.iter().any(|column| column == name))
}

fn renewed(value: Value) -> Value {
    match value {
        Value::Integer(number) if number > 1 => Value::Integer(number + 1_000_000),
        Value::Text(text) => Value::Text(format!("{text} new")),
        other => other,
    }
}
