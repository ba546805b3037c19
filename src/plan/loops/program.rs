//! A program with the tables and indexes that its loops read: which loops are scans, and the loops of triggers and
//! foreign-key actions, which SQLite does not print, in the words of a plan.

use crate::plan::bytecode::{CursorTarget, FILLS_AUTOMATIC_INDEX, FULL_SCAN, Op, Program};
use crate::plan::catalog::{Catalog, Object};
use crate::plan::flow::Flow;
use crate::plan::tree::{Access, AccessPath, Node, Scan, Step, distinct};

pub(super) struct Loops<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) program: &'a Program,
    pub(super) flow: Flow<'a>,
}

impl<'a> Loops<'a> {
    pub(super) fn of(program: &'a Program, catalog: &'a Catalog) -> Loops<'a> {
        Loops { catalog, program, flow: Flow::of(program) }
    }

    /// Returns the table or index whose b-tree this is.
    pub(super) fn object(&self, target: &CursorTarget) -> Option<&'a Object> {
        match target {
            CursorTarget::Root(database, root) => self.catalog.at_root(*database, *root),
            _ => None,
        }
    }

    /// Returns the table or index that a cursor is open on.
    pub(super) fn object_of(&self, cursor: i64, address: usize) -> Option<&'a Object> {
        self.object(&self.program.target_of(cursor, address)?)
    }

    /// Returns true if the loop that starts here reads a table to build an automatic index.
    fn fills_automatic_index(&self, start: usize) -> bool {
        let (cursor, body) = (self.program.ops[start].p1, start as i64 + 1);
        self.program.ends(FILLS_AUTOMATIC_INDEX).any(|(_, op)| op.p1 == cursor && op.p2 == body)
    }

    /// Returns the scan of the loop that ends at `end` and reads all of a table or an index. `inner` are the starts of the
    /// loops that join another table to it.
    pub(super) fn scan_to(&self, end: usize, object: &Object, inner: &[usize]) -> Scan {
        match of_whole(object) {
            Scan::PartialIndex(index) if self.flow.leaves_out_rows(end, inner) => Scan::FilteredPartialIndex(index),
            scan => scan,
        }
    }

    /// Returns true if the loop that starts here looks up the last key of a table with AUTOINCREMENT. It has no line.
    fn reads_last_key(&self, start: usize) -> bool {
        let op = &self.program.ops[start];
        let is_counted = || self.program.ends(FULL_SCAN).any(|(_, end)| end.p1 == op.p1 && end.p2 == start as i64 + 1);
        op.code == "Rewind"
            && self.object_of(op.p1, start).is_some_and(|object| object.name == "sqlite_sequence")
            && !is_counted()
    }

    /// Returns true if the loop that starts here is one that SQLite adds and has no line.
    pub(super) fn is_added(&self, start: usize) -> bool {
        self.fills_automatic_index(start) || self.reads_last_key(start)
    }

    /// Returns the loops of a trigger or a foreign-key action, which SQLite does not print, in the words of a plan.
    pub(super) fn nodes(&self) -> Vec<Node> {
        let program = self.program;
        let is_searched_by_index = |table: &str| {
            let starts = (0..program.ops.len()).filter(|&at| program.starts_loop(at));
            let mut objects = starts.filter_map(|at| self.object_of(program.ops[at].p1, at));
            objects.any(|object| object.kind == "index" && object.table == table)
        };
        let started_at = |(at, op): (usize, &Op)| {
            if op.code == "SorterOpen" {
                return Some(Node::new("USE TEMP B-TREE", Step::TempBTree(String::new())));
            }
            if !program.starts_loop(at) || self.is_added(at) {
                return None;
            }
            let object = self.object_of(op.p1, at)?;
            if program.starts_at_an_end(at) {
                let body = at as i64 + 1;
                let end = program.ends(FULL_SCAN).find(|(_, end)| end.p1 == op.p1 && end.p2 == body);
                if op.code == "Count" {
                    return Some(scan_of(object, of_whole(object)));
                }
                let (end, _) = end.filter(|(end, _)| !self.flow.is_bounded(*end))?;
                let is_inner = |start: &usize| program.starts_loop(*start) && program.ops[*start].p1 != op.p1;
                let inner: Vec<usize> = (at + 1..end).filter(is_inner).collect();
                return Some(scan_of(object, self.scan_to(end, object, &inner)));
            }
            let key = if program.is_keyed(op.p1, at) { AccessPath::PrimaryKey } else { AccessPath::Rowid };
            let is_search = object.kind == "index" || !is_searched_by_index(&object.table);
            is_search.then(|| node("SEARCH", Step::Search, object, path_of(object, key)))
        };
        let automatic = program.ends(FILLS_AUTOMATIC_INDEX).filter_map(|(end, op)| {
            let object = self.object_of(op.p1, end)?;
            let node = node("SEARCH", Step::Search, object, AccessPath::Automatic { partial: false });
            Some(Node { scan: Some(Scan::ForAutomaticIndex), ..node })
        });
        distinct(program.ops.iter().enumerate().filter_map(started_at).chain(automatic))
    }
}

/// Returns the scan that reads all of a table or an index, and uses all of its rows.
pub(super) fn of_whole(object: &Object) -> Scan {
    match (object.kind.as_str(), object.partial) {
        ("index", true) => Scan::PartialIndex(object.name.to_string()),
        ("index", false) => Scan::Index(object.name.to_string()),
        _ => Scan::Table,
    }
}

/// Returns true for SQLite's own tables: the schema, statistics, and the last keys of AUTOINCREMENT. They cannot have an
/// index.
pub(super) fn is_own_table(name: &str) -> bool {
    name.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("sqlite_"))
}

/// Returns true if the module of a virtual table was given nothing to search by. FTS and R-tree say so in known ways; for
/// other modules a plan without number and text is taken for a full scan.
pub(super) fn reads_all(table: &Object, number: &str, payload: &str) -> bool {
    let digits = number.strip_prefix("0x");
    let number = digits.map_or_else(|| number.parse().ok(), |digits| i64::from_str_radix(digits, 16).ok());
    let number = number.unwrap_or(0);
    match table.module().as_deref() {
        // One letter for each MATCH, LIKE or comparison of the rowid; the number is about the order.
        Some("fts5") => payload.is_empty(),
        // The low half is the kind of search, the rest is what else the query needs.
        Some("fts3" | "fts4") => number & 0xffff == 0,
        Some("rtree" | "rtree_i32" | "geopoly") => number != 1 && payload.is_empty(),
        _ => number == 0 && payload.is_empty(),
    }
}

/// Returns the scan of all of a table or an index, in the words of a plan.
pub(super) fn scan_of(object: &Object, scan: Scan) -> Node {
    let scan = Some(scan).filter(|_| !is_own_table(&object.table));
    Node { scan, ..node("SCAN", Step::Scan, object, path_of(object, AccessPath::Table)) }
}

fn path_of(object: &Object, of_table: AccessPath) -> AccessPath {
    match object.kind.as_str() {
        "index" => AccessPath::Index { name: object.name.to_string(), covering: false },
        _ => of_table,
    }
}

fn node(word: &str, step: fn(Access) -> Step, object: &Object, path: AccessPath) -> Node {
    let name = object.table.to_string();
    let text = format!("{word} {name}{}", path.suffix());
    let access = Access { name: name.clone(), alias: None, path, constraint: None, left_join: false, exists: false };
    Node { table: Some(name), ..Node::new(text, step(access)) }
}
