//! The queries of a recording, and the assertions about them.

use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

use super::failure::{self, Group, groups, list};
use super::tables;
use crate::db::Address;
use crate::error::{Result, or_panic};
use crate::sql;
use crate::trace::Query;

/// The queries that some code ran, and its return value.
///
/// `Display` lists each query once in its normal form, in the order of their first runs, with how many times it ran.
///
/// All assertions fail on a recording that is not [complete](Queries::is_complete).
pub struct Queries<R = ()> {
    /// The return value of the code.
    pub value: R,
    queries: Vec<Query>,
    complete: bool,
    address: Address,
    allowed: RefCell<Vec<String>>,
}

impl<R> Queries<R> {
    pub(super) fn new(value: R, queries: Vec<Query>, complete: bool, address: Address) -> Self {
        Queries { value, queries, complete, address, allowed: RefCell::default() }
    }

    /// Returns the queries in the order in which they started.
    pub fn iter(&self) -> std::slice::Iter<'_, Query> {
        self.queries.iter()
    }

    /// Returns the number of queries. Each run of a prepared statement counts, and so do `BEGIN`, `COMMIT` and PRAGMAs.
    pub fn len(&self) -> usize {
        self.queries.len()
    }

    /// Returns true if nothing was run.
    pub fn is_empty(&self) -> bool {
        self.queries.is_empty()
    }

    /// Returns true if the recorder was still listening at the end of the recording. See
    /// [what a recording changes](crate::record#what-it-costs-and-what-it-changes).
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Returns the queries that took longer than `limit`, the slowest first.
    pub fn slower_than(&self, limit: Duration) -> Vec<&Query> {
        let mut slow: Vec<&Query> = self.iter().filter(|query| query.duration() > limit).collect();
        slow.sort_by_key(|query| std::cmp::Reverse(query.duration()));
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

    /// Like [`assert_count`](Queries::assert_count), but returns an error.
    ///
    /// # Errors
    /// If more or fewer queries ran.
    pub fn try_assert_count(&self, count: usize) -> Result<&Self> {
        self.check_complete()?;
        if self.len() == count { Ok(self) } else { Err(failure::count(&self.queries, count, false)) }
    }

    /// Asserts that at most `most` queries ran.
    ///
    /// # Panics
    /// If more ran.
    #[track_caller]
    pub fn assert_at_most(&self, most: usize) -> &Self {
        or_panic(self.try_assert_at_most(most))
    }

    /// Like [`assert_at_most`](Queries::assert_at_most), but returns an error.
    ///
    /// # Errors
    /// If more than `most` queries ran.
    pub fn try_assert_at_most(&self, most: usize) -> Result<&Self> {
        self.check_complete()?;
        if self.len() <= most { Ok(self) } else { Err(failure::count(&self.queries, most, true)) }
    }

    /// Asserts that no query ran more than once with the same normal form.
    ///
    /// This finds one query for a list followed by one for each of its rows ("N+1"), and the same query run twice.
    ///
    /// `INSERT` may repeat, because a prepared one in a transaction is SQLite's fastest way to write many rows. So may
    /// statements about the transaction and the connection: `BEGIN`, `COMMIT`, `SAVEPOINT`, `PRAGMA`, `ATTACH`.
    ///
    /// # Panics
    /// If a query repeats.
    #[track_caller]
    pub fn assert_no_repeats(&self) -> &Self {
        or_panic(self.try_assert_no_repeats())
    }

    /// Like [`assert_no_repeats`](Queries::assert_no_repeats), but returns an error.
    ///
    /// # Errors
    /// If a query repeats.
    pub fn try_assert_no_repeats(&self) -> Result<&Self> {
        self.try_assert_repeats_at_most(1)
    }

    /// Like [`assert_no_repeats`](Queries::assert_no_repeats), but allows up to `most` runs of each query.
    ///
    /// # Panics
    /// If a query ran more than `most` times.
    #[track_caller]
    pub fn assert_repeats_at_most(&self, most: usize) -> &Self {
        or_panic(self.try_assert_repeats_at_most(most))
    }

    /// Like [`assert_repeats_at_most`](Queries::assert_repeats_at_most), but returns an error.
    ///
    /// # Errors
    /// If a query ran more than `most` times.
    pub fn try_assert_repeats_at_most(&self, most: usize) -> Result<&Self> {
        self.check_complete()?;
        let mut groups = groups(&self.queries);
        groups.retain(|group| group.queries.len() > most && may_not_repeat(group.queries[0]));
        groups.sort_by_key(|group| std::cmp::Reverse(group.queries.len()));
        if groups.is_empty() { Ok(self) } else { Err(failure::repeats(&groups, most)) }
    }

    /// Allows queries to read all of this table, for the [`assert_no_scan`](Queries::assert_no_scan) that follows. That
    /// assertion then fails if no query does so, because the allowance is not needed.
    pub fn allow_scan(&self, table: &str) -> &Self {
        self.allowed.borrow_mut().push(table.to_owned());
        self
    }

    /// Asserts that no query reads a whole table where an index could be used.
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

    /// Like [`assert_no_scan`](Queries::assert_no_scan), but returns an error.
    ///
    /// # Errors
    /// If a query scans a table or cannot be explained.
    pub fn try_assert_no_scan(&self) -> Result<&Self> {
        self.check_complete()?;
        tables::check_scans(&groups(&self.queries), &self.address, &self.allowed.borrow())?;
        Ok(self)
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

    /// Like [`assert_only_reads`](Queries::assert_only_reads), but returns an error.
    ///
    /// # Errors
    /// If another table was read, or a query cannot be prepared.
    pub fn try_assert_only_reads(&self, tables: &[&str]) -> Result<&Self> {
        self.check_complete()?;
        tables::check_access(&groups(&self.queries), &self.address, tables::Access::Reads, tables)?;
        Ok(self)
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

    /// Like [`assert_only_writes`](Queries::assert_only_writes), but returns an error.
    ///
    /// # Errors
    /// If another table was written, or a query cannot be prepared.
    pub fn try_assert_only_writes(&self, tables: &[&str]) -> Result<&Self> {
        self.check_complete()?;
        tables::check_access(&groups(&self.queries), &self.address, tables::Access::Writes, tables)?;
        Ok(self)
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

    /// Like [`assert_steps_at_most`](Queries::assert_steps_at_most), but returns an error.
    ///
    /// # Errors
    /// If they took more, or one was still running.
    pub fn try_assert_steps_at_most(&self, most: u64) -> Result<&Self> {
        self.check_complete()?;
        if let Some(running) = self.iter().find(|query| !query.is_finished()) {
            return Err(failure::still_running(running));
        }
        let steps = self.iter().map(Query::steps).sum();
        if steps <= most { Ok(self) } else { Err(failure::steps(&self.queries, steps, most)) }
    }

    /// Opens a connection to the database as it is.
    pub(crate) fn connect(&self) -> Result<rusqlite::Connection> {
        self.address.connect()
    }

    /// Returns the statements that have plans, with their values; some of those that differ only in values.
    pub(crate) fn statements(&self) -> Result<Vec<String>> {
        self.check_complete()?;
        let groups = groups(&self.queries);
        let planned = groups.iter().filter(|group| sql::has_a_plan(&group.queries[0].keyword()));
        Ok(planned.flat_map(Group::texts).map(|(_, text)| text.to_owned()).collect())
    }

    fn check_complete(&self) -> Result<()> {
        if self.complete { Ok(()) } else { Err(failure::not_complete()) }
    }
}

fn may_not_repeat(query: &Query) -> bool {
    let inserts = matches!(query.keyword().as_str(), "INSERT" | "REPLACE");
    !inserts && !query.is_about_the_connection()
}

impl<'a, R> IntoIterator for &'a Queries<R> {
    type Item = &'a Query;
    type IntoIter = std::slice::Iter<'a, Query>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<R> fmt::Display for Queries<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&list(&self.queries))
    }
}

impl<R> fmt::Debug for Queries<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.queries).finish()
    }
}
