//! Reads the lines of `EXPLAIN QUERY PLAN`. Opens no connection.
//!
//! SQLite prints names without quotes, so `SCAN a USING INDEX b` may be the scan of a table of that name. A line is
//! therefore read from its end, where SQLite appends known words, and by the names of the indexes that exist.

use super::tree::{Access, AccessPath, Node, Step};
use crate::sql::same_name;

/// The version of SQLite from which on a line reads `SCAN t` in place of `SCAN TABLE t`.
const WITHOUT_THE_WORD_TABLE: i32 = 3_036_000;

/// Returns true if the linked SQLite writes `SCAN TABLE x AS y`.
pub(super) fn is_old_sqlite() -> bool {
    rusqlite::version_number() < WITHOUT_THE_WORD_TABLE
}

/// A row of `EXPLAIN QUERY PLAN`.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) parent: i64,
    pub(super) detail: String,
}

/// Facts that help to tell names from SQLite's own words.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hints<'a> {
    /// The indexes that exist; empty if they are not known.
    pub(super) indexes: &'a [&'a str],
    /// True for lines of the form `SCAN TABLE x AS y`, which SQLite writes before 3.36.
    pub(super) old: bool,
}

/// Returns the rows as nodes without children, in their order.
pub(super) fn nodes(rows: &[Row], hints: Hints<'_>) -> Vec<Node> {
    rows.iter().map(|row| Node::new(row.detail.clone(), step(&row.detail, hints))).collect()
}

/// Puts each node below its parent. A node whose parent is missing becomes a root.
pub(super) fn tree(rows: &[Row], nodes: Vec<Node>) -> Vec<Node> {
    let mut roots: Vec<Node> = Vec::new();
    // The nodes from a root to the one that was read last.
    let mut branch: Vec<(i64, Node)> = Vec::new();
    let up = |branch: &mut Vec<(i64, Node)>, roots: &mut Vec<Node>| {
        if let Some((_, node)) = branch.pop() {
            branch.last_mut().map_or(roots, |(_, parent)| &mut parent.children).push(node);
        }
    };
    for (row, node) in rows.iter().zip(nodes) {
        while branch.last().is_some_and(|(id, _)| *id != row.parent) {
            up(&mut branch, &mut roots);
        }
        branch.push((row.id, node));
    }
    while !branch.is_empty() {
        up(&mut branch, &mut roots);
    }
    roots
}

/// Returns the meaning of a line.
pub(super) fn step(line: &str, hints: Hints<'_>) -> Step {
    known(line, hints).unwrap_or_else(|| Step::Other(line.to_owned()))
}

fn known(line: &str, hints: Hints<'_>) -> Option<Step> {
    match line {
        "SCAN CONSTANT ROW" => return Some(Step::ConstantRows(1)),
        "MULTI-INDEX OR" => return Some(Step::MultiIndexOr),
        "SETUP" => return Some(Step::RecursionSetup),
        "RECURSIVE STEP" => return Some(Step::RecursionStep),
        "CREATE BLOOM FILTER" => return Some(Step::BloomFilter(None)),
        "COMPOUND QUERY" | "LEFT-MOST SUBQUERY" | "LEFT" | "RIGHT" => return Some(Step::Compound(line.to_owned())),
        _ => {}
    }
    if ["UNION", "INTERSECT", "EXCEPT", "MERGE ("].iter().any(|word| line.starts_with(word)) {
        return Some(Step::Compound(line.to_owned()));
    }
    let (word, rest) = line.split_once(' ')?;
    match word {
        "SCAN" => Some(constant_rows(rest).unwrap_or_else(|| Step::Scan(access(rest, hints)))),
        "SEARCH" => Some(Step::Search(access(rest, hints))),
        "INDEX" => rest.parse().ok().map(Step::OrTerm),
        "USE" => rest.strip_prefix("TEMP B-TREE FOR ").map(|purpose| Step::TempBTree(purpose.to_owned())),
        "CO-ROUTINE" => Some(Step::CoRoutine(rest.to_owned())),
        "MATERIALIZE" => Some(Step::Materialize(rest.to_owned())),
        "RIGHT-JOIN" => Some(Step::RightJoin(rest.to_owned())),
        "BLOOM" => {
            let rest = rest.strip_prefix("FILTER ON ")?;
            let name = rest.rfind(" (").map_or(rest, |at| &rest[..at]);
            Some(Step::BloomFilter(Some(name.to_owned())))
        }
        _ => subquery(line),
    }
}

/// `SCAN 3 CONSTANT ROWS`, `SCAN 3-ROW VALUES CLAUSE`.
fn constant_rows(rest: &str) -> Option<Step> {
    let number = rest.strip_suffix(" CONSTANT ROWS").or_else(|| rest.strip_suffix(" CONSTANT ROW"));
    let number = number.or_else(|| rest.strip_suffix("-ROW VALUES CLAUSE"))?;
    number.parse().ok().map(Step::ConstantRows)
}

/// `CORRELATED SCALAR SUBQUERY 2`, `REUSE LIST SUBQUERY 3`; before 3.39 with `EXECUTE` in front.
fn subquery(line: &str) -> Option<Step> {
    let line = line.strip_prefix("EXECUTE ").unwrap_or(line);
    let (rest, reused) = line.strip_prefix("REUSE ").map_or((line, false), |rest| (rest, true));
    let (rest, correlated) = rest.strip_prefix("CORRELATED ").map_or((rest, false), |rest| (rest, true));
    let (kind, number) = match rest.split_once("SUBQUERY ")? {
        // `REUSE SUBQUERY 2` does not say which kind; only a scalar one is printed so.
        ("", number) => ("SCALAR", number),
        (kind, number) => (kind.strip_suffix(' ')?, number),
    };
    let number = number.parse().ok()?;
    matches!(kind, "SCALAR" | "LIST").then(|| Step::Subquery { kind: kind.to_owned(), number, correlated, reused })
}

/// Reads what follows `SCAN ` or `SEARCH `, from its end to its beginning.
fn access(rest: &str, hints: Hints<'_>) -> Access {
    let (rest, left_join) = rest.strip_suffix(" LEFT-JOIN").map_or((rest, false), |rest| (rest, true));
    let (name, path, constraint) = path(rest, hints);
    // SQLite prints the mark behind the name from 3.51 on. A table could be called "x EXISTS", but none is in practice.
    let (name, exists) = name.strip_suffix(" EXISTS").map_or((name, false), |name| (name, true));
    let mut name = name;
    let mut alias = None;
    if hints.old {
        name = name.strip_prefix("TABLE ").unwrap_or(name);
        if let Some((table, given)) = name.rsplit_once(" AS ") {
            (name, alias) = (table, Some(given.to_owned()));
        }
    }
    Access { name: name.to_owned(), alias, path, constraint, left_join, exists }
}

type Found<'a> = (&'a str, AccessPath, Option<String>);

fn path<'a>(rest: &'a str, hints: Hints<'_>) -> Found<'a> {
    let found = index(rest, hints.indexes, true)
        .or_else(|| virtual_table(rest))
        .or_else(|| keyed(rest, " USING INTEGER PRIMARY KEY (", AccessPath::Rowid))
        .or_else(|| keyed(rest, " USING PRIMARY KEY (", AccessPath::PrimaryKey))
        .or_else(|| automatic(rest))
        .or_else(|| index(rest, hints.indexes, false));
    found.unwrap_or((rest, AccessPath::Table, None))
}

/// `x VIRTUAL TABLE INDEX 0:M1`.
fn virtual_table(rest: &str) -> Option<Found<'_>> {
    let (name, choice) = rest.rsplit_once(" VIRTUAL TABLE INDEX ")?;
    let (number, payload) = choice.split_once(':')?;
    let digits = number.strip_prefix("0x").unwrap_or(number);
    let is_number = !digits.is_empty() && digits.trim_start_matches('-').chars().all(|c| c.is_ascii_hexdigit());
    is_number.then(|| (name, AccessPath::Virtual { number: number.to_owned(), payload: payload.to_owned() }, None))
}

fn keyed<'a>(rest: &'a str, word: &str, path: AccessPath) -> Option<Found<'a>> {
    let (name, constraint) = rest.strip_suffix(')')?.rsplit_once(word)?;
    looks_like_a_constraint(constraint).then(|| (name, path, Some(constraint.to_owned())))
}

fn automatic(rest: &str) -> Option<Found<'_>> {
    let words = [(" USING AUTOMATIC COVERING INDEX", false), (" USING AUTOMATIC PARTIAL COVERING INDEX", true)];
    words.into_iter().find_map(|(word, partial)| {
        let path = AccessPath::Automatic { partial };
        match rest.strip_suffix(word) {
            Some(name) => Some((name, path, None)),
            None => keyed(rest, &format!("{word} ("), path),
        }
    })
}

/// `x USING INDEX y (a=? AND b>?)`. If the line can be read in several ways, the one that names an existing index is right;
/// among several of those, the one with the longest name of an index. With `only_known` the index has to exist.
fn index<'a>(rest: &'a str, known: &[&str], only_known: bool) -> Option<Found<'a>> {
    let mut best: Option<(Found<'a>, bool, usize)> = None;
    for (word, covering) in [(" USING INDEX ", false), (" USING COVERING INDEX ", true)] {
        for (at, _) in rest.match_indices(word) {
            let (name, tail) = (&rest[..at], &rest[at + word.len()..]);
            for (index, constraint) in index_and_constraint(tail) {
                let exists = known.iter().any(|known| same_name(known, index));
                if only_known && !exists {
                    continue;
                }
                // Without the name of an existing index, SQLite appended what is furthest to the right.
                let weight = if exists { index.len() } else { at };
                if best.as_ref().is_none_or(|(_, other, than)| (exists, weight) > (*other, *than)) {
                    let path = AccessPath::Index { name: index.to_owned(), covering };
                    best = Some(((name, path, constraint.map(str::to_owned)), exists, weight));
                }
            }
        }
    }
    best.map(|(found, ..)| found)
}

/// Returns the ways to split `y (a=?)` into the name of an index and a constraint, the likeliest first.
fn index_and_constraint(tail: &str) -> Vec<(&str, Option<&str>)> {
    let inner = tail.strip_suffix(')').unwrap_or_default();
    let splits = inner.match_indices(" (").map(|(at, _)| (&tail[..at], &inner[at + 2..]));
    let constrained = splits.filter(|(_, constraint)| looks_like_a_constraint(constraint));
    constrained.map(|(name, constraint)| (name, Some(constraint))).chain([(tail, None)]).collect()
}

/// `a=? AND (b,c)>(?,?)`, `ANY(a) AND b=?`.
fn looks_like_a_constraint(text: &str) -> bool {
    ["=?", ">?", "<?", ">(?", "<(?", "=(?"].iter().any(|sign| text.contains(sign)) || text.starts_with("ANY(")
}
