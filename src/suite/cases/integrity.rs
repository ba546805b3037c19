//! The case `integrity_holds`: a migration leaves a sound database sound.

use crate::check::{Finding, Findings, dangling_references, integrity};
use crate::error::{Error, ErrorKind, Result};
use crate::suite::diagnosis::{Orphans, ShrinkBudget, is_orphan, orphans, referring_rows};
use crate::suite::findings::{orphans_finding, with_origin};
use crate::suite::subject::{RowOrigin, Subject, UsedAllowances};
use crate::suite::versions::{UpgradeStep, VersionState, VersionedDatabases};

/// Checks that a database that is sound before a migration is sound after it.
pub(crate) fn integrity_holds(subject: &Subject) -> Result<()> {
    let Some(databases) = subject.databases()? else {
        let database = subject.template.scratch()?;
        return integrity(&database).try_assert_ok();
    };
    let mut damaged = None;
    let orphans = all_orphans(subject, databases, &mut |step, after| {
        let findings = integrity(&*databases.open(&after.image)?);
        if damaged.is_none() {
            damaged = damage(databases, step, &findings)?;
        }
        Ok(findings.into_iter().filter(is_orphan).collect())
    })?;
    if let Some(error) = damaged {
        return Err(error);
    }
    let mut allowances = UsedAllowances::of(&subject.options.refusals);
    let mut found = Findings::default();
    let budget = ShrinkBudget::new();
    for (step, origin, orphan) in orphans {
        if !allowances.allow(databases.version(step.index + 1), orphan.object()) {
            found.push(with_origin(orphans_finding(&Orphans::of(databases, &step, &orphan, &budget)?), origin));
        }
    }
    found.try_assert_ok()
}

/// Returns an error if a database that was sound before the step is not sound after it. Orphans are no damage.
fn damage(databases: &VersionedDatabases, step: &UpgradeStep, findings: &Findings) -> Result<Option<Error>> {
    if findings.iter().all(is_orphan) {
        return Ok(None);
    }
    let before = integrity(&*databases.open(&step.before.image)?);
    let is_old =
        |finding: &Finding| before.iter().any(|old| old.code() == finding.code() && old.object() == finding.object());
    let new: Findings = findings.iter().filter(|finding| !is_orphan(finding) && !is_old(finding)).cloned().collect();
    let migration = databases.migration(step.index);
    Ok(new.try_assert_ok().err().map(|error| {
        let headline = format!("migration {} leaves the database broken: {}", migration.version(), migration.name());
        Error::new(ErrorKind::Suite, headline)
            .evidence("what is broken", error.to_string())
            .migration(migration.name())
            .because(error)
    }))
}

/// Finds the references that lead nowhere after a step.
type FindReferences<'f> = dyn FnMut(&UpgradeStep, &VersionState) -> Result<Findings> + 'f;

/// Returns the references that migrations leave dangling, each once, with a step that shows it. `references` finds those
/// after each step of the subject.
pub(super) fn all_orphans<'a>(
    subject: &'a Subject,
    databases: &VersionedDatabases,
    references: &mut FindReferences<'_>,
) -> Result<Vec<(UpgradeStep, RowOrigin<'a>, Finding)>> {
    let mut found: Vec<(UpgradeStep, RowOrigin<'_>, Finding)> = Vec::new();
    let mut add = |step: &UpgradeStep, origin, references: &mut FindReferences<'_>| -> Result<()> {
        let Some(after) = &step.after else { return Ok(()) };
        for orphan in orphans(databases, step, references(step, after)?)? {
            if !found.iter().any(|(known, _, other)| known.index == step.index && other.object() == orphan.object()) {
                found.push((step.clone(), origin, orphan));
            }
        }
        Ok(())
    };
    for (step, origin) in subject.steps(databases)? {
        add(step, origin, references)?;
        if origin == RowOrigin::Schema && databases.may_run_without_keys(step.index) {
            for step in referring_rows(databases, step)? {
                add(&step, origin, &mut |_, after| references_after(databases, after))?;
            }
        }
    }
    Ok(found)
}

/// Returns the references that lead nowhere in a database.
pub(super) fn references_after(databases: &VersionedDatabases, after: &VersionState) -> Result<Findings> {
    Ok(dangling_references(&*databases.open(&after.image)?))
}
