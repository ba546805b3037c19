//! Checks of the linked SQLite and of a connection's PRAGMAs.

use rusqlite::Connection;

use super::finding::Finding;
use super::findings::Findings;
use crate::db::{Difference, Profile};
use crate::error::Refusal;

/// Checks that this connection has the PRAGMAs of a profile. It is meant for connections that the app's own code opens.
/// Nothing is set, only read.
///
/// Each PRAGMA with another value is a finding `pragma-differs`; its object is the PRAGMA. [`Profile::begin_immediate`] is not
/// checked: rusqlite and the app's code decide how transactions begin, not SQLite, and the only way to see it would be to begin
/// one.
///
/// ```
/// use sqlitmus::{Profile, check, rusqlite::Connection};
///
/// let folder = tempfile::tempdir().unwrap();
/// let connection = Connection::open(folder.path().join("app.db")).unwrap();
/// connection
///     .execute_batch(
///         "PRAGMA journal_mode = WAL;
///          PRAGMA synchronous = NORMAL;
///          PRAGMA foreign_keys = ON",
///     )
///     .unwrap();
/// connection.busy_timeout(std::time::Duration::ZERO).unwrap();
///
/// let findings = check::profile(&connection, &Profile::DJANGO);
/// let found: Vec<&str> = findings.iter().map(|finding| finding.what()).collect();
/// assert_eq!(found, ["PRAGMA busy_timeout is 0, the profile says 5000"]);
/// ```
pub fn profile(connection: &Connection, profile: &Profile) -> Findings {
    let _own = crate::own::statements();
    profile.differences(connection).into_iter().map(finding).collect()
}

fn finding(difference: Difference) -> Finding {
    let Difference { name, expected, answer, setting } = difference;
    let new = |what: String| Finding::new("pragma-differs", name, what);
    match answer {
        Ok(Some(answer)) => new(format!("PRAGMA {name} is {answer}, the profile says {expected}"))
            .cost(cost(name, &answer))
            .fix(remedy(name, &setting)),
        Ok(None) => new(format!("PRAGMA {name} has no value to read, the profile says {expected}"))
            .cost("SQLite answers nothing to a PRAGMA that it does not know, and to one that does something instead"),
        Err(error) => new(format!("PRAGMA {name} cannot be read, the profile says {expected}"))
            .evidence("SQLite says", Refusal::text(&error)),
    }
}

/// Returns the cost of running with this value instead.
fn cost(name: &str, answer: &str) -> &'static str {
    match (name.to_ascii_lowercase().as_str(), answer.to_ascii_lowercase().as_str()) {
        ("foreign_keys", "off" | "0") => {
            "references to rows that are not there are accepted, and ON DELETE does nothing; each connection has to set it"
        }
        ("foreign_keys", _) => "writes fail that the profile allows",
        ("synchronous", "off") => "a power cut may corrupt the database",
        ("synchronous", "normal") => {
            "a power cut may undo the last commits in WAL mode, and may corrupt the database in others"
        }
        ("synchronous", _) => "every commit waits for the hardware",
        ("journal_mode", "off") => "a transaction that fails half-way cannot be rolled back",
        ("journal_mode", "memory") => "a process that dies within a transaction may leave a corrupt database",
        ("journal_mode", "wal") => "there are -wal and -shm files beside the database, which have to be copied with it",
        ("journal_mode", _) => "readers wait for the writer, and the writer waits for readers",
        ("busy_timeout", "0") => "a locked database fails at once with SQLITE_BUSY, database is locked",
        ("busy_timeout", _) => {
            "a locked database is retried for this many milliseconds before SQLITE_BUSY, database is locked"
        }
        ("cache_size", _) => {
            "the page cache has another size: large transactions spill at another point, or memory use differs"
        }
        ("mmap_size", _) => "another amount of the file is mapped: reads use other system calls",
        ("temp_store", "file" | "default") => "sorting and temporary tables write to files",
        ("temp_store", _) => "sorting and temporary tables take memory",
        ("page_size", _) => "the page size is fixed by the first table; it decides how many rows one read returns",
        ("journal_size_limit", "-1") => "the -wal keeps the size of the largest transaction for good",
        ("wal_autocheckpoint", "0") => "the -wal is moved into the database only if the app or a replicator does it",
        ("auto_vacuum", _) => "free pages are kept or returned to the file system differently",
        ("recursive_triggers", "off") => "REPLACE does not fire DELETE triggers",
        ("case_sensitive_like", "off") => "LIKE ignores case, and uses other indexes",
        ("locking_mode", "exclusive") => "no other connection can use the database",
        _ => "",
    }
}

/// Returns what sets the value on a database that has tables.
fn remedy(name: &str, setting: &str) -> String {
    match name.to_ascii_lowercase().as_str() {
        // VACUUM changes the page size, but not in WAL mode.
        "page_size" => format!("PRAGMA journal_mode = DELETE; {setting}; VACUUM; then the journal mode again"),
        "auto_vacuum" => format!("{setting}; VACUUM"),
        "encoding" => format!("{setting}, before the first table: afterwards it is fixed"),
        _ => setting.to_owned(),
    }
}

/// Checks that the linked SQLite is at least this version. A build on another machine may link another SQLite.
///
/// A finding has the code `sqlite-too-old`, or `not-a-version` if `version` cannot be parsed. Its object is `sqlite`.
///
/// ```
/// use sqlitmus::check;
///
/// check::sqlite_at_least("3.38.0").assert_ok();
/// let findings = check::sqlite_at_least("4.0");
/// assert_eq!(findings.iter().next().unwrap().code(), "sqlite-too-old");
/// ```
pub fn sqlite_at_least(version: &str) -> Findings {
    at_least(version, rusqlite::version()).into_iter().collect()
}

fn at_least(wanted: &str, linked: &str) -> Option<Finding> {
    let Some(numbers) = numbers(wanted) else {
        let what = format!("not a version of SQLite: {wanted:?}");
        return Some(Finding::new("not-a-version", "sqlite", what).fix("write it as SQLite does: 3.45.0"));
    };
    if self::numbers(linked).is_some_and(|linked| linked >= numbers) {
        return None;
    }
    let what = format!("SQLite {linked} is linked, but {wanted} or later is required");
    let cost = "SQL for the later version fails here";
    let fix = "use the SQLite that comes with rusqlite (feature bundled), or a later rusqlite if you do already";
    Some(Finding::new("sqlite-too-old", "sqlite", what).cost(cost).fix(fix))
}

/// Parses up to three numbers; missing ones are 0.
fn numbers(version: &str) -> Option<[u32; 3]> {
    let mut numbers = [0; 3];
    let parts: Vec<&str> = version.split('.').collect();
    if parts.len() > numbers.len() {
        return None;
    }
    for (number, part) in numbers.iter_mut().zip(parts) {
        *number = part.parse().ok()?;
    }
    Some(numbers)
}

/// Checks that the linked SQLite was built with an option, such as `ENABLE_FTS5` or `THREADSAFE=1`. The prefix `SQLITE_` is
/// optional.
///
/// A finding has the code `compile-option-missing`; its object is the option.
///
/// ```
/// use sqlitmus::{check, rusqlite::Connection};
///
/// let connection = Connection::open_in_memory().unwrap();
/// check::compile_option(&connection, "ENABLE_FTS5").assert_ok();
/// let findings = check::compile_option(&connection, "ENABLE_NO_SUCH_THING");
/// assert_eq!(findings.len(), 1);
/// ```
pub fn compile_option(connection: &Connection, option: &str) -> Findings {
    let _own = crate::own::statements();
    // SQLite knows the prefix and `=` itself, see https://www.sqlite.org/c3ref/compileoption_get.html.
    let used: rusqlite::Result<bool> =
        connection.query_row("SELECT sqlite_compileoption_used(?1)", [option.trim()], |row| row.get(0));
    let version = rusqlite::version();
    let finding = match used {
        Ok(true) => return Findings::default(),
        Ok(false) => {
            Finding::new("compile-option-missing", option, format!("SQLite {version} was built without {option}"))
                .cost("what the option enables is missing or behaves differently with this SQLite")
                .fix(format!(
                    "if it comes with rusqlite (feature bundled): LIBSQLITE3_FLAGS=-DSQLITE_{} cargo test",
                    option.trim().trim_start_matches("SQLITE_")
                ))
        }
        Err(error) => {
            let what = format!("SQLite {version} does not tell whether it was built with {option}");
            Finding::new("compile-option-missing", option, what).evidence("SQLite says", Refusal::text(&error))
        }
    };
    [finding].into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::at_least;

    #[track_caller]
    fn check(wanted: &str, linked: &str, expected: Option<&str>) {
        assert_eq!(at_least(wanted, linked).map(|finding| finding.code()), expected, "{wanted} of {linked}");
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        check("3.45.0", "3.45.0", None);
        check("3.9.2", "3.45.0", None);
        check("3.45", "3.45.0", None);
        check("3.45.1", "3.45.0", Some("sqlite-too-old"));
        check("3.100", "3.54.1", Some("sqlite-too-old"));
        check("v3.45", "3.54.1", Some("not-a-version"));
        check("3.45.0.0", "3.54.1", Some("not-a-version"));
        check("", "3.54.1", Some("not-a-version"));
    }
}
