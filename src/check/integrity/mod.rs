//! SQLite's own checks of a database, with the tables, rows and indexes named.
//!
//! The checks run on the caller's connection, so that they see what the caller sees, uncommitted rows included. There they
//! only read. A check that has to write (FTS needs an INSERT) and the trial of a remedy run on a copy in memory.

mod foreign_keys;
mod pages;
mod remedies;
mod shared;
mod virtual_tables;

use std::path::Path;

use rusqlite::Connection;

use crate::check::findings::Findings;
use crate::db::{Functions, TestDb};
use crate::error::{Error, Result, or_panic};
use shared::{Names, UNREADABLE};

pub(super) use foreign_keys::shown_value;
pub(crate) use pages::integrity_lines;
pub(super) use shared::{failure, failure_of, file_of};

/// Runs every check that SQLite has: pages, indexes and constraints (`PRAGMA integrity_check`), references
/// (`PRAGMA foreign_key_check`), full-text indexes against their content, R-trees.
///
/// A database that cannot be read is a finding too. The connection is left unchanged: an open transaction stays open, and
/// `changes()`, `total_changes()` and `last_insert_rowid()` return the same as before. It may be read-only.
///
/// | code | object | what |
/// | --- | --- | --- |
/// | `unreadable` | the file | SQLite cannot read it |
/// | `corrupt` | a table or index, else the file | pages contradict each other |
/// | `index-mismatch` | an index | its entries differ from its table |
/// | `value-not-allowed` | a table or `table.column` | a NULL, a type or a CHECK that the schema forbids |
/// | `fk-violated` | `table.column` | rows whose parent does not exist |
/// | `fk-mismatch` | a table | a foreign key whose parent has no such key |
/// | `fts-mismatch` | a full-text table | its index differs from its content |
/// | `rtree-mismatch` | an R-tree | its nodes contradict each other |
/// | `not-checked` | a table, else the file | something that this connection cannot check, and why |
///
/// A full-text table over another table's content is compared on a copy of the main database. Inside a transaction that has
/// written, SQLite makes no copy, and the finding is `not-checked`. A table that indexes only some of the rows on purpose
/// differs from its content, and needs an [`allow`](Findings::allow).
///
/// ```
/// use sqlitmus::{Template, check};
///
/// let db = Template::embedded(&[(
///     "1.sql",
///     "CREATE TABLE customers(id INTEGER PRIMARY KEY);
///      CREATE TABLE orders(
///          id INTEGER PRIMARY KEY,
///          customer_id INTEGER REFERENCES customers(id)
///      );",
/// )])
/// .in_memory();
/// check::integrity(&db).assert_ok();
///
/// db.execute_batch("PRAGMA foreign_keys = OFF; INSERT INTO orders VALUES (7, 42)")
///     .unwrap();
/// let findings = check::integrity(&db);
/// let finding = findings.iter().next().unwrap();
/// assert_eq!(finding.code(), "fk-violated");
/// assert_eq!(finding.object(), "orders.customer_id");
/// ```
pub fn integrity(connection: &Connection) -> Findings {
    integrity_with(connection, None, &file_of(connection))
}

/// Like [`integrity`], with the functions that a copy needs before its full-text tables can be used, and the name under
/// which the file is reported.
pub(crate) fn integrity_with(connection: &Connection, functions: Option<Functions>, file: &str) -> Findings {
    let _own = crate::own::statements();
    let mut findings = Findings::default();
    let (lines, failed) = pages::check(connection);
    if lines.iter().any(|line| line != "ok") {
        findings.extend(pages::findings(&lines, &Names::read(connection), file));
    }
    if let Some(error) = failed {
        let finding = failure("PRAGMA integrity_check", file, &error);
        let is_unreadable = finding.code() == UNREADABLE;
        findings.push(finding);
        if is_unreadable {
            return findings;
        }
    }
    foreign_keys::check(connection, file, &mut findings);
    virtual_tables::check(connection, functions, file, &mut findings);
    remedies::add(connection, functions, findings)
}

/// Returns the foreign keys that rows violate.
pub(crate) fn dangling_references(connection: &Connection) -> Findings {
    let _own = crate::own::statements();
    let mut findings = Findings::default();
    foreign_keys::check(connection, "", &mut findings);
    findings.into_iter().filter(|finding| finding.code() == foreign_keys::VIOLATED).collect()
}

impl TestDb {
    /// Checks that this database is whole, as [`check::integrity`](integrity) does, and panics with what is wrong.
    ///
    /// [`Template::checked`](crate::Template::checked) does this for every database of a template at the end of its test.
    ///
    /// # Panics
    /// If the database is not whole.
    #[track_caller]
    pub fn check(&self) {
        or_panic(self.try_check());
    }

    /// Like [`check`](TestDb::check), without the panic.
    ///
    /// # Errors
    /// If the database is not whole.
    pub fn try_check(&self) -> Result<()> {
        find_damage(self)
    }
}

/// Returns an error that lists what is damaged in the database of a test.
pub(crate) fn find_damage(db: &TestDb) -> Result<()> {
    let checked = integrity_with(db, db.functions(), &file_of(db)).try_assert_ok();
    checked.map_err(|error| error.given(Connection::path(db).map(Path::new), Error::path))
}
