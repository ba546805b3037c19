//! An attempt of the action with or without a fault, and the attempt without faults that the others are compared with.

use std::sync::Arc;

use rusqlite::Connection;

use super::fault::{Fault, FaultInjector, Kind};
use crate::db::Address;
use crate::error::{Error, ErrorKind, Result};
use crate::explore::{self, Action, ContentChanges, Files, KnownContents, Outcome, SeededRandom, outcome_of};
use crate::sim::{Watch, allocator};
use crate::trace::{Capture, TracedDatabase};

pub(super) struct Attempt {
    copy: Address,
    pub(super) connection: Connection,
    random: SeededRandom,
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

pub(super) struct Baseline {
    pub(super) contents: KnownContents,
    /// The numbers of the contents before and after the action.
    pub(super) before: usize,
    pub(super) after: usize,
    counter: Arc<FaultInjector>,
}

impl Baseline {
    /// Runs the action twice. Both runs have to do the same, or runs with a fault could not be compared with them.
    pub(super) fn learn(base: &Address, action: &mut Action<'_>, of_memory: bool) -> Result<Baseline> {
        let unreadable =
            |says: String| Error::new(ErrorKind::Fault, "the database cannot be read").evidence("SQLite says", says);
        let mut contents = KnownContents::new(base.functions());
        let before = contents.learn(&base.disk().files()).map_err(unreadable)?;
        let mut once = |contents: &mut KnownContents| -> Result<(usize, Arc<FaultInjector>)> {
            let attempt = Attempt::run(base, action, None, of_memory, None)?;
            explore::require_success(ErrorKind::Fault, &attempt.outcome, &attempt.connection, "fault")?;
            let content = contents.learn(&attempt.files()).map_err(unreadable)?;
            Ok((content, attempt.injector))
        };
        let (after, counter) = once(&mut contents)?;
        let (again, _) = once(&mut contents)?;
        if after != again {
            return Err(not_repeatable(&contents, after, again));
        }
        Ok(Baseline { contents, before, after, counter })
    }

    /// Returns the number of places at which a fault of this kind can happen.
    pub(super) fn places(&self, kind: Kind) -> u64 {
        self.counter.places(kind)
    }

    /// Returns an error if no fault of these kinds can happen: a test that passes on nothing is no test.
    pub(super) fn require_places(&self, kinds: &[Kind]) -> Result<()> {
        if Kind::ALL.iter().all(|kind| self.places(*kind) == 0) {
            return Err(Error::new(ErrorKind::Fault, "the action does not use the database, so nothing can fail")
                .help("it has to use the connection that it is given"));
        }
        if kinds.iter().any(|kind| self.places(*kind) > 0) {
            return Ok(());
        }
        let names: Vec<String> = kinds.iter().map(Kind::to_string).collect();
        let names = names.join(", ");
        let error = Error::new(ErrorKind::Fault, format!("no such fault can happen to the action: {names}"));
        Err(match kinds.contains(&Kind::Interrupt) {
            true => error.help("only statements on the connection that the action is given are interrupted"),
            false => error,
        })
    }
}

fn not_repeatable(contents: &KnownContents, first: usize, again: usize) -> Error {
    let changes = contents.opened(first).zip(contents.opened(again));
    let changes = changes.map(|(first, again)| ContentChanges::between(first, again)).unwrap_or_default();
    Error::new(ErrorKind::Fault, "the action makes other changes each time, so its runs cannot be compared")
        .evidence("from the first run to the second", changes.to_string())
        .help("pass random values and times as arguments, or take them from SQLite, whose clock stands still here")
}

/// Returns an error where allocations cannot be made to fail.
pub(super) fn require_failing_memory() -> Result<()> {
    if allocator::is_ours() {
        return Ok(());
    }
    let error = Error::new(ErrorKind::Fault, "SQLite cannot be made to run out of memory");
    Err(match cfg!(feature = "out-of-memory") {
        false => error.help("cargo add --dev sqlitmus --features out-of-memory"),
        true => error
            .evidence(
                "because",
                "this process used SQLite before sqlitmus, and the allocator can only be set before that",
            )
            .help("run each test in a process of its own: cargo nextest run")
            .help("or open the database of a template before any other connection"),
    })
}
