//! The facts of a database, as plain values: what SQLite itself says about its tables, columns, keys and indexes.
//!
//! ```
//! let db = sqlitmus::Template::embedded(&[("1.sql", "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL)")])
//!     .in_memory();
//! let schema = sqlitmus::schema::Schema::read(&db).unwrap();
//! assert!(schema.table("users").unwrap().column("email").unwrap().not_null);
//! ```
//!
//! Names are compared as SQLite compares them: ASCII letters match in either case.

mod canonical;
pub(crate) mod declaration;
mod diff;
pub(crate) mod entries;
mod read;
pub(crate) mod references;
mod runner_ledgers;
pub(crate) mod schema_copy;
mod shape;
mod statistics;
#[cfg(test)]
mod tests;
mod text;

use rusqlite::Connection;

use crate::error::Result;

pub use crate::sql::Name;
pub use diff::{Difference, SchemaDiff};
pub(crate) use runner_ledgers::is_ledger;
pub(crate) use statistics::{Count, StatisticsRows};
pub(crate) use text::{TriggerText, VirtualTable};

/// Everything that a database declares, in the order of names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schema {
    /// Tables, virtual ones and the shadow tables of virtual ones too; without SQLite's own (`sqlite_…`).
    pub tables: Vec<Table>,
    /// Views.
    pub views: Vec<View>,
    /// Whether `canonical` and `diff` show the ledgers of migration runners.
    ledgers: bool,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Table {
    /// As it was declared.
    pub name: Name,
    /// Ordinary, virtual, or a shadow.
    pub kind: TableKind,
    /// `STRICT`.
    pub strict: bool,
    /// `WITHOUT ROWID`.
    pub without_rowid: bool,
    /// `INTEGER PRIMARY KEY AUTOINCREMENT`.
    pub autoincrement: bool,
    /// In the order of declaration, generated and hidden ones too.
    pub columns: Vec<Column>,
    /// The PRIMARY KEY, if one is declared.
    pub primary_key: Option<Key>,
    /// UNIQUE constraints, of columns and of the table.
    pub unique: Vec<Key>,
    /// Foreign keys.
    pub foreign_keys: Vec<ForeignKey>,
    /// CHECKs, of columns and of the table.
    pub checks: Vec<Check>,
    /// What CREATE INDEX made, in the order of names. The indexes behind `primary_key` and `unique` are not among them.
    pub indexes: Vec<Index>,
    /// Triggers on this table, in the order of names.
    pub triggers: Vec<Trigger>,
    /// The statement that made it, as SQLite keeps it.
    pub sql: String,
}

/// What kind of table it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableKind {
    /// `CREATE TABLE`.
    Ordinary,
    /// `CREATE VIRTUAL TABLE … USING module(arguments)`.
    Virtual {
        /// The module: `fts5`, `rtree`.
        module: String,
        /// What stands in its parentheses, each argument trimmed.
        arguments: Vec<String>,
    },
    /// A table in which a virtual table keeps its data.
    Shadow {
        /// The virtual table, where it can be told.
        of: Option<Name>,
    },
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Column {
    /// As it was declared.
    pub name: Name,
    /// As it was declared, empty without a type.
    pub declared_type: String,
    /// What SQLite makes of the type.
    pub affinity: Affinity,
    /// Whether NULL is refused, by NOT NULL or by a key that implies it.
    pub not_null: bool,
    /// ON CONFLICT of its NOT NULL, in capitals, where it is not ABORT.
    pub not_null_on_conflict: Option<String>,
    /// The expression of DEFAULT, as it was written.
    pub default: Option<String>,
    /// How its texts are compared: `BINARY` unless declared. SQLite's own collations are in capitals.
    pub collation: String,
    /// `GENERATED ALWAYS AS (…)`.
    pub generated: Option<Generated>,
    /// A hidden column of a virtual table.
    pub hidden: bool,
}

/// How a column is generated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Generated {
    /// The expression, without its parentheses.
    pub expression: String,
    /// STORED, else VIRTUAL.
    pub stored: bool,
}

/// Column affinities, see <https://www.sqlite.org/datatype3.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Affinity {
    /// `INT` anywhere in the type.
    Integer,
    /// `CHAR`, `CLOB` or `TEXT`.
    Text,
    /// `BLOB`, or no type.
    Blob,
    /// `REAL`, `FLOA` or `DOUB`.
    Real,
    /// Everything else.
    Numeric,
    /// `ANY` in a STRICT table: values stay as they are.
    Any,
}

/// A PRIMARY KEY or UNIQUE constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Key {
    /// The name of the constraint, if it has one.
    pub name: Option<String>,
    /// Its columns, in order.
    pub terms: Vec<IndexedColumn>,
    /// SQLite's index behind it; none where the key is the rowid or a WITHOUT ROWID table itself.
    pub index: Option<String>,
    /// Whether the key is the rowid: `INTEGER PRIMARY KEY`.
    pub is_rowid: bool,
    /// ON CONFLICT, in capitals, where it is not ABORT.
    pub on_conflict: Option<String>,
}

/// A column or expression of a key or an index.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexedColumn {
    /// What is indexed.
    pub what: IndexedExpr,
    /// DESC.
    pub descending: bool,
    /// How texts are compared in it.
    pub collation: String,
}

/// What a term of an index is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IndexedExpr {
    /// A column, by its name.
    Column(Name),
    /// The rowid.
    Rowid,
    /// An expression, as it was written.
    Expression(String),
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForeignKey {
    /// The name of the constraint, if it has one.
    pub name: Option<String>,
    /// The columns of this table, in order.
    pub columns: Vec<Name>,
    /// The table that it refers to, which need not exist.
    pub parent: Name,
    /// The columns there; `None` where the parent's PRIMARY KEY is meant.
    pub parent_columns: Option<Vec<Name>>,
    /// ON DELETE.
    pub on_delete: ForeignKeyAction,
    /// ON UPDATE.
    pub on_update: ForeignKeyAction,
    /// DEFERRABLE INITIALLY DEFERRED.
    pub deferred: bool,
}

/// What a foreign key does when its parent goes or changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ForeignKeyAction {
    /// Refuses at the end of the statement or transaction.
    NoAction,
    /// Refuses at once.
    Restrict,
    /// Becomes NULL.
    SetNull,
    /// Becomes the default.
    SetDefault,
    /// Goes or changes along.
    Cascade,
}

/// A CHECK constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Check {
    /// The name of the constraint, if it has one.
    pub name: Option<String>,
    /// The expression as it was written, without its parentheses.
    pub expression: String,
    /// The column at which it stands, if it is not the table's.
    pub column: Option<Name>,
}

/// What CREATE INDEX made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Index {
    /// Its name.
    pub name: Name,
    /// `CREATE UNIQUE INDEX`.
    pub unique: bool,
    /// What is indexed, in order; without the rowid or key that SQLite appends.
    pub terms: Vec<IndexedColumn>,
    /// The expression of WHERE, as it was written.
    pub partial: Option<String>,
    /// The statement that made it.
    pub sql: String,
}

/// A trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trigger {
    /// Its name.
    pub name: Name,
    /// The statement that made it.
    pub sql: String,
}

/// A view.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct View {
    /// Its name.
    pub name: Name,
    /// The names of its columns; `None` where SQLite cannot resolve it any more.
    pub columns: Option<Vec<Name>>,
    /// INSTEAD OF triggers.
    pub triggers: Vec<Trigger>,
    /// The statement that made it.
    pub sql: String,
}

impl Schema {
    /// Reads the facts of the database that `connection` has open as `main`.
    ///
    /// # Errors
    /// When SQLite refuses: a file that is no database, a schema that cannot be parsed.
    pub fn read(connection: &Connection) -> Result<Schema> {
        let _own = crate::own::statements();
        read::schema(connection)
    }

    /// The schema as text that two databases share if and only if SQLite treats their data alike.
    ///
    /// It does not tell in which order things were made, how names are quoted, how keywords are spelt, where white space
    /// and comments are, whether a column was there from the start or was added, and whether a constraint stands at its
    /// column or at its table. It tells every type, key, default, collation, CHECK, index, trigger and view, and the
    /// order of columns.
    ///
    /// It is written as SQL, one table to a paragraph with its indexes and triggers below it, for a reviewer to read.
    /// Shadow tables of virtual tables are left out, and the [ledgers](Schema::with_ledgers) of migration runners.
    ///
    /// ```
    /// # use sqlitmus::{Template, schema::Schema};
    /// let db = Template::embedded(&[("1.sql", "create table [users](id integer primary key, email text unique)")]).in_memory();
    /// assert_eq!(Schema::read(&db).unwrap().canonical(), "\
    /// CREATE TABLE users (
    ///     id INTEGER PRIMARY KEY,
    ///     email TEXT,
    ///     UNIQUE (email)
    /// );
    /// ");
    /// ```
    pub fn canonical(&self) -> String {
        canonical::text(self)
    }

    /// What turns this schema into the other one, in words: a line for each difference, and none if their
    /// [canonical](Schema::canonical) texts are the same. A thing that was renamed is one that is missing and one that is
    /// new.
    ///
    /// ```
    /// # use sqlitmus::{Template, schema::Schema};
    /// let old = Template::embedded(&[("1.sql", "CREATE TABLE orders(status TEXT NOT NULL)")]).in_memory();
    /// let new = Template::embedded(&[("1.sql", "CREATE TABLE orders(status TEXT)")]).in_memory();
    /// let diff = Schema::read(&old).unwrap().diff(&Schema::read(&new).unwrap());
    /// assert_eq!(diff.to_string(), "orders.status: NOT NULL dropped");
    /// ```
    pub fn diff(&self, other: &Schema) -> SchemaDiff {
        diff::between(self, other)
    }

    /// Makes [`canonical`](Schema::canonical) and [`diff`](Schema::diff) show the tables in which migration runners note
    /// what they have applied. Without it those of sqlx, diesel, refinery, goose, dbmate, golang-migrate, sea-orm and of
    /// this crate are left out: a database is not another one for the runner that made it.
    #[must_use]
    pub fn with_ledgers(mut self) -> Schema {
        self.ledgers = true;
        self
    }

    /// The table of this name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }
}

/// The text of a schema snapshot.
#[doc(hidden)]
pub fn snapshot_text(connection: &Connection) -> Result<String> {
    Ok(Schema::read(connection)?.canonical())
}

impl Table {
    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// Whether this is the column of that name.
pub(crate) fn is_column(indexed: &IndexedExpr, name: &str) -> bool {
    matches!(indexed, IndexedExpr::Column(column) if column.eq_ignore_ascii_case(name))
}

impl Key {
    fn of(terms: Vec<IndexedColumn>) -> Key {
        Key { name: None, terms, index: None, is_rowid: false, on_conflict: None }
    }
}

impl IndexedColumn {
    fn plain(what: IndexedExpr) -> IndexedColumn {
        IndexedColumn { what, descending: false, collation: "BINARY".to_owned() }
    }
}
