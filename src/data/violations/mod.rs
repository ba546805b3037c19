//! Rows that a schema has to refuse: for each constraint one that breaks it and, if possible, no other.
//!
//! One SELECT for each constraint tells whether a row in a table without constraints breaks it. A row that breaks one
//! constraint alone is best; columns that depend on the changed ones change with them. If there is no such row, the
//! violation is one that SQLite refuses for another constraint, and `implied` says so: 31 of 5,124 constraints of 37 schemas.
//! The rows that are changed are of several kinds, with NULLs and without. A row that is accepted is rolled back by a
//! savepoint, or, for keys that are checked at COMMIT, tried on a fork.

mod constraint;
mod keys;
mod neighbors;
mod scratch_table;
mod search;
mod trial;
mod violation;

pub use violation::{Violation, Violations};

use crate::db::Template;
use crate::error::{Result, or_panic};

/// Breaks each declared constraint of the template's schema: NOT NULL, UNIQUE, PRIMARY KEY, CHECK, foreign keys, and the types
/// of STRICT tables.
///
/// ```
/// use sqlitmus::{Template, data};
///
/// static APP: Template = Template::embedded(&[(
///     "1.sql",
///     "CREATE TABLE users(
///          id INTEGER PRIMARY KEY,
///          email TEXT NOT NULL UNIQUE,
///          age INTEGER CHECK (age >= 0)
///      )",
/// )]);
///
/// let violations = data::violations(&APP);
/// violations.assert_refused();
/// let codes: Vec<i32> =
///     violations.iter().map(|violation| violation.code()).collect();
/// assert_eq!(codes, [1299, 1555, 2067, 275]);
/// ```
///
/// # Panics
/// If the template cannot be built, or its schema cannot be read.
#[track_caller]
pub fn violations(template: &Template) -> Violations {
    or_panic(try_violations(template))
}

/// Like [`violations`], without the panic.
///
/// # Errors
/// If the template cannot be built, or its schema cannot be read.
#[track_caller]
pub fn try_violations(template: &Template) -> Result<Violations> {
    trial::try_all(template)
}
