//! Tries rows: finds the constraints that they break, and gets SQLite's response.

use rusqlite::{Connection, Statement};

use super::constraint::{self, Constraint, ROW};
use crate::data::script::{Target, bind};
use crate::data::values::value_buf::ValueBuf;
use crate::error::{Error, Refusal, Result};
use crate::schema::{Column, Table};
use crate::sql::{insert_parameters, quote_identifier};

/// The outcome of inserting a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// SQLite refused it: its extended code and its message.
    Refused(i32, String),
    /// It is in the table.
    Accepted,
    /// SQLite skipped it without an error.
    LeftOut,
}

impl Outcome {
    /// Returns true if this constraint refused the row.
    pub(super) fn is_by(&self, constraint: &Constraint) -> bool {
        matches!(self, Outcome::Refused(code, message)
            if *code == constraint.code && message.contains(&constraint.message))
    }
}

/// A table like the one that is tried, but without constraints, and the statements that try a row.
pub(super) struct ScratchTable<'c> {
    connection: &'c Connection,
    clear: Statement<'c>,
    put: Statement<'c>,
    checks: Vec<Option<Statement<'c>>>,
    /// Has no `OR ABORT`, because the conflict clause of the constraint is tried too.
    insert: Statement<'c>,
}

impl<'c> ScratchTable<'c> {
    pub(super) fn of(
        connection: &'c Connection,
        table: &Table,
        target: &Target,
        constraints: &[Constraint],
    ) -> Result<ScratchTable<'c>> {
        let column = |column: &Column| {
            // Outside of a STRICT table `ANY` would turn texts into numbers.
            let is_any = table.strict && column.declared_type.eq_ignore_ascii_case("ANY");
            let declared = if is_any { "" } else { &column.declared_type };
            let generated = column.generated.as_ref();
            let generated = generated.map_or(String::new(), |generated| format!(" AS ({}\n)", generated.expression));
            let (name, collation) = (quote_identifier(&column.name), quote_identifier(&column.collation));
            format!("{name} {declared} COLLATE {collation}{generated}")
        };
        let columns: Vec<String> = table.columns.iter().map(column).collect();
        let sql = format!("DROP TABLE IF EXISTS {ROW}; CREATE TABLE {ROW}({})", columns.join(", "));
        let refused = |error| Error::sqlite(format!("create a copy of {} to try rows on", table.name), error).sql(&sql);
        connection.execute_batch(&sql).map_err(refused)?;
        let put = insert_parameters(&format!("INTO {ROW}"), &target.columns);
        Ok(ScratchTable {
            connection,
            clear: connection.prepare(&format!("DELETE FROM {ROW}")).map_err(refused)?,
            put: connection.prepare(&put).map_err(refused)?,
            checks: constraints.iter().map(|constraint| connection.prepare(&constraint.broken).ok()).collect(),
            insert: connection.prepare(&target.insert_as_declared()).map_err(refused)?,
        })
    }

    /// Puts a row into the table. Returns false if that fails, as generated columns may do.
    pub(super) fn put(&mut self, values: &[ValueBuf]) -> bool {
        let mut run = || -> rusqlite::Result<usize> {
            self.clear.execute([])?;
            bind(&mut self.put, values)?;
            self.put.raw_execute()
        };
        run().is_ok()
    }

    /// Returns true if the row in the table breaks a constraint.
    pub(super) fn breaks(&mut self, constraint: usize) -> bool {
        let Some(check) = &mut self.checks[constraint] else { return false };
        check.query_row([], |row| row.get::<_, Option<bool>>(0)).is_ok_and(|broken| broken == Some(true))
    }

    /// Returns the other constraints that it breaks.
    pub(super) fn breaks_also(&mut self, constraint: usize) -> Vec<usize> {
        (0..self.checks.len()).filter(|other| *other != constraint && self.breaks(*other)).collect()
    }

    /// Returns true if an expression is NULL, or TRUE, for the row in the table.
    pub(super) fn is(&self, table: &Table, expression: &str, what: &str) -> bool {
        let sql = format!("SELECT ({expression}\n) IS {what} FROM {}", constraint::row_of(table));
        self.connection.query_row(&sql, [], |row| row.get(0)).unwrap_or(false)
    }

    /// Returns true if a condition that reads no generated column is false of a row.
    pub(super) fn is_false(&self, condition: &str, target: &Target, values: &[ValueBuf]) -> bool {
        let columns: Vec<String> =
            target.columns.iter().map(|name| format!("? AS {}", quote_identifier(name))).collect();
        let sql = format!("SELECT ({condition}\n) IS FALSE FROM (SELECT {})", columns.join(", "));
        self.connection.query_row(&sql, rusqlite::params_from_iter(values), |row| row.get(0)).unwrap_or(false)
    }

    /// Inserts a row into the tried table after some others, and rolls all of them back.
    pub(super) fn insert(&mut self, before: &[Vec<ValueBuf>], values: &[ValueBuf]) -> Outcome {
        attempt(self.connection, &mut self.insert, before, values, false)
    }
}

/// Inserts a row and commits, on a copy of the database that is thrown away. If other rows refer to the row, which was taken
/// out, SQLite would count them as mended by any row with its key, so that row is put back and changed to the other.
pub(super) fn insert_and_commit(
    copy: &Connection,
    target: &Target,
    base: &[ValueBuf],
    values: &[ValueBuf],
) -> Result<Outcome> {
    let sql = target.insert_as_declared();
    let is = |sql: &str| copy.query_row(sql, [], |row| row.get::<_, bool>(0)).unwrap_or(false);
    if is("PRAGMA foreign_keys") && is("SELECT EXISTS (SELECT 1 FROM pragma_foreign_key_check)") {
        let changed: Vec<usize> = (0..values.len()).filter(|column| values[*column] != base[*column]).collect();
        let set = changed.iter().map(|column| format!("{} = ?", quote_identifier(&target.columns[*column])));
        let same = target.columns.iter().map(|name| format!("{} IS ?", quote_identifier(name)));
        let update = format!(
            "UPDATE main.{} SET {} WHERE {}",
            quote_identifier(&target.name),
            set.collect::<Vec<String>>().join(", "),
            same.collect::<Vec<String>>().join(" AND ")
        );
        let run = || -> rusqlite::Result<usize> {
            copy.execute_batch("PRAGMA foreign_keys = OFF")?;
            copy.execute(&sql, rusqlite::params_from_iter(base))?;
            copy.execute_batch("PRAGMA foreign_keys = ON; BEGIN")?;
            let parameters = changed.iter().map(|column| &values[*column]).chain(base);
            let rows = copy.execute(&update, rusqlite::params_from_iter(parameters))?;
            copy.execute_batch("COMMIT")?;
            Ok(rows)
        };
        return Ok(outcome_of(run()));
    }
    let mut statement =
        copy.prepare(&sql).map_err(|error| Error::sqlite(format!("insert into {}", target.name), error).sql(&sql))?;
    Ok(attempt(copy, &mut statement, &[], values, true))
}

fn attempt(
    connection: &Connection,
    insert: &mut Statement<'_>,
    before: &[Vec<ValueBuf>],
    values: &[ValueBuf],
    commit: bool,
) -> Outcome {
    let mut run = || -> rusqlite::Result<usize> {
        connection.execute_batch(if commit { "BEGIN" } else { "SAVEPOINT sqlitmus_try" })?;
        for row in before {
            bind(insert, row)?;
            insert.raw_execute()?;
        }
        bind(insert, values)?;
        let rows = insert.raw_execute()?;
        if commit {
            connection.execute_batch("COMMIT")?;
        }
        Ok(rows)
    };
    let outcome = outcome_of(run());
    // ON CONFLICT ROLLBACK has rolled everything back already.
    if !connection.is_autocommit() {
        let undo = if commit { "ROLLBACK" } else { "ROLLBACK TO sqlitmus_try; RELEASE sqlitmus_try" };
        let _ = connection.execute_batch(undo);
    }
    outcome
}

fn outcome_of(result: rusqlite::Result<usize>) -> Outcome {
    match result {
        Ok(0) => Outcome::LeftOut,
        Ok(_) => Outcome::Accepted,
        Err(error) => {
            let refusal = Refusal::of(&error);
            refusal.map_or_else(
                || Outcome::Refused(1, error.to_string()),
                |refusal| Outcome::Refused(refusal.code, refusal.message),
            )
        }
    }
}

impl Drop for ScratchTable<'_> {
    fn drop(&mut self) {
        // Fails while statements on it are open; the connection is dropped with its test's database anyway.
        let _ = self.connection.execute_batch(&format!("DROP TABLE IF EXISTS {ROW}"));
    }
}
