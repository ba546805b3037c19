//! The rebuild of a table that others refer to, and the way to do it that was tried and keeps them.

use crate::db::{Image, Scratch};
use crate::migrations::Format;
use crate::schema::ForeignKey;
use crate::sql::{Name, quote_identifier};
use crate::suite::rows::count;
use crate::suite::statements::{Effect, renamed_before_drop};
use crate::suite::versions::{UpgradeStep, VersionedDatabases};

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
    /// True if the rows of `child` can be set aside meanwhile.
    pub(crate) can_set_aside: bool,
}

impl Rebuild {
    /// `rows` are a database before the step, on which the ways are tried.
    pub(crate) fn of(
        databases: &VersionedDatabases,
        step: &UpgradeStep,
        (dropped, child): (&str, &str),
        rows: &Image,
    ) -> Rebuild {
        let effects = databases.effects(step.index);
        let temporary_name = effects.iter().find_map(|effect| match &effect.effect {
            Effect::RenameTable { table, to } if to == child => Some(table.clone()),
            _ => None,
        });
        let mut rebuild = Rebuild {
            dropped: Name::from(dropped),
            renamed_from: renamed_before_drop(effects, dropped).cloned(),
            child: Name::from(child),
            temporary_name,
            format: databases.history.format(),
            can_set_aside: false,
        };
        // The foreign keys of the child have to be mended too, where they follow the rename. That is not tried.
        rebuild.can_set_aside = rebuild.renamed_from.is_some() || rebuild.keeps_rows_aside(databases, step, rows);
        rebuild
    }

    /// Returns true if the new table refers to itself.
    pub(crate) fn is_of_itself(&self) -> bool {
        self.dropped == self.child
    }

    /// Tries whether the rows of the child are all there when they were set aside.
    fn keeps_rows_aside(&self, databases: &VersionedDatabases, step: &UpgradeStep, rows: &Image) -> bool {
        let schema = &step.before.schema;
        // What refers to the child keeps its rows from being deleted, or goes with them.
        let refers = |key: &ForeignKey| key.parent == self.child;
        let mut others = schema.tables.iter().filter(|table| table.name != self.child);
        let Some(child) = schema.table(&self.child) else { return false };
        if others.any(|table| table.foreign_keys.iter().any(refers)) {
            return false;
        }
        let Ok(database) = databases.open(rows) else { return false };
        let before = count(&database, child);
        self.run_aside(databases, step.index, &database).is_ok() && count(&database, child) == before
    }

    /// Runs the migration with the rows of the child set aside from before its DROP TABLE until the new table has its name.
    fn run_aside(&self, databases: &VersionedDatabases, index: usize, database: &Scratch) -> rusqlite::Result<()> {
        let effects = databases.effects(index);
        let place = |is_it: &dyn Fn(&Effect) -> bool| {
            effects.iter().rev().find(|effect| is_it(&effect.effect)).map(|effect| effect.statement)
        };
        let dropped = place(&|effect| matches!(effect, Effect::DropTable(table) if *table == self.dropped));
        let renamed = place(&|effect| matches!(effect, Effect::RenameTable { to, .. } if *to == self.dropped));
        let last = dropped.max(renamed);
        let child = quote_identifier(&self.child);
        // An error of these PRAGMAs shows in other tests.
        let _ = databases.prepare(database, index);
        for (at, statement) in databases.migration(index).statements().iter().enumerate() {
            if Some(at) == dropped {
                database
                    .execute_batch(&format!("CREATE TEMP TABLE kept AS SELECT * FROM {child}; DELETE FROM {child}"))?;
            }
            database.execute_batch(statement.text)?;
            if Some(at) == last {
                database.execute_batch(&format!("INSERT INTO {child} SELECT * FROM kept; DROP TABLE kept"))?;
            }
        }
        if database.is_autocommit() { Ok(()) } else { database.execute_batch("COMMIT") }
    }
}
