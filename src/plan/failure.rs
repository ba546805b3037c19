//! What is said of a plan that is not as it was asserted.

use super::advice::Goal;
use super::tree::{self, Node, Scan, Step};
use super::{Plan, PlanSource};
use crate::error::{Error, ErrorKind};

impl Plan {
    /// The report of this plan, with the lines marked that `guilty` names.
    pub(crate) fn failure(&self, headline: impl Into<String>, guilty: impl Fn(&Node) -> bool) -> Error {
        let mark = |node: &Node| if guilty(node) { "> " } else { "" };
        let lines = tree::walk(&self.nodes).into_iter();
        let mut lines: Vec<String> =
            lines.map(|(depth, node)| format!("{}{}", mark(node), tree::line(depth, &node.text))).collect();
        if lines.is_empty() {
            lines.push("(the statement itself reads no table)".to_owned());
        }
        let version = self.sqlite_version();
        let mut error = Error::new(ErrorKind::Plan, headline)
            .sql(&self.sql)
            .evidence(format!("plan (SQLite {version})"), lines.join("\n"));
        if !self.effects.is_empty() {
            let lines = self.effects.iter().map(|effect| {
                let node = &effect.node;
                format!("{}{}   in {}", mark(node), tree::line(0, &node.text), effect.origin)
            });
            error = error.evidence("besides", lines.collect::<Vec<_>>().join("\n"));
        }
        self.notes(error, &guilty)
    }

    /// The report of scans of whole tables.
    pub(super) fn scan_failure(&self, guilty: impl Fn(&Node) -> bool) -> Error {
        let mut tables: Vec<&str> = Vec::new();
        for node in self.all().filter(|node| guilty(node)) {
            let table = node.table.as_deref().unwrap_or(&node.text);
            if !tables.contains(&table) {
                tables.push(table);
            }
        }
        let headline = match tables.as_slice() {
            [table] => format!("query plan scans a whole table: {table}"),
            tables => format!("query plan scans whole tables: {}", tables.join(", ")),
        };
        let goal = Goal::Scans(tables.iter().map(|&table| table.to_owned()).collect());
        let mut error = self.with_advice(self.failure(headline, guilty), &goal);
        for table in &tables {
            error = error.help(format!("if the scan is meant, say so: .allow_scan({table:?})"));
        }
        error
    }

    fn notes(&self, mut error: Error, guilty: &impl Fn(&Node) -> bool) -> Error {
        let mut notes: Vec<String> = Vec::new();
        for node in self.all() {
            let table = node.table.as_deref().unwrap_or_default();
            let is_guilty = guilty(node);
            match &node.scan {
                Some(Scan::PartialIndex(index)) => notes.push(format!(
                    "reading all of {index} is not taken for a scan of {table}: it is a partial index, and holds only the rows of its WHERE"
                )),
                Some(Scan::Index(index)) if is_guilty => {
                    notes.push(format!("the scan is of the index {index}, which has every row of {table}"));
                }
                Some(Scan::ForAutomaticIndex) if is_guilty => notes.push(format!(
                    "SQLite reads all of {table} to make an automatic index of it, each time that the statement runs"
                )),
                Some(Scan::VirtualTable) if is_guilty => {
                    notes.push(format!("the module of {table} was given nothing to search by"));
                }
                _ => {}
            }
            if is_guilty
                && node.scan.is_some()
                && matches!(&node.step, Step::Search(access) if access.constraint.is_none())
            {
                let whole = matches!(node.scan, Some(Scan::Table | Scan::Index(_)));
                if whole {
                    notes.push(format!("SQLite prints SEARCH for a min() or max() of {table}, and reads all of it"));
                }
            }
            if is_guilty {
                notes.extend(self.note_on_few_rows(node, guilty));
            }
        }
        if self.source == PlanSource::Text {
            notes.push(format!(
                "this is judged by the text of the plan alone: the bytecode of SQLite {} is not known",
                self.sqlite_version()
            ));
        }
        notes.dedup();
        for note in notes {
            error = error.note(note);
        }
        error
    }
}
