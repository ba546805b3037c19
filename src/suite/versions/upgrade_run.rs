//! One pass over a history with rows: each migration with the database before it and after it. The same for databases of past
//! releases.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::databases::{VersionState, VersionedDatabases};
use super::salvage::Salvage;
use crate::db::{Image, Scratch};
use crate::env;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::schema::Schema;

/// The steps of one pass.
pub(crate) struct UpgradeRun {
    pub(crate) steps: Vec<UpgradeStep>,
    pub(crate) unfilled: Vec<Unfilled>,
}

/// A migration, and what it makes of rows.
pub(crate) struct UpgradeStep {
    /// Its place in the history.
    pub(crate) index: usize,
    pub(crate) before: VersionState,
    /// None if it refuses the rows.
    pub(crate) after: Option<VersionState>,
}

/// A table that could not be filled.
pub(crate) struct Unfilled {
    pub(crate) version: i64,
    pub(crate) table: String,
    pub(crate) error: Error,
}

impl UpgradeRun {
    pub(crate) fn of(databases: &VersionedDatabases) -> Result<UpgradeRun> {
        let applicable = databases.applicable();
        let mut run = UpgradeRun { steps: Vec::new(), unfilled: Vec::new() };
        let mut upgraded: Option<VersionState> = None;
        let mut known: Option<Arc<Schema>> = None;
        let mut progress = Progress::of("migrating data, version by version", u64::try_from(applicable).ok());
        for index in databases.first..=applicable {
            progress.at(index as u64);
            let start = match upgraded.take() {
                Some(state) => state,
                None => {
                    known = None;
                    VersionState::of(databases.empty(index)?)?
                }
            };
            let filled = databases.open(&start.image)?;
            // Once is enough: it stays empty at the later versions.
            let is_unfilled = |table: &str| run.unfilled.iter().any(|known| known.table == table);
            let failed = databases.plan.fill(&filled, &start.schema, known.as_deref(), is_unfilled);
            for (table, error) in failed {
                if !run.unfilled.iter().any(|known| known.table == table) {
                    run.unfilled.push(Unfilled { version: databases.version(index), table, error });
                }
            }
            // No migration follows the last version, but it has to take rows too.
            if index < applicable {
                known = Some(Arc::clone(&start.schema));
                let before = VersionState { image: filled.image()?, ..start };
                let steps = UpgradeStep::with_rest(databases, index, &before)?;
                upgraded = steps.last().and_then(|step| step.after.clone());
                run.steps.extend(steps);
            }
        }
        Ok(run)
    }
}

impl UpgradeStep {
    fn over(databases: &VersionedDatabases, index: usize, before: VersionState) -> Result<UpgradeStep> {
        let after = databases.migrated(&before, index)?;
        Ok(UpgradeStep { index, before, after })
    }

    /// Runs the same step on a database of the same schema with other rows.
    pub(crate) fn with_rows(&self, databases: &VersionedDatabases, image: Image) -> Result<UpgradeStep> {
        UpgradeStep::over(databases, self.index, self.with_image(image))
    }

    /// Returns the state before the step with other rows.
    pub(crate) fn with_image(&self, image: Image) -> VersionState {
        VersionState { image, ..self.before.clone() }
    }

    /// Runs a step on these rows, and where it refuses some, on the rest of them: one step for each reason to refuse rows,
    /// then one that passes. The last one is refused only if no row is to blame.
    pub(crate) fn with_rest(
        databases: &VersionedDatabases,
        index: usize,
        before: &VersionState,
    ) -> Result<Vec<UpgradeStep>> {
        let trials = Salvage::of(databases, index, before).run()?;
        let steps = trials.into_iter().map(|trial| {
            let after = trial.after.ok().map(|database| before.followed_by(database)).transpose()?;
            Ok(UpgradeStep { index, before: VersionState { image: trial.before, ..before.clone() }, after })
        });
        steps.collect()
    }

    /// Runs all steps of a database from the field. None if its schema matches no version.
    pub(crate) fn all_of(databases: &VersionedDatabases, database: Scratch) -> Result<Option<Vec<UpgradeStep>>> {
        let mut before = VersionState::of(database)?;
        let Some(first) = databases.applied_to(&before.schema)? else { return Ok(None) };
        let mut steps = Vec::new();
        for index in first..databases.applicable() {
            steps.extend(UpgradeStep::with_rest(databases, index, &before)?);
            match steps.last().and_then(|step: &UpgradeStep| step.after.clone()) {
                Some(state) => before = state,
                None => break,
            }
        }
        Ok(Some(steps))
    }
}

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
