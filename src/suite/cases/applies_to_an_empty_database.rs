//! The migrations apply to an empty database.

use crate::check::Findings;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::Schema;
use crate::suite::diagnosis::nested_transaction;
use crate::suite::findings::nested_transaction_finding;
use crate::suite::subject::Subject;
use crate::suite::versions::VersionedDatabases;

pub(crate) fn check(subject: &Subject) -> Result<()> {
    let Some(databases) = subject.databases()? else { return subject.template.scratch().map(drop) };
    if let Err(error) = databases.empty(databases.len()) {
        return Err(failure(databases, error));
    }
    // Where a template and a folder are named, both have to work.
    if subject.options.history.is_some() {
        let ours = Schema::read(&*databases.empty(databases.len())?)?;
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
fn failure(databases: &VersionedDatabases, error: Error) -> Error {
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
