//! Values tried on SQLite before any row is inserted: on an empty temporary table with the same columns, on the caller's
//! connection, which has the app's functions and collations.

use rusqlite::{Connection, Statement};

use crate::data::constraints::candidates::add_new;
use crate::data::constraints::expression::conjuncts;
use crate::data::constraints::group::{ColumnSource, Solution, SolverInput, satisfy};
use crate::data::values::domain::Nullability;
use crate::data::values::value_buf::ValueBuf;
use crate::draw::{Draw, key};
use crate::error::{Error, Result};
use crate::schema::Table;
use crate::sql::quote_identifier;

/// The number of rows on which a solution is tried.
pub(super) const SAMPLES: u64 = 12;

/// The number of rows on which NULL is tried in a column.
const NULL_SAMPLES: u64 = 3;

/// A check of values for some columns of a table.
pub(crate) struct Trial<'a> {
    pub(super) input: &'a SolverInput<'a>,
    pub(super) columns: &'a [usize],
    /// The key from which values are drawn.
    pub(super) key: u64,
    pub(super) check: PreparedCheck<'a>,
    /// A few of the rows that were rejected, for the report.
    pub(super) rejected: Vec<Vec<ValueBuf>>,
}

impl<'a> Trial<'a> {
    /// Prepares a trial by these expressions. `None` if SQLite cannot prepare them.
    pub(crate) fn prepare(
        input: &'a SolverInput<'a>,
        columns: &'a [usize],
        key: u64,
        evaluator: &Evaluator<'a>,
        expressions: &[&str],
    ) -> Option<Trial<'a>> {
        let names: Vec<&str> = columns.iter().map(|column| input.names[*column].as_str()).collect();
        Some(Trial { input, columns, key, check: evaluator.prepare(&names, expressions)?, rejected: Vec::new() })
    }

    /// Returns true if all rows of a solution pass, or all samples of generated ones.
    pub(crate) fn accepts(&mut self, solution: &Solution) -> bool {
        match solution {
            Solution::Listed(rows) => rows.iter().all(|row| self.check.passes(row)),
            Solution::Generated { .. } => self.passes_all(solution, false),
        }
    }

    /// Tries samples of a generated solution and returns how many pass. Keeps some of the others. Listed rows have passed
    /// already, and score nothing.
    pub(super) fn score(&mut self, solution: &Solution) -> u64 {
        let mut passed = 0;
        for sample in 0..SAMPLES {
            let Some(row) = self.sample(solution, sample) else { return 0 };
            if self.passes(&row) {
                passed += 1;
            } else {
                self.reject(self.columns.iter().map(|column| row[*column].clone()).collect());
            }
        }
        passed
    }

    /// Returns true if all samples of a generated solution pass. Keeps the first one that does not.
    pub(super) fn passes_all(&mut self, solution: &Solution, keeps: bool) -> bool {
        for sample in 0..SAMPLES {
            let Some(row) = self.sample(solution, sample) else { return false };
            if !self.passes(&row) {
                if keeps {
                    self.reject(self.columns.iter().map(|column| row[*column].clone()).collect());
                }
                return false;
            }
        }
        true
    }

    /// Forbids NULL in each column where it makes rows of a solution fail that pass otherwise.
    pub(super) fn forbid_nulls(&mut self, solution: &mut Solution) {
        let Solution::Generated { sources, .. } = &*solution else { return };
        let nullable =
            |of_column: &&ColumnSource| of_column.nullability == Nullability::Allowed && of_column.source.is_some();
        let columns: Vec<usize> = sources.iter().filter(nullable).map(|of_column| of_column.column).collect();
        for column in columns {
            let is_refused = (0..NULL_SAMPLES).all(|sample| {
                self.sample(solution, sample).is_none_or(|mut row| {
                    row[column].set_null();
                    !self.passes(&row)
                })
            });
            if is_refused && let Solution::Generated { sources, .. } = &mut *solution {
                let of_column = sources.iter_mut().filter(|of_column| of_column.column == column);
                of_column.for_each(|of_column| of_column.nullability = Nullability::Forbidden);
            }
        }
    }

    /// Returns a row of a generated solution.
    fn sample(&self, solution: &Solution, sample: u64) -> Option<Vec<ValueBuf>> {
        let Solution::Generated { sources, relations } = solution else { return None };
        let mut row = vec![ValueBuf::default(); self.input.names.len()];
        let mut draw = Draw::new(key(self.key, sample));
        for of_column in sources {
            if let Some(source) = &of_column.source {
                // A column of a key may have to show the number of the row.
                let is_numbered = self.input.is_in_key[of_column.column] && sample % 2 == 1;
                let number = is_numbered.then(|| (sample << (2 * sample)) % source.capacity().max(1));
                source.make(&mut draw, number, &mut row[of_column.column]);
            }
        }
        satisfy(relations, &mut row, &|_| true);
        Some(row)
    }

    fn passes(&mut self, row: &[ValueBuf]) -> bool {
        self.check.passes(self.columns.iter().map(|column| &row[*column]))
    }

    pub(super) fn reject(&mut self, row: Vec<ValueBuf>) {
        if self.rejected.len() < 6 {
            add_new(&mut self.rejected, row);
        }
    }
}

/// Returns the values of a row as messages show them.
pub(crate) fn shown_row(names: &[impl AsRef<str>], row: &[ValueBuf]) -> String {
    let pairs = names.iter().zip(row);
    let shown: Vec<String> =
        pairs.map(|(name, value)| format!("{} = {}", name.as_ref(), value.short_sql_literal())).collect();
    shown.join(", ")
}

/// The name of the temporary table.
pub(crate) const NAME: &str = "temp.sqlitmus_evaluator";

/// The temporary table, which is dropped with this value, or with the savepoint in which it was created.
pub(crate) struct Evaluator<'c> {
    connection: &'c Connection,
    table: String,
    /// The columns that are not generated.
    columns: Vec<String>,
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
        let sql = format!(
            "DROP TABLE IF EXISTS {NAME}; CREATE TABLE {NAME}({}){strict}; INSERT INTO {NAME} DEFAULT VALUES",
            columns.join(", ")
        );
        connection.execute_batch(&sql).map_err(|error| {
            Error::sqlite(format!("create a copy of {} to try values on", table.name), error).sql(&sql)
        })?;
        let columns = table.columns.iter().filter(|column| column.generated.is_none());
        let columns = columns.map(|column| column.name.to_string()).collect();
        Ok(Evaluator { connection, table: table.name.to_string(), columns })
    }

    /// Prepares a check of values of these columns by these expressions. `None` if SQLite cannot prepare it.
    pub(crate) fn prepare(&self, columns: &[&str], expressions: &[&str]) -> Option<PreparedCheck<'c>> {
        let set = |names: &mut dyn Iterator<Item = &str>, value: &str| {
            let set: Vec<String> = names.map(|name| format!("{} = {value}", quote_identifier(name))).collect();
            format!("UPDATE {NAME} SET {}", set.join(", "))
        };
        // The line breaks end a comment within an expression.
        let parts: Vec<String> = expressions.iter().flat_map(|text| conjuncts(text)).collect();
        let all: Vec<String> = parts.iter().map(|text| format!("(({text}\n) IS NOT FALSE)")).collect();
        let all = if all.is_empty() { "0".to_owned() } else { all.join(" + ") };
        let select = format!("SELECT {all} FROM {NAME} AS {}", quote_identifier(&self.table));
        let prepare = |sql: &str| self.connection.prepare(sql).ok();
        // The one row may have values of an earlier check.
        self.connection.execute_batch(&set(&mut self.columns.iter().map(String::as_str), "NULL")).ok()?;
        let put = prepare(&set(&mut columns.iter().copied(), "?"))?;
        Some(PreparedCheck { put, select: prepare(&select)?, parts: parts.len() })
    }
}

impl Drop for Evaluator<'_> {
    fn drop(&mut self) {
        let _ = self.connection.execute_batch(&format!("DROP TABLE IF EXISTS {NAME}"));
    }
}

/// The statements that evaluate some expressions on some values.
pub(crate) struct PreparedCheck<'c> {
    put: Statement<'c>,
    /// Counts the parts that are not false.
    select: Statement<'c>,
    pub(super) parts: usize,
}

impl PreparedCheck<'_> {
    /// Returns true if none of the expressions is false for these values. One that cannot be evaluated does not pass.
    pub(crate) fn passes<'v>(&mut self, values: impl IntoIterator<Item = &'v ValueBuf>) -> bool {
        let parts = self.parts;
        self.count(values) == Some(parts)
    }

    /// Returns the number of parts of the expressions that are not false for these values. `None` if one of them cannot be
    /// evaluated.
    pub(super) fn count<'v>(&mut self, values: impl IntoIterator<Item = &'v ValueBuf>) -> Option<usize> {
        let run = || -> rusqlite::Result<usize> {
            for (index, value) in values.into_iter().enumerate() {
                self.put.raw_bind_parameter(index + 1, value)?;
            }
            self.put.raw_execute()?;
            self.select.query_row([], |row| row.get(0)).map(|passed: i64| passed as usize)
        };
        run().ok()
    }
}
