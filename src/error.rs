//! The error of the crate. Its `Display` is the whole report, with the SQL, the file, the migration, and SQLite's code
//! and message.

use std::error::Error as StdError;
use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::ffi;

use crate::report::Report;

/// A `Result` of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The error type of closures that stand for the app's code.
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// The kind of an [`Error`], for code that handles errors differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The name or value of a `SQLITMUS_*` variable is unknown.
    Environment,
    /// A file or folder could not be read or written.
    Io,
    /// SQLite returned an error.
    Sqlite,
    /// A PRAGMA of a profile did not take.
    Profile,
    /// A folder or list of migrations is not a valid history.
    History,
    /// A migration failed while it was applied or undone.
    Migration,
    /// A template could not be built, or does not have what was requested.
    Template,
    /// A clock was set to something that is not a time.
    Clock,
    /// A check found something, or two databases differ that should be the same.
    Check,
    /// A power cut leaves a state that breaks the promise of the test.
    Crash,
    /// An operation failed, and the code under test was neither completed nor undone.
    Fault,
    /// A test of the migration suite failed, or there is no such test.
    Suite,
    /// A query plan breaks an assertion, or the statement has none.
    Plan,
    /// The recorded queries break an assertion, or could not be evaluated.
    Queries,
    /// A table cannot be filled as requested.
    Data,
    /// A schedule of several tasks has a result that no serial order has, or the tasks cannot be explored.
    Schedule,
}

/// The error of this crate, with everything that was known when it happened.
///
/// `Display` prints the whole report. So does `Debug`, which makes `unwrap()` readable.
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
    /// True if the failure does not depend on what was drawn.
    with_any_seed: bool,
    /// True if a migration was stopped because it does not end.
    is_endless: bool,
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
                report: Report { headline: headline.into(), ..Report::default() },
                sql: None,
                path: None,
                migration: None,
                with_any_seed: false,
                is_endless: false,
                source: None,
            }),
        }
    }

    /// An error of SQLite's. `what` is the infinitive of what failed, without `to`: "read the schema".
    pub(crate) fn sqlite(what: impl fmt::Display, error: rusqlite::Error) -> Self {
        Error::new(ErrorKind::Sqlite, format!("cannot {what}")).because_sqlite(error)
    }

    /// An I/O error of `path`. `what` is the infinitive of what failed, as for `sqlite`: "read the ledger".
    pub(crate) fn io(what: impl fmt::Display, path: &Path, error: std::io::Error) -> Self {
        Error::new(ErrorKind::Io, format!("cannot {what}: {}", path.display()))
            .evidence("the system says", error.to_string())
            .path(path)
            .because(error)
    }

    pub(crate) fn sql(self, sql: &str) -> Self {
        self.sql_excerpt(sql, sql)
    }

    /// Like `sql`, but shows only the relevant part of a long statement.
    pub(crate) fn sql_excerpt(mut self, sql: &str, excerpt: &str) -> Self {
        self.inner.sql = Some(sql.to_owned());
        self.evidence("sql", excerpt.trim())
    }

    pub(crate) fn path(mut self, path: &Path) -> Self {
        self.inner.path = Some(path.to_owned());
        self
    }

    pub(crate) fn migration(mut self, name: impl Into<String>) -> Self {
        self.inner.migration = Some(name.into());
        self
    }

    pub(crate) fn evidence(mut self, label: impl Into<String>, body: impl Into<String>) -> Self {
        self.inner.report.evidence.push((label.into(), body.into()));
        self
    }

    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.inner.report.help.push(text.into());
        self
    }

    pub(crate) fn note(mut self, text: impl Into<String>) -> Self {
        self.inner.report.notes.push(text.into());
        self
    }

    /// Keeps `source` for `Error::source`, without adding it to the report.
    pub(crate) fn because(mut self, source: impl Into<BoxError>) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    /// Says that the failure does not depend on what was drawn, so that no seed repeats it.
    pub(crate) fn with_any_seed(mut self) -> Self {
        self.inner.with_any_seed = true;
        self
    }

    pub(crate) fn is_with_any_seed(&self) -> bool {
        self.inner.with_any_seed
    }

    /// Says that a migration was stopped because it does not end, whatever error that has caused.
    pub(crate) fn endless(mut self, headline: String) -> Self {
        self.inner.is_endless = true;
        self.inner.report.headline = headline;
        self
    }

    /// Returns the same report once more, without the cause.
    pub(crate) fn again(&self) -> Error {
        let Inner { kind, report, sql, path, migration, with_any_seed, is_endless, source: _ } = &*self.inner;
        Error {
            inner: Box::new(Inner {
                kind: *kind,
                report: report.clone(),
                sql: sql.clone(),
                path: path.clone(),
                migration: migration.clone(),
                with_any_seed: *with_any_seed,
                is_endless: *is_endless,
                source: None,
            }),
        }
    }

    pub(crate) fn is_endless(&self) -> bool {
        self.inner.is_endless
    }

    /// Adds SQLite's message and extended code, as evidence and as the source.
    pub(crate) fn because_sqlite(self, error: rusqlite::Error) -> Self {
        self.evidence("SQLite says", Refusal::text(&error)).because(error)
    }

    /// Adds an error of the app's own code and its causes, as evidence and as the source.
    pub(crate) fn because_app(self, error: BoxError) -> Self {
        let says = match error.downcast_ref::<rusqlite::Error>().and_then(Refusal::of) {
            // Its causes are the code in other words.
            Some(refusal) => refusal.to_string(),
            None => with_causes(&*error),
        };
        self.evidence("it says", says).because(error)
    }

    /// Adds a value if there is one: `error.given(path, Error::path)`.
    pub(crate) fn given<T>(self, value: Option<T>, add: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            Some(value) => add(self, value),
            None => self,
        }
    }

    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// Returns the first line of the report.
    pub fn headline(&self) -> &str {
        &self.inner.report.headline
    }

    /// Returns the statement that failed, if there is one.
    pub fn sql_text(&self) -> Option<&str> {
        self.inner.sql.as_deref()
    }

    /// Returns the file or folder that the error is about, if there is one.
    pub fn file(&self) -> Option<&Path> {
        self.inner.path.as_deref()
    }

    /// Returns the file name of the migration that the error is about, if there is one.
    pub fn migration_name(&self) -> Option<&str> {
        self.inner.migration.as_deref()
    }

    /// Returns SQLite's extended result code, if the error came from SQLite.
    pub fn sqlite_code(&self) -> Option<i32> {
        self.refusal().map(|refusal| refusal.code)
    }

    /// Returns SQLite's own error, if it is the cause.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        let mut causes = std::iter::successors(self.source(), |&error| error.source());
        Refusal::of(causes.find_map(|error| error.downcast_ref::<rusqlite::Error>())?)
    }
}

/// SQLite's own error, extracted from one of rusqlite's.
pub(crate) struct Refusal {
    /// The extended result code.
    pub(crate) code: i32,
    pub(crate) message: String,
    /// The byte offset of the error in the statement, if SQLite reports one.
    pub(crate) offset: Option<usize>,
}

impl Refusal {
    /// Returns `None` for errors that are rusqlite's own, such as a missing row.
    pub(crate) fn of(error: &rusqlite::Error) -> Option<Refusal> {
        // The variant with the offset depends on a feature of rusqlite that any crate of the build may turn on, so it
        // cannot be named here. Its code is its source, and its `Debug` has the rest.
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

    /// Returns the message and the code of an error; rusqlite's text if the error is its own.
    pub(crate) fn text(error: &rusqlite::Error) -> String {
        Refusal::of(error).map_or_else(|| error.to_string(), |refusal| refusal.to_string())
    }

    /// Returns SQLite's message and the code, without rusqlite's description of the code.
    pub(crate) fn message_or_code(&self) -> String {
        match self.message.as_str() {
            "" => format!("code {}", self.code),
            message => format!("{message} (code {})", self.code),
        }
    }
}

/// Returns an error's text, and those of its causes that say more.
fn with_causes(error: &(dyn StdError + 'static)) -> String {
    let mut says = error.to_string();
    for cause in std::iter::successors(error.source(), |&cause| cause.source()) {
        let text = cause.to_string();
        if !says.contains(&text) {
            says.push_str(&format!("\ncaused by: {text}"));
        }
    }
    says
}

/// Undoes the quoting of `Debug`.
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
            // "SQL logic error", for whatever SQLite does not understand.
            message if self.code == ffi::SQLITE_ERROR => write!(f, "{message} (code {})", self.code),
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
        self.inner.source.as_deref().map(|source| source as _)
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
    fn an_error_of_rusqlite_is_no_refusal() {
        assert!(Refusal::of(&rusqlite::Error::QueryReturnedNoRows).is_none());
    }
}
