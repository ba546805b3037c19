//! Compares the schemas of two databases.

use rusqlite::Connection;

use crate::error::{Error, ErrorKind, Result, or_panic};
use crate::schema::Schema;

/// Checks that two databases have the same schema, so that SQLite treats their data alike: the same columns, types, keys,
/// defaults, collations, CHECKs, indexes, triggers and views. The order of creation and the layout of the statements do not
/// matter, see [`Schema::canonical`]. The ledgers of migration runners are left out.
///
/// ```
/// use sqlitmus::{Template, check};
///
/// let migrated = Template::embedded(&[
///     ("1.sql", "CREATE TABLE users(id INTEGER PRIMARY KEY)"),
///     ("2.sql", "ALTER TABLE users ADD COLUMN email TEXT"),
/// ])
/// .in_memory();
/// let fresh = Template::empty().in_memory();
/// fresh
///     .execute_batch("create table users(id integer primary key, email text)")
///     .unwrap();
/// check::assert_same_schema(&migrated, &fresh);
/// ```
///
/// # Panics
/// If the schemas differ, or one of them cannot be read.
#[track_caller]
pub fn assert_same_schema(a: &Connection, b: &Connection) {
    or_panic(try_assert_same_schema(a, b));
}

/// Like [`assert_same_schema`], without the panic.
///
/// # Errors
/// If the schemas differ, or one of them cannot be read.
pub fn try_assert_same_schema(a: &Connection, b: &Connection) -> Result<()> {
    let diff = Schema::read(a)?.diff(&Schema::read(b)?);
    let Some(first) = diff.iter().next() else { return Ok(()) };
    let headline = match diff.len() {
        1 => format!("the schemas differ: {first}"),
        count => format!("the schemas differ in {count} places, the first: {first}"),
    };
    Err(Error::new(ErrorKind::Check, headline).evidence("from the first database to the second", diff.to_string()))
}
