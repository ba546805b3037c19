//! Checks the version and the compile options of the linked SQLite.

use rusqlite::Connection;

use super::findings::{Finding, Findings};
use crate::error::Refusal;

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
        }
        Err(error) => {
            let says = Refusal::of(&error).map_or_else(|| error.to_string(), |refusal| refusal.to_string());
            let what = format!("SQLite {version} does not tell whether it was built with {option}");
            Finding::new("compile-option-missing", option, what).evidence("SQLite says", says)
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
