//! A second run of the migrations changes nothing.

use crate::error::{Error, ErrorKind, Result};
use crate::migrations::Ledger;
use crate::suite::subject::Subject;
use crate::suite::versions::Summary;

/// Runs the app's own runner twice, or the history: with its ledger, else with a table, as most runners have.
pub(crate) fn check(subject: &Subject) -> Result<()> {
    if let Some(run) = subject.template.runner() {
        let mut database = subject.template.scratch()?;
        let before = Summary::of(&database)?;
        run(&mut database).map_err(|error| runs_again(Some(error)))?;
        return unchanged(&before, &Summary::of(&database)?);
    }
    let Some(databases) = subject.databases()? else { return Ok(()) };
    let mut history = databases.history.clone();
    if !history.has_ledger() {
        history = history.ledger(Ledger::Table("_migrations"));
    }
    let mut database = databases.workshop.empty()?;
    let last = databases.version(databases.applicable());
    history.up_to(&mut database, last)?;
    let before = Summary::of(&database)?;
    let applied = history.up_to(&mut database, last).map_err(|error| runs_again(Some(error)))?;
    if !applied.is_empty() {
        return Err(runs_again(None));
    }
    unchanged(&before, &Summary::of(&database)?)
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
