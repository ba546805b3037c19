//! One pass over a history with rows: each migration with the database before it and after it. The same for databases of past
//! releases.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::databases::VersionedDatabases;
use super::salvage::{Salvage, Trial};
use super::state::VersionState;
use crate::db::Scratch;
use crate::env;
use crate::error::{Error, ErrorKind, Result};
use crate::order::Order as _;
use crate::progress::Progress;
use crate::real_file;
use crate::schema::{Schema, Table};

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
    /// The number of transactions that it committed.
    pub(crate) commits: usize,
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

/// The state of a database that is open.
pub(crate) type OpenState = (VersionState, Scratch);

/// A database just before a migration.
pub(crate) struct Carried {
    pub(crate) before: VersionState,
    pub(crate) database: Scratch,
    pub(crate) since: RowsSince,
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
        // A connection that has parsed the schema. Opening another one takes as long as many migrations.
        let mut ready: Option<Scratch> = None;
        let mut known: Option<Arc<Schema>> = None;
        let mut since = RowsSince::Never;
        let mut progress = Progress::of("migrating data, version by version", u64::try_from(applicable).ok());
        for index in databases.versions.first..=applicable {
            progress.at(index as u64);
            let mut start = match upgraded.take() {
                Some(state) => state,
                None => {
                    (known, since, ready) = (None, RowsSince::Never, None);
                    databases.empty_state(index)?
                }
            };
            if databases.is_filled(index) {
                let database = ready.take().map_or_else(|| databases.open(&start.image), Ok)?;
                start = run.fill(databases, index, (&start, &database), known.as_deref())?;
                ready = Some(database);
                known = Some(Arc::clone(&start.schema));
                since = RowsSince::release(index, start.clone());
            }
            // No migration follows the last version, but it has to take rows too.
            if index < applicable {
                let before = (&start, ready.take());
                let (steps, after) = UpgradeStep::on(databases, index, before, &since.at(index))?;
                run.steps.extend(steps);
                if let Some((state, database)) = after {
                    (upgraded, ready) = match databases.without_orphans(index, &state, &database)? {
                        Some(sound) => (Some(sound), None),
                        None => (Some(state), databases.keeps_connection(index, &database)?.then_some(database)),
                    };
                }
            }
        }
        Ok(run)
    }

    /// Fills the tables of a version. Returns the state with the rows.
    fn fill(
        &mut self,
        databases: &VersionedDatabases,
        index: usize,
        (start, database): (&VersionState, &Scratch),
        known: Option<&Schema>,
    ) -> Result<VersionState> {
        let rows = databases.rows(start)?;
        let is_empty = |table: &Table| {
            let is_unfilled = self.unfilled.iter().any(|known| table.name == known.table);
            !is_unfilled && rows.table(&table.name).is_none_or(|table| table.rows.is_empty())
        };
        for (table, error) in databases.plan.fill(database, &start.schema, known, is_empty) {
            // Once is enough: it stays empty at the later versions.
            if !self.unfilled.iter().any(|known| known.table == table) {
                self.unfilled.push(Unfilled { version: databases.version(index), table, error });
            }
        }
        let filled = start.with_image(database.current_image()?);
        databases.read_rows(&filled, database)?;
        Ok(filled)
    }
}

impl UpgradeStep {
    /// Runs the same step on other rows, those of this database.
    pub(crate) fn with_rows(
        &self,
        databases: &VersionedDatabases,
        (before, mut database): (VersionState, Scratch),
        since: RowsSince,
    ) -> Result<UpgradeStep> {
        let commits = databases.migrate(&mut database, self.index).ok();
        let after = commits.map(|_| databases.state_and_rows(&database)).transpose()?;
        Ok(UpgradeStep { index: self.index, before, after, commits: commits.unwrap_or(0), since })
    }

    /// Returns the database in which further rows for this step can be made, and the number of migrations that it has.
    pub(crate) fn source(&self) -> Option<(usize, &VersionState)> {
        match &self.since {
            RowsSince::ThisVersion => Some((self.index, &self.before)),
            RowsSince::Release(released) => Some((released.count, &released.state)),
            RowsSince::Never => None,
        }
    }

    /// Returns the database just before this step that comes of this one of its source, without the rows that a migration
    /// between them refuses.
    pub(crate) fn carried(&self, databases: &VersionedDatabases, mut database: Scratch) -> Result<Option<Carried>> {
        let image = database.current_image()?;
        let RowsSince::Release(released) = &self.since else {
            let before = self.before.with_image(image);
            return Ok(Some(Carried { before, database, since: self.since.clone() }));
        };
        let indexes = released.count..self.index;
        let mut state = released.state.with_image(image);
        let since = RowsSince::release(released.count, state.clone());
        if indexes.clone().all(|index| databases.migrate(&mut database, index).is_ok()) {
            let before = self.before.with_image(database.image()?);
            return Ok(Some(Carried { database: databases.open(&before.image)?, before, since }));
        }
        for index in indexes {
            let last = UpgradeStep::with_rest(databases, index, &state, &since)?.pop();
            let Some(after) = last.and_then(|step| step.after) else { return Ok(None) };
            state = after;
        }
        Ok(Some(Carried { database: databases.open(&state.image)?, before: state, since }))
    }

    /// Runs a step on these rows, and where it refuses some, on the rest of them: one step for each reason to refuse rows,
    /// then one that passes. The last one is refused only if no row is to blame.
    pub(crate) fn with_rest(
        databases: &VersionedDatabases,
        index: usize,
        before: &VersionState,
        since: &RowsSince,
    ) -> Result<Vec<UpgradeStep>> {
        UpgradeStep::on(databases, index, (before, None), since).map(|(steps, _)| steps)
    }

    /// Like `with_rest`, on a connection that is as good as new, if there is one. Returns the database after the last step
    /// too, if it passes.
    pub(crate) fn on(
        databases: &VersionedDatabases,
        index: usize,
        (before, ready): (&VersionState, Option<Scratch>),
        since: &RowsSince,
    ) -> Result<(Vec<UpgradeStep>, Option<OpenState>)> {
        let mut last = None;
        let mut steps = Vec::new();
        for Trial { before: image, after } in Salvage::of(databases, index, before).run(ready)? {
            let applied = after.ok();
            let commits = applied.as_ref().map_or(0, |applied| applied.commits);
            let after = applied.as_ref().map(|applied| databases.state_and_rows(&applied.database)).transpose()?;
            let before = before.with_image(image);
            last = after.clone().zip(applied.map(|applied| applied.database));
            steps.push(UpgradeStep { index, before, after, commits, since: since.clone() });
        }
        Ok((steps, last))
    }

    /// Runs all steps of a database from the field. None if its schema matches no version.
    pub(crate) fn all_of(databases: &VersionedDatabases, database: Scratch) -> Result<Option<Vec<UpgradeStep>>> {
        let mut before = databases.state(&database)?;
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
    files.order();
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
            let script = real_file::read_to_string(file).map_err(|error| Error::io("read the dump", file, error))?;
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
    let contents = databases.state(&database).and_then(|state| databases.rows_at(&state, &database));
    let contents = contents.map_err(|error| unreadable(file, &name, error))?;
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
