//! The state of a database at a version, and what was read of such states before: schemas and lists of tables by the schema's
//! text, rows by the pages that hold them. Most migrations change few tables, and all others are there already.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use once_cell::sync::OnceCell;
use rusqlite::Connection;

use crate::check::{Snapshot, Table};
use crate::db::{Image, Scratch, Tree};
use crate::error::{Error, Result};
use crate::order::SortedMap;
use crate::schema::Schema;
use crate::sql::Name;
use crate::suite::rows::{Contents, TableRows};

/// A database at a version, and its schema, which costs more to read than the rows.
#[derive(Clone)]
pub(crate) struct VersionState {
    pub(crate) image: Image,
    pub(crate) schema: Arc<Schema>,
    pub(crate) schema_text: SchemaText,
    /// The tables that have pages.
    roots: Arc<[TableRoot]>,
    rows: OnceCell<Arc<Contents>>,
}

/// The root page of a table.
struct TableRoot {
    name: String,
    page: u32,
    sql: String,
}

impl VersionState {
    /// Returns the state of a database in which nothing but rows is different.
    pub(crate) fn with_image(&self, image: Image) -> VersionState {
        VersionState { image, rows: OnceCell::new(), ..self.clone() }
    }

    /// Returns the same database with a schema of which its own is one case.
    pub(crate) fn with_schema(&self, schema: Arc<Schema>) -> VersionState {
        VersionState { schema, ..self.clone() }
    }

    /// Returns the pages of a table, and its CREATE statement.
    fn place_of(&self, table: &Table) -> Option<(Tree, &str)> {
        let root = self.roots.iter().find(|root| root.name == table.name)?;
        Some((self.image.tree(root.page)?, &root.sql))
    }
}

/// The whole text of `sqlite_schema`. Where it is the same, the schemas are; where it differs, they may still be.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SchemaText(Arc<str>);

impl SchemaText {
    pub(crate) fn read(connection: &Connection) -> Result<SchemaText> {
        SchemaText::with_roots(connection).map(|(text, _)| text)
    }

    /// Returns the tables that have pages too. They are read by the same query.
    fn with_roots(connection: &Connection) -> Result<(SchemaText, Arc<[TableRoot]>)> {
        let read = || -> rusqlite::Result<(String, Vec<TableRoot>)> {
            let (mut text, mut roots) = (String::new(), Vec::new());
            let sql = "SELECT type, name, tbl_name, ifnull(sql, ''), rootpage FROM main.sqlite_schema";
            let mut query = connection.prepare(sql)?;
            let mut objects = query.query([])?;
            while let Some(object) = objects.next()? {
                for at in 0..4 {
                    // No text of a schema has a NUL.
                    text.push_str(object.get_ref(at)?.as_str()?);
                    text.push('\0');
                }
                let page = object.get::<_, Option<u32>>(4)?.unwrap_or(0);
                if page > 0 && object.get_ref(0)?.as_str()? == "table" {
                    roots.push(TableRoot { name: object.get(1)?, page, sql: object.get(3)? });
                }
            }
            Ok((text, roots))
        };
        let (text, roots) = read().map_err(|error| Error::sqlite("read the schema", error))?;
        Ok((SchemaText(text.into()), roots.into()))
    }
}

/// The parts of the databases of a history that were read.
#[derive(Default)]
pub(super) struct KnownStates {
    schemas: Mutex<SortedMap<SchemaText, Arc<Schema>>>,
    /// The schema that was read last.
    last: Mutex<Option<Arc<Schema>>>,
    tables: Mutex<SortedMap<SchemaText, Arc<Vec<Table>>>>,
    /// The rows of tables, by their pages. A page is kept as it is for as long as it is here.
    rows: Mutex<HashMap<Tree, Vec<KnownRows>>>,
}

/// The rows of a table with this CREATE statement.
struct KnownRows {
    sql: String,
    rows: Arc<TableRows>,
}

impl KnownStates {
    /// Returns the state of a database.
    pub(super) fn state(&self, database: &Scratch) -> Result<VersionState> {
        let (schema_text, roots) = SchemaText::with_roots(database)?;
        let schema = self.schema(&schema_text, database)?;
        Ok(VersionState { image: database.current_image()?, schema, schema_text, roots, rows: OnceCell::new() })
    }

    /// Returns the schema with this text, read on the connection if it is new.
    pub(super) fn schema(&self, text: &SchemaText, connection: &Connection) -> Result<Arc<Schema>> {
        if let Some(known) = hold(&self.schemas).get(text) {
            return Ok(Arc::clone(known));
        }
        let last = hold(&self.last).take();
        let schema = Arc::new(Schema::read_after(connection, last.as_deref())?);
        hold(&self.last).replace(Arc::clone(&schema));
        hold(&self.schemas).insert(text.clone(), Arc::clone(&schema));
        Ok(schema)
    }

    /// Returns the tables that hold rows. `ledgers` are the tables of the migrations' runner, which are none of them.
    fn tables(&self, state: &VersionState, ledgers: &[Name]) -> Arc<Vec<Table>> {
        let mut known = hold(&self.tables);
        let tables = known.get_or_insert_with(state.schema_text.clone(), || {
            let has_sequence = state.roots.iter().any(|root| root.name == "sqlite_sequence");
            Arc::new(Contents::tables(&state.schema, ledgers, has_sequence))
        });
        Arc::clone(tables)
    }

    /// Returns the rows of a state, and remembers them. `open` opens its database, if that is necessary.
    pub(super) fn rows<D: Deref<Target = Connection>>(
        &self,
        state: &VersionState,
        ledgers: &[Name],
        open: impl FnOnce() -> Result<D>,
    ) -> Result<Arc<Contents>> {
        state.rows.get_or_try_init(|| self.read_rows(state, ledgers, open, true).map(Arc::new)).cloned()
    }

    /// Reads the rows of a state.
    pub(super) fn read_rows<D: Deref<Target = Connection>>(
        &self,
        state: &VersionState,
        ledgers: &[Name],
        open: impl FnOnce() -> Result<D>,
        remembers: bool,
    ) -> Result<Contents> {
        let tables = self.tables(state, ledgers);
        let places: Vec<Option<(Tree, &str)>> = tables.iter().map(|table| state.place_of(table)).collect();
        let known = tables.iter().zip(&places).map(|(table, place)| self.known_rows(table, place.as_ref()?));
        let mut rows: Vec<Option<Arc<TableRows>>> = known.collect();
        if rows.iter().any(Option::is_none) {
            let database = open()?;
            let snapshot = Snapshot::begin(&database)?;
            let all = tables.iter().zip(places).zip(&mut rows);
            for ((table, place), rows) in all.filter(|(_, rows)| rows.is_none()) {
                let read = rows.insert(Arc::new(TableRows::read(&snapshot, table)?));
                if let Some((tree, sql)) = place.filter(|_| remembers) {
                    hold(&self.rows)
                        .entry(tree)
                        .or_default()
                        .push(KnownRows { sql: sql.to_owned(), rows: Arc::clone(read) });
                }
            }
        }
        Ok(Contents::of(rows.into_iter().flatten().collect()))
    }

    fn known_rows(&self, table: &Table, (tree, sql): &(Tree, &str)) -> Option<Arc<TableRows>> {
        if tree.is_empty() {
            return Some(Arc::new(TableRows::none(table)));
        }
        let rows = hold(&self.rows);
        let is_it = |known: &&KnownRows| known.sql == *sql && known.rows.is_of(table);
        rows.get(tree)?.iter().find(is_it).map(|known| Arc::clone(&known.rows))
    }
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
