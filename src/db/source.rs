//! The sources of a template's schema: files, or code of the app.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

use super::app_code::{Change, on_a_thread};
use super::image::{self, Functions, MAIN, back_up};
use super::recording;
use super::scratch::Scratch;
use crate::env;
use crate::error::{BoxError, Error, ErrorKind, Result};
use crate::migrations::{Code, MigratePathTo, MigrateTo, Migrations};
use crate::sim::Disk;
use crate::temp_folder::Folder;

/// The source of a template's schema.
#[derive(Clone, Copy)]
pub(super) enum Source {
    Empty,
    Folder(&'static str),
    Embedded(&'static [(&'static str, &'static str)]),
    With(Change),
    Path(fn(&Path) -> Result<(), BoxError>),
    To(AppRunner),
}

/// Brings the database of a connection to a version.
type MigrateConnection = fn(&mut Connection, i64) -> Result<(), BoxError>;

/// The app's own runner, and its versions.
#[derive(Clone, Copy)]
pub(super) struct AppRunner {
    pub(super) versions: Versions,
    pub(super) up: Steps,
    /// None if it does not undo migrations.
    pub(super) down: Option<Steps>,
}

/// The versions of the app's own runner.
#[derive(Clone, Copy)]
pub(super) enum Versions {
    UpTo(i64),
    UpToResult(fn() -> i64),
    List { latest: i64, versions: &'static [i64] },
}

/// A latest version above this is a date, and not a number of versions.
const MOST_COUNTED: i64 = 9_999;

/// The app's code that brings a database to a version, which takes a connection or a path.
#[derive(Clone, Copy)]
pub(super) enum Steps {
    Connection(MigrateConnection),
    Path(MigratePathTo),
}

impl Steps {
    fn on_a_connection(self) -> MigrateTo {
        match self {
            Steps::Connection(migrate) => Arc::new(migrate),
            Steps::Path(migrate) => Arc::new(move |connection: &mut Connection, to| on_a_file(connection, to, migrate)),
        }
    }
}

impl Source {
    /// Returns true if the schema is made by code.
    pub(super) fn is_code(&self) -> bool {
        matches!(self, Source::With(_) | Source::Path(_) | Source::To(_))
    }

    /// Returns the address of what the migrations are read from, and the call that names it.
    pub(super) fn address(&self) -> Option<(usize, String)> {
        match *self {
            Source::Folder(folder) => Some((folder.as_ptr().addr(), format!("Template::new({folder:?})"))),
            Source::Embedded(files) => Some((files.as_ptr().addr(), "Template::embedded(..)".to_owned())),
            Source::With(migrate) => Some((migrate as usize, "Template::migrate_with(..)".to_owned())),
            Source::Path(migrate) => Some((migrate as usize, "Template::migrate_path(..)".to_owned())),
            Source::To(AppRunner { up: Steps::Connection(up), .. }) => {
                Some((up as usize, "Template::migrate_to(..)".to_owned()))
            }
            Source::To(AppRunner { up: Steps::Path(up), .. }) => {
                Some((up as usize, "Template::migrate_path_to(..)".to_owned()))
            }
            // It is built in no time.
            Source::Empty => None,
        }
    }

    /// Returns the history, if there is one.
    pub(super) fn migrations(&self) -> Result<Option<Migrations>> {
        match *self {
            Source::Folder(folder) => Migrations::load(env::package_dir().join(folder)).map(Some),
            Source::Embedded(files) => Migrations::embedded(files).map(Some),
            Source::To(runner) => runner.history().map(Some),
            Source::Empty | Source::With(_) | Source::Path(_) => Ok(None),
        }
    }
}

impl AppRunner {
    fn history(self) -> Result<Migrations> {
        let on_a_path = match self.up {
            Steps::Connection(_) => None,
            Steps::Path(migrate) => Some(migrate),
        };
        let (up, down) = (self.up.on_a_connection(), self.down.map(Steps::on_a_connection));
        let code = Code { up, down, on_a_path, ledgers: Vec::new() };
        let latest = match self.versions {
            Versions::List { latest, versions } if versions.last() == Some(&latest) => {
                return Migrations::of_code(versions, code);
            }
            Versions::List { latest, versions } => {
                let last = versions.last().map_or(String::from("empty"), |last| format!("up to {last}"));
                let headline = format!("the latest version is {latest}, and the list of versions is {last}");
                return Err(
                    Error::new(ErrorKind::History, headline).help("the last version of the list is the latest one")
                );
            }
            Versions::UpTo(latest) => latest,
            Versions::UpToResult(latest) => latest(),
        };
        if latest < 1 {
            let headline = format!("the latest version of the app's runner is {latest}: versions are numbers from 1");
            return Err(
                Error::new(ErrorKind::History, headline).help("pass the app's own constant for its latest version")
            );
        }
        if latest > MOST_COUNTED {
            let headline = format!("the latest version is {latest}, and versions are counted from 1 by one");
            return Err(Error::new(ErrorKind::History, headline).help("name all of them: .versions(&[..])"));
        }
        Migrations::of_code(&(1..=latest).collect::<Vec<_>>(), code)
    }
}

/// Checks that the app's runner has brought a database to a version, the last one if none is given. `empty` makes an empty
/// database, of the same app.
pub(super) fn check_reached(
    history: &Migrations,
    version: Option<i64>,
    connection: &Connection,
    empty: impl Fn() -> Result<Scratch>,
) -> Result<()> {
    let to = version.or(history.last_version()).unwrap_or(history.base());
    if history.code().is_none() || to == history.base() {
        return Ok(());
    }
    let number = |connection: &Connection, sql: &str| -> Result<i64> {
        let number = connection.query_row(sql, [], |row| row.get(0));
        number.map_err(|error| Error::sqlite("read the version of a database", error))
    };
    let user_version = |connection: &Connection| number(connection, "PRAGMA user_version");
    let now = user_version(connection)?;
    if now == 0 && number(connection, "SELECT count(*) FROM sqlite_schema")? == 0 {
        return Err(Code::leaves_empty(to));
    }
    history.check_user_version(to, now, |version| {
        let mut database = empty()?;
        history.up_to(&mut database, version)?;
        user_version(&database)
    })
}

/// Runs code that takes a path on a copy in a real file, and brings the result back.
fn on_a_file(
    connection: &mut Connection,
    to: i64,
    migrate: fn(&Path, i64) -> Result<(), BoxError>,
) -> Result<(), BoxError> {
    let file = RealFile::new(None)?;
    let mut copy = file.open()?;
    let copied = |error| Error::sqlite("copy the database", error);
    back_up(connection, &mut copy).map_err(copied)?;
    // An app may change what another connection would hold fast, such as the journal mode.
    let ran = recording::on_file(copy, || on_a_thread(|| migrate(&file.path, to)));
    back_up(&file.open()?, connection).map_err(copied)?;
    ran
}

/// A database in a temporary folder, which is deleted with it.
pub(super) struct RealFile {
    pub(super) path: PathBuf,
    disk: Arc<Disk>,
    functions: Option<Functions>,
    _folder: Folder,
}

impl RealFile {
    pub(super) fn new(functions: Option<Functions>) -> Result<RealFile> {
        let folder = super::testdb::temporary_folder()?;
        Ok(RealFile { path: folder.path().join(MAIN), disk: Disk::over_files(false), functions, _folder: folder })
    }

    pub(super) fn open(&self) -> Result<Connection> {
        image::open(&self.disk, &self.path, self.functions)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Empty => write!(f, "empty"),
            Source::Folder(folder) => write!(f, "{folder:?}"),
            Source::Embedded(files) => write!(f, "{} embedded files", files.len()),
            Source::With(_) => write!(f, "code on a connection"),
            Source::Path(_) => write!(f, "code on a path"),
            Source::To(_) => write!(f, "code that goes to a version"),
        }
    }
}
