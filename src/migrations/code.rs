//! A history that is code: the app's own runner, which brings a database from the version that it has to another one.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use super::migration::{Migration, Script};
use crate::error::{BoxError, Error, ErrorKind, Result};
use crate::report::{lacks_runtime, panic_message};
use crate::sql::Name;

/// Brings the database of a connection to a version.
pub(crate) type MigrateTo = Arc<dyn Fn(&mut Connection, i64) -> Result<(), BoxError> + Send + Sync>;

/// Brings the database with this path to a version.
pub(crate) type MigratePathTo = fn(&Path, i64) -> Result<(), BoxError>;

/// The app's own runner.
#[derive(Clone)]
pub(crate) struct Code {
    pub(crate) up: MigrateTo,
    /// None if it does not undo migrations.
    pub(crate) down: Option<MigrateTo>,
    /// The runner itself, if it opens connections of its own: `up` runs it on a copy of the database.
    pub(crate) on_a_path: Option<MigratePathTo>,
    /// The tables by which it knows what it has applied.
    pub(crate) ledgers: Vec<Name>,
}

impl Code {
    /// Returns the error of a runner after which the database is empty.
    pub(crate) fn leaves_empty(to: i64) -> Error {
        let headline = format!("the app's runner leaves the database empty on the way to {to}");
        Error::new(ErrorKind::History, headline).help(
            "it has to work and commit on the connection of the closure\n\
             code that opens its own connection takes a path: Template::migrate_path_to",
        )
    }

    /// Returns the migrations of these versions, of whose statements nothing is known yet.
    pub(super) fn migrations(&self, versions: &[i64]) -> Result<Vec<Migration>> {
        let problem = match versions {
            [] => Some(String::from("the app's runner has no version")),
            [first, ..] if *first < 1 => {
                Some(format!("a version is a number from 1, and the app's runner has {first}"))
            }
            _ => versions.windows(2).find(|pair| pair[0] >= pair[1]).map(|pair| {
                format!("the versions of the app's runner have to ascend: {} is before {}", pair[0], pair[1])
            }),
        };
        if let Some(problem) = problem {
            return Err(Error::new(ErrorKind::History, problem)
                .help("name the latest version, or all of them: Template::versions(&[..])"));
        }
        let script = |version: &i64| Script::of_code(*version);
        let migration = |version: &i64| Migration {
            version: *version,
            up: script(version),
            down: self.down.as_ref().map(|_| script(version)),
        };
        Ok(versions.iter().map(migration).collect())
    }

    /// Brings the database to the version `to`. `migration` is the last one that is applied, or undone.
    pub(super) fn run(&self, conn: &mut Connection, undo: bool, (migration, to): (&Migration, i64)) -> Result<()> {
        let run = match &self.down {
            Some(down) if undo => down,
            _ => &self.up,
        };
        let ran = catch_unwind(AssertUnwindSafe(|| run(conn, to)));
        let left_open = !conn.is_autocommit();
        if left_open {
            let _ = conn.execute_batch("ROLLBACK");
        }
        let name = migration.name();
        let error =
            |what: &str| Error::new(ErrorKind::Migration, format!("the app's runner {what} on the way to {to}"));
        match ran {
            Ok(Ok(())) if left_open => {
                Err(error("leaves a transaction open").migration(name).help("commit it, or drop it to roll it back"))
            }
            Ok(Ok(())) => Ok(()),
            Ok(Err(cause)) => Err(match cause.downcast::<Error>() {
                // An error of ours says more than any wrapping could.
                Ok(cause) => *cause,
                Err(cause) => error("fails").migration(name).because_app(cause),
            }),
            Err(panic) => {
                let said = panic_message(&*panic).unwrap_or("it has no message").to_owned();
                // Also one that is started within another.
                let needs_runtime = lacks_runtime(&said) || said.contains("runtime");
                let help = "give it a runtime of its own: tokio::runtime::Runtime::new()?.block_on(async { .. })\n\
                            within an async test, use Template::migrate_path_to, which runs on a thread of its own";
                let error = error("panics").migration(name).evidence("the panic", said);
                Err(error.given(needs_runtime.then_some(help), Error::help))
            }
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code").field("is_on_a_path", &self.on_a_path.is_some()).finish_non_exhaustive()
    }
}
