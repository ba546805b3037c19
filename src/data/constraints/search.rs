//! Values for conditions that could not be read: found by trying, with SQLite as the judge.

use rusqlite::types::Value;

use crate::data::constraints::cluster::{ColumnSource, SAMPLES, Solution, SolverInput, Tried, score};
use crate::data::constraints::domain::{Domain, Nullability};
use crate::data::constraints::evaluator::PreparedCheck;
use crate::data::constraints::expression::Expression;
use crate::data::values::column::Source;
use crate::data::values::text::{PLAIN, Piece};
use crate::data::values::value_buf::{ValueBuf, ValueKind};
use crate::draw::{Draw, key, named};
use crate::schema::Affinity;
use crate::sql::{TokenKind, tokens};

/// How many values a search looks at before it gives up.
const PATIENCE: u64 = 4_000;

/// Values that pass, found by trying: what makes texts of many kinds, what the expressions name, and what is near to that.
pub(crate) fn search(
    input: &SolverInput<'_>,
    columns: &[usize],
    texts: &[&str],
    key_of: u64,
    check: &mut PreparedCheck<'_>,
    tried: &mut Tried,
) -> Vec<Solution> {
    let names: Vec<&str> = columns.iter().map(|column| input.names[*column].as_str()).collect();
    let pools: Vec<Vec<ValueBuf>> = columns.iter().map(|column| pool(input, *column, texts, key_of)).collect();
    // Every text is greater than every number: what a column is declared for comes first, or a price may be a text.
    for natural in [true, false] {
        if let [column] = columns
            && !input.is_external[*column]
            && input.domains[*column].choices.is_none()
        {
            // A source that always passes makes as many values as are asked for.
            for source in kinds(texts) {
                let mut made = ValueBuf::default();
                source.make(&mut Draw::new(key_of), None, &mut made);
                if is_natural(input, *column, &made) != natural {
                    continue;
                }
                let sources = vec![ColumnSource {
                    column: *column,
                    source: Some(source),
                    nullability: input.domains[*column].nullability,
                }];
                let solution = Solution::Generated { sources, relations: Vec::new() };
                if score(input, columns, &solution, key_of, check, tried) == SAMPLES {
                    return vec![solution];
                }
            }
        }
        let fits = |made: &&ValueBuf, column: &usize| !natural || is_natural(input, *column, made);
        let pools: Vec<Vec<ValueBuf>> = pools
            .iter()
            .zip(columns)
            .map(|(pool, column)| pool.iter().filter(|made| fits(made, column)).cloned().collect())
            .collect();
        let mut found = pick(&pools, &names, key_of, check, tried);
        // A value beats no value.
        if found.iter().any(|values| is_some(values)) {
            found.retain(|values| is_some(values));
            return vec![Solution::Listed(found)];
        }
        if !natural && !found.is_empty() {
            return vec![Solution::Listed(found)];
        }
    }
    Vec::new()
}

/// Values to try in a column.
fn pool(input: &SolverInput<'_>, column: usize, texts: &[&str], key_of: u64) -> Vec<ValueBuf> {
    if input.is_external[column] {
        return vec![ValueBuf::default()];
    }
    let mut pool = candidates(texts, key_of);
    if let Some(plain) = &input.default_sources[column] {
        for sample in 0..8 {
            let mut made = ValueBuf::default();
            plain.make(&mut Draw::new(key(key_of, sample)), None, &mut made);
            pool.push(made);
        }
    }
    match &input.domains[column] {
        Domain { choices: Some(choices), .. } => pool = choices.iter().map(ValueBuf::from).collect(),
        Domain { nullability: Nullability::Required, .. } => pool = vec![ValueBuf::default()],
        Domain { nullability: Nullability::Forbidden, .. } => pool.retain(|made| made.kind() != ValueKind::Null),
        _ => {}
    }
    pool
}

fn is_some(values: &[ValueBuf]) -> bool {
    values.iter().any(|made| made.kind() != ValueKind::Null)
}

/// Whether the column is declared for values of this kind.
fn is_natural(input: &SolverInput<'_>, column: usize, made: &ValueBuf) -> bool {
    let kind = made.kind();
    match input.table.columns[input.places[column]].affinity {
        _ if kind == ValueKind::Null => true,
        Affinity::Integer => matches!(kind, ValueKind::Integer(_)),
        Affinity::Real => matches!(kind, ValueKind::Integer(_) | ValueKind::Real(_)),
        Affinity::Text => kind == ValueKind::Text,
        _ => true,
    }
}

/// Those of the values in the pools that pass together.
fn pick(
    pools: &[Vec<ValueBuf>],
    names: &[&str],
    key_of: u64,
    check: &mut PreparedCheck<'_>,
    tried: &mut Tried,
) -> Vec<Vec<ValueBuf>> {
    let mut found: Vec<Vec<ValueBuf>> = Vec::new();
    if pools.iter().any(Vec::is_empty) {
        return found;
    }
    let mut draw = Draw::new(named(key_of, "search"));
    let all = pools.iter().fold(1_u64, |all, pool| all.saturating_mul(pool.len() as u64));
    for attempt in 0..PATIENCE.min(all.saturating_mul(if pools.len() == 1 { 1 } else { 4 })) {
        let values: Vec<&ValueBuf> = pools
            .iter()
            .map(|pool| {
                let at = if pools.len() == 1 { attempt } else { draw.below(pool.len() as u64) };
                &pool[at as usize]
            })
            .collect();
        if check.passes(&values) {
            let values: Vec<ValueBuf> = values.into_iter().cloned().collect();
            if !found.contains(&values) {
                found.push(values);
            }
            if found.len() == 64 {
                break;
            }
        } else if attempt % 37 == 0 {
            let values: Vec<ValueBuf> = values.into_iter().cloned().collect();
            tried.add(names, &values);
        }
    }
    found
}

/// Sources of texts of many kinds, plain ones and those that begin or end with what the expressions name.
fn kinds(texts: &[&str]) -> Vec<Source> {
    let words =
        |alphabet: &[u8], length| Source::Letters { alphabet: alphabet.to_vec(), shortest: length, longest: length };
    let time = |format: &str| Source::Time(format.to_owned());
    let json = |kind: &str| Source::Json(Some(kind.to_owned()));
    let mut kinds = Vec::new();
    if texts.iter().any(|text| text.contains("json") || text.contains("->")) {
        // Digits are JSON as well, but for those that begin with a zero.
        kinds.extend([json("object"), json("array")]);
    }
    kinds.extend([
        Source::Words { shortest: 0, longest: 40 },
        words(PLAIN, 10),
        words(b"0123456789", 8),
        words(b"0123456789abcdef", 32),
        words(b"0123456789abcdef", 40),
        words(b"0123456789abcdef", 64),
        words(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", 3),
        words(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", 8),
        words(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 8),
        words(b"abcdefghijklmnopqrstuvwxyz", 2),
        Source::Integer { low: 1, step: 1, count: 1000, most: 1000 },
        // Days, as julianday() counts them.
        Source::Real { low: 2_459_000.5, step: 0.25, count: 8_000, most: 8_000 },
        Source::Integer { low: 1_600_000_000, step: 1, count: 100_000_000, most: 100_000_000 },
        Source::Integer { low: 1_600_000_000_000, step: 1000, count: 100_000_000, most: 100_000_000 },
        Source::Integer { low: -1000, step: 1, count: 999, most: 999 },
        Source::Real { low: 0.0, step: 0.25, count: 4, most: 4 },
        time("%Y-%m-%d"),
        time("%Y-%m-%d %H:%M:%S"),
        time("%Y-%m-%dT%H:%M:%SZ"),
        time("%Y-%m-%dT%H:%M:%S.000Z"),
        time("%H:%M:%S"),
        time("%H:%M"),
        time("%Y-%m"),
        time("%Y"),
        json("object"),
        json("array"),
        json("integer"),
        json("text"),
        Source::Uuid,
        Source::Pattern { pieces: vec![Piece::Run, Piece::Text("@example.com".to_owned())], shortest: 0 },
        Source::Pattern { pieces: vec![Piece::Text("https://example.com/".to_owned()), Piece::Run], shortest: 0 },
    ]);
    for length in [1, 4, 16, 20, 32, 64] {
        kinds.push(Source::Blob { shortest: length, longest: length });
    }
    for constant in constants(texts) {
        if let Value::Text(text) = constant {
            kinds.push(Source::Pattern { pieces: vec![Piece::Text(text.clone()), Piece::Run], shortest: 0 });
            kinds.push(Source::Pattern { pieces: vec![Piece::Run, Piece::Text(text.clone())], shortest: 0 });
            kinds.push(Source::Pattern { pieces: vec![Piece::Run, Piece::Text(text), Piece::Run], shortest: 0 });
        }
    }
    kinds
}

/// The literals of expressions.
fn constants(texts: &[&str]) -> Vec<Value> {
    let mut found = Vec::new();
    for text in texts {
        for token in tokens(text) {
            let value = match token.kind {
                TokenKind::Text | TokenKind::Number | TokenKind::Blob => Expression::parse(token.text, &[]),
                TokenKind::Quoted if token.text.starts_with('"') => Expression::parse(token.text, &[]),
                _ => continue,
            };
            if let Expression::Value(value) = value
                && !found.contains(&value)
            {
                found.push(value);
            }
        }
    }
    found
}

/// Single values: the literals of the expressions, what is next to them, what they make together, and a few of each kind.
pub(crate) fn candidates(texts: &[&str], key_of: u64) -> Vec<ValueBuf> {
    let mut values: Vec<Value> = vec![Value::Null];
    let constants = constants(texts);
    for constant in &constants {
        values.push(constant.clone());
        match constant {
            Value::Integer(number) => {
                for near in
                    [number.wrapping_sub(1), number.wrapping_add(1), number.wrapping_neg(), number.wrapping_mul(2)]
                {
                    values.push(Value::Integer(near));
                }
                if let Ok(length) = usize::try_from(*number)
                    && length <= 4096
                {
                    for length in [length.saturating_sub(1), length, length + 1] {
                        values.push(Value::Text("x".repeat(length)));
                        values.push(Value::Text("7".repeat(length)));
                        values.push(Value::Blob(vec![7; length]));
                    }
                }
            }
            Value::Blob(bytes) => {
                // Behind a beginning that is named, up to a length that is named.
                let lengths = constants.iter().filter_map(|other| match other {
                    Value::Integer(length) => usize::try_from(*length).ok(),
                    _ => None,
                });
                for length in lengths.filter(|length| (bytes.len() + 1..=4096).contains(length)) {
                    for last in 0..64 {
                        let mut longer = bytes.clone();
                        longer.resize(length - 1, 7);
                        longer.push(last);
                        values.push(Value::Blob(longer));
                    }
                }
            }
            Value::Real(number) => values.extend([number - 0.5, number + 0.5].map(Value::Real)),
            Value::Text(text) => {
                // Also what a pattern matches.
                values.push(Value::Text(text.replace(['%', '_', '*', '?'], "x")));
                for other in &constants {
                    if let Value::Text(other) = other {
                        values.push(Value::Text(format!("{text}{other}")));
                        values.push(Value::Text(format!("{text}x{other}")));
                        let rest = text.strip_suffix(other.as_str()).or_else(|| text.strip_prefix(other.as_str()));
                        values.extend(rest.map(|rest| Value::Text(rest.to_owned())));
                    }
                }
                values.push(Value::Text(format!("{{\"{}\": 1}}", text.trim_start_matches("$."))));
                values.push(Value::Text(format!("{{\"{}\": \"x\"}}", text.trim_start_matches("$."))));
            }
            _ => {}
        }
    }
    for one in &constants {
        for two in &constants {
            if let (Value::Integer(one), Value::Integer(two)) = (one, two) {
                let both = [one.checked_add(*two), one.checked_sub(*two), one.checked_mul(*two), one.checked_div(*two)];
                values.extend(both.into_iter().flatten().map(Value::Integer));
            }
        }
    }
    values.extend([0, 1, -1, 2, 10, 100, 1000].map(Value::Integer));
    values.extend([0.5, -0.5].map(Value::Real));
    values.extend(["", "x", "X", "0", "1", "a b", "{}", "[]", "null"].map(|text| Value::Text(text.to_owned())));
    let mut pool: Vec<ValueBuf> = values.iter().map(ValueBuf::from).collect();
    for (index, kind) in kinds(texts).iter().enumerate() {
        let mut made = ValueBuf::default();
        kind.make(&mut Draw::new(key(key_of, index as u64)), None, &mut made);
        pool.push(made);
    }
    let mut distinct: Vec<ValueBuf> = Vec::new();
    for made in pool {
        if !distinct.contains(&made) {
            distinct.push(made);
        }
    }
    distinct
}
