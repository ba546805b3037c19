//! Cases that apply the migrations: to an empty database, at once and step by step, twice, and where there are rows.

use crate::check::{Findings, try_digest};
use crate::db::Scratch;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::Schema;
use crate::suite::diagnosis::nested_transaction;
use crate::suite::findings::{changes, nested_transaction_finding};
use crate::suite::subject::Subject;
use crate::suite::versions::{Recorded, Summary, VersionState, VersionedDatabases};

/// Checks that the migrations apply to an empty database.
pub(crate) fn applies_to_an_empty_database(subject: &Subject) -> Result<()> {
    let Some(databases) = subject.databases()? else { return subject.template.scratch().map(drop) };
    if let Err(error) = databases.empty_state(databases.len()) {
        return Err(if error.is_endless() { error } else { explained(databases, error) });
    }
    // Where a template and a folder are named, both have to work.
    if subject.options.history.is_some() {
        let ours = databases.schema(databases.len())?;
        let theirs = Schema::read(&*subject.template.scratch()?)?;
        let diff = theirs.diff(&ours);
        if !diff.is_empty() {
            return Err(Error::new(ErrorKind::Suite, "the app's runner and the folder produce different schemas")
                .evidence("from the runner's schema to the folder's", diff.to_string()));
        }
    }
    Ok(())
}

/// Returns the error of the migration that fails, or the finding that explains it.
fn explained(databases: &VersionedDatabases, error: Error) -> Error {
    let step = databases.applicable();
    let nested = databases.empty(step).and_then(|database| nested_transaction(databases, step, &database));
    match nested {
        Ok(Some(nested)) => {
            let finding = nested_transaction_finding(&nested, databases.migration(step), databases.history.format());
            Findings::from_iter([finding]).try_assert_ok().err().unwrap_or(error)
        }
        Ok(None) => error,
        Err(other) => other,
    }
}

/// Checks that a new install, which runs all migrations at once, equals one that was upgraded step by step.
pub(crate) fn stepwise_equals_at_once(_: &Subject, databases: &VersionedDatabases) -> Result<Option<String>> {
    if databases.history.code().is_some() {
        return every_way_to_a_version(databases).map(|()| None);
    }
    let applicable = databases.applicable();
    let stepwise = databases.empty_state(applicable)?;
    let at_once = || -> Result<Scratch> {
        let mut database = databases.workshop.empty()?;
        databases.history.up_from(&mut database, databases.history.base(), databases.version(applicable))?;
        Ok(database)
    };
    let one = match databases.recorded() {
        Ok(recorded) => recorded.state.clone(),
        // The record may be in the way.
        Err(_) => databases.state(&at_once()?)?,
    };
    let diff = one.schema.diff(&stepwise.schema);
    if !diff.is_empty() {
        return Err(Error::new(
            ErrorKind::Suite,
            "migrations applied at once produce a different schema than one by one",
        )
        .evidence("from at once to one by one", diff.to_string()));
    }
    let has_rows = |state: &VersionState| -> Result<bool> {
        Ok(databases.rows(state)?.tables.iter().any(|table| !table.rows.is_empty()))
    };
    if !has_rows(&one)? && !has_rows(&stepwise)? {
        return Ok(None);
    }
    let digest = |state: &VersionState| try_digest(&*databases.open(&state.image)?);
    let (one, stepwise) = (digest(&one)?, digest(&stepwise)?);
    if one == stepwise {
        return Ok(None);
    }
    let other = try_digest(&*at_once()?)?;
    let differs = one.tables().iter().find(|table| {
        // Where two runs of the same kind differ, values are random, and only the number of rows can be compared.
        let is_random = other.table(&table.name).is_none_or(|twin| twin.value != table.value);
        let twin = stepwise.table(&table.name);
        twin.is_none_or(|twin| twin.rows != table.rows || (!is_random && twin.value != table.value))
    });
    match differs {
        None => Ok(None),
        Some(table) => Err(Error::new(
            ErrorKind::Suite,
            format!("migrations applied at once insert different rows into {} than one by one", table.name),
        )),
    }
}

/// Checks that the app's own runner makes the same database of a version in one go as step by step, and the same last version
/// from every other one.
fn every_way_to_a_version(databases: &VersionedDatabases) -> Result<()> {
    let applicable = databases.applicable();
    let last = applicable.saturating_sub(1);
    let to_last = (1..last).map(|from| (from, applicable));
    for (from, to) in (2..=applicable).map(|to| (0, to)).chain(to_last) {
        let run = || -> Result<Scratch> {
            let mut database = databases.empty(from)?;
            databases.history.up_from(&mut database, databases.version(from), databases.version(to))?;
            Ok(database)
        };
        let [start, end] = [from, to].map(|count| databases.version(count));
        let error =
            |headline: String| Error::new(ErrorKind::Suite, headline).migration(databases.migration(to - 1).name());
        let at_once = run().map_err(|failure| {
            error(format!("the app's runner fails from {start} to {end} in one go, and not step by step"))
                .evidence("in one go", failure.to_string())
                .because(failure)
        })?;
        let stepwise = databases.empty_state(to)?;
        if at_once.current_image()?.has_the_bytes_of(&stepwise.image) {
            continue;
        }
        let (at_once, stepwise) = (Summary::of(&at_once)?, Summary::of(&*databases.open(&stepwise.image)?)?);
        if at_once != stepwise && !at_once.is_equal_but_for_chance(&stepwise, &Summary::of(&*run()?)?) {
            let headline =
                format!("the app's runner makes another database from {start} to {end} in one go than step by step");
            return Err(error(headline).evidence("from step by step to in one go", changes(&stepwise, &at_once)));
        }
    }
    Ok(())
}

/// Runs the app's own runner twice, or the history: with its ledger, else with a table, as most runners have.
pub(crate) fn rerun_changes_nothing(subject: &Subject) -> Result<()> {
    if let Some(run) = subject.template.runner() {
        let mut database = subject.template.scratch()?;
        let before = Summary::of(&database)?;
        run(&mut database).map_err(|error| runs_again(Some(error)))?;
        return unchanged(&before, &Summary::of(&database)?);
    }
    let Some(databases) = subject.databases()? else { return Ok(()) };
    if databases.history.code().is_some() {
        return (1..=databases.applicable()).try_for_each(|count| rerun_at(databases, count));
    }
    let Recorded { history, state } = databases.recorded()?;
    let mut database = databases.open(&state.image)?;
    let last = databases.version(databases.applicable());
    let applied = history.up_to(&mut database, last).map_err(|error| runs_again(Some(error)))?;
    if !applied.is_empty() {
        return Err(runs_again(None));
    }
    if database.is_untouched(&state.image) {
        return Ok(());
    }
    unchanged(&Summary::of(&*databases.open(&state.image)?)?, &Summary::of(&database)?)
}

/// Runs the app's own runner at a version that is already there.
fn rerun_at(databases: &VersionedDatabases, count: usize) -> Result<()> {
    let state = databases.empty_state(count)?;
    let mut database = databases.open(&state.image)?;
    let again = databases.history.up_to(&mut database, databases.version(count));
    again.map_err(|error| runs_again(Some(error)))?;
    if database.is_untouched(&state.image) {
        return Ok(());
    }
    unchanged(&Summary::of(&*databases.open(&state.image)?)?, &Summary::of(&database)?)
}

fn runs_again(error: Option<Error>) -> Error {
    let report = Error::new(ErrorKind::Suite, "the second run of the migrations does not see that they are applied");
    match error {
        Some(error) => report.evidence("the second run", error.to_string()).because(error),
        None => report.help("record each migration as applied in its own transaction"),
    }
}

fn unchanged(before: &Summary, after: &Summary) -> Result<()> {
    let diff = before.schema.diff(&after.schema);
    if !diff.is_empty() {
        return Err(Error::new(ErrorKind::Suite, "the second run of the migrations changes the schema")
            .evidence("what it changes", diff.to_string()));
    }
    let changed = after.digest.tables().iter().find(|table| before.digest.table(&table.name) != Some(table));
    match changed {
        None => Ok(()),
        Some(table) => {
            let was = before.digest.table(&table.name).map_or(0, |table| table.rows);
            let headline = format!("the second run of the migrations changes rows of {}", table.name);
            Err(Error::new(ErrorKind::Suite, headline)
                .evidence("rows", format!("{was} after the first run, {} after the second", table.rows)))
        }
    }
}

/// Checks that the schema after a migration does not depend on the rows.
pub(crate) fn upgraded_equals_fresh(subject: &Subject, databases: &VersionedDatabases) -> Result<Option<String>> {
    for (step, _) in subject.steps(databases)? {
        let Some(after) = &step.after else { continue };
        if databases.has_text_of_empty(step.index + 1, &after.schema_text)? {
            continue;
        }
        let fresh = databases.schema(step.index + 1)?;
        let diff = fresh.diff(&after.schema);
        if !diff.is_empty() {
            let migration = databases.migration(step.index);
            let (version, file) = (migration.version(), migration.name());
            let headline = format!("migration {version} produces a different schema where there are rows: {file}");
            return Err(Error::new(ErrorKind::Suite, headline)
                .evidence("from a fresh database to an upgraded one", diff.to_string())
                .migration(file));
        }
    }
    Ok(None)
}
