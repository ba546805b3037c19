//! Solutions tried on SQLite.

use crate::data::constraints::evaluator::{Evaluator, PreparedCheck};
use crate::data::constraints::group::{Solution, satisfy};
use crate::data::constraints::input::SolverInput;
use crate::data::values::value_buf::ValueBuf;
use crate::draw::{Draw, key};

/// The number of rows on which a solution is tried.
pub(super) const SAMPLES: u64 = 12;

/// A check of values for some columns of a table.
pub(crate) struct Trial<'a> {
    pub(super) input: &'a SolverInput<'a>,
    pub(super) columns: &'a [usize],
    /// The key from which values are drawn.
    pub(super) key: u64,
    check: PreparedCheck<'a>,
}

/// The result of trying a solution.
#[derive(Default)]
pub(super) struct Score {
    pub(super) passed: u64,
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
        Some(Trial { input, columns, key, check: evaluator.prepare(&names, expressions)? })
    }

    /// Returns true if none of the expressions is false for these values.
    pub(super) fn passes(&mut self, values: &[&ValueBuf]) -> bool {
        self.check.passes(values)
    }

    /// Returns true if all rows of a solution pass, or all samples of generated ones.
    pub(crate) fn accepts(&mut self, solution: &Solution) -> bool {
        match solution {
            Solution::Listed(rows) => rows.iter().all(|row| self.passes(&row.iter().collect::<Vec<_>>())),
            Solution::Generated { .. } => self.score(solution).passed == SAMPLES,
        }
    }

    /// Tries samples of a generated solution. Listed rows have passed already, and score nothing.
    pub(super) fn score(&mut self, solution: &Solution) -> Score {
        let mut score = Score::default();
        let Solution::Generated { sources, relations } = solution else { return score };
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
            if self.check.passes(&values) {
                score.passed += 1;
            } else {
                score.rejected.push(values.into_iter().cloned().collect());
            }
        }
        score
    }
}

/// A few of the values that were rejected, for the report.
#[derive(Default)]
pub(super) struct Rejected {
    pub(super) rows: Vec<Vec<ValueBuf>>,
}

impl Rejected {
    pub(super) fn add(&mut self, row: Vec<ValueBuf>) {
        if self.rows.len() < 6 && !self.rows.contains(&row) {
            self.rows.push(row);
        }
    }

    pub(super) fn extend(&mut self, rows: Vec<Vec<ValueBuf>>) {
        rows.into_iter().for_each(|row| self.add(row));
    }

    /// Returns the values as text, one line for each row.
    pub(super) fn shown(&self, names: &[&str]) -> Vec<String> {
        let pair = |(name, value): (&&str, &ValueBuf)| format!("{name} = {}", value.short_sql_literal());
        self.rows.iter().map(|row| names.iter().zip(row).map(pair).collect::<Vec<String>>().join(", ")).collect()
    }
}
