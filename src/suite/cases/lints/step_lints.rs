//! Lints of the schema after a migration, against the one before it: indexes, triggers and constraints that a rebuilt table
//! has lost without a statement that drops them, and views that dangle.

use super::lost_constraints::{LostConstraint, RebuildDiff};
use super::lost_keys::lost_keys;
use super::lost_triggers::{self, is_dropped, is_made_again};
use crate::check::{Finding, Level};
use crate::error::Result;
use crate::migrations::Migration;
use crate::schema::references::column_names;
use crate::schema::{Column, Index, IndexedColumn, Schema, Table, Trigger, View};
use crate::sql::{Name, TokenKind, plain_name, tokens};
use crate::suite::losses::{Comparison, Migrated};
use crate::suite::statements::{Renames, StatementEffect};
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
            Some(successor) if !successor.is_recreated => {
                if let Some(twin) = new.table(successor.name) {
                    let table = RebuiltTable { migration, effects, before: table, after: twin, old, new };
                    found.extend(table.indexes_remade_plainly());
                }
                continue;
            }
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
    found.extend(lost_triggers::of_views(migration, effects, (old, new)));
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
    let (before, rows) = (databases.rows(&step.before)?, databases.rows(after)?);
    let connection = databases.evaluator()?;
    let (old, new) = (&step.before.schema, &after.schema);
    let migrated = Migrated { before: &before, after: &rows, old, new, connection: &connection };
    Ok(Comparison::with(migrated, databases.effects(step.index), |it| it.renamed_by_hand()))
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
        let diff = self.old.diff(self.new);
        let rebuild = RebuildDiff::of(self.before, self.after, &diff);
        let mut found = self.lost_indexes(rebuild.level());
        found.extend(self.indexes_remade_plainly());
        found.extend(self.lost_triggers());
        found.extend(self.lost_primary_key());
        found.extend(lost_keys(self.before, self.after).map(|lost| self.lost_constraint(lost)));
        found.extend(rebuild.lost().into_iter().map(|lost| self.lost_constraint(lost)));
        found
    }

    /// Finds indexes that went with the old table. `level` is that of a UNIQUE which the new index has not.
    fn lost_indexes(&self, level: Level) -> Vec<Finding> {
        let candidates = self.before.indexes.iter();
        let candidates = candidates.filter(|index| !self.is_dropped(&index.name) && self.has_columns(&index.terms));
        let lost = candidates.filter_map(|index| {
            let has_twin = |is_it: &dyn Fn(&Index) -> bool| self.twins(index).any(is_it);
            let holds_as_many = |twin: &Index| twin.partial.is_none() || is_same_predicate(twin, index);
            let is_kept = match index.unique {
                true => has_twin(&|twin| twin.unique && holds_as_many(twin)),
                false => has_twin(&holds_as_many),
            };
            if is_kept || is_unique(self.after, &index.terms) {
                return None;
            }
            Some(if !has_twin(&|_| true) {
                self.lost_index(index, Level::Error, &self.loses(&format!("the index {}", index.name)))
            } else if index.unique && !has_twin(&|twin| twin.unique) {
                self.lost_index(index, level, &self.loses(&format!("the UNIQUE of the index {}", index.name)))
            } else {
                let what = self.does(&format!("changes the predicate of the index {}", index.name));
                self.lost_index(index, Level::Review, &what)
            })
        });
        lost.collect()
    }

    fn lost_index(&self, index: &Index, level: Level, what: &str) -> Finding {
        Finding::new("rebuild-loses-objects", index.name.as_str(), what)
            .level_of(level)
            .cost("DROP TABLE drops its indexes: queries scan, and UNIQUE is not enforced any more")
            .fix(self.create_again(&index.sql))
    }

    /// Finds unique indexes that the migration drops by name, and creates again without UNIQUE.
    pub(crate) fn indexes_remade_plainly(&self) -> Vec<Finding> {
        let dropped = self.before.indexes.iter().filter(|index| index.unique && self.is_dropped(&index.name));
        let remade = dropped.filter(|index| {
            self.twins(index).next().is_some()
                && !self.twins(index).any(|twin| twin.unique)
                && !is_unique(self.after, &index.terms)
        });
        remade
            .map(|index| {
                let (version, file) = (self.migration.version(), self.migration.name());
                let what = format!("migration {version} loses the UNIQUE of the index {}: {file}", index.name);
                Finding::new("rebuild-loses-objects", index.name.as_str(), what)
                    .level_of(Level::Review)
                    .cost("duplicates are accepted from now on")
                    .fix(self.create_again(&index.sql))
            })
            .collect()
    }

    /// Returns the indexes of the new table on the same terms.
    fn twins<'i>(&'i self, index: &'i Index) -> impl Iterator<Item = &'i Index> {
        let is_own = |table: &Table, term: &IndexedColumn| {
            let of_column = |column: &Column| term.what.is_column(&column.name) && term.collation == column.collation;
            table.columns.iter().any(of_column)
        };
        // A term has the collation of its column, which may have changed.
        let is_same = move |(one, other): (&IndexedColumn, &IndexedColumn)| {
            (&one.what, one.descending) == (&other.what, other.descending)
                && (one.collation == other.collation || (is_own(self.before, one) && is_own(self.after, other)))
        };
        self.after.indexes.iter().filter(move |twin| {
            twin.terms.len() == index.terms.len() && index.terms.iter().zip(&twin.terms).all(is_same)
        })
    }

    fn lost_triggers(&self) -> Vec<Finding> {
        let on = (self.before.name.as_str(), self.after.name.as_str());
        let is_there = |it: &Trigger| is_made_again(it, on, (self.old, self.new));
        let lost = self.before.triggers.iter().filter(|it| !self.is_dropped(&it.name) && !is_there(it));
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
        let LostConstraint { code, level, object, what, cost } = lost;
        Finding::new(code, &object, self.does(&what)).level_of(level).cost(cost).fix(declare_or_allow(code, &object))
    }

    /// Returns true if the migration drops this index or trigger.
    fn is_dropped(&self, name: &str) -> bool {
        is_dropped(self.effects, name)
    }

    fn has_columns(&self, terms: &[IndexedColumn]) -> bool {
        column_names(terms).iter().all(|column| self.after.column(column).is_some())
    }

    fn loses(&self, what: &str) -> String {
        self.does(&format!("loses {what}"))
    }

    fn does(&self, what: &str) -> String {
        let (version, file) = (self.migration.version(), self.migration.name());
        format!("migration {version} {what} in the rebuild of {}: {file}", self.before.name)
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

/// Returns true if two indexes hold the same rows.
fn is_same_predicate(one: &Index, other: &Index) -> bool {
    let words = |index: &Index| -> Vec<String> {
        let text = index.partial.as_deref().unwrap_or_default();
        let word = |(kind, text): (TokenKind, &str)| match kind {
            TokenKind::Word => text.to_ascii_lowercase(),
            _ => text.to_owned(),
        };
        tokens(text).iter().map(|token| word((token.kind, token.text))).collect()
    };
    words(one) == words(other)
}

/// Returns true if no two rows can be the same in these terms.
fn is_unique(table: &Table, terms: &[IndexedColumn]) -> bool {
    let indexes = table.indexes.iter().filter(|index| index.unique && index.partial.is_none());
    let keys = table.unique.iter().chain(&table.primary_key).map(|key| &key.terms);
    keys.chain(indexes.map(|index| &index.terms)).any(|unique| *unique == terms)
}
