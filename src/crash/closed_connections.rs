//! The connections that the app opens itself, with the settings that they have when they are closed.

use std::sync::{Mutex, PoisonError};

use super::promise::Promise;
use crate::explore::StatementLimit;
use crate::own;
use crate::trace::{Closed, Listener, Start, Started};

/// Notes the connections that a run of the app's code closes, and counts its statements.
pub(super) struct ClosedConnections {
    pub(super) limit: StatementLimit,
    closed: Mutex<Vec<ClosedConnection>>,
}

struct ClosedConnection {
    promise: Promise,
    has_written: bool,
}

impl ClosedConnections {
    pub(super) fn new() -> ClosedConnections {
        ClosedConnections { limit: StatementLimit::none(), closed: Mutex::default() }
    }

    /// Returns the settings of those that have written, in the order in which they were closed. Where none has changed a row, all
    /// may have written something else.
    pub(super) fn that_wrote(&self) -> Vec<Promise> {
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        let any = closed.iter().any(|connection| connection.has_written);
        closed.iter().filter(|connection| connection.has_written == any).map(|one| one.promise.clone()).collect()
    }
}

impl Listener for ClosedConnections {
    fn starts(&self, statement: &Started<'_>) -> Start {
        if own::are_running() { Start::Runs } else { self.limit.starts(statement) }
    }

    fn leaves_open(&self) {
        self.limit.leaves_open();
    }

    fn closes(&self, connection: &Closed<'_>) {
        // Without an answer, its settings are not known.
        let Ok(promise) = Promise::read(&|pragma| (connection.pragma)(pragma).ok_or(())) else { return };
        let has_written = connection.has_changed_rows;
        self.closed.lock().unwrap_or_else(PoisonError::into_inner).push(ClosedConnection { promise, has_written });
    }
}
