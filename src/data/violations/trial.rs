//! Tries the constraints of one table after the other, on rows that the table accepts.

use std::sync::Arc;

use rusqlite::Connection;

use super::constraint::{self, Constraint, ConstraintKind};
use super::neighbors::ParentKeys;
use super::scratch_table::{Outcome, ScratchTable, insert_and_commit};
use super::search::{BreakingRow, Search, SearchInput};
use super::violation::{Violation, Violations, not_tried, passes_null};
use crate::data::fill::Fill;
use crate::data::fill::context::existing_keys;
use crate::data::relations::{Relation, missing_parent, without_parent};
use crate::data::script::{Item, Script, Target, within};
use crate::data::values::value_buf::ValueBuf;
use crate::db::{Template, TestDb};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Name, Schema, Table};
use crate::sql::{plain_name, plain_names};

/// The number of rows that are made for the trials of a table: without NULLs, and as many with some. Which columns are NULL
/// often decides of which kind a row is.
const BASES: u64 = 8;

/// The number of parents of each key that are tried.
const PARENTS: usize = 12;

/// Tries all constraints of a template's schema.
#[track_caller]
pub(super) fn try_all(template: &Template) -> Result<Violations> {
    let db = template.try_in_memory()?.unchecked();
    let _own = crate::own::statements();
    let schema = Schema::read(&db)?;
    let mut violations = Violations { tried: Vec::new(), findings: Vec::new() };
    fill(&db, &schema)?;
    for table in constraint::tables(&schema) {
        let constraints = constraint::of(&schema, table);
        if constraints.is_empty() {
            continue;
        }
        let mut trial = TableTrial { schema: &schema, table, constraints: &constraints, violations: &mut violations };
        if let Err(error) = trial.run(template, &db) {
            violations.findings.push(not_tried(table, &error));
            violations.tried.extend(constraints.iter().map(|constraint| Violation::of(table, constraint)));
        }
    }
    Ok(violations)
}

/// A table whose constraints are tried.
struct TableTrial<'t> {
    schema: &'t Schema,
    table: &'t Table,
    constraints: &'t [Constraint],
    violations: &'t mut Violations,
}

impl TableTrial<'_> {
    fn run(&mut self, template: &Template, db: &TestDb) -> Result<()> {
        let (schema, table) = (self.schema, self.table);
        if let Some(missing) = missing_parent(db, schema, table) {
            return Err(without_parent(table, missing));
        }
        let with_nulls = |db: &TestDb, seed: u64, rows: u64, percent: u64| {
            draft(db, schema, table, Fill::seed(seed).existing_parents().null_rate(percent).rows(&table.name, rows))
        };
        let rows = |db: &TestDb, seed: u64, rows: u64| with_nulls(db, seed, rows, 0);
        let some = rows(db, 1, BASES).or_else(|_| rows(db, 1, 1)).or_else(|_| with_nulls(db, 1, BASES, 50));
        if let Ok((target, mut base)) = some {
            base.extend(with_nulls(db, 2, BASES, 50).into_iter().flat_map(|(_, further)| further));
            return self.constraints(db, &target, &base);
        }
        // The table is full. In a separate database, where it has room for two rows, the first one is inserted. A single
        // row is tried first as one that can be inserted, then as an existing one.
        let alone = template.try_in_memory()?.unchecked();
        let drafted = rows(&alone, 0, 2).or_else(|_| rows(&alone, 0, 1));
        let (target, mut base) = drafted.or_else(|error| taken_out(&alone, schema, table)?.ok_or(error))?;
        if base.len() > 1 {
            let first = Script {
                rows: vec![Item { table: 0, values: base.remove(0) }],
                tables: Arc::new(vec![Target { name: target.name.clone(), columns: target.columns.clone() }]),
                ..Script::default()
            };
            within(&alone, true, || first.run(&alone))?;
        }
        self.constraints(&alone, &target, &base)
    }

    /// Returns rows that are made as if this foreign key was not there.
    fn dangling(&self, db: &TestDb, constraint: &Constraint) -> Vec<Vec<ValueBuf>> {
        let mut schema = self.schema.clone();
        let Some(table) = schema.tables.iter_mut().find(|table| table.name == self.table.name) else {
            return Vec::new();
        };
        table.foreign_keys.retain(|key| !key.columns.iter().eq(&constraint.columns));
        let table = table.clone();
        let rows = |percent: u64| {
            let fill = Fill::seed(3).existing_parents().null_rate(percent).rows(&table.name, BASES);
            draft(db, &schema, &table, fill).map(|(_, rows)| rows).unwrap_or_default()
        };
        without_foreign_keys(db, || [0, 50].into_iter().flat_map(rows).collect()).unwrap_or_default()
    }

    fn constraints(&mut self, db: &TestDb, target: &Target, base: &[Vec<ValueBuf>]) -> Result<()> {
        let (table, constraints) = (self.table, self.constraints);
        let existing = existing(db, target)?;
        let mut scratch = ScratchTable::of(db, table, target, constraints)?;
        if existing.is_empty() && scratch.insert(&[], &base[0]) != Outcome::Accepted {
            let what = format!("the row that was made for {} was refused", table.name);
            return Err(Error::new(ErrorKind::Data, what));
        }
        let parents = parents(db, self.schema, table, target);
        let input = SearchInput { table, target, constraints, base, existing: &existing, parents: &parents };
        for (at, constraint) in constraints.iter().enumerate() {
            let is_key = matches!(constraint.kind, ConstraintKind::Key { .. });
            let mut found = Search::new(input, &mut scratch, at).row();
            // A CHECK or another key may tie the columns of a foreign key to others.
            if let ConstraintKind::Foreign { deferred } = constraint.kind {
                let mut is_tied = |found: &BreakingRow| match scratch.insert(&[], &found.values) {
                    _ if deferred => !found.also.is_empty(),
                    outcome => matches!(outcome, Outcome::Refused(..)) && !outcome.is_by(constraint),
                };
                if found.as_ref().is_none_or(&mut is_tied) {
                    let rows = self.dangling(db, constraint);
                    found = Search::new(input, &mut scratch, at).first_of(&rows).or(found);
                }
            }
            if is_key && found.is_none() && existing.is_empty() {
                // The row that it would repeat is inserted during this trial.
                found = repeated(&mut scratch, constraint, &base[0]);
            }
            let mut violation = Violation::of(table, constraint);
            if let Some(found) = &found {
                let outcome = match constraint.kind {
                    ConstraintKind::Foreign { deferred: true } => {
                        insert_and_commit(&db.try_fork()?.unchecked(), target, &base[0], &found.values)?
                    }
                    _ => scratch.insert(&found.before, &found.values),
                };
                violation.note(&input, at, found, outcome);
            }
            self.violations.findings.extend(violation.finding(db, constraint));
            self.violations.tried.push(violation);
            if let Some((column, found)) = Search::new(input, &mut scratch, at).with_null() {
                self.violations.findings.push(passes_null(table, target, constraint, column, &found));
            }
        }
        Ok(())
    }
}

/// Returns the row twice, if the constraint refuses duplicates.
fn repeated(scratch: &mut ScratchTable<'_>, constraint: &Constraint, row: &[ValueBuf]) -> Option<BreakingRow> {
    let before = vec![row.to_vec()];
    let is_refused = scratch.insert(&before, row).is_by(constraint);
    is_refused.then(|| BreakingRow { before, ..BreakingRow::alone(row.to_vec()) })
}

/// Inserts a few rows into each table that can be filled.
fn fill(db: &Connection, schema: &Schema) -> Result<()> {
    let filled = |fill: Fill| -> Result<()> {
        let (_, script) = fill.null_rate(0).drafted(db, schema)?;
        within(db, true, || script.run(db))
    };
    if constraint::tables(schema).next().is_some() && filled(Fill::new().every_table(3)).is_err() {
        for table in constraint::tables(schema) {
            // A table that cannot be filled is reported when its constraints are tried.
            let _ = filled(Fill::new().rows(&table.name, 3).existing_parents());
        }
    }
    Ok(())
}

/// Makes rows of a table and inserts the parents that they need. Returns the rows.
fn draft(db: &Connection, schema: &Schema, table: &Table, fill: Fill) -> Result<(Target, Vec<Vec<ValueBuf>>)> {
    let (_, script) = fill.drafted(db, schema)?;
    let (target, ours, parents) = split(script, &table.name)
        .filter(|(_, ours, _)| !ours.is_empty())
        .ok_or_else(|| Error::new(ErrorKind::Data, format!("no row of {} could be made", table.name)))?;
    within(db, true, || parents.run(db))?;
    Ok((target, ours))
}

/// Splits the rows of a table off a script.
fn split(mut script: Script, table: &str) -> Option<(Target, Vec<Vec<ValueBuf>>, Script)> {
    let at = script.tables.iter().position(|target| target.name == table)?;
    let (ours, others): (Vec<_>, Vec<_>) =
        std::mem::take(&mut script.rows).into_iter().partition(|row| row.table == at);
    script.rows = others;
    let target = Target { name: table.to_owned(), columns: script.tables[at].columns.clone() };
    Some((target, ours.into_iter().map(|row| row.values).collect(), script))
}

/// Takes an existing row out of its table, if no other can be made: the migrations have used up all values, or the parents
/// also need a child.
fn taken_out(db: &Connection, schema: &Schema, table: &Table) -> Result<Option<(Target, Vec<Vec<ValueBuf>>)>> {
    let given = table.columns.iter().filter(|column| column.generated.is_none() && !column.hidden);
    let target =
        Target { name: table.name.to_string(), columns: given.map(|column| column.name.to_string()).collect() };
    if existing(db, &target)?.is_empty() {
        let (_, script) = Fill::new().null_rate(0).rows(&table.name, 2).drafted(db, schema)?;
        within(db, true, || script.run(db))?;
    }
    let Some(row) = existing(db, &target)?.pop() else { return Ok(None) };
    let same: Vec<String> = target.columns.iter().map(|name| format!("{} IS ?", plain_name(name))).collect();
    let sql = format!("DELETE FROM main.{} WHERE {}", plain_name(&table.name), same.join(" AND "));
    // Rows that refer to it may stay, because each trial inserts it again.
    let deleted = without_foreign_keys(db, || db.execute(&sql, rusqlite::params_from_iter(&row))).and_then(|it| it);
    let deleted = deleted.map_err(|error| Error::sqlite("delete a row from its table", error).sql(&sql))?;
    Ok((deleted > 0).then_some((target, vec![row])))
}

/// Runs something while foreign keys are off.
fn without_foreign_keys<T>(db: &Connection, run: impl FnOnce() -> T) -> rusqlite::Result<T> {
    let on: bool = db.query_row("PRAGMA foreign_keys", [], |row| row.get(0))?;
    db.execute_batch("PRAGMA foreign_keys = OFF")?;
    let done = run();
    db.execute_batch(if on { "PRAGMA foreign_keys = ON" } else { "PRAGMA foreign_keys = OFF" })?;
    Ok(done)
}

/// Returns keys of existing parents, for each foreign key.
fn parents(connection: &Connection, schema: &Schema, table: &Table, target: &Target) -> Vec<ParentKeys> {
    let place = |name: &Name| target.columns.iter().position(|column| name == column);
    let keys = table.foreign_keys.iter().filter_map(|key| {
        let relation = Relation::of(schema, table, key);
        let columns = relation.columns.iter().map(place).collect::<Option<Vec<usize>>>()?;
        let names = relation.parent_columns.as_ref()?;
        let rows = existing_keys(connection, &schema.tables[relation.parent?], names).ok()?;
        Some(ParentKeys { columns, rows: rows.into_iter().take(PARENTS).collect() })
    });
    keys.collect()
}

/// Returns existing rows.
fn existing(connection: &Connection, target: &Target) -> Result<Vec<Vec<ValueBuf>>> {
    if target.columns.is_empty() {
        return Ok(Vec::new());
    }
    let columns = plain_names(target.columns.iter().map(String::as_str));
    let sql = format!("SELECT {columns} FROM main.{} LIMIT 12", plain_name(&target.name));
    let read = || -> rusqlite::Result<Vec<Vec<ValueBuf>>> {
        let mut statement = connection.prepare(&sql)?;
        let rows = statement.query_map([], |row| {
            let mut values = vec![ValueBuf::default(); target.columns.len()];
            for (index, made) in values.iter_mut().enumerate() {
                made.set(row.get_ref(index)?);
            }
            Ok(values)
        })?;
        rows.collect()
    };
    read().map_err(|error| Error::sqlite(format!("read the rows of {}", target.name), error).sql(&sql))
}
