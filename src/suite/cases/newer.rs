//! The case `newer_database_is_refused`: the app's runner opens a database that a later release has migrated.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::Connection;

use crate::check::{Findings, Mask, content_digest};
use crate::db::Scratch;
use crate::error::{BoxError, Result};
use crate::migrations::Code;
use crate::report::panic_message;
use crate::suite::findings::{NewerOpened, newer_accepted, newer_database_finding};
use crate::suite::subject::Subject;
use crate::suite::versions::{NewerDatabase, Summary, VersionRecord, VersionedDatabases};

/// Checks that the app's runner writes nothing into a database of a newer version. That it returns no error is for review:
/// the app may compare the versions elsewhere.
pub(crate) fn newer_database_is_refused(subject: &Subject, review: &mut Findings) -> Result<Option<String>> {
    let skipped = |reason: &str| Ok(Some(reason.to_owned()));
    if let Some(run) = subject.template.runner() {
        let latest = subject.template.scratch()?;
        let (before, last) = VersionRecord::read_last(&latest)?;
        let newer = NewerDatabase::of(latest, (&before, &last))?;
        return opened(subject, newer, &|connection| Ok(run(connection)?), review);
    }
    let Some(databases) = subject.databases()? else {
        return skipped("the template's migrations run on a path, where they cannot run twice");
    };
    let Some(code) = databases.history.code() else {
        return skipped("sqlitmus runs the files, and not the app's own runner: Template::migrate_to names it");
    };
    if databases.applicable() < databases.len() {
        return Ok(None);
    }
    let newer = newer(subject, databases, code)?;
    let (runner, latest) = (databases.history.runner(), databases.version(databases.len()));
    let open = |connection: &mut Connection| -> Result<(), BoxError> {
        runner.run(connection, |connection| Ok((code.up)(connection, latest)))?
    };
    opened(subject, newer, &open, review)
}

/// Returns the database of the last version, with rows if they came through, moved on by one version.
fn newer(subject: &Subject, databases: &VersionedDatabases, code: &Code) -> Result<Option<NewerDatabase>> {
    let count = databases.len();
    let record = |count: usize| VersionRecord::read(&*databases.empty(count)?, &code.ledgers);
    let steps = &subject.upgrade_run(databases)?.steps;
    let last = steps.iter().rev().take_while(|step| step.index + 1 == count).find_map(|step| step.after.as_ref());
    let latest = match last {
        Some(after) => databases.open(&after.image)?,
        None => databases.empty(count)?,
    };
    NewerDatabase::of(latest, (&record(count - 1)?, &record(count)?))
}

/// Opens a newer database with the app's runner.
fn opened(
    subject: &Subject,
    newer: Option<NewerDatabase>,
    open: &dyn Fn(&mut Connection) -> Result<(), BoxError>,
    review: &mut Findings,
) -> Result<Option<String>> {
    let Some(newer) = newer else {
        return Ok(Some(String::from("the app's runner keeps no record of its version, which a newer one would have")));
    };
    let workshop = subject.template.workshop();
    let mut database = workshop.over(newer.image.clone())?;
    let says = match catch_unwind(AssertUnwindSafe(|| open(&mut database))) {
        Ok(Ok(())) => NewerOpened::Accepted,
        Ok(Err(error)) => NewerOpened::Refused(error.to_string()),
        Err(panic) => NewerOpened::Panicked(panic_message(&*panic).unwrap_or("it has no message").to_owned()),
    };
    let before = workshop.over(newer.image.clone())?;
    let changed = match database.is_untouched(&newer.image) {
        true => None,
        false => changes(&before, &workshop.over(database.image_after_restart()?)?)?,
    };
    match (&says, &changed) {
        (NewerOpened::Refused(_), None) => return Ok(None),
        (NewerOpened::Accepted, None) => review.push(newer_accepted(&newer.record)),
        _ => {
            let finding = newer_database_finding(&newer.record, &says, changed.as_ref());
            Findings::from_iter([finding]).try_assert_ok()?;
        }
    }
    Ok(None)
}

/// Returns both states, if they differ.
fn changes(before: &Scratch, after: &Scratch) -> Result<Option<(Summary, Summary)>> {
    let digest = |database: &Scratch| content_digest(database, &Mask::default());
    if digest(before)? == digest(after)? {
        return Ok(None);
    }
    Ok(Some((Summary::of(before)?, Summary::of(after)?)))
}
