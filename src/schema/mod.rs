//! The schema of a database as plain values: what SQLite says about its tables, columns, keys and indexes.
//!
//! ```
//! use sqlitmus::{Template, schema::Schema};
//!
//! let db = Template::empty().in_memory();
//! db.execute_batch("CREATE TABLE users(id INTEGER PRIMARY KEY,
//!     email TEXT NOT NULL)").unwrap();
//! let schema = Schema::read(&db).unwrap();
//! let email = schema.table("users").unwrap().column("email").unwrap();
//! assert!(email.not_null);
//! ```
//!
//! Names are compared as SQLite compares them: ASCII letters match in either case.

mod create;
pub(crate) mod declaration;
mod diff;
pub(crate) mod entries;
mod facts;
mod read;
pub(crate) mod references;
pub(crate) mod schema_copy;
mod shape;
mod statistics;

use rusqlite::Connection;

use crate::error::Result;
use shape::{TableShape, ViewShape};

pub use crate::sql::Name;
pub(crate) use create::{TriggerText, VirtualTable};
pub use diff::{Difference, SchemaDiff};
pub(crate) use entries::is_ledger;
pub use facts::{
    Affinity, Check, Column, ForeignKey, ForeignKeyAction, Generated, Index, IndexedColumn, IndexedExpr, Key, Schema,
    Table, TableKind, Trigger, View,
};
pub(crate) use statistics::{Count, StatisticsRows};

impl Schema {
    /// Reads the schema of the database that `connection` has open as `main`.
    ///
    /// # Errors
    /// If SQLite refuses: a file that is no database, or a schema that cannot be parsed.
    pub fn read(connection: &Connection) -> Result<Schema> {
        let _own = crate::own::statements();
        read::schema(connection, None)
    }

    /// Like [`read`](Schema::read). Tables that are the same as in `known` are copied from there, which takes less time.
    pub(crate) fn read_after(connection: &Connection, known: Option<&Schema>) -> Result<Schema> {
        let _own = crate::own::statements();
        read::schema(connection, known)
    }

    /// Returns the schema as text. Two databases have the same text if and only if SQLite treats their data alike.
    ///
    /// The text contains every type, key, default, collation, CHECK, index, trigger and view, and the order of columns. It does
    /// not depend on the order of creation, on quotes around names, the case of keywords, white space and comments, on whether
    /// a column was added later, or on whether a constraint is declared with its column or with its table.
    ///
    /// It is written as SQL for a reviewer to read: one paragraph for each table, with its indexes and triggers. Shadow tables
    /// of virtual tables and the [ledgers](Schema::with_ledgers) of migration runners are left out.
    ///
    /// ```
    /// # use sqlitmus::{Template, schema::Schema};
    /// let db = Template::empty().in_memory();
    /// db.execute_batch("create table [users](id integer primary key,
    ///     email text unique)").unwrap();
    /// assert_eq!(Schema::read(&db).unwrap().canonical(), "\
    /// CREATE TABLE users (
    ///     id INTEGER PRIMARY KEY,
    ///     email TEXT,
    ///     UNIQUE (email)
    /// );
    /// ");
    /// ```
    pub fn canonical(&self) -> String {
        let (tables, views) = shape::of(self, self.ledgers);
        let texts = tables.iter().map(TableShape::text).chain(views.iter().map(ViewShape::text));
        texts.collect::<Vec<_>>().join("\n")
    }

    /// Returns the differences from this schema to the other one, in words. There are no differences if and only if the
    /// [canonical](Schema::canonical) texts are the same. A renamed object is one that is missing and one that is new.
    ///
    /// ```
    /// # use sqlitmus::{Template, schema::Schema};
    /// let schema = |create: &str| {
    ///     let db = Template::empty().in_memory();
    ///     db.execute_batch(create).unwrap();
    ///     Schema::read(&db).unwrap()
    /// };
    /// let old = schema("CREATE TABLE orders(status TEXT NOT NULL)");
    /// let new = schema("CREATE TABLE orders(status TEXT)");
    /// assert_eq!(old.diff(&new).to_string(), "orders.status: NOT NULL dropped");
    /// ```
    pub fn diff(&self, other: &Schema) -> SchemaDiff {
        diff::between(self, other)
    }

    /// Makes [`canonical`](Schema::canonical) and [`diff`](Schema::diff) include the ledgers of migration runners.
    ///
    /// Without it the ledgers of sqlx, diesel, refinery, goose, dbmate, golang-migrate, sea-orm and of this crate are left out,
    /// because the runner that created a database does not change what the database is.
    #[must_use]
    pub fn with_ledgers(mut self) -> Schema {
        self.ledgers = true;
        self
    }
}

/// The text of a schema snapshot.
#[doc(hidden)]
pub fn snapshot_text(connection: &Connection) -> Result<String> {
    Ok(Schema::read(connection)?.canonical())
}
