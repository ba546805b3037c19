//! An attempt of the action with or without a fault, and the attempt without faults that the others are compared with.

use std::sync::Arc;

use rusqlite::Connection;

use super::fault::{Fault, Kind};
use super::injector::{self, Bounds, FaultInjector};
use super::session::Session;
use crate::db::Address;
use crate::error::{Error, ErrorKind, Result};
use crate::explore::{
    self, Action, Cancellation, ContentChanges, ContentMatch, Files, KnownContents, Outcome, SeededRandom, outcome_of,
};
use crate::sim::{Watch, allocator};
use crate::trace::{Capture, TracedDatabase};

/// The app's code.
pub(super) struct SweptAction<'a> {
    pub(super) run: Action<'a, String>,
    /// Drops its future, if it is one.
    pub(super) cancellation: Option<Arc<Cancellation>>,
    pub(super) bounds: Bounds,
}

impl<'a> SweptAction<'a> {
    pub(super) fn new(run: Action<'a, String>, cancellation: Option<Arc<Cancellation>>) -> SweptAction<'a> {
        SweptAction { run, cancellation, bounds: Bounds::NONE }
    }

    /// Runs it again, without a fault. Also returns what it repeats, if it does not end.
    fn again(&mut self, connection: &mut Connection, after: Option<Fault>) -> (Outcome<String>, Option<String>) {
        let traced = TracedDatabase::new(connection);
        let limit = Arc::new(injector::limit(after, self.bounds.statements));
        let _listening = traced.listen(Arc::clone(&limit) as Arc<_>);
        let outcome = outcome_of(|| (self.run)(connection));
        (outcome, limit.exceeded())
    }
}

pub(super) struct Attempt {
    copy: Address,
    pub(super) connection: Connection,
    random: SeededRandom,
    pub(super) injector: Arc<FaultInjector>,
    /// The outcome of the action; its value is text, as `Debug` shows it.
    pub(super) outcome: Outcome<String>,
    /// True if the action waited for so long that it was given up.
    pub(super) is_given_up: bool,
    /// The state in which the action found the connection.
    found: Session,
}

impl Attempt {
    /// Runs the action with a fault, or counts the places of all faults. Records its statements if there is a capture.
    pub(super) fn run(
        base: &Address,
        action: &mut SweptAction<'_>,
        fault: Option<Fault>,
        of_memory: bool,
        capture: Option<Arc<Capture>>,
    ) -> Result<Attempt> {
        let copy = base.fork();
        let (mut connection, random) = connect(&copy, of_memory)?;
        let found = Session::of(&connection);
        let (bounds, cancellation) = (action.bounds, action.cancellation.clone());
        let injector = FaultInjector::new(fault, bounds, copy.disk(), capture.clone(), cancellation);
        copy.disk().gate().set(Some(Arc::clone(&injector) as Arc<dyn Watch>));
        let traced = TracedDatabase::new(&connection);
        if let Some(cancellation) = &action.cancellation {
            cancellation.set(fault.filter(|fault| fault.kind == Kind::Cancel).map(|fault| fault.at));
        }
        let _listening = traced.listen(Arc::clone(&injector) as Arc<_>);
        injector.arm(&mut connection);
        let mut run = |connection: &mut Connection| outcome_of(|| (action.run)(connection));
        let outcome = match capture {
            Some(capture) => traced.recording(capture, &mut connection, run),
            None => run(&mut connection),
        };
        injector.disarm(&mut connection);
        injector.note_cancellation();
        let is_given_up = action.cancellation.as_ref().is_some_and(|cancellation| cancellation.is_given_up());
        if let Some(cancellation) = &action.cancellation {
            cancellation.set(None);
        }
        Ok(Attempt { copy, connection, random, injector, outcome, is_given_up, found })
    }

    /// Returns the files as they are committed now.
    pub(super) fn files(&self) -> Files {
        self.copy.disk().fork().files()
    }

    /// Replaces the connection by a new one.
    pub(super) fn reconnect(self, of_memory: bool) -> Result<Attempt> {
        let Attempt { copy, connection, injector, outcome, is_given_up, found, .. } = self;
        drop(connection);
        let (connection, random) = connect(&copy, of_memory)?;
        Ok(Attempt { copy, connection, random, injector, outcome, is_given_up, found })
    }

    /// Runs the action again without the fault, on the same connection, which is `left` in this state. If that fails, also
    /// returns the outcome on a new one.
    ///
    /// An action that sets its connection up, and leaves it so, is made for a new one.
    pub(super) fn again(self, action: &mut SweptAction<'_>, fault: Fault, left: &Session) -> SecondTry {
        let Attempt { copy, mut connection, random, found, .. } = self;
        let is_as_found = *left == found;
        random.restart();
        let mut repeats = None;
        let mut run = |connection: &mut Connection| {
            let (outcome, repeated) = action.again(connection, Some(fault));
            repeats = repeats.take().or(repeated);
            outcome
        };
        let outcome = is_as_found.then(|| run(&mut connection));
        drop(connection);
        let mut on_a_new_one = || match connect(&copy, false) {
            Ok((mut fresh, _)) => run(&mut fresh),
            Err(error) => Outcome::Failed(error.to_string()),
        };
        let (outcome, reconnected) = match outcome {
            None => (on_a_new_one(), None),
            Some(Outcome::Failed(says)) => (Outcome::Failed(says), Some(on_a_new_one())),
            Some(outcome) => (outcome, None),
        };
        SecondTry { outcome, reconnected, repeats, files: copy.disk().fork().files() }
    }
}

/// The same call again, when the fault is over.
pub(super) struct SecondTry {
    pub(super) outcome: Outcome<String>,
    /// The outcome on a new connection, where it failed on the old one.
    pub(super) reconnected: Option<Outcome<String>>,
    /// The statement that it repeats, if it does not end.
    pub(super) repeats: Option<String>,
    pub(super) files: Files,
}

/// Returns a connection for the action, and the random values that SQLite draws on it.
pub(super) fn connect(copy: &Address, of_memory: bool) -> Result<(Connection, SeededRandom)> {
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
    /// The numbers of the contents after each transaction, if these are looked at.
    pub(super) commits: Vec<usize>,
    /// The value that the action returns, unless that differs between two runs.
    pub(super) value: Option<String>,
    /// The state of the connection before and after the action.
    pub(super) sessions: (Session, Session),
    /// Modules keep state of these tables in the connection.
    pub(super) virtual_tables: Vec<String>,
    /// True if the action writes and changes nothing, because it is rolled back.
    pub(super) is_rolled_back: bool,
    counter: Arc<FaultInjector>,
}

impl Baseline {
    /// Runs the action twice. Both runs have to do the same, or runs with a fault could not be compared with them.
    pub(super) fn learn(base: &Address, action: &mut SweptAction<'_>, of_memory: bool) -> Result<Baseline> {
        let unreadable =
            |says: String| Error::new(ErrorKind::Fault, "the database cannot be read").evidence("SQLite says", says);
        let mut contents = KnownContents::new(base.functions());
        let before = contents.learn(&base.disk().files()).map_err(unreadable)?;
        let once = |contents: &mut KnownContents, action: &mut SweptAction<'_>| -> Result<(usize, Attempt)> {
            let attempt = Attempt::run(base, action, None, of_memory, None)?;
            let limit = &attempt.injector.limit;
            explore::require_success(ErrorKind::Fault, &attempt.outcome, &attempt.connection, limit, "fault")?;
            let content = contents.learn(&attempt.files()).map_err(unreadable)?;
            Ok((content, attempt))
        };
        let (after, first) = once(&mut contents, action)?;
        let (again, second) = once(&mut contents, action)?;
        action.bounds = Bounds::after(first.injector.limit.statements(), first.injector.places(Kind::Io));
        if after != again && !contents.unify(before, after, again) {
            return Err(not_repeatable(&contents, after, again));
        }
        let value = match (first.outcome, second.outcome) {
            (Outcome::Returned(first), Outcome::Returned(second)) if first == second => Some(first),
            _ => None,
        };
        let virtual_tables = virtual_tables(&first.connection)
            .map_err(|error| Error::sqlite("read the names of virtual tables", error))?;
        let sessions = (first.found, Session::of(&first.connection));
        let is_rolled_back = after == before && first.injector.limit.rolled_back().is_some();
        let baseline = Baseline {
            contents,
            before,
            after,
            commits: Vec::new(),
            value,
            sessions,
            virtual_tables,
            is_rolled_back,
            counter: first.injector,
        };
        Ok(baseline)
    }

    /// Runs the action once more without a fault, and hides what differs from the first run by now. Returns false if that is
    /// nothing new.
    pub(super) fn hide_what_differs(&mut self, base: &Address, action: &mut SweptAction<'_>) -> Result<bool> {
        let attempt = Attempt::run(base, action, None, false, None)?;
        let Ok(content) = self.contents.learn(&attempt.files()) else { return Ok(false) };
        let is_new = content != self.after && self.contents.unify(self.before, self.after, content);
        let returns_another =
            matches!((&attempt.outcome, &self.value), (Outcome::Returned(now), Some(then)) if now != then);
        if returns_another {
            self.value = None;
        }
        Ok(is_new || returns_another)
    }

    /// Returns true if these are the contents after one of the transactions.
    pub(super) fn is_after_a_transaction(&self, found: &ContentMatch) -> bool {
        matches!(found, ContentMatch::Known(content) if self.commits.contains(content))
    }

    /// Returns the number of places at which a fault of this kind can happen.
    pub(super) fn places(&self, kind: Kind) -> u64 {
        self.counter.places(kind)
    }

    /// Returns the places at which a fault of this kind is tried, or some of them.
    pub(super) fn places_to_try(&self, kind: Kind, every_point: bool) -> Vec<u64> {
        match kind {
            Kind::Interrupt if !every_point => self.counter.steps_to_interrupt(),
            kind => (1..=self.places(kind)).collect(),
        }
    }

    /// Returns the work of a run with a fault, and of the run after it, in steps of SQLite's virtual machine.
    ///
    /// The constants were measured on an unoptimized build: a copy and its connection cost as much as 2000 steps, a KB of the
    /// database that is compared as much as one, and an operation on a file as much as 20.
    pub(super) fn work(&self) -> u64 {
        let files = self.contents.files(self.after).unwrap_or_default();
        let size: u64 = files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        let action = self.places(Kind::Interrupt) + 20 * self.places(Kind::Io);
        2000 + size / 1024 + action + action / 2
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
            false => error.help("leave .only(..) out, and all kinds of faults are tried that can happen"),
        })
    }
}

fn virtual_tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut names = connection.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%' ORDER BY name",
    )?;
    names.query_map([], |row| row.get(0))?.collect()
}

fn not_repeatable(contents: &KnownContents, first: usize, again: usize) -> Error {
    let changes = contents.opened(first).zip(contents.opened(again));
    let changes = changes.map(|(first, again)| ContentChanges::between(&first, &again)).unwrap_or_default();
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
