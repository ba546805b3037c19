//! The tables that a statement opens, and whether it reads a number of rows that the statement itself fixes.

use rusqlite::Connection;

use super::bytecode::{self, CursorTarget};
use super::catalog::Catalog;
use super::flow::Flow;
use super::tree::distinct;
use crate::sql::Name;

/// The tables and indexes that a statement opens, including its triggers and foreign-key actions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OpenedTables {
    pub(crate) tables: Vec<Name>,
    /// True if it has a loop over as many rows as there are for it: a scan, or a search by a key that is not unique.
    pub(crate) has_open_loop: bool,
    /// The tables with rows to which the statement itself goes, and not only its triggers and foreign-key actions.
    own: Vec<Name>,
    /// True if the statement itself goes to rows of a virtual table.
    has_virtual_loop: bool,
}

impl OpenedTables {
    /// Returns true if the statement itself goes to rows of a table.
    pub(crate) fn has_own_loop_over(&self, table: &str) -> bool {
        self.has_virtual_loop || self.own.iter().any(|own| *own == *table)
    }
}

/// Reads the bytecode of a statement. What has none, such as BEGIN, opens nothing.
pub(crate) fn opened_tables(connection: &Connection, sql: &str) -> OpenedTables {
    let _own = crate::own::statements();
    let (Ok(Some(programs)), Ok(catalog)) = (bytecode::list(connection, sql), Catalog::read(connection)) else {
        return OpenedTables::default();
    };
    let mut opened = OpenedTables::default();
    let table = |database, root| {
        let object = catalog.at_root(database, root)?;
        (!object.table.starts_with("sqlite_")).then(|| object.table.clone())
    };
    for (number, program) in programs.iter().enumerate() {
        let flow = Flow::of(program);
        for (at, op) in program.ops.iter().enumerate() {
            let is_own_loop = number == 0 && program.starts_loop(at) && flow.is_reachable(at);
            let (database, root) = match program.target_of(op.p1, at) {
                Some(CursorTarget::Root(database, root)) => (database, root),
                target => {
                    opened.has_virtual_loop |= is_own_loop && matches!(target, Some(CursorTarget::Virtual(_)));
                    continue;
                }
            };
            // The schema table has the root page 1, and is in no catalog.
            let table = if root == 1 { Some("sqlite_master".into()) } else { table(database, root) };
            if is_own_loop {
                opened.own.extend(table.clone());
            }
            match op.code.as_str() {
                "OpenRead" | "OpenWrite" if root != 1 => opened.tables.extend(table),
                "Next" | "Prev" => opened.has_open_loop |= !flow.is_bounded(at),
                _ => {}
            }
        }
    }
    opened.tables = distinct(opened.tables);
    opened
}
