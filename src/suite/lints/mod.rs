//! Lints of migrations: what they do to a database beyond what they are for. And those of the schema that comes out.

mod versions;

use super::Suite;
use super::renames::Renames;
use super::statement_effects::Effect;
use super::survival;
use super::versioned_databases::{UpgradeStep, VersionState, VersionedDatabases};
use crate::check::{self, Finding, Findings, try_lint};
use crate::error::Result;
use crate::schema::{Column, ForeignKey, ForeignKeyAction, Index, IndexedColumn, IndexedExpr, Schema, Table};
use crate::sql::{Statement, Token, listed, plain_name, tokens};

/// What `lints_clean` takes from [`check::lint`]: what is broken, not what could be better. A history that has shipped cannot
/// be made better without a rebuild of its tables.
const BROKEN: [&str; 5] =
    ["fk-parent-missing", "fk-parent-not-unique", "dangling-view", "dangling-trigger", "double-quoted-string"];

/// Everything that `lints_clean` finds.
const FOUND: [&str; 11] = [
    "rebuild-loses-objects",
    "fk-dropped",
    "pragma-noop-in-transaction",
    "rename-breaks-old-code",
    "backfill-with-ddl",
    "needs-sqlite",
    BROKEN[0],
    BROKEN[1],
    BROKEN[2],
    BROKEN[3],
    BROKEN[4],
];

/// The codes of a migration's findings, by the test that finds them.
///
/// | code | test | what |
/// | --- | --- | --- |
/// | `gap` | `history_is_linear` | a number is missing |
/// | `not-filled` | `every_version_upgrades_with_data` | a table stays empty |
/// | `fails-on-data` | `every_version_upgrades_with_data` | rows that the version before accepts make the migration fail |
/// | `rebuild-fires-fk-actions` | `every_row_survives` | DROP TABLE of a parent deletes or empties what refers to it |
/// | `undeclared-loss` | `every_row_survives` | rows or values are gone or others |
/// | `values-moved` | `every_row_survives` | values of one column are in another |
/// | `destructive` | `every_row_survives` | a table, a column or rows are dropped |
/// | `irreversible-down` | `down_undoes_up` | a down script fails, or leaves another schema |
/// | `nested-transaction` | `applies_to_an_empty_database` | BEGIN or COMMIT in a migration that its runner has begun a transaction for |
/// | `nested-transaction` | `failure_leaves_the_previous_version` | a COMMIT in the middle, so that a failure leaves what stands before it |
/// | `half-applied` | `failure_leaves_the_previous_version` | a failure leaves a part of the migration |
/// | `rebuild-loses-objects` | `lints_clean`, `every_row_survives` | an index, trigger, key or constraint, the DEFAULT of a column, or the AUTOINCREMENT of a table is gone after a rebuild |
/// | `fk-dropped` | `lints_clean` | a foreign key, or what it does on DELETE or UPDATE, is gone after a rebuild |
/// | `pragma-noop-in-transaction` | `lints_clean` | `PRAGMA foreign_keys` where SQLite ignores it |
/// | `dangling-view` | `lints_clean` | a view names what is gone |
/// | `rename-breaks-old-code` | `lints_clean`, with [`Suite::old_code_runs`] | a table or column that the running app knows by another name |
/// | `backfill-with-ddl` | `lints_clean`, with [`Suite::old_code_runs`] | all rows are written while the schema is locked |
/// | `needs-sqlite` | `lints_clean`, with [`Suite::lowest_sqlite`] | SQL that the oldest SQLite does not know |
///
/// Of the findings of [`check::lint`], `lints_clean` takes those that something is broken by: `fk-parent-missing`,
/// `fk-parent-not-unique`, `dangling-view`, `dangling-trigger`, `double-quoted-string`.
pub const CODES: &[&str] = &[
    "gap",
    "not-filled",
    "fails-on-data",
    "rebuild-fires-fk-actions",
    "undeclared-loss",
    "values-moved",
    "destructive",
    "irreversible-down",
    "nested-transaction",
    "half-applied",
    "rebuild-loses-objects",
    "fk-dropped",
    "pragma-noop-in-transaction",
    "dangling-view",
    "rename-breaks-old-code",
    "backfill-with-ddl",
    "needs-sqlite",
];

pub(super) fn test(suite: &Suite) -> Result<()> {
    let mut found: Vec<Finding> = Vec::new();
    let schema = match suite.databases()? {
        Some(databases) => {
            for step in &databases.upgrade_run()?.steps {
                of_step(suite, databases, step, &mut found)?;
            }
            try_lint(&*databases.empty(databases.reach())?)?
        }
        None => try_lint(&*suite.template.scratch()?)?,
    };
    let is_new = |finding: &Finding, found: &[Finding]| {
        !found.iter().any(|known| known.code() == finding.code() && known.object() == finding.object())
    };
    for finding in schema {
        if BROKEN.contains(&finding.code()) && is_new(&finding, &found) {
            found.push(finding);
        }
    }
    let mut findings: Findings = found.into_iter().collect();
    for (code, object, reason) in &suite.options.lints {
        let known = check::LINT_CODES.contains(&code.as_str()) || CODES.contains(&code.as_str());
        findings = match known {
            true => findings.allow(code, object, reason),
            // Says which one was meant.
            false => findings.with_codes(&FOUND).allow(code, object, reason),
        };
    }
    findings.try_assert_ok()
}

fn of_step(suite: &Suite, databases: &VersionedDatabases, step: &UpgradeStep, found: &mut Vec<Finding>) -> Result<()> {
    let migration = databases.migration(step.index);
    let statements = migration.statements();
    let at = |finding: Finding, statement: &Statement<'_>| {
        let line = statement.text.lines().next().unwrap_or_default();
        finding.evidence(format!("at {}", migration.place(statement)), format!("> {line}"))
    };
    let effects = databases.effects(step.index);
    let mut within = databases.history.is_wrapped(migration);
    for effect in effects {
        let finding = match &effect.effect {
            Effect::Begin => {
                within = true;
                None
            }
            Effect::End => {
                within = databases.history.is_wrapped(migration);
                None
            }
            Effect::Pragma { name, sets: true } if within && name.eq_ignore_ascii_case("foreign_keys") => Some(
                Finding::new(
                    "pragma-noop-in-transaction",
                    migration.name(),
                    format!("PRAGMA foreign_keys does nothing in migration {}: {}", migration.version(), migration.name()),
                )
                .cost("SQLite ignores it within a transaction: foreign keys go on holding, and DROP TABLE fires their actions")
                .fix("take it away, or run the file without a transaction of its runner, and BEGIN behind it"),
            ),
            Effect::RenameTable { table, to } if suite.options.old_code_runs && known_before(step, table) => {
                Some(renamed(table, to, migration.version(), migration.name()))
            }
            Effect::RenameColumn { table, column, to } if suite.options.old_code_runs && known_before(step, table) => {
                Some(renamed(&format!("{table}.{column}"), to, migration.version(), migration.name()))
            }
            Effect::Update { table, column, all_rows: true, .. } if suite.options.old_code_runs && changes_schema(effects) => {
                let what = format!(
                    "migration {} writes {table}.{column} of every row in the transaction that changes the schema: {}",
                    migration.version(),
                    migration.name()
                );
                Some(
                    Finding::new("backfill-with-ddl", format!("{table}.{column}"), what)
                        .cost("the app that is running waits for the write lock as long as that takes")
                        .fix("change the schema in one migration and fill the column in the next, in parts"),
                )
            }
            _ => None,
        };
        // OFF and ON are one mistake.
        let finding = finding.filter(|new| !found.iter().any(|known| known.what() == new.what()));
        found.extend(finding.map(|finding| at(finding, &statements[effect.statement])));
    }
    if let Some(lowest) = &suite.options.lowest_sqlite {
        for statement in &statements {
            for (feature, since) in versions::newer_than(&tokens(statement.text), lowest)? {
                let what = format!("migration {} needs SQLite {since}: {feature}", migration.version());
                let finding = Finding::new("needs-sqlite", migration.name(), what)
                    .cost(format!("the app says that it runs on {lowest}, which refuses it"));
                found.push(at(finding, statement));
            }
        }
    }
    if let Some(after) = &step.after {
        let (old, new) = (&step.before.schema, &after.schema);
        let renames = Renames::of(old.tables.iter().map(|table| table.name.as_str()), effects);
        let mut by_hand = None;
        for table in &old.tables {
            let name = match renames.name_after(&table.name) {
                Some((_, false)) => continue,
                Some((name, true)) => name,
                None => {
                    let renamed = match by_hand.take() {
                        Some(renamed) => renamed,
                        None => renamed_by_hand(databases, step, after)?,
                    };
                    let renamed = by_hand.insert(renamed);
                    let Some((_, name)) = renamed.iter().find(|(old, _)| *old == table.name) else { continue };
                    name
                }
            };
            if let Some(twin) = new.table(name) {
                found.extend(lost_objects(databases, step, table, twin, (old, new)));
            }
        }
        for view in new.views.iter().filter(|view| view.columns.is_none()) {
            let was_whole = old.views.iter().find(|old| old.name == view.name).is_none_or(|old| old.columns.is_some());
            if was_whole {
                let what = format!(
                    "migration {} leaves the view {} dangling: {}",
                    migration.version(),
                    view.name,
                    migration.name()
                );
                found.push(
                    Finding::new("dangling-view", &view.name, what)
                        .cost("every query of it fails")
                        .fix("drop the view before, and make it again after"),
                );
            }
        }
    }
    Ok(())
}

fn renamed_by_hand(
    databases: &VersionedDatabases,
    step: &UpgradeStep,
    after: &VersionState,
) -> Result<Vec<(String, String)>> {
    let database = databases.open(&after.image)?;
    let (before, rows) = (databases.rows_of(&step.before)?, databases.contents(&database)?);
    Ok(survival::renamed_by_hand(&before, &rows, databases.effects(step.index), &database))
}

fn known_before(step: &UpgradeStep, table: &str) -> bool {
    step.before.schema.table(table).is_some()
}

fn changes_schema(effects: &[super::statement_effects::StatementEffect]) -> bool {
    effects.iter().any(|effect| {
        !matches!(
            effect.effect,
            Effect::Update { .. }
                | Effect::Insert { .. }
                | Effect::Delete { .. }
                | Effect::Pragma { .. }
                | Effect::Begin
                | Effect::End
        )
    })
}

fn renamed(from: &str, to: &str, version: i64, file: &str) -> Finding {
    Finding::new("rename-breaks-old-code", from, format!("migration {version} renames {from} to {to}: {file}"))
        .cost("the app that is running asks for the old name until it is replaced")
        .fix("add the new name beside the old one, let the app write both, and drop the old one in a later release")
}

/// Constraints that a rebuild can leave out without a word, as [`SchemaDiff`](crate::schema::SchemaDiff) says them. NOT NULL
/// is not among them: to drop it is what most rebuilds are for.
const CONSTRAINTS: [&str; 8] =
    ["CHECK", "CONSTRAINT", "UNIQUE", "FOREIGN KEY", "REFERENCES", "COLLATE", "AUTOINCREMENT", "STRICT"];

/// What a table had before it was rebuilt, and has no more, without a statement that says so.
fn lost_objects(
    databases: &VersionedDatabases,
    step: &UpgradeStep,
    table: &Table,
    twin: &Table,
    (old, new): (&Schema, &Schema),
) -> Vec<Finding> {
    let migration = databases.migration(step.index);
    let effects = databases.effects(step.index);
    let said = |name: &str| {
        effects.iter()
            .any(|effect| matches!(&effect.effect, Effect::DropObject { name: dropped } if dropped.eq_ignore_ascii_case(name)))
    };
    let gone = |what: &str| {
        format!("migration {} loses {what} in the rebuild of {}: {}", migration.version(), table.name, migration.name())
    };
    let again = |sql: &str| match twin.name.eq_ignore_ascii_case(&table.name) {
        true => format!("{sql};"),
        false => format!("make it anew on {}; it was\n{sql};", plain_name(&twin.name)),
    };
    let mut found = Vec::new();
    let has_columns = |terms: &[IndexedColumn]| {
        terms.iter().all(|term| match &term.what {
            IndexedExpr::Column(column) => twin.column(column).is_some(),
            _ => true,
        })
    };
    for index in table.indexes.iter().filter(|index| !said(&index.name) && has_columns(&index.terms)) {
        let like_it = || twin.indexes.iter().filter(|twin| twin.terms == index.terms);
        let as_strict = |twin: &Index| twin.unique && (twin.partial.is_none() || twin.partial == index.partial);
        let what = if is_unique(twin, &index.terms) || like_it().any(as_strict) {
            continue;
        } else if like_it().next().is_none() {
            format!("the index {}", index.name)
        } else if index.unique {
            format!("the UNIQUE of the index {}", index.name)
        } else {
            continue;
        };
        found.push(
            Finding::new("rebuild-loses-objects", &index.name, gone(&what))
                .cost("DROP TABLE takes indexes along: queries scan, and what was UNIQUE is not")
                .fix(again(&index.sql)),
        );
    }
    for trigger in table.triggers.iter().filter(|trigger| !said(&trigger.name)) {
        if !new.tables.iter().any(|table| table.triggers.iter().any(|twin| twin.name == trigger.name)) {
            found.push(
                Finding::new("rebuild-loses-objects", &trigger.name, gone(&format!("the trigger {}", trigger.name)))
                    .cost("DROP TABLE takes triggers along: what it kept true is true no more")
                    .fix(again(&trigger.sql)),
            );
        }
    }
    if let Some(key) = &table.primary_key
        && twin.primary_key.is_none()
        && has_columns(&key.terms)
        && (key.is_rowid || !is_unique(twin, &key.terms))
    {
        let name = &table.name;
        found.push(
            Finding::new("rebuild-loses-objects", name, gone("the PRIMARY KEY"))
                .cost("a new row can have the key of another one, or none; CREATE TABLE .. AS SELECT takes no constraint along")
                .fix(format!(
                    "declare it in the new table too; if it is meant, say so: .allow(\"rebuild-loses-objects\", {name:?}, \"why\")"
                )),
        );
    }
    let diff = old.diff(new);
    let of_table = format!("table {}", table.name);
    let column = format!("{}.", table.name);
    let of_it: Vec<_> = diff
        .iter()
        .filter(|difference| difference.object() == of_table || difference.object().starts_with(&column))
        .collect();
    // A rebuild that does nothing but drop a constraint is there to drop it.
    if of_it.len() < 2 {
        return found;
    }
    found.extend(lost_actions(table, twin).into_iter().map(|(object, what, cost)| {
        Finding::new("fk-dropped", &object, gone(&what)).cost(cost).fix(again_or_allowed("fk-dropped", &object))
    }));
    for difference in of_it {
        let Some(what) = difference.what().strip_suffix(" dropped") else { continue };
        let of_column = difference.object().strip_prefix(&column);
        if let Some(column) = table.columns.iter().find(|it| of_column == Some(plain_name(&it.name).as_str()))
            && what.starts_with("DEFAULT")
            && column.not_null
            && twin.column(&column.name).is_some_and(|is| is.not_null && is.declared_type == column.declared_type)
        {
            let object = format!("{}.{}", table.name, column.name);
            found.push(
                Finding::new(
                    "rebuild-loses-objects",
                    &object,
                    gone(&format!("{what} of {}", plain_name(&column.name))),
                )
                .cost("an INSERT that leaves the column out is refused from here on")
                .fix(again_or_allowed("rebuild-loses-objects", &object)),
            );
        }
        let names: Vec<String> = tokens(what).iter().filter_map(Token::name).collect();
        let is_about = |column: &str| names.iter().any(|name| name.eq_ignore_ascii_case(column));
        // What is gone or of another type needs other constraints, or none.
        let is_other =
            |column: &Column| twin.column(&column.name).is_none_or(|twin| twin.declared_type != column.declared_type);
        let with_column = table.columns.iter().any(|column| is_about(&column.name) && is_other(column));
        if with_column || !CONSTRAINTS.iter().any(|constraint| what.starts_with(constraint)) {
            continue;
        }
        if what.starts_with("UNIQUE") && uniqueness_is_kept(table, twin) {
            continue;
        }
        let is_reference = what.contains("FOREIGN KEY") || what.contains("REFERENCES");
        if check_is_kept(what, table, twin) || (is_reference && references_are_kept(table, twin)) {
            continue;
        }
        let code = if is_reference { "fk-dropped" } else { "rebuild-loses-objects" };
        let object = difference.object().strip_prefix("table ").unwrap_or(difference.object());
        let cost = match is_reference {
            true => "rows that refer to nothing are accepted from here on",
            false => "the new table accepts, or treats alike, what the old one did not",
        };
        found.push(Finding::new(code, object, gone(what)).cost(cost).fix(again_or_allowed(code, object)));
    }
    found
}

fn again_or_allowed(code: &str, object: &str) -> String {
    format!("declare it in the new table too; if it is meant, say so: .allow({code:?}, {object:?}, \"why\")")
}

/// What foreign keys do no more that are there: the object, the action, and what comes of it.
fn lost_actions(table: &Table, twin: &Table) -> Vec<(String, String, String)> {
    let action_name = |action: ForeignKeyAction| match action {
        ForeignKeyAction::Cascade => Some("CASCADE"),
        ForeignKeyAction::SetNull => Some("SET NULL"),
        ForeignKeyAction::SetDefault => Some("SET DEFAULT"),
        ForeignKeyAction::NoAction | ForeignKeyAction::Restrict => None,
    };
    let mut lost = Vec::new();
    for key in &table.foreign_keys {
        let Some(is) = twin.foreign_keys.iter().find(|is| refer_alike(key, is)) else { continue };
        let columns = listed(&key.columns);
        let parent = plain_name(&key.parent);
        let object = format!("{}.{columns}", table.name);
        if let (Some(action), None) = (action_name(key.on_delete), action_name(is.on_delete)) {
            let cost = format!("a row of {parent} that is referred to cannot be deleted from here on");
            lost.push((object.clone(), format!("ON DELETE {action} of {columns}"), cost));
        }
        if let (Some(action), None) = (action_name(key.on_update), action_name(is.on_update)) {
            let cost = format!("the key of a row of {parent} that is referred to cannot be changed from here on");
            lost.push((object, format!("ON UPDATE {action} of {columns}"), cost));
        }
    }
    lost
}

/// Whether no two rows can be the same in these terms.
fn is_unique(table: &Table, terms: &[IndexedColumn]) -> bool {
    let indexes = table.indexes.iter().filter(|index| index.unique && index.partial.is_none());
    let keys = table.unique.iter().chain(&table.primary_key).map(|key| &key.terms);
    keys.chain(indexes.map(|index| &index.terms)).any(|unique| *unique == terms)
}

/// Whether a CHECK has nothing but another name.
fn check_is_kept(what: &str, table: &Table, twin: &Table) -> bool {
    let is_it = |expression: &str| what.contains("CHECK") && what.ends_with(&format!("({expression})"));
    let kept = |expression: &str| twin.checks.iter().any(|check| check.expression == expression);
    table.checks.iter().any(|check| is_it(&check.expression) && kept(&check.expression))
}

/// Whether all foreign keys are there, perhaps with their columns in another order.
fn references_are_kept(table: &Table, twin: &Table) -> bool {
    let same = |one: &ForeignKey, other: &ForeignKey| {
        (one.on_delete, one.on_update, one.deferred) == (other.on_delete, other.on_update, other.deferred)
            && refer_alike(one, other)
    };
    table.foreign_keys.iter().all(|key| twin.foreign_keys.iter().any(|other| same(key, other)))
}

/// Whether the same columns refer to the same ones, in whatever order.
fn refer_alike(one: &ForeignKey, other: &ForeignKey) -> bool {
    let pairs = |key: &ForeignKey| {
        let parents = key.parent_columns.iter().flatten().map(Some).chain(std::iter::repeat(None));
        let mut pairs: Vec<_> = key
            .columns
            .iter()
            .zip(parents)
            .map(|(column, parent)| (column.to_ascii_lowercase(), parent.map(|parent| parent.to_ascii_lowercase())))
            .collect();
        pairs.sort();
        pairs
    };
    one.parent.eq_ignore_ascii_case(&other.parent) && pairs(one) == pairs(other)
}

/// Whether what was UNIQUE by a constraint is so by the primary key or an index.
fn uniqueness_is_kept(table: &Table, twin: &Table) -> bool {
    let columns =
        |terms: &[IndexedColumn]| -> Vec<IndexedExpr> { terms.iter().map(|term| term.what.clone()).collect() };
    let keys = twin.unique.iter().chain(&twin.primary_key).map(|key| columns(&key.terms));
    let indexes = twin.indexes.iter().filter(|index| index.unique && index.partial.is_none());
    let kept: Vec<_> = keys.chain(indexes.map(|index| columns(&index.terms))).collect();
    table.unique.iter().all(|key| kept.contains(&columns(&key.terms)))
}
