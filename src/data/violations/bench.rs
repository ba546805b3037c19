//! A table on which rows are tried: what they break, and what SQLite says to them.

use rusqlite::Connection;
use rusqlite::Statement;

use super::clause::{self, Clause, ROW};
use crate::data::script::Target;
use crate::data::values::value_buf::ValueBuf;
use crate::error::{Error, Refusal, Result};
use crate::schema::Table;
use crate::sql::{insert_parameters, quote_identifier};

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// SQLite refused it: its extended code and its message.
    Refused(i32, String),
    /// It is in the table.
    Accepted,
    /// SQLite left it out and said nothing.
    LeftOut,
}

pub(super) struct Bench<'c> {
    connection: &'c Connection,
    clear: Statement<'c>,
    put: Statement<'c>,
    questions: Vec<Option<Statement<'c>>>,
    /// Not `OR ABORT`: what the constraint itself says of conflicts is what is tried.
    insert: Statement<'c>,
}

impl<'c> Bench<'c> {
    pub(super) fn of(
        connection: &'c Connection,
        table: &Table,
        target: &Target,
        clauses: &[Clause],
    ) -> Result<Bench<'c>> {
        let mut columns = Vec::new();
        for column in &table.columns {
            // Outside of a STRICT table `ANY` would turn texts into numbers.
            let declared = if table.strict && column.declared_type.eq_ignore_ascii_case("ANY") {
                ""
            } else {
                &column.declared_type
            };
            let mut text = format!(
                "{} {declared} COLLATE {}",
                quote_identifier(&column.name),
                quote_identifier(&column.collation)
            );
            if let Some(generated) = &column.generated {
                text.push_str(&format!(" AS ({}\n)", generated.expression));
            }
            columns.push(text);
        }
        let sql = format!("DROP TABLE IF EXISTS {ROW}; CREATE TABLE {ROW}({})", columns.join(", "));
        let refused = |error| Error::sqlite(format!("create a copy of {} to try rows on", table.name), error).sql(&sql);
        connection.execute_batch(&sql).map_err(refused)?;
        let put = insert_parameters(&format!("INTO {ROW}"), &target.columns);
        Ok(Bench {
            connection,
            clear: connection.prepare(&format!("DELETE FROM {ROW}")).map_err(refused)?,
            put: connection.prepare(&put).map_err(refused)?,
            questions: clauses.iter().map(|clause| connection.prepare(&clause.broken).ok()).collect(),
            insert: connection.prepare(&target.insert_as_declared()).map_err(refused)?,
        })
    }

    /// Puts a row where it is judged. Whether it can be: its generated columns may fail.
    pub(super) fn put(&mut self, values: &[ValueBuf]) -> bool {
        let mut run = || -> rusqlite::Result<usize> {
            self.clear.execute([])?;
            bind(&mut self.put, values)?;
            self.put.raw_execute()
        };
        run().is_ok()
    }

    /// Whether the row that was put breaks a constraint.
    pub(super) fn breaks(&mut self, clause: usize) -> bool {
        let Some(question) = &mut self.questions[clause] else { return false };
        question.query_row([], |row| row.get::<_, Option<bool>>(0)).is_ok_and(|broken| broken == Some(true))
    }

    /// The other constraints that it breaks.
    pub(super) fn breaks_also(&mut self, clause: usize) -> Vec<usize> {
        (0..self.questions.len()).filter(|other| *other != clause && self.breaks(*other)).collect()
    }

    /// Whether an expression is NULL, or true, for the row that was put.
    pub(super) fn is(&self, table: &Table, expression: &str, what: &str) -> bool {
        let sql = format!("SELECT ({expression}\n) IS {what} FROM {}", clause::row_of(table));
        self.connection.query_row(&sql, [], |row| row.get(0)).unwrap_or(false)
    }

    /// What SQLite makes of a row, after others that stay only as long as this takes.
    pub(super) fn insert(&mut self, before: &[Vec<ValueBuf>], values: &[ValueBuf]) -> Outcome {
        attempt(self.connection, &mut self.insert, before, values, false)
    }
}

/// What SQLite makes of a row at COMMIT, on a copy that is thrown away.
pub(super) fn insert_and_commit(copy: &Connection, target: &Target, values: &[ValueBuf]) -> Result<Outcome> {
    let sql = target.insert_as_declared();
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
    let outcome = match run() {
        Ok(0) => Outcome::LeftOut,
        Ok(_) => Outcome::Accepted,
        Err(error) => {
            let refusal = Refusal::of(&error);
            refusal.map_or_else(
                || Outcome::Refused(1, error.to_string()),
                |refusal| Outcome::Refused(refusal.code, refusal.message),
            )
        }
    };
    // A constraint that says ON CONFLICT ROLLBACK has undone everything by itself.
    if !connection.is_autocommit() {
        let undo = if commit { "ROLLBACK" } else { "ROLLBACK TO sqlitmus_try; RELEASE sqlitmus_try" };
        let _ = connection.execute_batch(undo);
    }
    outcome
}

fn bind(statement: &mut Statement<'_>, values: &[ValueBuf]) -> rusqlite::Result<()> {
    for (index, value) in values.iter().enumerate() {
        statement.raw_bind_parameter(index + 1, value)?;
    }
    Ok(())
}

impl Drop for Bench<'_> {
    fn drop(&mut self) {
        // Fails while statements on it are open; the connection goes with its test's database anyway.
        let _ = self.connection.execute_batch(&format!("DROP TABLE IF EXISTS {ROW}"));
    }
}
