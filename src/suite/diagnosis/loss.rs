//! The diagnosis of a loss: the statement to blame, the mechanism, and the smallest data that shows it.

use super::blame::{Blame, Mechanism, blame};
use super::rebuild::Rebuild;
use super::shrink::smallest_data;
use crate::db::Scratch;
use crate::error::Result;
use crate::migrations::Migration;
use crate::suite::losses::{Comparison, Loss, LossKind};
use crate::suite::statements::Effect;
use crate::suite::versions::{UpgradeStep, VersionState, VersionedDatabases};

/// A loss, and why it happens.
pub(crate) struct LossDiagnosis<'a> {
    pub(crate) loss: &'a Loss,
    pub(crate) migration: &'a Migration,
    pub(crate) version_before: i64,
    pub(crate) blame: Option<Blame>,
    /// The rebuild whose DROP TABLE fires foreign-key actions.
    pub(crate) rebuild: Option<Rebuild>,
    /// True if the migration sets `PRAGMA foreign_keys` where SQLite ignores it.
    pub(crate) has_ignored_pragma: bool,
    pub(crate) smallest_data: Option<String>,
}

impl<'a> LossDiagnosis<'a> {
    pub(crate) fn of(databases: &'a VersionedDatabases, step: &UpgradeStep, loss: &'a Loss) -> Result<Self> {
        let blame = blame(databases, step, loss);
        let rebuild = blame.as_ref().and_then(|blame| match &blame.mechanism {
            Mechanism::ForeignKeyActions { parent, .. } => {
                Some(Rebuild::of(databases, step.index, parent, &loss.table))
            }
            _ => None,
        });
        let has_rows = !matches!(loss.kind, LossKind::Table | LossKind::Column | LossKind::Sequence { .. });
        let smallest_data = if has_rows { Some(data(databases, step, loss)?) } else { None };
        Ok(LossDiagnosis {
            loss,
            migration: databases.migration(step.index),
            version_before: databases.version(step.index),
            blame,
            rebuild,
            has_ignored_pragma: databases.is_wrapped(step.index) && sets_foreign_keys(databases, step.index),
            smallest_data: smallest_data.filter(|data| !data.is_empty()),
        })
    }
}

/// Returns the losses of a step.
pub(crate) fn losses(databases: &VersionedDatabases, step: &UpgradeStep, after: &VersionState) -> Result<Vec<Loss>> {
    let before = databases.rows(&step.before)?;
    let database = databases.open(&after.image)?;
    let rows = databases.rows_in(&database)?;
    Ok(Comparison::of(&before, &rows, databases.effects(step.index), &database).losses())
}

fn data(databases: &VersionedDatabases, step: &UpgradeStep, loss: &Loss) -> Result<String> {
    let mut fails = |mut database: Scratch| {
        let Ok(before) = databases.rows_in(&database) else { return false };
        if databases.migrate(&mut database, step.index).is_err() {
            return false;
        }
        let Ok(after) = databases.rows_in(&database) else { return false };
        let comparison = Comparison::of(&before, &after, databases.effects(step.index), &database);
        comparison.losses().iter().any(|other| loss.is_like(other))
    };
    smallest_data(databases.workshop, &step.before.image, &mut fails)
}

fn sets_foreign_keys(databases: &VersionedDatabases, step: usize) -> bool {
    let mut effects = databases.effects(step).iter().map(|effect| &effect.effect);
    effects.any(|effect| matches!(effect, Effect::Pragma { name, is_set: true } if name == "foreign_keys"))
}
