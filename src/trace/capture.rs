//! From SQLite's events to queries: which statement of which connection is running, what it changed, when it ended.
//!
//! Three habits of SQLite make this more than a list. A statement whose schema has changed is prepared and run again,
//! with one start and two ends. A statement that is reset before its last row, as `INSERT … RETURNING` often is, counts
//! its changes only after its end is reported. And the program of a trigger or a foreign-key action is reported as a
//! start of the statement within which it runs.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::collections::{HashMap, HashSet};
use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use super::query::{Counter, Counters, Finished, Query, Started};

/// A statement that is run where a recording begins and ends, to find out whether the hook is still ours. It is no
/// query of the app.
pub(super) const STILL_HERE: &str = "SELECT 'is sqlitmus still listening?'";

/// The number of call sites of a statement that a report shows.
pub(crate) const SITES_SHOWN: usize = 10;

/// A recording in progress.
#[derive(Default)]
pub(crate) struct Capture {
    state: Mutex<CaptureState>,
    /// True if each query notes where it was run, whatever `RUST_BACKTRACE` says.
    call_sites: AtomicBool,
    heard: AtomicBool,
    /// The first statement that ran without being reported.
    missed: OnceLock<String>,
}

#[derive(Default)]
struct CaptureState {
    queries: Vec<Query>,
    connections: Vec<Seen>,
    /// The connections that were opened meanwhile and have not run anything, by address.
    opened: HashSet<usize>,
    /// The number of connections so far, including those that were closed and are no longer in the list.
    numbered: usize,
    backtraces: Backtraces,
}

/// The backtraces of `RUST_BACKTRACE`. One takes an unoptimized build 50 microseconds, so that only the first runs of each
/// statement have one; a report shows no more of them. Names are looked up when it is shown.
#[derive(Default)]
struct Backtraces {
    are_off: bool,
    runs: HashMap<String, usize>,
}

impl Backtraces {
    fn capture(&mut self, sql: &str) -> Backtrace {
        if self.are_off {
            return Backtrace::disabled();
        }
        match self.runs.get_mut(sql) {
            Some(runs) if *runs == SITES_SHOWN => return Backtrace::disabled(),
            Some(runs) => *runs += 1,
            None => drop(self.runs.insert(sql.to_owned(), 1)),
        }
        let site = Backtrace::capture();
        self.are_off = site.status() == BacktraceStatus::Disabled;
        site
    }
}

/// A connection that has run something.
struct Seen {
    address: usize,
    number: usize,
    /// True if it was opened during the recording.
    is_new: bool,
    /// The number of the connection's changes that are already assigned to queries.
    changed: u32,
    running: Vec<Running>,
    /// The last statement that ended, which SQLite may run again under a new schema.
    ended: Option<Running>,
    /// A query that ended before SQLite counted its changes.
    uncounted: Option<usize>,
    /// True if a transaction is open that was begun during the recording.
    left_open: bool,
}

struct Running {
    statement: usize,
    query: usize,
    since: Instant,
    counters: Counters,
}

impl Running {
    /// Returns true if this statement, which has ended, was prepared again by SQLite and goes on.
    fn goes_on(&self, statement: usize, counters: Counters) -> bool {
        self.statement == statement && counters.since(self.counters).of(Counter::Reprepared) > 0
    }
}

impl Capture {
    pub(crate) fn note_call_sites(&self) {
        self.call_sites.store(true, Ordering::Relaxed);
    }

    pub(super) fn started(&self, event: &Started<'_>) {
        if event.sql == STILL_HERE {
            self.heard.store(true, Ordering::Relaxed);
            return;
        }
        let mut state = self.lock();
        let site = match self.call_sites.load(Ordering::Relaxed) {
            true => Backtrace::force_capture(),
            false => state.backtraces.capture(event.sql),
        };
        let query = state.queries.len();
        let seen = state.connection(event.connection, event.changed);
        if let Some(running) = seen.running.iter().find(|running| running.statement == event.statement) {
            // A statement cannot start twice. This is the program of a foreign-key action, which has no name of its
            // own.
            let outer = running.query;
            state.queries[outer].nested.push("FOREIGN KEY".to_owned());
            return;
        }
        let (connection, owner) = ((seen.number, seen.is_new), seen.owner_of_changes());
        let changes = seen.count_to(event.changed);
        seen.uncounted = None;
        seen.running.push(Running {
            statement: event.statement,
            query,
            since: Instant::now(),
            counters: event.counters,
        });
        if let Some(owner) = owner {
            state.queries[owner].add_changes(changes);
        }
        state.queries.push(Query::started(event, connection, site));
    }

    /// Notes a trigger, or a statement within a statement. SQLite reports both as a comment.
    pub(super) fn nested(&self, connection: usize, comment: &str) {
        let mut state = self.lock();
        let outer = state.connections.iter().find(|seen| seen.address == connection);
        if let Some(query) = outer.and_then(|seen| seen.running.last()).map(|running| running.query) {
            let text = comment.strip_prefix("--").unwrap_or(comment).trim();
            state.queries[query].nested.push(text.to_owned());
        }
    }

    pub(super) fn finished(&self, event: &Finished) {
        let mut state = self.lock();
        let state = &mut *state;
        let Some(seen) = state.connections.iter_mut().find(|seen| seen.address == event.connection) else { return };
        let running = match seen.running.iter().rposition(|running| running.statement == event.statement) {
            Some(place) => seen.running.remove(place),
            // An end without a start: the statement was prepared again and went on, or was running before the
            // recording, or runs within another statement, which may be the one that goes on.
            None => {
                let goes_on = |ended: &mut Running| ended.goes_on(event.statement, event.counters);
                let Some(ended) = seen.ended.take_if(goes_on) else { return };
                ended
            }
        };
        let mut changes = seen.count_to(event.changed);
        let uncounted = seen.uncounted.take();
        let counted = event.counters.since(running.counters);
        let (query, since) = (running.query, running.since);
        seen.ended = Some(running);
        if !event.is_halted && !event.reads_only {
            seen.uncounted = Some(query);
        }
        if let Some(earlier) = uncounted.filter(|earlier| *earlier != query) {
            state.queries[earlier].add_changes(std::mem::take(&mut changes));
        }
        seen.left_open = event.in_transaction && (seen.left_open || !state.queries[query].is_in_transaction());
        state.queries[query].finished(event, since.elapsed(), counted, changes);
    }

    /// Notes a connection that the app opens.
    pub(super) fn opened(&self, connection: usize) {
        let mut state = self.lock();
        // One that was closed without a word may have had the same address.
        state.connections.retain(|seen| seen.address != connection || !seen.running.is_empty());
        state.opened.insert(connection);
    }

    pub(super) fn closed(&self, connection: usize, changed: u32) {
        let mut state = self.lock();
        state.settle(connection, changed);
        state.opened.remove(&connection);
        let number = state.connections.iter().find(|seen| seen.address == connection).map(|seen| seen.number);
        let last = state.queries.iter_mut().rev().find(|query| Some(query.connection()) == number);
        last.into_iter().for_each(|query| query.is_before_close = true);
        // The next connection may get the same address. One that still has statements running lives on as a zombie.
        state.connections.retain(|seen| seen.address != connection || !seen.running.is_empty());
    }

    /// Called when a connection begins a transaction, with the statements that it is running: their addresses, counters and
    /// texts. One of them has begun it. If none was reported, the hook is not ours any more.
    pub(super) fn begins(&self, connection: usize, running: &[(usize, Counters, &CStr)]) {
        let Some((_, _, text)) = running.first() else { return };
        let state = self.lock();
        let seen = state.connections.iter().find(|seen| seen.address == connection);
        let is_known = |statement: usize, counters: Counters| {
            seen.is_some_and(|seen| {
                seen.running.iter().any(|running| running.statement == statement)
                    || seen.ended.as_ref().is_some_and(|ended| {
                        // One that is reset before its last row commits after its end.
                        let commits = seen.uncounted.is_some() && ended.statement == statement;
                        commits || ended.goes_on(statement, counters)
                    })
            })
        };
        if !running.iter().any(|(statement, counters, _)| is_known(*statement, *counters)) {
            self.missed.get_or_init(|| text.to_string_lossy().into_owned());
        }
    }

    /// Returns the first statement that ran without being reported.
    pub(crate) fn missed(&self) -> Option<&str> {
        self.missed.get().map(String::as_str)
    }

    /// Assigns the changes that a connection has counted by the end of the recording.
    pub(crate) fn settle(&self, (connection, changed): (usize, u32)) {
        self.lock().settle(connection, changed);
    }

    /// Returns true if the capture hears [`STILL_HERE`] when `run` runs it.
    pub(super) fn hears(&self, run: impl FnOnce() -> bool) -> bool {
        self.heard.store(false, Ordering::Relaxed);
        run() && self.heard.load(Ordering::Relaxed)
    }

    /// Returns the number of a connection that has run something.
    pub(crate) fn number_of(&self, connection: usize) -> Option<usize> {
        self.lock().connections.iter().find(|seen| seen.address == connection).map(|seen| seen.number)
    }

    /// Returns true if a connection other than `ours` is in a transaction that was begun during the recording.
    pub(crate) fn has_open_transaction(&self, ours: [usize; 2]) -> bool {
        self.lock().connections.iter().any(|seen| seen.left_open && !ours.contains(&seen.address))
    }

    /// Ends the recording and returns all queries in the order in which they started.
    pub(crate) fn take(&self) -> Vec<Query> {
        let mut state = self.lock();
        for seen in std::mem::take(&mut state.connections) {
            for running in seen.running {
                state.queries[running.query].is_still_running(running.since.elapsed());
            }
        }
        std::mem::take(&mut state.queries)
    }

    /// Returns the number, from 0, and the SQL of the statement that is running and started last.
    pub(crate) fn running(&self) -> Option<(usize, Arc<str>)> {
        let state = self.lock();
        let last = state.connections.iter().filter_map(|seen| seen.running.last()).map(|running| running.query).max();
        last.map(|query| (query, Arc::from(state.queries[query].sql())))
    }

    fn lock(&self) -> MutexGuard<'_, CaptureState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CaptureState {
    fn connection(&mut self, address: usize, changed: u32) -> &mut Seen {
        if let Some(place) = self.connections.iter().position(|seen| seen.address == address) {
            return &mut self.connections[place];
        }
        self.numbered += 1;
        let is_new = self.opened.remove(&address);
        let number = self.numbered;
        let seen = Seen {
            address,
            number,
            is_new,
            changed,
            running: Vec::new(),
            ended: None,
            uncounted: None,
            left_open: false,
        };
        self.connections.push(seen);
        self.connections.last_mut().expect("one was pushed")
    }

    fn settle(&mut self, connection: usize, changed: u32) {
        let Some(seen) = self.connections.iter_mut().find(|seen| seen.address == connection) else { return };
        let changes = seen.count_to(changed);
        if let Some(query) = seen.uncounted.take() {
            self.queries[query].add_changes(changes);
        }
    }
}

impl Seen {
    fn count_to(&mut self, changed: u32) -> u32 {
        changed.wrapping_sub(std::mem::replace(&mut self.changed, changed))
    }

    /// Returns the query that made the changes between two events.
    fn owner_of_changes(&self) -> Option<usize> {
        self.uncounted.or_else(|| self.running.last().map(|running| running.query))
    }
}
