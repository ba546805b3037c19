//! What a plan has to know of the schema: whose b-tree a page is the root of, and which statistics there are.

use rusqlite::Connection;

use crate::error::{Error, Result};
use crate::schema::entries::{SchemaEntry, is_internal};
use crate::schema::schema_copy::{SchemaCopy, Triggers};
use crate::schema::{StatisticsRows, VirtualTable};
use crate::sql::quote_identifier;

/// The databases of a connection, and what is in them.
#[derive(Clone, Debug, Default)]
pub(super) struct Catalog {
    pub(super) objects: Vec<Object>,
    /// What ANALYZE has gathered.
    pub(super) statistics: StatisticsRows,
    settings: Settings,
}

/// What of a connection's settings plans depend on.
#[derive(Clone, Copy, Debug, Default)]
struct Settings {
    foreign_keys: bool,
    automatic_index: bool,
    recursive_triggers: bool,
    /// LIKE tells upper from lower case: `PRAGMA case_sensitive_like`, which cannot be asked for.
    exact_like: bool,
}

/// A row of sqlite_schema.
#[derive(Clone, Debug)]
pub(super) struct Object {
    /// The number of the database, as bytecode has it: 0 is main, 1 is temp.
    pub(super) database: i64,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) table: String,
    pub(super) root: i64,
    /// The statement that made it; none for what SQLite makes by itself.
    pub(super) sql: Option<String>,
    /// Whether it is an index with a WHERE.
    pub(super) partial: bool,
}

impl Catalog {
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Catalog> {
        let _own = crate::own::statements();
        let (settings, statistics) = (Settings::read(connection)?, StatisticsRows::read(connection)?);
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
            Ok(Object {
                database: number,
                kind: row.get(0)?,
                name: row.get(1)?,
                table: row.get(2)?,
                root: row.get::<_, Option<i64>>(3)?.unwrap_or(0),
                sql: row.get(4)?,
                partial: row.get::<_, Option<bool>>(5)?.unwrap_or(false),
            })
        })?;
        for object in rows {
            self.objects.push(object?);
        }
        Ok(())
    }

    /// An empty copy of the main database, set up as it was and with its statistics: SQLite plans there as it does here. All
    /// that is tried on it stays in one transaction.
    pub(super) fn bench(&self) -> Result<SchemaCopy> {
        let bench = self.bench_without_statistics()?;
        if !self.statistics.is_empty() {
            self.statistics.load(&bench.connection).map_err(|error| Error::sqlite("the statistics", error))?;
        }
        Ok(bench)
    }

    /// An empty copy of the main database, set up as it was.
    pub(super) fn bench_without_statistics(&self) -> Result<SchemaCopy> {
        let declared: Vec<SchemaEntry> = self.objects.iter().filter_map(Object::declared).collect();
        let bench = SchemaCopy::of(&declared, Triggers::Copied)?;
        let Settings { foreign_keys, automatic_index, recursive_triggers, exact_like } = self.settings;
        let set = format!(
            "PRAGMA foreign_keys = {foreign_keys}; PRAGMA automatic_index = {automatic_index};
             PRAGMA recursive_triggers = {recursive_triggers}; PRAGMA case_sensitive_like = {exact_like}; BEGIN"
        );
        let set = bench.connection.execute_batch(&set);
        set.map_err(|error| Error::sqlite("to set up an empty copy of the schema", error))?;
        Ok(bench)
    }

    /// The table or index whose b-tree starts at a page.
    pub(super) fn at_root(&self, database: i64, root: i64) -> Option<&Object> {
        self.objects.iter().find(|object| object.database == database && object.root == root && root > 0)
    }

    pub(super) fn index(&self, name: &str) -> Option<&Object> {
        self.objects.iter().find(|object| object.kind == "index" && object.name.eq_ignore_ascii_case(name))
    }

    /// A table by its name, or by that of its database and its own: `main.orders`, as a plan prints it. A temporary table
    /// hides one of the same name, as it does for SQLite.
    pub(super) fn table(&self, name: &str) -> Option<&Object> {
        let named = |name: &str| {
            let tables = self.objects.iter().filter(|object| object.kind == "table");
            let found: Vec<&Object> = tables.filter(|object| object.name.eq_ignore_ascii_case(name)).collect();
            found.iter().find(|object| object.database == 1).or_else(|| found.first()).copied()
        };
        named(name).or_else(|| named(name.split_once('.')?.1))
    }

    pub(super) fn names(&self, kind: &str) -> Vec<&str> {
        self.objects.iter().filter(|object| object.kind == kind).map(|object| object.name.as_str()).collect()
    }

    /// The tables that a module keeps.
    pub(super) fn virtual_tables(&self) -> impl Iterator<Item = &Object> {
        self.objects.iter().filter(|object| object.module().is_some())
    }

    /// How many rows `table` had when statistics were gathered.
    pub(super) fn counted_rows(&self, table: &str) -> Option<u64> {
        let of_table = self.statistics.counts.iter().filter(|row| row.table.eq_ignore_ascii_case(table));
        of_table.filter_map(|row| row.numbers().next()).max()
    }
}

/// An empty copy of the main database of a connection, set up as it is and with its statistics.
pub(crate) fn empty_copy_of(connection: &Connection) -> Result<SchemaCopy> {
    let catalog = Catalog::read(connection).map_err(|error| Error::sqlite("to read the schema", error))?;
    catalog.bench()
}

impl Settings {
    fn read(connection: &Connection) -> rusqlite::Result<Settings> {
        let sql = "SELECT (SELECT foreign_keys FROM pragma_foreign_keys),
                          (SELECT automatic_index FROM pragma_automatic_index),
                          (SELECT recursive_triggers FROM pragma_recursive_triggers)";
        // The app may have a LIKE of its own, which need not take these.
        let like = connection.query_row("SELECT 'a' LIKE 'A'", [], |row| row.get::<_, bool>(0));
        connection.query_row(sql, [], |row| {
            Ok(Settings {
                foreign_keys: row.get(0)?,
                automatic_index: row.get(1)?,
                recursive_triggers: row.get(2)?,
                exact_like: !like.unwrap_or(true),
            })
        })
    }
}

impl Object {
    /// For an empty copy. What SQLite makes by itself is not declared.
    fn declared(&self) -> Option<SchemaEntry> {
        (self.database == 0 && !is_internal(&self.name)).then(|| SchemaEntry {
            kind: self.kind.clone(),
            name: self.name.clone(),
            table: self.table.clone(),
            sql: self.sql.clone(),
        })
    }

    /// The module of a virtual table.
    pub(super) fn module(&self) -> Option<String> {
        let sql = self.sql.as_deref().filter(|_| self.kind == "table" && self.root == 0)?;
        let module = VirtualTable::of(sql).module;
        (!module.is_empty()).then_some(module)
    }
}

#[cfg(test)]
mod tests {
    use super::Object;

    #[test]
    fn the_module_of_a_virtual_table_is_read_behind_its_name() {
        let module = |sql: &str| {
            let (kind, name) = ("table".to_owned(), String::new());
            let sql = Some(sql.to_owned());
            Object { database: 0, kind, table: name.clone(), name, root: 0, sql, partial: false }.module()
        };
        assert_eq!(module("CREATE VIRTUAL TABLE f USING fts5(a)").as_deref(), Some("fts5"));
        assert_eq!(module("CREATE VIRTUAL TABLE \"a \"\" using b\"using RTREE(a)").as_deref(), Some("rtree"));
        assert_eq!(module("CREATE VIRTUAL TABLE [x] using y").as_deref(), Some("y"));
        assert_eq!(module("CREATE TABLE t(x)"), None);
    }
}
