//! Indexes for several statements, as values and as text.

use std::fmt;

use super::candidate::AdvisedIndex;
use super::upkeep::Upkeep;
use crate::report::{Raw, count, printable};
use crate::sql::on_one_line;

/// An index for several statements.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedIndex {
    /// The `CREATE INDEX`.
    pub sql: String,
    /// The index.
    pub index: AdvisedIndex,
    /// The statements whose plans use it.
    pub statements: Vec<String>,
}

/// A step that no index of a [`SharedAdvice`] removes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftOver {
    /// The statement.
    pub sql: String,
    /// The tables that it still scans, with a name for each scan.
    pub scans: Vec<String>,
    /// True if it still sorts.
    pub sorts: bool,
    /// True if an index would help it, and would make another statement dearer.
    pub is_refused: bool,
}

/// The smallest set of indexes for several statements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedAdvice {
    /// The indexes. None of them makes any of the statements dearer by more than a tenth, in steps on sampled rows, except by
    /// what it takes to keep the index.
    pub indexes: Vec<SharedIndex>,
    /// The price of the indexes for the statements that write.
    pub upkeep: Option<Upkeep>,
    /// The statements that still scan or sort.
    pub left: Vec<LeftOver>,
    /// The statements that could not be planned.
    pub unplanned: Vec<String>,
    /// The statements that no index was searched for, because the search had made as many plans as it may.
    pub unsearched: Vec<String>,
    /// True if the search ended before it had tried to do with fewer indexes.
    pub is_cut_short: bool,
    /// The number of indexes that were tried.
    pub tried: usize,
    /// A lower bound: so many of the statements need an index, and none of the tried ones serves two of these.
    pub least: usize,
}

printable!(
    /// A line for each index, with the number of statements that use it; then the bound, and what is left.
    SharedAdvice
);

impl Raw for SharedAdvice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines: Vec<String> = self.indexes.iter().map(SharedIndex::line).collect();
        if !self.indexes.is_empty() {
            let chosen = self.indexes.len();
            let bound = match self.least {
                least if least == chosen => "fewer cannot serve the same statements".to_owned(),
                least => format!("fewer than {least} cannot serve the same statements"),
            };
            let indexes = if chosen == 1 { "index".to_owned() } else { "indexes".to_owned() };
            lines.push(format!("{chosen} {indexes}, of {} that were tried: {bound}", self.tried));
        }
        lines.extend(self.upkeep.iter().map(Upkeep::to_string));
        lines.extend(self.left.iter().map(LeftOver::line));
        if self.is_cut_short {
            lines.push("fewer indexes may do: the search for the fewest ended early".to_owned());
        }
        lines.extend(self.unsearched.iter().map(|sql| format!("no index was searched for: {}", on_one_line(sql))));
        lines.extend(self.unplanned.iter().map(|sql| format!("not planned: {}", on_one_line(sql))));
        f.write_str(&lines.join("\n"))
    }
}

impl SharedIndex {
    fn line(&self) -> String {
        format!("{}   for {}", self.sql, count(self.statements.len(), "statement"))
    }
}

impl LeftOver {
    fn line(&self) -> String {
        let scans = self.scans.iter().map(|table| format!("scans {table}"));
        let what: Vec<String> = scans.chain(self.sorts.then(|| "sorts".to_owned())).collect();
        let why = match self.is_refused {
            true => "an index for it would make another statement dearer",
            false => "no index helps",
        };
        format!("still {}, because {why}: {}", what.join(" and "), on_one_line(&self.sql))
    }
}
