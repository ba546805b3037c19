//! Lints of the schema after a migration, against the one before it.

use super::rebuilt_table::RebuiltTable;
use crate::check::Finding;
use crate::error::Result;
use crate::schema::{Schema, View};
use crate::sql::Name;
use crate::suite::losses::Comparison;
use crate::suite::statements::Renames;
use crate::suite::versions::{UpgradeStep, VersionState, VersionedDatabases};

/// Finds objects that rebuilt tables have lost, and views that name something that is gone.
pub(crate) fn findings(databases: &VersionedDatabases, step: &UpgradeStep) -> Result<Vec<Finding>> {
    let Some(after) = &step.after else { return Ok(Vec::new()) };
    let migration = databases.migration(step.index);
    let effects = databases.effects(step.index);
    let (old, new): (&Schema, &Schema) = (&step.before.schema, &after.schema);
    let renames = Renames::of_schema(old, effects);
    let mut renamed_by_hand: Option<Vec<(Name, Name)>> = None;
    let mut found = Vec::new();
    for table in &old.tables {
        let name = match renames.successor(&table.name) {
            Some(successor) if !successor.is_recreated => continue,
            Some(successor) => successor.name,
            None => {
                let renamed = match renamed_by_hand.take() {
                    Some(renamed) => renamed,
                    None => tables_renamed_by_hand(databases, step, after)?,
                };
                let renamed = renamed_by_hand.insert(renamed);
                let Some((_, name)) = renamed.iter().find(|(old, _)| *old == table.name) else { continue };
                name
            }
        };
        if let Some(twin) = new.table(name) {
            found.extend(RebuiltTable { migration, effects, before: table, after: twin, old, new }.findings());
        }
    }
    for view in new.views.iter().filter(|view| view.columns.is_none()) {
        let is_broken_before = |old: &View| old.name == view.name && old.columns.is_none();
        if !old.views.iter().any(is_broken_before) {
            let (version, file) = (migration.version(), migration.name());
            let what = format!("migration {version} leaves the view {} dangling: {file}", view.name);
            found.push(
                Finding::new("dangling-view", view.name.as_str(), what)
                    .cost("every query of it fails")
                    .fix("drop the view before the change, and create it again afterwards"),
            );
        }
    }
    Ok(found)
}

fn tables_renamed_by_hand(
    databases: &VersionedDatabases,
    step: &UpgradeStep,
    after: &VersionState,
) -> Result<Vec<(Name, Name)>> {
    let before = databases.rows(&step.before)?;
    let database = databases.open(&after.image)?;
    let rows = databases.rows_in(&database)?;
    Ok(Comparison::of(&before, &rows, databases.effects(step.index), &database).renamed_by_hand())
}
