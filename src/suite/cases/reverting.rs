//! Cases that end at the version before a migration: it fails halfway, the power is cut, its down script runs.

use crate::check::{Finding, Findings, Level};
use crate::error::Result;
use crate::migrations::{Ledger, Migration};
use crate::schema::Schema;
use crate::sql::plain_name;
use crate::suite::diagnosis::{StopPoints, half_applied, interrupted, losses_of_down};
use crate::suite::findings::{
    down_loss_finding, half_applied_finding, interrupted_finding, without_transaction_finding,
};
use crate::suite::losses::Loss;
use crate::suite::rows::dangling;
use crate::suite::subject::{PowerCuts, Subject, UsedAllowances, WhatIf};
use crate::suite::targeted::rows_for_down;
use crate::suite::versions::{SchemaText, UpgradeStep, VersionState, VersionedDatabases};

/// Returns why a runner that takes a path cannot be made to fail: it works on a file, which is no simulated disk.
fn unreachable_connections(databases: &VersionedDatabases) -> Option<String> {
    let is_on_a_path = databases.history.code().is_some_and(|code| code.on_a_path.is_some());
    is_on_a_path.then(|| String::from("the app's runner opens its own connections, which cannot be made to fail"))
}

/// Checks that a migration that fails halfway leaves the version before it, or all of itself.
pub(crate) fn failure_leaves_the_previous_version(
    subject: &Subject,
    databases: &VersionedDatabases,
    review: &mut Findings,
) -> Result<Option<String>> {
    if let Some(reason) = unreachable_connections(databases) {
        return Ok(Some(reason));
    }
    // A ledger is written by the runner, in a transaction of its own where the migration has none.
    let history = databases.history.clone().ledger(Ledger::None);
    let mut found = Findings::default();
    for step in subject.upgrade_run(databases)?.steps.iter().filter(|step| step.after.is_some()) {
        if let Some(half) = half_applied(databases, &history, step)? {
            let migration = databases.migration(step.index);
            if half.nested.is_none() && !databases.history.has_transactions() {
                found.push(without_transaction_finding(&half, migration));
                break;
            }
            found.push(half_applied_finding(&half, migration, databases.history.format()));
        }
    }
    if found.is_empty() && databases.history.code().is_some() {
        found.extend(interrupted_upgrade(subject, databases, review)?);
    }
    found.try_assert_ok().map(|()| None)
}

/// Stops upgrades of the app's own runner to the last version: of an empty database, and of the first one with rows.
fn interrupted_upgrade(
    subject: &Subject,
    databases: &VersionedDatabases,
    review: &mut Findings,
) -> Result<Option<Finding>> {
    let to = databases.version(databases.applicable());
    let filled = subject.upgrade_run(databases)?.steps.iter().find(|step| step.index > 0);
    let filled = filled.map(|step| (step.index, step.before.clone()));
    for (from, before) in std::iter::once((0, databases.empty_state(0)?)).chain(filled) {
        let (found, points) = interrupted(databases, from, &before)?;
        if let Some(interrupted) = found {
            return Ok(Some(interrupted_finding(&interrupted, to)));
        }
        if points.tried < points.of {
            let StopPoints { tried, of } = points;
            let from = databases.version(from);
            let what = format!(
                "an upgrade from {from} to {to} is stopped after {tried} of the {of} transactions before its last"
            );
            review.push(Finding::new("not-tried", format!("version {to}"), what).level_of(Level::Review));
        }
    }
    Ok(None)
}

/// Cuts the power in each migration. A state between two transactions of a migration is accepted here:
/// `failure_leaves_the_previous_version` reports it, and one accident is reported once.
pub(crate) fn survives_power_loss(subject: &Subject, databases: &VersionedDatabases) -> Result<Option<String>> {
    let Some(WhatIf { cut_power, .. }) = subject.what_if else {
        return Ok(Some(String::from("this build has no power cuts")));
    };
    if let Some(reason) = unreachable_connections(databases) {
        return Ok(Some(reason));
    }
    let mut found = Findings::default();
    for step in subject.upgrade_run(databases)?.steps.iter().filter(|step| step.after.is_some()) {
        if let Some(finding) = power_loss(cut_power, databases, step)? {
            found.push(finding);
        }
    }
    found.try_assert_ok().map(|()| None)
}

fn power_loss(cut_power: PowerCuts, databases: &VersionedDatabases, step: &UpgradeStep) -> Result<Option<Finding>> {
    let migration = databases.migration(step.index);
    let db = databases.workshop.test_db(&step.before.image)?;
    let Err(error) = cut_power(&db, &|connection| databases.migrate_unrecorded(connection, step.index).map(drop))
    else {
        return Ok(None);
    };
    let what = format!(
        "a power cut during migration {} leaves a state between two versions: {}",
        migration.version(),
        migration.name()
    );
    Ok(Some(
        Finding::new("power-loss", migration.name(), what)
            .cost("the next start finds a broken database or a half-applied migration")
            .evidence("the power cut", error.to_string())
            .fix("remove what switches off the journal or the syncs: PRAGMA journal_mode, PRAGMA synchronous"),
    ))
}

/// Runs each down script on a database with rows. It has to leave the schema that was there before its up, so that the up
/// can run again, and all rows that the up kept. A migration need not have a down script.
pub(crate) fn down_undoes_up(subject: &Subject, databases: &VersionedDatabases) -> Result<Option<String>> {
    let mut allowances = UsedAllowances::of(&subject.options.irreversible);
    let mut found = Findings::default();
    for step in &subject.upgrade_run(databases)?.steps {
        let migration = databases.migration(step.index);
        let Some(after) = step.after.as_ref().filter(|_| migration.has_down()) else { continue };
        if let Some(finding) = down_failure(databases, step, after)?
            && !allowances.allow(migration.version(), "*")
        {
            let allow = format!("if it cannot be undone, say so: .irreversible({}, \"why\")", migration.version());
            found.push(finding.fix(allow));
        }
    }
    found.try_assert_ok()?;
    allowances.require_all_used(".irreversible")?;
    let has_downs = databases.history.iter().any(|migration| migration.has_down());
    let what = if databases.history.code().is_some() { "is no Template::migrate_down" } else { "are no down scripts" };
    Ok((!has_downs).then(|| format!("there {what}")))
}

fn down_failure(databases: &VersionedDatabases, step: &UpgradeStep, after: &VersionState) -> Result<Option<Finding>> {
    let migration = databases.migration(step.index);
    let (version, before) = (migration.version(), databases.version(step.index));
    let down = format!("{} of migration {version}", down_of(databases));
    let mut database = databases.open(&after.image)?;
    if let Err(error) = databases.history.down_from(&mut database, version, before) {
        let what = format!("the {down} fails");
        return Ok(Some(
            irreversible(migration, what).cost("a release cannot be rolled back").evidence("error", error.to_string()),
        ));
    }
    let mut left: Vec<String> = Vec::new();
    if !databases.has_text_of_empty(step.index, &SchemaText::read(&database)?)? {
        let (was, is) = (databases.schema(step.index)?, databases.schema_of(&database)?);
        let diff = was.diff(&is);
        // A column that comes back comes last: ALTER TABLE knows no other place.
        let changes = diff.iter().filter(|difference| {
            let is_same = difference.what().starts_with("type ") && is_same_type(&was, &is, difference.object());
            !is_same && !difference.what().starts_with("columns (")
        });
        left.extend(changes.map(ToString::to_string));
    }
    if !left.is_empty() {
        return Ok(Some(
            irreversible(migration, format!("the {down} does not undo it"))
                .cost("the previous version of the app meets a schema that it does not know")
                .evidence(format!("from version {before} to what is left"), left.join("\n")),
        ));
    }
    let references = dangling(&database, &*databases.schema(step.index)?);
    if !references.is_empty() {
        let known = dangling(&*databases.open(&after.image)?, &after.schema);
        if let Some(((table, ..), _)) = references.iter().find(|(reference, _)| !known.contains_key(*reference)) {
            let what = format!("the {down} leaves references of {table} that lead nowhere");
            return Ok(Some(irreversible(migration, what)));
        }
    }
    let mut losses = losses_of_down(databases, step, &database)?;
    if losses.is_empty() {
        losses = losses_of_its_rows(databases, step)?;
    }
    if !losses.is_empty() {
        return Ok(Some(down_loss_finding(&losses, migration, (&down, before))));
    }
    Ok(databases.migrate(&mut database, step.index).err().map(|error| {
        let what = format!("migration {version} cannot be applied again after its {}", down_of(databases));
        irreversible(migration, what).evidence("error", error.to_string())
    }))
}

/// Returns the word for what undoes a migration.
fn down_of(databases: &VersionedDatabases) -> &'static str {
    if databases.history.code().is_some() { "down code" } else { "down script" }
}

/// Returns what a down script loses of rows that are made for its statements.
fn losses_of_its_rows(databases: &VersionedDatabases, step: &UpgradeStep) -> Result<Vec<Loss>> {
    let Some(database) = rows_for_down(databases, step)? else { return Ok(Vec::new()) };
    let before = step.before.with_image(database.current_image()?);
    let (steps, last) = UpgradeStep::on(databases, step.index, (&before, Some(database)), &step.since)?;
    let Some((step, (_, mut database))) = steps.last().zip(last) else { return Ok(Vec::new()) };
    let (version, before) = (databases.version(step.index + 1), databases.version(step.index));
    match databases.history.down_from(&mut database, version, before) {
        Ok(_) => losses_of_down(databases, step, &database),
        Err(_) => Ok(Vec::new()),
    }
}

/// Returns true if a column, `table.column`, stores the same values in both schemas: `INT` and `INTEGER`, but not as a key,
/// where only `INTEGER` is the rowid.
fn is_same_type(was: &Schema, is: &Schema, column: &str) -> bool {
    let find = |schema: &Schema| {
        let table = schema.tables.iter().find(|table| column.starts_with(&format!("{}.", plain_name(&table.name))))?;
        let is_rowid = table.primary_key.as_ref().is_some_and(|key| key.is_rowid);
        let name = |name: &str| column.ends_with(&format!(".{}", plain_name(name)));
        let affinity = table.columns.iter().find(|column| name(&column.name))?.affinity;
        Some((affinity, is_rowid, table.strict))
    };
    find(was).is_some_and(|was| find(is) == Some(was))
}

fn irreversible(migration: &Migration, what: String) -> Finding {
    Finding::new("irreversible-down", migration.name(), what)
}
