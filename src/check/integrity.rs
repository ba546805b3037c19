//! Whether a database is whole: what SQLite's own checks say, with the tables, rows and indexes named.
//!
//! Everything runs on the caller's connection, so that it sees what the caller sees, uncommitted rows too, and everything
//! there only reads. What has to write in order to check (FTS wants an INSERT) or to know whether a remedy helps, writes
//! to a copy in memory.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ffi};

use super::{Finding, Findings, foreign_keys, lines, virtual_tables};
use crate::db::back_up;
use crate::error::{BoxError, Error, Refusal, Result};
use crate::sql;

/// What an app registers on each of its connections.
pub(crate) type Functions = fn(&Connection) -> std::result::Result<(), BoxError>;

/// Everything that SQLite can check: pages, indexes and constraints (`PRAGMA integrity_check`), references
/// (`PRAGMA foreign_key_check`), full-text indexes against their content, R-trees.
///
/// A database that cannot be read is a finding too. The connection is left as it was: an open transaction stays open,
/// `changes()`, `total_changes()` and `last_insert_rowid()` answer as before. It may be read-only.
///
/// | code | object | what |
/// | --- | --- | --- |
/// | `unreadable` | the file | SQLite cannot read it |
/// | `corrupt` | a table or index, else the file | pages that do not fit one another |
/// | `index-mismatch` | an index | it does not say what its table says |
/// | `value-not-allowed` | a table or `table.column` | a NULL, a type or a CHECK that the schema forbids |
/// | `fk-violated` | `table.column` | rows that refer to nothing |
/// | `fk-mismatch` | a table | a foreign key whose parent has no such key |
/// | `fts-mismatch` | a full-text table | its index does not say what its content says |
/// | `rtree-mismatch` | an R-tree | its nodes do not fit one another |
/// | `not-checked` | a table, else the file | something that this connection cannot check, and why |
///
/// A full-text table over another table's content is compared on a copy of the main database; inside of a transaction that
/// has written, SQLite makes no copy, and the finding is `not-checked`. One that indexes only some of the rows on purpose
/// does not say what its content says, and wants an [`allow`](Findings::allow).
///
/// ```
/// use sqlitmus::{Template, check};
///
/// let db = Template::embedded(&[(
///     "1.sql",
///     "CREATE TABLE customers(id INTEGER PRIMARY KEY);
///      CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers(id));",
/// )])
/// .in_memory();
/// check::integrity(&db).assert_ok();
///
/// db.execute_batch("PRAGMA foreign_keys = OFF; INSERT INTO orders VALUES (7, 42)").unwrap();
/// let findings = check::integrity(&db);
/// let finding = findings.iter().next().unwrap();
/// assert_eq!((finding.code(), finding.object()), ("fk-violated", "orders.customer_id"));
/// ```
pub fn integrity(connection: &Connection) -> Findings {
    integrity_with(connection, None, &file_of(connection))
}

/// Like [`integrity`], with what has to be registered on a copy before its full-text tables can be used, and the name under
/// which the file is reported.
pub(crate) fn integrity_with(connection: &Connection, functions: Option<Functions>, file: &str) -> Findings {
    let _own = crate::own::statements();
    let mut findings = Findings::default();
    let names = Names::read(connection);
    let (lines, failed) = whole(connection);
    for finding in lines::findings(&lines, &names, file) {
        findings.push(finding);
    }
    if let Some(error) = failed {
        let finding = failure("PRAGMA integrity_check", file, &error);
        let ends_here = finding.code() == UNREADABLE;
        findings.push(finding);
        if ends_here {
            return findings;
        }
    }
    foreign_keys::check(connection, file, &mut findings);
    virtual_tables::check(connection, functions, file, &mut findings);
    add_remedies(connection, functions, &mut findings);
    findings
}

/// What SQLite's own check of pages, indexes and constraints says, in its words; nothing where all is well.
pub(crate) fn integrity_lines(connection: &Connection) -> Vec<String> {
    let (mut lines, failed) = whole(connection);
    lines.retain(|line| line != "ok");
    lines.extend(failed.map(|error| error.to_string()));
    lines
}

const UNREADABLE: &str = "unreadable";
pub(super) const NOT_CHECKED: &str = "not-checked";

/// What `file` is called in a finding: the path of the main database.
pub(super) fn file_of(connection: &Connection) -> String {
    match connection.path() {
        Some(path) if !path.is_empty() => path.to_owned(),
        _ => String::from("the database in memory"),
    }
}

/// A check that SQLite could not finish. Only some of its codes say that the file is to blame; the others mean something
/// that this connection lacks, such as a function of the app's.
pub(super) fn failure(check: &str, file: &str, error: &rusqlite::Error) -> Finding {
    let (code, says) = match Refusal::of(error) {
        Some(refusal) => (refusal.code, refusal.to_string()),
        None => (ffi::SQLITE_ERROR, error.to_string()),
    };
    match code & 0xff {
        ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB | ffi::SQLITE_CANTOPEN | ffi::SQLITE_IOERR => {
            Finding::new(UNREADABLE, file, format!("SQLite cannot read {file}")).evidence("SQLite says", says)
        }
        _ => Finding::new(NOT_CHECKED, file, format!("{check} could not be finished on {file}"))
            .evidence("SQLite says", says),
    }
}

/// `PRAGMA integrity_check`, with the CHECKs. SQLite leaves them out on a connection that ignores them, and how a row came
/// to be there is not what is asked.
fn whole(connection: &Connection) -> (Vec<String>, Option<rusqlite::Error>) {
    let ignored = connection.query_row("PRAGMA ignore_check_constraints", [], |row| row.get(0)).unwrap_or(false);
    let ignore = |switch: &str| {
        if ignored {
            let _ = connection.execute_batch(&format!("PRAGMA ignore_check_constraints = {switch}"));
        }
    };
    ignore("OFF");
    let rows = rows_of(connection, "PRAGMA integrity_check");
    ignore("ON");
    rows
}

/// The first column of every row as text, and the error that ended them.
fn rows_of(connection: &Connection, sql: &str) -> (Vec<String>, Option<rusqlite::Error>) {
    let mut found = Vec::new();
    let mut read = || -> rusqlite::Result<()> {
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            // A name in a damaged schema need not be UTF-8.
            found.push(String::from_utf8_lossy(row.get_ref(0)?.as_bytes()?).into_owned());
        }
        Ok(())
    };
    let failed = read().err();
    (found, failed)
}

/// The databases of a connection: `main`, `temp` and what is attached.
pub(super) fn databases(connection: &Connection) -> Vec<String> {
    let read = || -> rusqlite::Result<Vec<String>> {
        let mut statement = connection.prepare("SELECT name FROM pragma_database_list ORDER BY seq")?;
        statement.query_map([], |row| row.get(0))?.collect()
    };
    read().unwrap_or_default()
}

/// What tables and indexes are called, as far as the schema can be read.
#[derive(Default)]
pub(super) struct Names {
    by_root: HashMap<(String, u32), String>,
    /// The table of every index.
    tables: HashMap<String, String>,
}

impl Names {
    fn read(connection: &Connection) -> Names {
        let mut names = Names::default();
        for database in databases(connection) {
            names.by_root.insert((database.clone(), 1), in_database(&database, "sqlite_schema"));
            // A schema that cannot be read gives no names; what is wrong with it, the checks say.
            let _ = names.add(connection, &database);
        }
        names
    }

    fn add(&mut self, connection: &Connection, database: &str) -> rusqlite::Result<()> {
        let schema = if database == "temp" { "sqlite_temp_schema" } else { "sqlite_schema" };
        let database_in_sql = sql::quote_identifier(database);
        let query = format!("SELECT type, name, tbl_name, rootpage FROM {database_in_sql}.{schema} WHERE rootpage > 0");
        let mut statement = connection.prepare(&query)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (kind, name, table): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            self.by_root.insert((database.to_owned(), row.get(3)?), in_database(database, &name));
            if kind == "index" {
                self.tables.insert(name, table);
            }
        }
        Ok(())
    }

    /// The table or index whose tree begins at this page.
    pub(super) fn at_root(&self, database: &str, page: u32) -> Option<&str> {
        self.by_root.get(&(database.to_owned(), page)).map(String::as_str)
    }

    pub(super) fn table_of_index(&self, index: &str) -> Option<&str> {
        self.tables.get(index).map(String::as_str)
    }
}

/// Names of the main database stand alone.
pub(super) fn in_database(database: &str, name: &str) -> String {
    if database == "main" { name.to_owned() } else { format!("{database}.{name}") }
}

/// A copy of the main database in memory, as this connection sees it. SQLite refuses while the connection has a write
/// transaction open.
pub(super) fn copy_of(connection: &Connection, functions: Option<Functions>) -> rusqlite::Result<Connection> {
    let mut copy = Connection::open_in_memory()?;
    if let Some(functions) = functions {
        // What could not be registered is missed by the statement that needs it, and named there.
        let _ = functions(&copy);
    }
    back_up(connection, &mut copy)?;
    Ok(copy)
}

/// Says what mends an index, where it did so on a copy.
fn add_remedies(connection: &Connection, functions: Option<Functions>, findings: &mut Findings) {
    let mut copy = None;
    let mut tried: Vec<String> = Vec::new();
    for finding in &mut findings.found {
        let object = finding.object.clone();
        let name = sql::quote_identifier(&object);
        let remedy = match finding.code {
            "index-mismatch" => format!("REINDEX {name}"),
            "fts-mismatch" => format!("INSERT INTO {name}({name}) VALUES('rebuild')"),
            _ => continue,
        };
        // One remedy for all findings about an index.
        if tried.contains(&object) {
            continue;
        }
        if copy.is_none() {
            copy = copy_of(connection, functions).ok();
        }
        let Some(copy) = &copy else { return };
        if copy.execute_batch(&remedy).is_ok() && is_mended(copy, &finding.what) {
            finding.fix = Some(format!("{remedy};   tried on a copy: it helps"));
        }
        tried.push(object);
    }
}

/// Whether a copy does not give the reason any more for which the remedy was tried.
fn is_mended(copy: &Connection, what: &str) -> bool {
    let names = Names::read(copy);
    let (lines, failed) = whole(copy);
    let mut again: Findings = lines::findings(&lines, &names, "").into_iter().collect();
    virtual_tables::check_here(copy, &mut again);
    failed.is_none() && !again.iter().any(|finding| finding.what == what)
}

impl crate::TestDb {
    /// Checks that this database is whole, as [`check::integrity`](integrity) does, and panics with what is not.
    ///
    /// [`Template::checked`](crate::Template::checked) does it for every database of a template when its test ends.
    ///
    /// ```
    /// let db = sqlitmus::Template::new("fixtures/shop/migrations").in_memory();
    /// db.execute("INSERT INTO categories(slug, name) VALUES ('tea', 'Tea')", []).unwrap();
    /// db.check();
    /// ```
    ///
    /// # Panics
    /// When it is not whole.
    #[track_caller]
    pub fn check(&self) {
        if let Err(error) = self.try_check() {
            panic!("{error}");
        }
    }

    /// Like [`check`](crate::TestDb::check), without the panic.
    ///
    /// # Errors
    /// When it is not whole.
    pub fn try_check(&self) -> Result<()> {
        let checked = integrity_with(self, self.functions(), &file_of(self)).try_assert_ok();
        checked.map_err(|error: Error| match self.connection_path() {
            Some(path) => error.path(&path),
            None => error,
        })
    }

    fn connection_path(&self) -> Option<PathBuf> {
        rusqlite::Connection::path(self).map(|path| Path::new(path).to_owned())
    }
}
