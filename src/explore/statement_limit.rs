//! The end of a run of the app's code that has none: it ignores its errors and runs statements for ever.
//!
//! Nobody can stop a thread. What it waits for may still come: a transaction that an error has left open is rolled back when the
//! app begins another one in vain. After that each statement fails, which ends code that returns its errors. Where even that
//! helps nothing, the process is aborted, with a report on the standard error: no other test could ever end.

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::open_transactions::{Blocked, OpenTransactions};
use crate::error::Error;
use crate::order::SortedMap;
use crate::report::count;
use crate::sql::keyword;
use crate::trace::{Listener, Start, Started};

/// The number of times in a row that a run may begin a transaction within another one, which fails each time.
const MAX_VAIN_BEGINS: u64 = 10;

/// The number of further statements that each way to an end takes.
const FURTHER: u64 = 100;

/// Counts the statements of a run, and ends it where they are too many.
pub(crate) struct StatementLimit {
    /// The largest number of statements.
    most: u64,
    /// The report, in case that the process has to be aborted.
    report: Box<dyn Fn() -> Error + Send + Sync>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    statements: u64,
    vain_begins: u64,
    /// The last statements, with the number of times that each was run.
    last: SortedMap<String, u64>,
    is_exceeded: bool,
    left_open: bool,
    /// Those of a run without a fault: the text of each statement takes its time.
    transactions: OpenTransactions,
}

impl StatementLimit {
    /// Allows any number of statements, to count those of a run without a fault.
    pub(crate) fn none() -> StatementLimit {
        StatementLimit { most: u64::MAX, report: Box::new(|| unreachable!()), state: Mutex::default() }
    }

    /// Allows a run this many statements. `report` returns what is said if the process has to be aborted.
    pub(crate) fn new(most: u64, report: impl Fn() -> Error + Send + Sync + 'static) -> StatementLimit {
        StatementLimit { most, report: Box::new(report), state: Mutex::default() }
    }

    /// Returns a limit for another run of code that has once run so many statements.
    pub(crate) fn after(statements: u64) -> u64 {
        statements * 20 + 200
    }

    /// Returns the number of statements so far.
    pub(crate) fn statements(&self) -> u64 {
        self.lock().statements
    }

    /// Returns true if the run has closed a connection of its own within a transaction.
    pub(crate) fn has_left_open(&self) -> bool {
        self.lock().left_open
    }

    /// Returns the first statement that wrote in a transaction that was rolled back, if there is no limit.
    pub(crate) fn rolled_back(&self) -> Option<String> {
        self.lock().transactions.rolled_back().map(str::to_owned)
    }

    /// Returns the last statement that wanted to write while another connection of the run did, if there is no limit.
    pub(super) fn blocked(&self) -> Option<Blocked> {
        self.lock().transactions.blocked().cloned()
    }

    pub(crate) fn is_exceeded(&self) -> bool {
        self.lock().is_exceeded
    }

    /// Returns what the run has repeated, if it was ended.
    pub(crate) fn exceeded(&self) -> Option<String> {
        let state = self.lock();
        state.is_exceeded.then(|| state.most_repeated())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn most_repeated(&self) -> String {
        let most = self.last.iter().max_by_key(|(_, times)| **times);
        most.map_or_else(String::new, |(sql, times)| {
            format!("{} of the last {}: {sql}", count(*times, "time"), self.last.values().sum::<u64>())
        })
    }
}

impl Listener for StatementLimit {
    fn starts(&self, statement: &Started<'_>) -> Start {
        let mut state = self.lock();
        state.statements += 1;
        let over = state.statements.saturating_sub(self.most);
        if self.most == u64::MAX {
            state.transactions.starts(statement.connection, statement.in_transaction, &(statement.text)());
        }
        // The text of a statement costs more than many a statement.
        let is_close = state.statements + FURTHER > self.most && self.most < u64::MAX;
        let is_in_vain = self.most < u64::MAX && statement.in_transaction && keyword(&(statement.text)()) == "BEGIN";
        if is_close || is_in_vain {
            *state.last.get_or_default((statement.text)()) += 1;
        }
        state.vain_begins = if is_in_vain { state.vain_begins + 1 } else { 0 };
        state.is_exceeded |= over > 0 || state.vain_begins > MAX_VAIN_BEGINS;
        if over > 2 * FURTHER {
            let error = (self.report)().evidence("it has run", state.most_repeated());
            let _ = writeln!(std::io::stderr(), "{error}");
            std::process::abort();
        }
        match state.is_exceeded {
            true if is_in_vain => Start::RunsAfterRollback,
            true if over > FURTHER => Start::IsInterrupted,
            _ => Start::Runs,
        }
    }

    fn leaves_open(&self) {
        self.lock().left_open = true;
    }
}
