//! Rows that one version accepts and the next may refuse or change, made from the difference of the two schemas.

use super::row_changes::{ChangedTable, RowChange};
use crate::db::Image;
use crate::error::{Error, Result};
use crate::schema::TableKind;
use crate::suite::statements::Renames;
use crate::suite::versions::{UpgradeStep, VersionedDatabases};

/// Rows that made a migration fail.
pub(crate) struct RefusedRows {
    /// `table.column`.
    pub(crate) object: String,
    pub(crate) image: Image,
    pub(crate) error: Error,
}

/// Returns rows that the version before a migration accepts and that make the migration fail, one set for each object.
pub(crate) fn refused_rows(databases: &VersionedDatabases, step: &UpgradeStep) -> Result<Vec<RefusedRows>> {
    let mut found: Vec<RefusedRows> = Vec::new();
    for (change, image) in changed_databases(databases, step, |table| table.refusable())? {
        if found.iter().any(|refused| refused.object == change.object) {
            continue;
        }
        let mut database = databases.open(&image)?;
        if let Err(error) = databases.migrate(&mut database, step.index) {
            found.push(RefusedRows { object: change.object, image, error });
        }
    }
    Ok(found)
}

/// Returns the step on databases with a duplicate of what becomes unique, or with a value that its column cannot keep
/// unchanged, where the migration accepts them.
pub(crate) fn accepted_rows(databases: &VersionedDatabases, step: &UpgradeStep) -> Result<Vec<UpgradeStep>> {
    let changes = |table: &ChangedTable<'_>| {
        let mut changes = table.duplicates();
        changes.extend(table.edge_values(|column| databases.plan.is_given(table.before, column)));
        changes
    };
    let mut accepted = Vec::new();
    for (_, image) in changed_databases(databases, step, changes)? {
        let step = step.with_rows(databases, image)?;
        if step.after.is_some() {
            accepted.push(step);
        }
    }
    Ok(accepted)
}

/// Changes rows of each table that the migration changes, and returns those databases that the schema before it accepts.
fn changed_databases(
    databases: &VersionedDatabases,
    step: &UpgradeStep,
    changes: impl Fn(&ChangedTable<'_>) -> Vec<RowChange>,
) -> Result<Vec<(RowChange, Image)>> {
    // Where plain rows are refused already, one reason cannot be told from another.
    let Some(after) = &step.after else { return Ok(Vec::new()) };
    let (old, new) = (&step.before.schema, &after.schema);
    let renames = Renames::of_schema(old, databases.effects(step.index));
    let mut accepted = Vec::new();
    let mut opened = None;
    for table in old.tables.iter().filter(|table| table.kind == TableKind::Ordinary) {
        let name = renames.successor(&table.name).map_or(table.name.as_str(), |table| table.name.as_str());
        let Some(twin) = new.table(name).filter(|twin| twin.sql != table.sql || twin.indexes != table.indexes) else {
            continue;
        };
        let before = match &opened {
            Some(before) => before,
            None => opened.insert(databases.open(&step.before.image)?),
        };
        let Some(table) = ChangedTable::new(table, twin, before) else { continue };
        for change in changes(&table) {
            let database = before.copy()?;
            if change.sql.iter().all(|sql| database.execute_batch(sql).is_ok()) {
                accepted.push((change, database.image()?));
            }
        }
    }
    Ok(accepted)
}
