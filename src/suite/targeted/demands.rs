//! The rows that the queries of a statement ask for.

use rusqlite::types::Value;

use super::candidates::{Candidate, candidates};
use super::resolve::{KnownTables, LocalExpression, SourceColumn, SourceId, sides, without_alias};
use super::rows::{RowMaker, RowRequest};
use super::scopes::{self, Scope, Tokens, alternatives};
use crate::db::Image;
use crate::error::Result;
use crate::schema::references::column_names;
use crate::schema::{Schema, Table, TriggerText};
use crate::sql::{Name, Token, TokenKind, between_commas, outside, quote_identifier, tokens};
use crate::suite::rows::unique_keys;
use crate::suite::statements::Effect;
use crate::suite::versions::{UpgradeStep, VersionState, VersionedDatabases};

/// A LIMIT beyond this is not reached.
const MOST_OF_LIMIT: u64 = 5_000;

/// Returns a database from before a migration with rows for its statements, or nothing if they ask for none.
pub(crate) fn targeted_rows(
    databases: &VersionedDatabases,
    step: &UpgradeStep,
    source: &VersionState,
) -> Result<Option<Image>> {
    let effects = databases.effects(step.index);
    let is_change = |effect: &Effect| matches!(effect, Effect::Insert(_) | Effect::Update(_) | Effect::Delete(_));
    if !effects.iter().any(|effect| is_change(&effect.effect)) {
        return Ok(None);
    }
    let before: &Schema = &source.schema;
    let after = match &step.after {
        Some(after) => (*after.schema).clone(),
        None => Schema::read(&*databases.empty(step.index + 1)?)?,
    };
    let database = databases.open(&source.image)?;
    let mut maker = RowMaker::new(&database, before, &databases.plan);
    let mut known = KnownTables::of(before);
    for (at, statement) in databases.migration(step.index).statements().iter().enumerate() {
        let tokens = tokens(statement.text);
        let scopes = scopes::of_statement(&tokens);
        Reading { known: &known, scopes: &scopes }.make(&mut maker);
        let of_statement = || effects.iter().filter(|effect| effect.statement == at).map(|effect| &effect.effect);
        for effect in of_statement() {
            fired(effect, before, &known, &mut maker);
        }
        known.apply(of_statement(), &scopes, &after);
    }
    if maker.made == 0 {
        return Ok(None);
    }
    drop(maker);
    database.image().map(Some)
}

/// Makes rows for the triggers that a change fires.
fn fired(effect: &Effect, before: &Schema, known: &KnownTables<'_>, maker: &mut RowMaker<'_>) {
    let (table, event) = match effect {
        Effect::Insert(table) => (table, "INSERT"),
        Effect::Delete(table) => (table, "DELETE"),
        Effect::Update(assignment) => (&assignment.table, "UPDATE"),
        _ => return,
    };
    for trigger in before.table(table).iter().flat_map(|table| &table.triggers) {
        let Some(text) = TriggerText::of(&trigger.sql).filter(|text| text.event.eq_ignore_ascii_case(event)) else {
            continue;
        };
        let scopes = scopes::of_trigger(table, &text.when, &text.statements);
        Reading { known, scopes: &scopes }.make(maker);
    }
}

/// The queries of a statement, and the tables that they read.
struct Reading<'r, 's, 'a> {
    known: &'r KnownTables<'s>,
    scopes: &'r [Scope<'a>],
}

/// One side of `a = b`: a column, and the request for rows of its source.
struct End<'s> {
    table: &'s Table,
    column: Name,
    rows: RowRequest,
}

impl<'s> Reading<'_, 's, '_> {
    fn make(&self, maker: &mut RowMaker<'_>) {
        for scope in 0..self.scopes.len() {
            for source in 0..self.scopes[scope].sources.len() {
                if let Some(table) = self.known.table_of(self.scopes, (scope, source)) {
                    self.sides_of_conditions((scope, source), table, maker);
                }
            }
        }
        for scope in 0..self.scopes.len() {
            self.arms(scope, maker);
            self.links(scope, maker);
            self.alike(scope, maker);
            self.values(scope, maker);
            self.beyond_limit(scope, maker);
        }
    }

    /// Returns the conditions about one source, with their tokens.
    fn conditions_of(&self, source: SourceId) -> Vec<(LocalExpression<'s>, &Tokens<'_>)> {
        let all =
            self.scopes.iter().enumerate().flat_map(|(scope, it)| it.conditions.iter().map(move |of| (scope, of)));
        let local = all.filter_map(|(scope, tokens)| Some((self.known.local(self.scopes, scope, tokens)?, tokens)));
        local.filter(|(local, _)| local.source == source).collect()
    }

    /// Returns the request for a row of which all conditions about its source are true.
    fn matching(&self, source: SourceId) -> RowRequest {
        let all = self.conditions_of(source).into_iter().map(|(local, _)| is_true(&local.sql));
        RowRequest { conditions: all.collect(), values: Vec::new() }
    }

    /// Makes a row of which all conditions are true, and rows of which one is false or NULL.
    fn sides_of_conditions(&self, source: SourceId, table: &Table, maker: &mut RowMaker<'_>) {
        let conditions = self.conditions_of(source);
        if conditions.is_empty() {
            return;
        }
        let texts: Vec<String> = conditions.iter().map(|(local, _)| is_true(&local.sql)).collect();
        maker.ensure(table, &RowRequest::of(&texts), 1);
        for (at, (local, tokens)) in conditions.iter().enumerate() {
            let mut others = texts.clone();
            others.remove(at);
            let others = RowRequest::of(&others);
            for way in ways(tokens) {
                if let Some(way) = self.known.local(self.scopes, source.0, &way) {
                    maker.ensure(table, &others.and(is_true(&way.sql)), 1);
                }
            }
            maker.ensure(table, &others.and(format!("({}) IS FALSE", local.sql)), 1);
            for column in nullable(table, &local.columns) {
                maker.ensure(table, &others.and(format!("{} IS NULL", quote_identifier(column))), 1);
            }
        }
    }

    /// Makes a row for each condition of a CASE, and one for none.
    fn arms(&self, scope: usize, maker: &mut RowMaker<'_>) {
        let mut none: Option<(LocalExpression<'s>, RowRequest)> = None;
        for arm in &self.scopes[scope].arms {
            let Some(local) = self.known.local(self.scopes, scope, arm) else { continue };
            let matching = self.matching(local.source);
            maker.ensure(local.table, &matching.and(is_true(&local.sql)), 1);
            for column in nullable(local.table, &local.columns) {
                maker.ensure(local.table, &matching.and(format!("{} IS NULL", quote_identifier(column))), 1);
            }
            let (first, others) = none.get_or_insert((local.clone(), matching));
            if first.source == local.source {
                *others = others.and(format!("({}) IS NOT TRUE", local.sql));
            }
        }
        if let Some((local, others)) = none {
            maker.ensure(local.table, &others, 1);
        }
    }

    /// Makes partners for rows that a statement joins or looks up: none, one and two.
    fn links(&self, scope: usize, maker: &mut RowMaker<'_>) {
        let it = &self.scopes[scope];
        let column = |tokens: &[Token<'_>]| self.known.column(self.scopes, scope, tokens);
        let mut found: Vec<(SourceColumn<'s>, SourceColumn<'s>)> = Vec::new();
        for condition in &it.conditions {
            if let Some((left, right)) = sides(condition) {
                found.extend(column(left).zip(column(right)));
            }
        }
        for (left, query) in &it.contained {
            let results = self.known.results(self.scopes, *query);
            found.extend(left.iter().zip(results).filter_map(|(left, right)| column(left).zip(right)));
        }
        for (right, name) in &it.shared {
            let of = |at| self.known.in_source(self.scopes, (scope, at), name);
            found.extend((0..*right).find_map(of).zip(of(*right)));
        }
        for (one, other) in &found {
            if one.source == other.source {
                continue;
            }
            if one.table.name != other.table.name || one.column != other.column {
                self.link(&self.end(one), &self.end(other), maker);
                continue;
            }
            // A table is joined with itself: two rows are equal in all columns that the join compares.
            let is_same = |(left, right): &&(SourceColumn<'s>, SourceColumn<'s>)| {
                left.source == one.source && right.source == other.source && left.column == right.column
            };
            let columns: Vec<Name> = found.iter().filter(is_same).map(|(left, _)| left.column.clone()).collect();
            duplicates(one.table, &columns, &self.matching(one.source), maker);
        }
    }

    fn end(&self, column: &SourceColumn<'s>) -> End<'s> {
        End { table: column.table, rows: self.matching(column.source), column: column.column.clone() }
    }

    fn link(&self, one: &End<'_>, other: &End<'_>, maker: &mut RowMaker<'_>) {
        let shared = partner(one, other, maker).or_else(|| partner(other, one, maker));
        for (end, twin) in [(one, other), (other, one)] {
            if let Some(value) = &shared
                && !is_unique(end.table, std::slice::from_ref(&end.column))
            {
                maker.ensure(end.table, &end.rows.with(&end.column, value.clone()), 2);
            }
            alone(end, twin, maker);
        }
    }

    /// Makes rows that are alike where a statement groups them.
    fn alike(&self, scope: usize, maker: &mut RowMaker<'_>) {
        for keys in &self.scopes[scope].alike {
            let columns = keys.iter().map(|key| self.known.column(self.scopes, scope, without_alias(key)));
            let columns: Option<Vec<SourceColumn<'s>>> = columns.collect();
            let Some(columns) = columns else { continue };
            let Some(first) = columns.first() else { continue };
            if columns.iter().all(|column| column.source == first.source) {
                let names: Vec<Name> = columns.iter().map(|column| column.column.clone()).collect();
                duplicates(first.table, &names, &self.matching(first.source), maker);
            }
        }
    }

    /// Makes rows with values that an expression changes, where it leaves all others alone.
    fn values(&self, scope: usize, maker: &mut RowMaker<'_>) {
        let it = &self.scopes[scope];
        let set = it.assignments.iter().map(|(column, value)| (Some(column), value.as_slice()));
        let copied = it.results.iter().filter(|_| it.target.is_some()).map(|result| (None, without_alias(result)));
        for (column, value) in set.chain(copied) {
            let Some(local) = self.known.local(self.scopes, scope, value) else { continue };
            if value.len() < 2 || self.known.column(self.scopes, scope, value).is_some() {
                continue;
            }
            let stored = column.filter(|column| local.columns.contains(*column)).or(local.columns.first());
            if let Some(stored) = stored {
                let is_key = column
                    .is_some_and(|column| unique_keys(local.table).flatten().any(|term| term.what.is_column(column)));
                let is_merged = it.has_conflict_clause || is_key;
                changed_by(&local, stored, &self.matching(local.source), is_merged, maker);
            }
        }
    }

    /// Makes one row more than a LIMIT takes.
    fn beyond_limit(&self, scope: usize, maker: &mut RowMaker<'_>) {
        let Some(limit) = self.scopes[scope].limit.filter(|limit| *limit <= MOST_OF_LIMIT) else { return };
        if let Some(table) = self.known.table_of(self.scopes, (scope, 0)) {
            maker.ensure(table, &self.matching((scope, 0)), limit + 1);
        }
    }
}

fn is_true(sql: &str) -> String {
    format!("({sql}) IS TRUE")
}

/// Returns the columns that may be NULL.
fn nullable<'c>(table: &Table, columns: &'c [Name]) -> impl Iterator<Item = &'c Name> {
    columns.iter().filter(|column| table.column(column).is_some_and(|it| !it.not_null && it.generated.is_none()))
}

/// Returns the single ways in which a condition is true: the sides of OR, the values of IN.
fn ways<'a>(condition: &Tokens<'a>) -> Vec<Tokens<'a>> {
    let alternatives = alternatives(condition);
    let list = outside(condition).find(|(at, token)| {
        token.is("in")
            && condition.get(at + 1).is_some_and(|open| open.is_symbol("("))
            && condition.last().is_some_and(|end| end.is_symbol(")"))
    });
    let Some((at, _)) = list.filter(|(at, _)| alternatives.is_empty() && !condition[at.saturating_sub(1)].is("not"))
    else {
        return alternatives;
    };
    let equals = Token { kind: TokenKind::Symbol, text: "=", start: 0 };
    let values = between_commas(&condition[at + 2..condition.len() - 1]).into_iter();
    values.take(8).map(|value| [&condition[..at], &[equals], value].concat()).collect()
}

/// Makes a row whose partner satisfies its conditions too. Returns the value that they share.
fn partner(one: &End<'_>, other: &End<'_>, maker: &mut RowMaker<'_>) -> Option<Value> {
    maker.ensure(one.table, &one.rows, 1);
    let column = quote_identifier(&one.column);
    let partners = format!(
        "{column} IN (SELECT {} FROM {} WHERE {})",
        quote_identifier(&other.column),
        quote_identifier(&other.table.name),
        all_of(&other.rows)
    );
    if let Some(value) = maker.value(one.table, &one.rows.and(partners), &column) {
        return Some(value);
    }
    let value = maker.value(one.table, &one.rows, &column)?;
    maker.ensure(other.table, &other.rows.with(&other.column, value.clone()), 1).then_some(value)
}

fn all_of(rows: &RowRequest) -> String {
    if rows.conditions.is_empty() { String::from("1") } else { rows.conditions.join(" AND ") }
}

/// Makes a row without a partner, and one whose column is NULL.
fn alone(end: &End<'_>, twin: &End<'_>, maker: &mut RowMaker<'_>) {
    let column = quote_identifier(&end.column);
    let (other, table) = (quote_identifier(&twin.column), quote_identifier(&twin.table.name));
    let is_alone = end.rows.and(format!(
        "{column} IS NOT NULL AND {column} NOT IN (SELECT {other} FROM {table} WHERE {other} IS NOT NULL)"
    ));
    let is_there = |maker: &RowMaker<'_>| maker.value(end.table, &is_alone, "1").is_some();
    if !is_there(maker) {
        maker.make(end.table, &end.rows, 1);
    }
    let refers = end.table.foreign_keys.iter().any(|key| key.columns.contains(&end.column));
    if !is_there(maker) && !refers {
        let texts = format!("typeof({column}) = 'text'");
        let value = match maker.value(end.table, &RowRequest::of(&[texts]), "1") {
            Some(_) => Value::Text(String::from("no such partner")),
            None => Value::Integer(987_654_321),
        };
        maker.make(end.table, &end.rows.with(&end.column, value), 1);
    }
    for column in nullable(end.table, std::slice::from_ref(&end.column)) {
        maker.ensure(end.table, &end.rows.and(format!("{} IS NULL", quote_identifier(column))), 1);
    }
}

/// Returns true if no two rows can be equal in these columns.
fn is_unique(table: &Table, columns: &[Name]) -> bool {
    unique_keys(table).any(|terms| {
        let names = column_names(terms);
        names.len() == terms.len() && names.iter().all(|name| columns.iter().any(|column| column == name))
    })
}

/// Makes two rows that are equal in these columns.
fn duplicates(table: &Table, columns: &[Name], rows: &RowRequest, maker: &mut RowMaker<'_>) {
    if columns.is_empty() || is_unique(table, columns) || !maker.ensure(table, rows, 1) {
        return;
    }
    if maker.values(table, rows, columns).is_none() {
        let filled = columns.iter().map(|column| format!("{} IS NOT NULL", quote_identifier(column)));
        maker.ensure(table, &filled.fold(rows.clone(), |rows, condition| rows.and(condition)), 1);
    }
    let Some(values) = maker.values(table, rows, columns) else { return };
    let twins = columns.iter().zip(values).fold(rows.clone(), |rows, (column, value)| rows.with(column, value));
    maker.ensure(table, &twins, 2);
}

/// Makes rows with values that an expression changes, and with two values that it makes equal.
fn changed_by(
    expression: &LocalExpression<'_>,
    stored: &Name,
    rows: &RowRequest,
    is_merged: bool,
    maker: &mut RowMaker<'_>,
) {
    let table = expression.table;
    if !maker.ensure(table, rows, 1) {
        return;
    }
    let column = quote_identifier(stored);
    let is_changed = format!("({}) IS NOT {column}", expression.sql);
    if !is_merged && maker.value(table, &rows.and(is_changed), "1").is_some() {
        return;
    }
    let found: Vec<Candidate> = candidates(expression, stored, rows, maker);
    let make = |value: &Value, maker: &mut RowMaker<'_>| maker.ensure(table, &rows.with(stored, value.clone()), 1);
    let mut equal = found.iter().enumerate().filter_map(|(at, one)| {
        let twin = found[at + 1..].iter().find(|other| other.result == one.result && other.value != one.value)?;
        Some((one, twin))
    });
    // One pair is enough; a change may be one of form only, so there are several.
    let _ = equal.any(|(one, other)| make(&one.value, maker) && make(&other.value, maker));
    let changed = found.iter().filter(|candidate| candidate.is_changed);
    let _ = changed.filter(|candidate| make(&candidate.value, maker)).nth(2);
}
