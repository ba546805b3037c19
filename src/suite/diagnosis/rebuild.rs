//! The rebuild of a table that others refer to.

use crate::migrations::Format;
use crate::sql::Name;
use crate::suite::statements::{Effect, renamed_before_drop};
use crate::suite::versions::VersionedDatabases;

/// A table that a migration drops while the rows of `child` refer to it.
pub(crate) struct Rebuild {
    /// The name by which it is dropped.
    pub(crate) dropped: Name,
    /// The name that it had before the migration renamed it to be dropped.
    pub(crate) renamed_from: Option<Name>,
    pub(crate) child: Name,
    /// The name that the new table has until it is renamed to `child`.
    pub(crate) temporary_name: Option<Name>,
    pub(crate) format: Format,
}

impl Rebuild {
    pub(crate) fn of(databases: &VersionedDatabases, step: usize, dropped: &str, child: &str) -> Rebuild {
        let effects = databases.effects(step);
        let temporary_name = effects.iter().find_map(|effect| match &effect.effect {
            Effect::RenameTable { table, to } if to == child => Some(table.clone()),
            _ => None,
        });
        Rebuild {
            dropped: Name::from(dropped),
            renamed_from: renamed_before_drop(effects, dropped).cloned(),
            child: Name::from(child),
            temporary_name,
            format: databases.history.format(),
        }
    }

    /// Returns true if the new table refers to itself.
    pub(crate) fn is_of_itself(&self) -> bool {
        self.dropped == self.child
    }
}
