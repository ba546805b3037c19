//! SQLite recovers the version before a migration or the one after it, wherever the power is cut.

use crate::check::{Finding, Findings};
use crate::error::Result;
use crate::suite::subject::{PowerCuts, Subject};
use crate::suite::versions::{UpgradeStep, VersionedDatabases};

/// Cuts the power in each migration. A state between two transactions of a migration is accepted here:
/// `failure_leaves_the_previous_version` reports it, and one accident is reported once.
pub(crate) fn check(subject: &Subject, databases: &VersionedDatabases) -> Result<Option<String>> {
    let Some(cut_power) = subject.power_cuts else { return Ok(Some(String::from("this build has no power cuts"))) };
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
    let Err(error) = cut_power(&db, &|connection| databases.migrate(connection, step.index)) else {
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
