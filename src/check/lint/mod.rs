//! Lints of a schema.
//!
//! A lint relies on what SQLite says: on the facts of [`Schema`](crate::schema::Schema), on query plans, on whether a
//! statement can be prepared, on the value of a CHECK. Plans and statements run on an empty copy of the schema in memory. Every
//! fix that is SQL is run on such a copy before it is shown, and the copy linted again. That takes longer than to find what is
//! wrong, so it is done when somebody asks for the fix.

mod checks;
mod columns;
mod detect;
mod finding;
mod indexes;
mod keys;
mod objects;
mod references;
mod trial;
mod undeclared;
mod unindexed;

use std::sync::Arc;

use rusqlite::Connection;

use super::findings::Findings;
use crate::error::{Result, or_panic};
use crate::schema::schema_copy::declared;
use detect::{Linted, detect};
use trial::Trials;

pub use detect::LINT_CODES;

/// Returns what is questionable about the schema that `connection` has open as `main`.
///
/// ```
/// use sqlitmus::check;
/// # let db = sqlitmus::Template::embedded(&[("1.sql", "
/// #     CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL) STRICT;
/// #     CREATE TABLE posts(id INTEGER PRIMARY KEY, author_id INTEGER NOT NULL REFERENCES users(id)) STRICT;
/// # ")]).in_memory();
/// let findings = check::lint(&db);
/// let first = findings.iter().next().unwrap();
/// assert_eq!(first.code(), "fk-unindexed");
/// assert_eq!(first.object(), "posts.author_id");
/// let fix = "CREATE INDEX posts_author_id ON posts(author_id);";
/// assert_eq!(first.help(), Some(fix));
///
/// findings
///     .allow("fk-unindexed", "posts.author_id", "users are never deleted")
///     .assert_ok();
/// ```
///
/// The database is not changed.
///
/// # Panics
/// If SQLite cannot read the schema.
///
#[doc = include_str!("lints.md")]
#[track_caller]
pub fn lint(connection: &Connection) -> Findings {
    or_panic(try_lint(connection))
}

/// Like [`lint()`], without the panic.
///
/// # Errors
/// If SQLite cannot read the schema.
pub fn try_lint(connection: &Connection) -> Result<Findings> {
    let _own = crate::own::statements();
    let Linted { schema, found } = detect(connection)?;
    let trials = Arc::new(Trials::new(schema, declared(connection)?));
    let offered = found.into_iter().map(|one| trials.offer(one));
    Ok(offered.collect::<Findings>().with_codes(LINT_CODES).grouped_by_code())
}
