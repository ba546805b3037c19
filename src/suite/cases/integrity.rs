//! The case `integrity_holds`: a migration leaves a sound database sound.

use crate::check::{Finding, Findings, integrity};
use crate::error::{Error, ErrorKind, Result};
use crate::suite::diagnosis::{Orphans, ShrinkBudget, is_orphan, orphans, referring_rows};
use crate::suite::findings::{orphans_finding, with_origin};
use crate::suite::subject::{RowOrigin, Subject, UsedAllowances};
use crate::suite::versions::{UpgradeStep, VersionedDatabases};

/// Checks that a database that is sound before a migration is sound after it.
pub(crate) fn integrity_holds(subject: &Subject) -> Result<()> {
    let Some(databases) = subject.databases()? else {
        let database = subject.template.scratch()?;
        return integrity(&database).try_assert_ok();
    };
    let mut allowances = UsedAllowances::of(&subject.options.refusals);
    let mut found = Findings::default();
    let budget = ShrinkBudget::new();
    for (step, origin, orphan) in all_orphans(subject, databases)? {
        if !allowances.allow(databases.version(step.index + 1), orphan.object()) {
            found.push(with_origin(orphans_finding(&Orphans::of(databases, &step, &orphan, &budget)?), origin));
        }
    }
    for (step, _) in subject.steps(databases)? {
        let Some(after) = &step.after else { continue };
        let after = databases.open(&after.image)?;
        let findings = integrity(&after);
        if findings.iter().all(is_orphan) {
            continue;
        }
        let before = integrity(&*databases.open(&step.before.image)?);
        let is_old = |finding: &Finding| {
            before.iter().any(|old| old.code() == finding.code() && old.object() == finding.object())
        };
        let new: Findings =
            findings.iter().filter(|finding| !is_orphan(finding) && !is_old(finding)).cloned().collect();
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
    found.try_assert_ok()
}

/// Returns the references that migrations leave dangling, each once, with a step that shows it.
pub(super) fn all_orphans<'a>(
    subject: &'a Subject,
    databases: &VersionedDatabases,
) -> Result<Vec<(UpgradeStep, RowOrigin<'a>, Finding)>> {
    let mut found: Vec<(UpgradeStep, RowOrigin<'_>, Finding)> = Vec::new();
    let mut add = |step: &UpgradeStep, origin| -> Result<()> {
        for orphan in orphans(databases, step)? {
            if !found.iter().any(|(known, _, other)| known.index == step.index && other.object() == orphan.object()) {
                found.push((step.clone(), origin, orphan));
            }
        }
        Ok(())
    };
    for (step, origin) in subject.steps(databases)? {
        add(step, origin)?;
        if origin == RowOrigin::Schema && databases.may_run_without_keys(step.index) {
            for step in referring_rows(databases, step)? {
                add(&step, origin)?;
            }
        }
    }
    Ok(found)
}
