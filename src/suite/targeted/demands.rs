//! The rows that the queries of a statement ask for.

use super::conditions::{Tokens, ways};
use super::links::{End, children, duplicates, link, nullable};
use super::resolve::{KnownTables, LocalExpression, SourceColumn, SourceId, sides, without_alias};
use super::rows::{Partner, RowMaker, RowRequest};
use super::scopes::Scope;
use super::values::changed_by;
use crate::schema::Table;
use crate::schema::references::column_names;
use crate::sql::{Name, quote_identifier};
use crate::suite::rows::unique_keys;

/// A LIMIT beyond this is not reached.
const MOST_OF_LIMIT: u64 = 10_000;

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
            self.collisions(scope, maker);
            self.alike(scope, maker);
            self.values(scope, maker);
            self.beyond_limit(scope, maker);
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
    fn matching(&self, source: SourceId) -> RowRequest {
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
        if !maker.ensure(table, &RowRequest::of(&texts), 1) {
            let all: Vec<&str> = conditions.iter().map(|(local, _)| local.sql.as_str()).collect();
            maker.unmet.push(format!("{} where {}", table.name, all.join(" AND ")));
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

    /// Makes partners for the rows that a query joins or looks up.
    fn links(&self, scope: usize, maker: &mut RowMaker<'_>) {
        let compared = self.compared(scope, true);
        let mut done: Vec<(SourceId, SourceId)> = Vec::new();
        for (one, other) in &compared {
            let pair = (one.source, other.source);
            if one.source == other.source || done.contains(&pair) {
                continue;
            }
            done.push(pair);
            // A row has one partner in all columns by which they are compared.
            let together = compared.iter().filter(|(left, right)| (left.source, right.source) == pair);
            let (left, right): (Vec<Name>, Vec<Name>) =
                together.map(|(left, right)| (left.column.clone(), right.column.clone())).unzip();
            if one.table.name == other.table.name && left == right {
                duplicates(one.table, &left, &self.matching(one.source), maker);
            } else {
                let (one, other) = (self.end(one, left, other.source), self.end(other, right, one.source));
                link(&one, &other, maker);
            }
        }
    }

    /// Returns the pairs of columns that are compared, also with the results of queries.
    fn compared(&self, scope: usize, with_queries: bool) -> Vec<(SourceColumn<'s>, SourceColumn<'s>)> {
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
        for (right, name) in &it.shared {
            let of = |at| self.known.in_source(self.scopes, (scope, at), name);
            found.extend((0..*right).find_map(of).zip(of(*right)));
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
        let Some(table) = self.known.table(&target.table) else { return };
        let stored = table.columns.iter().filter(|column| column.generated.is_none());
        let columns: Vec<Name> = match target.columns.is_empty() {
            true => stored.map(|column| column.name.clone()).collect(),
            false => target.columns.clone(),
        };
        let results = self.known.results(self.scopes, scope);
        for key in unique_keys(table) {
            let names = column_names(key);
            let places = names.iter().map(|name| columns.iter().position(|column| column == name));
            let Some(places) = places.collect::<Option<Vec<usize>>>() else { continue };
            for row in &it.rows {
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
                let names_before = copied.iter().map(|column| column.column.clone()).collect();
                let one = self.end(first, names_before, first.source);
                let columns = names.iter().map(|name| Name::from(*name)).collect();
                link(&one, &End { table, columns, rows: RowRequest::of(&[]) }, maker);
            }
        }
    }

    /// Makes rows that are alike where a query leaves one of them.
    fn alike(&self, scope: usize, maker: &mut RowMaker<'_>) {
        let it = &self.scopes[scope];
        let keys = it.alike.iter().map(|keys| {
            keys.iter().map(|key| self.known.column(self.scopes, scope, without_alias(key))).collect::<Vec<_>>()
        });
        let results = it.is_distinct.then(|| self.known.results(self.scopes, scope));
        for columns in keys.chain(results) {
            let Some(columns) = columns.into_iter().collect::<Option<Vec<SourceColumn<'s>>>>() else { continue };
            let Some(first) = columns.first() else { continue };
            if columns.iter().all(|column| column.source == first.source) {
                let names: Vec<Name> = columns.iter().map(|column| column.column.clone()).collect();
                duplicates(first.table, &names, &self.matching(first.source), maker);
            }
        }
    }

    /// Makes rows with values that an expression changes.
    fn values(&self, scope: usize, maker: &mut RowMaker<'_>) {
        let it = &self.scopes[scope];
        let set = it.assignments.iter().map(|(column, value)| (Some(column), value.as_slice()));
        let copied = it.results.iter().filter(|_| it.target.is_some()).map(|result| (None, without_alias(result)));
        for (column, value) in set.chain(copied) {
            let Some(local) = self.known.local(self.scopes, scope, value) else { continue };
            if self.known.column(self.scopes, scope, value).is_some() {
                continue;
            }
            let stored = column.filter(|column| local.columns.contains(*column)).or(local.columns.first());
            if let Some(stored) = stored {
                let in_key = |key: &Vec<_>| column_names(key).iter().any(|name| stored == name);
                let is_merged = it.has_conflict_clause || (column.is_some() && unique_keys(local.table).any(in_key));
                changed_by(&local, stored, &self.matching(local.source), is_merged, maker);
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
            return duplicates(first.table, &names, &self.matching(first.source), maker);
        }
        if let [term] = terms.as_slice()
            && let Some(local) = self.known.local(self.scopes, scope, term)
            && let Some(stored) = local.columns.first()
        {
            changed_by(&local, stored, &self.matching(local.source), true, maker);
        }
    }

    /// Makes one row more than a LIMIT takes.
    fn beyond_limit(&self, scope: usize, maker: &mut RowMaker<'_>) {
        let Some(limit) = self.scopes[scope].limit else { return };
        let table = self.scopes[scope].sources.first().and_then(|_| self.known.table_of(self.scopes, (scope, 0)));
        let Some(table) = table else { return };
        let is_met = limit <= MOST_OF_LIMIT && maker.ensure(table, &self.matching((scope, 0)), limit + 1);
        if !is_met && limit > 1 {
            maker.unmet.push(format!("{} beyond LIMIT {limit}", table.name));
        }
    }
}

fn is_true(sql: &str) -> String {
    format!("({sql}) IS TRUE")
}
