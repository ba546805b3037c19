//! The growth of a query's work as a value.

use std::cmp::Reverse;
use std::fmt;

use super::class::Growth;
use crate::plan::Plan;

/// The steps of a query on databases of several sizes, and the class by which they grow. [`growth`](super::growth()) and
/// [`growth_of`](super::growth_of) return one.
///
/// Its `Display` is a table: sizes, steps, and the steps for each further row.
#[derive(Debug)]
pub struct GrowthReport {
    sizes: Vec<u64>,
    steps: Vec<u64>,
    growth: Growth,
    /// The statement. `None` for code of the app.
    pub(super) sql: Option<String>,
    /// The number of rows that the statement returned at each size.
    pub(super) returned: Vec<u64>,
    /// The queries that the code ran at the largest size, the most expensive first.
    pub(super) queries: Vec<QueryGrowth>,
    /// True if the rows of a `count(*)` or DELETE count as steps.
    pub(super) has_single_step_rows: bool,
    /// The plan of the statement, or of the code's most expensive query, at the largest size.
    pub(super) plan: Option<Plan>,
}

/// The work at one size.
pub(super) struct Sample {
    pub(super) steps: u64,
    pub(super) has_single_step_rows: bool,
    /// The number of rows that the statement returned.
    pub(super) returned: u64,
    /// The queries that the code ran, in the order of their first runs.
    pub(super) queries: Vec<QueryRuns>,
    pub(super) plan: Option<Plan>,
}

/// The runs of one query at one size.
pub(super) struct QueryRuns {
    pub(super) normalized: String,
    pub(super) times: u64,
    pub(super) steps: u64,
}

/// The runs of one query at each size; zero where it did not run.
#[derive(Debug)]
pub(super) struct QueryGrowth {
    pub(super) normalized: String,
    pub(super) times: Vec<u64>,
    pub(super) steps: Vec<u64>,
    pub(super) growth: Growth,
}

impl GrowthReport {
    pub(super) fn of(sizes: &[u64], sql: Option<&str>, mut samples: Vec<Sample>) -> GrowthReport {
        let steps: Vec<u64> = samples.iter().map(|sample| sample.steps).collect();
        let mut queries = samples.last().map_or_else(Vec::new, |last| {
            last.queries.iter().map(|query| QueryGrowth::of(sizes, &query.normalized, &samples)).collect()
        });
        // Stable, so equally expensive queries keep the order in which they ran.
        queries.sort_by_key(|query| Reverse(query.steps.last().copied()));
        GrowthReport {
            sizes: sizes.to_vec(),
            growth: Growth::of(sizes, &steps),
            steps,
            sql: sql.map(str::to_owned),
            returned: samples.iter().map(|sample| sample.returned).collect(),
            queries,
            has_single_step_rows: samples.iter().any(|sample| sample.has_single_step_rows),
            plan: samples.pop().and_then(|last| last.plan),
        }
    }

    /// Returns the class by which the steps grow.
    pub fn growth(&self) -> Growth {
        self.growth
    }

    /// Returns the sizes of the databases.
    pub fn sizes(&self) -> &[u64] {
        &self.sizes
    }

    /// Returns the number of instructions of SQLite's virtual machine at each size.
    pub fn steps(&self) -> &[u64] {
        &self.steps
    }
}

impl QueryGrowth {
    fn of(sizes: &[u64], normalized: &str, samples: &[Sample]) -> QueryGrowth {
        let at_each_size = |number: fn(&QueryRuns) -> u64| -> Vec<u64> {
            let runs =
                |sample: &Sample| sample.queries.iter().find(|one| one.normalized == normalized).map_or(0, number);
            samples.iter().map(runs).collect()
        };
        let (times, steps) = (at_each_size(|one| one.times), at_each_size(|one| one.steps));
        QueryGrowth { normalized: normalized.to_owned(), growth: Growth::of(sizes, &steps), times, steps }
    }
}

impl fmt::Display for GrowthReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |numbers: &[String], name: &str| numbers.iter().map(String::len).max().unwrap_or(0).max(name.len());
        let sizes: Vec<String> = self.sizes.iter().map(ToString::to_string).collect();
        let steps: Vec<String> = self.steps.iter().map(ToString::to_string).collect();
        let (n, s) = (width(&sizes, "n"), width(&steps, "steps"));
        write!(f, "{:>n$}  {:>s$}  per further row", "n", "steps")?;
        for (at, (size, count)) in sizes.iter().zip(&steps).enumerate() {
            write!(f, "\n{size:>n$}  {count:>s$}")?;
            if let Some(before) = at.checked_sub(1) {
                // One decimal, without floating point.
                let more = i128::from(self.steps[at]) - i128::from(self.steps[before]);
                let tenths = more * 10 / (self.sizes[at] - self.sizes[before]) as i128;
                let sign = if tenths < 0 { "-" } else { "" };
                write!(f, "  {sign}{}.{}", tenths.abs() / 10, tenths.abs() % 10)?;
            }
        }
        write!(f, "\ngrowth: {}", self.growth)
    }
}
