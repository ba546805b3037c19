//! The queries of a recording, and the assertions about them.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::time::Duration;

use rusqlite::Connection;

use super::driver_statements;
use super::failure::{self, Access, Missed, list};
use super::group::{Group, groups};
use super::{leftovers, selective, tables};
use crate::db::Address;
use crate::error::{Error, Result, or_panic};
use crate::order::Order as _;
use crate::report::{Raw, printable};
use crate::sql;
use crate::trace::Query;

/// The queries that some code ran, and its return value.
///
/// `Display` lists each query once in its normal form, in the order of their first runs, with how many times it ran. Its last
/// line says how many statements were left out because they are [by drivers](Queries::by_drivers).
///
/// All assertions fail on a recording that is not [complete](Queries::is_complete).
pub struct Queries<R = ()> {
    /// The return value of the code.
    pub value: R,
    queries: Vec<Query>,
    by_drivers: Vec<Query>,
    missed: Option<Missed>,
    address: Address,
    uri: String,
    none_allowed: Cell<bool>,
    allowed: RefCell<Vec<String>>,
}

/// The statements of a recording, and where they ran.
pub(super) struct Recorded {
    pub(super) queries: Vec<Query>,
    /// The numbers of the connections that no driver opened or checks.
    pub(super) ours: [Option<usize>; 2],
    pub(super) missed: Option<Missed>,
    pub(super) address: Address,
    pub(super) uri: String,
}

impl<R> Queries<R> {
    pub(super) fn new(value: R, recorded: Recorded) -> Queries<R> {
        let Recorded { queries, ours, missed, address, uri } = recorded;
        let (queries, by_drivers) = driver_statements::split(queries, ours);
        let (none_allowed, allowed) = (Cell::default(), RefCell::default());
        Queries { value, queries, by_drivers, missed, address, uri, none_allowed, allowed }
    }

    /// Returns the queries of the app in the order in which they started.
    pub fn iter(&self) -> std::slice::Iter<'_, Query> {
        self.queries.iter()
    }

    /// Returns the statements by which drivers opened or checked connections, in the order in which they started. They are not
    /// in [`iter`](Queries::iter), and no assertion counts them. See [which ones they are](crate::record#what-drivers-run).
    pub fn by_drivers(&self) -> std::slice::Iter<'_, Query> {
        self.by_drivers.iter()
    }

    /// Returns the number of queries. Each run of a prepared statement counts, and so do `BEGIN`, `COMMIT` and PRAGMAs, except
    /// for those [by drivers](Queries::by_drivers).
    pub fn len(&self) -> usize {
        self.queries.len()
    }

    /// Returns true if nothing was run.
    pub fn is_empty(&self) -> bool {
        self.queries.is_empty()
    }

    /// Returns true if nothing suggests that a statement was missed, and the recorder was still listening at the end. See
    /// [what a recording changes](crate::record#what-it-costs-and-what-it-changes).
    pub fn is_complete(&self) -> bool {
        self.missed.is_none()
    }

    /// Returns the queries that took longer than `limit`, the slowest first.
    pub fn slower_than(&self, limit: Duration) -> Vec<&Query> {
        let mut slow: Vec<&Query> = self.iter().filter(|query| query.duration() > limit).collect();
        slow.order_by_key(|query| std::cmp::Reverse(query.duration()));
        slow
    }

    /// Asserts that exactly `count` queries ran.
    ///
    /// # Panics
    /// If more or fewer ran.
    #[track_caller]
    pub fn assert_count(&self, count: usize) -> &Self {
        or_panic(self.try_assert_count(count))
    }

    /// Asserts that at most `most` queries ran.
    ///
    /// # Panics
    /// If more ran.
    #[track_caller]
    pub fn assert_at_most(&self, most: usize) -> &Self {
        or_panic(self.try_assert_at_most(most))
    }

    fn wrong_count(&self, expected: usize, or_fewer: bool) -> Error {
        let error = failure::count(&self.queries, expected, or_fewer);
        let error = if self.is_empty() { failure::why_empty(error, &self.uri) } else { error };
        failure::left_out(error, &self.by_drivers)
    }

    /// Asserts that no query ran more than once with the same normal form.
    ///
    /// This finds one query for a list followed by one for each of its rows ("N+1"), and the same query run twice.
    ///
    /// Statements that read no table may repeat. A prepared `INSERT` of values in a transaction is SQLite's fastest way to
    /// write many rows, and `SELECT last_insert_rowid()` costs next to nothing; but an `INSERT` with a `SELECT` that looks
    /// rows up is one query for each row. The plan decides, made on the database as it is at the time of this call. So may
    /// statements about the transaction and the connection repeat: `BEGIN`, `COMMIT`, `SAVEPOINT`, `PRAGMA`, `ATTACH`.
    ///
    /// # Panics
    /// If a query repeats.
    #[track_caller]
    pub fn assert_no_repeats(&self) -> &Self {
        or_panic(self.try_assert_no_repeats())
    }

    /// Like [`assert_no_repeats`](Queries::assert_no_repeats), but allows up to `most` runs of each query.
    ///
    /// # Panics
    /// If a query ran more than `most` times.
    #[track_caller]
    pub fn assert_repeats_at_most(&self, most: usize) -> &Self {
        or_panic(self.try_assert_repeats_at_most(most))
    }

    /// Allows the recording to be empty, for the assertions that follow. Without it they fail then, for they would hold
    /// whatever the code does: it may have used another database. [`assert_count(0)`](Queries::assert_count) and
    /// `assert_at_most(0)` say so themselves.
    ///
    /// ```
    /// let db = sqlitmus::Template::empty().in_memory();
    /// let queries = db.record(|_db| ());
    /// assert_eq!(
    ///     queries.try_assert_no_scan().unwrap_err().headline(),
    ///     "the recording is empty: no statement ran on the test's database"
    /// );
    /// queries.allow_none().assert_no_scan();
    /// ```
    pub fn allow_none(&self) -> &Self {
        self.none_allowed.set(true);
        self
    }

    /// Allows queries to read all of this table, for the [`assert_no_scan`](Queries::assert_no_scan) that follows; behind it,
    /// an allowance comes too late. That assertion then fails if no query does so, because the allowance is not needed.
    ///
    /// ```
    /// let db = sqlitmus::Template::empty().in_memory();
    /// db.execute_batch("CREATE TABLE countries(code TEXT, name TEXT)").unwrap();
    /// let queries = db.record(|db| db.execute_batch("SELECT name FROM countries"));
    /// queries.allow_scan("countries").assert_no_scan();
    /// ```
    pub fn allow_scan(&self, table: &str) -> &Self {
        self.allowed.borrow_mut().push(table.to_owned());
        self
    }

    /// Asserts that no query reads a whole table where an index could be used.
    ///
    /// A report of several queries has a line for each, their plans, and the fewest indexes with which none of them scans.
    ///
    /// Plans are made on the database as it is at the time of this call. A query that cannot be explained there, because it
    /// uses a temporary table, an attached database or a function of the app's connection, fails the assertion too.
    ///
    /// # Panics
    /// If a query scans a table or cannot be explained.
    #[track_caller]
    pub fn assert_no_scan(&self) -> &Self {
        or_panic(self.try_assert_no_scan())
    }

    /// Asserts that no other tables than `tables` were read. Writes do not count.
    ///
    /// Views count as the tables behind them, and the reads of triggers and foreign keys count as well. SQLite determines
    /// the tables of a query on the database as it is at the time of this call; a query that cannot be prepared there fails
    /// the assertion.
    ///
    /// # Panics
    /// If another table was read, or a query cannot be prepared.
    #[track_caller]
    pub fn assert_only_reads(&self, tables: &[&str]) -> &Self {
        or_panic(self.try_assert_only_reads(tables))
    }

    /// Asserts that no other tables than `tables` were written. Reads do not count. `&[]` stands for code that only reads;
    /// changes of the schema are writes to `sqlite_schema`.
    ///
    /// # Panics
    /// If another table was written, or a query cannot be prepared.
    #[track_caller]
    pub fn assert_only_writes(&self, tables: &[&str]) -> &Self {
        or_panic(self.try_assert_only_writes(tables))
    }

    /// Asserts that no query goes through more than `most` rows for each one that it uses, summed over its runs.
    ///
    /// This finds a search that is no better than a scan, which its plan does not show: `SEARCH notes USING INDEX
    /// notes_deleted (is_deleted=?)` goes through half of the table, to return the few rows of one owner. Fill the database
    /// with as many rows as tell the difference, a few hundred.
    ///
    /// - Examined are [`Query::rows_examined`].
    /// - Used are the rows that are returned, inserted, updated or deleted, and those that an aggregate, GROUP BY or
    ///   DISTINCT is given: `count(*)` of 1,000 rows that an index finds uses 1,000. To find out, such a query runs once
    ///   more, on a copy of the database as it is at the time of this call.
    /// - A query that finds nothing may examine as many rows as one that finds one.
    /// - Rows that `LIMIT` or `OFFSET` leaves out are examined and not used.
    ///
    /// ```
    /// let db = sqlitmus::Template::empty().in_memory();
    /// db.execute_batch(
    ///     "CREATE TABLE notes(id INTEGER PRIMARY KEY, owner INT, deleted INT);
    ///      CREATE INDEX notes_deleted ON notes(deleted);
    ///      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 400)
    ///      INSERT INTO notes(owner, deleted) SELECT i % 100, 0 FROM n;",
    /// )
    /// .unwrap();
    /// let of_one = "SELECT id FROM notes WHERE deleted = 0 AND owner = 3";
    /// let queries = db.record(|db| {
    ///     let mut ids = db.prepare(of_one).unwrap();
    ///     ids.query_map([], |row| row.get::<_, i64>(0)).unwrap().count()
    /// });
    /// // The plan is a search, so this holds.
    /// queries.assert_no_scan();
    /// let error = queries.try_assert_selective(10.0).unwrap_err();
    /// assert_eq!(
    ///     error.headline(),
    ///     "a query examines 100 rows for each one that it uses, more than 10"
    /// );
    /// ```
    ///
    /// # Panics
    /// If a query examines more rows, or if one with an aggregate cannot be run again.
    #[track_caller]
    pub fn assert_selective(&self, most: f64) -> &Self {
        or_panic(self.try_assert_selective(most))
    }

    /// Asserts that all queries together took at most `most` instructions of SQLite's virtual machine, a budget that is the
    /// same on every machine.
    ///
    /// # Panics
    /// If they took more, or one was still running.
    #[track_caller]
    pub fn assert_steps_at_most(&self, most: u64) -> &Self {
        or_panic(self.try_assert_steps_at_most(most))
    }

    /// Asserts that no connection is left otherwise than its next user expects, who gets it from a pool: within a transaction, with
    /// another setting than it was set up with, with an attached database, a temporary table or trigger.
    ///
    /// A transaction also counts if its connection was closed, because what it wrote is lost. A setting is one of the connection,
    /// such as `foreign_keys`; its value is compared with the one of the driver, if it opened the connection during the recording
    /// and set it, or else of the profile.
    ///
    /// # Panics
    /// If something is left on a connection.
    #[track_caller]
    pub fn assert_connections_left_clean(&self) -> &Self {
        or_panic(self.try_assert_connections_left_clean())
    }

    /// Returns the text that is compared with a snapshot: how many connections a pool opens differs from run to run.
    pub(crate) fn text(&self) -> String {
        list(&self.queries)
    }

    /// Opens a connection to the database as it is.
    pub(crate) fn connect(&self) -> Result<Connection> {
        self.address.connect()
    }

    /// Returns the statements that have plans, with their values; some of those that differ only in values.
    pub(crate) fn statements(&self) -> Result<Vec<String>> {
        self.check_complete()?;
        let groups = groups(&self.queries);
        let planned = groups.iter().filter(|group| sql::has_a_plan(&group.queries[0].keyword()));
        Ok(planned.flat_map(Group::texts).map(|(_, text)| text.to_owned()).collect())
    }

    /// Returns the statements that have plans: each with its values, and as it was written.
    pub(crate) fn planned_and_written(&self) -> Result<Vec<(String, String)>> {
        self.check_complete()?;
        let groups = groups(&self.queries);
        let planned = groups.iter().filter(|group| sql::has_a_plan(&group.queries[0].keyword()));
        let texts = planned.flat_map(Group::texts);
        Ok(texts.map(|(query, text)| (text.to_owned(), query.sql().to_owned())).collect())
    }

    fn check_complete(&self) -> Result<()> {
        self.missed.as_ref().map_or(Ok(()), |missed| Err(failure::not_complete(missed)))
    }

    /// Fails if the recording is incomplete, or if it is empty and that was not allowed.
    fn check(&self) -> Result<()> {
        self.check_complete()?;
        if !self.is_empty() || self.none_allowed.get() {
            return Ok(());
        }
        Err(failure::left_out(failure::empty(&self.uri), &self.by_drivers))
    }
}

/// The same without panics: each returns its failure as an [`Error`](crate::Error).
impl<R> Queries<R> {
    /// Like [`assert_count`](Queries::assert_count), but returns an error.
    ///
    /// # Errors
    /// If more or fewer queries ran.
    pub fn try_assert_count(&self, count: usize) -> Result<&Self> {
        self.check_complete()?;
        if self.len() == count { Ok(self) } else { Err(self.wrong_count(count, false)) }
    }

    /// Like [`assert_at_most`](Queries::assert_at_most), but returns an error.
    ///
    /// # Errors
    /// If more than `most` queries ran.
    pub fn try_assert_at_most(&self, most: usize) -> Result<&Self> {
        if most == 0 {
            self.check_complete()?;
        } else {
            self.check()?;
        }
        if self.len() <= most { Ok(self) } else { Err(self.wrong_count(most, true)) }
    }

    /// Like [`assert_no_repeats`](Queries::assert_no_repeats), but returns an error.
    ///
    /// # Errors
    /// If a query repeats.
    pub fn try_assert_no_repeats(&self) -> Result<&Self> {
        self.try_assert_repeats_at_most(1)
    }

    /// Like [`assert_repeats_at_most`](Queries::assert_repeats_at_most), but returns an error.
    ///
    /// # Errors
    /// If a query ran more than `most` times.
    pub fn try_assert_repeats_at_most(&self, most: usize) -> Result<&Self> {
        self.check()?;
        tables::check_repeats(groups(&self.queries), &self.address, most)?;
        Ok(self)
    }

    /// Like [`assert_no_scan`](Queries::assert_no_scan), but returns an error.
    ///
    /// # Errors
    /// If a query scans a table or cannot be explained.
    pub fn try_assert_no_scan(&self) -> Result<&Self> {
        self.check()?;
        tables::check_scans(&groups(&self.queries), &self.address, &self.allowed.borrow())?;
        Ok(self)
    }

    /// Like [`assert_only_reads`](Queries::assert_only_reads), but returns an error.
    ///
    /// # Errors
    /// If another table was read, or a query cannot be prepared.
    pub fn try_assert_only_reads(&self, tables: &[&str]) -> Result<&Self> {
        self.check()?;
        tables::check_access(&groups(&self.queries), &self.address, Access::Reads, tables)?;
        Ok(self)
    }

    /// Like [`assert_only_writes`](Queries::assert_only_writes), but returns an error.
    ///
    /// # Errors
    /// If another table was written, or a query cannot be prepared.
    pub fn try_assert_only_writes(&self, tables: &[&str]) -> Result<&Self> {
        self.check()?;
        tables::check_access(&groups(&self.queries), &self.address, Access::Writes, tables)?;
        Ok(self)
    }

    /// Like [`assert_selective`](Queries::assert_selective), but returns an error.
    ///
    /// # Errors
    /// If a query examines more rows, or if one with an aggregate cannot be run again.
    pub fn try_assert_selective(&self, most: f64) -> Result<&Self> {
        self.check()?;
        selective::check(groups(&self.queries), &self.address, most)?;
        Ok(self)
    }

    /// Like [`assert_steps_at_most`](Queries::assert_steps_at_most), but returns an error.
    ///
    /// # Errors
    /// If they took more, or one was still running.
    pub fn try_assert_steps_at_most(&self, most: u64) -> Result<&Self> {
        self.check()?;
        if let Some(running) = self.iter().find(|query| !query.is_finished()) {
            return Err(failure::still_running(running));
        }
        let steps = self.iter().map(Query::steps).sum();
        if steps <= most {
            return Ok(self);
        }
        Err(failure::left_out(failure::steps(&self.queries, steps, most), &self.by_drivers))
    }

    /// Like [`assert_connections_left_clean`](Queries::assert_connections_left_clean), but returns an error.
    ///
    /// # Errors
    /// If something is left on a connection.
    pub fn try_assert_connections_left_clean(&self) -> Result<&Self> {
        self.check()?;
        let left = leftovers::find(&self.queries, &self.by_drivers, &self.address)?;
        if left.is_empty() { Ok(self) } else { Err(failure::left_behind(&left)) }
    }
}

impl<'a, R> IntoIterator for &'a Queries<R> {
    type Item = &'a Query;
    type IntoIter = std::slice::Iter<'a, Query>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

printable!(Queries<R>);

impl<R> Raw for Queries<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())?;
        match failure::not_counted(&self.by_drivers) {
            Some(left_out) => write!(f, "\n-- {left_out}"),
            None => Ok(()),
        }
    }
}

impl<R> fmt::Debug for Queries<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.queries).finish()
    }
}
