//! Runs a query on databases of several sizes and counts its steps.

use rusqlite::Connection;

use super::report::GrowthReport;
use super::sample::{QueryRuns, Sample};
use crate::db::{Template, TestDb};
use crate::error::{BoxError, Error, ErrorKind, Refusal, Result, or_panic};
use crate::plan::{SingleStepRows, TableRows, count_table_rows, only_statement, opened_tables, try_explain};
use crate::progress::Progress;

/// Runs a statement on databases of several sizes and returns how its work grows.
///
/// For each size, `fill` fills a fresh database of the template with that many rows. Then the statement is run to its last
/// row, and the instructions of SQLite's virtual machine are counted ([`Query::steps`]). Their number is the same on every
/// machine, however busy it is. Sizes are at least three, each at least twice the one before. Steps that are the same at each
/// size cancel out. See [`Growth`](super::Growth) for the classes.
///
/// - Returned rows count, so a query that returns all rows is at least linear.
/// - A search that finds equally many rows is constant, because its path through the b-tree is inside one instruction.
/// - A sort is linear, because its comparisons are inside one instruction.
/// - `count(*)` of a whole table, and a DELETE of all its rows, are one instruction that goes over every page. There, each row
///   counts as a step.
/// - The work inside functions and virtual tables is not counted.
/// - What does not grow with n shows nothing: if `fill` makes more users for more bookmarks, those of one user stay as many.
///   The report then says so, and an assertion of [`Growth::Linear`](super::Growth) or more fails. So does every assertion
///   if no table that is read or written grows at all.
///
/// ```
/// use sqlitmus::rusqlite::Connection;
/// use sqlitmus::workload::{Growth, growth};
/// use sqlitmus::{Template, data::Fill};
///
/// static APP: Template = Template::new("fixtures/shop/migrations");
///
/// let fill =
///     |db: &mut Connection, n| Fill::new().rows("customers", n).insert(db);
/// growth(&APP, [10, 100, 1000], fill, "SELECT name FROM customers WHERE id = 7")
///     .assert_at_most(Growth::Constant);
///
/// let by_date = "SELECT name FROM customers WHERE created_at = '2026-03-01'";
/// let report = growth(&APP, [10, 100, 1000], fill, by_date);
/// assert_eq!(report.growth(), Growth::Linear);
/// ```
///
/// [`Query::steps`]: crate::record::Query::steps
///
/// # Panics
/// If the sizes do not tell classes apart, if `fill` fails or makes no more rows for a larger size, if SQLite refuses the
/// statement, or if the statement has parameters. [`growth_of`] takes code that gives them values.
#[track_caller]
pub fn growth<R: FillResult>(
    template: &Template,
    sizes: impl AsRef<[u64]>,
    fill: impl FnMut(&mut Connection, u64) -> R,
    sql: &str,
) -> GrowthReport {
    or_panic(try_growth(template, sizes, fill, sql))
}

/// Like [`growth`], without the panic.
///
/// # Errors
/// As the panics of [`growth`].
pub fn try_growth<R: FillResult>(
    template: &Template,
    sizes: impl AsRef<[u64]>,
    mut fill: impl FnMut(&mut Connection, u64) -> R,
    sql: &str,
) -> Result<GrowthReport> {
    let sql = only_statement(sql)?;
    let mut fill = |db: &mut Connection, n| fill(db, n).result();
    let samples = samples(template, sizes.as_ref(), &mut fill, &mut |db, tables| {
        let (sample, returned) = sample(db, tables, |connection| run(connection, sql))?;
        Ok(Sample { returned: returned?, ..sample })
    })?;
    Ok(GrowthReport::of(sizes.as_ref(), Some(sql), samples))
}

/// Like [`growth`], for all queries that some code of the app runs. `work` gets a connection to each database in turn. It
/// may write, and run any number of queries. If it runs more queries for more rows, its steps grow accordingly.
///
/// ```
/// use sqlitmus::rusqlite::Connection;
/// use sqlitmus::workload::{Growth, growth_of};
/// use sqlitmus::{Template, data::Fill};
///
/// static APP: Template = Template::new("fixtures/shop/migrations");
///
/// let fill =
///     |db: &mut Connection, n| Fill::new().rows("customers", n).insert(db);
/// let rename = |db: &mut Connection| {
///     db.execute("UPDATE customers SET name = 'Eve' WHERE id = ?1", [7])
/// };
/// growth_of(&APP, [10, 100, 1000], fill, rename).assert_at_most(Growth::Constant);
/// ```
///
/// # Panics
/// As [`growth`], and if `work` fails.
#[track_caller]
pub fn growth_of<F: FillResult, R, E: Into<BoxError>>(
    template: &Template,
    sizes: impl AsRef<[u64]>,
    fill: impl FnMut(&mut Connection, u64) -> F,
    work: impl FnMut(&mut Connection) -> Result<R, E>,
) -> GrowthReport {
    or_panic(try_growth_of(template, sizes, fill, work))
}

/// Like [`growth_of`], without the panic.
///
/// # Errors
/// As the panics of [`growth_of`].
pub fn try_growth_of<F: FillResult, R, E: Into<BoxError>>(
    template: &Template,
    sizes: impl AsRef<[u64]>,
    mut fill: impl FnMut(&mut Connection, u64) -> F,
    mut work: impl FnMut(&mut Connection) -> Result<R, E>,
) -> Result<GrowthReport> {
    let mut fill = |db: &mut Connection, n| fill(db, n).result();
    let samples = samples(template, sizes.as_ref(), &mut fill, &mut |db, tables| {
        let (sample, result) = sample(db, tables, &mut work)?;
        if sample.queries.is_empty() && result.is_ok() {
            return Err(failed("the code ran no query on this database")
                .help("it gets a connection to run queries on; queries on another database are not counted"));
        }
        result.map_err(|error| failed("the code failed").because_app(error.into()))?;
        Ok(sample)
    })?;
    Ok(GrowthReport::of(sizes.as_ref(), None, samples))
}

/// A result of code that fills a database: nothing, what it has filled, or a `Result`.
pub trait FillResult {
    /// Returns the error, if it failed.
    #[doc(hidden)]
    fn result(self) -> Result<(), BoxError>;
}

impl FillResult for () {
    fn result(self) -> Result<(), BoxError> {
        Ok(())
    }
}

#[cfg(feature = "data")]
impl FillResult for crate::data::Filled {
    fn result(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<T, E: Into<BoxError>> FillResult for Result<T, E> {
    fn result(self) -> Result<(), BoxError> {
        self.map(drop).map_err(Into::into)
    }
}

/// Fills a database for each size and counts the work on it.
fn samples(
    template: &Template,
    sizes: &[u64],
    fill: &mut dyn FnMut(&mut Connection, u64) -> Result<(), BoxError>,
    count: &mut dyn FnMut(&TestDb, &TableRows) -> Result<Sample>,
) -> Result<Vec<Sample>> {
    if sizes.len() < 3 || sizes[0] == 0 || sizes.windows(2).any(|pair| pair[1] / 2 < pair[0]) {
        return Err(failed(format!("these sizes do not show how a query grows: {sizes:?}"))
            .help("use at least three sizes from 1 on, each at least twice the one before: [10, 100, 1000]"));
    }
    let mut samples = Vec::new();
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
            ))
            .help("it is given n: insert about n rows in one of the tables that the query reads"));
        }
        before = Some((size, rows));
        samples.push(count(&db, &tables).map_err(|error| error.note(format!("this was at n = {size}")))?);
    }
    Ok(samples)
}

/// Runs a statement to its last row.
fn run(connection: &Connection, sql: &str) -> Result<u64> {
    let refuse = |error: rusqlite::Error| {
        let why = Refusal::of(&error).map_or_else(|| error.to_string(), |refusal| refusal.message);
        Error::new(ErrorKind::Sqlite, format!("the query failed: {why}")).sql(sql).because_sqlite(error)
    };
    let mut statement = connection.prepare(sql).map_err(refuse)?;
    if statement.parameter_count() > 0 {
        return Err(failed("the query has parameters, but there are no values for them").sql(sql).help(
            "run it with values: growth_of(&APP, sizes, fill, |db| app::find(db, 7)), or write values in place of the parameters",
        ));
    }
    let mut rows = statement.raw_query();
    let mut returned = 0;
    while rows.next().map_err(refuse)?.is_some() {
        returned += 1;
    }
    Ok(returned)
}

/// Runs some code and counts the steps of its queries. Returns the code's own result too.
fn sample<R, E>(
    db: &TestDb,
    tables: &TableRows,
    work: impl FnOnce(&mut Connection) -> Result<R, E>,
) -> Result<(Sample, Result<R, E>)> {
    struct Ran<'q> {
        sql: &'q str,
        single_steps: SingleStepRows,
        runs: QueryRuns,
    }
    let queries = db.try_record(work)?;
    // Fails if the recording is not complete.
    queries.allow_none().try_assert_at_most(usize::MAX)?;
    let mut ran: Vec<Ran<'_>> = Vec::new();
    let mut has_single_step_rows = false;
    for query in &queries {
        let normalized = query.normalized();
        let at = ran.iter().position(|one| one.runs.normalized == normalized).unwrap_or_else(|| {
            let single_steps = SingleStepRows::of(db, query.sql(), tables);
            let opened = opened_tables(db, query.sql());
            let runs = QueryRuns { normalized, times: 0, steps: 0, examined: 0, opened };
            ran.push(Ran { sql: query.sql(), single_steps, runs });
            ran.len() - 1
        });
        let rows = ran[at].single_steps.of_run(query.nested());
        has_single_step_rows |= rows > 0;
        ran[at].runs.times += 1;
        ran[at].runs.steps += query.steps() + rows;
        ran[at].runs.examined += query.rows_examined() + rows;
    }
    let most_expensive = ran.iter().rev().max_by_key(|one| one.runs.steps);
    let plan = most_expensive.and_then(|one| try_explain(db, one.sql).ok());
    let runs: Vec<QueryRuns> = ran.into_iter().map(|one| one.runs).collect();
    let steps = runs.iter().map(|one| one.steps).sum();
    let tables = tables.clone();
    Ok((Sample { steps, has_single_step_rows, returned: 0, queries: runs, plan, tables }, queries.value))
}

fn failed(headline: impl Into<String>) -> Error {
    Error::new(ErrorKind::Plan, headline)
}
