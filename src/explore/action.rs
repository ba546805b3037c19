//! The app's code, run on copies of the database: with the same random values, and away from the original. How a failure
//! is kept, and how `SQLITMUS_REPLAY` repeats one step.

use std::fmt::{Debug, Display};
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use super::open_transactions::Blocked;
use super::statement_limit::StatementLimit;
use crate::db::{TestDb, again_with};
use crate::draw::{self, Draw};
use crate::env;
use crate::error::{Error, ErrorKind, Result};
use crate::report::{lacks_runtime, panic_message, visible};
use crate::sim::{Disk, Op, Refused, Watch};

/// The app's code, to be run any number of times. Its error is kept as text.
pub(crate) type Action<'a, T = ()> = Box<dyn FnMut(&mut Connection) -> Result<T, String> + 'a>;

/// Returns the app's code, whose value is dropped.
pub(crate) fn action<'a, T, E: Display>(mut f: impl FnMut(&mut Connection) -> Result<T, E> + 'a) -> Action<'a> {
    Box::new(move |connection| f(connection).map(drop).map_err(|error| error.to_string()))
}

/// Returns the app's code, whose value becomes text, as `Debug` shows it.
pub(crate) fn action_with_value<'a, T: Debug, E: Display>(
    mut f: impl FnMut(&mut Connection) -> Result<T, E> + 'a,
) -> Action<'a, String> {
    Box::new(move |connection| f(connection).map(|value| format!("{value:?}")).map_err(|error| error.to_string()))
}

/// The outcome of a run of the app's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome<T = ()> {
    Returned(T),
    Failed(String),
    Panicked(String),
}

/// Runs the app's code. A panic is a result like any other: it is what happened at this point of the exploration.
pub(crate) fn outcome_of<T>(code: impl FnOnce() -> Result<T, String>) -> Outcome<T> {
    match catch_unwind(AssertUnwindSafe(code)) {
        Ok(Ok(value)) => Outcome::Returned(value),
        Ok(Err(error)) => Outcome::Failed(error),
        Err(payload) => Outcome::Panicked(panic_message(&*payload).unwrap_or("a panic without a message").to_owned()),
    }
}

/// Returns why the app's condition on a state of its database does not hold.
type Invariant<'a> = Box<dyn FnMut(&Connection) -> Result<(), String> + 'a>;

/// The app's conditions on every state of its database.
#[derive(Default)]
pub(crate) struct Invariants<'a> {
    checks: Vec<Invariant<'a>>,
}

impl<'a> Invariants<'a> {
    pub(crate) fn push<E: Display>(&mut self, mut holds: impl FnMut(&Connection) -> Result<(), E> + 'a) {
        self.checks.push(Box::new(move |connection| holds(connection).map_err(|error| error.to_string())));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.checks.is_empty()
    }

    /// Returns what the first invariant that does not hold says.
    pub(crate) fn check(&mut self, connection: &Connection) -> Result<(), String> {
        self.checks.iter_mut().try_for_each(|holds| holds(connection))
    }
}

/// Returns an error unless the app's code has succeeded without any `fault`. `limit` has listened to its connections.
pub(crate) fn require_success<T>(
    kind: ErrorKind,
    outcome: &Outcome<T>,
    connection: &Connection,
    limit: &StatementLimit,
    fault: &str,
) -> Result<()> {
    let left_open = || {
        Error::new(kind, "the action leaves a transaction open: what it wrote is rolled back")
            .help("commit it: transaction.commit()?")
    };
    match outcome {
        Outcome::Failed(says) => {
            let error = Error::new(kind, format!("the action fails without any {fault}")).evidence("it says", says);
            Err(match limit.blocked().filter(|_| says.contains("database is locked")) {
                Some(Blocked { wants, holds }) => error
                    .evidence("the statement that waits for the lock", wants)
                    .evidence("another connection of the action has the lock", holds)
                    .help(
                        "run all statements of a transaction on its connection (sqlx: &mut *transaction, and not the pool): \
                         another one waits for its end in vain",
                    ),
                None => error.help(help_for(says)),
            })
        }
        Outcome::Panicked(message) => {
            let error = Error::new(kind, format!("the action panics without any {fault}")).evidence("it says", message);
            Err(error.given(runtime_help(message), Error::help))
        }
        Outcome::Returned(_) if !connection.is_autocommit() => Err(left_open()),
        Outcome::Returned(_) if limit.has_left_open() => {
            Err(left_open()
                .help("a connection that goes back to its pool within a transaction hands it to the next user"))
        }
        Outcome::Returned(_) => Ok(()),
    }
}

/// Returns the help for a panic of async code.
pub(crate) fn runtime_help(message: &str) -> Option<&'static str> {
    lacks_runtime(message).then_some("name the app's runtime: Template::block_on")
}

/// Returns what helps code that fails with this error without any fault and without other tasks.
pub(crate) fn help_for(error: &str) -> &'static str {
    let migrates = ["table ", "index ", "view ", "trigger "].iter().any(|what| error.contains(what));
    match migrates && error.contains(" already exists") {
        true => {
            "an app that migrates when it starts finds a database that the template has migrated: let its own start make the \
             template (Template::migrate_path), or name the ledger in which its runner looks (.ledger(..))"
        }
        false => "prepare the database so that it succeeds, then explore",
    }
}

/// The values of `random()` and `randomblob()` on a connection. SQLite's own differ in each run.
pub(crate) struct SeededRandom {
    whose: u64,
    draws: Arc<Mutex<Draw>>,
}

impl SeededRandom {
    /// Replaces the functions of a connection. Connections with another `whose` get other values.
    pub(crate) fn on(connection: &Connection, whose: u64) -> Result<SeededRandom> {
        let random = SeededRandom { whose, draws: Arc::new(Mutex::new(SeededRandom::first(whose))) };
        random.register(connection).map_err(|error| Error::sqlite("register random()", error))?;
        Ok(random)
    }

    /// Starts again with the first value.
    pub(crate) fn restart(&self) {
        *self.draws.lock().unwrap_or_else(PoisonError::into_inner) = SeededRandom::first(self.whose);
    }

    fn first(whose: u64) -> Draw {
        Draw::new(draw::named(whose, "random"))
    }

    fn register(&self, connection: &Connection) -> rusqlite::Result<()> {
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
        let hold = |draws: &Mutex<Draw>| draws.lock().unwrap_or_else(PoisonError::into_inner).next();
        let (numbers, blobs) = (Arc::clone(&self.draws), Arc::clone(&self.draws));
        connection.create_scalar_function("random", 0, flags, move |_| Ok(hold(&numbers).cast_signed()))?;
        connection.create_scalar_function("randomblob", 1, flags, move |context| {
            // As in SQLite, the result has at least one byte.
            let len = context.get::<Option<i64>>(0).ok().flatten().unwrap_or(1).clamp(1, 1_000_000_000);
            let mut bytes = Vec::new();
            while bytes.len() < len as usize {
                bytes.extend_from_slice(&hold(&blobs).to_le_bytes());
            }
            bytes.truncate(len as usize);
            Ok(bytes)
        })
    }
}

/// Notices when the app's code uses the test's own database.
pub(crate) struct OriginalGuard<'a> {
    db: &'a TestDb,
    version: Option<i64>,
    guard: Arc<Guard>,
    before: Option<Arc<dyn Watch>>,
}

/// Returns whose code makes an operation on the test's own database, as an index into the names, if it is the app's.
type Whose = Box<dyn Fn(Op<'_>) -> Option<usize> + Send + Sync>;

struct Guard {
    whose: Whose,
    /// Whose code was seen, counted from 1, or 0.
    seen: AtomicUsize,
    next: Option<Arc<dyn Watch>>,
}

impl Watch for Guard {
    fn before(&self, op: Op<'_>) -> Result<(), Refused> {
        if let Some(who) = (self.whose)(op) {
            self.seen.store(who + 1, Ordering::Relaxed);
        }
        self.next.as_ref().map_or(Ok(()), |next| next.before(op))
    }

    fn locked(&self, op: Op<'_>, granted: bool) {
        if let Some(next) = &self.next {
            next.locked(op, granted);
        }
    }
}

impl<'a> OriginalGuard<'a> {
    /// Guards against every operation of this thread, and against any new connection.
    pub(crate) fn new(db: &'a TestDb) -> OriginalGuard<'a> {
        let here = std::thread::current().id();
        OriginalGuard::against(db, move |op| {
            (matches!(op, Op::Open { .. }) || std::thread::current().id() == here).then_some(0)
        })
    }

    /// Guards against the operations that `whose` recognizes.
    pub(crate) fn against(
        db: &'a TestDb,
        whose: impl Fn(Op<'_>) -> Option<usize> + Send + Sync + 'static,
    ) -> OriginalGuard<'a> {
        let version = OriginalGuard::version(db);
        let gate = db.disk().gate();
        let before = gate.set(None);
        let guard = Arc::new(Guard { whose: Box::new(whose), seen: AtomicUsize::new(0), next: before.clone() });
        gate.set(Some(Arc::clone(&guard) as Arc<dyn Watch>));
        OriginalGuard { db, version, guard, before }
    }

    /// Returns a number that changes when another connection commits, even through a VFS that no watch sees.
    fn version(db: &TestDb) -> Option<i64> {
        db.query_row("PRAGMA data_version", [], |row| row.get(0)).ok()
    }

    /// Returns an error with the name of the code that has used the database.
    pub(crate) fn check(&self, kind: ErrorKind, names: &[&str]) -> Result<()> {
        // Read first, because reading the version is an operation too.
        let who = match (self.guard.seen.load(Ordering::Relaxed), names) {
            (0, _) if self.version == OriginalGuard::version(self.db) => return Ok(()),
            (0, [only]) => only,
            (0, _) => "a task",
            (who, _) => names[who - 1],
        };
        Err(Error::new(kind, format!("{who} uses the test's own database instead of the copy that it is given")).help(
            "use the connection that is given as an argument; a second one, of any driver, has to open sqlitmus::sim::uri(connection)",
        ))
    }
}

impl Drop for OriginalGuard<'_> {
    fn drop(&mut self) {
        self.db.disk().gate().set(self.before.take());
    }
}

/// A failure, and the disk that shows it.
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) left: Option<Arc<Disk>>,
}

impl From<Error> for Box<Failure> {
    fn from(error: Error) -> Box<Failure> {
        Box::new(Failure { error, left: None })
    }
}

/// Panics with a failure, and keeps the disk that shows it under `name`, beside the test's own database.
#[track_caller]
pub(crate) fn or_keep_and_panic<R>(result: Result<R, Box<Failure>>, db: &TestDb, name: &str) -> R {
    match result {
        Ok(report) => report,
        Err(failure) => {
            if let Some(disk) = &failure.left {
                db.keep_beside(name, disk);
            }
            panic!("{}", failure.error)
        }
    }
}

/// Returns the line that repeats one step of an exploration.
pub(crate) fn replay_note(token: impl Display) -> String {
    again_with("SQLITMUS_REPLAY", token)
}

/// Returns the step that `SQLITMUS_REPLAY` repeats, if the token begins with this word.
///
/// A token of another explorer repeats nothing, which is said: a test may run several explorers, and the others explore
/// everything. So does one that the token does not fit: it may be that of a second exploration.
pub(crate) fn replay<T>(word: &str, parse: impl Fn(&str) -> Option<T>, known: &str) -> Result<Option<T>> {
    let Some(token) = env::settings()?.replay.as_deref() else { return Ok(None) };
    let Some(rest) = token.strip_prefix(word).and_then(|rest| rest.strip_prefix(':')) else {
        does_not_fit();
        return Ok(None);
    };
    parse(rest).map(Some).ok_or_else(|| {
        Error::new(ErrorKind::Environment, format!("unknown value of SQLITMUS_REPLAY: {token:?}"))
            .help(format!("it takes a token that a failure has printed, such as {known}"))
    })
}

/// Says on the terminal that the token of `SQLITMUS_REPLAY` repeats nothing here. The output of a test that passes is not shown, and
/// whoever repeats a failure has to know that this is not what has passed.
pub(crate) fn does_not_fit() {
    note_of_replay(|token| format!("nothing here fits SQLITMUS_REPLAY={token}, so everything is tried"));
}

/// Says on the terminal that a replay passes: it may be that of another test.
pub(crate) fn only_repeated() {
    note_of_replay(|token| format!("only {token} was repeated, and it passes"));
}

fn note_of_replay(note: impl Fn(&str) -> String) {
    if let Ok(Some(token)) = env::settings().map(|settings| settings.replay.as_deref()) {
        // Not `eprintln!`, which tests capture. An error would mean that nobody reads it.
        let _ = writeln!(std::io::stderr(), "note: {}", note(&visible(token)));
    }
}
