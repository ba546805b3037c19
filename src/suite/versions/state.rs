//! The states of a database: its image and schema, and summaries that can be compared.

use std::sync::Arc;

use rusqlite::Connection;

use crate::check::{Digest, try_digest};
use crate::db::{Image, Scratch};
use crate::error::{Error, Result};
use crate::schema::Schema;

/// A database at a version, and its schema, which costs more to read than the rows.
#[derive(Clone)]
pub(crate) struct VersionState {
    pub(crate) image: Image,
    pub(crate) schema: Arc<Schema>,
    pub(crate) schema_text: SchemaText,
}

impl VersionState {
    pub(crate) fn of(database: Scratch) -> Result<VersionState> {
        let schema = Arc::new(Schema::read(&database)?);
        let schema_text = SchemaText::read(&database)?;
        Ok(VersionState { image: database.image()?, schema, schema_text })
    }

    /// Returns the state of a database that was this one before a migration.
    pub(crate) fn followed_by(&self, database: Scratch) -> Result<VersionState> {
        let schema_text = SchemaText::read(&database)?;
        let schema = match schema_text == self.schema_text {
            true => Arc::clone(&self.schema),
            false => Arc::new(Schema::read(&database)?),
        };
        Ok(VersionState { image: database.image()?, schema, schema_text })
    }
}

/// The whole text of `sqlite_schema`. Where it is the same, the schemas are; where it differs, they may still be.
#[derive(Clone, PartialEq)]
pub(crate) struct SchemaText(Arc<str>);

impl SchemaText {
    pub(crate) fn read(connection: &Connection) -> Result<SchemaText> {
        // Quoted, so that no text runs into the next one.
        let sql = "SELECT ifnull(group_concat(quote(type) || quote(name) || quote(tbl_name) || quote(sql)), '')
                   FROM main.sqlite_schema";
        let text = connection.query_row(sql, [], |row| row.get::<_, String>(0));
        text.map(|text| SchemaText(text.into())).map_err(|error| Error::sqlite("read the schema", error))
    }
}

/// The schema and the digests of the rows of a database.
#[derive(Clone, PartialEq)]
pub(crate) struct Summary {
    pub(crate) schema: Schema,
    pub(crate) digest: Digest,
    pub(crate) user_version: i64,
}

impl Summary {
    pub(crate) fn of(connection: &Connection) -> Result<Summary> {
        let user_version = connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(|error| Error::sqlite("read user_version", error))?;
        Ok(Summary { schema: Schema::read(connection)?, digest: try_digest(connection)?, user_version })
    }

    /// Returns true if it differs from `whole` only where another complete run, `twin`, does too, and there not in the
    /// number of rows: such values are drawn at random.
    pub(crate) fn is_equal_but_for_chance(&self, whole: &Summary, twin: &Summary) -> bool {
        self.schema == whole.schema
            && self.user_version == whole.user_version
            && self.digest.tables().iter().all(|table| {
                let of_whole = whole.digest.table(&table.name);
                let is_random = of_whole != twin.digest.table(&table.name);
                of_whole.is_some_and(|whole| whole == table || (is_random && whole.rows == table.rows))
            })
    }
}
