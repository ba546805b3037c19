//! Brings the lines of a plan and the loops of its bytecode together.
//!
//! The id of a line is the address of its `Explain` instruction in the program that `EXPLAIN QUERY PLAN` compiles. The
//! program that `EXPLAIN` lists is the same without these instructions, so that the address of what a line is about is its
//! id less the number of lines before it. (Bloom filters keep their `Explain` in both. A b-tree for `count(DISTINCT x)` that
//! turns out not to be needed takes back its line, but not the instruction.) The loop of a line starts there or
//! behind; between them stand at most subqueries, which have lines of their own. So each start of a loop belongs to the last
//! line above it that it fits and that has none yet.

use rusqlite::Connection;

use super::bytecode::{self, FILLS_AUTOMATIC_INDEX, FULL_SCAN, Op, Opened, Program};
use super::catalog::{Catalog, Object};
use super::parse::{self, Hints, Row};
use super::tree::{Access, AccessPath, Effect, Node, Origin, Scan, Step};
use crate::sql::quote_identifier;

/// What was found of the loop of a line.
struct Loop<'a> {
    cursor: i64,
    start: usize,
    object: Option<&'a Object>,
}

/// Tells the nodes which tables they read, and which of those as a whole. What they do not show is returned.
pub(super) fn from_bytecode(
    connection: &Connection,
    catalog: &Catalog,
    rows: &[Row],
    nodes: &mut [Node],
    programs: &[Program],
) -> Vec<Effect> {
    let Some((main, others)) = programs.split_first() else { return Vec::new() };
    let joiner = Joiner { connection, catalog, program: main };
    let loops = joiner.join(rows, nodes);
    for (node, found) in nodes.iter_mut().zip(&loops) {
        if let Some(Loop { object: Some(object), .. }) = found {
            name(node, object);
        }
    }
    let mut effects = joiner.scans(nodes, &loops);
    for program in others {
        let origin = match program.trigger() {
            Some(name) => Origin::Trigger(name.to_owned()),
            None => Origin::ForeignKeyAction,
        };
        let joiner = Joiner { connection, catalog, program };
        for node in joiner.hidden() {
            let effect = Effect { origin: origin.clone(), node };
            // A cascade is compiled once for each way that leads to it.
            if !effects.contains(&effect) {
                effects.push(effect);
            }
        }
    }
    effects
}

/// Writes down the table of a node, and reads its line again now that the name of the index is known.
fn name(node: &mut Node, object: &Object) {
    if object.kind == "index" {
        let indexes = [object.name.as_str()];
        node.step = parse::step(&node.text, Hints { indexes: &indexes, old: is_old(node) });
    } else if is_bare_scan(node, object)
        && let Step::Scan(access) | Step::Search(access) = &mut node.step
    {
        (access.name, access.path, access.constraint) = (object.name.clone(), AccessPath::Table, None);
    }
    node.table = Some(object.table.clone());
    if let Step::Scan(access) | Step::Search(access) = &mut node.step
        && !printed_for(&access.name, &object.table)
    {
        access.alias.get_or_insert_with(|| access.name.clone());
    }
}

fn is_old(node: &Node) -> bool {
    rusqlite::version_number() < super::WITHOUT_THE_WORD_TABLE && node.text.contains(" TABLE ")
}

/// Whether the line is the name of the table and nothing else, whatever else it could be read as.
fn is_bare_scan(node: &Node, object: &Object) -> bool {
    node.text.split_once(' ').is_some_and(|(_, rest)| printed_for(rest, &object.name))
}

/// Whether a plan prints `printed` for `table`: its name, with or without that of its database.
fn printed_for(printed: &str, table: &str) -> bool {
    let is = |name: &str| name.eq_ignore_ascii_case(table);
    is(printed) || printed.split_once('.').is_some_and(|(_, name)| is(name))
}

struct Joiner<'a> {
    connection: &'a Connection,
    catalog: &'a Catalog,
    program: &'a Program,
}

impl<'a> Joiner<'a> {
    fn join(&self, rows: &[Row], nodes: &[Node]) -> Vec<Option<Loop<'a>>> {
        let addresses = self.addresses(rows, nodes);
        let mut loops: Vec<Option<Loop<'a>>> = nodes.iter().map(|_| None).collect();
        for start in 0..self.program.ops.len() {
            if !self.program.starts_loop(start) || self.fills_automatic_index(start) {
                continue;
            }
            let cursor = self.program.ops[start].p1;
            let Some(opened) = self.program.opened(cursor, start) else { continue };
            // A skip-scan starts the loop over its one cursor at several places.
            let taken = loops.iter().rposition(|found| found.as_ref().is_some_and(|found| found.cursor == cursor));
            // `EXPLAIN` has Count, Close and then the line; all others have the line first.
            let reach = if self.program.ops[start].code == "Count" { start + 2 } else { start };
            let candidates = || (taken.map_or(0, |at| at + 1)..nodes.len()).rev();
            let fits =
                |at: &usize| addresses[*at] <= reach && loops[*at].is_none() && self.fits(&nodes[*at], &opened, start);
            let likely = candidates().find(|at| fits(at) && self.is_named(&nodes[*at], &opened));
            if let Some(at) = likely.or_else(|| candidates().find(fits)) {
                let object = self.object(&opened, cursor, start, nodes[at].access());
                loops[at] = Some(Loop { cursor, start, object });
            }
        }
        loops
    }

    /// Where in the program each line belongs.
    fn addresses(&self, rows: &[Row], nodes: &[Node]) -> Vec<usize> {
        let mut before = 0;
        let mut addresses: Vec<usize> = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            let mut address = usize::try_from(row.id - before).unwrap_or(0);
            address -= self.lines_taken_back(address).min(address);
            let stays = self.program.ops.get(address).is_some_and(|op| op.code == "Explain");
            before += i64::from(!stays);
            // A side of an OR has its line behind the start of its loop, and `INDEX n` before it.
            let parent = rows[..at].iter().rposition(|above| above.id == row.parent);
            if let Some(parent) = parent.filter(|&parent| matches!(nodes[parent].step, Step::OrTerm(_))) {
                address = addresses[parent];
            }
            addresses.push(address);
        }
        addresses
    }

    /// How many lines for `count(DISTINCT x)` were taken back above an address. Where the b-tree would have been opened,
    /// behind the start of the aggregates, stands that there is no value before the first, or nothing.
    fn lines_taken_back(&self, address: usize) -> usize {
        let ops = &self.program.ops;
        if !ops.iter().any(|op| op.code == "AggStep") {
            return 0;
        }
        let starts = |op: &Op| matches!(op.code.as_str(), "Null" | "OpenEphemeral" | "Noop");
        let is_not_opened = |op: &Op| op.code == "Noop" || (op.code == "Null" && op.p1 == 1);
        ops.windows(2).take(address.saturating_sub(1)).filter(|two| starts(&two[0]) && is_not_opened(&two[1])).count()
    }

    /// Whether the loop that starts here reads a table to build an automatic index, which happens above its line.
    fn fills_automatic_index(&self, start: usize) -> bool {
        let body = start as i64 + 1;
        self.program.ends(FILLS_AUTOMATIC_INDEX).any(|(_, op)| op.p1 == self.program.ops[start].p1 && op.p2 == body)
    }

    fn fits(&self, node: &Node, opened: &Opened, start: usize) -> bool {
        let Some(access) = node.access() else { return false };
        let at_an_end = self.program.starts_at_an_end(start);
        let object = match opened {
            Opened::Root(database, root) => self.catalog.at_root(*database, *root),
            _ => None,
        };
        match (object, opened) {
            (Some(object), _) if object.kind == "index" => {
                let uses = |word: &str| node.text.contains(&format!(" USING {word}INDEX {}", object.name));
                uses("") || uses("COVERING ")
            }
            (Some(object), _) => match &access.path {
                AccessPath::Table => at_an_end,
                AccessPath::Rowid | AccessPath::PrimaryKey => true,
                // A name that looks like more than a name.
                _ => at_an_end && is_bare_scan(node, object),
            },
            (None, Opened::Automatic) => matches!(access.path, AccessPath::Automatic { .. }),
            (None, Opened::Virtual(_)) => matches!(access.path, AccessPath::Virtual { .. }),
            (None, _) => false,
        }
    }

    /// Whether the line may be about what was opened: a line that prints the name of another table hardly is.
    fn is_named(&self, node: &Node, opened: &Opened) -> bool {
        let (Some(access), Opened::Root(database, root)) = (node.access(), opened) else { return true };
        let object = self.catalog.at_root(*database, *root);
        object.is_some_and(|object| printed_for(&access.name, &object.table))
            || self.catalog.table(&access.name).is_none()
    }

    fn object(&self, opened: &Opened, cursor: i64, start: usize, access: Option<&Access>) -> Option<&'a Object> {
        match opened {
            Opened::Root(database, root) => self.catalog.at_root(*database, *root),
            Opened::Automatic => {
                let ends = self.program.ends(FILLS_AUTOMATIC_INDEX).filter(|(end, _)| *end < start);
                let (end, op) = ends.filter(|(end, _)| self.program.fills(*end) == Some(cursor)).last()?;
                self.object(&self.program.opened(op.p1, end)?, op.p1, end, None)
            }
            Opened::Virtual(address) => {
                let printed = |object: &&Object| access.is_some_and(|access| printed_for(&access.name, &object.name));
                let mut tables = self.catalog.virtual_tables();
                self.catalog.virtual_tables().find(printed).or_else(|| tables.find(|table| self.is_at(table, address)))
            }
            Opened::Temporary => None,
        }
    }

    /// Whether this is the virtual table whose object is at an address of this process. The bytecode names it by nothing
    /// else, but by the same for each statement of a connection.
    fn is_at(&self, table: &Object, address: &str) -> bool {
        let sql = format!("EXPLAIN SELECT 1 FROM {}", quote_identifier(&table.name));
        // A module that is not registered here cannot be the one that the statement reads.
        let Ok(mut statement) = self.connection.prepare(&sql) else { return false };
        let Ok(Some(programs)) = bytecode::read(&mut statement.raw_query()) else { return false };
        let mut ops = programs.iter().flat_map(|program| &program.ops);
        ops.any(|op| op.code == "VOpen" && op.p4 == address)
    }

    /// Marks the nodes that read a whole table, and returns the scans that belong to none of them.
    fn scans(&self, nodes: &mut [Node], loops: &[Option<Loop<'a>>]) -> Vec<Effect> {
        let mut unlisted = Vec::new();
        let mut looped: Vec<Option<usize>> = Vec::new();
        for (end, op) in self.program.ends(FULL_SCAN) {
            let Some(object) = self.real(op.p1, end) else { continue };
            let of_cursor = |at: &usize| loops[*at].as_ref().is_some_and(|l| l.cursor == op.p1 && l.start < end);
            let owner = (0..loops.len()).filter(of_cursor).max_by_key(|at| loops[*at].as_ref().map(|l| l.start));
            looped.push(owner);
            if self.program.is_bounded(end) {
                continue;
            }
            match owner {
                Some(at) => nodes[at].scan = Some(of_whole(object)),
                None => unlisted.push(Effect { origin: Origin::Statement, node: scan_node(object) }),
            }
        }
        for (at, found) in loops.iter().enumerate() {
            let Some(Loop { object: Some(object), cursor, start }) = found else { continue };
            let Some(access) = nodes[at].access() else { continue };
            nodes[at].scan = match &access.path {
                AccessPath::Virtual { number, payload } => {
                    let end = self.program.end_of_module_loop(*cursor, *start);
                    let bounded = end.is_some_and(|end| self.program.is_bounded(end));
                    (!bounded && reads_all(object, number, payload)).then_some(Scan::VirtualTable)
                }
                AccessPath::Automatic { .. } => Some(Scan::ForAutomaticIndex),
                // count(*) and INSERT INTO … SELECT * FROM have loops of another kind.
                _ if matches!(nodes[at].step, Step::Scan(_)) && !looped.contains(&Some(at)) => Some(of_whole(object)),
                _ => continue,
            };
        }
        for node in nodes {
            if node.table.as_deref().is_some_and(is_schema_table) {
                node.scan = None;
            }
        }
        unlisted
    }

    /// The table or index that a cursor is open on.
    fn real(&self, cursor: i64, address: usize) -> Option<&'a Object> {
        match self.program.opened(cursor, address)? {
            Opened::Root(database, root) => self.catalog.at_root(database, root),
            _ => None,
        }
    }

    /// The loops of a trigger or a foreign-key action, in the words of a plan.
    fn hidden(&self) -> Vec<Node> {
        let mut found: Vec<Node> = Vec::new();
        let mut add = |node: Node| {
            if !found.contains(&node) {
                found.push(node);
            }
        };
        let searched_by_index = |table: &str| {
            (0..self.program.ops.len()).any(|at| {
                self.program.starts_loop(at)
                    && self.real(self.program.ops[at].p1, at).is_some_and(|o| o.kind == "index" && o.table == table)
            })
        };
        for (at, op) in self.program.ops.iter().enumerate() {
            if op.code == "SorterOpen" {
                add(Node::new("USE TEMP B-TREE", Step::TempBTree(String::new())));
            }
            if !self.program.starts_loop(at) || self.fills_automatic_index(at) {
                continue;
            }
            let Some(object) = self.real(op.p1, at) else { continue };
            if self.program.starts_at_an_end(at) {
                let body = at as i64 + 1;
                let end = self.program.ends(FULL_SCAN).find(|(_, end)| end.p1 == op.p1 && end.p2 == body);
                if op.code == "Count" || end.is_some_and(|(end, _)| !self.program.is_bounded(end)) {
                    add(scan_node(object));
                }
            } else if object.kind == "index" || !searched_by_index(&object.table) {
                add(search_node(object, self.program.is_keyed(op.p1, at)));
            }
        }
        for (end, op) in self.program.ends(FILLS_AUTOMATIC_INDEX) {
            if let Some(object) = self.real(op.p1, end) {
                let text = format!("SEARCH {} USING AUTOMATIC COVERING INDEX", object.table);
                let mut node = hidden_node(object, text, Step::Search, AccessPath::Automatic { partial: false });
                node.scan = Some(Scan::ForAutomaticIndex);
                add(node);
            }
        }
        found
    }
}

fn scan_node(object: &Object) -> Node {
    let (path, tail) = path_of(object, AccessPath::Table, "");
    let mut node = hidden_node(object, format!("SCAN {}{tail}", object.table), Step::Scan, path);
    node.scan = Some(of_whole(object)).filter(|_| !is_schema_table(&object.table));
    node
}

fn search_node(object: &Object, keyed: bool) -> Node {
    let (path, tail) = match keyed {
        true => path_of(object, AccessPath::PrimaryKey, " USING PRIMARY KEY"),
        false => path_of(object, AccessPath::Rowid, " USING INTEGER PRIMARY KEY"),
    };
    hidden_node(object, format!("SEARCH {}{tail}", object.table), Step::Search, path)
}

fn path_of(object: &Object, of_table: AccessPath, tail: &str) -> (AccessPath, String) {
    match object.kind.as_str() {
        "index" => {
            let name = object.name.clone();
            (AccessPath::Index { name, covering: false }, format!(" USING INDEX {}", object.name))
        }
        _ => (of_table, tail.to_owned()),
    }
}

fn hidden_node(object: &Object, text: String, step: fn(Access) -> Step, path: AccessPath) -> Node {
    let name = object.table.clone();
    let access = Access { name, alias: None, path, constraint: None, left_join: false, exists: false };
    Node { table: Some(object.table.clone()), ..Node::new(text, step(access)) }
}

fn of_whole(object: &Object) -> Scan {
    match (object.kind.as_str(), object.partial) {
        ("index", true) => Scan::PartialIndex(object.name.clone()),
        ("index", false) => Scan::Index(object.name.clone()),
        _ => Scan::Table,
    }
}

/// What SQLite keeps of itself has no index and never will.
fn is_schema_table(name: &str) -> bool {
    matches!(name, "sqlite_master" | "sqlite_schema" | "sqlite_temp_master" | "sqlite_temp_schema")
}

/// Whether the module of a virtual table was given nothing to search by. Of FTS and R-tree it is known how they say so;
/// of others it is taken for granted that a plan without number and text is the one for a full scan.
fn reads_all(table: &Object, number: &str, payload: &str) -> bool {
    let digits = number.strip_prefix("0x");
    let number = digits.map_or_else(|| number.parse().ok(), |digits| i64::from_str_radix(digits, 16).ok());
    let number = number.unwrap_or(0);
    match table.module().as_deref() {
        // One letter for each MATCH, LIKE or comparison of the rowid; the number is about the order.
        Some("fts5") => payload.is_empty(),
        // The low half tells the kind of search, the rest what else the query wants.
        Some("fts3" | "fts4") => number & 0xffff == 0,
        Some("rtree" | "rtree_i32" | "geopoly") => number != 1 && payload.is_empty(),
        _ => number == 0 && payload.is_empty(),
    }
}

/// The same without bytecode: by the names that the lines print.
pub(super) fn from_text(catalog: &Catalog, nodes: &mut [Node]) {
    let made: Vec<String> = nodes
        .iter()
        .filter_map(|node| match &node.step {
            Step::CoRoutine(name) | Step::Materialize(name) => Some(name.clone()),
            _ => None,
        })
        .collect();
    for node in nodes {
        let Some(access) = node.access() else { continue };
        let is_made =
            made.contains(&access.name) || access.name.starts_with('(') || access.name.starts_with("SUBQUERY ");
        let index = match &access.path {
            AccessPath::Index { name, .. } => catalog.index(name),
            _ => None,
        };
        let table = index.map(|index| index.table.clone()).or_else(|| {
            let known = catalog.table(&access.name).filter(|_| !is_made);
            known.map(|object| object.name.clone())
        });
        // An alias of a table looks like one of anything else. Missing a scan would be worse than a wrong alarm.
        let taken_for_a_table = !is_made && !matches!(access.path, AccessPath::Virtual { .. });
        let table = table.or_else(|| taken_for_a_table.then(|| access.name.clone()));
        let is_scan = matches!(node.step, Step::Scan(_)) || access.path == AccessPath::Table;
        let scan = match (&access.path, &table) {
            (_, None) => None,
            (_, Some(table)) if is_schema_table(table) => None,
            (AccessPath::Automatic { .. }, _) => Some(Scan::ForAutomaticIndex),
            (AccessPath::Virtual { number, payload }, Some(table)) => {
                let object = catalog.table(table);
                object.filter(|object| reads_all(object, number, payload)).map(|_| Scan::VirtualTable)
            }
            (AccessPath::Index { .. }, _) if is_scan => index.map(of_whole),
            _ => is_scan.then_some(Scan::Table),
        };
        (node.table, node.scan) = (table, scan);
    }
}

#[cfg(test)]
mod tests;
