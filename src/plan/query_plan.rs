//! A query plan as a value.

use std::cell::RefCell;
use std::fmt;

use rusqlite::types::Value;

use super::catalog::Catalog;
use super::tree::{self, Effect, Node};

/// The plan by which SQLite would run a statement. [`explain`](super::explain()) returns one.
///
/// Its `Display` is the plan as SQLite prints it; [`normalized`](Plan::normalized) is the same for all versions of SQLite.
#[derive(Clone)]
pub struct Plan {
    pub(super) sql: String,
    /// The values of its parameters, by their numbers; empty if it was planned without values.
    pub(super) values: Vec<Value>,
    pub(super) nodes: Vec<Node>,
    pub(super) effects: Vec<Effect>,
    pub(super) source: PlanSource,
    pub(super) catalog: Catalog,
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

    /// Returns the lines of the plan, then the loops that SQLite does not print.
    pub(super) fn all(&self) -> impl Iterator<Item = &Node> {
        self.lines().chain(self.effects.iter().map(|effect| &effect.node))
    }

    /// Returns the tables whose statistics are of few rows, with the number of rows.
    pub(super) fn tables_of_few_rows(&self) -> Vec<(&str, u64)> {
        let mut few: Vec<(&str, u64)> = Vec::new();
        for table in self.all().filter_map(|node| node.table.as_deref()) {
            let found = self.catalog.few_rows(table).map(|rows| (table, rows));
            few.extend(found.filter(|found| !few.contains(found)));
        }
        few
    }

    /// Returns true if any loop uses the index.
    pub(crate) fn uses_index(&self, index: &str) -> bool {
        self.all().any(|node| node.uses_index(index))
    }

    /// Returns true if `table` is read as a whole, with or without the statistics. False if there is no such table.
    pub(crate) fn scans(&self, table: &str) -> bool {
        let scans = |plan: &Plan| plan.all().any(|node| node.is_scan() && node.is_of(table));
        scans(self) || self.without_statistics.as_deref().is_some_and(scans)
    }
}

/// Writes the plan as SQLite prints it, indented by two spaces for each level.
impl fmt::Display for Plan {
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
