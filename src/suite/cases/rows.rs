//! Cases about the rows of a database in the field: a migration accepts them and keeps them.

use super::integrity::{all_orphans, references_after};
use super::judged::{JudgedStep, untested, without_refuted};
use crate::check::{Finding, Findings, Level, covers};
use crate::error::{Error, ErrorKind, Result};
use crate::order::SortedSet;
use crate::schema::Schema;
use crate::suite::diagnosis::{LossDiagnosis, MigrationRefusal, RefusedRows, ShrinkBudget, losses, refused_rows};
use crate::suite::findings::{loss_finding, refusal_finding, with_origin};
use crate::suite::losses::Loss;
use crate::suite::subject::{RowOrigin, Subject, UsedAllowances};
use crate::suite::versions::{Unfilled, UpgradeStep, VersionedDatabases, refused_object};

/// Checks that no migration refuses rows that the version before it accepts.
pub(crate) fn every_version_upgrades_with_data(
    subject: &Subject,
    databases: &VersionedDatabases,
) -> Result<Option<String>> {
    let run = subject.upgrade_run(databases)?;
    given_columns_exist(subject, databases)?;
    let mut allowances = UsedAllowances::of(&subject.options.refusals);
    let mut found: Findings = run.unfilled.iter().map(not_filled).collect();
    let budget = ShrinkBudget::new();
    let mut refusals: Vec<(&UpgradeStep, RowOrigin<'_>, RefusedRows)> = Vec::new();
    for (step, origin) in subject.steps(databases)? {
        if step.after.is_none()
            && let Err(error) = databases.migrate(&mut *databases.open(&step.before.image)?, step.index)
        {
            let object = refused_object(databases, step.index, &error);
            refusals.push((step, origin, RefusedRows { object, image: step.before.image.clone(), error }));
        }
        if origin == RowOrigin::Schema {
            refusals.extend(refused_rows(databases, step)?.into_iter().map(|refused| (step, origin, refused)));
        }
    }
    // Several rows may show the same, and the same statement may refuse other rows for the same reason, under another name.
    let (mut known, mut reasons) = (SortedSet::new(), SortedSet::new());
    refusals.retain(|(step, _, refused)| {
        let version = databases.version(step.index + 1);
        let is_new = reasons.insert(refused.error.to_string()) || step.after.is_none();
        let is_allowed = allowances.allow(version, &refused.object);
        is_new && !is_allowed && known.insert((version, refused.object.clone()))
    });
    for (step, origin, refused) in &refusals {
        let refusal = MigrationRefusal::of(databases, step, refused, &budget)?;
        let others = refusals.iter().filter(|(other, ..)| other.index == step.index).map(|it| it.2.object.as_str());
        found.push(with_origin(refusal_finding(&refusal, allowed(&refused.object, others)), *origin));
    }
    found.try_assert_ok()?;
    if allowances.require_all_used(".allow_refusal").is_err() {
        // Where foreign keys are off, rows are not refused, but may be orphans afterwards.
        for (step, _, orphan) in all_orphans(subject, databases, &mut |_, after| references_after(databases, after))? {
            allowances.allow(databases.version(step.index + 1), orphan.object());
        }
    }
    allowances.require_all_used(".allow_refusal").map(|()| None)
}

/// Returns what an allowance for an object is to name: its table, if values of several columns are refused, as by a rebuild as
/// STRICT, and nothing else of it.
fn allowed<'a>(object: &'a str, refused: impl Iterator<Item = &'a str>) -> &'a str {
    let Some((table, _)) = object.split_once('.') else { return object };
    let of_table: Vec<&str> = refused.filter(|refused| covers(table, refused)).collect();
    if of_table.len() > 1 && !of_table.contains(&table) { table } else { object }
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
    let last = databases.schema(databases.len())?;
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

/// Checks that no row or value is lost unless the user allows it.
pub(crate) fn every_row_survives(
    subject: &Subject,
    databases: &VersionedDatabases,
    review: &mut Findings,
) -> Result<Option<String>> {
    for unmet in subject.unmet(databases)? {
        review.push(Finding::new("not-tried", &unmet.place, unmet.what.as_str()).level_of(Level::Review));
    }
    let mut allowances = UsedAllowances::of(&subject.options.losses);
    let mut found = Findings::default();
    let budget = ShrinkBudget::new();
    let finding = |step: &UpgradeStep, loss: &Loss| {
        LossDiagnosis::of(databases, step, loss, &budget).map(|diagnosis| loss_finding(&diagnosis))
    };
    let mut known: Vec<(usize, Loss)> = Vec::new();
    let mut for_review: Vec<(usize, Loss, Finding)> = Vec::new();
    let steps = subject.steps(databases)?;
    untested(databases, &steps)?.into_iter().for_each(|finding| review.push(finding));
    let mut judged = Vec::new();
    for (step, origin) in steps {
        let Some(after) = &step.after else { continue };
        judged.push(JudgedStep { step, origin, losses: losses(databases, step, after)? });
    }
    without_refuted(databases, &mut judged)?;
    for JudgedStep { step, origin, losses } in judged {
        for loss in losses {
            // A database of the field shows each of its losses.
            let is_release = matches!(origin, RowOrigin::Release(_));
            if !is_release && known.iter().any(|(index, known)| *index == step.index && known.is_like(&loss)) {
                continue;
            }
            if !allowances.allow(databases.version(step.index + 1), &loss.object()) {
                let finding = with_origin(finding(step, &loss)?, origin);
                match loss.kind.level() {
                    Level::Review => for_review.push((step.index, loss.clone(), finding.level_of(Level::Review))),
                    _ => found.push(finding),
                }
            }
            known.push((step.index, loss));
        }
    }
    // Other rows may show that more is lost of the same values.
    let is_lost = |(index, loss): &(usize, Loss), step: usize, of: &Loss| {
        *index == step && loss.kind.level() == Level::Error && (&loss.table, &loss.column) == (&of.table, &of.column)
    };
    for_review.retain(|(step, loss, _)| !known.iter().any(|known| is_lost(known, *step, loss)));
    for_review.into_iter().for_each(|(_, _, finding)| review.push(finding));
    found.try_assert_ok()?;
    if databases.applicable() < databases.len() {
        // After a migration that does not apply, nobody knows which allowances are needed.
        return Ok(None);
    }
    allowances.require_all_used(".allow_loss").map(|()| None)
}
