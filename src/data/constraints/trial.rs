//! Values tried on SQLite before any row is inserted: on an empty temporary table with the same columns, on the caller's
//! connection, which has the app's functions and collations. Values for conditions that are not understood are searched.

use rusqlite::{Connection, Statement};

use crate::data::constraints::candidates::{add_new, candidates, sample, sources};
use crate::data::constraints::group::{ColumnSource, Solution, SolverInput, satisfy};
use crate::data::values::domain::{Domain, Nullability};
use crate::data::values::source::Source;
use crate::data::values::value_buf::{ValueBuf, ValueKind};
use crate::draw::{Draw, key, named};
use crate::error::{Error, Result};
use crate::schema::{Affinity, Table};
use crate::sql::{insert_parameters, quote_identifier};

/// The number of rows on which a solution is tried.
pub(super) const SAMPLES: u64 = 12;

/// A check of values for some columns of a table.
pub(crate) struct Trial<'a> {
    input: &'a SolverInput<'a>,
    columns: &'a [usize],
    /// The key from which values are drawn.
    key: u64,
    check: PreparedCheck<'a>,
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
            Solution::Generated { .. } => self.score(solution, false) == SAMPLES,
        }
    }

    /// Tries samples of a generated solution and returns how many pass. Keeps some of the others if `keeps` is true. Listed
    /// rows have passed already, and score nothing.
    pub(super) fn score(&mut self, solution: &Solution, keeps: bool) -> u64 {
        let Solution::Generated { sources, relations } = solution else { return 0 };
        let mut passed = 0;
        let mut row = vec![ValueBuf::default(); self.input.names.len()];
        for sample in 0..SAMPLES {
            let mut draw = Draw::new(key(self.key, sample));
            for of_column in sources {
                if let Some(source) = &of_column.source {
                    // A column of a key may have to show the number of the row.
                    let is_numbered = self.input.is_in_key[of_column.column] && sample % 2 == 1;
                    let number = is_numbered.then(|| (sample << (2 * sample)) % source.capacity().max(1));
                    source.make(&mut draw, number, &mut row[of_column.column]);
                }
            }
            satisfy(relations, &mut row);
            let values: Vec<&ValueBuf> = self.columns.iter().map(|column| &row[*column]).collect();
            if self.check.passes(values.iter().copied()) {
                passed += 1;
            } else if keeps {
                self.reject(values.into_iter().cloned().collect());
            }
        }
        passed
    }

    fn reject(&mut self, row: Vec<ValueBuf>) {
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
    pub(crate) fn passes<'v>(&mut self, values: impl IntoIterator<Item = &'v ValueBuf>) -> bool {
        let run = || -> rusqlite::Result<bool> {
            self.clear.execute([])?;
            for (index, value) in values.into_iter().enumerate() {
                self.insert.raw_bind_parameter(index + 1, value)?;
            }
            self.insert.raw_execute()?;
            self.select.query_row([], |row| row.get(0))
        };
        run().unwrap_or(false)
    }
}

/// The number of rows that are tried.
const MAX_ATTEMPTS: u64 = 4_000;

/// The number of rows at which a search has found enough.
const ENOUGH: usize = 64;

/// Returns a source whose values pass, or a list of rows that pass. `texts` are the conditions.
pub(super) fn search(trial: &mut Trial<'_>, texts: &[&str]) -> Option<Solution> {
    let (input, columns) = (trial.input, trial.columns);
    let pools: Vec<Vec<ValueBuf>> = columns.iter().map(|column| pool(input, *column, texts, trial.key)).collect();
    // Values of the declared type come first. Otherwise a price could be a text, for every text is greater than any number.
    for natural in [true, false] {
        if let [column] = columns
            && !input.is_external[*column]
            && input.domains[*column].choices.is_none()
            && let Some(solution) = passing_source(trial, *column, texts, natural)
        {
            return Some(solution);
        }
        let fits = |value: &&ValueBuf, column: usize| !natural || is_natural(input, column, value);
        let pools: Vec<Vec<ValueBuf>> = pools
            .iter()
            .zip(columns)
            .map(|(pool, column)| pool.iter().filter(|value| fits(value, *column)).cloned().collect())
            .collect();
        let mut found = passing_rows(trial, &pools);
        // A row with a value is better than one of NULLs.
        if found.iter().any(|row| has_value(row)) {
            found.retain(|row| has_value(row));
            return Some(Solution::Listed(found));
        }
        if !natural && !found.is_empty() {
            return Some(Solution::Listed(found));
        }
    }
    None
}

/// Returns a source of which all samples pass. Unlike a list, it has values for any number of rows.
fn passing_source(trial: &mut Trial<'_>, column: usize, texts: &[&str], natural: bool) -> Option<Solution> {
    let key = trial.key;
    let fits = |source: &Source| is_natural(trial.input, column, &sample(source, key)) == natural;
    for source in sources(texts).into_iter().filter(fits).collect::<Vec<_>>() {
        let nullability = trial.input.domains[column].nullability;
        let sources = vec![ColumnSource { column, source: Some(source), nullability }];
        let solution = Solution::Generated { sources, relations: Vec::new() };
        if trial.score(&solution, true) == SAMPLES {
            return Some(solution);
        }
    }
    None
}

/// Returns the values to try in a column.
fn pool(input: &SolverInput<'_>, column: usize, texts: &[&str], key_of: u64) -> Vec<ValueBuf> {
    if input.is_external[column] {
        return vec![ValueBuf::default()];
    }
    let mut pool = candidates(texts, key_of);
    if let Some(source) = &input.default_sources[column] {
        pool.extend((0..8).map(|number| sample(source, key(key_of, number))));
    }
    match &input.domains[column] {
        Domain { choices: Some(choices), .. } => pool = choices.iter().map(ValueBuf::from).collect(),
        Domain { nullability: Nullability::Required, .. } => pool = vec![ValueBuf::default()],
        Domain { nullability: Nullability::Forbidden, .. } => pool.retain(|value| value.kind() != ValueKind::Null),
        _ => {}
    }
    pool
}

fn has_value(row: &[ValueBuf]) -> bool {
    row.iter().any(|value| value.kind() != ValueKind::Null)
}

/// Returns true if the column is declared for values of this kind.
fn is_natural(input: &SolverInput<'_>, column: usize, value: &ValueBuf) -> bool {
    let kind = value.kind();
    match input.columns[column].affinity {
        _ if kind == ValueKind::Null => true,
        Affinity::Integer => matches!(kind, ValueKind::Integer(_)),
        Affinity::Real => matches!(kind, ValueKind::Integer(_) | ValueKind::Real(_)),
        Affinity::Text => kind == ValueKind::Text,
        _ => true,
    }
}

/// Returns rows of values from the pools that pass. Pools of several columns are combined at random.
fn passing_rows(trial: &mut Trial<'_>, pools: &[Vec<ValueBuf>]) -> Vec<Vec<ValueBuf>> {
    let mut found: Vec<Vec<ValueBuf>> = Vec::new();
    if pools.iter().any(Vec::is_empty) {
        return found;
    }
    let mut draw = Draw::new(named(trial.key, "search"));
    let combinations = pools.iter().fold(1_u64, |all, pool| all.saturating_mul(pool.len() as u64));
    let is_single = pools.len() == 1;
    for attempt in 0..MAX_ATTEMPTS.min(combinations.saturating_mul(if is_single { 1 } else { 4 })) {
        let row: Vec<&ValueBuf> = pools
            .iter()
            .map(|pool| {
                let at = if is_single { attempt } else { draw.below(pool.len() as u64) };
                &pool[at as usize]
            })
            .collect();
        if trial.check.passes(row.iter().copied()) {
            add_new(&mut found, row.into_iter().cloned().collect());
            if found.len() == ENOUGH {
                break;
            }
        } else if attempt % 37 == 0 {
            trial.reject(row.into_iter().cloned().collect());
        }
    }
    found
}
