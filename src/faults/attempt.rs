//! One run of the action on a copy of the database, with a fault or without.

use std::sync::Arc;

use rusqlite::Connection;

use super::injector::FaultInjector;
use super::kind::Fault;
use crate::db::Address;
use crate::error::{Error, ErrorKind, Result};
use crate::explore::{Action, Files, Outcome, SeededRandom, outcome_of};
use crate::sim::{Watch, allocator};
use crate::trace::{Capture, TracedDatabase};

pub(super) struct Attempt {
    pub(super) copy: Address,
    pub(super) connection: Connection,
    pub(super) random: SeededRandom,
    pub(super) injector: Arc<FaultInjector>,
    pub(super) outcome: Outcome,
}

impl Attempt {
    /// Runs the action with a fault, or counts the places of all faults. Records its statements if there is a capture.
    pub(super) fn run(
        base: &Address,
        action: &mut Action<'_>,
        fault: Option<Fault>,
        of_memory: bool,
        capture: Option<Arc<Capture>>,
    ) -> Result<Attempt> {
        let copy = base.fork();
        let (mut connection, random) = connect(&copy, of_memory)?;
        let injector = FaultInjector::new(fault, &copy.disk().files(), capture.clone());
        copy.disk().gate().set(Some(Arc::clone(&injector) as Arc<dyn Watch>));
        injector.arm(&mut connection);
        let mut run = |connection: &mut Connection| outcome_of(|| action(connection));
        let outcome = match capture {
            Some(capture) => TracedDatabase::new(&connection).recording(capture, &mut connection, run),
            None => run(&mut connection),
        };
        injector.disarm(&mut connection);
        Ok(Attempt { copy, connection, random, injector, outcome })
    }

    /// Returns the files as they are committed now.
    pub(super) fn files(&self) -> Files {
        self.copy.disk().fork().files()
    }

    /// Replaces the connection by a new one.
    pub(super) fn reconnect(self) -> Result<Attempt> {
        let Attempt { copy, connection, injector, outcome, .. } = self;
        drop(connection);
        let (connection, random) = connect(&copy, true)?;
        Ok(Attempt { copy, connection, random, injector, outcome })
    }

    /// Runs the action again without the fault, first on the same connection and then on a new one.
    pub(super) fn again(self, action: &mut Action<'_>) -> (Outcome, Files) {
        let Attempt { copy, mut connection, random, .. } = self;
        random.restart();
        let mut outcome = outcome_of(|| action(&mut connection));
        drop(connection);
        if let Outcome::Failed(_) = outcome {
            outcome = match connect(&copy, false) {
                Ok((mut fresh, _)) => outcome_of(|| action(&mut fresh)),
                Err(error) => Outcome::Failed(error.to_string()),
            };
        }
        (outcome, copy.disk().fork().files())
    }
}

/// Returns a connection for the action, and the random values that SQLite draws on it.
fn connect(copy: &Address, of_memory: bool) -> Result<(Connection, SeededRandom)> {
    let connection = copy.connect()?;
    if of_memory && !allocator::without_lookaside(&connection) {
        return Err(Error::new(ErrorKind::Fault, "SQLite does not turn off the lookaside memory of a connection")
            .help("the functions of the template keep a statement open: finish it"));
    }
    // After that: functions may take lookaside memory.
    let random = SeededRandom::on(&connection, 0)?;
    Ok((connection, random))
}
