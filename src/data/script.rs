//! Rows as values: those of a fill, kept so that they can be inserted again, changed, or shown as INSERTs; and the
//! transaction in which that happens.

use std::sync::Arc;

use rusqlite::{Connection, Statement};

use crate::data::values::value_buf::ValueBuf;
use crate::error::{Error, Result};
use crate::sql::{insert_parameters, insert_values, plain_name};

/// A table, and the columns that its rows give.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
}

/// A row of a table.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// The place of the table in the list of the script's tables.
    pub(crate) table: usize,
    pub(crate) values: Vec<ValueBuf>,
}

/// Rows in an order in which they can be inserted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    pub(crate) tables: Arc<Vec<Target>>,
    pub(crate) rows: Vec<Item>,
    /// True if rows refer to later ones.
    pub(crate) deferred: bool,
    /// Statements that rebuild full-text indexes.
    pub(crate) after: Vec<String>,
}

const DEFER: &str = "PRAGMA defer_foreign_keys = ON";

impl Target {
    /// Writes the statement that inserts a row, with a parameter for each value.
    pub(crate) fn insert(&self) -> String {
        // ABORT overrides the table's conflict clauses: a row that replaced another would reduce the count.
        insert_parameters(&format!("OR ABORT INTO main.{}", plain_name(&self.name)), &self.columns)
    }

    /// Writes the same statement with the conflict clauses of the table.
    pub(crate) fn insert_as_declared(&self) -> String {
        insert_parameters(&format!("INTO main.{}", plain_name(&self.name)), &self.columns)
    }

    /// Writes the statement that inserts this row.
    pub(crate) fn insert_of(&self, values: &[ValueBuf]) -> String {
        let values: Vec<String> = values.iter().map(ValueBuf::sql_literal).collect();
        insert_values(&format!("INTO {}", plain_name(&self.name)), &self.columns, &values)
    }
}

impl Script {
    /// Returns the statements that insert the rows into a database with the same schema. Empty without rows.
    pub(crate) fn to_sql(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let mut sql = String::from("BEGIN;\n");
        let defer = self.deferred.then(|| DEFER.to_owned());
        let inserts = self.rows.iter().map(|row| self.tables[row.table].insert_of(&row.values));
        for statement in defer.into_iter().chain(inserts).chain(self.after.iter().cloned()) {
            sql.push_str(&statement);
            sql.push_str(";\n");
        }
        sql.push_str("COMMIT;\n");
        sql
    }

    /// Inserts all rows in the open transaction.
    pub(crate) fn run(&self, connection: &Connection) -> Result<()> {
        let refused = |sql: &str, error| {
            Error::sqlite(format!("insert {}", crate::report::count(self.rows.len() as u64, "row")), error)
                .sql(sql.trim_end())
        };
        if self.deferred {
            connection.execute_batch(DEFER).map_err(|error| refused(DEFER, error))?;
        }
        let mut statements: Vec<Option<Statement<'_>>> = self.tables.iter().map(|_| None).collect();
        for row in &self.rows {
            let table = &self.tables[row.table];
            let statement = &mut statements[row.table];
            let mut run = || -> rusqlite::Result<usize> {
                let statement = match statement {
                    Some(statement) => statement,
                    None => statement.insert(connection.prepare(&table.insert())?),
                };
                bind(statement, &row.values)?;
                statement.raw_execute()
            };
            let inserted = run().and_then(|rows| match rows {
                // A trigger that raises IGNORE.
                0 => Err(rusqlite::Error::StatementChangedRows(0)),
                _ => Ok(()),
            });
            inserted.map_err(|error| refused(&table.insert_of(&row.values), error))?;
        }
        for sql in &self.after {
            connection.execute_batch(sql).map_err(|error| refused(sql, error))?;
        }
        Ok(())
    }
}

/// Binds the values of a row to the parameters of a statement.
pub(crate) fn bind(statement: &mut Statement<'_>, values: &[ValueBuf]) -> rusqlite::Result<()> {
    for (index, value) in values.iter().enumerate() {
        statement.raw_bind_parameter(index + 1, value)?;
    }
    Ok(())
}

/// Runs `work` in a transaction, or in a savepoint of the one that is open. An error rolls back its changes; so does success,
/// unless `keep` is true.
pub(crate) fn within<T>(connection: &Connection, keep: bool, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let _own = crate::own::statements();
    let own = connection.is_autocommit();
    let run = |sql: &str| {
        connection
            .execute_batch(sql)
            .map_err(|error| Error::sqlite("begin or end the transaction of a fill", error).sql(sql))
    };
    run(if own { "BEGIN IMMEDIATE" } else { "SAVEPOINT sqlitmus_fill" })?;
    let result = work().and_then(|done| {
        if keep {
            run(if own { "COMMIT" } else { "RELEASE sqlitmus_fill" })?;
        }
        Ok(done)
    });
    if result.is_err() || !keep {
        // A trigger may have rolled back everything by itself.
        let _ = match (own, connection.is_autocommit()) {
            (_, true) => Ok(()),
            (true, false) => connection.execute_batch("ROLLBACK"),
            (false, false) => connection.execute_batch("ROLLBACK TO sqlitmus_fill; RELEASE sqlitmus_fill"),
        };
    }
    result
}
