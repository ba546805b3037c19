//! The one error of the crate. Its `Display` is the whole report: the SQL, the file, the migration and SQLite's own
//! code and message are in it.

use std::error::Error as StdError;
use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::ffi;

use crate::report::Report;

/// A `Result` of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error: what code of the app under test may return.
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// What kind of thing went wrong, for code that wants to tell errors apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A `SQLITMUS_*` variable has a name or a value that is not known.
    Environment,
    /// A file or folder could not be read or written.
    Io,
    /// SQLite refused something.
    Sqlite,
    /// A PRAGMA of a profile did not take.
    Profile,
    /// A folder or list of migrations cannot be read as a history.
    History,
    /// A migration failed while it was applied or undone.
    Migration,
    /// A template could not be built, or was asked for something that it does not have.
    Template,
    /// A clock was set to something that is not a time.
    Clock,
}

/// What went wrong, with everything that was known when it did.
///
/// `Display` (and `Debug`, so that `unwrap()` reads well) gives the whole report.
#[non_exhaustive]
pub struct Error {
    inner: Box<Inner>,
}

struct Inner {
    kind: ErrorKind,
    report: Report,
    sql: Option<String>,
    path: Option<PathBuf>,
    migration: Option<String>,
    source: Option<BoxError>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, headline: impl Into<String>) -> Self {
        Error {
            inner: Box::new(Inner {
                kind,
                report: Report::new(headline),
                sql: None,
                path: None,
                migration: None,
                source: None,
            }),
        }
    }

    /// SQLite's refusal of `what` (a noun phrase: "opening the database").
    pub(crate) fn sqlite(what: impl fmt::Display, error: rusqlite::Error) -> Self {
        Error::new(ErrorKind::Sqlite, format!("SQLite refused {what}")).because_sqlite(error)
    }

    /// An I/O error of `path`; `what` says what was tried ("cannot read the migration").
    pub(crate) fn io(what: impl fmt::Display, path: &Path, error: std::io::Error) -> Self {
        Error::new(ErrorKind::Io, format!("{what}: {}", path.display()))
            .evidence("the system says", error.to_string())
            .path(path)
            .because(error)
    }

    pub(crate) fn sql(mut self, sql: &str) -> Self {
        self.inner.sql = Some(sql.to_owned());
        self.with(|report| report.sql(sql))
    }

    pub(crate) fn path(mut self, path: &Path) -> Self {
        self.inner.path = Some(path.to_owned());
        self
    }

    pub(crate) fn migration(mut self, name: impl Into<String>) -> Self {
        self.inner.migration = Some(name.into());
        self
    }

    pub(crate) fn evidence(self, label: impl Into<String>, body: impl Into<String>) -> Self {
        self.with(|report| report.evidence(label, body))
    }

    pub(crate) fn help(self, text: impl Into<String>) -> Self {
        self.with(|report| report.help(text))
    }

    pub(crate) fn note(self, text: impl Into<String>) -> Self {
        self.with(|report| report.note(text))
    }

    /// Keeps `source` for `Error::source`, without a word in the report.
    pub(crate) fn because(mut self, source: impl Into<BoxError>) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    /// SQLite's message and extended code, as evidence and as the source.
    pub(crate) fn because_sqlite(self, error: rusqlite::Error) -> Self {
        let says = describe_sqlite(&error);
        self.evidence("SQLite says", says).because(error)
    }

    /// What the app's own code said, as evidence and as the source. An error of ours among its causes is taken over as
    /// it is: its report says more than any wrapping could.
    pub(crate) fn because_app(self, error: BoxError) -> Self {
        let mut says = error.to_string();
        let mut cause = error.source();
        while let Some(deeper) = cause {
            let text = deeper.to_string();
            if !says.contains(&text) {
                says.push_str("\ncaused by: ");
                says.push_str(&text);
            }
            cause = deeper.source();
        }
        self.evidence("it says", says).because(error)
    }

    fn with(mut self, change: impl FnOnce(Report) -> Report) -> Self {
        self.inner.report = change(std::mem::take(&mut self.inner.report));
        self
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// The first line of the report.
    pub fn headline(&self) -> &str {
        self.inner.report.headline()
    }

    /// The statement that it is about.
    pub fn sql_text(&self) -> Option<&str> {
        self.inner.sql.as_deref()
    }

    /// The file or folder that it is about.
    pub fn file(&self) -> Option<&Path> {
        self.inner.path.as_deref()
    }

    /// The migration that it is about, by the name of its file.
    pub fn migration_name(&self) -> Option<&str> {
        self.inner.migration.as_deref()
    }

    /// SQLite's extended result code, where SQLite was asked.
    pub fn sqlite_code(&self) -> Option<i32> {
        let mut cause: Option<&(dyn StdError + 'static)> = self.source();
        while let Some(error) = cause {
            if let Some(sqlite) = error.downcast_ref::<rusqlite::Error>() {
                return extended_code(sqlite);
            }
            cause = error.source();
        }
        None
    }
}

fn extended_code(error: &rusqlite::Error) -> Option<i32> {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => Some(failure.extended_code),
        rusqlite::Error::SqlInputError { error, .. } => Some(error.extended_code),
        _ => None,
    }
}

fn describe_sqlite(error: &rusqlite::Error) -> String {
    let (code, message): (&ffi::Error, &str) = match error {
        rusqlite::Error::SqliteFailure(code, Some(message)) => (code, message),
        rusqlite::Error::SqliteFailure(code, None) => (code, ""),
        rusqlite::Error::SqlInputError { error, msg, .. } => (error, msg),
        other => return other.to_string(),
    };
    let text = ffi::code_to_str(code.extended_code);
    match message {
        "" => format!("{text} (code {})", code.extended_code),
        message => format!("{message} (code {}: {text})", code.extended_code),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.report.fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.report.fmt(f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.inner.source {
            Some(source) => Some(&**source),
            None => None,
        }
    }
}
