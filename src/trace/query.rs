//! A statement that was run, and the events that the hook reports about it. Connections and statements are identified by their
//! addresses.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::time::Duration;

use crate::sql;

/// One run of a statement. A prepared statement that is run three times is three queries.
pub struct Query {
    sql: String,
    expanded: Option<String>,
    has_parameters: bool,
    reads_only: bool,
    connection: usize,
    /// True if its connection was opened during the recording, by the app.
    is_on_new_connection: bool,
    /// True if its connection was in a transaction when it started.
    in_transaction: bool,
    /// True if its connection was in a transaction when it ended.
    leaves_transaction: bool,
    /// True if nothing ran on the connection between this and its close.
    pub(super) is_before_close: bool,
    pub(super) nested: Vec<String>,
    site: Backtrace,
    is_on_thread_of_sqlx: bool,
    duration: Duration,
    counters: Counters,
    returned: u64,
    changes: u64,
    state: QueryState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum QueryState {
    Running,
    /// Reset before its end. Its changes are known when the connection runs something else.
    Uncounted,
    Done,
}

impl Query {
    pub(super) fn started(event: &Started<'_>, (connection, is_new): (usize, bool), site: Backtrace) -> Query {
        Query {
            sql: bare(event.sql).to_owned(),
            expanded: event.expanded.as_deref().map(|text| bare(text).to_owned()),
            has_parameters: event.has_parameters,
            reads_only: event.reads_only,
            connection,
            is_on_new_connection: is_new,
            in_transaction: event.in_transaction,
            leaves_transaction: event.in_transaction,
            is_before_close: false,
            nested: Vec::new(),
            site,
            is_on_thread_of_sqlx: is_thread_of_sqlx(),
            duration: Duration::ZERO,
            counters: Counters::default(),
            returned: 0,
            changes: 0,
            state: QueryState::Running,
        }
    }

    pub(super) fn finished(&mut self, event: &Finished, duration: Duration, counters: Counters, changes: u32) {
        self.duration = duration;
        self.leaves_transaction = event.in_transaction;
        self.counters = counters;
        self.returned += event.returned;
        self.changes += u64::from(changes);
        self.state = if event.is_halted || self.reads_only { QueryState::Done } else { QueryState::Uncounted };
    }

    pub(super) fn add_changes(&mut self, changes: u32) {
        self.changes += u64::from(changes);
        if self.state == QueryState::Uncounted {
            self.state = QueryState::Done;
        }
    }

    pub(super) fn is_still_running(&mut self, so_far: Duration) {
        self.duration = so_far;
    }

    /// Returns the statement as it was prepared, without surrounding white space and its semicolon.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// Returns the statement with its values in place of its parameters. `None` if it has parameters and SQLite found
    /// the text too long.
    pub fn expanded(&self) -> Option<&str> {
        if self.has_parameters { self.expanded.as_deref() } else { Some(&self.sql) }
    }

    /// Returns the values of its parameters as SQL literals, in the order of the parameters in the statement.
    pub fn values(&self) -> Vec<String> {
        self.expanded.as_deref().map_or_else(Vec::new, |expanded| sql::bound_values(&self.sql, expanded))
    }

    /// Returns the normal form, which queries share that differ only in their values: `?` for every value, `(?)` for
    /// lists behind `IN`, comments and white space folded. Words are not changed.
    pub fn normalized(&self) -> String {
        sql::normalized(&self.sql)
    }

    /// Returns the time from its first step to its end, including what the app did between two rows. For a query that
    /// was still running, the time until the recording ended.
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// Returns the number of rows that it inserted, updated or deleted, including triggers and foreign-key actions.
    ///
    /// `None` if SQLite has not reported it: the query was still running when the recording ended, or it was reset
    /// before its last row (as `query_row` does with `INSERT … RETURNING`) and was the last one of a connection of the
    /// app's own.
    pub fn rows_changed(&self) -> Option<u64> {
        match self.state {
            _ if self.reads_only => Some(0),
            QueryState::Done => Some(self.changes),
            QueryState::Running | QueryState::Uncounted => None,
        }
    }

    /// Returns the number of rows that it returned. Zero if it was still running when the recording ended.
    pub fn rows_returned(&self) -> u64 {
        self.returned
    }

    /// Returns how many rows of tables and indexes it went through to find those that it needed, whether by a scan or by a
    /// search. No plan tells: a `SEARCH` by a column that has two values goes through half of the table.
    ///
    /// SQLite counts how often it moves on to a further row. For a query of one table the number is exact; it includes the
    /// row behind the last one that a search finds, by which SQLite knows that there are no more. In other queries it is the
    /// least: rows that are looked up by a unique key, rows of virtual tables, and the first row of each loop but one are
    /// missing. `count(*)` of a whole table moves on to no row. Rows that are grouped, or kept in a temporary table, count
    /// once more.
    ///
    /// ```
    /// let db = sqlitmus::Template::empty().in_memory();
    /// db.execute_batch(
    ///     "CREATE TABLE notes(id INTEGER PRIMARY KEY, owner INT, deleted INT);
    ///      CREATE INDEX notes_deleted ON notes(deleted);
    ///      INSERT INTO notes(owner, deleted)
    ///      SELECT value, 0 FROM json_each('[1, 2, 3, 4, 5, 6]');",
    /// )
    /// .unwrap();
    /// let sql = "SELECT id FROM notes WHERE deleted = 0 AND owner = 3";
    /// let queries = db.record(|db| {
    ///     let mut ids = db.prepare(sql).unwrap();
    ///     ids.query_map([], |row| row.get::<_, i64>(0)).unwrap().count()
    /// });
    /// let query = queries.iter().next().unwrap();
    /// assert_eq!((query.rows_examined(), query.rows_returned()), (6, 1));
    /// ```
    pub fn rows_examined(&self) -> u64 {
        let moves = [Counter::SearchSteps, Counter::FullscanSteps, Counter::AutoindexRows];
        let moves: u64 = moves.into_iter().map(|counter| u64::from(self.counters.of(counter))).sum();
        // What a sort hands over is moved on to once more.
        let sorted = if self.sorts() > 0 { self.returned.saturating_sub(1) } else { 0 };
        let has_a_row = moves > 0 || self.returned > 0 || self.changes > 0;
        moves.saturating_sub(sorted) + u64::from(has_a_row)
    }

    /// Returns true if it can only read. SQLite decides this, and counts `BEGIN` and `COMMIT` as reading.
    pub fn reads_only(&self) -> bool {
        self.reads_only
    }

    /// Returns true if it had ended when the recording ended. If not, its counters are zero.
    pub fn is_finished(&self) -> bool {
        self.state != QueryState::Running
    }

    /// Returns the number of instructions of SQLite's virtual machine. Unlike time, it is the same on every machine.
    pub fn steps(&self) -> u64 {
        self.counters.of(Counter::Steps).into()
    }

    /// Returns how many times it stepped to the next row of a full scan.
    pub fn fullscan_steps(&self) -> u64 {
        self.counters.of(Counter::FullscanSteps).into()
    }

    /// Returns how many times it sorted.
    pub fn sorts(&self) -> u64 {
        self.counters.of(Counter::Sorts).into()
    }

    /// Returns the number of rows in indexes that SQLite built for this query alone, because there was no suitable
    /// index.
    pub fn autoindex_rows(&self) -> u64 {
        self.counters.of(Counter::AutoindexRows).into()
    }

    /// Returns the number of the connection that ran it. Connections are numbered from 1 in the order of their first
    /// statements.
    pub fn connection(&self) -> usize {
        self.connection
    }

    /// Returns what ran within this query and is not a separate query: triggers (`TRIGGER name`) and their statements,
    /// foreign-key actions (`FOREIGN KEY`), statements of virtual tables and of functions.
    pub fn nested(&self) -> &[String] {
        &self.nested
    }

    /// Returns the line of the app that ran it, as `src/orders.rs:17`, if call sites are on: by
    /// [`Recorder::with_call_sites`](crate::record::Recorder::with_call_sites), or by `RUST_BACKTRACE=1` for the first ten
    /// runs of each statement.
    ///
    /// The first lookup takes a tenth of a second. A driver with a thread of its own, such as sqlx, hides the call
    /// site.
    pub fn call_site(&self) -> Option<String> {
        match self.site.status() {
            BacktraceStatus::Captured => line_of_the_app(&self.site.to_string()),
            _ => None,
        }
    }

    /// Returns true if it is known where it was run, in whatever code.
    pub(crate) fn has_backtrace(&self) -> bool {
        self.site.status() == BacktraceStatus::Captured
    }

    /// Returns true if sqlx has run it on a thread of its own, where no line of the app is on the stack.
    pub(crate) fn is_on_thread_of_sqlx(&self) -> bool {
        self.is_on_thread_of_sqlx
    }

    pub(crate) fn is_on_new_connection(&self) -> bool {
        self.is_on_new_connection
    }

    /// Returns true if its connection was in a transaction when it started.
    pub(crate) fn is_in_transaction(&self) -> bool {
        self.in_transaction
    }

    /// Returns true if its connection was in a transaction when it ended.
    pub(crate) fn leaves_transaction(&self) -> bool {
        self.leaves_transaction
    }

    /// Returns true if nothing ran on the connection between this and its close.
    pub(crate) fn is_before_close(&self) -> bool {
        self.is_before_close
    }

    /// Returns the first word in upper case.
    pub(crate) fn keyword(&self) -> String {
        sql::keyword(&self.sql)
    }

    /// Returns true if it is about the connection or the transaction, and not about rows.
    pub(crate) fn is_about_the_connection(&self) -> bool {
        matches!(
            self.keyword().as_str(),
            "BEGIN" | "COMMIT" | "END" | "ROLLBACK" | "SAVEPOINT" | "RELEASE" | "PRAGMA" | "ATTACH" | "DETACH"
        )
    }
}

/// Trims the statement. Drivers that cut a script into statements leave white space and a semicolon.
fn bare(sql: &str) -> &str {
    let is_bare =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'?' | b')'));
    // Trimming takes an unoptimized build a microsecond.
    if is_bare(sql.as_bytes().first()) && is_bare(sql.as_bytes().last()) {
        return sql;
    }
    sql.trim().trim_end_matches(';').trim_end()
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query")
            .field("sql", &self.expanded().unwrap_or(&self.sql))
            .field("connection", &self.connection)
            .field("duration", &self.duration)
            .field("rows_changed", &self.rows_changed())
            .field("steps", &self.steps())
            .finish_non_exhaustive()
    }
}

/// SQLite's counters of a statement. They have 32 bits and may wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters([u32; 6]);

/// A counter, by the number that SQLite gives it: `SQLITE_STMTSTATUS_…`.
///
/// The first has no name. `Next` and `Prev` add one to the counter that their `p5` names, and in a loop that is neither a
/// full scan nor fills an automatic index, `p5` is 0. A test runs queries with known numbers of rows.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counter {
    SearchSteps,
    FullscanSteps,
    Sorts,
    AutoindexRows,
    Steps,
    Reprepared,
}

impl Counters {
    /// Returns what was counted after `before`. An app may reset its counters in between; the result is then what was
    /// counted after the reset.
    pub(super) fn since(self, before: Counters) -> Counters {
        let since = |now: u32, before: u32| {
            if now.wrapping_sub(before) > u32::MAX / 2 { now } else { now.wrapping_sub(before) }
        };
        let ([a, b, c, d, e, f], then) = (self.0, before.0);
        // An array's `map` takes an unoptimized build half a microsecond.
        Counters([
            since(a, then[0]),
            since(b, then[1]),
            since(c, then[2]),
            since(d, then[3]),
            since(e, then[4]),
            since(f, then[5]),
        ])
    }

    /// Reads each counter by its number.
    pub(super) fn read(status: impl Fn(i32) -> u32) -> Counters {
        Counters([status(0), status(1), status(2), status(3), status(4), status(5)])
    }

    pub(super) fn of(self, counter: Counter) -> u32 {
        self.0[counter as usize]
    }
}

/// A statement starts to run.
pub(super) struct Started<'a> {
    pub(super) connection: usize,
    pub(super) statement: usize,
    pub(super) sql: &'a str,
    pub(super) expanded: Option<String>,
    pub(super) has_parameters: bool,
    pub(super) reads_only: bool,
    pub(super) in_transaction: bool,
    pub(super) counters: Counters,
    /// `sqlite3_total_changes` of the connection.
    pub(super) changed: u32,
}

/// A statement has run to its end, or is about to be reset.
pub(super) struct Finished {
    pub(super) connection: usize,
    pub(super) statement: usize,
    pub(super) counters: Counters,
    /// The rows returned since its start, or since the event before.
    pub(super) returned: u64,
    pub(super) changed: u32,
    pub(super) reads_only: bool,
    /// True if SQLite is done with the statement. If not, its changes are counted after this event.
    pub(super) is_halted: bool,
    /// True if the connection is in a transaction.
    pub(super) in_transaction: bool,
}

/// Returns true on a thread that sqlx has made for a connection.
pub(crate) fn is_thread_of_sqlx() -> bool {
    std::thread::current().name().is_some_and(|name| name.starts_with("sqlx-sqlite-worker"))
}

/// Crates whose frames lie between SQLite and the app.
const DRIVERS: &str = "sqlitmus rusqlite libsqlite3_sys diesel sqlx sqlx_core sqlx_sqlite sea_orm sea_query r2d2 tokio \
     futures_util core std alloc rstest";

/// The sources of this crate. With `debug = "line-tables-only"`, the symbol of a frame does not name the crate.
const OURS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/");

/// Returns the first frame that is neither in a driver nor in the standard library, as `file:line`.
pub(super) fn line_of_the_app(backtrace: &str) -> Option<String> {
    let mut symbol = "";
    for line in backtrace.lines().map(str::trim) {
        let Some(place) = line.strip_prefix("at ") else {
            symbol = line.split_once(": ").map_or(line, |(_number, symbol)| symbol);
            continue;
        };
        let crate_name = symbol.trim_start_matches(['<', '&']).split("::").next().unwrap_or_default();
        let foreign = DRIVERS.split(' ').any(|driver| driver == crate_name)
            || is_ours(place)
            || place.contains("/.cargo/registry/")
            || place.contains("/.cargo/git/")
            || place.starts_with("/rustc/")
            || place.contains("/rustlib/src/");
        // `file:line:column` of Rust. Frames of SQLite are C.
        let (file_and_line, _column) = place.rsplit_once(':')?;
        let (file, number) = file_and_line.rsplit_once(':')?;
        if !foreign && file.ends_with(".rs") {
            return Some(format!("{}:{number}", file.strip_prefix("./").unwrap_or(file)));
        }
    }
    None
}

/// Backtraces show paths below the current folder without it.
fn is_ours(place: &str) -> bool {
    match place.strip_prefix("./") {
        Some(below) => std::env::current_dir().is_ok_and(|folder| folder.join(below).starts_with(OURS)),
        None => place.starts_with(OURS),
    }
}
