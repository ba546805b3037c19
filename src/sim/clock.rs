//! The time that SQLite sees: `datetime('now')`, `CURRENT_TIMESTAMP`, and how long a busy timeout sleeps.
//!
//! SQLite asks the connection's VFS for both. A running clock shows the system's time plus whatever the test advanced
//! it by, and sleeps for real. A stopped clock moves only when a test or a sleep advances it: a busy timeout of 30
//! seconds is over at once, and the clock shows 30 seconds later.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

use crate::error::{Error, ErrorKind, Result, or_panic};

/// 1970-01-01 in the unit of `xCurrentTimeInt64`: milliseconds since noon of 24 November 4714 BC.
const UNIX_EPOCH_IN_JULIAN_MS: i64 = 210_866_760_000_000;

/// The last millisecond of the year 9999, past which SQLite's date functions return NULL.
const LAST_JULIAN_MS: i64 = 464_269_060_799_999;

/// The clock of one database. Every connection to the database reads it, whatever the driver.
#[derive(Clone)]
pub struct Clock {
    time: Arc<Mutex<Time>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Time {
    /// The system's time plus this many milliseconds.
    Running { ahead: i64 },
    /// Stopped at this instant, in microseconds so that short sleeps add up.
    Stopped { julian_us: i128 },
}

impl Clock {
    pub(super) fn new() -> Self {
        Clock { time: Arc::new(Mutex::new(Time::Running { ahead: 0 })) }
    }

    /// Returns an independent clock that shows the time of this one.
    pub(super) fn fork(&self) -> Self {
        Clock { time: Arc::new(Mutex::new(*self.lock())) }
    }

    /// Stops the clock at `time`: RFC 3339, or any other text that SQLite's date functions accept.
    ///
    /// ```
    /// let db = sqlitmus::Template::empty().in_memory();
    /// db.clock().set("2026-03-01T00:00:00Z");
    /// let now: String =
    ///     db.query_row("SELECT datetime('now')", [], |row| row.get(0)).unwrap();
    /// assert_eq!(now, "2026-03-01 00:00:00");
    /// ```
    ///
    /// # Panics
    /// If `time` is not a time.
    #[track_caller]
    pub fn set(&self, time: &str) {
        or_panic(self.try_set(time));
    }

    /// Stops the clock at this time after 1970.
    pub(crate) fn stop_at(&self, unix: Duration) {
        let since = i128::try_from(unix.as_micros()).unwrap_or(i128::MAX / 2);
        *self.lock() = Time::Stopped { julian_us: i128::from(UNIX_EPOCH_IN_JULIAN_MS) * 1000 + since };
    }

    /// Moves the clock forward. A running clock keeps running from there.
    pub fn advance(&self, by: Duration) {
        let by = i128::try_from(by.as_micros()).unwrap_or(i128::MAX / 2);
        let mut time = self.lock();
        let end = i128::from(LAST_JULIAN_MS) * 1000;
        *time = match *time {
            Time::Running { ahead } => {
                let ahead = i128::from(ahead).saturating_add(by / 1000).min(i128::from(LAST_JULIAN_MS));
                Time::Running { ahead: i64::try_from(ahead).unwrap_or(LAST_JULIAN_MS) }
            }
            Time::Stopped { julian_us } => Time::Stopped { julian_us: julian_us.saturating_add(by).min(end) },
        };
    }

    /// Stops the clock at the time that it shows.
    pub fn stop(&self) {
        let mut time = self.lock();
        *time = Time::Stopped { julian_us: i128::from(time.julian_ms()) * 1000 };
    }

    /// Makes the clock run again, with the system's time.
    pub fn run(&self) {
        *self.lock() = Time::Running { ahead: 0 };
    }

    /// Sets this clock to what `other` shows, running or stopped.
    pub(crate) fn show(&self, other: &Clock) {
        let time = *other.lock();
        *self.lock() = time;
    }

    /// The result of `xCurrentTimeInt64`.
    pub(super) fn julian_ms(&self) -> i64 {
        self.lock().julian_ms()
    }

    /// Sleeps for `xSleep`. A stopped clock yields to other threads, so that the one that holds the lock can release
    /// it.
    pub(super) fn sleep(&self, by: Duration) {
        let running = matches!(*self.lock(), Time::Running { .. });
        if running {
            std::thread::sleep(by);
        } else {
            self.advance(by);
            std::thread::yield_now();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Time> {
        self.time.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same without panics: each returns its failure as an [`Error`](crate::Error).
impl Clock {
    /// Like [`set`](Clock::set), but returns the error.
    ///
    /// # Errors
    /// If `time` is not a time.
    pub fn try_set(&self, time: &str) -> Result<()> {
        let julian_ms = parse(time)?;
        *self.lock() = Time::Stopped { julian_us: i128::from(julian_ms) * 1000 };
        Ok(())
    }
}

impl Time {
    fn julian_ms(self) -> i64 {
        match self {
            Time::Running { ahead } => {
                let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let unix = i64::try_from(unix.as_millis()).unwrap_or(0);
                (UNIX_EPOCH_IN_JULIAN_MS + unix).saturating_add(ahead).min(LAST_JULIAN_MS)
            }
            Time::Stopped { julian_us } => i64::try_from(julian_us / 1000).unwrap_or(LAST_JULIAN_MS),
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&*self.lock()).finish()
    }
}

/// Parses a time by asking SQLite, so that everything its date functions accept is accepted here.
fn parse(time: &str) -> Result<i64> {
    let julian: Option<f64> = Connection::open_in_memory()
        .and_then(|sqlite| sqlite.query_row("SELECT julianday(?1)", [time], |row| row.get(0)))
        .map_err(|error| Error::sqlite("read a time", error))?;
    match julian {
        // SQLite would read a number alone as a Julian day, which is never what is meant.
        #[expect(clippy::cast_possible_truncation, reason = "SQLite's days end in the year 9999")]
        Some(julian) if time.contains('-') || time == "now" => Ok((julian * 86_400_000.0).round() as i64),
        _ => Err(Error::new(ErrorKind::Clock, format!("not a time: {time:?}"))
            .help("write it as in 2026-03-01T00:00:00Z or 2026-03-01 09:30:00.250+02:00")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Clock, Time, UNIX_EPOCH_IN_JULIAN_MS, parse};

    #[test]
    fn times_are_read_as_sqlite_reads_them() {
        assert_eq!(parse("1970-01-01T00:00:00Z").unwrap(), UNIX_EPOCH_IN_JULIAN_MS);
        assert_eq!(parse("1970-01-01T02:00:00.250+02:00").unwrap(), UNIX_EPOCH_IN_JULIAN_MS + 250);
        assert_eq!(parse("2026-03-01").unwrap(), parse("2026-03-01T00:00:00Z").unwrap());
    }

    #[test]
    fn text_that_is_not_a_time_is_an_error() {
        for time in ["", "soon", "12:00", "1772323200", "2026-13-01"] {
            let error = parse(time).unwrap_err();
            assert_eq!(error.headline(), format!("not a time: {time:?}"));
        }
    }

    #[test]
    fn a_stopped_clock_moves_by_sleeping() {
        let clock = Clock::new();
        clock.set("1970-01-01T00:00:00Z");
        for _ in 0..3 {
            clock.sleep(Duration::from_micros(500));
        }
        assert_eq!(clock.julian_ms(), UNIX_EPOCH_IN_JULIAN_MS + 1);
        clock.advance(Duration::from_secs(30));
        assert_eq!(clock.julian_ms(), UNIX_EPOCH_IN_JULIAN_MS + 30_001);
    }

    #[test]
    fn a_running_clock_can_be_ahead() {
        let clock = Clock::new();
        clock.advance(Duration::from_secs(3600));
        assert_eq!(*clock.lock(), Time::Running { ahead: 3_600_000 });
        let fork = clock.fork();
        clock.run();
        assert_eq!(*clock.lock(), Time::Running { ahead: 0 });
        assert_eq!(*fork.lock(), Time::Running { ahead: 3_600_000 });
    }

    #[test]
    fn no_advance_leaves_sqlites_calendar() {
        let clock = Clock::new();
        clock.advance(Duration::MAX);
        assert_eq!(clock.julian_ms(), super::LAST_JULIAN_MS);
        clock.set("9999-12-31T23:59:59Z");
        clock.advance(Duration::MAX);
        assert_eq!(clock.julian_ms(), super::LAST_JULIAN_MS);
    }
}
