//! The PRAGMAs of production, set on every connection and read back.
//!
//! SQLite ignores a PRAGMA that it does not know, and answers with the old value where it cannot do what was asked. So
//! each PRAGMA of a profile is read back, and one that did not take is an error.

use std::fmt;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, TransactionBehavior};

use crate::error::{Error, ErrorKind, Result};
use crate::sql;

/// The number of PRAGMAs that a profile can hold.
const MOST_PRAGMAS: usize = 32;

/// The settings of an app's connections: a list of PRAGMAs, and how its transactions begin.
///
/// ```
/// use sqlitmus::Profile;
///
/// const APP: Profile = Profile::PRODUCTION
///     .pragma("cache_size", "-8000")
///     .pragma("recursive_triggers", "ON");
///
/// use sqlitmus::rusqlite::Connection;
///
/// let mut connection = Connection::open_in_memory().unwrap();
/// let error = APP.apply(&mut connection).unwrap_err();
/// assert_eq!(error.headline(), "PRAGMA journal_mode did not take");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Profile {
    pragmas: [Pragma; MOST_PRAGMAS],
    len: usize,
    begin_immediate: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Pragma {
    name: &'static str,
    value: &'static str,
}

/// A PRAGMA whose value differs from the profile's.
pub(crate) struct Difference {
    pub(crate) name: &'static str,
    /// The profile's value and SQLite's answer, in words where the PRAGMA has words.
    pub(crate) expected: String,
    pub(crate) answer: rusqlite::Result<Option<String>>,
    /// The statement that sets the PRAGMA.
    pub(crate) setting: String,
}

/// PRAGMAs that do something and have no value to read.
const DO_SOMETHING: [&str; 4] = ["incremental_vacuum", "optimize", "shrink_memory", "wal_checkpoint"];

/// PRAGMAs of the database file. They only take before its first table, so they come first; a copy of a database has
/// them from the original.
const OF_THE_DATABASE: [&str; 3] = ["page_size", "encoding", "auto_vacuum"];

impl Profile {
    /// SQLite's defaults, `foreign_keys` included. No PRAGMA is set.
    pub const SQLITE_DEFAULTS: Profile =
        Profile { pragmas: [Pragma { name: "", value: "" }; MOST_PRAGMAS], len: 0, begin_immediate: false };

    /// WAL, synchronous NORMAL, a cache of 64 MB, foreign keys enforced.
    pub const MINIMAL: Profile = Profile::SQLITE_DEFAULTS
        .pragma("journal_mode", "WAL")
        .pragma("synchronous", "NORMAL")
        .pragma("cache_size", "-64000")
        .pragma("foreign_keys", "ON");

    /// [`MINIMAL`](Profile::MINIMAL), and temporary tables in memory, 256 MB mapped, a busy timeout of 5 seconds, pages
    /// of 8 KB.
    pub const PRODUCTION: Profile = Profile::MINIMAL
        .pragma("temp_store", "MEMORY")
        .pragma("mmap_size", "268435456")
        .pragma("busy_timeout", "5000")
        .pragma("page_size", "8192");

    /// The settings that Django's documentation recommends: WAL, synchronous NORMAL, a busy timeout of 5 seconds,
    /// foreign keys enforced.
    pub const DJANGO: Profile = Profile::SQLITE_DEFAULTS
        .pragma("journal_mode", "WAL")
        .pragma("synchronous", "NORMAL")
        .pragma("busy_timeout", "5000")
        .pragma("foreign_keys", "ON");

    /// Settings for a web server: WAL with a bounded file, 128 MB mapped, a cache of 20 MB, a busy timeout of 30
    /// seconds, and transactions that begin IMMEDIATE.
    pub const WEB: Profile = Profile::SQLITE_DEFAULTS
        .pragma("journal_mode", "WAL")
        .pragma("synchronous", "NORMAL")
        .pragma("foreign_keys", "ON")
        .pragma("temp_store", "MEMORY")
        .pragma("mmap_size", "134217728")
        .pragma("journal_size_limit", "67108864")
        .pragma("cache_size", "-20000")
        .pragma("busy_timeout", "30000")
        .begin_immediate();

    /// [`PRODUCTION`](Profile::PRODUCTION) with synchronous FULL: an acknowledged commit survives a power cut.
    pub const DURABLE: Profile = Profile::PRODUCTION.pragma("synchronous", "FULL");

    /// [`PRODUCTION`](Profile::PRODUCTION) without automatic checkpoints, for continuous replication, where the
    /// replicator does the checkpoints.
    pub const LITESTREAM: Profile = Profile::PRODUCTION.pragma("wal_autocheckpoint", "0");

    /// Adds a PRAGMA, or changes its value. `value` is written as in SQL, without quotes.
    ///
    /// # Panics
    /// If there are more than 32 PRAGMAs. In a constant this is a compile error.
    #[must_use]
    pub const fn pragma(mut self, name: &'static str, value: &'static str) -> Profile {
        let mut index = 0;
        while index < self.len {
            if self.pragmas[index].name.eq_ignore_ascii_case(name) {
                break;
            }
            index += 1;
        }
        assert!(index < MOST_PRAGMAS, "a profile holds at most 32 PRAGMAs");
        self.pragmas[index] = Pragma { name, value };
        if index == self.len {
            self.len += 1;
        }
        self
    }

    /// Makes `Connection::transaction` begin IMMEDIATE. A transaction that is going to write then takes the write lock
    /// at its start, where the busy timeout helps, and not in the middle, where it does not.
    #[must_use]
    pub const fn begin_immediate(mut self) -> Profile {
        self.begin_immediate = true;
        self
    }

    /// Returns the PRAGMAs in the order in which they are set.
    pub fn pragmas(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let (first, second): (Vec<Pragma>, Vec<Pragma>) =
            self.pragmas[..self.len].iter().partition(|pragma| pragma.is_of_the_database());
        first.into_iter().chain(second).map(|pragma| (pragma.name, pragma.value))
    }

    /// Sets every PRAGMA on a connection and reads it back.
    ///
    /// # Errors
    /// If a PRAGMA did not take. The error names it, the value that was set and SQLite's answer.
    pub fn apply(&self, connection: &mut Connection) -> Result<()> {
        let mut of_the_database = self.pragmas[..self.len].iter().filter(|pragma| pragma.is_of_the_database());
        of_the_database.try_for_each(|pragma| pragma.set(connection))?;
        self.apply_to_copy(connection)
    }

    /// Returns the PRAGMAs that have different values on this connection. Nothing is set.
    pub(crate) fn differences(&self, connection: &Connection) -> Vec<Difference> {
        self.pragmas[..self.len].iter().filter_map(|pragma| pragma.difference(connection)).collect()
    }

    /// Sets the PRAGMAs of the connection without reading them back: they took on another one.
    pub(crate) fn apply_again(&self, connection: &mut Connection) -> Result<()> {
        let of_the_connection = self.pragmas[..self.len].iter().filter(|pragma| !pragma.is_of_the_database());
        let settings: String = of_the_connection.map(|pragma| pragma.setting() + ";").collect();
        connection.execute_batch(&settings).map_err(|error| Error::sqlite("set the PRAGMAs", error).sql(&settings))?;
        if self.begin_immediate {
            connection.set_transaction_behavior(TransactionBehavior::Immediate);
        }
        Ok(())
    }

    /// Sets the PRAGMAs of the connection. The database is a copy of one to which the whole profile was applied, and
    /// has the rest.
    pub(crate) fn apply_to_copy(&self, connection: &mut Connection) -> Result<()> {
        let mut of_the_connection = self.pragmas[..self.len].iter().filter(|pragma| !pragma.is_of_the_database());
        of_the_connection.try_for_each(|pragma| pragma.set(connection))?;
        if self.begin_immediate {
            connection.set_transaction_behavior(TransactionBehavior::Immediate);
        }
        Ok(())
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        map.entries(self.pragmas());
        if self.begin_immediate {
            map.entry(&"BEGIN", &"IMMEDIATE");
        }
        map.finish()
    }
}

impl Pragma {
    fn does_something(&self) -> bool {
        DO_SOMETHING.iter().any(|name| name.eq_ignore_ascii_case(self.bare_name()))
    }

    fn is_of_the_database(&self) -> bool {
        OF_THE_DATABASE.iter().any(|name| name.eq_ignore_ascii_case(self.name))
    }

    /// Sets the PRAGMA and reads it back.
    fn set(&self, connection: &Connection) -> Result<()> {
        let setting = self.setting();
        if self.does_something() {
            let headline = format!("PRAGMA {} is no setting: it has no value to read back", self.name);
            return Err(Error::new(ErrorKind::Profile, headline).sql(&setting).help(
                "run it where the app does; what the app runs on every connection that it opens belongs in \
                 Template::functions",
            ));
        }
        let answer = match ask(connection, &setting) {
            // Some PRAGMAs answer with the new value at once. No row means nothing yet.
            Ok(Some(answer)) => Some(answer),
            Ok(None) => ask(connection, &self.question())
                .map_err(|error| Error::sqlite("read a PRAGMA back", error).sql(&self.question()))?,
            Err(error) => {
                return Err(Error::new(ErrorKind::Profile, format!("PRAGMA {} did not take", self.name))
                    .sql(&setting)
                    .because_sqlite(error));
            }
        };
        match answer {
            Some(answer) if self.accepts(&answer) => Ok(()),
            answer => Err(self.did_not_take(&setting, answer.as_deref())),
        }
    }

    fn difference(&self, connection: &Connection) -> Option<Difference> {
        let answer = if self.does_something() { Ok(None) } else { ask(connection, &self.question()) };
        if matches!(&answer, Ok(Some(answer)) if self.accepts(answer)) {
            return None;
        }
        Some(Difference {
            name: self.name,
            expected: self.in_words(self.value),
            answer: answer.map(|answer| answer.map(|answer| self.in_words(&answer))),
            setting: self.setting(),
        })
    }

    fn setting(&self) -> String {
        format!("PRAGMA {} = {}", self.name_in_sql(), word_or(sql::quote_text)(self.value))
    }

    fn question(&self) -> String {
        if self.name.eq_ignore_ascii_case("case_sensitive_like") {
            // The one PRAGMA of a connection whose value cannot be read.
            return String::from("SELECT NOT ('a' LIKE 'A')");
        }
        format!("PRAGMA {}", self.name_in_sql())
    }

    /// Returns the name with the schema in front of it, if the PRAGMA is meant for an attached database.
    fn name_in_sql(&self) -> String {
        self.name.split('.').map(word_or(sql::quote_identifier)).collect::<Vec<_>>().join(".")
    }

    /// Returns true if `answer` is what SQLite answers after the value took. Many keywords are read back as numbers.
    fn accepts(&self, answer: &str) -> bool {
        let value = self.value.trim_matches(['\'', '"']).to_ascii_lowercase();
        let answer = answer.to_ascii_lowercase();
        let as_number = self.keywords().iter().position(|keyword| *keyword == value).map(|number| number.to_string());
        let as_switch = as_switch(&value);
        if self.bare_name().eq_ignore_ascii_case("cache_spill") && value != "0" && as_switch != Some("0") {
            // Read back as a number of pages, which is at least the size of the cache.
            let least = whole_number(&value).unwrap_or(1);
            return answer.parse().is_ok_and(|pages: i64| pages >= least);
        }
        answer == value
            || as_number.is_some_and(|number| number == answer)
            || as_switch.is_some_and(|switch| switch == answer)
            || (value == "utf-16" && answer.starts_with("utf-16"))
            || whole_number(&value).is_some_and(|value| answer.parse() == Ok(value))
    }

    /// The words that SQLite reads back as their numbers.
    fn keywords(&self) -> &'static [&'static str] {
        match self.bare_name().to_ascii_lowercase().as_str() {
            "synchronous" => &["off", "normal", "full", "extra"],
            "temp_store" => &["default", "file", "memory"],
            "auto_vacuum" => &["none", "full", "incremental"],
            "secure_delete" => &["off", "on", "fast"],
            _ => &[],
        }
    }

    /// Returns the name without a schema in front of it.
    fn bare_name(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }

    /// Returns a value or an answer in words: `FULL`, not `2`, and `OFF`, not `0`, where the profile says `ON`.
    fn in_words(&self, text: &str) -> String {
        let keyword = text.parse::<usize>().ok().and_then(|number| self.keywords().get(number));
        match (keyword, as_switch(&self.value.to_ascii_lowercase()), text) {
            (Some(keyword), ..) => keyword.to_ascii_uppercase(),
            (None, Some(_), "0") => String::from("OFF"),
            (None, Some(_), "1") => String::from("ON"),
            _ => text.to_owned(),
        }
    }

    fn did_not_take(&self, setting: &str, answer: Option<&str>) -> Error {
        let version = rusqlite::version();
        let error = Error::new(ErrorKind::Profile, format!("PRAGMA {} did not take", self.name)).sql(setting);
        let Some(answer) = answer else {
            return error.evidence(format!("SQLite {version} answers"), "nothing").help(
                "SQLite ignores a PRAGMA that it does not know: look at its spelling, and at this SQLite's version",
            );
        };
        let error = error.evidence(format!("SQLite {version} answers"), self.in_words(answer));
        let words = self.keywords();
        if !words.is_empty() && !words.contains(&self.value.to_ascii_lowercase().as_str()) {
            return error.help(format!("it takes {}", words.join(", ").to_ascii_uppercase()));
        }
        match (self.name.to_ascii_lowercase().as_str(), answer) {
            ("journal_mode", "memory") => error.help(
                "a \":memory:\" database cannot be in WAL mode; a database of Template::in_memory() is, and is as fast",
            ),
            ("page_size", _) if !self.value.parse::<u32>().is_ok_and(|size| size.is_power_of_two()) => {
                error.help("it takes a power of two from 512 to 65536")
            }
            ("page_size", _) => error
                .help("the size of pages is fixed by the first table; afterwards it takes VACUUM, outside of WAL mode"),
            ("mmap_size", _) => error.help("this SQLite was built with a lower SQLITE_MAX_MMAP_SIZE"),
            _ => error,
        }
    }
}

/// Parses a number of SQL, decimal or hexadecimal: `application_id` is usually written in hexadecimal.
fn whole_number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Returns the number as which SQLite reads a switch back.
fn as_switch(value: &str) -> Option<&'static str> {
    match value {
        "on" | "yes" | "true" => Some("1"),
        "off" | "no" | "false" => Some("0"),
        _ => None,
    }
}

/// Leaves words and numbers as they are and passes everything else through `quote`.
fn word_or(quote: fn(&str) -> String) -> impl Fn(&str) -> String {
    move |text| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_word = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == '.');
        if is_word || is_number { text.to_owned() } else { quote(text) }
    }
}

/// Returns the first column of the first row as text.
pub(super) fn ask(connection: &Connection, sql: &str) -> rusqlite::Result<Option<String>> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(match row.get_ref(0)? {
        ValueRef::Null => String::from("NULL"),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned(),
    }))
}
