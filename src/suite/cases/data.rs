//! Databases with rows in them: they upgrade, they stay whole, they end where a new one ends.

use super::super::Suite;
use super::super::adversarial_rows;
use super::super::options::Needed;
use super::super::renames::Renames;
use super::super::shrink;
use super::super::statement_effects::{Effect, renamed_before_drop};
use super::super::versioned_databases::{UpgradeStep, VersionedDatabases};
use super::survives::{named, safe_rebuild};
use crate::check::{Finding, Findings, integrity};
use crate::db::Scratch;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Schema, Table};

/// Rows that a version accepts are not refused by the migration behind it.
pub(super) fn upgrades(suite: &Suite, databases: &VersionedDatabases) -> Result<()> {
    let run = databases.upgrade_run()?;
    given_is_there(suite, databases)?;
    let mut needed = Needed::of(&suite.options.refusals);
    let mut found = Findings::default();
    for unfilled in &run.unfilled {
        let what = format!("no rows for {} at version {}", unfilled.table, unfilled.version);
        found.push(
            Finding::new("not-filled", &unfilled.table, what)
                .cost("a test that runs on nothing proves nothing")
                .evidence("why", unfilled.error.to_string())
                .fix(format!("say what a column has to be: Suite::set({:?}, column, value)", unfilled.table)),
        );
    }
    for (step, release) in suite.steps(databases)? {
        if step.after.is_none() {
            let mut database = databases.open(&step.before.image)?;
            if let Err(error) = databases.step(&mut database, step.index) {
                let object = adversarial_rows::refused_object(&error, databases.effects(step.index));
                if !needed.allows(databases.version(step.index + 1), &object) {
                    found.push(named(refusal(databases, step, &object, &error, &step.before.image)?, release));
                }
            }
        }
        let refused = if release.is_none() { adversarial_rows::refused(databases, step)? } else { Vec::new() };
        for refused in refused {
            if !needed.allows(databases.version(step.index + 1), &refused.object) {
                found.push(refusal(databases, step, &refused.object, &refused.error, &refused.image)?);
            }
        }
    }
    once_each(found).try_assert_ok()?;
    needed.all_needed(".allow_refusal")
}

/// What is said of a column that no version has was misspelt, or is of a column that was renamed.
fn given_is_there(suite: &Suite, databases: &VersionedDatabases) -> Result<()> {
    if databases.reach() < databases.len() {
        return Ok(());
    }
    let last = Schema::read(&*databases.empty(databases.len())?)?;
    let schemas = || databases.upgrade_run().into_iter().flat_map(|run| &run.steps).map(|step| &*step.before.schema);
    for (table, column, _) in &suite.options.plan.given {
        let has = |schema: &Schema| schema.table(table).is_some_and(|table| table.column(column).is_some());
        if !has(&last) && !schemas().any(has) {
            let headline = format!("no version has a column {table}.{column}: .set({table:?}, {column:?}, ..)");
            return Err(Error::new(ErrorKind::Suite, headline));
        }
    }
    Ok(())
}

/// One finding for each object of a migration, though several rows may show it.
fn once_each(found: Findings) -> Findings {
    let mut kept: Vec<Finding> = Vec::new();
    for finding in found {
        if !kept.iter().any(|other| other.object() == finding.object() && other.what() == finding.what()) {
            kept.push(finding);
        }
    }
    kept.into_iter().collect()
}

fn refusal(
    databases: &VersionedDatabases,
    step: &UpgradeStep,
    object: &str,
    error: &Error,
    image: &crate::db::Image,
) -> Result<Finding> {
    let migration = databases.migration(step.index);
    let code = error.sqlite_code();
    let refused = adversarial_rows::refused_object(error, databases.effects(step.index));
    // With fewer rows another statement may be the first to fail, for the same kind of reason.
    let mut still = |mut database: Scratch| {
        databases.step(&mut database, step.index).is_err_and(|error| {
            error.sqlite_code() == code
                && adversarial_rows::refused_object(&error, databases.effects(step.index)) == refused
        })
    };
    let data = shrink::smallest(databases.workshop, image, &mut still)?;
    let (version, before) = (migration.version(), databases.version(step.index));
    let what = format!("migration {version} fails on rows that version {before} accepts: {}", migration.name());
    let allow =
        format!("if the app has never written such rows, say so: .allow_refusal({version}, {object:?}, \"why\")");
    let (cost, fix) = match dropped_parent(databases, step, error) {
        Some((parent, child)) => (
            format!("DROP TABLE {parent} deletes its rows first, and {child} refers to them"),
            safe_rebuild(databases, step, parent, child),
        ),
        None => (
            String::from("the upgrade fails where there are such rows, at every start of the app"),
            format!("change or set aside such rows first, in the same migration\n{allow}"),
        ),
    };
    Ok(Finding::new("fails-on-data", object, what)
        .cost(cost)
        .evidence("the migration", error.to_string())
        .evidence(format!("smallest data that shows it, at version {before}"), data)
        .fix(fix))
}

/// The table that the migration drops to make it anew, and one whose foreign key does not let it go: at once, or at the
/// COMMIT, for rows that come with a rename do not count as parents.
fn dropped_parent<'s>(
    databases: &'s VersionedDatabases,
    step: &'s UpgradeStep,
    error: &Error,
) -> Option<(&'s str, &'s str)> {
    /// SQLITE_CONSTRAINT_FOREIGNKEY, and SQLITE_CONSTRAINT_TRIGGER, which ON DELETE RESTRICT is:
    /// https://www.sqlite.org/rescode.html
    const FOREIGN_KEY: [i32; 2] = [787, 1811];
    if !error.sqlite_code().is_some_and(|code| FOREIGN_KEY.contains(&code)) {
        return None;
    }
    let (statements, effects) = (databases.migration(step.index).statements(), databases.effects(step.index));
    let tables = &step.before.schema.tables;
    let renames = Renames::of(tables.iter().map(|table| table.name.as_str()), effects);
    let failed = |at: usize| error.sql_text().is_none_or(|text| statements[at].text == text);
    effects.iter().find_map(|effect| match &effect.effect {
        Effect::DropTable { table: dropped } if failed(effect.statement) => {
            let name = renamed_before_drop(effects, dropped).unwrap_or(dropped);
            let parent = tables.iter().find(|table| table.name.eq_ignore_ascii_case(name))?;
            let refers = |child: &&Table| {
                child.name != parent.name
                    && child.foreign_keys.iter().any(|key| key.parent.eq_ignore_ascii_case(&parent.name))
            };
            let child = tables.iter().find(refers).filter(|_| renames.is_recreated(&parent.name))?;
            Some((dropped.as_str(), child.name.as_str()))
        }
        _ => None,
    })
}

/// The schema does not depend on the rows.
pub(super) fn equals_fresh(suite: &Suite, databases: &VersionedDatabases) -> Result<()> {
    for (step, _) in suite.steps(databases)? {
        let Some(after) = &step.after else { continue };
        if databases.has_empty_declaration(step.index + 1, after)? {
            continue;
        }
        let fresh = Schema::read(&*databases.empty(step.index + 1)?)?;
        let diff = fresh.diff(&after.schema);
        if !diff.is_empty() {
            let migration = databases.migration(step.index);
            let headline = format!(
                "migration {} makes another schema where there are rows: {}",
                migration.version(),
                migration.name()
            );
            return Err(Error::new(ErrorKind::Suite, headline)
                .evidence("from a fresh database to an upgraded one", diff.to_string())
                .migration(migration.name()));
        }
    }
    Ok(())
}

/// What was whole before a step is whole after it.
pub(super) fn integrity_holds(suite: &Suite) -> Result<()> {
    let Some(databases) = suite.databases()? else {
        let database = suite.template.scratch()?;
        return integrity(&database).try_assert_ok();
    };
    for (step, _) in suite.steps(databases)? {
        let Some(after) = &step.after else { continue };
        let after = databases.open(&after.image)?;
        let findings = integrity(&after);
        if findings.is_empty() {
            continue;
        }
        let before = integrity(&*databases.open(&step.before.image)?);
        let is_new = |finding: &&Finding| {
            !before.iter().any(|old| old.code() == finding.code() && old.object() == finding.object())
        };
        let new: Findings = findings.iter().filter(is_new).cloned().collect();
        if let Err(error) = new.try_assert_ok() {
            let migration = databases.migration(step.index);
            let headline =
                format!("migration {} leaves the database broken: {}", migration.version(), migration.name());
            return Err(Error::new(ErrorKind::Suite, headline)
                .evidence("what is broken", error.to_string())
                .migration(migration.name())
                .because(error));
        }
    }
    Ok(())
}
