//! The work of a statement and of its neighbors with indexes that do not exist, on sampled rows.

use std::cell::RefCell;

use super::candidate::Candidate;
use super::trial::trial_name;
use crate::plan::catalog::Catalog;
use crate::plan::query_plan::Plan;
use crate::plan::sample::{self, MeasuredStatement};
use crate::schema::schema_copy::SchemaCopy;
use crate::schema::{IndexedColumn, IndexedExpr, Schema, Table};
use crate::sql::{Name, plain_name};

/// The steps that a few rows more take, which nobody would notice.
const A_FEW_ROWS: u64 = 50;

/// A copy of the schema with sampled rows.
pub(super) struct Measure {
    copy: SchemaCopy,
    schema: Schema,
    statement: MeasuredStatement,
    /// The steps of the statement without a new index.
    base: Option<u64>,
    /// True if triggers or foreign keys do some of the work.
    has_effects: bool,
    known: RefCell<Vec<(Vec<Candidate>, Option<u64>)>>,
}

impl Measure {
    pub(super) fn of(catalog: &Catalog, plan: &Plan, schema: &Schema) -> Option<Measure> {
        let mut copy = catalog.empty_copy().ok()?;
        copy.prepare(&plan.sql).ok()?;
        let statement = sample::fill(&mut copy.connection, schema, [plan.measured_sql()]).ok()?.pop()?;
        let statement = statement.with_values(&plan.values);
        let base = statement.steps(&copy.connection);
        let (schema, has_effects) = (schema.clone(), !plan.effects.is_empty());
        Some(Measure { copy, schema, statement, base, has_effects, known: RefCell::default() })
    }

    /// Returns the steps of the statement if these indexes exist. `None` if it cannot be run.
    pub(super) fn steps(&self, set: &[Candidate]) -> Option<u64> {
        if set.is_empty() {
            return self.base;
        }
        if let Some((_, steps)) = self.known.borrow().iter().find(|(known, _)| known == set) {
            return *steps;
        }
        let steps = self.with(set, || self.statement.steps(&self.copy.connection));
        self.known.borrow_mut().push((set.to_vec(), steps));
        steps
    }

    /// Returns true if the statement takes fewer steps with these indexes, or if that cannot be measured. What a trigger or a
    /// foreign key would do is measured only if the rows make it happen.
    pub(super) fn is_cheaper(&self, set: &[Candidate]) -> bool {
        match (self.base, self.steps(set)) {
            (Some(before), _) if before >= sample::MOST_STEPS => true,
            (Some(before), after) => after.is_some_and(|after| after < before || after == before && self.has_effects),
            (None, _) => true,
        }
    }

    /// Returns the lookups that these indexes make dearer: those by a foreign key or an existing index, and those by one of
    /// them and the first column of a new index. SQLite may search by the new index where it searched by the better one.
    pub(super) fn dearer_lookups(&self, set: &[Candidate]) -> Vec<String> {
        let mut tables: Vec<&Name> = set.iter().map(|one| &one.table).collect();
        tables.dedup();
        let tables = tables.into_iter().filter_map(|name| self.schema.table(name));
        let lookups: Vec<String> = tables
            .flat_map(|table| {
                let leads = set.iter().filter(|one| one.table == table.name).filter_map(|one| one.terms.first());
                lookups(table, &leads.map(|lead| lead.sql.as_str()).collect::<Vec<_>>())
            })
            .collect();
        let is_new = |line: &String| (0..set.len()).any(|number| line.contains(&trial_name(number)));
        let connection = &self.copy.connection;
        let changed = self.with(set, || {
            let uses_new = |sql: &&String| self.copy.plan(sql).is_some_and(|plan| plan.iter().any(is_new));
            let measured = lookups.iter().filter(uses_new).map(|sql| {
                let lookup = sample::measured(connection, &self.schema, sql);
                let after = lookup.steps(connection);
                (sql, lookup, after)
            });
            Some(measured.collect::<Vec<_>>())
        });
        let is_dearer = |(sql, lookup, after): (&String, MeasuredStatement, Option<u64>)| {
            let before = lookup.steps(connection)?;
            (after? > before + before / 10 + A_FEW_ROWS).then(|| sql.clone())
        };
        changed.unwrap_or_default().into_iter().filter_map(is_dearer).collect()
    }

    /// Runs `f` while the indexes exist.
    fn with<T>(&self, set: &[Candidate], f: impl FnOnce() -> Option<T>) -> Option<T> {
        let create: Vec<String> = set.iter().enumerate().map(|(at, one)| one.create(&trial_name(at))).collect();
        sample::changed(&self.copy.connection, &create.join("\n"), f)
    }
}

/// Returns the lookups that a table was made for: by its foreign keys, by its keys and by its indexes, each alone and with
/// the first column of a new index beside it.
fn lookups(table: &Table, leads: &[&str]) -> Vec<String> {
    let columns = |terms: &[IndexedColumn]| -> Vec<String> {
        let sql = |term: &IndexedColumn| match &term.what {
            IndexedExpr::Column(name) => plain_name(name),
            IndexedExpr::Rowid => "rowid".to_owned(),
            IndexedExpr::Expression(sql) => format!("({sql})"),
        };
        terms.iter().map(sql).collect()
    };
    let foreign_keys =
        table.foreign_keys.iter().map(|key| (key.columns.iter().map(|name| plain_name(name)).collect(), None));
    let keys = table.primary_key.iter().chain(&table.unique).map(|key| (columns(&key.terms), None));
    let indexes = table.indexes.iter().map(|index| (columns(&index.terms), index.partial.as_deref()));
    let mut found: Vec<String> = Vec::new();
    for (compared, condition) in foreign_keys.chain(keys).chain(indexes) {
        let compared: Vec<String> = compared;
        let others = leads.iter().filter(|lead| !compared.iter().any(|column| column.eq_ignore_ascii_case(lead)));
        for other in std::iter::once(None).chain(others.map(Some)) {
            let equal = compared.iter().map(String::as_str).chain(other.copied());
            let mut filters: Vec<String> = equal.map(|column| format!("{column} = ?")).collect();
            filters.extend(condition.map(|condition| format!("({condition})")));
            let sql = format!("SELECT * FROM {} WHERE {}", plain_name(&table.name), filters.join(" AND "));
            if !found.contains(&sql) {
                found.push(sql);
            }
        }
    }
    found
}
