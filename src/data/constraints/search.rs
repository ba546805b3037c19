//! Searches values for conditions that are not understood: those that the expressions name, those near to them, texts of
//! many kinds.

use crate::data::constraints::candidates::{add_new, candidates, sample, sources};
use crate::data::constraints::group::{ColumnSource, Solution, SolverInput};
use crate::data::constraints::trial::Trial;
use crate::data::values::domain::{Domain, Nullability};
use crate::data::values::source::Source;
use crate::data::values::value_buf::{ValueBuf, ValueKind};
use crate::draw::{Draw, key, named};
use crate::schema::Affinity;

/// The number of rows that are tried for each column.
const ATTEMPTS: u64 = 250;

/// The number of attempts without a better row after which a search begins anew.
const PATIENCE: u64 = 60;

/// The number of samples of each source that are tried if none passes as a whole.
const SAMPLES: u64 = 40;

/// The number of rows at which a search has found enough.
const ENOUGH: usize = 64;

/// Returns a source whose values pass, or a list of rows that pass. `texts` are the conditions.
pub(super) fn search(trial: &mut Trial<'_>, texts: &[&str]) -> Option<Solution> {
    let (input, columns) = (trial.input, trial.columns);
    let named = candidates(texts, trial.key);
    let pools: Vec<Vec<ValueBuf>> = columns.iter().map(|column| pool(input, *column, &named, trial.key)).collect();
    // Values of the declared type come first. Otherwise a price could be a text, for every text is greater than any number.
    for natural in [true, false] {
        if let [column] = columns
            && !input.is_external[*column]
            && input.domains[*column].choices.is_none()
            && let Some(solution) = passing_source(trial, *column, texts, natural)
        {
            return Some(solution);
        }
        // A single value is tried once.
        let is_single = columns.len() == 1;
        let fits = |value: &&ValueBuf, column: usize| match is_natural(input, column, value) {
            true => natural || !is_single,
            false => !natural,
        };
        let pools: Vec<Vec<ValueBuf>> = pools
            .iter()
            .zip(columns)
            .map(|(pool, column)| pool.iter().filter(|value| fits(value, *column)).cloned().collect())
            .collect();
        let mut found = passing_rows(trial, &pools);
        if found.is_empty()
            && let [column] = columns
            && !input.is_external[*column]
            && input.domains[*column].choices.is_none()
        {
            // Of a few samples of each source some may pass: one day in seven is a Monday.
            let samples =
                sources(texts).into_iter().flat_map(|source| (0..SAMPLES).map(move |at| (source.clone(), at)));
            let values = samples.map(|(source, at)| sample(&source, key(trial.key, at)));
            let pool = values.filter(|value| is_natural(input, *column, value) == natural).collect();
            found = passing_rows(trial, &[pool]);
        }
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
        let mut solution = Solution::Generated { sources, relations: Vec::new() };
        if trial.passes_all(&solution, true) {
            trial.forbid_nulls(&mut solution);
            return Some(solution);
        }
    }
    None
}

/// Returns the values to try in a column. `named` are those that the conditions name.
fn pool(input: &SolverInput<'_>, column: usize, named: &[ValueBuf], key_of: u64) -> Vec<ValueBuf> {
    if input.is_external[column] {
        return vec![ValueBuf::default()];
    }
    let mut pool = named.to_vec();
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

/// Returns rows of values from the pools that pass. A row that passes more parts of the conditions than the last one takes
/// its place, and one or two of its values are changed.
fn passing_rows(trial: &mut Trial<'_>, pools: &[Vec<ValueBuf>]) -> Vec<Vec<ValueBuf>> {
    let mut found: Vec<Vec<ValueBuf>> = Vec::new();
    if pools.iter().any(Vec::is_empty) {
        return found;
    }
    if let [pool] = pools {
        for (at, value) in pool.iter().enumerate() {
            if trial.check.passes([value]) {
                add_new(&mut found, vec![value.clone()]);
            } else if at % 37 == 0 {
                trial.reject(vec![value.clone()]);
            }
        }
        found.truncate(ENOUGH);
        return found;
    }
    let mut draw = Draw::new(named(trial.key, "search"));
    let mut places: Vec<usize> = Vec::new();
    let (mut best, mut since) = (0, PATIENCE);
    let combinations = pools.iter().fold(1_u64, |all, pool| all.saturating_mul(pool.len() as u64));
    for attempt in 0..(ATTEMPTS * pools.len() as u64).min(combinations.saturating_mul(4)) {
        let mut next = places.clone();
        if since == PATIENCE {
            next = pools.iter().map(|pool| draw.below(pool.len() as u64) as usize).collect();
            (best, since) = (0, 0);
        } else {
            for _ in 0..1 + draw.below(2) {
                let column = draw.below(pools.len() as u64) as usize;
                next[column] = draw.below(pools[column].len() as u64) as usize;
            }
        }
        let row = || next.iter().zip(pools).map(|(place, pool)| &pool[*place]);
        let passed = trial.check.count(row()).unwrap_or(0);
        if passed == trial.check.parts {
            add_new(&mut found, row().cloned().collect());
            if found.len() == ENOUGH {
                break;
            }
        } else if attempt % 37 == 0 {
            trial.reject(row().cloned().collect());
        }
        since = if passed > best { 0 } else { since + 1 };
        if passed >= best {
            (best, places) = (passed, next);
        }
    }
    add_neighbors(trial, &mut draw, &mut found);
    found
}

/// Adds rows that differ from those found by a number, if they pass: keys need more rows than the expressions name.
fn add_neighbors(trial: &mut Trial<'_>, draw: &mut Draw, found: &mut Vec<Vec<ValueBuf>>) {
    if found.is_empty() || !trial.columns.iter().any(|column| trial.input.is_in_key[*column]) {
        return;
    }
    for _ in 0..ATTEMPTS * trial.columns.len() as u64 {
        let mut row = found[draw.below(found.len() as u64) as usize].clone();
        let column = draw.below(row.len() as u64) as usize;
        let ValueKind::Integer(number) = row[column].kind() else { continue };
        let within = draw.below(number.unsigned_abs().saturating_add(1)).cast_signed();
        let near = [number.saturating_add(1), number.saturating_sub(1), within * number.signum()];
        row[column].set_integer(near[draw.below(3) as usize]);
        if trial.check.passes(&row) {
            add_new(found, row);
        }
        if found.len() == ENOUGH {
            break;
        }
    }
}
