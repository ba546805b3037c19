//! No row or value is lost unless the user allows it.

use crate::check::Findings;
use crate::error::Result;
use crate::suite::allowances::UsedAllowances;
use crate::suite::diagnosis::{LossDiagnosis, accepted_rows, losses};
use crate::suite::findings::{loss_finding, with_release};
use crate::suite::losses::Loss;
use crate::suite::subject::Subject;
use crate::suite::versions::{UpgradeStep, VersionedDatabases};

pub(crate) fn check(subject: &Subject, databases: &VersionedDatabases) -> Result<Option<String>> {
    let mut allowances = UsedAllowances::of(&subject.options.losses);
    let mut found = Findings::default();
    let finding = |step: &UpgradeStep, loss: &Loss| {
        LossDiagnosis::of(databases, step, loss).map(|diagnosis| loss_finding(&diagnosis))
    };
    for (step, release) in subject.steps(databases)? {
        let Some(after) = &step.after else { continue };
        let version = databases.version(step.index + 1);
        let mut known = losses(databases, step, after)?;
        for loss in &known {
            if !allowances.allow(version, &loss.object()) {
                found.push(with_release(finding(step, loss)?, release));
            }
        }
        if release.is_some() {
            continue;
        }
        for step in accepted_rows(databases, step)? {
            let Some(after) = &step.after else { continue };
            for loss in losses(databases, &step, after)? {
                if known.iter().any(|known| known.is_like(&loss)) {
                    continue;
                }
                if !allowances.allow(version, &loss.object()) {
                    found.push(finding(&step, &loss)?);
                }
                known.push(loss);
            }
        }
    }
    found.try_assert_ok()?;
    if databases.applicable() < databases.len() {
        // After a migration that does not apply, nobody knows which allowances are needed.
        return Ok(None);
    }
    allowances.require_all_used(".allow_loss").map(|()| None)
}
