//! What a migration made of a database.

use rusqlite::Connection;

use crate::schema::Schema;
use crate::suite::rows::Contents;

/// A database before and after a migration.
#[derive(Clone, Copy)]
pub(crate) struct Migrated<'a> {
    pub(crate) before: &'a Contents,
    pub(crate) after: &'a Contents,
    pub(crate) old: &'a Schema,
    pub(crate) new: &'a Schema,
    /// Evaluates expressions with the app's functions. Its database does not matter.
    pub(crate) connection: &'a Connection,
}
