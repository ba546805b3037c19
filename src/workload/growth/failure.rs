//! What is said of a query that grows too fast.

use super::{Growth, GrowthReport, Ran};
use crate::error::{Error, ErrorKind};
use crate::plan::{AccessPath, Node, Scan, Step};

/// How many queries of the code's are listed.
const SHOWN: usize = 5;

impl GrowthReport {
    pub(super) fn failure(&self, most: Growth) -> Error {
        let what = if self.sql.is_some() { "the query" } else { "what the code runs" };
        let allowed = match most {
            Growth::Constant => "and should stay constant".to_owned(),
            most => format!("and should at most be {most}"),
        };
        let headline = format!("{what} {} with the database, {allowed}", self.growth.in_words());
        let mut error = match &self.plan {
            Some(plan) => plan.failure(headline, grows),
            None => match self.sql.as_deref() {
                Some(sql) => Error::new(ErrorKind::Plan, headline).sql(sql),
                None => Error::new(ErrorKind::Plan, headline),
            },
        };
        error = error.evidence("steps of SQLite's virtual machine", self.to_string());
        if let Some(ran) = self.ran.last() {
            let size = self.sizes.last().copied().unwrap_or_default();
            error = error.evidence(format!("what cost most at n = {size}"), self.queries(ran, most));
        }
        if self.returned.first() < self.returned.last() {
            error = error.note(format!("it returned {} rows, and each costs steps", in_a_row(&self.returned)));
        }
        if let Some(dearest) = self.ran.last().and_then(|ran| ran.iter().max_by_key(|one| one.steps)) {
            let times = self.of_query(&dearest.normalized, |one| one.times);
            if times.first() < times.last() {
                error = error.note(format!("what cost most ran {} times", in_a_row(&times)));
            }
        }
        if self.walked {
            error = error.note(
                "count(*) and DELETE of a whole table are one instruction; each of its rows is counted as a step",
            );
        }
        error
    }

    /// The dearest queries, those marked that grow faster than they may.
    fn queries(&self, ran: &[Ran], most: Growth) -> String {
        let mut ran: Vec<&Ran> = ran.iter().collect();
        // Stable, so that equals stay in the order in which they ran.
        ran.sort_by_key(|one| std::cmp::Reverse(one.steps));
        let line = |one: &&Ran| {
            let mark = if Growth::of(&self.sizes, &self.of_query(&one.normalized, |one| one.steps)) > most {
                "> "
            } else {
                ""
            };
            let times = if one.times == 1 { String::new() } else { format!("{} times, ", one.times) };
            format!("{mark}{}   {times}{} steps", one.normalized, one.steps)
        };
        let mut lines: Vec<String> = ran.iter().take(SHOWN).map(line).collect();
        if ran.len() > SHOWN {
            lines.push(format!("and {} more", ran.len() - SHOWN));
        }
        lines.join("\n")
    }

    /// A number of a query at each size; nought where it did not run.
    fn of_query(&self, normalized: &str, number: fn(&Ran) -> u64) -> Vec<u64> {
        let at = |ran: &Vec<Ran>| ran.iter().find(|one| one.normalized == normalized).map_or(0, number);
        self.ran.iter().map(at).collect()
    }
}

fn in_a_row(numbers: &[u64]) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

/// Whether what a line of a plan does is more with more rows.
fn grows(node: &Node) -> bool {
    let scans = matches!(node.scan, Some(Scan::Table | Scan::Index(_) | Scan::ForAutomaticIndex | Scan::VirtualTable));
    let automatic = matches!(node.access().map(|access| &access.path), Some(AccessPath::Automatic { .. }));
    scans || automatic || matches!(&node.step, Step::TempBTree(_) | Step::Subquery { correlated: true, .. })
}
