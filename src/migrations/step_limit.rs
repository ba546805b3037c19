//! A limit for migrations that do not end on some rows, as a recursive query does not where they form a cycle.
//!
//! SQLite calls a progress handler after a number of steps of a statement. A connection has one: where the app's runner sets its
//! own, or opens connections itself, there is no limit.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use crate::error::{Error, ErrorKind, Result};

/// The steps between two calls of the handler.
const INTERVAL: u64 = 1_000;

/// The most steps of a migration on a database of a few pages. Of 22 apps, no migration takes more than 18,000 on the rows of the
/// suite; 300,000 rows of a counter take as many.
const MOST_STEPS: u64 = 10_000_000;

/// The part of them that is left to a migration that did not end before, on other rows.
const PART: u64 = 10;

/// The most pages of a database for which they are enough. A migration may compare each row with each other one.
const PAGES: u64 = 200;

/// The limit of a history.
#[derive(Debug, Default)]
pub(super) struct StepLimit {
    /// The versions that were not reached.
    endless: Mutex<Vec<i64>>,
}

impl StepLimit {
    /// Runs migrations up or down to this version. `what` names the one that does not end.
    pub(super) fn within<T>(
        &self,
        connection: &mut Connection,
        version: i64,
        what: impl FnOnce(&Error) -> String,
        migrate: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        let part = if self.endless().contains(&version) { PART } else { 1 };
        let whole = most_steps(connection);
        let most = whole / part;
        let intervals = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&intervals);
        let is_over = move |intervals: u64| intervals * INTERVAL > most;
        let handler = move || is_over(seen.fetch_add(1, Ordering::Relaxed) + 1);
        let _ = connection.progress_handler(i32::try_from(INTERVAL).unwrap_or(i32::MAX), Some(handler));
        let done = migrate(connection);
        let _ = connection.progress_handler(0, None::<fn() -> bool>);
        if !is_over(intervals.load(Ordering::Relaxed)) {
            return done;
        }
        if part == 1 {
            self.endless().push(version);
        }
        // Code of the app may have gone on after the error.
        let error = done.err().unwrap_or_else(|| Error::new(ErrorKind::Migration, String::new()));
        let headline = what(&error);
        let millions = whole / 1_000_000;
        Err(error
            .endless(headline)
            .note(format!("on a database of this size it may take {millions} million steps of SQLite's")))
    }

    fn endless(&self) -> MutexGuard<'_, Vec<i64>> {
        self.endless.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the most steps of a migration on a database of this size.
pub(crate) fn most_steps(connection: &Connection) -> u64 {
    let _own = crate::own::statements();
    let pages = connection.query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0)).unwrap_or(0);
    let times = pages.unsigned_abs().div_ceil(PAGES).max(1);
    MOST_STEPS.saturating_mul(times.saturating_mul(times))
}
