//! The queries of a recording, and what can be asserted about them.

use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

use super::{failure, scans, tables};
use crate::db::Address;
use crate::error::{Result, or_panic};
use crate::sql;
use crate::trace::Query;

/// What some code ran, and what it returned. `Display` lists each query once in its normal form, in the order of their
/// first runs, with how many times it ran.
///
/// Every assertion fails on a recording that is not [complete](Queries::is_complete), and says so.
pub struct Queries<R = ()> {
    /// What the code returned.
    pub value: R,
    queries: Vec<Query>,
    complete: bool,
    address: Address,
    allowed: RefCell<Vec<String>>,
}

/// Queries with the same normal form.
pub(super) struct Group<'a> {
    pub(super) normalized: String,
    pub(super) queries: Vec<&'a Query>,
}

impl<R> Queries<R> {
    pub(super) fn new(value: R, queries: Vec<Query>, complete: bool, address: Address) -> Self {
        Queries { value, queries, complete, address, allowed: RefCell::default() }
    }

    /// The queries in the order in which they started.
    pub fn iter(&self) -> std::slice::Iter<'_, Query> {
        self.queries.iter()
    }

    /// How many there are. Each run of a prepared statement counts, and so do `BEGIN`, `COMMIT` and PRAGMAs.
    pub fn len(&self) -> usize {
        self.queries.len()
    }

    /// Whether nothing was run.
    pub fn is_empty(&self) -> bool {
        self.queries.is_empty()
    }

    /// Whether the recorder was still listening at the end; see [what it changes](super#what-it-costs-and-what-it-changes).
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// The queries that took longer than `limit`, the slowest first.
    pub fn slower_than(&self, limit: Duration) -> Vec<&Query> {
        let mut slow: Vec<&Query> = self.iter().filter(|query| query.duration() > limit).collect();
        slow.sort_by_key(|query| std::cmp::Reverse(query.duration()));
        slow
    }

    /// Panics unless exactly `count` queries ran.
    ///
    /// # Panics
    /// When more or fewer ran.
    #[track_caller]
    pub fn assert_count(&self, count: usize) -> &Self {
        pass(self.try_assert_count(count))
    }

    /// Like [`assert_count`](Queries::assert_count), without the panic.
    ///
    /// # Errors
    /// When more or fewer ran.
    pub fn try_assert_count(&self, count: usize) -> Result<&Self> {
        self.check_complete()?;
        if self.len() == count { Ok(self) } else { Err(failure::count(self, count, false)) }
    }

    /// Panics if more than `most` queries ran.
    ///
    /// # Panics
    /// When more ran.
    #[track_caller]
    pub fn assert_at_most(&self, most: usize) -> &Self {
        pass(self.try_assert_at_most(most))
    }

    /// Like [`assert_at_most`](Queries::assert_at_most), without the panic.
    ///
    /// # Errors
    /// When more ran.
    pub fn try_assert_at_most(&self, most: usize) -> Result<&Self> {
        self.check_complete()?;
        if self.len() <= most { Ok(self) } else { Err(failure::count(self, most, true)) }
    }

    /// Panics if a query ran more than once with the same normal form: one query for the list and one for each of its rows
    /// ("N+1"), or the same question asked twice.
    ///
    /// `INSERT` may repeat, because a prepared one in a transaction is SQLite's fastest way to write many rows. So may
    /// statements about the transaction and the connection: `BEGIN`, `COMMIT`, `SAVEPOINT`, `PRAGMA`, `ATTACH`.
    ///
    /// # Panics
    /// When a query repeats.
    #[track_caller]
    pub fn assert_no_repeats(&self) -> &Self {
        pass(self.try_assert_no_repeats())
    }

    /// Like [`assert_no_repeats`](Queries::assert_no_repeats), without the panic.
    ///
    /// # Errors
    /// When a query repeats.
    pub fn try_assert_no_repeats(&self) -> Result<&Self> {
        self.try_assert_repeats_at_most(1)
    }

    /// Like [`assert_no_repeats`](Queries::assert_no_repeats), where up to `most` runs of each query are meant.
    ///
    /// # Panics
    /// When a query ran more than `most` times.
    #[track_caller]
    pub fn assert_repeats_at_most(&self, most: usize) -> &Self {
        pass(self.try_assert_repeats_at_most(most))
    }

    /// Like [`assert_repeats_at_most`](Queries::assert_repeats_at_most), without the panic.
    ///
    /// # Errors
    /// When a query ran more than `most` times.
    pub fn try_assert_repeats_at_most(&self, most: usize) -> Result<&Self> {
        self.check_complete()?;
        let mut groups = self.groups();
        groups.retain(|group| group.queries.len() > most && may_not_repeat(group.queries[0]));
        groups.sort_by_key(|group| std::cmp::Reverse(group.queries.len()));
        if groups.is_empty() { Ok(self) } else { Err(failure::repeats(&groups, most)) }
    }

    /// Lets queries read all of this table, for the [`assert_no_scan`](Queries::assert_no_scan) behind it. Which fails when
    /// none of them does: then the allowance is not needed.
    pub fn allow_scan(&self, table: &str) -> &Self {
        self.allowed.borrow_mut().push(table.to_owned());
        self
    }

    /// Panics if a query reads a whole table where an index could lead it.
    ///
    /// Plans are made on the database as it is when this is called. A query of which no plan can be made there, because it
    /// uses a temporary table, an attached database or a function of the app's connection, fails this too.
    ///
    /// # Panics
    /// When a query scans a table, or cannot be explained.
    #[track_caller]
    pub fn assert_no_scan(&self) -> &Self {
        pass(self.try_assert_no_scan())
    }

    /// Like [`assert_no_scan`](Queries::assert_no_scan), without the panic.
    ///
    /// # Errors
    /// When a query scans a table, or cannot be explained.
    pub fn try_assert_no_scan(&self) -> Result<&Self> {
        self.check_complete()?;
        scans::check(&self.groups(), &self.address, &self.allowed.borrow())?;
        Ok(self)
    }

    /// Panics if a table was read that is not among `tables`; what is written is not looked at.
    ///
    /// Views count as the tables behind them, and triggers and foreign keys read as well. Which tables a query touches is
    /// asked of the database as it is when this is called; a query that cannot be prepared there fails this.
    ///
    /// # Panics
    /// When another table was read, or a query cannot be looked into.
    #[track_caller]
    pub fn assert_only_reads(&self, tables: &[&str]) -> &Self {
        pass(self.try_assert_only_reads(tables))
    }

    /// Like [`assert_only_reads`](Queries::assert_only_reads), without the panic.
    ///
    /// # Errors
    /// When another table was read, or a query cannot be looked into.
    pub fn try_assert_only_reads(&self, tables: &[&str]) -> Result<&Self> {
        self.check_complete()?;
        tables::check(&self.groups(), &self.address, tables::Access::Reads, tables)?;
        Ok(self)
    }

    /// Panics if a table was written that is not among `tables`; what is read is not looked at. `&[]` is code that only
    /// reads. Changes of the schema are writes to `sqlite_schema`.
    ///
    /// # Panics
    /// When another table was written, or a query cannot be looked into.
    #[track_caller]
    pub fn assert_only_writes(&self, tables: &[&str]) -> &Self {
        pass(self.try_assert_only_writes(tables))
    }

    /// Like [`assert_only_writes`](Queries::assert_only_writes), without the panic.
    ///
    /// # Errors
    /// When another table was written, or a query cannot be looked into.
    pub fn try_assert_only_writes(&self, tables: &[&str]) -> Result<&Self> {
        self.check_complete()?;
        tables::check(&self.groups(), &self.address, tables::Access::Writes, tables)?;
        Ok(self)
    }

    /// Panics if all queries together took more than `most` instructions of SQLite's virtual machine: a budget that is the
    /// same on every machine.
    ///
    /// # Panics
    /// When they took more, or one was still running.
    #[track_caller]
    pub fn assert_steps_at_most(&self, most: u64) -> &Self {
        pass(self.try_assert_steps_at_most(most))
    }

    /// Like [`assert_steps_at_most`](Queries::assert_steps_at_most), without the panic.
    ///
    /// # Errors
    /// When they took more, or one was still running.
    pub fn try_assert_steps_at_most(&self, most: u64) -> Result<&Self> {
        self.check_complete()?;
        if let Some(running) = self.iter().find(|query| !query.is_finished()) {
            return Err(failure::still_running(running));
        }
        let steps = self.iter().map(Query::steps).sum();
        if steps <= most { Ok(self) } else { Err(failure::steps(self, steps, most)) }
    }

    /// A connection to the database as it is.
    pub(crate) fn connect(&self) -> Result<rusqlite::Connection> {
        self.address.connect()
    }

    /// The statements that have plans, with their values; of many that differ in their values alone, some.
    pub(crate) fn statements(&self) -> Result<Vec<String>> {
        self.check_complete()?;
        let groups = self.groups();
        let planned = groups.iter().filter(|group| sql::has_a_plan(&group.queries[0].keyword()));
        Ok(planned.flat_map(scans::texts).map(|(_, text)| text.to_owned()).collect())
    }

    /// The queries by their normal form, in the order of their first runs.
    pub(super) fn groups(&self) -> Vec<Group<'_>> {
        let mut groups: Vec<Group<'_>> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for query in &self.queries {
            let normalized = query.normalized();
            let place = *places.entry(normalized).or_insert_with_key(|normalized| {
                groups.push(Group { normalized: normalized.clone(), queries: Vec::new() });
                groups.len() - 1
            });
            groups[place].queries.push(query);
        }
        groups
    }

    fn check_complete(&self) -> Result<()> {
        if self.complete { Ok(()) } else { Err(failure::not_complete()) }
    }
}

fn may_not_repeat(query: &Query) -> bool {
    let inserts = matches!(query.keyword().as_str(), "INSERT" | "REPLACE");
    !inserts && !query.is_about_the_connection()
}

#[track_caller]
fn pass<T>(result: Result<T>) -> T {
    or_panic(result)
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
        for (index, group) in self.groups().iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "\n" })?;
            f.write_str(&group.normalized)?;
            if group.queries.len() > 1 {
                write!(f, "  -- {} times", group.queries.len())?;
            }
        }
        Ok(())
    }
}

impl<R> fmt::Debug for Queries<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.queries).finish()
    }
}
