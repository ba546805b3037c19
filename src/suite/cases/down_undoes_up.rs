//! Down scripts undo their migrations.

use crate::check::{Finding, Findings};
use crate::error::Result;
use crate::migrations::Migration;
use crate::schema::Schema;
use crate::suite::allowances::UsedAllowances;
use crate::suite::subject::Subject;
use crate::suite::versions::{UpgradeStep, VersionState, VersionedDatabases};

/// Runs each down script on a database with rows. It has to leave the schema that was there before its up, so that the up
/// can run again. A migration need not have a down script.
pub(crate) fn check(subject: &Subject, databases: &VersionedDatabases) -> Result<Option<String>> {
    let mut allowances = UsedAllowances::of(&subject.options.irreversible);
    let mut found = Findings::default();
    for step in &subject.upgrade_run(databases)?.steps {
        let migration = databases.migration(step.index);
        let Some(after) = step.after.as_ref().filter(|_| migration.down_sql().is_some()) else { continue };
        if let Some(finding) = failure(databases, step, after)?
            && !allowances.allow(migration.version(), "*")
        {
            let allow = format!("if it cannot be undone, say so: .irreversible({}, \"why\")", migration.version());
            found.push(finding.fix(allow));
        }
    }
    found.try_assert_ok()?;
    allowances.require_all_used(".irreversible")?;
    let has_downs = databases.history.iter().any(|migration| migration.down_sql().is_some());
    Ok((!has_downs).then(|| String::from("there are no down scripts")))
}

fn failure(databases: &VersionedDatabases, step: &UpgradeStep, after: &VersionState) -> Result<Option<Finding>> {
    let migration = databases.migration(step.index);
    let (version, before) = (migration.version(), databases.version(step.index));
    let mut database = databases.open(&after.image)?;
    if let Err(error) = databases.history.down_from(&mut database, version, before) {
        let what = format!("the down script of migration {version} fails");
        return Ok(Some(
            irreversible(migration, what).cost("a release cannot be rolled back").evidence("error", error.to_string()),
        ));
    }
    let diff = Schema::read(&*databases.empty(step.index)?)?.diff(&Schema::read(&database)?);
    // A column that comes back comes last: ALTER TABLE knows no other place.
    let changes = diff.iter().filter(|difference| !difference.what().starts_with("columns ("));
    let left: Vec<String> = changes.map(ToString::to_string).collect();
    if !left.is_empty() {
        return Ok(Some(
            irreversible(migration, format!("the down script of migration {version} does not undo it"))
                .cost("the previous version of the app meets a schema that it does not know")
                .evidence(format!("from version {before} to what is left"), left.join("\n")),
        ));
    }
    Ok(databases.migrate(&mut database, step.index).err().map(|error| {
        let what = format!("migration {version} cannot be applied again after its down script");
        irreversible(migration, what).evidence("error", error.to_string())
    }))
}

fn irreversible(migration: &Migration, what: String) -> Finding {
    Finding::new("irreversible-down", migration.name(), what)
}
