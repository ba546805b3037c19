//! The types of a schema.

use crate::sql::Name;

/// Everything that a database declares, ordered by name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schema {
    /// The tables, including virtual ones and their shadow tables, without SQLite's own (`sqlite_…`).
    pub tables: Vec<Table>,
    /// The views.
    pub views: Vec<View>,
    /// True if `canonical` and `diff` show the ledgers of migration runners.
    pub(super) ledgers: bool,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Table {
    /// The name as it was declared.
    pub name: Name,
    /// Ordinary, virtual or shadow.
    pub kind: TableKind,
    /// True if the table is `STRICT`.
    pub strict: bool,
    /// True if the table is `WITHOUT ROWID`.
    pub without_rowid: bool,
    /// True if the primary key is `INTEGER PRIMARY KEY AUTOINCREMENT`.
    pub autoincrement: bool,
    /// The columns in the order of declaration, including generated and hidden ones.
    pub columns: Vec<Column>,
    /// The PRIMARY KEY, if one is declared.
    pub primary_key: Option<Key>,
    /// The UNIQUE constraints of columns and of the table.
    pub unique: Vec<Key>,
    /// The foreign keys.
    pub foreign_keys: Vec<ForeignKey>,
    /// The CHECK constraints of columns and of the table.
    pub checks: Vec<Check>,
    /// The indexes made by CREATE INDEX, ordered by name. The indexes behind `primary_key` and `unique` are not among them.
    pub indexes: Vec<Index>,
    /// The triggers on this table, ordered by name.
    pub triggers: Vec<Trigger>,
    /// The CREATE statement, as SQLite keeps it.
    pub sql: String,
}

/// The kind of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableKind {
    /// A table made by `CREATE TABLE`.
    Ordinary,
    /// A table made by `CREATE VIRTUAL TABLE … USING module(arguments)`.
    Virtual {
        /// The module, such as `fts5` or `rtree`.
        module: String,
        /// The arguments in parentheses, each trimmed.
        arguments: Vec<String>,
    },
    /// A table in which a virtual table keeps its data.
    Shadow {
        /// The virtual table, if its name can be derived.
        of: Option<Name>,
    },
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Column {
    /// The name as it was declared.
    pub name: Name,
    /// The type as it was declared; empty without a type.
    pub declared_type: String,
    /// The affinity that SQLite derives from the type.
    pub affinity: Affinity,
    /// True if NULL is refused, by NOT NULL or by a key that implies it.
    pub not_null: bool,
    /// The ON CONFLICT action of NOT NULL in capitals, unless it is ABORT.
    pub not_null_on_conflict: Option<String>,
    /// The expression of DEFAULT as it was written.
    pub default: Option<String>,
    /// The collation, `BINARY` unless declared. SQLite's own collations are in capitals.
    pub collation: String,
    /// The expression of `GENERATED ALWAYS AS (…)`.
    pub generated: Option<Generated>,
    /// True for a hidden column of a virtual table.
    pub hidden: bool,
}

/// The expression of a generated column.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Generated {
    /// The expression without its parentheses.
    pub expression: String,
    /// True if STORED, false if VIRTUAL.
    pub stored: bool,
}

/// The affinity of a column, see <https://www.sqlite.org/datatype3.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Affinity {
    /// A type that contains `INT`.
    Integer,
    /// A type that contains `CHAR`, `CLOB` or `TEXT`.
    Text,
    /// A type that contains `BLOB`, or no type.
    Blob,
    /// A type that contains `REAL`, `FLOA` or `DOUB`.
    Real,
    /// Any other type.
    Numeric,
    /// `ANY` in a STRICT table: values are stored unchanged.
    Any,
}

/// A PRIMARY KEY or UNIQUE constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Key {
    /// The name of the constraint, if any.
    pub name: Option<String>,
    /// The columns in order.
    pub terms: Vec<IndexedColumn>,
    /// SQLite's index behind the key; `None` if the key is the rowid, or of a WITHOUT ROWID table.
    pub index: Option<String>,
    /// True if the key is the rowid: `INTEGER PRIMARY KEY`.
    pub is_rowid: bool,
    /// The ON CONFLICT action in capitals, unless it is ABORT.
    pub on_conflict: Option<String>,
}

/// A column or expression of a key or an index.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexedColumn {
    /// The column or expression.
    pub what: IndexedExpr,
    /// True if DESC.
    pub descending: bool,
    /// The collation.
    pub collation: String,
}

/// The part of an index or key at one position.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IndexedExpr {
    /// A column, by its name.
    Column(Name),
    /// The rowid.
    Rowid,
    /// An expression as it was written.
    Expression(String),
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForeignKey {
    /// The name of the constraint, if any.
    pub name: Option<String>,
    /// The columns of this table in order.
    pub columns: Vec<Name>,
    /// The referenced table, which need not exist.
    pub parent: Name,
    /// The referenced columns; `None` for the parent's PRIMARY KEY.
    pub parent_columns: Option<Vec<Name>>,
    /// The ON DELETE action.
    pub on_delete: ForeignKeyAction,
    /// The ON UPDATE action.
    pub on_update: ForeignKeyAction,
    /// True if DEFERRABLE INITIALLY DEFERRED.
    pub deferred: bool,
}

/// The action of a foreign key when its parent is deleted or the parent's key changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ForeignKeyAction {
    /// Refuses the change at the end of the statement or transaction.
    NoAction,
    /// Refuses the change at once.
    Restrict,
    /// Sets the columns to NULL.
    SetNull,
    /// Sets the columns to their defaults.
    SetDefault,
    /// Deletes or updates the row too.
    Cascade,
}

/// A CHECK constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Check {
    /// The name of the constraint, if any.
    pub name: Option<String>,
    /// The expression as it was written, without its parentheses.
    pub expression: String,
    /// The column in whose declaration it is, if it is not the table's.
    pub column: Option<Name>,
}

/// An index made by CREATE INDEX.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Index {
    /// The name.
    pub name: Name,
    /// True if made by `CREATE UNIQUE INDEX`.
    pub unique: bool,
    /// The columns and expressions in order, without the rowid or key that SQLite appends.
    pub terms: Vec<IndexedColumn>,
    /// The expression of WHERE as it was written.
    pub partial: Option<String>,
    /// The CREATE statement.
    pub sql: String,
}

/// A trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trigger {
    /// The name.
    pub name: Name,
    /// The CREATE statement.
    pub sql: String,
}

/// A view.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct View {
    /// The name.
    pub name: Name,
    /// The names of the columns; `None` if SQLite can no longer resolve the view.
    pub columns: Option<Vec<Name>>,
    /// The INSTEAD OF triggers.
    pub triggers: Vec<Trigger>,
    /// The CREATE statement.
    pub sql: String,
}

impl Schema {
    /// Returns the table with this name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }
}

impl Table {
    /// Returns the column with this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl IndexedExpr {
    /// Returns true if this is the column with that name.
    pub(crate) fn is_column(&self, name: &str) -> bool {
        matches!(self, IndexedExpr::Column(column) if column == name)
    }
}
