//! Evaluates constraints on values before any row is inserted: on an empty temporary table with the same columns, on the
//! caller's connection, which has the app's functions and collations.

use rusqlite::{Connection, Statement};

use crate::data::values::value_buf::ValueBuf;
use crate::error::{Error, Result};
use crate::schema::Table;
use crate::sql::{insert_parameters, quote_identifier};

/// The name of the temporary table.
pub(crate) const NAME: &str = "temp.sqlitmus_evaluator";

/// The temporary table, which is dropped with this value, or with the savepoint in which it was created.
pub(crate) struct Evaluator<'c> {
    connection: &'c Connection,
    table: String,
}

impl<'c> Evaluator<'c> {
    /// Creates a table like `table`.
    pub(crate) fn of(connection: &'c Connection, table: &Table) -> Result<Evaluator<'c>> {
        let mut columns = Vec::new();
        for column in &table.columns {
            let mut declared = format!(
                "{} {} COLLATE {}",
                quote_identifier(&column.name),
                column.declared_type,
                quote_identifier(&column.collation)
            );
            if let Some(generated) = &column.generated {
                declared.push_str(&format!(" AS ({}\n)", generated.expression));
            }
            columns.push(declared);
        }
        let strict = if table.strict { " STRICT" } else { "" };
        let sql = format!("DROP TABLE IF EXISTS {NAME}; CREATE TABLE {NAME}({}){strict}", columns.join(", "));
        connection.execute_batch(&sql).map_err(|error| {
            Error::sqlite(format!("create a copy of {} to try values on", table.name), error).sql(&sql)
        })?;
        Ok(Evaluator { connection, table: table.name.to_string() })
    }

    /// Prepares a check of values of these columns by these expressions. `None` if SQLite cannot prepare it.
    pub(crate) fn prepare(&self, columns: &[&str], expressions: &[&str]) -> Option<PreparedCheck<'c>> {
        let insert = insert_parameters(&format!("INTO {NAME}"), columns);
        // The line breaks end a comment within an expression.
        let all: Vec<String> = expressions.iter().map(|text| format!("({text}\n) IS NOT FALSE")).collect();
        let all = if all.is_empty() { "1".to_owned() } else { all.join(" AND ") };
        let select = format!("SELECT {all} FROM {NAME} AS {}", quote_identifier(&self.table));
        let prepare = |sql: &str| self.connection.prepare(sql).ok();
        Some(PreparedCheck {
            clear: prepare(&format!("DELETE FROM {NAME}"))?,
            insert: prepare(&insert)?,
            select: prepare(&select)?,
        })
    }
}

impl Drop for Evaluator<'_> {
    fn drop(&mut self) {
        let _ = self.connection.execute_batch(&format!("DROP TABLE IF EXISTS {NAME}"));
    }
}

/// The statements that evaluate some expressions on some values.
pub(crate) struct PreparedCheck<'c> {
    clear: Statement<'c>,
    insert: Statement<'c>,
    select: Statement<'c>,
}

impl PreparedCheck<'_> {
    /// Returns true if none of the expressions is false for these values. One that cannot be evaluated does not pass.
    pub(crate) fn passes(&mut self, values: &[&ValueBuf]) -> bool {
        let mut run = || -> rusqlite::Result<bool> {
            self.clear.execute([])?;
            for (index, value) in values.iter().enumerate() {
                self.insert.raw_bind_parameter(index + 1, *value)?;
            }
            self.insert.raw_execute()?;
            self.select.query_row([], |row| row.get(0))
        };
        run().unwrap_or(false)
    }
}
