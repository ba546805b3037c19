//! Whether two databases have the same schema.

use rusqlite::Connection;

use crate::error::{Error, ErrorKind, Result, or_panic};
use crate::schema::Schema;

/// Panics when SQLite would treat the data of two databases differently: another column, type, key, default, collation,
/// CHECK, index, trigger or view. How their statements are written, and in which order they were made, does not matter;
/// [`Schema::canonical`] says what does. Tables in which migration runners note what they have applied are left out.
///
/// ```
/// use sqlitmus::{Template, check};
///
/// let migrated = Template::embedded(&[
///     ("1.sql", "CREATE TABLE users(id INTEGER PRIMARY KEY)"),
///     ("2.sql", "ALTER TABLE users ADD COLUMN email TEXT"),
/// ])
/// .in_memory();
/// let fresh = Template::embedded(&[("1.sql", "create table users(id integer primary key, email text)")]).in_memory();
/// check::assert_same_schema(&migrated, &fresh);
/// ```
///
/// # Panics
/// When the schemas differ, or one cannot be read.
#[track_caller]
pub fn assert_same_schema(a: &Connection, b: &Connection) {
    or_panic(try_assert_same_schema(a, b));
}

/// Like [`assert_same_schema`], without the panic.
///
/// # Errors
/// When the schemas differ, or one cannot be read.
pub fn try_assert_same_schema(a: &Connection, b: &Connection) -> Result<()> {
    let diff = Schema::read(a)?.diff(&Schema::read(b)?);
    let Some(first) = diff.iter().next() else { return Ok(()) };
    let headline = match diff.len() {
        1 => format!("the schemas differ: {first}"),
        count => format!("the schemas differ in {count} places, the first: {first}"),
    };
    Err(Error::new(ErrorKind::Check, headline).evidence("from the first database to the second", diff.to_string()))
}
