//! The growth of a query's work as a value, the assertion on it, and its report.

use std::cmp::Reverse;
use std::fmt;

use super::sample::{QueryRuns, Sample};
use super::standstill::Standstill;
use crate::error::{Error, ErrorKind, Result, or_panic};
use crate::order::Order as _;
use crate::plan::{Node, Plan, Step};
use crate::report::{Raw, printable};

/// The growth of a query's work with `n`, the size of the database.
///
/// ```
/// use sqlitmus::workload::Growth;
///
/// assert!(Growth::Logarithmic < Growth::Linear);
/// assert_eq!(Growth::NLogN.to_string(), "n log n");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Growth {
    /// The same for any number of rows: a search by a key or an index that finds equally many rows.
    Constant,
    /// By the same amount each time that n is multiplied. SQLite's own searches are [`Constant`](Growth::Constant), because
    /// their path through a b-tree is inside one instruction.
    Logarithmic,
    /// Like n: a scan, a sort, or a result that has more rows.
    Linear,
    /// Like n log n. SQLite's own sorts are [`Linear`](Growth::Linear), because their comparisons are inside an instruction.
    NLogN,
    /// Like n²: a scan for each row of a scan.
    Quadratic,
    /// Faster than n².
    Steeper,
}

/// A class and its function of n.
type Class = (Growth, fn(f64) -> f64);

impl Growth {
    /// All but `Constant`, from slow to fast. n³ represents everything that is steeper.
    const CLASSES: [Class; 5] = [
        (Growth::Logarithmic, f64::ln),
        (Growth::Linear, |n| n),
        (Growth::NLogN, |n| n * n.ln()),
        (Growth::Quadratic, |n| n * n),
        (Growth::Steeper, |n| n * n * n),
    ];

    /// Returns the class of the steps at these sizes. Each size is at least twice the one before.
    ///
    /// Steps that are the same at every size cancel out in the difference between one size and the next. So the last
    /// difference is compared with those before it, and the class wins whose own differences have the nearest ratio. This is
    /// exact if the steps are a constant plus a multiple of n. It needs no clock, and only one tolerance: less than 1 % more
    /// steps at the last size count as constant.
    pub(super) fn of(sizes: &[u64], steps: &[u64]) -> Growth {
        let x: Vec<f64> = sizes.iter().map(|&size| float(size)).collect();
        let y: Vec<f64> = steps.iter().map(|&steps| float(steps)).collect();
        let last = y.len() - 1;
        let rise = |values: &[f64], at: usize| values[at] - values[at - 1];
        if rise(&y, last) <= y[last - 1] / 100.0 {
            return Growth::Constant;
        }
        let rises: Vec<usize> = (1..last).filter(|&at| rise(&y, at) > 0.0).collect();
        let distance = |class: fn(f64) -> f64| -> f64 {
            let of: Vec<f64> = x.iter().map(|&n| class(n)).collect();
            let apart = |at: &usize| (rise(&y, last) / rise(&y, *at) / (rise(&of, last) / rise(&of, *at))).ln().abs();
            match rises.as_slice() {
                // It rises only at the end, so no part of it is taken for constant.
                [] => (y[last] / y[last - 1].max(1.0) / (of[last] / of[last - 1])).ln().abs(),
                rises => rises.iter().map(apart).sum(),
            }
        };
        let nearest = Growth::CLASSES.iter().min_by(|a, b| distance(a.1).total_cmp(&distance(b.1)));
        nearest.map_or(Growth::Steeper, |(class, _)| *class)
    }
}

#[expect(clippy::cast_precision_loss, reason = "the ratios of such large numbers do not need all their digits")]
fn float(number: u64) -> f64 {
    number as f64
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Growth::Constant => "constant",
            Growth::Logarithmic => "logarithmic",
            Growth::Linear => "linear",
            Growth::NLogN => "n log n",
            Growth::Quadratic => "quadratic",
            Growth::Steeper => "steeper than quadratic",
        })
    }
}

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
    standstill: Standstill,
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
        queries.order_by_key(|query| Reverse(query.steps.last().copied()));
        GrowthReport {
            sizes: sizes.to_vec(),
            growth: Growth::of(sizes, &steps),
            steps,
            sql: sql.map(str::to_owned),
            returned: samples.iter().map(|sample| sample.returned).collect(),
            queries,
            has_single_step_rows: samples.iter().any(|sample| sample.has_single_step_rows),
            standstill: Standstill::of(&samples),
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

printable!(GrowthReport);

impl Raw for GrowthReport {
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
        write!(f, "\ngrowth: {}", self.growth)?;
        if let Some(words) = self.standstill.in_words() {
            write!(f, "\n{words}")?;
        }
        Ok(())
    }
}

impl GrowthReport {
    /// Asserts that the steps grow by this class, or by a slower one.
    ///
    /// # Panics
    /// If they grow faster, or if what is read does not grow with n, so that the assertion shows nothing.
    #[track_caller]
    pub fn assert_at_most(&self, most: Growth) -> &Self {
        or_panic(self.try_assert_at_most(most))
    }

    /// Like [`assert_at_most`](GrowthReport::assert_at_most), without the panic.
    ///
    /// # Errors
    /// If they grow faster, or if what is read does not grow with n, so that the assertion shows nothing.
    pub fn try_assert_at_most(&self, most: Growth) -> Result<&Self> {
        if self.growth() > most {
            return Err(too_fast(self, most));
        }
        match &self.standstill {
            Standstill::None => Ok(self),
            Standstill::Rows(_) if most < Growth::Linear => Ok(self),
            standstill => Err(shows_nothing(self, standstill, most)),
        }
    }
}

/// The number of the code's queries that are listed.
const SHOWN: usize = 5;

fn shows_nothing(report: &GrowthReport, standstill: &Standstill, most: Growth) -> Error {
    let what = match (standstill, report.sql.is_some()) {
        (Standstill::Tables(_), true) => "no table that the query uses grows with n",
        (Standstill::Tables(_), false) => "no table that the code uses grows with n",
        (_, true) => "the rows that the query reads do not grow with n",
        (_, false) => "the rows that the code reads do not grow with n",
    };
    let error = Error::new(ErrorKind::Plan, format!("{what}, so that {most} growth would not show"))
        .evidence("steps of SQLite's virtual machine", report.to_string());
    match standstill {
        Standstill::Tables(_) => error.help("fill the tables that it uses with n rows"),
        _ => error
            .help("fill the database so that it finds n rows: one parent for all of them, and not one for each few")
            .help(
                "if it is meant to find as many in a larger database, assert that: .assert_at_most(Growth::Constant)",
            ),
    }
}

fn too_fast(report: &GrowthReport, most: Growth) -> Error {
    let subject = if report.sql.is_some() { "the query" } else { "what the code runs" };
    let allowed = match most {
        Growth::Constant => "but should stay constant".to_owned(),
        most => format!("but should be at most {most}"),
    };
    let headline = format!("{subject} {} with the database, {allowed}", in_words(report.growth()));
    let mut error = match (&report.plan, report.sql.as_deref()) {
        (Some(plan), _) => plan.failure(headline, &grows),
        (None, Some(sql)) => Error::new(ErrorKind::Plan, headline).sql(sql),
        (None, None) => Error::new(ErrorKind::Plan, headline),
    };
    error = error.evidence("steps of SQLite's virtual machine", report.to_string());
    if let Some(plan) = &report.plan {
        error = plan.offer_indexes(error);
    }
    if report.sql.is_none() && !report.queries.is_empty() {
        let size = report.sizes().last().copied().unwrap_or_default();
        error = error.evidence(format!("most expensive at n = {size}"), queries(report, most));
    }
    if report.returned.first() < report.returned.last() {
        error = error.note(format!("it returned {} rows, and each row takes steps", in_a_row(&report.returned)));
    }
    if let Some(first) =
        report.queries.first().filter(|first| report.sql.is_none() && first.times.first() < first.times.last())
    {
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
    node.is_scan()
        || node.uses_automatic_index()
        || matches!(node.step, Step::TempBTree(_) | Step::Subquery { correlated: true, .. })
}
