//! A database that is sound before a migration is sound after it.

use crate::check::{Finding, Findings, integrity};
use crate::error::{Error, ErrorKind, Result};
use crate::suite::subject::Subject;

pub(crate) fn check(subject: &Subject) -> Result<()> {
    let Some(databases) = subject.databases()? else {
        let database = subject.template.scratch()?;
        return integrity(&database).try_assert_ok();
    };
    for (step, _) in subject.steps(databases)? {
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
