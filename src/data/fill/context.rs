//! The inputs of every phase of a fill.

use rusqlite::Connection;

use crate::data::fill::options::FillOptions;
use crate::data::relations::{self, Relation};
use crate::schema::Schema;

/// The inputs of every phase of a fill.
pub(crate) struct FillContext<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) schema: &'a Schema,
    /// The foreign keys of each table, by its place in the schema.
    pub(crate) relations: Vec<Vec<Relation>>,
    pub(crate) options: &'a FillOptions,
}

impl<'a> FillContext<'a> {
    pub(crate) fn new(connection: &'a Connection, schema: &'a Schema, options: &'a FillOptions) -> FillContext<'a> {
        FillContext { connection, schema, relations: relations::of_schema(schema), options }
    }
}
