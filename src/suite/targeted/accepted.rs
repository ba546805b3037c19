//! Rows for a migration that refuses others. What it refuses is taken away with its children, and then nothing may be left to
//! lose. So it gets rows of its own, which its new constraints accept, and each of their children that keeps no parent.

use std::sync::Arc;

use super::narrowed::narrowed;
use crate::data::Fill;
use crate::db::Scratch;
use crate::error::Result;
use crate::schema::{Check, Schema, Table};
use crate::sql::quote_identifier;
use crate::suite::rows::{add_self_reference, listed_values};
use crate::suite::versions::{UpgradeStep, VersionState, VersionedDatabases};

/// The rows of each table.
const ROWS: u64 = 4;
/// The most values of a list that get a row.
const LISTED: usize = 3;
/// The most rows of a table that are tried one by one.
const SINGLE_ROWS: u64 = 4;

/// A database with rows that a step accepts.
pub(crate) struct AcceptedRows {
    pub(crate) database: Scratch,
    /// Its schema accepts the rows that the step does, as far as the declarations tell, but for duplicates: a statement may
    /// delete them before they are refused.
    pub(crate) state: VersionState,
}

/// Returns a database of the source of a step with rows that the step accepts. None if no such row is found.
pub(crate) fn accepted_rows_of_their_own(
    databases: &VersionedDatabases,
    step: &UpgradeStep,
    (count, source): (usize, &VersionState),
) -> Result<Option<AcceptedRows>> {
    let after = match &step.after {
        Some(after) => Arc::clone(&after.schema),
        None => databases.schema(step.index + 1)?,
    };
    let before: &Schema = &source.schema;
    let mut schema = narrowed(databases, step.index, before, &after);
    let filled = (0..schema.tables.len()).filter(|&at| databases.plan.is_filled(&schema.tables[at]));
    let tables = schema.parents_first(&filled.collect::<Vec<_>>());
    let database = databases.empty(count)?;
    let mut maker = Maker { databases, steps: count..step.index + 1, schema: &schema, before, database, made: 0 };
    maker.fill(&tables)?;
    let Maker { database, made, .. } = maker;
    if made == 0 {
        return Ok(None);
    }
    for (table, was) in schema.tables.iter_mut().zip(&before.tables) {
        table.unique.clone_from(&was.unique);
    }
    let state = source.with_image(database.current_image()?).with_schema(Arc::new(schema));
    Ok(Some(AcceptedRows { database, state }))
}

struct Maker<'a> {
    databases: &'a VersionedDatabases,
    /// The migrations that have to accept the rows.
    steps: std::ops::Range<usize>,
    schema: &'a Schema,
    before: &'a Schema,
    database: Scratch,
    made: usize,
}

impl Maker<'_> {
    /// Fills these tables, or as many of them as the migration accepts. Parents come first.
    fn fill(&mut self, tables: &[usize]) -> Result<()> {
        let seed = self.databases.plan.seed;
        if tables.is_empty() || self.keep(tables, (ROWS, seed), self.schema)? {
            return Ok(());
        }
        if tables.len() > 1 {
            let (first, second) = tables.split_at(tables.len() / 2);
            self.fill(first)?;
            return self.fill(second);
        }
        for schema in [self.schema, self.before] {
            for nth in 1..=SINGLE_ROWS {
                self.keep(tables, (1, seed.wrapping_add(nth << 40)), schema)?;
            }
        }
        Ok(())
    }

    /// Adds a row with each value that a new CHECK lists: of one value alone, nothing tells what becomes of it.
    fn add_listed(&self, trial: &Scratch, table: &Table, (at, seed): (usize, u64)) {
        for column in &table.columns {
            if listed_values(&self.before.tables[at], &column.name).is_some() {
                continue;
            }
            for value in listed_values(table, &column.name).into_iter().flatten().take(LISTED) {
                let mut schema = self.schema.clone();
                let expression = format!("{} = {value}", quote_identifier(&column.name));
                schema.tables[at].checks.push(Check { name: None, expression, column: None });
                let fill = Fill::seed(seed).null_rate(0).existing_parents();
                let fill = self.databases.plan.with_given(fill, &schema, |_, _| false).rows(&table.name, 1);
                // Where another constraint leaves no room for it, there is no such row.
                let _ = fill.insert_into(trial, &schema);
            }
        }
    }

    /// Adds rows if the migration accepts them. Returns true if it does.
    fn keep(&mut self, tables: &[usize], (rows, seed): (u64, u64), schema: &Schema) -> Result<bool> {
        let trial = self.database.copy()?;
        for &at in tables {
            let table = &schema.tables[at];
            let fill = Fill::seed(seed).null_rate(0).existing_parents();
            let fill = self.databases.plan.with_given(fill, schema, |_, _| false).rows(&table.name, rows);
            if fill.insert_into(&trial, schema).is_err() {
                return Ok(false);
            }
            self.add_listed(&trial, table, (at, seed));
            add_self_reference(&trial, table);
        }
        self.databases.plan.break_cycles(&trial, schema);
        let mut migrated = trial.copy()?;
        let is_accepted = self.steps.clone().all(|step| self.databases.migrate(&mut migrated, step).is_ok());
        if is_accepted {
            self.database = trial;
            self.made += 1;
        }
        Ok(is_accepted)
    }
}
