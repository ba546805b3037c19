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
#[derive(Clone)]
pub(crate) struct UpgradeStep {
    /// Its place in the history.
    pub(crate) index: usize,
    pub(crate) before: VersionState,
    /// None if it refuses the rows.
    pub(crate) after: Option<VersionState>,
    pub(crate) since: RowsSince,
}

/// The version at which the rows before a migration were made.
#[derive(Clone)]
pub(crate) enum RowsSince {
    /// Any database in the field could have them.
    ThisVersion,
    /// They come from a version that was released earlier.
    Release(Arc<ReleasedState>),
    /// No version was released before.
    Never,
}

/// A database of a released version.
pub(crate) struct ReleasedState {
    /// The number of migrations that are applied to it.
    pub(crate) count: usize,
    pub(crate) state: VersionState,
}

impl RowsSince {
    fn release(count: usize, state: VersionState) -> RowsSince {
        RowsSince::Release(Arc::new(ReleasedState { count, state }))
    }

    /// Returns the version as seen from a later one.
    fn at(&self, index: usize) -> RowsSince {
        match self {
            RowsSince::Release(released) if released.count == index => RowsSince::ThisVersion,
            other => other.clone(),
        }
    }
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
        let mut since = RowsSince::Never;
        let mut progress = Progress::of("migrating data, version by version", u64::try_from(applicable).ok());
        for index in databases.versions.first..=applicable {
            progress.at(index as u64);
            let mut start = match upgraded.take() {
                Some(state) => state,
                None => {
                    (known, since) = (None, RowsSince::Never);
                    databases.empty_state(index)?
                }
            };
            if databases.is_filled(index) {
                start.image = run.fill(databases, index, &start, known.as_deref())?;
                known = Some(Arc::clone(&start.schema));
                since = RowsSince::release(index, start.clone());
            }
            // No migration follows the last version, but it has to take rows too.
            if index < applicable {
                let steps = UpgradeStep::with_rest(databases, index, &start, &since.at(index))?;
                let after = steps.last().and_then(|step| step.after.clone());
                upgraded = after.map(|after| databases.without_orphans(index, after)).transpose()?;
                run.steps.extend(steps);
            }
        }
        Ok(run)
    }

    /// Fills the tables of a version. Returns the database with the rows.
    fn fill(
        &mut self,
        databases: &VersionedDatabases,
        index: usize,
        start: &VersionState,
        known: Option<&Schema>,
    ) -> Result<Image> {
        let filled = databases.open(&start.image)?;
        let is_unfilled = |table: &str| self.unfilled.iter().any(|known| known.table == table);
        for (table, error) in databases.plan.fill(&filled, &start.schema, known, is_unfilled) {
            // Once is enough: it stays empty at the later versions.
            if !self.unfilled.iter().any(|known| known.table == table) {
                self.unfilled.push(Unfilled { version: databases.version(index), table, error });
            }
        }
        filled.image()
    }
}

impl UpgradeStep {
    /// Runs the same step on other rows.
    pub(crate) fn with_rows(
        &self,
        databases: &VersionedDatabases,
        before: VersionState,
        since: RowsSince,
    ) -> Result<UpgradeStep> {
        let after = databases.migrated(&before, self.index)?;
        Ok(UpgradeStep { index: self.index, before, after, since })
    }

    /// Returns the database in which further rows for this step can be made, and the number of migrations that it has.
    pub(crate) fn source(&self) -> Option<(usize, &VersionState)> {
        match &self.since {
            RowsSince::ThisVersion => Some((self.index, &self.before)),
            RowsSince::Release(released) => Some((released.count, &released.state)),
            RowsSince::Never => None,
        }
    }

    /// Returns the database just before this step whose source has the rows of `image`, without those that a migration
    /// between them refuses.
    pub(crate) fn carried(
        &self,
        databases: &VersionedDatabases,
        image: Image,
    ) -> Result<Option<(VersionState, RowsSince)>> {
        let before = |image| VersionState { image, ..self.before.clone() };
        let RowsSince::Release(released) = &self.since else { return Ok(Some((before(image), self.since.clone()))) };
        let indexes = released.count..self.index;
        let mut state = VersionState { image, ..released.state.clone() };
        let since = RowsSince::release(released.count, state.clone());
        let mut database = databases.open(&state.image)?;
        if indexes.clone().all(|index| databases.migrate(&mut database, index).is_ok()) {
            return Ok(Some((before(database.image()?), since)));
        }
        for index in indexes {
            let last = UpgradeStep::with_rest(databases, index, &state, &since)?.pop();
            let Some(after) = last.and_then(|step| step.after) else { return Ok(None) };
            state = after;
        }
        Ok(Some((state, since)))
    }

    /// Runs a step on these rows, and where it refuses some, on the rest of them: one step for each reason to refuse rows,
    /// then one that passes. The last one is refused only if no row is to blame.
    pub(crate) fn with_rest(
        databases: &VersionedDatabases,
        index: usize,
        before: &VersionState,
        since: &RowsSince,
    ) -> Result<Vec<UpgradeStep>> {
        let trials = Salvage::of(databases, index, before).run()?;
        let steps = trials.into_iter().map(|trial| {
            let after = trial.after.ok().map(|database| before.followed_by(database)).transpose()?;
            let before = VersionState { image: trial.before, ..before.clone() };
            Ok(UpgradeStep { index, before, after, since: since.clone() })
        });
        steps.collect()
    }

    /// Runs all steps of a database from the field. None if its schema matches no version.
    pub(crate) fn all_of(databases: &VersionedDatabases, database: Scratch) -> Result<Option<Vec<UpgradeStep>>> {
        let mut before = VersionState::of(database)?;
        let Some(first) = databases.applied_to(&before.schema)? else { return Ok(None) };
        let since = match databases.versions.released.is_empty() {
            true => RowsSince::ThisVersion,
            false => RowsSince::release(first, before.clone()),
        };
        let mut steps = Vec::new();
        for index in first..databases.applicable() {
            steps.extend(UpgradeStep::with_rest(databases, index, &before, &since.at(index))?);
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
