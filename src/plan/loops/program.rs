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
    pub(super) fn fills_automatic_index(&self, start: usize) -> bool {
        let (cursor, body) = (self.program.ops[start].p1, start as i64 + 1);
        self.program.ends(FILLS_AUTOMATIC_INDEX).any(|(_, op)| op.p1 == cursor && op.p2 == body)
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
            if !program.starts_loop(at) || self.fills_automatic_index(at) {
                return None;
            }
            let object = self.object_of(op.p1, at)?;
            if program.starts_at_an_end(at) {
                let body = at as i64 + 1;
                let end = program.ends(FULL_SCAN).find(|(_, end)| end.p1 == op.p1 && end.p2 == body);
                let reads_all = op.code == "Count" || end.is_some_and(|(end, _)| !self.flow.is_bounded(end));
                return reads_all.then(|| scan_of(object));
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

/// Returns the scan that reads all of a table or an index.
pub(super) fn of_whole(object: &Object) -> Scan {
    match (object.kind.as_str(), object.partial) {
        ("index", true) => Scan::PartialIndex(object.name.to_string()),
        ("index", false) => Scan::Index(object.name.to_string()),
        _ => Scan::Table,
    }
}

/// Returns true for the tables in which SQLite keeps the schema. They cannot have an index.
pub(super) fn is_schema_table(name: &str) -> bool {
    matches!(name, "sqlite_master" | "sqlite_schema" | "sqlite_temp_master" | "sqlite_temp_schema")
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
pub(super) fn scan_of(object: &Object) -> Node {
    let scan = Some(of_whole(object)).filter(|_| !is_schema_table(&object.table));
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
