//! How what a query does grows with the database: counted, not timed.

mod class;
mod failure;

use std::fmt;

use rusqlite::Connection;

pub use self::class::Growth;
use crate::db::{Template, TestDb};
use crate::error::{BoxError, Error, ErrorKind, Refusal, Result, or_panic};
use crate::plan::{Plan, SingleStepRows, TableRows, count_table_rows, only_statement, try_explain};
use crate::progress::Progress;

/// The steps of a query on databases of several sizes, and the class that they grow by. [`growth`] and [`growth_of`] make
/// one.
///
/// Its `Display` is a table: sizes, steps, and what each further row costs.
#[derive(Debug)]
pub struct GrowthReport {
    sizes: Vec<u64>,
    steps: Vec<u64>,
    growth: Growth,
    /// The statement, where it is one; else what the code ran.
    sql: Option<String>,
    /// How many rows the statement returned at each size.
    returned: Vec<u64>,
    /// What the code ran at each size.
    ran: Vec<Vec<Ran>>,
    /// Whether steps stand for the rows of a `count(*)`.
    walked: bool,
    /// Of the statement, or of what cost the code most, at the largest size.
    plan: Option<Plan>,
}

/// Runs of one query at one size.
#[derive(Clone, Debug)]
struct Ran {
    normalized: String,
    sql: String,
    /// Rows that it goes over in single steps.
    walked: SingleStepRows,
    times: u64,
    steps: u64,
}

/// Runs a statement on databases of several sizes and tells how what SQLite does for it grows.
///
/// For each size `fill` makes a fresh database of the template hold that many rows of what matters. Then the statement is
/// run to its last row, and the instructions of SQLite's virtual machine are counted ([`Query::steps`]): the same on every
/// machine, however busy. Rows that are returned count, so that a query that returns all of them is at least linear. A search
/// is constant as long as it finds as many rows: its way down a b-tree is inside one instruction; so are a sort's
/// comparisons, and a sort is linear. `count(*)` of a whole table, and a DELETE of all its rows, are one instruction too, but
/// go over every page: there, each row counts as a step. What functions and virtual tables do inside is not counted.
///
/// Sizes are at least three, each at least twice the one before. What is the same at each size cancels out: see
/// [`Growth`] for the classes.
///
/// ```
/// use sqlitmus::{Template, workload::{Growth, growth}, rusqlite::{self, Connection}};
///
/// static APP: Template =
///     Template::embedded(&[("1.sql", "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, email TEXT UNIQUE);")]);
///
/// fn users(db: &mut Connection, n: u64) -> rusqlite::Result<()> {
///     let mut insert = db.prepare("INSERT INTO users(name, email) VALUES (?1, ?1 || '@example.com')")?;
///     (0..n).try_for_each(|user| insert.execute([user.to_string()]).map(drop))
/// }
///
/// growth(&APP, [10, 100, 1000], users, "SELECT name FROM users WHERE email = '7@example.com'")
///     .assert_at_most(Growth::Constant);
///
/// let by_name = growth(&APP, [10, 100, 1000], users, "SELECT email FROM users WHERE name = '7'");
/// assert_eq!(by_name.growth(), Growth::Linear);
/// ```
///
/// Rows that only have to be there can be [made up](crate::data):
///
/// ```
/// use sqlitmus::{Template, data::Fill, workload::{Growth, growth}};
///
/// static APP: Template = Template::new("fixtures/shop/migrations");
///
/// growth(
///     &APP,
///     [10, 100, 1000],
///     |db, n| Fill::new().rows("customers", n).try_insert(db),
///     "SELECT name FROM customers WHERE id = 7",
/// )
/// .assert_at_most(Growth::Constant);
/// ```
///
/// [`Query::steps`]: crate::record::Query::steps
///
/// # Panics
/// When the sizes do not tell classes apart, when `fill` fails or makes no more rows for a larger size, and when SQLite
/// refuses the statement or it has parameters: [`growth_of`] takes code that gives them values.
#[track_caller]
pub fn growth<T, E: Into<BoxError>>(
    template: &Template,
    sizes: impl AsRef<[u64]>,
    fill: impl FnMut(&mut Connection, u64) -> Result<T, E>,
    sql: &str,
) -> GrowthReport {
    or_panic(try_growth(template, sizes, fill, sql))
}

/// Like [`growth`], without the panic.
///
/// # Errors
/// As the panics of [`growth`].
pub fn try_growth<T, E: Into<BoxError>>(
    template: &Template,
    sizes: impl AsRef<[u64]>,
    mut fill: impl FnMut(&mut Connection, u64) -> Result<T, E>,
    sql: &str,
) -> Result<GrowthReport> {
    let sql = only_statement(sql)?;
    let mut fill = |db: &mut Connection, n| fill(db, n).map(drop).map_err(Into::into);
    measure(template, sizes.as_ref(), &mut fill, &mut |db, tables, report| {
        let queries = db.try_record(|connection| run(connection, sql))?;
        queries.try_assert_at_most(usize::MAX)?;
        let rows = match &queries.value {
            Ok(rows) => *rows,
            Err(_) => return queries.value.map(drop),
        };
        report.sql = Some(sql.to_owned());
        report.returned.push(rows);
        let by = SingleStepRows::of(db, sql, tables);
        let walked: u64 = queries.iter().map(|query| by.of_run(query.nested())).sum();
        report.walked |= walked > 0;
        report.steps.push(queries.iter().map(|query| query.steps()).sum::<u64>() + walked);
        report.plan = try_explain(db, sql).ok();
        Ok(())
    })
}

/// Like [`growth`], of all that some code of the app runs: `work` gets a connection to each database in turn. It may
/// write, and run as many queries as it likes; that it runs more of them the more rows there are, counts.
///
/// ```
/// use sqlitmus::{Template, workload::{Growth, growth_of}, rusqlite::{self, Connection}};
///
/// static APP: Template =
///     Template::embedded(&[("1.sql", "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT);")]);
///
/// fn users(db: &mut Connection, n: u64) -> rusqlite::Result<()> {
///     (0..n).try_for_each(|_| db.execute("INSERT INTO users(name) VALUES ('Ada')", []).map(drop))
/// }
///
/// growth_of(&APP, [10, 100, 1000], users, |db| db.execute("UPDATE users SET name = 'Eve' WHERE id = ?1", [7]))
///     .assert_at_most(Growth::Constant);
/// ```
///
/// # Panics
/// As [`growth`], and when `work` fails.
#[track_caller]
pub fn growth_of<T, E: Into<BoxError>, R, F: Into<BoxError>>(
    template: &Template,
    sizes: impl AsRef<[u64]>,
    fill: impl FnMut(&mut Connection, u64) -> Result<T, E>,
    work: impl FnMut(&mut Connection) -> Result<R, F>,
) -> GrowthReport {
    or_panic(try_growth_of(template, sizes, fill, work))
}

/// Like [`growth_of`], without the panic.
///
/// # Errors
/// As the panics of [`growth_of`].
pub fn try_growth_of<T, E: Into<BoxError>, R, F: Into<BoxError>>(
    template: &Template,
    sizes: impl AsRef<[u64]>,
    mut fill: impl FnMut(&mut Connection, u64) -> Result<T, E>,
    mut work: impl FnMut(&mut Connection) -> Result<R, F>,
) -> Result<GrowthReport> {
    let mut fill = |db: &mut Connection, n| fill(db, n).map(drop).map_err(Into::into);
    let mut work = |db: &mut Connection| work(db).map(drop).map_err(Into::into);
    measure(template, sizes.as_ref(), &mut fill, &mut |db, tables, report| record(db, tables, &mut work, report))
}

type Fill<'a> = dyn FnMut(&mut Connection, u64) -> Result<(), BoxError> + 'a;

/// Fills a database for each size and lets `count` add what it counts there to the report.
fn measure(
    template: &Template,
    sizes: &[u64],
    fill: &mut Fill<'_>,
    count: &mut dyn FnMut(&TestDb, &TableRows, &mut GrowthReport) -> Result<()>,
) -> Result<GrowthReport> {
    if sizes.len() < 3 || sizes[0] == 0 || sizes.windows(2).any(|pair| pair[1] / 2 < pair[0]) {
        return Err(failed(format!("these sizes do not tell how a query grows: {sizes:?}"))
            .help("take at least three, from 1 on, each at least twice the one before: [10, 100, 1000]"));
    }
    let mut report = GrowthReport {
        sizes: sizes.to_vec(),
        steps: Vec::new(),
        growth: Growth::Constant,
        sql: None,
        returned: Vec::new(),
        ran: Vec::new(),
        walked: false,
        plan: None,
    };
    let mut progress = Progress::of("counting steps", Some(sizes.len() as u64));
    let mut before: Option<(u64, u64)> = None;
    for (&size, done) in sizes.iter().zip(0..) {
        progress.at(done);
        let mut db = template.try_in_memory()?;
        fill(&mut db, size)
            .map_err(|error| failed(format!("the database could not be filled for n = {size}")).because_app(error))?;
        if !db.is_autocommit() {
            return Err(failed(format!("the fill for n = {size} left a transaction open"))
                .help("commit it: the query runs on a connection of its own"));
        }
        let tables = count_table_rows(&db).map_err(|error| Error::sqlite("count the rows", error))?;
        let rows = tables.values().sum();
        if let Some((smaller, fewer)) = before
            && rows <= fewer
        {
            return Err(failed(format!(
                "the fill makes no more rows for n = {size} than for n = {smaller}: {rows} in all tables, {fewer} before"
            )));
        }
        before = Some((size, rows));
        count(&db, &tables, &mut report).map_err(|error| error.note(format!("this was at n = {size}")))?;
    }
    report.growth = Growth::of(&report.sizes, &report.steps);
    Ok(report)
}

/// Runs a statement to its last row.
fn run(connection: &Connection, sql: &str) -> Result<u64> {
    let refuse = |error: rusqlite::Error| {
        let why = Refusal::of(&error).map_or_else(|| error.to_string(), |refusal| refusal.message);
        Error::new(ErrorKind::Sqlite, format!("the query failed: {why}")).sql(sql).because_sqlite(error)
    };
    let mut statement = connection.prepare(sql).map_err(refuse)?;
    if statement.parameter_count() > 0 {
        return Err(failed("the query has parameters, and there are no values for them".to_owned()).sql(sql).help(
            "give them in code of yours: growth_of(&APP, sizes, fill, |db| app::find(db, 7)), or write values in their place",
        ));
    }
    let mut rows = statement.raw_query();
    let mut returned = 0;
    while rows.next().map_err(refuse)?.is_some() {
        returned += 1;
    }
    Ok(returned)
}

/// Runs code of the app, and adds what it ran.
fn record(
    db: &TestDb,
    tables: &TableRows,
    work: &mut dyn FnMut(&mut Connection) -> Result<(), BoxError>,
    report: &mut GrowthReport,
) -> Result<()> {
    let queries = db.try_record(|connection| work(connection))?;
    queries.try_assert_at_most(usize::MAX)?;
    if queries.is_empty() && queries.value.is_ok() {
        return Err(failed("the code ran no query on this database".to_owned())
            .help("it gets a connection to run them on; what it runs on another database is not counted"));
    }
    let mut ran: Vec<Ran> = Vec::new();
    for query in &queries {
        let normalized = query.normalized();
        let at = ran.iter().position(|one| one.normalized == normalized).unwrap_or_else(|| {
            let walked = SingleStepRows::of(db, query.sql(), tables);
            ran.push(Ran { normalized, sql: query.sql().to_owned(), walked, times: 0, steps: 0 });
            ran.len() - 1
        });
        let walked = ran[at].walked.of_run(query.nested());
        report.walked |= walked > 0;
        ran[at].times += 1;
        ran[at].steps += query.steps() + walked;
    }
    queries.value.map_err(|error| failed("the code failed".to_owned()).because_app(error))?;
    report.steps.push(ran.iter().map(|one| one.steps).sum());
    let dearest = ran.iter().max_by_key(|one| one.steps);
    report.plan = dearest.and_then(|one| try_explain(db, &one.sql).ok());
    report.ran.push(ran);
    Ok(())
}

fn failed(headline: String) -> Error {
    Error::new(ErrorKind::Plan, headline)
}

impl GrowthReport {
    /// The class that the steps grow by.
    pub fn growth(&self) -> Growth {
        self.growth
    }

    /// The sizes, as they were asked for.
    pub fn sizes(&self) -> &[u64] {
        &self.sizes
    }

    /// The instructions of SQLite's virtual machine that it took, at each size.
    pub fn steps(&self) -> &[u64] {
        &self.steps
    }

    /// Asserts that the steps grow by this class, or by a slower one.
    ///
    /// # Panics
    /// When they grow faster.
    #[track_caller]
    pub fn assert_at_most(&self, most: Growth) -> &Self {
        or_panic(self.try_assert_at_most(most))
    }

    /// Like [`assert_at_most`](GrowthReport::assert_at_most), without the panic.
    ///
    /// # Errors
    /// When they grow faster.
    pub fn try_assert_at_most(&self, most: Growth) -> Result<&Self> {
        if self.growth <= most { Ok(self) } else { Err(self.failure(most)) }
    }
}

impl fmt::Display for GrowthReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |numbers: &[String], name: &str| numbers.iter().map(String::len).max().unwrap_or(0).max(name.len());
        let sizes: Vec<String> = self.sizes.iter().map(ToString::to_string).collect();
        let steps: Vec<String> = self.steps.iter().map(ToString::to_string).collect();
        let (n, s) = (width(&sizes, "n"), width(&steps, "steps"));
        write!(f, "{:>n$}  {:>s$}  for each further one", "n", "steps")?;
        for (at, (size, count)) in sizes.iter().zip(&steps).enumerate() {
            write!(f, "\n{size:>n$}  {count:>s$}")?;
            if let Some(before) = at.checked_sub(1) {
                // One digit behind the point, without floating point.
                let more = i128::from(self.steps[at]) - i128::from(self.steps[before]);
                let tenths = more * 10 / (self.sizes[at] - self.sizes[before]) as i128;
                let sign = if tenths < 0 { "-" } else { "" };
                write!(f, "  {sign}{}.{}", tenths.abs() / 10, tenths.abs() % 10)?;
            }
        }
        write!(f, "\ngrowth: {}", self.growth)
    }
}
