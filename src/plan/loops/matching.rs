//! The tables and scans of the lines of a plan: matched with the loops of its bytecode, or by the text alone.

use rusqlite::Connection;

use super::program::{Loops, is_own_table, of_whole, reads_all, scan_of};
use crate::plan::bytecode::{self, CursorTarget, FILLS_AUTOMATIC_INDEX, FULL_SCAN, Op, Program};
use crate::plan::catalog::{Catalog, Object};
use crate::plan::parse::{self, Hints, Row};
use crate::plan::tree::{Access, AccessPath, Effect, Node, Origin, Scan, Step, distinct};
use crate::sql::{quote_identifier, same_name};

/// The loop of a line.
struct Loop<'a> {
    cursor: i64,
    start: usize,
    object: Option<&'a Object>,
}

/// Sets the table and the scan of each node, and returns the loops that the nodes do not show.
pub(in crate::plan) fn annotate_from_bytecode(
    connection: &Connection,
    catalog: &Catalog,
    rows: &[Row],
    nodes: &mut [Node],
    programs: &[Program],
) -> Vec<Effect> {
    let Some((main, others)) = programs.split_first() else { return Vec::new() };
    let matcher = Matcher { connection, rows, loops: Loops::of(main, catalog) };
    let loops = matcher.loops_of(nodes);
    for (node, found) in nodes.iter_mut().zip(&loops) {
        if let Some(Loop { object: Some(object), .. }) = found {
            set_table(node, object);
        }
        node.checks_foreign_key = found.as_ref().is_some_and(|found| main.checks_foreign_key(found.start));
    }
    let mut effects = matcher.set_scans(nodes, &loops);
    for program in others {
        let origin = match program.trigger() {
            Some(name) => Origin::Trigger(name.to_owned()),
            None => Origin::ForeignKeyAction,
        };
        effects.extend(
            Loops::of(program, catalog).nodes().into_iter().map(|node| Effect { origin: origin.clone(), node }),
        );
    }
    // SQLite compiles a cascade once for each path that leads to it.
    distinct(effects)
}

/// Sets the table of a node, and reads its line again now that the name of the index is known.
fn set_table(node: &mut Node, object: &Object) {
    if object.kind == "index" {
        let indexes = [object.name.as_str()];
        let old = parse::is_old_sqlite() && node.text.contains(" TABLE ");
        node.step = parse::step(&node.text, Hints { indexes: &indexes, old });
    } else if is_bare_scan(node, object)
        && let Step::Scan(access) | Step::Search(access) = &mut node.step
    {
        (access.name, access.path, access.constraint) = (object.name.to_string(), AccessPath::Table, None);
    }
    node.table = Some(object.table.to_string());
    if let Step::Scan(access) | Step::Search(access) = &mut node.step
        && !is_printed_for(&access.name, &object.table)
    {
        access.alias.get_or_insert_with(|| access.name.clone());
    }
}

/// Returns true if the line is the name of the table and nothing else, whatever else it could be read as.
fn is_bare_scan(node: &Node, object: &Object) -> bool {
    node.text.split_once(' ').is_some_and(|(_, rest)| is_printed_for(rest, &object.name))
}

/// Returns true if a plan prints `printed` for `table`: its name, with or without that of its database.
fn is_printed_for(printed: &str, table: &str) -> bool {
    same_name(printed, table) || printed.split_once('.').is_some_and(|(_, name)| same_name(name, table))
}

struct Matcher<'a> {
    connection: &'a Connection,
    /// The lines of the plan.
    rows: &'a [Row],
    loops: Loops<'a>,
}

impl<'a> Matcher<'a> {
    /// Returns the loop of each node.
    fn loops_of(&self, nodes: &[Node]) -> Vec<Option<Loop<'a>>> {
        let program = self.loops.program;
        let addresses = self.addresses(nodes);
        let mut loops: Vec<Option<Loop<'a>>> = nodes.iter().map(|_| None).collect();
        for start in 0..program.ops.len() {
            if !program.starts_loop(start) || self.loops.is_added(start) {
                continue;
            }
            let cursor = program.ops[start].p1;
            let Some(target) = program.target_of(cursor, start) else { continue };
            // A skip-scan starts the loop over its one cursor at several places.
            let taken = loops.iter().rposition(|found| found.as_ref().is_some_and(|found| found.cursor == cursor));
            // `EXPLAIN` has Count, Close and then the line; all others have the line first.
            let reach = if program.ops[start].code == "Count" { start + 2 } else { start };
            let candidates = || (taken.map_or(0, |at| at + 1)..nodes.len()).rev();
            let fits =
                |at: &usize| addresses[*at] <= reach && loops[*at].is_none() && self.fits(&nodes[*at], &target, start);
            let likely = candidates().find(|at| fits(at) && self.is_named(&nodes[*at], &target));
            if let Some(at) = likely.or_else(|| candidates().find(fits)) {
                let object = self.object(&target, cursor, start, nodes[at].access());
                loops[at] = Some(Loop { cursor, start, object });
            }
        }
        loops
    }

    /// Returns the address of each line in the program.
    fn addresses(&self, nodes: &[Node]) -> Vec<usize> {
        let mut before = 0;
        let mut addresses: Vec<usize> = Vec::new();
        for (at, row) in self.rows.iter().enumerate() {
            let mut address = usize::try_from(row.id - before).unwrap_or(0);
            address -= self.lines_taken_back(address).min(address);
            let stays = self.loops.program.ops.get(address).is_some_and(|op| op.code == "Explain");
            before += i64::from(!stays);
            // A side of an OR has its line behind the start of its loop, and the line `INDEX n` in front of it.
            let parent = self.parent(at);
            if let Some(parent) = parent.filter(|&parent| matches!(nodes[parent].step, Step::OrTerm(_))) {
                address = addresses[parent];
            }
            addresses.push(address);
        }
        addresses
    }

    /// Returns the line above a line, at the next lower level.
    fn parent(&self, at: usize) -> Option<usize> {
        self.rows[..at].iter().rposition(|above| above.id == self.rows[at].parent)
    }

    /// Returns the starts of the loops within the loop of a line that join another table to it: those of the lines behind it
    /// at the same level, each side of an OR by itself. An EXISTS that runs as a join is a condition.
    fn inner_loops(&self, at: usize, nodes: &[Node], loops: &[Option<Loop<'a>>]) -> Vec<usize> {
        let is_inner = |&other: &usize| {
            let mut above = self.parent(other);
            while let Some(or) = above.filter(|&or| matches!(nodes[or].step, Step::OrTerm(_) | Step::MultiIndexOr)) {
                above = self.parent(or);
            }
            above == self.parent(at) && !nodes[other].access().is_some_and(|access| access.exists)
        };
        let inner = (at + 1..loops.len()).filter(is_inner);
        inner.filter_map(|other| loops[other].as_ref().map(|inner| inner.start)).collect()
    }

    /// Returns the number of lines for `count(DISTINCT x)` above an address that SQLite has taken back. In place of opening
    /// the b-tree, behind the start of the aggregates, the program then has a `Null` or a `Noop`.
    fn lines_taken_back(&self, address: usize) -> usize {
        let ops = &self.loops.program.ops;
        if !ops.iter().any(|op| op.code == "AggStep") {
            return 0;
        }
        let starts = |op: &Op| matches!(op.code.as_str(), "Null" | "OpenEphemeral" | "Noop");
        let is_not_opened = |op: &Op| op.code == "Noop" || (op.code == "Null" && op.p1 == 1);
        ops.windows(2).take(address.saturating_sub(1)).filter(|two| starts(&two[0]) && is_not_opened(&two[1])).count()
    }

    /// Returns true if the line can be about the loop that starts here.
    fn fits(&self, node: &Node, target: &CursorTarget, start: usize) -> bool {
        let Some(access) = node.access() else { return false };
        let at_an_end = self.loops.program.starts_at_an_end(start);
        match (self.loops.object(target), target) {
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
            (None, CursorTarget::Automatic) => matches!(access.path, AccessPath::Automatic { .. }),
            (None, CursorTarget::Virtual(_)) => matches!(access.path, AccessPath::Virtual { .. }),
            (None, _) => false,
        }
    }

    /// Returns false if the line prints the name of another table.
    fn is_named(&self, node: &Node, target: &CursorTarget) -> bool {
        let (Some(access), CursorTarget::Root(..)) = (node.access(), target) else { return true };
        self.loops.object(target).is_some_and(|object| is_printed_for(&access.name, &object.table))
            || self.loops.catalog.table(&access.name).is_none()
    }

    /// Returns the table or index that a loop reads.
    fn object(&self, target: &CursorTarget, cursor: i64, start: usize, access: Option<&Access>) -> Option<&'a Object> {
        match target {
            CursorTarget::Root(..) => self.loops.object(target),
            CursorTarget::Automatic => {
                let program = self.loops.program;
                let ends = program.ends(FILLS_AUTOMATIC_INDEX).filter(|(end, _)| *end < start);
                let (end, op) = ends.filter(|(end, _)| program.filled_index(*end) == Some(cursor)).last()?;
                self.object(&program.target_of(op.p1, end)?, op.p1, end, None)
            }
            CursorTarget::Virtual(address) => {
                let is_printed =
                    |object: &&Object| access.is_some_and(|access| is_printed_for(&access.name, &object.name));
                let mut tables = self.loops.catalog.virtual_tables();
                let printed = self.loops.catalog.virtual_tables().find(is_printed);
                printed.or_else(|| tables.find(|table| self.is_at(table, address)))
            }
            CursorTarget::Temporary => None,
        }
    }

    /// Returns true if this is the virtual table whose object is at an address of this process. The bytecode identifies the
    /// table by nothing else, and the address is the same for each statement of a connection.
    fn is_at(&self, table: &Object, address: &str) -> bool {
        let sql = format!("SELECT 1 FROM {}", quote_identifier(&table.name));
        // A module that is not registered here cannot be the one that the statement reads.
        let Ok(Some(programs)) = bytecode::list(self.connection, &sql) else { return false };
        let mut ops = programs.iter().flat_map(|program| &program.ops);
        ops.any(|op| op.code == "VOpen" && op.p4 == address)
    }

    /// Marks the nodes that read a whole table, and returns the scans that belong to none of them.
    fn set_scans(&self, nodes: &mut [Node], loops: &[Option<Loop<'a>>]) -> Vec<Effect> {
        let Loops { program, flow, .. } = &self.loops;
        let mut unprinted = Vec::new();
        let mut looped: Vec<Option<usize>> = Vec::new();
        for (end, op) in program.ends(FULL_SCAN) {
            let Some(object) = self.loops.object_of(op.p1, end) else { continue };
            let is_of_cursor = |at: &usize| loops[*at].as_ref().is_some_and(|l| l.cursor == op.p1 && l.start < end);
            let owner = (0..loops.len()).filter(is_of_cursor).max_by_key(|at| loops[*at].as_ref().map(|l| l.start));
            looped.push(owner);
            if flow.is_bounded(end) {
                continue;
            }
            let inner = owner.map_or_else(Vec::new, |at| self.inner_loops(at, nodes, loops));
            let scan = self.loops.scan_to(end, object, &inner);
            match owner {
                Some(at) => nodes[at].scan = Some(scan),
                None => unprinted.push(Effect { origin: Origin::Statement, node: scan_of(object, scan) }),
            }
        }
        for (at, found) in loops.iter().enumerate() {
            let Some(Loop { object: Some(object), cursor, start }) = found else { continue };
            let Some(access) = nodes[at].access() else { continue };
            nodes[at].scan = match &access.path {
                AccessPath::Virtual { number, payload } => {
                    let end = program.end_of_virtual_table_loop(*cursor, *start);
                    let is_bounded = end.is_some_and(|end| flow.is_bounded(end));
                    (!is_bounded && reads_all(object, number, payload)).then_some(Scan::VirtualTable)
                }
                AccessPath::Automatic { .. } => Some(Scan::ForAutomaticIndex),
                // count(*) and INSERT INTO … SELECT * FROM have loops of another kind.
                _ if matches!(nodes[at].step, Step::Scan(_)) && !looped.contains(&Some(at)) => Some(of_whole(object)),
                _ => continue,
            };
        }
        for node in nodes {
            if node.table.as_deref().is_some_and(is_own_table) {
                node.scan = None;
            }
        }
        unprinted
    }
}

/// Sets the table and the scan of each node by the names that its line prints.
pub(in crate::plan) fn annotate_from_text(catalog: &Catalog, nodes: &mut [Node]) {
    let subqueries: Vec<String> = nodes
        .iter()
        .filter_map(|node| match &node.step {
            Step::CoRoutine(name) | Step::Materialize(name) => Some(name.clone()),
            _ => None,
        })
        .collect();
    for node in nodes {
        let Some(access) = node.access() else { continue };
        let is_subquery =
            subqueries.contains(&access.name) || access.name.starts_with('(') || access.name.starts_with("SUBQUERY ");
        let index = match &access.path {
            AccessPath::Index { name, .. } => catalog.index(name),
            _ => None,
        };
        let table = index.map(|index| &index.table).or_else(|| {
            let known = catalog.table(&access.name).filter(|_| !is_subquery);
            known.map(|object| &object.name)
        });
        // The alias of a table cannot be told from other names. Missing a scan would be worse than a false alarm.
        let is_taken_for_a_table = !is_subquery && !matches!(access.path, AccessPath::Virtual { .. });
        let table = table.map(ToString::to_string).or_else(|| is_taken_for_a_table.then(|| access.name.clone()));
        let is_scan = matches!(node.step, Step::Scan(_)) || access.path == AccessPath::Table;
        let scan = match (&access.path, &table) {
            (_, None) => None,
            (_, Some(table)) if is_own_table(table) => None,
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
