//! CHECKs of children on a foreign key hold for the parent's key too, or rows would find no parent.
//! `currency TEXT REFERENCES currencies CHECK (length(currency) = 3)` makes currencies of three letters.
//!
//! If enough values satisfy a CHECK, all parents get such values. If not, as with `CHECK (kind IN ('a', 'b'))`, only the
//! first parents do, and children refer to those; other children may need others.

use rusqlite::Connection;

use crate::data::constraints::candidates::add_new;
use crate::data::constraints::condition::{Condition, ConditionKind};
use crate::data::constraints::conditions;
use crate::data::constraints::group::{ColumnGroup, ColumnSource, Solution, SolverInput};
use crate::data::constraints::solver::solve;
use crate::data::constraints::trial::{Evaluator, Trial};
use crate::data::fill::context::existing_keys;
use crate::data::fill::plan::table_plan::TableShape;
use crate::data::relations::Relation;
use crate::data::values::domain::Nullability;
use crate::data::values::value_buf::{ValueBuf, ValueKind};
use crate::draw::{Draw, key, named};
use crate::error::Result;
use crate::schema::{Name, Table};
use crate::sql::{TokenKind, quote_identifier, same_name, tokens};

/// The first rows get at most this many values.
const MOST: u64 = 64;

/// The CHECKs of a child on a foreign key, as texts about the column to which it refers.
pub(super) struct ChildCheck {
    column: usize,
    texts: Vec<String>,
}

/// Returns the CHECKs of the tables that are filled later.
pub(super) fn of_children(shape: &TableShape<'_>) -> Vec<ChildCheck> {
    let mut found = Vec::new();
    for &child in shape.later {
        let refers_here = |key: &&Relation| key.parent == Some(shape.at);
        for foreign in shape.context.relations[child].iter().filter(refers_here) {
            let ([own], Some([theirs])) = (&foreign.columns[..], foreign.parent_columns.as_deref()) else { continue };
            let Some(column) = shape.column(theirs) else { continue };
            let texts = checks_on(&shape.context.schema.tables[child], own, &shape.names[column]);
            if !texts.is_empty() {
                found.push(ChildCheck { column, texts });
            }
        }
    }
    found
}

/// Returns the CHECKs of a table on one column, with another name for it.
fn checks_on(table: &Table, column: &str, other: &str) -> Vec<String> {
    let names_it =
        |text: &str| tokens(text).iter().filter_map(|token| token.name()).any(|name| same_name(&name, column));
    if !table.checks.iter().any(|check| names_it(&check.expression)) {
        return Vec::new();
    }
    let names: Vec<String> = table.columns.iter().map(|column| column.name.to_string()).collect();
    let Some(at) = names.iter().position(|name| same_name(name, column)) else { return Vec::new() };
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
        let is_it = matches!(token.kind, TokenKind::Word | TokenKind::Quoted)
            && token.name().is_some_and(|name| same_name(&name, column));
        if is_it {
            renamed.push_str(&text[end..token.start]);
            renamed.push_str(&quote_identifier(other));
            end = token.end();
        }
    }
    renamed.push_str(&text[end..]);
    renamed
}

/// Returns the values of a column in all solutions of a CHECK on several: `(kind = 'a' AND x IS NULL) OR (kind = …)`.
fn listed(check: &Condition, column: usize, other: &str) -> Option<String> {
    let mut values = Vec::new();
    for branch in &check.branches {
        let (_, domain) = branch.domains.iter().find(|(of, _)| *of == column)?;
        values.extend(domain.choices.as_ref()?.iter().map(|value| ValueBuf::from(value).sql_literal()));
    }
    (!values.is_empty()).then(|| format!("{} IN ({})", quote_identifier(other), values.join(", ")))
}

/// Makes the keys of a table satisfy the CHECKs of its children.
pub(super) struct ChildChecks<'f> {
    pub(super) connection: &'f Connection,
    pub(super) input: &'f SolverInput<'f>,
    pub(super) conditions: &'f [Condition],
    pub(super) checks: &'f [ChildCheck],
    /// The number of rows that have to differ.
    pub(super) needed: u64,
}

impl ChildChecks<'_> {
    /// Returns the values of the first rows for each column. A column for which there are enough values gets a group
    /// instead. `is_own` returns true if the values of a column can be chosen freely.
    pub(super) fn first_values(
        &self,
        is_own: &dyn Fn(usize) -> bool,
        groups: &mut Vec<ColumnGroup>,
    ) -> Result<Vec<Vec<ValueBuf>>> {
        let mut first: Vec<Vec<ValueBuf>> = vec![Vec::new(); self.input.names.len()];
        if self.checks.is_empty() {
            return Ok(first);
        }
        let evaluator = Evaluator::of(self.connection, self.input.table)?;
        for (column, first) in first.iter_mut().enumerate() {
            let of_column = self.checks.iter().filter(|check| check.column == column);
            let by_child: Vec<&[String]> = of_column.map(|check| &check.texts[..]).collect();
            if by_child.is_empty() || !is_own(column) || self.own(column).any(|condition| condition.columns.len() > 1) {
                continue;
            }
            let texts: Vec<&String> = by_child.iter().copied().flatten().collect();
            if self.passes(column, &texts, groups, &evaluator) {
                continue;
            }
            match self.group(column, &texts, &evaluator) {
                Some(group) if room(&group) >= self.needed => {
                    groups.retain(|other| !other.columns.contains(&column));
                    groups.push(group);
                }
                Some(group) => *first = values(&group),
                None => *first = self.in_turn(column, &by_child, &evaluator),
            }
        }
        Ok(first)
    }

    /// Returns the table's own conditions on a column.
    fn own(&self, column: usize) -> impl Iterator<Item = &Condition> {
        self.conditions.iter().filter(move |condition| condition.columns.contains(&column))
    }

    /// Returns the values of a column that satisfy its own conditions and these.
    fn group(&self, column: usize, texts: &[&String], evaluator: &Evaluator<'_>) -> Option<ColumnGroup> {
        let of = |text: &&String| conditions::of_check(None, text, self.input.table, &self.input.names);
        let conditions: Vec<Condition> = self.own(column).cloned().chain(texts.iter().map(of)).collect();
        solve(self.input, &conditions, evaluator).ok()?.pop()
    }

    /// Returns values for each child in turn, if no value suits all children.
    fn in_turn(&self, column: usize, by_child: &[&[String]], evaluator: &Evaluator<'_>) -> Vec<ValueBuf> {
        let of_child =
            |texts: &&[String]| Some(values(&self.group(column, &texts.iter().collect::<Vec<_>>(), evaluator)?));
        let lists: Vec<Vec<ValueBuf>> = by_child.iter().filter_map(of_child).collect();
        let mut found: Vec<ValueBuf> = Vec::new();
        for at in 0..lists.iter().map(Vec::len).max().unwrap_or(0) {
            lists.iter().filter_map(|list| list.get(at)).for_each(|value| add_new(&mut found, value.clone()));
        }
        found
    }

    /// Returns true if the values that a column gets anyway satisfy these conditions.
    fn passes(&self, column: usize, texts: &[&String], groups: &[ColumnGroup], evaluator: &Evaluator<'_>) -> bool {
        let input = self.input;
        let texts: Vec<&str> = texts.iter().map(|text| text.as_str()).collect();
        let plain = || {
            let sources = vec![ColumnSource {
                column,
                source: input.default_sources[column].clone(),
                nullability: Nullability::Forbidden,
            }];
            vec![Solution::Generated { sources, relations: Vec::new() }]
        };
        let own = groups.iter().find(|group| group.columns == [column]);
        let solutions = own.map_or_else(plain, |own| own.solutions.clone());
        let columns = [column];
        let Some(mut trial) = Trial::prepare(input, &columns, input.seed, evaluator, &texts) else { return true };
        solutions.iter().all(|solution| trial.accepts(solution))
    }
}

/// Returns the number of rows that can differ.
fn room(group: &ColumnGroup) -> u64 {
    let of_solution = |way: &Solution| match way {
        Solution::Listed(rows) => rows.len() as u64,
        Solution::Generated { sources, .. } => sources[0].source.as_ref().map_or(0, |source| source.capacity()),
    };
    group.solutions.iter().map(of_solution).max().unwrap_or(0)
}

fn values(group: &ColumnGroup) -> Vec<ValueBuf> {
    let mut found: Vec<ValueBuf> = Vec::new();
    let mut add = |value: ValueBuf| {
        if value.kind() != ValueKind::Null {
            add_new(&mut found, value);
        }
    };
    for way in &group.solutions {
        match way {
            Solution::Listed(rows) => rows.iter().for_each(|row| add(row[0].clone())),
            Solution::Generated { sources, .. } => {
                let Some(source) = &sources[0].source else { continue };
                for number in 0..source.capacity().min(MOST) {
                    let mut value = ValueBuf::default();
                    source.make(&mut Draw::new(key(named(group.key, "first"), number)), Some(number), &mut value);
                    add(value);
                }
            }
        }
    }
    found
}

/// Returns the existing keys of a parent that satisfy the CHECKs of a child on a column that refers to them.
pub(super) fn fitting(
    connection: &Connection,
    (child, column): (&Table, &str),
    (parent, parent_column): (&Table, &Name),
) -> Result<Vec<Vec<ValueBuf>>> {
    let texts = checks_on(child, column, parent_column);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut keys = existing_keys(connection, parent, std::slice::from_ref(parent_column))?;
    let evaluator = Evaluator::of(connection, parent)?;
    let Some(mut check) = evaluator.prepare(&[parent_column], &texts) else { return Ok(Vec::new()) };
    keys.retain(|key| check.passes(&key[..1]));
    Ok(keys)
}
