//! Tries the constraints of one table after the other.

use std::sync::Arc;

use super::base_rows::{draft, existing, fill, taken_out};
use super::constraint::{self, Constraint, ConstraintKind};
use super::report::Violations;
use super::scratch_table::{Outcome, ScratchTable, insert_and_commit};
use super::search::{BreakingRow, Search, SearchInput};
use super::violation::{Violation, not_tried, passes_null};
use crate::data::fill::Fill;
use crate::data::script::{Item, Script, Target, within};
use crate::data::values::value_buf::ValueBuf;
use crate::db::{Template, TestDb};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Schema, Table};

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
        let rows = |db: &TestDb, seed: u64, rows: u64| {
            draft(db, schema, table, Fill::seed(seed).reuse().rows(&table.name, rows))
        };
        if let Ok((target, base)) = rows(db, 1, 2).or_else(|_| rows(db, 1, 1)) {
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

    fn constraints(&mut self, db: &TestDb, target: &Target, base: &[Vec<ValueBuf>]) -> Result<()> {
        let (table, constraints) = (self.table, self.constraints);
        let existing = existing(db, target)?;
        let mut scratch = ScratchTable::of(db, table, target, constraints)?;
        if existing.is_empty() && scratch.insert(&[], &base[0]) != Outcome::Accepted {
            let what = format!("the row that was made for {} was refused", table.name);
            return Err(Error::new(ErrorKind::Data, what));
        }
        let input = SearchInput { table, target, constraints, base, existing: &existing };
        for (at, constraint) in constraints.iter().enumerate() {
            let is_key = matches!(constraint.kind, ConstraintKind::Key { .. });
            let mut found = Search::new(input, &mut scratch, at).row();
            if is_key && found.is_none() && existing.is_empty() {
                // The row that it would repeat is inserted during this trial.
                found = repeated(&mut scratch, constraint, &base[0]);
            }
            let mut violation = Violation::of(table, constraint);
            if let Some(found) = &found {
                let outcome = match constraint.kind {
                    ConstraintKind::Foreign { deferred: true } => {
                        insert_and_commit(&db.try_fork()?.unchecked(), target, &found.values)?
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
