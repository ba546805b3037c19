//! The diagnosis of a loss: the statement to blame, the mechanism, and the smallest data that shows it.

use std::borrow::Cow;

use rusqlite::Connection;

use super::merge::DeletedParents;
use super::rebuild::Rebuild;
use super::shrink::{ShrinkBudget, Shrinkable};
use crate::check::Level;
use crate::db::Scratch;
use crate::error::Result;
use crate::migrations::Migration;
use crate::schema::Schema;
use crate::sql::{Name, Token, quote_identifier, quote_text, split, tokens};
use crate::suite::losses::{Comparison, Loss, LossKind, Migrated};
use crate::suite::rows::{Contents, literal};
use crate::suite::statements::{Effect, Renames, StatementEffect, renamed_before_drop, statement_effects};
use crate::suite::versions::{RowsSince, UpgradeStep, VersionState, VersionedDatabases};

/// A loss, and why it happens.
pub(crate) struct LossDiagnosis<'a> {
    pub(crate) loss: &'a Loss,
    pub(crate) migration: Cow<'a, Migration>,
    pub(crate) version_before: i64,
    pub(crate) blame: Option<Blame>,
    /// The rebuild whose DROP TABLE fires foreign-key actions.
    pub(crate) rebuild: Option<Rebuild>,
    /// The DELETE that fires foreign-key actions.
    pub(crate) deleted: Option<DeletedParents>,
    /// True if the migration sets `PRAGMA foreign_keys` where SQLite ignores it.
    pub(crate) has_ignored_pragma: bool,
    pub(crate) smallest_data: Option<String>,
}

impl<'a> LossDiagnosis<'a> {
    pub(crate) fn of(
        databases: &'a VersionedDatabases,
        step: &UpgradeStep,
        loss: &'a Loss,
        budget: &ShrinkBudget,
    ) -> Result<Self> {
        let (migration, effects) = databases.migration_on(step.index, &step.before.image)?;
        let blame = blame(databases, step, loss, (&migration, &effects));
        let rebuild = blame.as_ref().and_then(|blame| match &blame.mechanism {
            Mechanism::ForeignKeyActions { parent, .. } => {
                Some(Rebuild::of(databases, step, (parent, &loss.table), &step.before.image))
            }
            _ => None,
        });
        let deleted = blame.as_ref().and_then(|blame| match &blame.mechanism {
            Mechanism::ForeignKeyActions { parent, is_dropped: false } => {
                let statements = migration.statements();
                let statement = statements.get(blame.statement)?.text;
                DeletedParents::of(&step.before.schema, parent, &loss.table, statement)
            }
            _ => None,
        });
        let has_rows = !matches!(loss.kind, LossKind::Table | LossKind::Column | LossKind::Sequence { .. });
        let has_rows = has_rows && loss.kind.level() == Level::Error;
        let smallest_data = if has_rows { Some(data(databases, step, loss, budget)?) } else { None };
        Ok(LossDiagnosis {
            loss,
            version_before: databases.version(step.index),
            blame,
            rebuild,
            deleted,
            has_ignored_pragma: ignores_foreign_keys(databases, step.index),
            smallest_data: smallest_data.filter(|data| !data.is_empty()),
            migration,
        })
    }
}

/// Returns the losses of a step: of those rows that a released version had, if released versions are named.
pub(crate) fn losses(databases: &VersionedDatabases, step: &UpgradeStep, after: &VersionState) -> Result<Vec<Loss>> {
    let (before, rows) = (databases.rows(&step.before)?, databases.rows(after)?);
    let connection = databases.evaluator()?;
    let (old, new) = (&step.before.schema, &after.schema);
    let migrated = Migrated { before: &before, after: &rows, old, new, connection: &connection };
    let found = Comparison::with(migrated, databases.effects(step.index), |it| it.losses());
    match &step.since {
        RowsSince::ThisVersion => Ok(found),
        RowsSince::Never => Ok(Vec::new()),
        RowsSince::Release(_) if found.is_empty() => Ok(found),
        RowsSince::Release(released) => {
            let rows_then = databases.rows(&released.state)?;
            let lost = |after: (&Contents, &Schema), end: usize| {
                let effects = databases.effects_between(released.count, end);
                let (before, old) = (&rows_then, &released.state.schema);
                let migrated = Migrated { before, after: after.0, old, new: after.1, connection: &connection };
                Comparison::with(migrated, &effects, |it| it.losses())
            };
            let known = lost((&before, old), step.index);
            let mut new = lost((&rows, new), step.index + 1);
            new.retain(|loss| !known.iter().any(|known| known.is_same(loss)));
            let effects = databases.effects_between(released.count, step.index);
            let renames = Renames::of_schema(&released.state.schema, &effects);
            let is_of_release = |found: &Loss| {
                let mut tables = released.state.schema.tables.iter().map(|table| &table.name);
                let then = tables.find(|then| renames.successor(then).is_some_and(|now| *now.name == found.table));
                // What a table holds that was not there then, comes from others.
                new.iter().any(|loss| then.is_none_or(|then| loss.table == *then))
            };
            Ok(found.into_iter().filter(is_of_release).collect())
        }
    }
}

/// Returns what the down script of a step has lost of the rows before its up, besides what the up loses. The database is as the
/// down script has left it.
pub(crate) fn losses_of_down(
    databases: &VersionedDatabases,
    step: &UpgradeStep,
    undone: &Scratch,
) -> Result<Vec<Loss>> {
    let migration = databases.migration(step.index);
    let undone_state = databases.state(undone)?;
    let (before, rows) = (databases.rows(&step.before)?, databases.rows_at(&undone_state, undone)?);
    let effects = statement_effects(&migration.round_trip());
    let (old, new) = (&step.before.schema, &undone_state.schema);
    let migrated = Migrated { before: &before, after: &rows, old, new, connection: undone };
    let mut found = Comparison::with(migrated, &effects, |it| it.losses());
    // A number that was handed out is no data.
    found.retain(|loss| loss.kind.level() == Level::Error && !matches!(loss.kind, LossKind::Sequence { .. }));
    let Some(after) = step.after.as_ref().filter(|_| !found.is_empty()) else { return Ok(found) };
    let known = losses(databases, step, after)?;
    found.retain(|loss| !known.iter().any(|known| known.covers(loss)));
    // A value that comes back in another form may have had another one in between.
    let between = databases.rows(after)?;
    let down = statement_effects(&migration.down_sql().map(split).unwrap_or_default());
    let migrated = Migrated { before: &between, old: &after.schema, ..migrated };
    let is_kept = Comparison::with(migrated, &down, |it| it.losses()).is_empty();
    Ok(if is_kept { Vec::new() } else { found })
}

fn data(databases: &VersionedDatabases, step: &UpgradeStep, loss: &Loss, budget: &ShrinkBudget) -> Result<String> {
    let old = &step.before.schema;
    let new = step.after.as_ref().map_or(old, |after| &after.schema);
    let mut fails = |mut database: Scratch| {
        let Ok(before) =
            database.current_image().and_then(|image| databases.rows_at(&step.before.with_image(image), &database))
        else {
            return false;
        };
        if databases.migrate(&mut database, step.index).is_err() {
            return false;
        }
        let Ok(after) = databases.state(&database).and_then(|after| databases.rows_at(&after, &database)) else {
            return false;
        };
        let migrated = Migrated { before: &before, after: &after, old, new, connection: &database };
        let losses = Comparison::with(migrated, databases.effects(step.index), |it| it.losses_in(&loss.table));
        losses.iter().any(|other| loss.is_like(other))
    };
    let image = &step.before.image;
    Shrinkable { workshop: databases.workshop, image, schema: old, table: &loss.table }
        .smallest_data(budget, &mut fails)
}

/// Returns true if a migration sets foreign keys inside a transaction, where SQLite ignores it.
fn ignores_foreign_keys(databases: &VersionedDatabases, step: usize) -> bool {
    let mut is_in_transaction = databases.is_wrapped(step);
    databases.effects(step).iter().any(|effect| match &effect.effect {
        Effect::Pragma { name, is_set: true, .. } => is_in_transaction && name == "foreign_keys",
        Effect::Begin | Effect::End => {
            is_in_transaction = databases.is_wrapped(step) || matches!(effect.effect, Effect::Begin);
            false
        }
        _ => false,
    })
}

/// The statement that lost something.
#[derive(Debug)]
pub(crate) struct Blame {
    pub(crate) statement: usize,
    pub(crate) mechanism: Mechanism,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// DROP or DELETE of the table itself.
    Explicit,
    /// Foreign-key actions, fired by the rows of this table.
    ForeignKeyActions {
        parent: Name,
        /// True for DROP TABLE, false for DELETE.
        is_dropped: bool,
    },
    /// The INSERT that copies the rows into a new table.
    Copy,
    Other,
}

/// Returns the statement to blame for a loss, if one can be named.
fn blame(
    databases: &VersionedDatabases,
    step: &UpgradeStep,
    loss: &Loss,
    (migration, effects): (&Migration, &[StatementEffect]),
) -> Option<Blame> {
    match loss.kind {
        LossKind::Table => {
            return explicit(effects, |effect| match effect {
                Effect::DropTable(table) => *renamed_before_drop(effects, table).unwrap_or(table) == loss.table,
                _ => false,
            });
        }
        LossKind::Column | LossKind::Key => {
            let column = loss.column.as_ref()?;
            let is_drop =
                |effect: &Effect| matches!(effect, Effect::DropColumn { column: dropped, .. } if dropped == column);
            return explicit(effects, is_drop).or_else(|| copy(effects, loss));
        }
        _ => {}
    }
    let is_drop = |effect: &Effect| matches!(effect, Effect::DropColumn { column: dropped, .. } if Some(dropped) == loss.column.as_ref());
    let found = Investigation::new(databases, step, loss, (migration, effects)).and_then(|it| it.blame());
    found.or_else(|| explicit(effects, is_drop))
}

/// A migration that is run statement by statement, to see which one changes what was lost.
struct Investigation<'a> {
    databases: &'a VersionedDatabases,
    step: &'a UpgradeStep,
    loss: &'a Loss,
    migration: &'a Migration,
    effects: &'a [StatementEffect],
    /// The tables before the migration.
    tables: Vec<Name>,
    before: Option<String>,
}

impl<'a> Investigation<'a> {
    fn new(
        databases: &'a VersionedDatabases,
        step: &'a UpgradeStep,
        loss: &'a Loss,
        (migration, effects): (&'a Migration, &'a [StatementEffect]),
    ) -> Option<Investigation<'a>> {
        let database = databases.open(&step.before.image).ok()?;
        let tables = databases.rows(&step.before).ok()?.tables.iter().map(|table| table.name.clone()).collect();
        let before = observed(&database, &loss.table, loss);
        Some(Investigation { databases, step, loss, migration, effects, tables, before })
    }

    fn blame(&self) -> Option<Blame> {
        // A change while the table still has its old rows is not the copy's fault.
        let Some(statement) = self.first_change() else {
            let copy = copy(self.effects, self.loss)?;
            let Some(before) = self.before.as_deref().filter(|_| copy.mechanism == Mechanism::Copy) else {
                return Some(copy);
            };
            let found = self.after_copy(&copy, before).or_else(|| self.before_copy(&copy, before));
            return Some(found.unwrap_or(copy));
        };
        let is_own = |table: &Name| self.name_after(statement).is_some_and(|name| name == *table);
        let mechanism = self.effects_of(statement).find_map(|effect| match effect {
            Effect::Delete(table) | Effect::DropTable(table) if is_own(table) => Some(Mechanism::Explicit),
            Effect::DropTable(table) => Some(Mechanism::ForeignKeyActions { parent: table.clone(), is_dropped: true }),
            Effect::Delete(table) => Some(Mechanism::ForeignKeyActions { parent: table.clone(), is_dropped: false }),
            _ => None,
        });
        Some(Blame { statement, mechanism: mechanism.unwrap_or(Mechanism::Other) })
    }

    /// Returns the first statement that changes what was lost, while the table is still the old one.
    fn first_change(&self) -> Option<usize> {
        let mut found = None;
        self.run(|database, statement| {
            let Some(name) = self.name_after(statement + 1) else { return true };
            let now = observed(database, &name, self.loss);
            if now.is_some() && now != self.before {
                found = Some(statement);
            }
            found.is_some()
        });
        found
    }

    /// Returns the statement that lost something after the copy had all of it.
    fn after_copy(&self, copy: &Blame, before: &str) -> Option<Blame> {
        let mut name = self.effects_of(copy.statement).find_map(|effect| match effect {
            Effect::Insert(table) => Some(table.clone()),
            _ => None,
        })?;
        let mut found = None;
        self.run(|database, statement| {
            if statement < copy.statement {
                return false;
            }
            let of_others = self.effects_of(statement).find_map(|effect| match effect {
                Effect::DropTable(table) if *table != name => Some((table.clone(), true)),
                Effect::Delete(table) if *table != name => Some((table.clone(), false)),
                _ => None,
            });
            for effect in self.effects_of(statement) {
                match effect {
                    Effect::RenameTable { table, to } if *table == name => name.clone_from(to),
                    _ => {}
                }
            }
            if observed(database, &name, self.loss).as_deref() == Some(before) {
                return false;
            }
            found = of_others.filter(|_| statement > copy.statement).map(|(parent, is_dropped)| Blame {
                statement,
                mechanism: Mechanism::ForeignKeyActions { parent, is_dropped },
            });
            true
        });
        found
    }

    /// Returns the statement that set fewer rows aside than the table had, in a table that the copy reads.
    fn before_copy(&self, copy: &Blame, before: &str) -> Option<Blame> {
        let statements = self.migration.statements();
        let names = |statement: usize, table: &Name| {
            let is_it = |token: &Token<'_>| token.name().is_some_and(|name| *table == name);
            statements.get(statement).is_some_and(|statement| tokens(statement.text).iter().any(is_it))
        };
        let mut found = None;
        self.run(|database, statement| {
            let set_aside = self.effects_of(statement).find_map(|effect| match effect {
                Effect::Insert(table) if !self.tables.contains(table) && names(copy.statement, table) => Some(table),
                _ => None,
            });
            if let Some(table) = set_aside.filter(|_| statement < copy.statement && names(statement, &self.loss.table))
                && observed(database, table, self.loss).is_some_and(|now| now != before)
            {
                found = Some(Blame { statement, mechanism: Mechanism::Copy });
            }
            found.is_some() || statement >= copy.statement
        });
        found
    }

    /// Runs the statements one by one as their runner would, until `is_enough`. Their changes are thrown away.
    fn run(&self, mut is_enough: impl FnMut(&Connection, usize) -> bool) {
        let Ok(database) = self.databases.open(&self.step.before.image) else { return };
        if self.databases.prepare(&database, self.step.index).is_err() {
            return;
        }
        for (index, statement) in self.migration.statements().iter().enumerate() {
            if database.execute_batch(statement.text).is_err() || is_enough(&database, index) {
                return;
            }
        }
    }

    /// Returns the name of the table after this many statements, as long as it is not dropped.
    fn name_after(&self, statements: usize) -> Option<Name> {
        let done: Vec<StatementEffect> =
            self.effects.iter().filter(|effect| effect.statement < statements).cloned().collect();
        let renames = Renames::of(self.tables.iter().map(Name::as_str), &done);
        renames.successor(&self.loss.table).filter(|table| !table.is_recreated).map(|table| table.name.clone())
    }

    fn effects_of(&self, statement: usize) -> impl Iterator<Item = &'a Effect> {
        self.effects.iter().filter(move |effect| effect.statement == statement).map(|effect| &effect.effect)
    }
}

/// Returns what shows the loss: the number of rows, or the values of the column.
fn observed(connection: &Connection, table: &str, loss: &Loss) -> Option<String> {
    let name = quote_identifier(table);
    let sql = match (&loss.kind, &loss.column) {
        (
            LossKind::Values { .. }
            | LossKind::Moved { .. }
            | LossKind::Renumbered
            | LossKind::Merged
            | LossKind::Recomputed { .. }
            | LossKind::Fractions { .. },
            Some(column),
        ) => {
            // In quotes alone, the name of a missing column would be a text.
            let value = literal(&format!("{name}.{}", quote_identifier(column)));
            format!("SELECT group_concat(value) FROM (SELECT {value} AS value FROM {name} ORDER BY 1)")
        }
        (LossKind::Sequence { .. }, _) => {
            format!("SELECT CAST(seq AS TEXT) FROM sqlite_sequence WHERE name = {}", quote_text(table))
        }
        _ => format!("SELECT CAST(count(*) AS TEXT) FROM {name}"),
    };
    connection.query_row(&sql, [], |row| row.get(0)).ok().flatten()
}

fn explicit(effects: &[StatementEffect], is_it: impl Fn(&Effect) -> bool) -> Option<Blame> {
    let effect = effects.iter().find(|effect| is_it(&effect.effect))?;
    Some(Blame { statement: effect.statement, mechanism: Mechanism::Explicit })
}

/// Returns the last INSERT into the table that takes the place of the old one; the DROP where there is none.
fn copy(effects: &[StatementEffect], loss: &Loss) -> Option<Blame> {
    let mut name = &loss.table;
    for StatementEffect { statement, effect } in effects.iter().rev() {
        match effect {
            Effect::RenameTable { table, to } if to == name => name = table,
            Effect::Insert(table) if table == name => {
                return Some(Blame { statement: *statement, mechanism: Mechanism::Copy });
            }
            // Created and never filled from the old one: the DROP lost the rows.
            Effect::CreateTable(table) if table == name => break,
            _ => {}
        }
    }
    explicit(effects, |effect| matches!(effect, Effect::DropTable(table) if *table == loss.table))
}
