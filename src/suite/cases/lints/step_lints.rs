//! Lints of the schema after a migration, against the one before it: indexes, triggers and constraints that a rebuilt table
//! has lost without a statement that drops them, and views that dangle.

use super::lost_constraints::{self, LostConstraint};
use crate::check::Finding;
use crate::error::Result;
use crate::migrations::Migration;
use crate::schema::references::column_names;
use crate::schema::{Index, IndexedColumn, Schema, Table, View};
use crate::sql::{Name, plain_name};
use crate::suite::losses::Comparison;
use crate::suite::statements::{Effect, Renames, StatementEffect};
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

/// A table before and after its rebuild.
pub(crate) struct RebuiltTable<'a> {
    pub(crate) migration: &'a Migration,
    pub(crate) effects: &'a [StatementEffect],
    pub(crate) before: &'a Table,
    pub(crate) after: &'a Table,
    pub(crate) old: &'a Schema,
    pub(crate) new: &'a Schema,
}

impl RebuiltTable<'_> {
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let mut found = self.lost_indexes();
        found.extend(self.lost_triggers());
        found.extend(self.lost_primary_key());
        let lost = lost_constraints::between(self.before, self.after, &self.old.diff(self.new));
        found.extend(lost.into_iter().map(|lost| self.lost_constraint(lost)));
        found
    }

    fn lost_indexes(&self) -> Vec<Finding> {
        let candidates = self.before.indexes.iter();
        let candidates = candidates.filter(|index| !self.is_dropped(&index.name) && self.has_columns(&index.terms));
        candidates
            .filter_map(|index| {
                let mut alike = self.after.indexes.iter().filter(|twin| twin.terms == index.terms);
                let is_as_strict =
                    |twin: &Index| twin.unique && (twin.partial.is_none() || twin.partial == index.partial);
                let what = if is_unique(self.after, &index.terms) || alike.clone().any(is_as_strict) {
                    return None;
                } else if alike.next().is_none() {
                    format!("the index {}", index.name)
                } else if index.unique {
                    format!("the UNIQUE of the index {}", index.name)
                } else {
                    return None;
                };
                Some(
                    Finding::new("rebuild-loses-objects", index.name.as_str(), self.loses(&what))
                        .cost("DROP TABLE drops its indexes: queries scan, and UNIQUE is not enforced any more")
                        .fix(self.create_again(&index.sql)),
                )
            })
            .collect()
    }

    fn lost_triggers(&self) -> Vec<Finding> {
        let is_there =
            |name: &str| self.new.tables.iter().flat_map(|table| &table.triggers).any(|twin| twin.name == name);
        let lost = self.before.triggers.iter().filter(|it| !self.is_dropped(&it.name) && !is_there(&it.name));
        lost.map(|trigger| {
            let what = self.loses(&format!("the trigger {}", trigger.name));
            Finding::new("rebuild-loses-objects", trigger.name.as_str(), what)
                .cost("DROP TABLE drops its triggers, and nothing replaces this one")
                .fix(self.create_again(&trigger.sql))
        })
        .collect()
    }

    fn lost_primary_key(&self) -> Option<Finding> {
        let key = self.before.primary_key.as_ref()?;
        let is_lost = self.after.primary_key.is_none()
            && self.has_columns(&key.terms)
            && (key.is_rowid || !is_unique(self.after, &key.terms));
        let name = self.before.name.as_str();
        is_lost.then(|| {
            Finding::new("rebuild-loses-objects", name, self.loses("the PRIMARY KEY"))
                .cost("a new row can have the key of another row, or none; CREATE TABLE .. AS SELECT copies no constraints")
                .fix(declare_or_allow("rebuild-loses-objects", name))
        })
    }

    fn lost_constraint(&self, lost: LostConstraint) -> Finding {
        let LostConstraint { code, object, what, cost } = lost;
        Finding::new(code, &object, self.loses(&what)).cost(cost).fix(declare_or_allow(code, &object))
    }

    /// Returns true if the migration drops this index or trigger.
    fn is_dropped(&self, name: &str) -> bool {
        self.effects.iter().any(|effect| matches!(&effect.effect, Effect::DropObject(dropped) if dropped == name))
    }

    fn has_columns(&self, terms: &[IndexedColumn]) -> bool {
        column_names(terms).iter().all(|column| self.after.column(column).is_some())
    }

    fn loses(&self, what: &str) -> String {
        let (version, file) = (self.migration.version(), self.migration.name());
        format!("migration {version} loses {what} in the rebuild of {}: {file}", self.before.name)
    }

    fn create_again(&self, sql: &str) -> String {
        match self.after.name == self.before.name {
            true => format!("{sql};"),
            false => format!("create it again on {}; it was\n{sql};", plain_name(&self.after.name)),
        }
    }
}

fn declare_or_allow(code: &str, object: &str) -> String {
    format!("declare it in the new table too; if it is meant, say so: .allow({code:?}, {object:?}, \"why\")")
}

/// Returns true if no two rows can be the same in these terms.
fn is_unique(table: &Table, terms: &[IndexedColumn]) -> bool {
    let indexes = table.indexes.iter().filter(|index| index.unique && index.partial.is_none());
    let keys = table.unique.iter().chain(&table.primary_key).map(|key| &key.terms);
    keys.chain(indexes.map(|index| &index.terms)).any(|unique| *unique == terms)
}
