//! Full-text tables against their content, and R-trees against themselves.
//!
//! From 3.44 on, `PRAGMA integrity_check` checks virtual tables too, except that FTS5 does not compare its index with the
//! content of another table there. Only its own command does. That is an INSERT, which counts as a change and sets
//! `last_insert_rowid()`, so it runs on a copy.

use rusqlite::{Connection, OptionalExtension, ffi};

use super::pages::{FTS, FTS_COST, RTREE, RTREE_COST};
use super::shared::{NOT_CHECKED, copy_of, failure};
use crate::check::finding::Finding;
use crate::check::findings::Findings;
use crate::db::Functions;
use crate::error::Refusal;
use crate::schema::VirtualTable;
use crate::sql;

/// The first version whose `PRAGMA integrity_check` checks virtual tables too.
const PRAGMA_CHECKS: i32 = 3_044_000;

/// A virtual table whose module has a check.
#[derive(Debug, PartialEq, Eq)]
struct Table {
    name: String,
    module: Module,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Module {
    Fts5 {
        /// True if the content is in another table.
        external: bool,
    },
    Fts34,
    Rtree,
}

pub(super) fn check(connection: &Connection, functions: Option<Functions>, file: &str, findings: &mut Findings) {
    check_by(connection, functions, file, rusqlite::version_number() >= PRAGMA_CHECKS, findings);
}

fn check_by(
    connection: &Connection,
    functions: Option<Functions>,
    file: &str,
    pragma_checks: bool,
    findings: &mut Findings,
) {
    let tables = match tables(connection) {
        Ok(tables) => tables,
        Err(error) => return findings.push(failure("the check of virtual tables", file, &error)),
    };
    let mut copy = None;
    for table in tables {
        // SQLite skips a table whose module is missing, which would then pass as whole.
        if let Err(error) = connection.prepare(&format!("SELECT 1 FROM {}", table.in_sql())) {
            findings.push(table.not_checked("this connection cannot use it", &error));
            continue;
        }
        let needs_command = !pragma_checks || table.module == Module::Fts5 { external: true };
        if !needs_command || findings.iter().any(|finding| finding.object() == table.name) {
            continue;
        }
        if table.module == Module::Rtree {
            findings.extend(table.check(connection));
            continue;
        }
        match copy.get_or_insert_with(|| copy_of(connection, functions)) {
            Ok(copy) => findings.extend(table.check(copy)),
            Err(error) if is_busy(error) => findings.push(
                Finding::new(
                    NOT_CHECKED,
                    &table.name,
                    format!("the index of {} was not compared with its content", table.name),
                )
                .cost("a transaction that has written is open, and SQLite makes no copy of a database inside one")
                .fix("check before it begins, or after COMMIT"),
            ),
            Err(error) => findings.push(table.not_checked("SQLite could not copy the database", error)),
        }
    }
}

/// Runs the check of every virtual table on this connection, which must be a copy.
pub(super) fn check_here(connection: &Connection) -> Vec<Finding> {
    tables(connection).unwrap_or_default().iter().filter_map(|table| table.check(connection)).collect()
}

fn is_busy(error: &rusqlite::Error) -> bool {
    Refusal::of(error).is_some_and(|refusal| matches!(refusal.code & 0xff, ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED))
}

impl Table {
    fn in_sql(&self) -> String {
        sql::quote_identifier(&self.name)
    }

    fn not_checked(&self, why: &str, error: &rusqlite::Error) -> Finding {
        Finding::new(NOT_CHECKED, &self.name, format!("{} was not checked: {why}", self.name))
            .evidence("SQLite says", Refusal::text(error))
    }

    /// Returns what the check of its module finds.
    fn check(&self, connection: &Connection) -> Option<Finding> {
        let name = self.in_sql();
        let command = match self.module {
            Module::Rtree => return self.check_rtree(connection),
            Module::Fts5 { .. } => format!("INSERT INTO {name}({name}, rank) VALUES('integrity-check', 1)"),
            Module::Fts34 => format!("INSERT INTO {name}({name}) VALUES('integrity-check')"),
        };
        let error = connection.execute_batch(&command).err()?;
        let refusal = Refusal::of(&error)?;
        if refusal.code & 0xff != ffi::SQLITE_CORRUPT {
            return Some(self.not_checked("its own check could not be finished", &error));
        }
        let what = match self.module {
            Module::Fts5 { external: true } => {
                format!("the full-text index {} differs from its content", self.name)
            }
            _ => format!("the full-text index {} is malformed", self.name),
        };
        Some(Finding::new(FTS, &self.name, what).cost(FTS_COST).evidence("SQLite says", refusal.to_string()))
    }

    fn check_rtree(&self, connection: &Connection) -> Option<Finding> {
        let answer: Result<Option<String>, _> =
            connection.query_row("SELECT rtreecheck('main', ?1)", [&self.name], |row| row.get(0)).optional();
        match answer {
            Ok(Some(answer)) if answer != "ok" => {
                let what = format!("the R-tree {} is malformed", self.name);
                Some(Finding::new(RTREE, &self.name, what).cost(RTREE_COST).evidence("rtreecheck says", answer))
            }
            Ok(_) => None,
            Err(error) => Some(self.not_checked("rtreecheck could not be finished", &error)),
        }
    }
}

/// Returns the virtual tables of the main database whose modules have a check.
fn tables(connection: &Connection) -> rusqlite::Result<Vec<Table>> {
    let mut statement = connection.prepare(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%' ORDER BY name",
    )?;
    let mut rows = statement.query([])?;
    let mut tables = Vec::new();
    while let Some(row) = rows.next()? {
        let sql: String = row.get(1)?;
        if let Some(module) = module(&sql) {
            tables.push(Table { name: row.get(0)?, module });
        }
    }
    Ok(tables)
}

/// Returns the module, if it has a check.
fn module(sql: &str) -> Option<Module> {
    let table = VirtualTable::of(sql);
    match table.module.as_str() {
        "fts5" => Some(Module::Fts5 { external: table.content.is_some_and(|content| !content.is_empty()) }),
        "fts3" | "fts4" => Some(Module::Fts34),
        "rtree" | "rtree_i32" => Some(Module::Rtree),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::{Findings, Module, check_by, module};

    #[test]
    fn the_module_and_where_its_content_is() {
        let fts5 = |external| Some(Module::Fts5 { external });
        assert_eq!(module("CREATE VIRTUAL TABLE s USING fts5(title, body)"), fts5(false));
        assert_eq!(
            module("CREATE VIRTUAL TABLE \"a using b\" USING FTS5(x, content='posts', content_rowid=id)"),
            fts5(true)
        );
        assert_eq!(module("create virtual table s using \"fts5\"(x, content = posts)"), fts5(true));
        assert_eq!(module("CREATE VIRTUAL TABLE s USING fts5(x, content='')"), fts5(false));
        assert_eq!(module("CREATE VIRTUAL TABLE s USING fts5(content, x)"), fts5(false));
        assert_eq!(module("CREATE VIRTUAL TABLE s USING fts4"), Some(Module::Fts34));
        assert_eq!(module("CREATE VIRTUAL TABLE s USING rtree_i32(id, a, b)"), Some(Module::Rtree));
        assert_eq!(module("CREATE VIRTUAL TABLE s USING dbstat"), None);
        assert_eq!(module("CREATE VIRTUAL TABLE s USING"), None);
    }

    /// Checks as with a SQLite whose `integrity_check` skips virtual tables.
    #[track_caller]
    fn check_old(damage: &str, expected: &[(&str, &str)]) {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE VIRTUAL TABLE five USING fts5(x);
                 CREATE VIRTUAL TABLE four USING fts4(x);
                 CREATE VIRTUAL TABLE tree USING rtree(id, a, b);
                 INSERT INTO five VALUES ('one two'), ('three');
                 INSERT INTO four VALUES ('one two'), ('three');
                 INSERT INTO tree VALUES (1, 2, 3), (2, 3, 4);",
            )
            .unwrap();
        connection.execute_batch(damage).unwrap();
        let mut findings = Findings::default();
        check_by(&connection, None, "app.db", false, &mut findings);
        let found: Vec<_> = findings.iter().map(|finding| (finding.code(), finding.object())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn each_module_is_checked_where_the_pragma_does_not() {
        check_old("", &[]);
        check_old("UPDATE five_content SET c0 = 'four' WHERE id = 2", &[("fts-mismatch", "five")]);
        check_old("UPDATE four_content SET c0x = 'four' WHERE docid = 2", &[("fts-mismatch", "four")]);
        check_old("DELETE FROM tree_rowid WHERE rowid = 2", &[("rtree-mismatch", "tree")]);
    }
}
