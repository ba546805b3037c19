//! The bytecode of a statement, as `EXPLAIN` lists it: which b-trees its loops walk, and which of them from end to end; and
//! the rows that it reads or deletes within one instruction.
//!
//! The parts that are read here are the same since SQLite 3.8, but SQLite documents them for people, not for programs.
//! [`is_understood`] therefore explains a statement with a known answer first.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::catalog::Catalog;
use crate::order::SortedMap;
use crate::sql::quote_identifier;

/// An instruction.
#[derive(Clone, Debug)]
pub(super) struct Op {
    pub(super) code: String,
    pub(super) p1: i64,
    pub(super) p2: i64,
    pub(super) p3: i64,
    pub(super) p4: String,
    pub(super) p5: i64,
}

/// The program of the statement itself, or of a trigger or a foreign-key action that it sets off.
#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    pub(super) ops: Vec<Op>,
}

/// The object that a cursor is open on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CursorTarget {
    /// A b-tree of a database file: the number of the database and the root page.
    Root(i64, i64),
    /// An automatic index.
    Automatic,
    /// A virtual table, by the address of its object.
    Virtual(String),
    /// A sorter, a temporary table, a row.
    Temporary,
}

/// Lists the programs of a statement.
pub(super) fn list(connection: &Connection, sql: &str) -> rusqlite::Result<Option<Vec<Program>>> {
    read(&mut connection.prepare(&format!("EXPLAIN {sql}"))?.raw_query())
}

/// Reads the statement's own program, then those that it sets off. Returns `None` if the listing has an unknown form.
pub(super) fn read(rows: &mut rusqlite::Rows<'_>) -> rusqlite::Result<Option<Vec<Program>>> {
    let mut programs: Vec<Program> = Vec::new();
    while let Some(row) = rows.next()? {
        if row.as_ref().column_count() < 7 {
            return Ok(None);
        }
        let number = |column| -> rusqlite::Result<i64> { Ok(row.get::<_, Option<i64>>(column)?.unwrap_or(0)) };
        let op = Op {
            code: text(row.get_ref(1)?),
            p1: number(2)?,
            p2: number(3)?,
            p3: number(4)?,
            p4: text(row.get_ref(5)?),
            p5: number(6)?,
        };
        // Each program starts with `Init`, which is found nowhere else.
        if op.code == "Init" || programs.is_empty() {
            programs.push(Program::default());
        }
        if let Some(program) = programs.last_mut() {
            program.ops.push(op);
        }
    }
    Ok(Some(programs))
}

/// Returns a value of a listing as text. That of a blob literal has the bytes of the blob, which may be no UTF-8.
fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        ValueRef::Integer(number) => number.to_string(),
        _ => String::new(),
    }
}

/// Returns true if this SQLite lists the scan of a table that every database has in the known form.
pub(super) fn is_understood(connection: &Connection) -> bool {
    let known = "SELECT name FROM main.sqlite_master WHERE name = 'x'";
    let Ok(Some(programs)) = list(connection, known) else { return false };
    let [program] = programs.as_slice() else { return false };
    let Some(next) = program.ops.iter().position(|op| op.code == "Next") else { return false };
    let end = &program.ops[next];
    let opens = program.target_of(end.p1, next) == Some(CursorTarget::Root(0, 1));
    let starts = program.at(end.p2 - 1).is_some_and(|op| op.code == "Rewind" && op.p1 == end.p1);
    opens && starts && end.p5 == FULL_SCAN
}

/// The value of `p5` at the end of a loop over all of a table or an index: `SQLITE_STMTSTATUS_FULLSCAN_STEP`.
pub(super) const FULL_SCAN: i64 = 1;
/// The same for the loop that fills an automatic index: `SQLITE_STMTSTATUS_AUTOINDEX`.
pub(super) const FILLS_AUTOMATIC_INDEX: i64 = 3;

impl Program {
    pub(super) fn at(&self, address: i64) -> Option<&Op> {
        self.ops.get(usize::try_from(address).ok()?)
    }

    /// Returns the trigger whose program this is. Foreign-key actions have no name.
    pub(super) fn trigger(&self) -> Option<&str> {
        self.ops.first()?.p4.strip_prefix("-- TRIGGER ")
    }

    /// Returns what `cursor` is open on at `address`.
    pub(super) fn target_of(&self, cursor: i64, address: usize) -> Option<CursorTarget> {
        self.opening(cursor, address).and_then(target_of)
    }

    /// Returns true if `cursor` is open on a b-tree of keys: an index, or a table WITHOUT ROWID.
    pub(super) fn is_keyed(&self, cursor: i64, address: usize) -> bool {
        self.opening(cursor, address).is_some_and(|op| op.p4.starts_with("k("))
    }

    /// Returns the instruction that opens `cursor`. The two sides of an OR open one cursor on several indexes, each before
    /// its own loop.
    fn opening(&self, cursor: i64, address: usize) -> Option<&Op> {
        let opens = |op: &&Op| op.p1 == cursor && target_of(op).is_some();
        let before = self.ops[..address.min(self.ops.len())].iter().rev().find(opens);
        before.or_else(|| self.ops.iter().find(opens))
    }

    /// Returns true if the instruction at `address` starts a loop over a cursor, or finds its one row.
    pub(super) fn starts_loop(&self, address: usize) -> bool {
        matches!(
            self.ops[address].code.as_str(),
            "Rewind" | "Last" | "SeekGE" | "SeekGT" | "SeekLE" | "SeekLT" | "SeekRowid" | "VFilter" | "Count"
        )
    }

    /// Returns true if the instruction starts at the first or the last row and searches for nothing.
    pub(super) fn starts_at_an_end(&self, address: usize) -> bool {
        matches!(self.ops[address].code.as_str(), "Rewind" | "Last" | "Count")
    }

    /// Returns true if the loop that starts here only counts the rows whose foreign key refers to a row that is written.
    pub(super) fn checks_foreign_key(&self, start: usize) -> bool {
        let Ok(end) = usize::try_from(self.ops[start].p2) else { return false };
        let body = self.ops.get(start + 1..end).unwrap_or_default();
        let does_more = |op: &Op| matches!(op.code.as_str(), "ResultRow" | "Insert" | "Delete" | "Yield" | "Program");
        body.iter().any(|op| op.code == "FkCounter") && !body.iter().any(does_more)
    }

    /// Returns the ends of the loops whose `p5` is `mark`.
    pub(super) fn ends(&self, mark: i64) -> impl Iterator<Item = (usize, &Op)> {
        let ends = self.ops.iter().enumerate().filter(|(_, op)| matches!(op.code.as_str(), "Next" | "Prev"));
        ends.filter(move |(_, op)| op.p5 == mark)
    }

    /// Returns the end of the loop over a virtual table that starts at `start`.
    pub(super) fn end_of_virtual_table_loop(&self, cursor: i64, start: usize) -> Option<usize> {
        let ends = |(at, op): (usize, &Op)| (at > start && op.code == "VNext" && op.p1 == cursor).then_some(at);
        self.ops.iter().enumerate().find_map(ends)
    }

    /// Returns the cursor of the automatic index that the loop which ends at `end` fills.
    pub(super) fn filled_index(&self, end: usize) -> Option<i64> {
        let body = usize::try_from(self.ops[end].p2).ok().filter(|&body| body < end)?;
        let insert = self.ops[body..end].iter().rev().find(|op| op.code == "IdxInsert")?;
        Some(insert.p1)
    }
}

fn target_of(op: &Op) -> Option<CursorTarget> {
    match op.code.as_str() {
        "OpenRead" | "OpenWrite" | "ReopenIdx" => Some(CursorTarget::Root(op.p3, op.p2)),
        "OpenAutoindex" => Some(CursorTarget::Automatic),
        "VOpen" => Some(CursorTarget::Virtual(op.p4.clone())),
        "OpenEphemeral" | "OpenPseudo" | "OpenDup" | "SorterOpen" => Some(CursorTarget::Temporary),
        _ => None,
    }
}

/// The number of rows of each table, by its name.
pub(crate) type TableRows = SortedMap<String, u64>;

/// Counts the rows of all tables of the main database.
pub(crate) fn count_table_rows(connection: &Connection) -> rusqlite::Result<TableRows> {
    let _own = crate::own::statements();
    let sql = "SELECT name FROM main.sqlite_master
               WHERE type = 'table' AND rootpage > 0 AND lower(substr(name, 1, 7)) <> 'sqlite_'";
    let mut tables = connection.prepare(sql)?;
    let names = tables.query_map([], |row| row.get::<_, String>(0))?;
    let count = |name: rusqlite::Result<String>| {
        let name = name?;
        let sql = format!("SELECT count(*) FROM main.{}", quote_identifier(&name));
        let count: i64 = connection.query_row(&sql, [], |row| row.get(0))?;
        Ok((name, count.unsigned_abs()))
    };
    names.map(count).collect::<Result<_, _>>()
}

/// The rows that a statement reads or deletes within single instructions: `count(*)` of a whole table, and `DELETE` without
/// a WHERE. Counted as one step each, they would look constant although they read every page.
#[derive(Clone, Debug, Default)]
pub(crate) struct SingleStepRows {
    /// The rows of each run of the statement itself.
    statement: u64,
    /// The rows of each run of a trigger, by the trigger's name.
    triggers: Vec<(String, u64)>,
}

impl SingleStepRows {
    /// Reads the bytecode of a statement.
    pub(crate) fn of(connection: &Connection, sql: &str, rows: &TableRows) -> SingleStepRows {
        // A statement that cannot be explained (BEGIN, a function that is gone) has no such rows.
        let (Ok(Some(programs)), Ok(catalog)) = (list(connection, sql), Catalog::read(connection)) else {
            return SingleStepRows::default();
        };
        let mut found = SingleStepRows::default();
        for (number, program) in programs.iter().enumerate() {
            let rows = in_single_steps(program, &catalog, rows);
            match program.trigger() {
                None if number == 0 => found.statement = rows,
                // SQLite compiles a trigger once for each path that leads to it.
                Some(name) if found.triggers.iter().all(|(known, _)| known != name) => {
                    found.triggers.push((name.to_owned(), rows));
                }
                _ => {}
            }
        }
        found
    }

    /// Returns the rows of one run. `nested` are the statements that it set off, as the trace names them: `TRIGGER name`.
    pub(crate) fn of_run(&self, nested: &[String]) -> u64 {
        let runs = |name: &str| nested.iter().filter(|one| one.strip_prefix("TRIGGER ") == Some(name)).count();
        let of_triggers =
            self.triggers.iter().filter(|(_, rows)| *rows > 0).map(|(name, rows)| runs(name) as u64 * rows);
        self.statement + of_triggers.sum::<u64>()
    }
}

fn in_single_steps(program: &Program, catalog: &Catalog, rows: &TableRows) -> u64 {
    let found = program.ops.iter().enumerate().filter_map(|(at, op)| {
        let (database, root) = match (op.code.as_str(), program.target_of(op.p1, at)) {
            ("Count", Some(CursorTarget::Root(database, root))) => (database, root),
            ("Clear", _) => (op.p2, op.p1),
            _ => return None,
        };
        rows.get(catalog.at_root(database, root)?.table.as_str())
    });
    found.sum()
}
