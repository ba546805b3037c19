//! SQLite's verdict on values, before any row is inserted: constraints are evaluated on an empty temporary table with the
//! same columns, on the caller's connection, which has the app's functions and collations.

use rusqlite::{Connection, Statement};

use crate::data::values::value_buf::ValueBuf;
use crate::error::{Error, Result};
use crate::schema::Table;
use crate::sql::quote_identifier;

pub(crate) const NAME: &str = "temp.sqlitmus_judge";

/// The table, while it is there. It goes with the savepoint in which it was made.
pub(crate) struct Judge<'c> {
    connection: &'c Connection,
    clear: Statement<'c>,
    table: String,
}

impl<'c> Judge<'c> {
    pub(crate) fn of(connection: &'c Connection, table: &Table) -> Result<Judge<'c>> {
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
        let clear = connection
            .execute_batch(&sql)
            .and_then(|()| connection.prepare(&format!("DELETE FROM {NAME}")))
            .map_err(|error| Error::sqlite(format!("a table like {} to try values on", table.name), error).sql(&sql))?;
        Ok(Judge { connection, clear, table: table.name.clone() })
    }

    /// What judges values of these columns by these expressions.
    pub(crate) fn court(&mut self, columns: &[&str], expressions: &[&str]) -> Option<Court<'c>> {
        let names: Vec<String> = columns.iter().map(|name| quote_identifier(name)).collect();
        let places = vec!["?"; columns.len()].join(", ");
        let insert = format!("INSERT INTO {NAME}({}) VALUES ({places})", names.join(", "));
        // The line breaks end a comment within an expression.
        let all: Vec<String> = expressions.iter().map(|text| format!("({text}\n) IS NOT FALSE")).collect();
        let all = if all.is_empty() { "1".to_owned() } else { all.join(" AND ") };
        let select = format!("SELECT {all} FROM {NAME} AS {}", quote_identifier(&self.table));
        let insert = self.connection.prepare(&insert).ok()?;
        let select = self.connection.prepare(&select).ok()?;
        Some(Court { insert, select })
    }

    /// Whether none of the expressions is false for these values. What cannot be evaluated does not pass.
    pub(crate) fn passes(&mut self, court: &mut Court<'_>, values: &[&ValueBuf]) -> bool {
        let mut run = || -> rusqlite::Result<bool> {
            self.clear.execute([])?;
            for (index, value) in values.iter().enumerate() {
                court.insert.raw_bind_parameter(index + 1, *value)?;
            }
            court.insert.raw_execute()?;
            court.select.query_row([], |row| row.get(0))
        };
        run().unwrap_or(false)
    }
}

impl Drop for Judge<'_> {
    fn drop(&mut self) {
        let _ = self.connection.execute_batch(&format!("DROP TABLE IF EXISTS {NAME}"));
    }
}

/// Prepared statements of a judge.
pub(crate) struct Court<'c> {
    insert: Statement<'c>,
    select: Statement<'c>,
}
