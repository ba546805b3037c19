//! A new install, which runs all migrations at once, equals one that was upgraded step by step.

use crate::check::try_digest;
use crate::db::Scratch;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::Schema;
use crate::suite::subject::Subject;
use crate::suite::versions::VersionedDatabases;

pub(crate) fn check(_: &Subject, databases: &VersionedDatabases) -> Result<Option<String>> {
    let applicable = databases.applicable();
    let stepwise = databases.empty(applicable)?;
    let at_once = || -> Result<Scratch> {
        let mut database = databases.workshop.empty()?;
        databases.history.up_from(&mut database, databases.history.base(), databases.version(applicable))?;
        Ok(database)
    };
    let one = at_once()?;
    let diff = Schema::read(&one)?.diff(&Schema::read(&stepwise)?);
    if !diff.is_empty() {
        return Err(Error::new(
            ErrorKind::Suite,
            "migrations applied at once produce a different schema than one by one",
        )
        .evidence("from at once to one by one", diff.to_string()));
    }
    let (one, stepwise) = (try_digest(&one)?, try_digest(&stepwise)?);
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
