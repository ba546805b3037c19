//! The objects of a connection's databases with their root pages, its statistics, and the settings that change plans.

use std::sync::{Arc, OnceLock};

use rusqlite::Connection;

use crate::error::{Error, ErrorKind, Result};
use crate::order::SortedSet;
use crate::schema::entries::{SchemaEntry, is_internal};
use crate::schema::schema_copy::{SchemaCopy, Triggers};
use crate::schema::{StatisticsRows, VirtualTable};
use crate::sql::{Name, Token, quote_identifier, same_name, tokens};

/// Statistics of fewer rows than this are those of a fixture. By numbers of rows alone SQLite 3.46 and 3.54 scan for a list
/// of ten values below 36 rows, and for one value that half of the rows share below 40 (3.46) or 9 (3.54). What else they
/// conclude from so few depends on the values that these rows happen to share.
const FEW_ROWS: u64 = 100;

/// The objects, statistics and settings of a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Catalog {
    pub(super) objects: Vec<Arc<Object>>,
    pub(super) statistics: StatisticsRows,
    /// The PRAGMAs that set what else changes plans.
    settings: String,
}

/// A row of sqlite_schema.
#[derive(Clone, Debug)]
pub(super) struct Object {
    /// The number of the database in bytecode: 0 is main, 1 is temp.
    pub(super) database: i64,
    pub(super) kind: String,
    pub(super) name: Name,
    pub(super) table: Name,
    pub(super) root: i64,
    /// The CREATE statement. `None` for objects that SQLite creates by itself.
    pub(super) sql: Option<String>,
    /// True for an index with a WHERE.
    pub(super) partial: bool,
    /// The names in `sql`, which are read when they are first needed.
    names: OnceLock<Vec<Name>>,
}

impl Catalog {
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Catalog> {
        let _own = crate::own::statements();
        let (settings, statistics) = (settings(connection)?, StatisticsRows::read(connection)?);
        let mut catalog = Catalog { objects: Vec::new(), statistics, settings };
        let mut list = connection.prepare("SELECT seq, name FROM pragma_database_list")?;
        let databases = list.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
        for database in databases {
            let (number, name) = database?;
            catalog.read_database(connection, number, &name)?;
        }
        Ok(catalog)
    }

    fn read_database(&mut self, connection: &Connection, number: i64, database: &str) -> rusqlite::Result<()> {
        let quoted = quote_identifier(database);
        let sql = format!(
            "SELECT m.type, m.name, m.tbl_name, m.rootpage, m.sql,
                    m.type = 'index' AND m.sql LIKE '%where%'
                    AND (SELECT partial FROM pragma_index_list(m.tbl_name, ?1) AS list WHERE list.name = m.name)
             FROM {quoted}.sqlite_master AS m"
        );
        let mut statement = connection.prepare(&sql)?;
        let rows = statement.query_map([database], |row| {
            Ok(Arc::new(Object {
                database: number,
                kind: row.get(0)?,
                name: row.get::<_, String>(1)?.into(),
                table: row.get::<_, String>(2)?.into(),
                root: row.get::<_, Option<i64>>(3)?.unwrap_or(0),
                sql: row.get(4)?,
                partial: row.get::<_, Option<bool>>(5)?.unwrap_or(false),
                names: OnceLock::new(),
            }))
        })?;
        self.objects.extend(rows.collect::<rusqlite::Result<Vec<Arc<Object>>>>()?);
        Ok(())
    }

    /// Returns this catalog with an index that was created since, which is cheaper than reading all of it again.
    pub(super) fn with_index(
        mut self,
        connection: &Connection,
        name: &str,
        partial: bool,
    ) -> rusqlite::Result<Catalog> {
        let sql = "SELECT tbl_name, rootpage, sql FROM main.sqlite_master WHERE type = 'index' AND name = ?1";
        let index = connection.query_row(sql, [name], |row| {
            let table = row.get::<_, String>(0)?;
            Ok(Object { root: row.get(1)?, partial, ..Object::index(name, &table, row.get(2)?) })
        })?;
        self.objects.push(Arc::new(index));
        Ok(self)
    }

    /// Returns the objects that a statement may need: the tables and views that it names, those that its views, triggers and
    /// foreign keys lead to, and the parents of these tables. Of the tables that refer to one of them, only those are returned
    /// that `reads_child` accepts. A copy of the others would cost more than all plans on it.
    pub(super) fn around(&self, sql: &str, reads_child: impl Fn(&Name) -> bool) -> Catalog {
        let is_writing = ["delete", "update", "replace", "insert"];
        let is_writing = tokens(sql).iter().any(|token| is_writing.iter().any(|word| token.is(word)));
        let relations = self.objects.iter().filter(|object| object.kind == "table" || object.kind == "view");
        let known: SortedSet<&Name> = relations.clone().map(|object| &object.name).collect();
        let relations: Vec<&Arc<Object>> = relations.collect();
        let children = relations.iter().filter(|child| child.kind == "table" && reads_child(&child.name));
        let children: Vec<&&Arc<Object>> = children.collect();
        let (mut kept, mut left): (SortedSet<Name>, Vec<Name>) = (SortedSet::new(), names(sql));
        let mut parents: SortedSet<Name> = SortedSet::new();
        while let Some(name) = left.pop() {
            let Some(object) = relations.iter().find(|object| object.name == name) else { continue };
            if !kept.insert(name) {
                continue;
            }
            let declared = object.names().iter().filter(|name| known.contains(name)).cloned();
            match object.kind.as_str() {
                "view" => left.extend(declared),
                _ => parents.extend(declared),
            }
            if is_writing {
                let is_trigger = |other: &&Arc<Object>| other.kind == "trigger" && other.table == object.name;
                left.extend(self.objects.iter().filter(is_trigger).flat_map(|trigger| trigger.names().iter().cloned()));
                let children = children.iter().filter(|child| child.names().contains(&object.name));
                left.extend(children.map(|child| child.name.clone()).filter(|child| !kept.contains(child)));
            }
        }
        // The shadow tables of a virtual table are made by its module.
        let is_kept = |name: &Name| kept.contains(name) || parents.contains(name);
        let objects = self.objects.iter().filter(|object| is_kept(&object.table) || is_kept(&object.name));
        let mut statistics = self.statistics.clone();
        statistics.counts.retain(|row| is_kept(&Name::from(&row.table)));
        Catalog { objects: objects.cloned().collect(), statistics, settings: self.settings.clone() }
    }

    /// Returns an empty copy of the main database with its settings and statistics, on which SQLite plans as it does here.
    /// A transaction is open on it.
    pub(super) fn empty_copy(&self) -> Result<SchemaCopy> {
        let copy = self.copy_without_statistics()?;
        if !self.statistics.is_empty() {
            self.statistics.load(&copy.connection).map_err(|error| Error::sqlite("load the statistics", error))?;
        }
        Ok(copy)
    }

    /// Returns an empty copy without statistics, on which `sql` can be prepared.
    pub(super) fn empty_copy_for(&self, sql: &str) -> Result<SchemaCopy> {
        let copy = self.copy_without_statistics()?;
        copy.prepare(sql).map_err(|message| {
            Error::new(
                ErrorKind::Plan,
                format!("the statement could not be planned on an empty copy of the schema: {message}"),
            )
            .sql(sql)
            .note("the copy has no temporary tables, no attached databases and no modules of the app")
        })?;
        Ok(copy)
    }

    fn copy_without_statistics(&self) -> Result<SchemaCopy> {
        let declared: Vec<SchemaEntry> = self.objects.iter().filter_map(|object| object.declared()).collect();
        let copy = SchemaCopy::of(&declared, Triggers::Copied)?;
        let set = copy.connection.execute_batch(&format!("{}; BEGIN", self.settings));
        set.map_err(|error| Error::sqlite("set up an empty copy of the schema", error))?;
        Ok(copy)
    }

    /// Returns the table or index whose b-tree starts at a page.
    pub(super) fn at_root(&self, database: i64, root: i64) -> Option<&Object> {
        let is_there = |object: &&Arc<Object>| object.database == database && object.root == root && root > 0;
        self.objects.iter().find(is_there).map(Arc::as_ref)
    }

    pub(super) fn index(&self, name: &str) -> Option<&Object> {
        self.objects.iter().find(|object| object.kind == "index" && object.name == name).map(Arc::as_ref)
    }

    /// Returns a table by its name, or by the name that a plan prints: `main.orders`. A temporary table hides one of the
    /// same name, as in SQLite.
    pub(super) fn table(&self, name: &str) -> Option<&Object> {
        let named = |name: &str| {
            let tables = self.objects.iter().filter(|object| object.kind == "table");
            let found: Vec<&Object> = tables.filter(|object| object.name == name).map(Arc::as_ref).collect();
            found.iter().find(|object| object.database == 1).or_else(|| found.first()).copied()
        };
        named(name).or_else(|| named(name.split_once('.')?.1))
    }

    pub(super) fn names(&self, kind: &str) -> Vec<&str> {
        self.objects.iter().filter(|object| object.kind == kind).map(|object| object.name.as_str()).collect()
    }

    pub(super) fn virtual_tables(&self) -> impl Iterator<Item = &Object> {
        self.objects.iter().map(Arc::as_ref).filter(|object| object.module().is_some())
    }

    /// Returns the number of rows that the statistics give for `table`, if it is so low that they are those of a fixture.
    pub(super) fn few_rows(&self, table: &str) -> Option<u64> {
        let of_table = self.statistics.counts.iter().filter(|row| same_name(&row.table, table));
        of_table.filter_map(|row| row.numbers().next()).max().filter(|&rows| rows < FEW_ROWS)
    }
}

/// Returns an empty copy of a connection's main database with its settings and statistics.
pub(crate) fn empty_copy_of(connection: &Connection) -> Result<SchemaCopy> {
    let catalog = Catalog::read(connection).map_err(|error| Error::sqlite("read the schema", error))?;
    catalog.empty_copy()
}

/// Returns the PRAGMAs that change plans as they are set on a connection.
fn settings(connection: &Connection) -> rusqlite::Result<String> {
    // PRAGMA case_sensitive_like has no value to read. The app may have replaced LIKE by a function that refuses these values.
    let like = connection.query_row("SELECT 'a' LIKE 'A'", [], |row| row.get::<_, bool>(0)).unwrap_or(true);
    let sql = "SELECT 'PRAGMA foreign_keys = ' || foreign_keys || '; PRAGMA automatic_index = ' || automatic_index ||
                      '; PRAGMA recursive_triggers = ' || recursive_triggers
               FROM pragma_foreign_keys, pragma_automatic_index, pragma_recursive_triggers";
    let others: String = connection.query_row(sql, [], |row| row.get(0))?;
    Ok(format!("{others}; PRAGMA case_sensitive_like = {}", !like))
}

/// Returns the names in some SQL.
fn names(sql: &str) -> Vec<Name> {
    tokens(sql).iter().filter_map(Token::name).map(Name::from).collect()
}

impl Object {
    /// Returns an index of the main database.
    pub(super) fn index(name: &str, table: &str, sql: Option<String>) -> Object {
        let (kind, names) = ("index".to_owned(), OnceLock::new());
        Object { database: 0, kind, name: name.into(), table: table.into(), root: 0, sql, partial: false, names }
    }

    /// Returns this object with another declaration.
    pub(super) fn declared_as(&self, sql: String) -> Object {
        Object { sql: Some(sql), names: OnceLock::new(), ..self.clone() }
    }

    fn names(&self) -> &[Name] {
        self.names.get_or_init(|| names(self.sql.as_deref().unwrap_or_default()))
    }

    /// Returns the declaration for an empty copy. Objects that SQLite creates by itself have none.
    fn declared(&self) -> Option<SchemaEntry> {
        (self.database == 0 && !is_internal(&self.name)).then(|| SchemaEntry {
            kind: self.kind.clone(),
            name: self.name.to_string(),
            table: self.table.to_string(),
            sql: self.sql.clone(),
        })
    }

    /// Returns the module of a virtual table.
    pub(super) fn module(&self) -> Option<String> {
        let sql = self.sql.as_deref().filter(|_| self.kind == "table" && self.root == 0)?;
        let module = VirtualTable::of(sql).module;
        (!module.is_empty()).then_some(module)
    }
}
