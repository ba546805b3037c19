//! Notices that what a query reads does not grow with n, so that its steps cannot grow either.

use super::sample::{QueryRuns, Sample};
use crate::report::count;
use crate::sql::Name;

/// The tables and results that do not grow with n.
#[derive(Debug)]
pub(super) enum Standstill {
    /// Everything that is read grows, or is fixed by the query itself: a row by its key, a LIMIT.
    None,
    /// No table that is used has more rows for a larger n. The tables, and the rows of all of them.
    Tables(Vec<(Name, u64)>),
    /// The tables grow, but not the rows that these queries find, although there could be any number of them.
    Rows(Vec<FoundRows>),
}

/// The rows that a query examines at each size.
#[derive(Debug)]
pub(super) struct FoundRows {
    normalized: String,
    examined: Vec<u64>,
}

impl Standstill {
    pub(super) fn of(samples: &[Sample]) -> Standstill {
        let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return Standstill::None };
        let rows = |sample: &Sample, table: &Name| {
            sample.tables.iter().find(|(name, _)| *table == *name.as_str()).map(|(_, rows)| *rows)
        };
        let mut used: Vec<(Name, u64)> = Vec::new();
        for table in last.queries.iter().flat_map(|query| &query.opened.tables) {
            let Some(now) = rows(last, table).filter(|_| used.iter().all(|(known, _)| known != table)) else {
                continue;
            };
            if rows(first, table) != Some(now) {
                used.clear();
                return Standstill::of_rows(samples, last);
            }
            used.push((table.clone(), now));
        }
        if used.is_empty() { Standstill::None } else { Standstill::Tables(used) }
    }

    fn of_rows(samples: &[Sample], last: &Sample) -> Standstill {
        let mut found = Vec::new();
        for query in &last.queries {
            let of_query = |sample: &Sample| -> u64 {
                let runs = |runs: &&QueryRuns| runs.normalized == query.normalized;
                sample.queries.iter().find(runs).map_or(0, |runs| runs.examined)
            };
            let examined: Vec<u64> = samples.iter().map(of_query).collect();
            if !stands_still(&examined) {
                return Standstill::None;
            }
            if query.opened.has_open_loop {
                found.push(FoundRows { normalized: query.normalized.clone(), examined });
            }
        }
        if found.is_empty() { Standstill::None } else { Standstill::Rows(found) }
    }

    /// Returns the lines of a report.
    pub(super) fn in_words(&self) -> Option<String> {
        let lines: Vec<String> = match self {
            Standstill::None => return None,
            Standstill::Tables(tables) => {
                tables.iter().map(|(table, rows)| format!("{table} has {} for each n", count(*rows, "row"))).collect()
            }
            Standstill::Rows(queries) => queries.iter().map(FoundRows::in_words).collect(),
        };
        Some(lines.join("\n"))
    }
}

impl FoundRows {
    fn in_words(&self) -> String {
        let examined: Vec<String> = self.examined.iter().map(u64::to_string).collect();
        format!("the rows that it reads do not grow with n, they are {}: {}", examined.join(", "), self.normalized)
    }
}

/// Returns true if the rows at the last size are about as many as at the first. n is at least four times as large, and
/// random rows vary by a few.
fn stands_still(examined: &[u64]) -> bool {
    match examined {
        [first, .., last] => *last <= 2 * (*first).max(2),
        _ => false,
    }
}
