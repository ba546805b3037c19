//! The work of a statement and of its neighbors with indexes that do not exist, on sampled rows.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::candidate::Candidate;
use super::trial::trial_name;
use crate::error::{Error, Result};
use crate::plan::catalog::Catalog;
use crate::plan::query_plan::Plan;
use crate::plan::sample::{self, MeasuredStatement, Sampling, Work};
use crate::schema::schema_copy::SchemaCopy;
use crate::schema::{IndexedColumn, IndexedExpr, Schema, Table};
use crate::sql::{Name, plain_name};

/// A copy of a part of the schema with sampled rows, on which statements are run with indexes that do not exist. Tables are
/// filled when a statement that reads them is run first.
pub(super) struct SampledRows {
    copy: SchemaCopy,
    pub(super) schema: Schema,
    sampling: RefCell<Sampling>,
    /// The values of the statements, and the tables that they scan.
    statements: Vec<(Vec<Value>, Vec<Name>)>,
    measured: RefCell<HashMap<usize, Option<MeasuredStatement>>>,
}

impl SampledRows {
    pub(super) fn of(catalog: &Catalog, plans: &[&Plan]) -> Result<SampledRows> {
        let mut copy = catalog.empty_copy()?;
        plans.iter().for_each(|plan| drop(copy.prepare(&plan.sql)));
        let schema = Schema::read(&copy.connection)?;
        let sampling = Sampling::new(&mut copy.connection, &schema, plans.iter().map(|plan| plan.measured_sql()))
            .map_err(|error| Error::sqlite("fill a copy of the schema", error))?;
        let statements = plans.iter().map(|plan| (plan.values.clone(), plan.scanned_tables(&[]))).collect();
        Ok(SampledRows { copy, schema, sampling: RefCell::new(sampling), statements, measured: RefCell::default() })
    }

    /// Returns a statement by its number, after its tables are filled. `None` if they cannot be.
    pub(super) fn statement(&self, at: usize) -> Option<MeasuredStatement> {
        let mut measured = self.measured.borrow_mut();
        let (values, scanned) = &self.statements[at];
        let statement = || {
            let mut sampling = self.sampling.borrow_mut();
            let statement = sampling.statement(&self.copy.connection, &self.schema, (at, scanned)).ok();
            statement.filter(|_| sampling.has_rows(at))
        };
        measured.entry(at).or_insert_with(|| Some(statement()?.with_values(values))).clone()
    }

    /// Returns the work of a statement while these indexes exist. `None` if it cannot be run, or if SQLite refuses an index.
    pub(super) fn work<'c>(&self, at: usize, indexes: impl IntoIterator<Item = &'c Candidate>) -> Option<Work> {
        let statement = self.statement(at)?;
        self.with(indexes, |connection| statement.work(connection))
    }

    /// Runs `f` while the indexes exist.
    ///
    /// They are created and dropped, and not rolled back: after that, SQLite would read the whole schema again. A write that is
    /// stopped does not take them back.
    fn with<'c, T>(
        &self,
        indexes: impl IntoIterator<Item = &'c Candidate>,
        f: impl FnOnce(&Connection) -> Option<T>,
    ) -> Option<T> {
        let _own = crate::own::statements();
        let connection = &self.copy.connection;
        let mut count = 0;
        let created = indexes.into_iter().all(|one| {
            count += 1;
            connection.execute_batch(&one.create(&trial_name(count - 1))).is_ok()
        });
        let found = if created { f(connection) } else { None };
        let drop: String = (0..count).map(|number| format!("DROP INDEX IF EXISTS {};", trial_name(number))).collect();
        connection.execute_batch(&drop).ok().and(found)
    }
}

/// A statement on sampled rows.
pub(super) struct Measure {
    rows: Rc<SampledRows>,
    /// The number of the statement.
    at: usize,
    /// The steps of the statement without a new index.
    base: Option<u64>,
    /// True if triggers or foreign keys do some of the work.
    has_effects: bool,
    known: RefCell<Vec<(Vec<Candidate>, Option<u64>)>>,
}

impl Measure {
    pub(super) fn of(rows: Rc<SampledRows>, at: usize, has_effects: bool) -> Measure {
        let base = rows.work(at, []).map(|work| work.steps);
        Measure { rows, at, base, has_effects, known: RefCell::default() }
    }

    /// Returns the steps of the statement if these indexes exist. `None` if it cannot be run.
    pub(super) fn steps(&self, set: &[Candidate]) -> Option<u64> {
        if set.is_empty() {
            return self.base;
        }
        if let Some((_, steps)) = self.known.borrow().iter().find(|(known, _)| known == set) {
            return *steps;
        }
        let steps = self.rows.work(self.at, set).map(|work| work.steps);
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
        let tables = tables.into_iter().filter_map(|name| self.rows.schema.table(name));
        let lookups: Vec<String> = tables
            .flat_map(|table| {
                let leads = set.iter().filter(|one| one.table == table.name).filter_map(|one| one.terms.first());
                lookups(table, &leads.map(|lead| lead.sql.as_str()).collect::<Vec<_>>())
            })
            .collect();
        let is_new = |line: &String| (0..set.len()).any(|number| line.contains(&trial_name(number)));
        let rows = &self.rows;
        let changed = rows.with(set, |connection| {
            let uses_new = |sql: &&String| rows.copy.plan(sql).is_some_and(|plan| plan.iter().any(is_new));
            let measured = lookups.iter().filter(uses_new).map(|sql| {
                let lookup = sample::measured(connection, &rows.schema, sql);
                let after = lookup.steps(connection);
                (sql, lookup, after)
            });
            Some(measured.collect::<Vec<_>>())
        });
        let is_dearer = |(sql, lookup, after): (&String, MeasuredStatement, Option<u64>)| {
            let before = lookup.steps(&rows.copy.connection)?;
            sample::is_dearer(after?, before).then(|| sql.clone())
        };
        changed.unwrap_or_default().into_iter().filter_map(is_dearer).collect()
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
