//! The rows that the queries of a statement ask for.

use rusqlite::types::Value;

use super::conditions::{Tokens, calls_within, ways};
use super::links::{End, children, duplicates, link, nullable};
use super::pool::is_ruled_out;
use super::resolve::{KnownTables, LocalExpression, SourceColumn, SourceId, sides, without_alias};
use super::rows::{Partner, RowMaker, RowRequest};
use super::scope::{From, Scope, Target};
use super::values::changed_by;
use crate::schema::references::column_names;
use crate::schema::{Affinity, Column, Table};
use crate::sql::{Name, Token, quote_identifier};
use crate::suite::rows::{listed_values, unique_keys};

/// Rows that a statement counts beyond this are not made.
pub(super) const MOST_COUNTED: u64 = 100;

/// The distance of an extreme value from the others.
pub(super) const FAR: i64 = 1_000_003;

/// The queries of a statement, and the tables that they read.
pub(super) struct Reading<'r, 's, 'a> {
    pub(super) known: &'r KnownTables<'s>,
    pub(super) scopes: &'r [Scope<'a>],
}

impl<'s> Reading<'_, 's, '_> {
    pub(super) fn make(&self, maker: &mut RowMaker<'_>) {
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
            self.computed_links(scope, maker);
            self.collisions(scope, maker);
            self.alike(scope, maker);
            self.values(scope, maker);
            self.unique(scope, maker);
        }
    }

    /// Returns the conditions about one source, with their tokens.
    fn conditions_of(&self, source: SourceId) -> Vec<(LocalExpression<'s>, &Tokens<'_>)> {
        let all =
            self.scopes.iter().enumerate().flat_map(|(scope, it)| it.conditions.iter().map(move |of| (scope, of)));
        let local = all.filter_map(|(scope, tokens)| Some((self.known.local(self.scopes, scope, tokens)?, tokens)));
        local.filter(|(local, _)| local.source == source).collect()
    }

    /// Returns the request for a row of which all conditions about its source are true, and that finds such rows in the
    /// sources with which it is joined.
    pub(super) fn matching(&self, source: SourceId) -> RowRequest {
        self.joined(source, &mut vec![source])
    }

    fn joined(&self, source: SourceId, done: &mut Vec<SourceId>) -> RowRequest {
        let mut request = RowRequest::of(&self.true_of(source));
        let compared = self.compared(source.0, false);
        for (one, other) in compared.iter().flat_map(|(left, right)| [(left, right), (right, left)]) {
            let is_optional = self.scopes[other.source.0].sources[other.source.1].is_optional;
            if one.source != source || other.source.0 != source.0 || is_optional || done.contains(&other.source) {
                continue;
            }
            done.push(other.source);
            let both = compared.iter().flat_map(|(left, right)| [(left, right), (right, left)]);
            let of_pair = both.filter(|(left, right)| left.source == source && right.source == other.source);
            let (columns, of) = of_pair.map(|(left, right)| (left.column.clone(), right.column.clone())).unzip();
            let rows = self.joined(other.source, done);
            request.partners.push(Partner { columns, table: other.table.name.clone(), of, rows });
        }
        request
    }

    fn true_of(&self, source: SourceId) -> Vec<String> {
        self.conditions_of(source).iter().map(|(local, _)| is_true(&local.sql)).collect()
    }

    /// Makes a row of which all conditions are true, and rows of which one is false or NULL.
    fn sides_of_conditions(&self, source: SourceId, table: &Table, maker: &mut RowMaker<'_>) {
        let conditions = self.conditions_of(source);
        if conditions.is_empty() {
            return;
        }
        let texts: Vec<String> = conditions.iter().map(|(local, _)| is_true(&local.sql)).collect();
        if !maker.ensure(table, &RowRequest::of(&texts), 1) && !is_ruled_out(table, &texts, maker.connection) {
            let all: Vec<&str> = conditions.iter().map(|(local, _)| local.sql.as_str()).collect();
            maker.unmet.push(format!("{} where {}", table.name, all.join(" AND ")));
        }
        // What one statement copies, another may delete by other conditions.
        let others = maker.copied.iter().filter(|(of, copied)| *of == table.name && *copied != texts);
        let not_copied: Vec<String> = others.map(|(_, it)| format!("({}) IS NOT TRUE", it.join(" AND "))).collect();
        for condition in not_copied {
            maker.ensure(table, &RowRequest::of(&texts).and(condition), 1);
        }
        if self.scopes[source.0].target.is_some() {
            maker.copied.push((table.name.clone(), texts.clone()));
        }
        for (at, (local, tokens)) in conditions.iter().enumerate() {
            let mut others = texts.clone();
            others.remove(at);
            let others = RowRequest::of(&others);
            for way in ways(tokens) {
                if let Some(way) = self.known.local(self.scopes, source.0, &way) {
                    maker.ensure(table, &others.and(is_true(&way.sql)), 1);
                }
            }
            each_listed(local, &others, maker);
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
            each_listed(&local, &matching, maker);
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

    /// Makes partners for the rows that a query joins or looks up.
    fn links(&self, scope: usize, maker: &mut RowMaker<'_>) {
        let compared = self.compared(scope, true);
        let limit = self.scopes[scope].limit.filter(|limit| *limit <= MOST_COUNTED);
        let sharing = self.more_than_counted().max(limit.map_or(0, |limit| limit + 1));
        let mut done: Vec<(SourceId, SourceId)> = Vec::new();
        for (one, other) in &compared {
            let pair = (one.source, other.source);
            if one.source == other.source || done.contains(&pair) || done.contains(&(pair.1, pair.0)) {
                continue;
            }
            done.push(pair);
            // A row has one partner in all columns by which they are compared.
            let both = compared.iter().flat_map(|(left, right)| [(left, right), (right, left)]);
            let together = both.filter(|(left, right)| (left.source, right.source) == pair);
            let (left, right): (Vec<Name>, Vec<Name>) =
                together.map(|(left, right)| (left.column.clone(), right.column.clone())).unzip();
            if one.table.name == other.table.name && left == right {
                duplicates(one.table, &left, &self.matching(one.source), sharing, maker);
            } else {
                let (one, other) = (self.end(one, left, other.source), self.end(other, right, one.source));
                link(&one, &other, sharing, maker);
            }
        }
    }

    /// Makes partners for rows that are found by an expression: `files.path LIKE folders.path || '/%'`.
    fn computed_links(&self, scope: usize, maker: &mut RowMaker<'_>) {
        for condition in &self.scopes[scope].conditions {
            let like = condition.iter().position(|token| token.is("like"));
            let both = like.map(|at| (&condition[..at], &condition[at + 1..])).or_else(|| sides(condition));
            let Some((left, right)) = both else { continue };
            for (column, of) in [(left, right), (right, left)] {
                let column = self.known.column(self.scopes, scope, column);
                let is_column = self.known.column(self.scopes, scope, of).is_some();
                let Some((column, of)) = column.zip(self.known.local(self.scopes, scope, of)) else { continue };
                if column.source == of.source || is_column {
                    continue;
                }
                let value = maker.value(of.table, &self.matching(of.source), &of.sql).map(|value| match value {
                    Value::Text(text) if like.is_some() => Value::Text(text.replace(['%', '_'], "x")),
                    other => other,
                });
                if let Some(value) = value {
                    maker.ensure(column.table, &self.matching(column.source).with(&column.column, value), 1);
                }
            }
        }
    }

    /// Returns more rows than the statement counts: `HAVING count(*) > 2`, `row_number() OVER (..) AS n .. n > 20`.
    fn more_than_counted(&self) -> u64 {
        const COUNTS: [&str; 4] = ["count", "row_number", "rank", "dense_rank"];
        let counts = |tokens: &Tokens<'_>| tokens.iter().any(|token| COUNTS.iter().any(|word| token.is(word)));
        let mut most = 2;
        if !self.scopes.iter().any(|it| it.results.iter().chain(&it.conditions).chain(&it.having).any(counts)) {
            return most;
        }
        for (scope, it) in self.scopes.iter().enumerate() {
            let is_local = |condition: &&Tokens<'_>| self.known.local(self.scopes, scope, condition).is_some();
            for condition in it.conditions.iter().filter(|it| !is_local(it)).chain(&it.having) {
                let is_compared =
                    |at: usize| condition.get(at).is_some_and(|it| it.text.starts_with(['<', '>', '=', '!']));
                for (at, token) in condition.iter().enumerate() {
                    let number: u64 = token.text.parse().unwrap_or(0);
                    if number <= MOST_COUNTED && (is_compared(at + 1) || (at > 0 && is_compared(at - 1))) {
                        // Two of them may have the same rank.
                        most = most.max(number + 2);
                    }
                }
            }
        }
        most
    }

    /// Returns the pairs of columns that are compared, also with the results of queries.
    pub(super) fn compared(&self, scope: usize, with_queries: bool) -> Vec<(SourceColumn<'s>, SourceColumn<'s>)> {
        let it = &self.scopes[scope];
        let column = |tokens: &[_]| self.known.column(self.scopes, scope, tokens);
        let mut found: Vec<(SourceColumn<'s>, SourceColumn<'s>)> = Vec::new();
        for condition in &it.conditions {
            if let Some((left, right)) = sides(condition) {
                found.extend(column(left).zip(column(right)));
            }
        }
        for (left, query) in it.contained.iter().filter(|_| with_queries) {
            let results = self.known.results(self.scopes, *query);
            found.extend(left.iter().zip(results).filter_map(|(left, right)| column(left).zip(right)));
        }
        let natural = (0..it.sources.len()).filter(|at| it.sources[*at].is_natural);
        let natural = natural.filter_map(|right| Some((right, self.known.table_of(self.scopes, (scope, right))?)));
        let natural = natural.flat_map(|(right, table)| table.columns.iter().map(move |it| (right, &it.name)));
        for (right, name) in it.shared.iter().map(|(right, name)| (*right, name)).chain(natural) {
            let of = |at| self.known.in_source(self.scopes, (scope, at), name);
            found.extend((0..right).find_map(of).zip(of(right)));
        }
        found
    }

    /// Returns one side of a comparison with another source. Its rows need no partner there.
    fn end(&self, column: &SourceColumn<'s>, columns: Vec<Name>, other: SourceId) -> End<'s> {
        End { table: column.table, columns, rows: self.joined(column.source, &mut vec![column.source, other]) }
    }

    /// Makes rows that have the keys of the rows which are written, where those are left out or replace the others.
    fn collisions(&self, scope: usize, maker: &mut RowMaker<'_>) {
        let it = &self.scopes[scope];
        let Some(target) = it.target.as_ref().filter(|_| it.has_conflict_clause) else { return };
        let known = self.known.table(&target.table);
        let Some(table) = known.or_else(|| self.made(scope, target)) else { return };
        let columns_of_target = columns_written(target, table);
        let results = self.known.results(self.scopes, scope);
        for key in unique_keys(table) {
            let names = column_names(key);
            let places = names.iter().map(|name| columns_of_target.iter().position(|column| column == name));
            let Some(places) = places.collect::<Option<Vec<usize>>>() else { continue };
            for row in it.rows.iter().filter(|_| known.is_some()) {
                let text = |tokens: &Tokens<'_>| tokens.iter().map(|token| token.text).collect::<Vec<_>>().join(" ");
                let values = places.iter().map(|place| row.get(*place).map(text));
                let Some(values) = values.collect::<Option<Vec<String>>>() else { continue };
                let equal =
                    names.iter().zip(values).map(|(name, value)| format!("{} IS {value}", quote_identifier(name)));
                let rows = RowRequest::of(&equal.collect::<Vec<_>>());
                maker.ensure(table, &rows, 1);
                children(table, &rows, maker);
            }
            let copied = places.iter().map(|place| results.get(*place).cloned().flatten());
            let Some(copied) = copied.collect::<Option<Vec<SourceColumn<'s>>>>() else { continue };
            if let Some(first) = copied.first().filter(|first| copied.iter().all(|it| it.source == first.source)) {
                let names_before: Vec<Name> = copied.iter().map(|column| column.column.clone()).collect();
                if known.is_none() {
                    // A table that is made in this step has no rows yet: only those that are copied can collide.
                    duplicates(first.table, &names_before, &self.matching(first.source), 2, maker);
                    continue;
                }
                let one = self.end(first, names_before, first.source);
                let columns = names.iter().map(|name| Name::from(*name)).collect();
                let other = End { table, columns, rows: RowRequest::of(&[]) };
                link(&one, &other, 2, maker);
                let mut numbers =
                    results.iter().zip(&columns_of_target).filter_map(|(it, own)| Some((it.as_ref()?, own)));
                let is_number = |(it, _): &(&SourceColumn<'s>, &Name)| {
                    let is_other = it.source == first.source && !copied.contains(it);
                    is_other && it.table.column(&it.column).is_some_and(is_integer)
                };
                if let Some((number, own)) = numbers.find(is_number) {
                    far_twin((&one, &number.column), (&other, own), maker);
                }
            }
        }
    }

    /// Makes rows that are alike where a query leaves one of them.
    fn alike(&self, scope: usize, maker: &mut RowMaker<'_>) {
        let it = &self.scopes[scope];
        let keys = it.alike.iter().map(|keys| (keys.as_slice(), true));
        let results = it.is_distinct.then_some((it.results.as_slice(), false));
        for terms in keys.chain(results) {
            let Some((columns, expressions)) = self.known.alike(self.scopes, scope, terms) else { continue };
            let of_columns = columns.iter().map(|column| (column.source, column.table));
            let mut sources = of_columns.chain(expressions.iter().map(|local| (local.source, local.table)));
            let Some((source, table)) = sources.next() else { continue };
            if sources.any(|(other, _)| other != source) {
                continue;
            }
            let mut names: Vec<Name> = columns.into_iter().map(|column| column.column).collect();
            let mut rows = self.matching(source);
            let equal = names.clone();
            names.extend(expressions.iter().flat_map(|local| local.columns.iter().cloned()));
            duplicates(table, &names, &rows, self.more_than_counted(), maker);
            if let Some(values) = maker.values(table, &rows, &equal).filter(|_| !equal.is_empty()) {
                rows = equal.iter().zip(values).fold(rows, |rows, (column, value)| rows.with(column, value));
            }
            for local in &expressions {
                if let Some(stored) = local.columns.first() {
                    changed_by(local, stored, &rows, true, maker);
                }
            }
        }
    }

    /// Makes rows with values that an expression changes.
    fn values(&self, scope: usize, maker: &mut RowMaker<'_>) {
        let it = &self.scopes[scope];
        self.converted(scope, maker);
        let set = it.assignments.iter().map(|(column, value)| (Some(column), value.as_slice()));
        let copied = it.results.iter().filter(|_| it.target.is_some()).map(|result| (None, without_alias(result)));
        for (at, (column, value)) in set.chain(copied).enumerate() {
            self.calls_within(scope, value, maker);
            let Some(local) = self.known.local(self.scopes, scope, value) else { continue };
            if self.known.column(self.scopes, scope, value).is_some() {
                continue;
            }
            let stored = column.filter(|column| local.columns.contains(*column)).or(local.columns.first());
            if let Some(stored) = stored {
                let in_key = |key: &Vec<_>| column_names(key).iter().any(|name| stored == name);
                let is_merged = it.has_conflict_clause || (column.is_some() && unique_keys(local.table).any(in_key));
                let mut rows = self.matching(local.source);
                if it.has_conflict_clause && column.is_none() {
                    rows = self.beside_in_key((scope, at), &local, rows, maker);
                }
                changed_by(&local, stored, &rows, is_merged, maker);
            }
        }
    }

    /// Makes values that a function changes whose result is but a part of the value: `'https://' || lower(host)`.
    fn calls_within(&self, scope: usize, value: &[Token<'_>], maker: &mut RowMaker<'_>) {
        for call in calls_within(value) {
            if let Some(local) = self.known.local(self.scopes, scope, call)
                && let [stored] = local.columns.as_slice()
            {
                changed_by(&local, stored, &self.matching(local.source), false, maker);
            }
        }
    }

    /// Returns the table that a copy fills, as it is after the migration.
    fn made(&self, scope: usize, target: &Target) -> Option<&'s Table> {
        let read = self.known.results(self.scopes, scope).into_iter().flatten().next();
        read.map_or_else(|| self.known.made(&target.table), |read| self.known.written(&target.table, read.table))
    }

    /// Adds the values of one row in the other columns of a key of the target, so that rows differ in this result only.
    fn beside_in_key(
        &self,
        (scope, result): (usize, usize),
        local: &LocalExpression<'s>,
        rows: RowRequest,
        maker: &mut RowMaker<'_>,
    ) -> RowRequest {
        let it = &self.scopes[scope];
        let Some(target) = &it.target else { return rows };
        let Some(table) = self.known.table(&target.table).or_else(|| self.made(scope, target)) else { return rows };
        let columns = columns_written(target, table);
        let results = self.known.results(self.scopes, scope);
        for key in unique_keys(table) {
            let names = column_names(key);
            let places = names.iter().filter_map(|name| columns.iter().position(|column| column == name));
            let (own, others): (Vec<usize>, Vec<usize>) = places.partition(|place| *place == result);
            let others = others.into_iter().map(|place| results.get(place).cloned().flatten());
            let others: Option<Vec<SourceColumn<'s>>> = others.collect();
            let Some(others) = others.filter(|others| !own.is_empty() && !others.is_empty()) else { continue };
            if others.iter().any(|other| other.source != local.source) || !maker.ensure(local.table, &rows, 1) {
                continue;
            }
            let names: Vec<Name> = others.into_iter().map(|other| other.column).collect();
            if let Some(values) = maker.values(local.table, &rows, &names) {
                return names.iter().zip(values).fold(rows, |rows, (column, value)| rows.with(column, value));
            }
        }
        rows
    }

    /// Makes rows with values that a column of another type stores as others.
    fn converted(&self, scope: usize, maker: &mut RowMaker<'_>) {
        let it = &self.scopes[scope];
        let column = |value: &[_]| self.known.column(self.scopes, scope, value);
        let mut pairs: Vec<(Name, &Name, SourceColumn<'s>)> = Vec::new();
        for (name, value) in &it.assignments {
            if let Some(From::Table(table)) = it.sources.first().map(|source| &source.from) {
                pairs.extend(column(value).map(|source| (name.clone(), table, source)));
            }
        }
        if let Some(target) = &it.target {
            let results = target.columns.iter().zip(&it.results);
            let copied = results.filter_map(|(name, value)| Some((name, column(without_alias(value))?)));
            // Where a column keeps its name, values for its new type are tried anyway.
            let copied = copied.filter(|(name, source)| **name != source.column);
            pairs.extend(copied.map(|(name, source)| (name.clone(), &target.table, source)));
        }
        for (name, table, source) in pairs {
            let stored = self.known.written(table, source.table).and_then(|table| table.column(&name));
            let read = source.table.column(&source.column);
            let sql = read.zip(stored).and_then(|(read, stored)| stored_as(read, stored));
            if let Some(sql) = sql {
                let (columns, rows) = (vec![source.column.clone()], self.matching(source.source));
                let local = LocalExpression { source: source.source, table: source.table, columns, sql };
                changed_by(&local, &source.column, &rows, false, maker);
            }
        }
    }

    /// Makes rows that a unique index does not tell apart.
    fn unique(&self, scope: usize, maker: &mut RowMaker<'_>) {
        let terms = &self.scopes[scope].unique;
        let columns = terms.iter().map(|term| self.known.column(self.scopes, scope, term));
        if let Some(columns) = columns.collect::<Option<Vec<SourceColumn<'s>>>>() {
            let Some(first) = columns.first() else { return };
            let names: Vec<Name> = columns.iter().map(|column| column.column.clone()).collect();
            return duplicates(first.table, &names, &self.matching(first.source), 2, maker);
        }
        if let [term] = terms.as_slice()
            && let Some(local) = self.known.local(self.scopes, scope, term)
            && let Some(stored) = local.columns.first()
        {
            changed_by(&local, stored, &self.matching(local.source), true, maker);
        }
    }
}

/// Returns the columns that an INSERT writes.
pub(super) fn columns_written(target: &Target, table: &Table) -> Vec<Name> {
    let stored = table.columns.iter().filter(|column| column.generated.is_none());
    match target.columns.is_empty() {
        true => stored.map(|column| column.name.clone()).collect(),
        false => target.columns.clone(),
    }
}

fn is_integer(column: &Column) -> bool {
    column.affinity == Affinity::Integer
}

/// Makes a row that has the key of a row which it may replace, and a larger number: the larger one may win.
fn far_twin((one, number): (&End<'_>, &Name), (other, own): (&End<'_>, &Name), maker: &mut RowMaker<'_>) {
    const EDGE: i64 = 1 << 53;
    let number_then = quote_identifier(number);
    let largest = format!("max(CASE WHEN {number_then} < {EDGE} THEN {number_then} ELSE 0 END)");
    let far = maker.extreme(one.table, &one.rows, &largest).unwrap_or(0) + FAR;
    let free = other.rows.and(format!("({}) NOT IN {}", other.list(), one.query()));
    let free = free.and(format!("{} < {far}", quote_identifier(own)));
    if maker.ensure(other.table, &free, 1)
        && let Some(values) = maker.values(other.table, &free, &other.columns)
    {
        maker.make(one.table, &one.with(&values).with(number, Value::Integer(far)), 1);
    }
}

/// Makes a row with each value that a CHECK lists: two of them may become the same.
fn each_listed(local: &LocalExpression<'_>, rows: &RowRequest, maker: &mut RowMaker<'_>) {
    let [column] = local.columns.as_slice() else { return };
    for value in listed_values(local.table, column).into_iter().flatten().take(8) {
        maker.ensure(local.table, &rows.and(format!("{} = {value}", quote_identifier(column))), 1);
    }
}

/// Returns what a column stores of the values of another one, if that may be other values.
fn stored_as(read: &Column, stored: &Column) -> Option<String> {
    let name = quote_identifier(&read.name);
    match (read.affinity, stored.affinity) {
        (Affinity::Text, Affinity::Integer | Affinity::Real | Affinity::Numeric) => Some(format!(
            "CASE WHEN {name} GLOB '*[^0-9.+-]*' OR {name} = '' THEN {name} ELSE CAST({name} AS NUMERIC) END"
        )),
        (Affinity::Integer, Affinity::Real) => Some(format!("CAST({name} AS REAL)")),
        _ => None,
    }
}

fn is_true(sql: &str) -> String {
    format!("({sql}) IS TRUE")
}
