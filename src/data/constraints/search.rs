//! A search for values that satisfy conditions which are not understood: candidates are tried on SQLite.

use crate::data::constraints::candidates::{candidates, sources};
use crate::data::constraints::group::{ColumnSource, Solution};
use crate::data::constraints::input::SolverInput;
use crate::data::constraints::trial::{Rejected, SAMPLES, Trial};
use crate::data::values::domain::{Domain, Nullability};
use crate::data::values::value_buf::{ValueBuf, ValueKind};
use crate::draw::{Draw, key, named};
use crate::schema::Affinity;

/// The number of rows that are tried.
const MAX_ATTEMPTS: u64 = 4_000;

/// The number of rows at which a search has found enough.
const ENOUGH: usize = 64;

/// Returns a source whose values pass, or a list of rows that pass. `texts` are the conditions.
pub(super) fn search(trial: &mut Trial<'_>, texts: &[&str], rejected: &mut Rejected) -> Option<Solution> {
    let (input, columns) = (trial.input, trial.columns);
    let pools: Vec<Vec<ValueBuf>> = columns.iter().map(|column| pool(input, *column, texts, trial.key)).collect();
    // Values of the declared type come first. Otherwise a price could be a text, for every text is greater than any number.
    for natural in [true, false] {
        if let [column] = columns
            && !input.is_external[*column]
            && input.domains[*column].choices.is_none()
            && let Some(solution) = passing_source(trial, *column, texts, natural, rejected)
        {
            return Some(solution);
        }
        let fits = |value: &&ValueBuf, column: usize| !natural || is_natural(input, column, value);
        let pools: Vec<Vec<ValueBuf>> = pools
            .iter()
            .zip(columns)
            .map(|(pool, column)| pool.iter().filter(|value| fits(value, *column)).cloned().collect())
            .collect();
        let mut found = passing_rows(trial, &pools, rejected);
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
fn passing_source(
    trial: &mut Trial<'_>,
    column: usize,
    texts: &[&str],
    natural: bool,
    rejected: &mut Rejected,
) -> Option<Solution> {
    for source in sources(texts) {
        let mut value = ValueBuf::default();
        source.make(&mut Draw::new(trial.key), None, &mut value);
        if is_natural(trial.input, column, &value) != natural {
            continue;
        }
        let nullability = trial.input.domains[column].nullability;
        let sources = vec![ColumnSource { column, source: Some(source), nullability }];
        let solution = Solution::Generated { sources, relations: Vec::new() };
        let score = trial.score(&solution);
        rejected.extend(score.rejected);
        if score.passed == SAMPLES {
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
        for sample in 0..8 {
            let mut value = ValueBuf::default();
            source.make(&mut Draw::new(key(key_of, sample)), None, &mut value);
            pool.push(value);
        }
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
    match input.declaration(column).affinity {
        _ if kind == ValueKind::Null => true,
        Affinity::Integer => matches!(kind, ValueKind::Integer(_)),
        Affinity::Real => matches!(kind, ValueKind::Integer(_) | ValueKind::Real(_)),
        Affinity::Text => kind == ValueKind::Text,
        _ => true,
    }
}

/// Returns rows of values from the pools that pass. Pools of several columns are combined at random.
fn passing_rows(trial: &mut Trial<'_>, pools: &[Vec<ValueBuf>], rejected: &mut Rejected) -> Vec<Vec<ValueBuf>> {
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
        if trial.passes(&row) {
            let row: Vec<ValueBuf> = row.into_iter().cloned().collect();
            if !found.contains(&row) {
                found.push(row);
            }
            if found.len() == ENOUGH {
                break;
            }
        } else if attempt % 37 == 0 {
            rejected.add(row.into_iter().cloned().collect());
        }
    }
    found
}
