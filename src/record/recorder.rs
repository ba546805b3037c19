//! Recordings of what some code runs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use super::failure::Missed;
use super::queries::{Queries, Recorded};
use crate::db::{Address, TestDb};
use crate::error::{Result, or_panic};
use crate::trace::{Capture, RecordingGuard, total_changes};

impl TestDb {
    /// Runs `f` and returns what ran meanwhile on all connections to this database.
    ///
    /// `f` gets a connection of its own, set up like those of [`connect`](TestDb::connect) before the recording starts.
    /// That connection does not see temporary tables or an open transaction of the first connection; use a
    /// [`recorder`](TestDb::recorder) for those.
    ///
    /// ```
    /// let db = sqlitmus::Template::empty().in_memory();
    /// let queries = db.record(|db| {
    ///     db.execute_batch("CREATE TABLE t(x); INSERT INTO t VALUES (1), (2)")
    /// });
    /// assert!(queries.value.is_ok());
    /// assert_eq!(queries.iter().nth(1).unwrap().rows_changed(), Some(2));
    /// ```
    ///
    /// # Panics
    /// If SQLite refuses the connection, or `f` panics.
    #[track_caller]
    pub fn record<R>(&self, f: impl FnOnce(&mut Connection) -> R) -> Queries<R> {
        or_panic(self.try_record(f))
    }

    /// Runs a future and returns what ran meanwhile on all connections to this database, such as those of a pool that was
    /// opened before.
    ///
    /// ```
    /// # mod app {
    /// #     use sqlitmus::rusqlite::{Connection, Result};
    /// #     pub async fn dashboard(pool: &Connection, user: i64) -> Result<usize> {
    /// #         pool.execute("DELETE FROM users WHERE id = ?1", [user])
    /// #     }
    /// # }
    /// # async fn example() {
    /// # let db = sqlitmus::Template::embedded(&[("1.sql", "CREATE TABLE users(id INTEGER PRIMARY KEY)")]).in_memory();
    /// # let pool = db.connect();
    /// let queries = db.record_async(app::dashboard(&pool, 7)).await;
    /// queries.assert_no_scan().assert_at_most(3);
    /// # }
    /// # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    /// # assert!(std::pin::pin!(example()).poll(&mut context).is_ready());
    /// ```
    pub async fn record_async<F: Future>(&self, future: F) -> Queries<F::Output> {
        let recorder = Recorder::start(self);
        let value = future.await;
        recorder.end(self, value)
    }

    /// Starts a recording that ends with [`Recorder::stop`], for code that is no closure.
    pub fn recorder(&self) -> Recorder<'_> {
        Recorder::start(self)
    }
}

/// The same without panics: each returns its failure as an [`Error`](crate::Error).
impl TestDb {
    /// Like [`record`](TestDb::record), but returns an error if SQLite refuses the connection.
    ///
    /// # Errors
    /// If SQLite refuses the connection.
    pub fn try_record<R>(&self, f: impl FnOnce(&mut Connection) -> R) -> Result<Queries<R>> {
        let mut connection = self.try_connect()?;
        let recorder = Recorder::start(self);
        let value = f(&mut connection);
        Ok(recorder.end(&connection, value))
    }
}

/// A recording in progress.
///
/// ```
/// let db = sqlitmus::Template::empty().in_memory();
/// let recorder = db.recorder();
/// db.execute_batch("CREATE TABLE t(x)").unwrap();
/// recorder.stop().assert_count(1);
/// ```
#[must_use = "a recording ends when its recorder is dropped, and only `stop` tells what ran"]
pub struct Recorder<'a> {
    db: &'a TestDb,
    address: Address,
    capture: Arc<Capture>,
    recorded: RecordingGuard<'a>,
}

impl<'a> Recorder<'a> {
    /// Starts a recording of all connections to `db`.
    pub fn start(db: &'a TestDb) -> Recorder<'a> {
        let capture = Arc::new(Capture::default());
        let recorded = db.traced().start(db, Arc::clone(&capture));
        Recorder { db, address: db.address(), capture, recorded }
    }

    /// Makes each query from here on note where it is run, for [`Query::call_site`](crate::record::Query::call_site).
    /// This costs four microseconds for each query.
    pub fn with_call_sites(self) -> Recorder<'a> {
        self.capture.note_call_sites();
        self
    }

    /// Ends the recording. Queries that are still running are included as far as they have run.
    pub fn stop(self) -> Queries<()> {
        let db = self.db;
        self.end(db, ())
    }

    fn end<R>(self, connection: &Connection, value: R) -> Queries<R> {
        self.await_rollbacks([total_changes(connection).0, total_changes(self.db).0]);
        let ours = [total_changes(connection), total_changes(self.db)];
        ours.into_iter().for_each(|counted| self.capture.settle(counted));
        let ours = ours.map(|(address, _)| self.capture.number_of(address));
        let missed = self.missed(connection);
        let uri = self.db.uri();
        drop(self.recorded);
        let queries = self.capture.take();
        Queries::new(value, Recorded { queries, ours, missed, address: self.address, uri })
    }

    /// Waits for the ROLLBACK of a transaction that was dropped, which an async driver runs when it likes: soon.
    fn await_rollbacks(&self, ours: [usize; 2]) {
        for _ in 0..20 {
            if !self.capture.has_open_transaction(ours) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn missed(&self, connection: &Connection) -> Option<Missed> {
        let sql = self.capture.missed().map(str::to_owned);
        if (sql.is_some() || self.recorded.is_real()) && self.recorded.is_reset() {
            return Some(Missed::Reset(sql));
        }
        if sql.is_some() || !self.recorded.hears(connection) {
            return Some(Missed::Hook(sql));
        }
        self.recorded.has_replaced().then_some(Missed::Replaced)
    }
}

impl fmt::Debug for Recorder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("db", &self.db).finish_non_exhaustive()
    }
}
