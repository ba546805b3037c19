//! The rows that a statement reads and writes, from its bytecode.
//!
//! SQLite has the last word: a statement is explained on a copy of the database, with its values in place of its parameters. A
//! part that is not understood stands for the whole database.

use std::collections::HashMap;
use std::rc::Rc;

use rusqlite::Connection;

use crate::check::{HEADER_NUMBERS, shown};
use crate::db::Address;
use crate::error::Result;
use crate::order::SortedSet;
use crate::sql::{Setting, keyword, setting};

/// Rows of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    All,
    /// Tables, each with one of its rowids or as a whole.
    Some(SortedSet<(String, Option<i64>)>),
}

impl Default for Rows {
    fn default() -> Rows {
        Rows::Some(SortedSet::new())
    }
}

impl Rows {
    pub(super) fn is_empty(&self) -> bool {
        *self == Rows::default()
    }

    pub(super) fn add(&mut self, other: &Rows) {
        match (&mut *self, other) {
            (Rows::Some(rows), Rows::Some(more)) => rows.extend(more.iter().cloned()),
            _ => *self = Rows::All,
        }
    }

    pub(super) fn has_some_of(&self, table: &str) -> bool {
        match self {
            Rows::All => true,
            Rows::Some(rows) => rows.iter().any(|(other, _)| other.eq_ignore_ascii_case(table)),
        }
    }

    pub(super) fn overlap(&self, other: &Rows) -> bool {
        match (self, other) {
            (Rows::All, rows) | (rows, Rows::All) => !rows.is_empty(),
            (Rows::Some(one), Rows::Some(other)) => one.iter().any(|(table, row)| {
                let same = other.iter().filter(|(other, _)| other == table);
                same.into_iter().any(|(_, other)| row.is_none() || other.is_none() || row == other)
            }),
        }
    }
}

/// The rows that a statement reads and those that it writes.
#[derive(Clone, Debug, Default)]
pub(super) struct Footprint {
    pub(super) reads: Rows,
    pub(super) writes: Rows,
    /// The tables for whose rows it takes new rowids.
    pub(super) new_ids: SortedSet<String>,
    /// True if later statements may mean something else: the schema or a setting changes.
    pub(super) changes_meaning: bool,
}

/// The footprints of statements, each found once.
pub(super) struct Footprints {
    connection: Connection,
    /// Keeps the copy that the connection is open on.
    _copy: Address,
    /// The table of each root page, and true for the page of an index beside it.
    tables: HashMap<i64, (String, bool)>,
    known: HashMap<String, Rc<Footprint>>,
}

const SCHEMA: &str = "sqlite_schema";

/// An instruction: its code and its first three operands.
struct Op(String, [i64; 3]);

/// The statements that are explained. Others, such as a PRAGMA, may take effect while they are prepared.
const EXPLAINED: [&str; 12] = [
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "REPLACE",
    "WITH",
    "VALUES",
    "BEGIN",
    "COMMIT",
    "END",
    "ROLLBACK",
    "SAVEPOINT",
];

/// The settings that decide how a connection works, and not what its statements do.
const WITHOUT_MEANING: [&str; 11] = [
    "busy_timeout",
    "cache_size",
    "cache_spill",
    "checkpoint_fullfsync",
    "fullfsync",
    "journal_size_limit",
    "mmap_size",
    "synchronous",
    "temp_store",
    "threads",
    "wal_autocheckpoint",
];

/// The instructions that read or write something other than the rows of a table, besides those of virtual tables.
const OF_THE_DATABASE: [&str; 16] = [
    "ReadCookie",
    "SetCookie",
    "ParseSchema",
    "Checkpoint",
    "JournalMode",
    "Vacuum",
    "IncrVacuum",
    "IntegrityCk",
    "Pagecount",
    "MaxPgcnt",
    "Destroy",
    "CreateBtree",
    "LoadAnalysis",
    "SqlExec",
    "DropTable",
    "DropIndex",
];

impl Footprints {
    pub(super) fn new(base: &Address) -> Result<Footprints> {
        let copy = base.fork();
        let connection = copy.connect()?;
        // The schema itself is only written by statements that change all.
        let mut tables = HashMap::from([(1, (SCHEMA.to_owned(), false))]);
        let roots = (|| -> rusqlite::Result<Vec<(i64, (String, bool))>> {
            let sql = "SELECT rootpage, lower(tbl_name), type = 'index' FROM main.sqlite_schema WHERE rootpage";
            let mut roots = connection.prepare(sql)?;
            roots.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?.collect()
        })();
        tables.extend(roots.unwrap_or_default());
        Ok(Footprints { connection, _copy: copy, tables, known: HashMap::new() })
    }

    pub(super) fn of(&mut self, sql: &str) -> Rc<Footprint> {
        if let Some(known) = self.known.get(sql) {
            return Rc::clone(known);
        }
        let footprint = Rc::new(self.read(sql));
        self.known.insert(sql.to_owned(), Rc::clone(&footprint));
        footprint
    }

    fn read(&self, sql: &str) -> Footprint {
        let word = keyword(sql);
        let all = |changes_meaning| Footprint {
            reads: Rows::All,
            writes: Rows::All,
            changes_meaning,
            ..Footprint::default()
        };
        if word == "RELEASE" {
            return Footprint::default();
        }
        if let Some(setting) = setting(sql).filter(|setting| setting.name != "locking_mode") {
            // What other connections see of it are its locks.
            return if self.changes_meaning(&setting) { all(true) } else { Footprint::default() };
        }
        if !EXPLAINED.contains(&word.as_str()) {
            let only_asks = word == "PRAGMA" && !sql.contains(['=', '(']);
            if only_asks && HEADER_NUMBERS.iter().any(|name| last_word(sql).eq_ignore_ascii_case(name)) {
                return Footprint { reads: Rows::All, ..Footprint::default() };
            }
            return all(!only_asks);
        }
        self.explained(sql).ok().and_then(|ops| self.understood(&ops)).unwrap_or_else(|| all(false))
    }

    /// Returns true if statements may do something else after this setting.
    fn changes_meaning(&self, setting: &Setting) -> bool {
        let Setting { name, value, is_of_connection } = setting;
        let Some(value) = value.as_ref().filter(|_| !WITHOUT_MEANING.contains(name)) else { return false };
        let now = || self.connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get_ref(0).map(shown));
        let Ok(before) = now() else { return true };
        if !is_of_connection {
            return !before.trim_matches('\'').eq_ignore_ascii_case(value);
        }
        let set = |value: &str| self.connection.execute_batch(&format!("PRAGMA {name} = {value}"));
        let is_set = set(value).is_ok();
        let after = now();
        !(is_set && set(&before).is_ok() && after == Ok(before))
    }

    fn explained(&self, sql: &str) -> rusqlite::Result<Vec<Op>> {
        let mut explain = self.connection.prepare(&format!("EXPLAIN {sql}"))?;
        let mut rows = explain.raw_query();
        let mut ops = Vec::new();
        while let Some(row) = rows.next()? {
            ops.push(Op(row.get(1)?, [row.get(2)?, row.get(3)?, row.get(4)?]));
        }
        Ok(ops)
    }

    /// Returns `None` for a program with a part that is not understood.
    fn understood(&self, ops: &[Op]) -> Option<Footprint> {
        let mut footprint = Footprint::default();
        for Op(code, [p1, p2, p3]) in ops {
            let is_virtual = code.starts_with('V') && !matches!(code.as_str(), "Variable" | "Version");
            if is_virtual || OF_THE_DATABASE.contains(&code.as_str()) {
                return None;
            }
            let (root, database, cursor) = match code.as_str() {
                "OpenRead" | "OpenWrite" | "ReopenIdx" => (p2, p3, Some(*p1)),
                "Clear" => (p1, p2, None),
                _ => continue,
            };
            match database {
                0 => {}
                // Temporary tables are the connection's own.
                1 => continue,
                _ => return None,
            }
            let (table, is_index) = self.tables.get(root)?;
            // Without a rowid, the rows of a table are in the index of its key.
            let rows = cursor.and_then(|cursor| rowids(ops, cursor)).filter(|rows| *is_index || !rows.is_empty());
            let rows = rows.unwrap_or_else(|| vec![None]);
            let rows = Rows::Some(rows.into_iter().map(|row| (table.clone(), row)).collect());
            footprint.reads.add(&rows);
            let takes_id = |Op(code, [of, ..]): &Op| code == "NewRowid" && Some(*of) == cursor;
            if code == "OpenWrite" && ops.iter().any(takes_id) {
                footprint.new_ids.insert(table.clone());
            }
            if matches!(code.as_str(), "OpenWrite" | "Clear") {
                footprint.writes.add(&rows);
            }
        }
        Some(footprint)
    }
}

/// Returns the last word of a statement: the name in `PRAGMA main.user_version`.
fn last_word(sql: &str) -> &str {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = sql.trim_end_matches(|c| !is_of_word(c));
    end.rsplit(|c| !is_of_word(c)).next().unwrap_or_default()
}

/// Returns the rowids that a cursor is set to, if these are constants. None for the cursor of an index that is only kept up
/// to date with its table.
fn rowids(ops: &[Op], cursor: i64) -> Option<Vec<Option<i64>>> {
    // A program of a trigger has cursors of its own, with the same numbers.
    if ops.iter().any(|Op(code, _)| code == "Program") {
        return None;
    }
    let mut rows = Vec::new();
    let mut known: Vec<i64> = Vec::new();
    for (at, Op(code, [p1, p2, p3])) in ops.iter().enumerate() {
        match code.as_str() {
            "Copy" | "SCopy" | "IntCopy" if known.contains(p1) => known.push(*p2),
            "Rowid" if *p1 == cursor => known.push(*p2),
            _ if *p1 != cursor => {}
            "SeekRowid" | "NotExists" => {
                rows.push(Some(constant(ops, at, *p3)?));
                known.push(*p3);
            }
            "Insert" if known.contains(p3) => {}
            "OpenRead" | "OpenWrite" | "Column" | "Delete" | "IdxInsert" | "IdxDelete" | "Close" => {}
            _ if is_without_cursor(code) => {}
            _ => return None,
        }
    }
    Some(rows)
}

/// Returns the constant in a register: of the part that runs once before all others, or of the instruction just before.
fn constant(ops: &[Op], at: usize, register: i64) -> Option<i64> {
    let once = ops.iter().position(|Op(code, _)| code == "Transaction")?;
    let sets = |Op(code, operands): &Op| (code == "Integer" && operands[1] == register).then_some(operands[0]);
    let before = at.checked_sub(1).and_then(|before| sets(&ops[before]));
    before.or_else(|| ops[once..].iter().find_map(sets))
}

/// Returns true for an instruction whose first operand is no cursor, or that only gives up a row.
fn is_without_cursor(code: &str) -> bool {
    const CODES: &str = "Init Integer Int64 String8 Null SoftNull Real Blob Variable Goto Gosub Return Halt HaltIfNull IsNull \
        NotNull If IfNot Not And Or Eq Ne Lt Le Gt Ge Compare Jump Add Subtract Multiply Divide Remainder BitAnd BitOr BitNot \
        Concat Cast Function PureFunc MakeRecord ResultRow Affinity RealAffinity TypeCheck MustBeInt Copy SCopy IntCopy Once \
        Transaction FkCheck ResetCount DecrJumpZero IfPos BeginSubrtn OpenEphemeral NullRow ReleaseReg Noop Explain Trace";
    CODES.split_whitespace().any(|other| other == code)
}
