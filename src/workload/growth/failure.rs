//! The report of a query that grows too fast.

use super::class::Growth;
use super::report::GrowthReport;
use crate::error::{Error, ErrorKind};
use crate::plan::{AccessPath, Node, Scan, Step};

/// The number of the code's queries that are listed.
const SHOWN: usize = 5;

pub(super) fn render(report: &GrowthReport, most: Growth) -> Error {
    let subject = if report.sql.is_some() { "the query" } else { "what the code runs" };
    let allowed = match most {
        Growth::Constant => "but should stay constant".to_owned(),
        most => format!("but should be at most {most}"),
    };
    let headline = format!("{subject} {} with the database, {allowed}", in_words(report.growth()));
    let mut error = match (&report.plan, report.sql.as_deref()) {
        (Some(plan), _) => plan.failure(headline, grows),
        (None, Some(sql)) => Error::new(ErrorKind::Plan, headline).sql(sql),
        (None, None) => Error::new(ErrorKind::Plan, headline),
    };
    error = error.evidence("steps of SQLite's virtual machine", report.to_string());
    if !report.queries.is_empty() {
        let size = report.sizes().last().copied().unwrap_or_default();
        error = error.evidence(format!("most expensive at n = {size}"), queries(report, most));
    }
    if report.returned.first() < report.returned.last() {
        error = error.note(format!("it returned {} rows, and each row takes steps", in_a_row(&report.returned)));
    }
    if let Some(first) = report.queries.first().filter(|first| first.times.first() < first.times.last()) {
        error = error.note(format!("the most expensive query ran {} times", in_a_row(&first.times)));
    }
    if report.has_single_step_rows {
        error = error
            .note("count(*) and DELETE of a whole table are one instruction; each row of the table counts as a step");
    }
    error
}

/// Lists the most expensive queries, and marks those that grow faster than they may.
fn queries(report: &GrowthReport, most: Growth) -> String {
    let shown = report.queries.iter().take(SHOWN).map(|query| {
        let last = |numbers: &[u64]| numbers.last().copied().unwrap_or_default();
        let mark = if query.growth > most { "> " } else { "" };
        let times = match last(&query.times) {
            1 => String::new(),
            times => format!("{times} times, "),
        };
        format!("{mark}{}   {times}{} steps", query.normalized, last(&query.steps))
    });
    let mut lines: Vec<String> = shown.collect();
    if report.queries.len() > SHOWN {
        lines.push(format!("and {} more", report.queries.len() - SHOWN));
    }
    lines.join("\n")
}

fn in_a_row(numbers: &[u64]) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

fn in_words(growth: Growth) -> &'static str {
    match growth {
        Growth::Constant => "stays constant",
        Growth::Logarithmic => "grows logarithmically",
        Growth::Linear => "grows linearly",
        Growth::NLogN => "grows as n log n",
        Growth::Quadratic => "grows quadratically",
        Growth::Steeper => "grows faster than quadratically",
    }
}

/// Returns true if a line of a plan takes more steps with more rows.
fn grows(node: &Node) -> bool {
    let scans = matches!(node.scan, Some(Scan::Table | Scan::Index(_) | Scan::ForAutomaticIndex | Scan::VirtualTable));
    let is_automatic = matches!(node.access().map(|access| &access.path), Some(AccessPath::Automatic { .. }));
    scans || is_automatic || matches!(&node.step, Step::TempBTree(_) | Step::Subquery { correlated: true, .. })
}
