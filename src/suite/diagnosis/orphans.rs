//! References that a migration leaves dangling: foreign keys were off while it ran, so SQLite has refused nothing and fired no
//! action.

use std::borrow::Cow;

use super::shrink::{ShrinkBudget, Shrinkable};
use crate::check::{Finding, Findings, dangling_references};
use crate::db::Scratch;
use crate::error::Result;
use crate::migrations::Migration;
use crate::order::SortedSet;
use crate::sql::Name;
use crate::suite::rows::delete_orphans;
use crate::suite::statements::{Effect, Renames, StatementEffect};
use crate::suite::versions::{UpgradeStep, VersionState, VersionedDatabases};

/// Rows of one table that refer to nothing after a migration.
pub(crate) struct Orphans<'a> {
    pub(crate) migration: Cow<'a, Migration>,
    pub(crate) version_before: i64,
    /// The finding of the check of foreign keys.
    pub(crate) reference: &'a Finding,
    pub(crate) statement: Option<usize>,
    /// The statement that deletes them, unless their parent is gone.
    pub(crate) delete: Option<String>,
    pub(crate) smallest_data: String,
}

impl<'a> Orphans<'a> {
    pub(crate) fn of(
        databases: &'a VersionedDatabases,
        step: &UpgradeStep,
        reference: &'a Finding,
        budget: &ShrinkBudget,
    ) -> Result<Self> {
        let (table, columns) = table_and_columns(reference);
        let mut fails = |mut database: Scratch| {
            let known = references(&database);
            databases.migrate(&mut database, step.index).is_ok()
                && !known.contains(reference.object())
                && references(&database).contains(reference.object())
        };
        let VersionState { image, schema, .. } = &step.before;
        let shrinkable = Shrinkable { workshop: databases.workshop, image, schema, table };
        let smallest_data = shrinkable.smallest_data(budget, &mut fails)?;
        let schema = step.after.as_ref().map(|after| &after.schema);
        let delete = schema.and_then(|schema| {
            let table = schema.table(table)?;
            let key =
                table.foreign_keys.iter().find(|key| key.columns.iter().map(Name::as_str).eq(columns.split(',')))?;
            delete_orphans(schema, table, key)
        });
        let (migration, effects) = databases.migration_on(step.index, &step.before.image)?;
        Ok(Orphans {
            statement: statement(databases, step, table, (&migration, &effects)),
            migration,
            version_before: databases.version(step.index),
            reference,
            delete,
            smallest_data,
        })
    }
}

/// Returns true if this finding of a check is about rows whose parent does not exist.
pub(crate) fn is_orphan(finding: &Finding) -> bool {
    finding.code() == "fk-violated"
}

/// Returns those of the references that lead nowhere after a step which did not before it.
pub(crate) fn orphans(databases: &VersionedDatabases, step: &UpgradeStep, found: Findings) -> Result<Vec<Finding>> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let renames = Renames::of_schema(&step.before.schema, databases.effects(step.index));
    let before = dangling_references(&*databases.open(&step.before.image)?);
    let known: SortedSet<String> = before
        .iter()
        .map(|finding| {
            let (table, columns) = table_and_columns(finding);
            let name = renames.successor(table).map_or(table, |table| table.name.as_str());
            let columns: Vec<Name> = columns.split(',').map(Name::from).collect();
            let columns: Vec<&str> =
                columns.iter().map(|column| renames.column_after(table, column).as_str()).collect();
            format!("{name}.{}", columns.join(","))
        })
        .collect();
    Ok(found.into_iter().filter(|finding| !known.contains(finding.object())).collect())
}

fn references(database: &Scratch) -> SortedSet<String> {
    dangling_references(database).iter().map(|finding| finding.object().to_owned()).collect()
}

fn table_and_columns(reference: &Finding) -> (&str, &str) {
    reference.object().rsplit_once('.').unwrap_or((reference.object(), ""))
}

/// Returns the statement since which rows of a table refer to nothing.
fn statement(
    databases: &VersionedDatabases,
    step: &UpgradeStep,
    table: &str,
    (migration, effects): (&Migration, &[StatementEffect]),
) -> Option<usize> {
    let names = names(effects, table);
    let database = databases.open(&step.before.image).ok()?;
    let count = || {
        let orphans = dangling_references(&database);
        orphans.iter().filter(|orphan| names.contains(&Name::from(table_and_columns(orphan).0))).count()
    };
    let before = count();
    databases.prepare(&database, step.index).ok()?;
    let mut first = None;
    for (index, statement) in migration.statements().iter().enumerate() {
        database.execute_batch(statement.text).ok()?;
        first = if count() > before { first.or(Some(index)) } else { None };
    }
    let first = first?;
    // Where a parent is dropped and its twin lacks rows, the copy has left them out.
    let dropped = effects.iter().find_map(|effect| match &effect.effect {
        Effect::DropTable(dropped) if effect.statement == first => Some(dropped),
        _ => None,
    });
    Some(dropped.and_then(|dropped| copy_of(effects, dropped, first)).unwrap_or(first))
}

/// Returns the names that a table has during a migration.
fn names(effects: &[StatementEffect], table: &str) -> Vec<Name> {
    let mut names = vec![Name::from(table)];
    for StatementEffect { effect, .. } in effects.iter().rev() {
        match effect {
            Effect::RenameTable { table, to } if names.contains(to) => names.push(table.clone()),
            _ => {}
        }
    }
    names
}

/// Returns the last INSERT into the table that takes the place of one that is dropped.
fn copy_of(effects: &[StatementEffect], dropped: &Name, at: usize) -> Option<usize> {
    let twin = effects.iter().find_map(|effect| match &effect.effect {
        Effect::RenameTable { table, to } if effect.statement > at && to == dropped => Some(table),
        _ => None,
    })?;
    let copy = effects.iter().rfind(|effect| matches!(&effect.effect, Effect::Insert(into) if into == twin));
    copy.map(|copy| copy.statement)
}
