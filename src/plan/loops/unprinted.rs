//! The loops of a trigger or a foreign-key action, which SQLite does not print, in the words of a plan.

use super::program::Loops;
use super::scans::{is_schema_table, of_whole};
use crate::plan::bytecode::{FILLS_AUTOMATIC_INDEX, FULL_SCAN};
use crate::plan::catalog::Object;
use crate::plan::tree::{Access, AccessPath, Node, Scan, Step};

pub(super) fn nodes(loops: &Loops<'_>) -> Vec<Node> {
    let program = loops.program;
    let mut found: Vec<Node> = Vec::new();
    let mut add = |node: Node| {
        if !found.contains(&node) {
            found.push(node);
        }
    };
    let is_searched_by_index = |table: &str| {
        (0..program.ops.len()).any(|at| {
            program.starts_loop(at)
                && loops
                    .object_of(program.ops[at].p1, at)
                    .is_some_and(|object| object.kind == "index" && object.table == table)
        })
    };
    for (at, op) in program.ops.iter().enumerate() {
        if op.code == "SorterOpen" {
            add(Node::new("USE TEMP B-TREE", Step::TempBTree(String::new())));
        }
        if !program.starts_loop(at) || loops.fills_automatic_index(at) {
            continue;
        }
        let Some(object) = loops.object_of(op.p1, at) else { continue };
        if program.starts_at_an_end(at) {
            let body = at as i64 + 1;
            let end = program.ends(FULL_SCAN).find(|(_, end)| end.p1 == op.p1 && end.p2 == body);
            if op.code == "Count" || end.is_some_and(|(end, _)| !loops.flow.is_bounded(end)) {
                add(scan_of(object));
            }
        } else if object.kind == "index" || !is_searched_by_index(&object.table) {
            add(search_of(object, program.is_keyed(op.p1, at)));
        }
    }
    for (end, op) in program.ends(FILLS_AUTOMATIC_INDEX) {
        if let Some(object) = loops.object_of(op.p1, end) {
            let text = format!("SEARCH {} USING AUTOMATIC COVERING INDEX", object.table);
            let mut node = node(object, text, Step::Search, AccessPath::Automatic { partial: false });
            node.scan = Some(Scan::ForAutomaticIndex);
            add(node);
        }
    }
    found
}

pub(super) fn scan_of(object: &Object) -> Node {
    let (path, tail) = path_of(object, AccessPath::Table, "");
    let mut node = node(object, format!("SCAN {}{tail}", object.table), Step::Scan, path);
    node.scan = Some(of_whole(object)).filter(|_| !is_schema_table(&object.table));
    node
}

fn search_of(object: &Object, is_keyed: bool) -> Node {
    let (path, tail) = match is_keyed {
        true => path_of(object, AccessPath::PrimaryKey, " USING PRIMARY KEY"),
        false => path_of(object, AccessPath::Rowid, " USING INTEGER PRIMARY KEY"),
    };
    node(object, format!("SEARCH {}{tail}", object.table), Step::Search, path)
}

fn path_of(object: &Object, of_table: AccessPath, tail: &str) -> (AccessPath, String) {
    match object.kind.as_str() {
        "index" => {
            let name = object.name.to_string();
            (AccessPath::Index { name, covering: false }, format!(" USING INDEX {}", object.name))
        }
        _ => (of_table, tail.to_owned()),
    }
}

fn node(object: &Object, text: String, step: fn(Access) -> Step, path: AccessPath) -> Node {
    let name = object.table.to_string();
    let access = Access { name, alias: None, path, constraint: None, left_join: false, exists: false };
    Node { table: Some(object.table.to_string()), ..Node::new(text, step(access)) }
}
