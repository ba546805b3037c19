//! One statement that was run.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::time::Duration;

use super::events::{Counters, Started};
use super::site;
use crate::sql;

/// One statement that was run, once: a prepared statement that is run three times is three queries.
pub struct Query {
    sql: String,
    expanded: Option<String>,
    has_parameters: bool,
    reads_only: bool,
    connection: usize,
    pub(super) nested: Vec<String>,
    site: Backtrace,
    duration: Duration,
    counters: Counters,
    changes: u64,
    state: QueryState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum QueryState {
    Running,
    /// Reset before its end. What it changed is known when the connection runs something else.
    Uncounted,
    Done,
}

impl Query {
    pub(super) fn started(event: &Started<'_>, connection: usize, site: Backtrace) -> Query {
        Query {
            sql: bare(event.sql).to_owned(),
            expanded: event.expanded.as_deref().map(|text| bare(text).to_owned()),
            has_parameters: event.has_parameters,
            reads_only: event.reads_only,
            connection,
            nested: Vec::new(),
            site,
            duration: Duration::ZERO,
            counters: Counters::default(),
            changes: 0,
            state: QueryState::Running,
        }
    }

    pub(super) fn finished(&mut self, duration: Duration, counters: Counters, changes: u32, is_halted: bool) {
        self.duration = duration;
        self.counters = counters;
        self.changes += u64::from(changes);
        self.state = if is_halted || self.reads_only { QueryState::Done } else { QueryState::Uncounted };
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

    /// The statement as it was prepared, without white space around it and without its semicolon.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The statement with its values in place of its parameters. `None` where it has parameters and SQLite found the text
    /// too long.
    pub fn expanded(&self) -> Option<&str> {
        if self.has_parameters { self.expanded.as_deref() } else { Some(&self.sql) }
    }

    /// The values of its parameters, in the order in which they stand in the statement, as SQL literals.
    pub fn values(&self) -> Vec<String> {
        self.expanded.as_deref().map_or_else(Vec::new, |expanded| sql::bound_values(&self.sql, expanded))
    }

    /// The statement with `?` for every value, lists behind `IN` as `(?)`, comments and white space folded: what queries
    /// have in common that differ only in their values. Words stay as they are written.
    pub fn normalized(&self) -> String {
        sql::normalized(&self.sql)
    }

    /// How long it ran, from its first step to its end, with what the app did between two rows. If it was still running
    /// when the recording ended, up to then.
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// How many rows it inserted, updated or deleted, those of its triggers and foreign-key actions included.
    ///
    /// `None` where SQLite has not told: the query was still running when the recording ended, or it was reset before its
    /// last row (as `query_row` does with `INSERT … RETURNING`) and was the last of a connection of the app's own.
    pub fn rows_changed(&self) -> Option<u64> {
        match self.state {
            _ if self.reads_only => Some(0),
            QueryState::Done => Some(self.changes),
            QueryState::Running | QueryState::Uncounted => None,
        }
    }

    /// Whether it can only read: SQLite's own judgement, by which `BEGIN` and `COMMIT` are reading too.
    pub fn reads_only(&self) -> bool {
        self.reads_only
    }

    /// Whether it had ended when the recording ended. If not, its counters are nought.
    pub fn is_finished(&self) -> bool {
        self.state != QueryState::Running
    }

    /// How many instructions of SQLite's virtual machine it took: the same on every machine, unlike time.
    pub fn steps(&self) -> u64 {
        u64::from(self.counters.steps)
    }

    /// How many times it went on to the next row of a full scan.
    pub fn fullscan_steps(&self) -> u64 {
        u64::from(self.counters.fullscan_steps)
    }

    /// How many times it sorted.
    pub fn sorts(&self) -> u64 {
        u64::from(self.counters.sorts)
    }

    /// How many rows went into indexes that SQLite made for this query alone, for want of one.
    pub fn autoindex_rows(&self) -> u64 {
        u64::from(self.counters.autoindex_rows)
    }

    /// Which connection ran it. They are numbered from 1 in the order in which they first ran something.
    pub fn connection(&self) -> usize {
        self.connection
    }

    /// What ran within it, and is no query of its own: triggers (`TRIGGER name`) and their statements, actions of foreign keys (`FOREIGN KEY`),
    /// statements of virtual tables and of functions.
    pub fn nested(&self) -> &[String] {
        &self.nested
    }

    /// The app's line that ran it, as `src/orders.rs:17`, if call sites were asked for: by
    /// [`Recorder::with_call_sites`](crate::record::Recorder::with_call_sites) or by `RUST_BACKTRACE=1`.
    ///
    /// Looking up the first one takes a tenth of a second. A driver with a thread of its own, such as sqlx, hides it.
    pub fn call_site(&self) -> Option<String> {
        match self.site.status() {
            BacktraceStatus::Captured => site::of_the_app(&self.site.to_string()),
            _ => None,
        }
    }

    /// The first word, in upper case.
    pub(crate) fn keyword(&self) -> String {
        sql::keyword(&self.sql)
    }

    /// Whether it is about the connection or the transaction, and not about rows.
    pub(crate) fn is_about_the_connection(&self) -> bool {
        matches!(
            self.keyword().as_str(),
            "BEGIN" | "COMMIT" | "END" | "ROLLBACK" | "SAVEPOINT" | "RELEASE" | "PRAGMA" | "ATTACH" | "DETACH"
        )
    }
}

/// What a driver cuts out of a script begins with white space and ends with a semicolon.
fn bare(sql: &str) -> &str {
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
