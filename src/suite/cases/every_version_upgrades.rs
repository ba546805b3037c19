//! No migration refuses rows that the version before it accepts.

use crate::check::{Finding, Findings};
use crate::db::Image;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::Schema;
use crate::suite::allowances::UsedAllowances;
use crate::suite::diagnosis::{MigrationRefusal, refused_object, refused_rows};
use crate::suite::findings::{refusal_finding, with_release};
use crate::suite::subject::Subject;
use crate::suite::versions::{Unfilled, UpgradeStep, VersionedDatabases};

pub(crate) fn check(subject: &Subject, databases: &VersionedDatabases) -> Result<Option<String>> {
    let run = subject.upgrade_run(databases)?;
    given_columns_exist(subject, databases)?;
    let mut allowances = UsedAllowances::of(&subject.options.refusals);
    let mut found: Findings = run.unfilled.iter().map(not_filled).collect();
    let refusal = |step: &UpgradeStep, object: &str, error: &Error, image: &Image| {
        MigrationRefusal::of(databases, step, object, error, image).map(|refusal| refusal_finding(&refusal))
    };
    for (step, release) in subject.steps(databases)? {
        let version = databases.version(step.index + 1);
        if step.after.is_none() {
            let mut database = databases.open(&step.before.image)?;
            if let Err(error) = databases.migrate(&mut database, step.index) {
                let object = refused_object(&error, databases.effects(step.index));
                if !allowances.allow(version, &object) {
                    found.push(with_release(refusal(step, &object, &error, &step.before.image)?, release));
                }
            }
        }
        if release.is_some() {
            continue;
        }
        for refused in refused_rows(databases, step)? {
            if !allowances.allow(version, &refused.object) {
                found.push(refusal(step, &refused.object, &refused.error, &refused.image)?);
            }
        }
    }
    once_each(found).try_assert_ok()?;
    allowances.require_all_used(".allow_refusal").map(|()| None)
}

fn not_filled(unfilled: &Unfilled) -> Finding {
    let what = format!("cannot fill {} at version {}", unfilled.table, unfilled.version);
    Finding::new("not-filled", &unfilled.table, what)
        .cost("a test without rows proves nothing")
        .evidence("why", unfilled.error.to_string())
        .fix(format!("set a column to a value that fits: Suite::set({:?}, column, value)", unfilled.table))
}

/// Returns an error for a given column that no version has: it is misspelt, or was renamed.
fn given_columns_exist(subject: &Subject, databases: &VersionedDatabases) -> Result<()> {
    if databases.applicable() < databases.len() {
        return Ok(());
    }
    let last = Schema::read(&*databases.empty(databases.len())?)?;
    let steps = &subject.upgrade_run(databases)?.steps;
    for given in &subject.options.plan.given {
        let (table, column) = (&given.table, &given.column);
        let has = |schema: &Schema| schema.table(table).is_some_and(|table| table.column(column).is_some());
        if !has(&last) && !steps.iter().any(|step| has(&step.before.schema)) {
            let headline = format!("no version has a column {table}.{column}: .set({table:?}, {column:?}, ..)");
            return Err(Error::new(ErrorKind::Suite, headline));
        }
    }
    Ok(())
}

/// Keeps one finding for each object of a migration, even if several rows show it.
fn once_each(found: Findings) -> Findings {
    let mut kept: Vec<Finding> = Vec::new();
    for finding in found {
        if !kept.iter().any(|other| other.object() == finding.object() && other.what() == finding.what()) {
            kept.push(finding);
        }
    }
    kept.into_iter().collect()
}
