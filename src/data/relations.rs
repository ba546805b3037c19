//! The foreign keys of a schema, each with its parent looked up.

use rusqlite::Connection;

use crate::error::{Error, ErrorKind};
use crate::schema::references::parent_columns;
use crate::schema::{ForeignKey, Name, Schema, Table};

/// A foreign key of a table.
#[derive(Clone, Debug)]
pub(crate) struct Relation {
    pub(crate) columns: Vec<Name>,
    /// For each column, true if it may be NULL.
    pub(crate) nullable: Vec<bool>,
    /// The name of the parent as the key declares it.
    pub(crate) parent_name: Name,
    /// The place of the parent in the schema. `None` if rows cannot be inserted into it.
    pub(crate) parent: Option<usize>,
    /// The parent's columns. `None` if there is no parent, or if it has no such key.
    pub(crate) parent_columns: Option<Vec<Name>>,
}

impl Relation {
    /// Looks up the parent of a foreign key of a table.
    pub(super) fn of(schema: &Schema, table: &Table, key: &ForeignKey) -> Relation {
        let parent = schema.parent_of(key);
        let theirs = parent.map_or(Vec::new(), |parent| parent_columns(key, &schema.tables[parent]));
        Relation {
            columns: key.columns.clone(),
            nullable: key.columns.iter().map(|name| table.may_be_null(name)).collect(),
            parent_name: key.parent.clone(),
            parent,
            parent_columns: (theirs.len() == key.columns.len()).then(|| theirs.into_iter().map(Name::from).collect()),
        }
    }

    /// Returns true if a row need not refer to anything.
    pub(crate) fn is_nullable(&self) -> bool {
        self.nullable.contains(&true)
    }

    /// Returns true if some of its columns may be NULL and others may not: parents within each tenant, for example.
    pub(crate) fn is_partly_nullable(&self) -> bool {
        self.is_nullable() && self.nullable.contains(&false)
    }

    /// Returns true if this is a column of the key.
    pub(crate) fn has_column(&self, name: &str) -> bool {
        self.columns.iter().any(|own| own == name)
    }

    /// Pairs each column with the parent's.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&Name, &Name)> {
        self.columns.iter().zip(self.parent_columns.iter().flatten())
    }
}

/// Looks up the parents of all foreign keys, for each table of the schema.
pub(super) fn of_schema(schema: &Schema) -> Vec<Vec<Relation>> {
    let of_table = |table: &Table| table.foreign_keys.iter().map(|key| Relation::of(schema, table, key)).collect();
    schema.tables.iter().map(of_table).collect()
}

/// Returns the name of a table to which another refers and that does not exist. Nothing can be inserted then, not even NULL, while
/// foreign keys are checked.
pub(super) fn missing_parent<'s>(connection: &Connection, schema: &'s Schema, table: &'s Table) -> Option<&'s Name> {
    let exists = |name: &Name| schema.tables.iter().any(|table| table.name == *name);
    let missing = table.foreign_keys.iter().map(|key| &key.parent).find(|name| !exists(name))?;
    let is_on = connection.query_row("PRAGMA foreign_keys", [], |row| row.get(0)).unwrap_or(true);
    is_on.then_some(missing)
}

/// Returns the error for such a table.
pub(super) fn without_parent(table: &Table, missing: &Name) -> Error {
    let headline = format!("cannot fill {}: it refers to a table that does not exist: {missing}", table.name);
    Error::new(ErrorKind::Data, headline).help("create that table, or remove the foreign key")
}

/// Returns true if several foreign keys of a table have this column, each with others.
pub(super) fn is_shared(relations: &[Relation], column: &str) -> bool {
    relations.iter().filter(|key| key.columns.len() > 1 && key.has_column(column)).count() > 1
}
