//! What children ask of their parents: a CHECK about a foreign key is one about the key that it refers to, or rows would
//! find no parent. `currency TEXT REFERENCES currencies CHECK (length(currency) = 3)` makes currencies of three letters.
//!
//! If there is room for all parents among such values, all have them. If there is not, as for `CHECK (kind IN ('a', 'b'))`,
//! the first ones have, and children take those; other children may want others.

use rusqlite::Connection;

use crate::data::constraints::condition::{Condition, ConditionKind};
use crate::data::constraints::conditions;
use crate::data::constraints::evaluator::Evaluator;
use crate::data::constraints::group::{ColumnGroup, ColumnSource, Solution};
use crate::data::constraints::input::SolverInput;
use crate::data::constraints::solver::solve;
use crate::data::constraints::trial::Trial;
use crate::data::fill::references;
use crate::data::values::domain::Nullability;
use crate::data::values::value_buf::{ValueBuf, ValueKind};
use crate::draw::{Draw, key, named};
use crate::error::Result;
use crate::schema::{Schema, Table};
use crate::sql::{TokenKind, quote_identifier, tokens};

/// How many values the first rows have at most.
const MOST: u64 = 64;

/// The columns of a table about which its children have a CHECK, and what it says. `names` are those of the table's columns.
pub(super) fn of_children(
    schema: &Schema,
    parent: usize,
    names: &[String],
    children: &[usize],
) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    for &child in children {
        let table = &schema.tables[child];
        for foreign in
            table.foreign_keys.iter().filter(|key| key.parent.eq_ignore_ascii_case(&schema.tables[parent].name))
        {
            let [own] = &foreign.columns[..] else { continue };
            let theirs = references::parent_columns(schema, Some(parent), foreign);
            let Some([theirs]) = theirs.as_deref() else { continue };
            let Some(at) = names.iter().position(|name| name.eq_ignore_ascii_case(theirs)) else { continue };
            let texts = about(table, own, &names[at]);
            if !texts.is_empty() {
                found.push((at, texts));
            }
        }
    }
    found
}

/// What the CHECKs of a table say of one column alone, with another name for it.
fn about(table: &Table, column: &str, other: &str) -> Vec<String> {
    let names_it =
        |text: &str| tokens(text).iter().filter_map(|token| token.name()).any(|name| name.eq_ignore_ascii_case(column));
    if !table.checks.iter().any(|check| names_it(&check.expression)) {
        return Vec::new();
    }
    let names: Vec<String> = table.columns.iter().map(|column| column.name.to_string()).collect();
    let Some(at) = names.iter().position(|name| name.eq_ignore_ascii_case(column)) else { return Vec::new() };
    let of_table = conditions::of_table(table, &names);
    let checks =
        of_table.iter().filter(|condition| condition.kind == ConditionKind::Check && condition.columns.contains(&at));
    checks
        .filter_map(|check| {
            if check.columns == [at] { Some(renamed(&check.shown, column, other)) } else { listed(check, at, other) }
        })
        .collect()
}

fn renamed(text: &str, column: &str, other: &str) -> String {
    let mut renamed = String::new();
    let mut end = 0;
    for token in tokens(text) {
        renamed.push_str(&text[end..token.start]);
        let is_it = matches!(token.kind, TokenKind::Word | TokenKind::Quoted)
            && token.name().is_some_and(|name| name.eq_ignore_ascii_case(column));
        if is_it {
            renamed.push_str(&quote_identifier(other));
        } else {
            renamed.push_str(token.text);
        }
        end = token.end();
    }
    renamed.push_str(&text[end..]);
    renamed
}

/// The values of a column in all ways to satisfy a CHECK about several: `(kind = 'a' AND x IS NULL) OR (kind = 'b' …)`.
fn listed(check: &Condition, column: usize, other: &str) -> Option<String> {
    let mut values = Vec::new();
    for branch in &check.branches {
        let (_, domain) = branch.domains.iter().find(|(of, _)| *of == column)?;
        values.extend(domain.choices.as_ref()?.iter().map(|value| ValueBuf::from(value).sql_literal()));
    }
    (!values.is_empty()).then(|| format!("{} IN ({})", quote_identifier(other), values.join(", ")))
}

/// What the first rows have in each column, where children ask for it. A column for which all rows can have what is asked for
/// gets a group instead.
pub(super) fn first(
    connection: &Connection,
    input: &SolverInput<'_>,
    conditions: &[Condition],
    children: &[(usize, Vec<String>)],
    needed: u64,
    is_own: &dyn Fn(usize) -> bool,
    groups: &mut Vec<ColumnGroup>,
) -> Result<Vec<Vec<ValueBuf>>> {
    let mut first: Vec<Vec<ValueBuf>> = vec![Vec::new(); input.names.len()];
    if children.is_empty() {
        return Ok(first);
    }
    let evaluator = Evaluator::of(connection, input.table)?;
    for (column, first) in first.iter_mut().enumerate() {
        let asked: Vec<&Vec<String>> =
            children.iter().filter(|(of, _)| *of == column).map(|(_, texts)| texts).collect();
        let own: Vec<Condition> =
            conditions.iter().filter(|condition| condition.columns.contains(&column)).cloned().collect();
        if asked.is_empty() || !is_own(column) || own.iter().any(|condition| condition.columns.len() > 1) {
            continue;
        }
        let both = |texts: &[&String]| -> Option<ColumnGroup> {
            let of = |text: &&String| conditions::of_check(None, text, input.table, &input.names);
            let conditions: Vec<Condition> = own.iter().cloned().chain(texts.iter().map(of)).collect();
            let evaluator = Evaluator::of(connection, input.table).ok()?;
            solve(input, &conditions, &evaluator).ok()?.pop()
        };
        let texts: Vec<&String> = asked.iter().copied().flatten().collect();
        if passes(input, column, &texts, groups, &evaluator) {
            continue;
        }
        match both(&texts) {
            Some(group) if room(&group) >= needed => {
                groups.retain(|other| !other.columns.contains(&column));
                groups.push(group);
            }
            Some(group) => *first = values(&group),
            // No value suits all of them: each child has its own, in turn.
            None => {
                let of_child = |texts: &&Vec<String>| both(&texts.iter().collect::<Vec<_>>()).map(|own| values(&own));
                let lists: Vec<Vec<ValueBuf>> = asked.iter().filter_map(of_child).collect();
                for at in 0..lists.iter().map(Vec::len).max().unwrap_or(0) {
                    for made in lists.iter().filter_map(|list| list.get(at)) {
                        if !first.contains(made) {
                            first.push(made.clone());
                        }
                    }
                }
            }
        }
    }
    Ok(first)
}

/// Whether what a column is made of anyway is what is asked for.
fn passes(
    input: &SolverInput<'_>,
    column: usize,
    texts: &[&String],
    groups: &[ColumnGroup],
    evaluator: &Evaluator<'_>,
) -> bool {
    let texts: Vec<&str> = texts.iter().map(|text| text.as_str()).collect();
    let plain = || {
        let sources = vec![ColumnSource {
            column,
            source: input.default_sources[column].clone(),
            nullability: Nullability::Forbidden,
        }];
        vec![Solution::Generated { sources, relations: Vec::new() }]
    };
    let solutions =
        groups.iter().find(|group| group.columns == [column]).map_or_else(plain, |own| own.solutions.clone());
    let columns = [column];
    let Some(mut trial) = Trial::prepare(input, &columns, input.seed, evaluator, &texts) else { return true };
    solutions.iter().all(|solution| trial.accepts(solution))
}

/// How many rows can differ.
fn room(group: &ColumnGroup) -> u64 {
    let of_solution = |solution: &Solution| match solution {
        Solution::Listed(rows) => rows.len() as u64,
        Solution::Generated { sources, .. } => sources[0].source.as_ref().map_or(0, |source| source.capacity()),
    };
    group.solutions.iter().map(of_solution).max().unwrap_or(0)
}

fn values(group: &ColumnGroup) -> Vec<ValueBuf> {
    let mut found: Vec<ValueBuf> = Vec::new();
    let mut add = |made: ValueBuf| {
        if made.kind() != ValueKind::Null && !found.contains(&made) {
            found.push(made);
        }
    };
    for solution in &group.solutions {
        match solution {
            Solution::Listed(rows) => rows.iter().for_each(|row| add(row[0].clone())),
            Solution::Generated { sources, .. } => {
                let Some(source) = &sources[0].source else { continue };
                for number in 0..source.capacity().min(MOST) {
                    let mut made = ValueBuf::default();
                    source.make(&mut Draw::new(key(named(group.key, "first"), number)), Some(number), &mut made);
                    add(made);
                }
            }
        }
    }
    found
}

/// The keys of rows that are there and that the CHECKs of a child take.
pub(super) fn fitting(
    connection: &Connection,
    child: &Table,
    column: &str,
    parent: &Table,
    parent_column: &str,
) -> Result<Vec<Vec<ValueBuf>>> {
    let mut keys = references::there(connection, parent, &[parent_column.to_owned().into()])?;
    let texts = about(child, column, parent_column);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let evaluator = Evaluator::of(connection, parent)?;
    let Some(mut check) = evaluator.prepare(&[parent_column], &texts) else { return Ok(Vec::new()) };
    keys.retain(|key| check.passes(&[&key[0]]));
    Ok(keys)
}
