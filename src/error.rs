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
    /// A check found something, or two things that should be the same are not.
    Check,
    /// What a power cut leaves is not what was promised.
    Crash,
    /// What some code does when an operation fails is not all or nothing.
    Fault,
    /// A test of the migration suite fails, or the suite was asked for what it does not have.
    Suite,
    /// A query plan is not as it was asserted, or there is none.
    Plan,
    /// What some code ran is not what was asserted, or could not be told.
    Queries,
    /// A table cannot be filled as it was asked for.
    Data,
    /// A schedule of several tasks gives what no serial order of them gives, or the tasks cannot be explored.
    Schedule,
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

/// Returns the value, or panics with the whole report at the caller's line.
#[track_caller]
pub(crate) fn or_panic<T>(result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
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

    /// An error of SQLite's. `what` is the infinitive of what failed, without `to`: "read the schema".
    pub(crate) fn sqlite(what: impl fmt::Display, error: rusqlite::Error) -> Self {
        Error::new(ErrorKind::Sqlite, format!("cannot {what}")).because_sqlite(error)
    }

    /// An I/O error of `path`; `what` says what was tried ("cannot read the migration").
    pub(crate) fn io(what: impl fmt::Display, path: &Path, error: std::io::Error) -> Self {
        Error::new(ErrorKind::Io, format!("{what}: {}", path.display()))
            .evidence("the system says", error.to_string())
            .path(path)
            .because(error)
    }

    pub(crate) fn sql(self, sql: &str) -> Self {
        self.sql_excerpt(sql, sql)
    }

    /// Like `sql`, showing only the part of a long statement that matters.
    pub(crate) fn sql_excerpt(mut self, sql: &str, excerpt: &str) -> Self {
        self.inner.sql = Some(sql.to_owned());
        self.with(|report| report.sql(excerpt))
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
        let says = Refusal::of(&error).map_or_else(|| error.to_string(), |refusal| refusal.to_string());
        self.evidence("SQLite says", says).because(error)
    }

    /// What the app's own code said, with its causes, as evidence and as the source.
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
                return Refusal::of(sqlite).map(|refusal| refusal.code);
            }
            cause = error.source();
        }
        None
    }
}

/// SQLite's refusal, taken out of an error of rusqlite's.
pub(crate) struct Refusal {
    /// The extended result code.
    pub(crate) code: i32,
    pub(crate) message: String,
    /// The byte of the statement at which SQLite stumbled, where it tells.
    pub(crate) offset: Option<usize>,
}

impl Refusal {
    /// `None` for errors that are rusqlite's own, such as a row that is missing.
    pub(crate) fn of(error: &rusqlite::Error) -> Option<Refusal> {
        // The variant with the offset exists or not by a feature of rusqlite's that other crates of the build decide, so
        // it cannot be named here. Its code is its source, and its parts stand in its `Debug`.
        let code = error.source()?.downcast_ref::<ffi::Error>()?.extended_code;
        if let rusqlite::Error::SqliteFailure(_, message) = error {
            return Some(Refusal { code, message: message.clone().unwrap_or_default(), offset: None });
        }
        let text = format!("{error:?}");
        let message = text.split_once("msg: \"").and_then(|(_, rest)| rest.split_once("\", sql: \""));
        let message = message.map_or_else(|| error.to_string(), |(message, _)| unescaped(message));
        let offset = text.rsplit_once("offset: ").and_then(|(_, rest)| rest.trim_end_matches([' ', '}']).parse().ok());
        Some(Refusal { code, message, offset })
    }
}

impl Refusal {
    /// What SQLite says, without the words that rusqlite has for the code.
    pub(crate) fn message_or_code(&self) -> String {
        match self.message.as_str() {
            "" => format!("code {}", self.code),
            message => format!("{message} (code {})", self.code),
        }
    }
}

/// Text as it was before `Debug` quoted it.
fn unescaped(quoted: &str) -> String {
    let mut text = String::new();
    let mut rest = quoted.chars();
    while let Some(c) = rest.next() {
        match (c, if c == '\\' { rest.next() } else { None }) {
            (_, Some('n')) => text.push('\n'),
            (_, Some('t')) => text.push('\t'),
            (_, Some(escaped)) => text.push(escaped),
            (plain, None) => text.push(plain),
        }
    }
    text
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = ffi::code_to_str(self.code);
        match self.message.as_str() {
            "" => write!(f, "{text} (code {})", self.code),
            message => write!(f, "{message} (code {}: {text})", self.code),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.report.fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
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

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::Refusal;

    fn refusal(sql: &str) -> Refusal {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t(x UNIQUE); INSERT INTO t VALUES (1)").unwrap();
        let error = connection.prepare(sql).and_then(|mut statement| statement.execute([])).unwrap_err();
        Refusal::of(&error).unwrap()
    }

    #[test]
    fn the_place_and_the_message_of_a_refusal_are_found() {
        let found = refusal("SELECT \"a\\b\" -- \", sql: \", offset: 7\n, nowhere FROM t");
        assert_eq!(found.message, "no such column: nowhere");
        assert_eq!((found.code, found.offset), (1, Some(39)));
        let found = refusal("SELECT x FROM \"it's\" ");
        assert_eq!((found.message.as_str(), found.offset), ("no such table: it's", None));
    }

    #[test]
    fn the_code_is_the_extended_one() {
        let found = refusal("INSERT INTO t VALUES (1)");
        assert_eq!((found.code, found.offset), (2067, None));
        assert_eq!(
            found.to_string(),
            "UNIQUE constraint failed: t.x (code 2067: Uniqueness constraint violation)"
                .replace("Uniqueness constraint violation", super::ffi::code_to_str(2067))
        );
    }

    #[test]
    fn what_is_not_sqlites_is_no_refusal() {
        assert!(Refusal::of(&rusqlite::Error::QueryReturnedNoRows).is_none());
    }
}
