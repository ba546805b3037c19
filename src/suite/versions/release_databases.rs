//! Databases of past releases.

use std::path::{Path, PathBuf};

use super::databases::VersionedDatabases;
use super::upgrade_run::UpgradeStep;
use crate::db::Scratch;
use crate::env;
use crate::error::{Error, ErrorKind, Result};

/// A database of a past release, and what the migrations make of it.
pub(crate) struct ReleaseDatabase {
    /// The name of its file.
    pub(crate) name: String,
    pub(crate) steps: Vec<UpgradeStep>,
}

/// Reads all databases in a folder, in the order of their names.
pub(crate) fn read_release_databases(databases: &VersionedDatabases, folder: &Path) -> Result<Vec<ReleaseDatabase>> {
    let folder = env::package_dir().join(folder);
    let cannot = |error| Error::io("read the databases of past releases", &folder, error);
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(cannot)? {
        files.push(entry.map_err(cannot)?.path());
    }
    files.sort();
    files.retain(|file| file.extension().is_some_and(|kind| kind == "sql" || kind == "db" || kind == "sqlite"));
    if files.is_empty() {
        return Err(Error::new(ErrorKind::Suite, format!("no .sql or .db in {}", folder.display())).path(&folder));
    }
    files.iter().map(|file| read(databases, file)).collect()
}

fn read(databases: &VersionedDatabases, file: &Path) -> Result<ReleaseDatabase> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let database: Scratch = match file.extension().is_some_and(|kind| kind == "sql") {
        true => {
            let script = std::fs::read_to_string(file).map_err(|error| Error::io("read the dump", file, error))?;
            let database = databases.workshop.empty()?;
            // A dump has its tables in any order.
            database
                .execute_batch(&format!("PRAGMA foreign_keys = OFF; {script}"))
                .map_err(|error| Error::sqlite(format_args!("load the dump {}", file.display()), error).path(file))?;
            let image = database.image()?;
            databases.open(&image)?
        }
        false => databases.workshop.read(file).map_err(|error| unreadable(file, &name, error))?,
    };
    // A broken page would be blamed on the migration that reads it first.
    let contents = databases.rows_in(&database).map_err(|error| unreadable(file, &name, error))?;
    if contents.tables.is_empty() {
        return Err(Error::new(ErrorKind::Suite, format!("{name} has no tables"))
            .path(file)
            .help("copy a database as the app has left it, with the -wal beside it"));
    }
    match UpgradeStep::all_of(databases, database)? {
        Some(steps) => Ok(ReleaseDatabase { name, steps }),
        None => Err(Error::new(ErrorKind::Suite, format!("the schema of {name} matches no version"))
            .path(file)
            .help("a shipped migration was changed afterwards, or the file belongs to another app")),
    }
}

fn unreadable(file: &Path, name: &str, error: Error) -> Error {
    Error::new(ErrorKind::Suite, format!("cannot read {name}"))
        .path(file)
        .evidence("because", error.to_string())
        .because(error)
}
