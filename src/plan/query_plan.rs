//! A query plan as a value, and in words that are the same for all versions of SQLite, for snapshots.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use rusqlite::types::Value;

use super::catalog::Catalog;
use super::tree::{self, Access, Effect, Node, Step, distinct};
use crate::order::SortedSet;
use crate::report::{Raw, printable};
use crate::sql::{Name, tokens};

/// The plan by which SQLite would run a statement. [`explain`](super::explain()) returns one.
///
/// Its `Display` is the plan as SQLite prints it; [`normalized`](Plan::normalized) is the same for all versions of SQLite.
#[derive(Clone)]
pub struct Plan {
    pub(super) sql: String,
    /// The statement with its parameters, if `sql` has their values in their place.
    pub(super) written: Option<String>,
    /// The values of its parameters, by their numbers; empty if it was planned without values.
    pub(super) values: Vec<Value>,
    /// Other statements of the app, which an index for this one is not to make dearer.
    pub(super) others: Vec<Plan>,
    pub(super) nodes: Vec<Node>,
    pub(super) effects: Vec<Effect>,
    pub(super) source: PlanSource,
    pub(super) catalog: Arc<Catalog>,
    /// The tables that the next assertion lets the plan scan.
    pub(super) allowed: RefCell<Vec<String>>,
    /// The plan without statistics, if the plan was made with those of few rows and the statement can be planned without.
    pub(super) without_statistics: Option<Box<Plan>>,
}

/// The source of what a plan says about its loops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanSource {
    /// The bytecode: the real tables, triggers and foreign-key actions, and what is read as a whole.
    Bytecode,
    /// The text of the plan alone, because this version of SQLite lists bytecode in a form that sqlitmus does not know.
    Text,
}

/// The statistics of ANALYZE that a plan was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Statistics {
    /// None: the plan does not depend on the rows.
    None,
    /// sqlite_stat1: numbers of rows.
    Counts,
    /// sqlite_stat1 and sqlite_stat4: numbers of rows, and samples of values.
    Samples,
}

impl Plan {
    /// Returns the statement.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// Notes that the app has written `sql` with parameters, and has bound to them what the planned statement has in their
    /// place. Advice is for all values.
    pub(crate) fn written_as(mut self, sql: &str) -> Plan {
        self.written = Some(sql.to_owned());
        self
    }

    /// Notes other statements of the app, on the same database.
    pub(crate) fn among(mut self, others: Vec<Plan>) -> Plan {
        self.others = others;
        self
    }

    /// Returns the statement as the app has written it.
    pub(super) fn written(&self) -> &str {
        self.written.as_deref().unwrap_or(&self.sql)
    }

    /// Returns the statement to measure: with parameters, unless it was planned for its values.
    pub(crate) fn measured_sql(&self) -> &str {
        if self.depends_on_values() { &self.sql } else { self.written() }
    }

    /// Returns the outermost lines of the plan, each with the lines below it. Most statements that only insert have none.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Returns all lines of the plan, from the first to the last.
    pub fn lines(&self) -> impl Iterator<Item = &Node> {
        tree::walk(&self.nodes).into_iter().map(|(_, node)| node)
    }

    /// Returns the loops that SQLite does not print: those of triggers and of foreign-key actions.
    pub fn effects(&self) -> &[Effect] {
        &self.effects
    }

    /// Returns the source of what the plan says about its loops.
    pub fn source(&self) -> PlanSource {
        self.source
    }

    /// Returns the version of SQLite that made the plan, such as `3.54.1`.
    pub fn sqlite_version(&self) -> &str {
        rusqlite::version()
    }

    /// Returns the kind of statistics that the plan was made with.
    pub fn statistics(&self) -> Statistics {
        match (self.catalog.statistics.counts.is_empty(), self.catalog.statistics.samples.is_empty()) {
            (_, false) => Statistics::Samples,
            (false, true) => Statistics::Counts,
            (true, true) => Statistics::None,
        }
    }

    /// Returns the objects on which SQLite plans the statement as it did. A child table that the plan does not read is none.
    pub(super) fn surroundings(&self) -> Catalog {
        self.surroundings_without(&SortedSet::new())
    }

    /// Returns the [`surroundings`](Plan::surroundings) without children that only foreign keys lead to.
    pub(super) fn surroundings_without(&self, children: &SortedSet<Name>) -> Catalog {
        let read: SortedSet<Name> = self.all().filter_map(|node| node.table.as_deref().map(Name::from)).collect();
        self.catalog.around(&self.sql, |child| read.contains(child) && !children.contains(child))
    }

    /// Returns the lines of the plan, then the loops that SQLite does not print.
    pub(super) fn all(&self) -> impl Iterator<Item = &Node> {
        self.lines().chain(self.effects.iter().map(|effect| &effect.node))
    }

    /// Returns the tables whose statistics are of few rows, with the number of rows.
    pub(super) fn tables_of_few_rows(&self) -> Vec<(&str, u64)> {
        let tables = self.all().filter_map(|node| node.table.as_deref());
        distinct(tables.filter_map(|table| Some((table, self.catalog.few_rows(table)?))))
    }

    /// Returns true if any loop uses the index.
    pub(crate) fn uses_index(&self, index: &str) -> bool {
        self.all().any(|node| node.uses_index(index))
    }

    /// Returns the tables that are read as a whole, with or without the statistics, except those named.
    pub(crate) fn scanned_tables(&self, allowed: &[String]) -> Vec<Name> {
        let of = |plan: &Plan| -> Vec<Name> {
            let scans = plan.all().filter(|node| node.is_scan() && !allowed.iter().any(|table| node.is_of(table)));
            scans.map(|node| node.table.as_deref().unwrap_or(&node.text).into()).collect()
        };
        distinct(of(self).into_iter().chain(self.without_statistics.as_deref().map(of).unwrap_or_default()))
    }

    /// Returns true if `table` is read as a whole, with or without the statistics. False if there is no such table.
    pub(crate) fn scans(&self, table: &str) -> bool {
        let scans = |plan: &Plan| plan.all().any(|node| node.is_scan() && node.is_of(table));
        scans(self) || self.without_statistics.as_deref().is_some_and(scans)
    }
}

printable!(
    /// Writes the plan as SQLite prints it, indented by two spaces for each level.
    Plan
);

impl Raw for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (depth, node)) in tree::walk(&self.nodes).into_iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}{}", tree::line(depth, &node.text))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("sql", &self.sql)
            .field("nodes", &self.nodes)
            .field("effects", &self.effects)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl Plan {
    /// Returns the plan for a snapshot: the same text for the same plan on SQLite 3.45 to 3.54.
    ///
    /// Bloom filters are left out because they depend on the version and on statistics. Subqueries are numbered from 1 in
    /// the order in which they are mentioned, `CO-ROUTINE` becomes `MATERIALIZE`, and the choice of a virtual table's module
    /// becomes `?`.
    pub fn normalized(&self) -> String {
        self.normal_lines().into_iter().map(|(_, line)| line).collect::<Vec<_>>().join("\n")
    }

    /// Returns the lines of [`normalized`](Plan::normalized), each with true if it scans a table.
    fn normal_lines(&self) -> Vec<(bool, String)> {
        let mut numbers = Numbers::default();
        let lines = tree::walk(&self.nodes).into_iter().filter_map(|(depth, node)| {
            let text = normal(node, &mut numbers)?;
            Some((node.is_scan(), tree::line(depth, &text)))
        });
        lines.collect()
    }

    /// Returns the normalized lines with the scans marked, and the scans of triggers and foreign-key actions that SQLite does
    /// not print.
    pub(crate) fn marked_lines(&self) -> Vec<String> {
        let mut lines = self.normal_lines();
        for effect in self.effects.iter().filter(|effect| effect.node.is_scan()) {
            if let Some(text) = normal(&effect.node, &mut Numbers::default()) {
                lines.push((true, format!("{}   in {}", tree::line(0, &text), effect.origin)));
            }
        }
        lines.into_iter().map(|(scans, line)| format!("{}{line}", if scans { "> " } else { "  " })).collect()
    }

    /// Returns true if SQLite may plan the statement differently when it knows the values of its parameters. It compares them
    /// with the WHERE of a partial index, looks them up in the samples of ANALYZE, and searches by the prefix of a LIKE or
    /// GLOB.
    pub(crate) fn depends_on_values(&self) -> bool {
        let reads = |table: &Name| self.lines().any(|node| node.table.as_deref().is_some_and(|name| table == name));
        !self.catalog.statistics.samples.is_empty()
            || self.catalog.objects.iter().any(|object| object.partial && reads(&object.table))
            || tokens(&self.sql).iter().any(|token| token.is("LIKE") || token.is("GLOB"))
    }
}

pub(super) fn normal(node: &Node, numbers: &mut Numbers) -> Option<String> {
    Some(match &node.step {
        Step::BloomFilter(_) => return None,
        Step::Scan(access) => format!("SCAN {}", normal_access(access, numbers)),
        Step::Search(access) => format!("SEARCH {}", normal_access(access, numbers)),
        Step::ConstantRows(1) => "SCAN CONSTANT ROW".to_owned(),
        Step::ConstantRows(count) => format!("SCAN {count} CONSTANT ROWS"),
        Step::TempBTree(purpose) => format!("USE TEMP B-TREE FOR {}", normal_purpose(purpose)),
        Step::Subquery { kind, number, correlated, reused } => {
            let reused = if *reused { "REUSE " } else { "" };
            let correlated = if *correlated { "CORRELATED " } else { "" };
            format!("{reused}{correlated}{kind} SUBQUERY {}", numbers.of(&number.to_string()))
        }
        Step::CoRoutine(name) | Step::Materialize(name) => format!("MATERIALIZE {}", numbers.in_name(name)),
        Step::RightJoin(name) => format!("RIGHT-JOIN {}", numbers.in_name(name)),
        _ => node.text.clone(),
    })
}

fn normal_access(access: &Access, numbers: &mut Numbers) -> String {
    let printed = access.alias.as_deref().unwrap_or(&access.name);
    let mut text = numbers.in_name(printed);
    if access.exists {
        text.push_str(" EXISTS");
    }
    text.push_str(&access.path.suffix());
    if let Some(constraint) = &access.constraint {
        text.push_str(&format!(" ({constraint})"));
    }
    if access.left_join {
        text.push_str(" LEFT-JOIN");
    }
    text
}

/// `RIGHT PART OF ORDER BY`, as SQLite prints it until 3.45, is `LAST TERM OF ORDER BY` or `LAST 2 TERMS` from 3.46 on.
fn normal_purpose(purpose: &str) -> String {
    match purpose.split_once(" OF ") {
        Some((part, whole)) if part == "RIGHT PART" || part.starts_with("LAST ") => format!("LAST TERMS OF {whole}"),
        _ => purpose.to_owned(),
    }
}

/// New numbers for subqueries. SQLite's own change with its optimizations.
#[derive(Default)]
pub(super) struct Numbers {
    seen: Vec<String>,
}

impl Numbers {
    fn of(&mut self, number: &str) -> usize {
        let at = self.seen.iter().position(|seen| seen == number).unwrap_or_else(|| {
            self.seen.push(number.to_owned());
            self.seen.len() - 1
        });
        at + 1
    }

    /// Renumbers `(subquery-7)` and `(join-7)`, which SQLite prints for subqueries and joins without a name.
    fn in_name(&mut self, name: &str) -> String {
        for kind in ["subquery", "join"] {
            let number = name.strip_prefix(&*format!("({kind}-")).and_then(|rest| rest.strip_suffix(')'));
            let number = number.filter(|number| number.chars().all(|c| c.is_ascii_digit()));
            if let Some(number) = number {
                return format!("({kind}-{})", self.of(number));
            }
        }
        name.to_owned()
    }
}
