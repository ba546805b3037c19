//! A strategy for scripts of rows, and its values.

use std::fmt;
use std::sync::Arc;

use proptest::collection::SizeRange;
use proptest::strategy::{NewTree, Strategy, ValueTree as _};
use proptest::test_runner::{Reason, TestRunner};
use rusqlite::Connection;
use rusqlite::types::Value;

use super::shrink_tree::ShrinkTree;
use super::template_database::TemplateDatabase;
use crate::data::script::{Script, within};
use crate::data::values::value_buf::ValueBuf;
use crate::db::{Template, TestDb};
use crate::error::{Result, or_panic};
use crate::sql::same_name;

/// The percentage of draws with edge cases.
const EDGES: u64 = 25;

/// Draws scripts of rows.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) database: Arc<TemplateDatabase>,
    pub(super) size: SizeRange,
}

impl Strategy for Scripts {
    type Tree = ShrinkTree;
    type Value = Script;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Scripts> {
        let mut counts = Vec::new();
        for _ in self.database.targets() {
            let count = (self.size.start()..=self.size.end_incl()).new_tree(runner)?.current();
            counts.push(count);
        }
        let seed = proptest::num::u64::ANY.new_tree(runner)?.current();
        let edges = (0..100_u64).new_tree(runner)?.current() < EDGES;
        let script = self
            .database
            .draft(&counts, seed, edges)
            // A trigger may refuse edge cases that no constraint forbids.
            .or_else(|error| if edges { self.database.draft(&counts, seed, false) } else { Err(error) })
            .and_then(|script| self.database.enough(script, self.size.start()))
            .map_err(|error| Reason::from(error.to_string()))?;
        Ok(ShrinkTree::of(Arc::clone(&self.database), script, self.size.start()))
    }
}

/// Rows of one table, and the parents that they need. `Debug` and `Display` show them as a script of INSERTs.
#[derive(Clone)]
pub struct Rows {
    pub(super) table: Arc<str>,
    pub(super) script: Script,
}

impl Rows {
    /// Returns the name of their table.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Returns the number of rows of the table, without parents.
    pub fn len(&self) -> usize {
        self.values().len()
    }

    /// Returns true if there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the columns that have values, in the order of their declaration.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = &str> {
        let columns = self.script.tables.iter().find(|target| *target.name == *self.table);
        columns.map_or(&[][..], |target| &target.columns[..]).iter().map(String::as_str)
    }

    /// Returns the rows, each with a value for every one of the [`columns`](Rows::columns).
    pub fn values(&self) -> Vec<Vec<Value>> {
        let ours = self.script.rows.iter().filter(|row| *self.script.tables[row.table].name == *self.table);
        ours.map(|row| row.values.iter().map(ValueBuf::to_value).collect()).collect()
    }

    /// Returns a value of a row.
    ///
    /// # Panics
    /// When there is no such row or column.
    #[track_caller]
    pub fn get(&self, row: usize, column: &str) -> Value {
        let Some(at) = self.columns().position(|name| same_name(name, column)) else {
            let columns: Vec<&str> = self.columns().collect();
            panic!("no column {column} is given in {}; there are {}", self.table, columns.join(", "));
        };
        let mut values = self.values();
        assert!(row < values.len(), "no row {row} of {}: there are {}", self.table, values.len());
        values.swap_remove(row).swap_remove(at)
    }

    /// Inserts them, parents first, into a database of the template that they were drawn for.
    ///
    /// # Panics
    /// When SQLite refuses a row, because the database holds other rows than the template's. Then none is inserted.
    #[track_caller]
    pub fn insert(&self, connection: &Connection) {
        or_panic(self.try_insert(connection));
    }

    /// Returns the statements that insert them.
    pub fn to_sql(&self) -> String {
        self.script.to_sql()
    }
}

/// The same without panics: each returns its failure as an [`Error`](crate::Error).
impl Rows {
    /// Like [`insert`](Rows::insert), without the panic.
    ///
    /// # Errors
    /// When SQLite refuses one. Then none is inserted.
    pub fn try_insert(&self, connection: &Connection) -> Result<()> {
        within(connection, true, || self.script.run(connection))
    }
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(&self.script, &self.table, f)
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(&self.script, &self.table, f)
    }
}

/// The rows of a whole database. `Debug` and `Display` show them as a script of INSERTs.
#[derive(Clone)]
pub struct Database<'t> {
    pub(super) template: &'t Template,
    pub(super) script: Script,
}

impl Database<'_> {
    /// Opens a database of the template with the rows in it.
    ///
    /// # Panics
    /// When the template cannot be built, or SQLite refuses a row.
    #[track_caller]
    pub fn in_memory(&self) -> TestDb {
        or_panic(self.try_in_memory())
    }

    /// Returns the number of inserted rows of a table; 0 for one that gets none.
    pub fn rows(&self, table: &str) -> usize {
        let name = |place: usize| &self.script.tables[place].name;
        self.script.rows.iter().filter(|row| same_name(name(row.table), table)).count()
    }

    /// Returns the statements that insert them.
    pub fn to_sql(&self) -> String {
        self.script.to_sql()
    }
}

/// The same without panics: each returns its failure as an [`Error`](crate::Error).
impl Database<'_> {
    /// Like [`in_memory`](Database::in_memory), without the panic.
    ///
    /// # Errors
    /// When the template cannot be built, or SQLite refuses a row.
    #[track_caller]
    pub fn try_in_memory(&self) -> Result<TestDb> {
        let db = self.template.try_in_memory()?;
        within(&db, true, || self.script.run(&db))?;
        Ok(db)
    }
}

impl fmt::Display for Database<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(&self.script, "any table", f)
    }
}

impl fmt::Debug for Database<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(&self.script, "any table", f)
    }
}

fn shown(script: &Script, what: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    // A comment, so that this too is a script that runs.
    if script.rows.is_empty() { write!(f, "-- no rows of {what}") } else { write!(f, "\n{}", script.to_sql()) }
}
