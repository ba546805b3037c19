//! What can be told without data: the order of the files, and databases that are empty.

use rusqlite::Connection;

use super::super::Suite;
use super::super::nested;
use super::super::versioned_databases::VersionedDatabases;
use crate::check::{Finding, Findings, try_digest};
use crate::db::Scratch;
use crate::error::{Error, ErrorKind, Result};
use crate::migrations::{Ledger, Migrations};
use crate::schema::Schema;

/// A number that is left out among numbers that are counted. Times are not counted, and neither are tens.
pub(super) fn is_linear(_: &Suite, databases: &VersionedDatabases) -> Result<Option<String>> {
    let migrations: Vec<_> = databases.history.iter().collect();
    let steps: Vec<i64> = migrations.windows(2).map(|pair| pair[1].version() - pair[0].version()).collect();
    let counted = steps.iter().filter(|step| **step == 1).count() * 2 > steps.len();
    let mut found = Findings::default();
    for pair in migrations.windows(2).filter(|pair| counted && pair[1].version() - pair[0].version() > 1) {
        let (before, after) = (pair[0], pair[1]);
        let missing = match after.version() - before.version() {
            2 => format!("{} is missing", before.version() + 1),
            _ => format!("{} to {} are missing", before.version() + 1, after.version() - 1),
        };
        found.push(
            Finding::new("gap", after.name(), format!("{missing} between {} and {}", before.name(), after.name()))
                .cost("a migration that was deleted or not yet merged: databases in the field may have it")
                .fix(
                    "put the file back, or number the ones behind it anew before they are shipped\n\
                     if they are shipped, say so: .skip(\"history_is_linear\", \"why\")",
                ),
        );
    }
    found.try_assert_ok().map(|()| None)
}

pub(super) fn applies(suite: &Suite) -> Result<()> {
    match suite.databases()? {
        Some(databases) => {
            if let Err(error) = databases.empty(databases.len()) {
                let reach = databases.reach();
                let Some(finding) = nested::of(databases, reach, &databases.empty(reach)?)? else { return Err(error) };
                return Findings::from_iter([finding]).try_assert_ok();
            }
            // Where a template and a folder are named, both have to work.
            if suite.options.history.is_some() {
                let ours = Schema::read(&*databases.empty(databases.len())?)?;
                let theirs = Schema::read(&*suite.template.scratch()?)?;
                let diff = theirs.diff(&ours);
                if !diff.is_empty() {
                    return Err(Error::new(ErrorKind::Suite, "the app's runner and the folder make different schemas")
                        .evidence("from the runner's to the folder's", diff.to_string()));
                }
            }
            Ok(())
        }
        None => suite.template.scratch().map(drop),
    }
}

/// A new install runs all migrations at once, one in the field runs each when it comes.
pub(super) fn stepwise(_: &Suite, databases: &VersionedDatabases) -> Result<()> {
    let reach = databases.reach();
    let stepwise = databases.empty(reach)?;
    let at_once = || -> Result<Scratch> {
        let mut database = databases.workshop.empty()?;
        databases.history.up_from(&mut database, databases.history.base(), databases.version(reach))?;
        Ok(database)
    };
    let one = at_once()?;
    let diff = Schema::read(&one)?.diff(&Schema::read(&stepwise)?);
    if !diff.is_empty() {
        return Err(Error::new(ErrorKind::Suite, "migrations that run at once make another schema than one by one")
            .evidence("from at once to one by one", diff.to_string()));
    }
    let (one, stepwise) = (try_digest(&one)?, try_digest(&stepwise)?);
    if one == stepwise {
        return Ok(());
    }
    let other = try_digest(&*at_once()?)?;
    let differs = one.tables().iter().find(|table| {
        // What two runs of the same kind do not agree on is random: it has the rows, that is all there is to compare.
        let is_random = other.table(&table.name).is_none_or(|twin| twin.value != table.value);
        let twin = stepwise.table(&table.name);
        twin.is_none_or(|twin| twin.rows != table.rows || (!is_random && twin.value != table.value))
    });
    match differs {
        None => Ok(()),
        Some(table) => Err(Error::new(
            ErrorKind::Suite,
            format!("migrations that run at once put other rows into {} than one by one", table.name),
        )),
    }
}

/// With the ledger of the template, or the app's own runner; else with a table, as most runners have.
pub(super) fn rerun(suite: &Suite) -> Result<()> {
    if let Some(run) = suite.template.runner() {
        let mut database = suite.template.scratch()?;
        let before = state(&database)?;
        run(&mut database).map_err(|error| again(Some(error)))?;
        return unchanged(&before, &state(&database)?);
    }
    let Some(databases) = suite.databases()? else { return Ok(()) };
    let ledger = |history: &Migrations| match history.has_ledger() {
        true => history.clone(),
        false => history.clone().ledger(Ledger::Table("_migrations")),
    };
    let history = ledger(&databases.history);
    let mut database = databases.workshop.empty()?;
    let reach = databases.reach();
    history.up_to(&mut database, databases.version(reach))?;
    let before = state(&database)?;
    let applied = history.up_to(&mut database, databases.version(reach)).map_err(|error| again(Some(error)))?;
    if !applied.is_empty() {
        return Err(again(None));
    }
    unchanged(&before, &state(&database)?)
}

struct State {
    schema: Schema,
    digest: crate::check::Digest,
}

fn state(connection: &Connection) -> Result<State> {
    Ok(State { schema: Schema::read(connection)?, digest: try_digest(connection)? })
}

fn again(error: Option<Error>) -> Error {
    let report = Error::new(ErrorKind::Suite, "the second run of the migrations does not find them applied");
    match error {
        Some(error) => report.evidence("the second run", error.to_string()).because(error),
        None => report.help("write down in the transaction of each migration that it is applied"),
    }
}

fn unchanged(before: &State, after: &State) -> Result<()> {
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
            Err(Error::new(
                ErrorKind::Suite,
                format!("the second run of the migrations changes rows of {}", table.name),
            )
            .evidence("rows", format!("{was} after the first run, {} after the second", table.rows)))
        }
    }
}
