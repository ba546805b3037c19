//! A migration that refuses rows which the version before it accepts.

use super::adversarial_rows::RefusedRows;
use super::rebuild::Rebuild;
use super::shrink::{ShrinkBudget, Shrinkable};
use crate::db::{Image, Scratch};
use crate::error::{Error, Result};
use crate::migrations::Migration;
use crate::suite::statements::{Effect, Renames, renamed_before_drop};
use crate::suite::versions::{UpgradeStep, VersionedDatabases, refused_object};

/// The most attempts to find smaller data with a migration that does not end: each takes as long as the limit lets it.
const ATTEMPTS_IF_ENDLESS: usize = 60;

/// A migration that fails on rows, and why.
pub(crate) struct MigrationRefusal<'a> {
    pub(crate) migration: &'a Migration,
    pub(crate) version_before: i64,
    /// The column whose constraint the rows violate: `table.column`.
    pub(crate) object: &'a str,
    pub(crate) error: &'a Error,
    /// The rebuild whose DROP TABLE foreign keys do not allow.
    pub(crate) rebuild: Option<Rebuild>,
    pub(crate) smallest_data: String,
}

impl<'a> MigrationRefusal<'a> {
    pub(crate) fn of(
        databases: &'a VersionedDatabases,
        step: &UpgradeStep,
        refused: &'a RefusedRows,
        budget: &ShrinkBudget,
    ) -> Result<Self> {
        let RefusedRows { object, image, error } = refused;
        let code = error.sqlite_code();
        let object_of = |error: &Error| refused_object(databases, step.index, error);
        let violated = object_of(error);
        // With fewer rows another statement may be the first to fail, for the same kind of reason.
        let is_endless = error.is_endless();
        let mut left = ATTEMPTS_IF_ENDLESS;
        let mut fails = |mut database: Scratch| {
            let is_same = |error: Error| {
                error.is_endless() == is_endless && error.sqlite_code() == code && object_of(&error) == violated
            };
            if is_endless && left == 0 {
                return false;
            }
            left -= usize::from(is_endless);
            databases.migrate(&mut database, step.index).is_err_and(is_same)
        };
        let table = object.split('.').next().unwrap_or_default();
        let schema = &step.before.schema;
        let shrinkable = Shrinkable { workshop: databases.workshop, image, schema, table };
        let smallest = shrinkable.smallest(budget, &mut fails)?;
        Ok(MigrationRefusal {
            migration: databases.migration(step.index),
            version_before: databases.version(step.index),
            object,
            error,
            rebuild: refused_rebuild(databases, step, (error, &smallest.image)),
            smallest_data: smallest.inserts,
        })
    }
}

/// Finds the table that the migration drops to rebuild it while the rows of another one refer to it. Foreign keys refuse
/// that at once or at the COMMIT, since rows that come with a rename do not count as parents.
fn refused_rebuild(
    databases: &VersionedDatabases,
    step: &UpgradeStep,
    (error, rows): (&Error, &Image),
) -> Option<Rebuild> {
    /// SQLITE_CONSTRAINT_FOREIGNKEY, and SQLITE_CONSTRAINT_TRIGGER, which ON DELETE RESTRICT is:
    /// https://www.sqlite.org/rescode.html
    const FOREIGN_KEY: [i32; 2] = [787, 1811];
    if !error.sqlite_code().is_some_and(|code| FOREIGN_KEY.contains(&code)) {
        return None;
    }
    let (statements, effects) = (databases.migration(step.index).statements(), databases.effects(step.index));
    let tables = &step.before.schema.tables;
    let renames = Renames::of_schema(&step.before.schema, effects);
    let failed = |at: usize| error.sql_text().is_none_or(|text| statements[at].text == text);
    effects.iter().find_map(|effect| match &effect.effect {
        Effect::DropTable(dropped) if failed(effect.statement) => {
            let name = renamed_before_drop(effects, dropped).unwrap_or(dropped);
            let parent = tables.iter().find(|table| *name == table.name)?;
            let child = tables.iter().find(|child| {
                child.name != parent.name && child.foreign_keys.iter().any(|key| key.parent == parent.name)
            });
            let child = child.filter(|_| renames.is_recreated(&parent.name))?;
            Some(Rebuild::of(databases, step, (dropped, &child.name), rows))
        }
        _ => None,
    })
}
