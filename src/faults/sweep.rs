//! One run for each place at which a fault can happen, and what is said of it.
//!
//! - Each run starts from a fork and fails at one place; the prefix before it is the same each time, so that the
//!   places can be counted in a run without a fault. An action that does not do the same twice cannot be judged, and
//!   is refused.
//! - **An error has to mean that nothing injected.** What SQLite itself answers otherwise is let pass, for no app can
//!   avoid it: an interrupted statement that has committed, an interrupted `BEGIN` that has begun, and a commit whose
//!   journal was truncated and then not synced (it fails while its write lock is held). An error after the lock is
//!   given up is the app's.
//! - A busy handler's sleep takes no time, not even by the clock of the copy: what waited must not write another
//!   timestamp.
//! - The statement that was running is asked for in a second run of the same fault: recording every run would double
//!   the cost.

use std::sync::Arc;

use rusqlite::Connection;

use super::Report;
use super::failure;
use super::fault::{Fault, FaultInjector, InjectedFault, Kind};
use crate::db::{Address, TestDb};
use crate::draw;
use crate::env;
use crate::error::{Error, ErrorKind, Result};
use crate::explore::{
    self, Action, ActionEnd, ContentMatch, Failure, Files, Invariant, KnownContents, OriginalGuard, SeededRandom,
};
use crate::progress::Progress;
use crate::sim::{Disk, Watch, allocator};
use crate::trace::{Capture, TracedDatabase};

/// What is asked for.
#[derive(Default)]
pub(crate) struct Options<'a> {
    pub(super) may_ignore_errors: bool,
    pub(super) may_fail_after_commit: bool,
    pub(super) every_point: bool,
    pub(super) out_of_memory: bool,
    /// Only these kinds; all where there are none.
    pub(super) only: Vec<Kind>,
    pub(super) invariants: Vec<Invariant<'a>>,
}

/// Of more places than this of one kind, so many are taken.
const MOST: u64 = 1000;

/// The choice of places where there are too many, unless the environment names another.
const SEED: u64 = 0x5eed;

pub(super) struct Sweeper<'a, 'o> {
    base: Address,
    pub(super) contents: KnownContents,
    /// The numbers of the contents before and after the action.
    pub(super) before: usize,
    pub(super) after: usize,
    options: &'o mut Options<'a>,
}

/// A run with a fault.
pub(super) struct Run {
    pub(super) ended: ActionEnd,
    pub(super) injected: Option<InjectedFault>,
    /// The files as they are committed afterwards.
    pub(super) files: Files,
    /// Whether a statement with RETURNING was run, as far as that was recorded.
    pub(super) returning: bool,
    /// Whether the recorded statements begin savepoints, and no transaction.
    pub(super) only_savepoints: bool,
    problem: Option<Problem>,
}

/// What is wrong with a run.
pub(super) enum Problem {
    Panics(String),
    LeftOpen,
    Corrupt(String),
    /// Part of the action is there.
    Part,
    /// It returned an error and had done everything.
    ErrorAndDone,
    /// It returned Ok and had done nothing, or something else.
    OkAndNot,
    /// It cannot be done any more, with what the action says.
    NotAgain(ActionEnd),
    /// Tried again, it damaged the database, with what SQLite says.
    CorruptAgain(String),
    /// Tried again, it did something else, and left these files.
    OtherwiseAgain(Files),
    Invariant(String),
}

/// Runs the action once for each fault.
pub(crate) fn sweep(db: &TestDb, action: &mut Action<'_>, options: &mut Options<'_>) -> Result<Report, Box<Failure>> {
    let settings = env::settings()?;
    let replay = explore::replay("fault", Fault::parse, "fault:full:12")?;
    let base = db.memory_copy()?;
    let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| options.want(*kind)).collect();
    let of_memory = kinds.iter().chain(replay.as_ref().map(|fault| &fault.kind)).any(|kind| kind.is_of_memory());
    if of_memory {
        memory_can_fail()?;
    }
    let guard = OriginalGuard::new(db);
    let learnt = learn(&base, action, of_memory);
    guard.check(ErrorKind::Fault, &["the action"])?;
    drop(guard);
    let (contents, before, after, counted) = learnt?;
    if Kind::ALL.iter().all(|kind| counted.places(*kind) == 0) {
        return Err(Error::new(ErrorKind::Fault, "the action asks nothing of the database, so nothing can fail")
            .help("let it use the connection that it is given")
            .into());
    }
    // A test that passes on nothing is no test.
    if kinds.iter().all(|kind| counted.places(*kind) == 0) {
        return Err(nowhere(&kinds).into());
    }
    let mut sweeper = Sweeper { base, contents, before, after, options };
    sweeper.invariants_hold()?;
    let mut report = Report::default();
    if let Some(fault) = replay.filter(|fault| fault.at <= counted.places(fault.kind)) {
        sweeper.look(action, fault, &mut report)?;
        return Ok(report);
    }
    let seed = settings.seed.unwrap_or(SEED);
    let mut done = 0;
    for kind in kinds {
        let places = counted.places(kind);
        let chosen = sweeper.places(places, draw::key(seed, kind as u64));
        report.places(kind, places, chosen.len() as u64);
        let mut progress = Progress::of(format!("failing with {kind}"), Some(chosen.len() as u64));
        for (index, at) in chosen.into_iter().enumerate() {
            done += 1;
            if settings.shard.has(done - 1) {
                sweeper.look(action, Fault { kind, at }, &mut report)?;
                progress.at(index as u64);
            }
        }
    }
    Ok(report)
}

impl Options<'_> {
    fn want(&self, kind: Kind) -> bool {
        self.only.contains(&kind)
            || (self.only.is_empty() && !kind.is_of_memory())
            || (self.out_of_memory && kind.is_of_memory())
    }
}

/// An action to which none of the kinds that are asked for can happen.
fn nowhere(kinds: &[Kind]) -> Error {
    let names: Vec<String> = kinds.iter().map(Kind::to_string).collect();
    let error =
        Error::new(ErrorKind::Fault, format!("what is asked for cannot happen to the action: {}", names.join(", ")));
    match kinds.contains(&Kind::Interrupt) {
        true => error.help("only what runs on the connection that the action is given is interrupted"),
        false => error,
    }
}

/// An error where allocations cannot be made to fail.
fn memory_can_fail() -> Result<()> {
    if allocator::is_ours() {
        return Ok(());
    }
    let error = Error::new(ErrorKind::Fault, "SQLite cannot be made to run out of memory");
    Err(match cfg!(feature = "out-of-memory") {
        false => error.help("cargo add --dev sqlitmus --features out-of-memory"),
        true => error
            .evidence("because", "this process had used SQLite before sqlitmus, and its allocator is set before")
            .help("run each test in a process of its own: cargo nextest run")
            .help("or open the database of a template before any other connection"),
    })
}

/// A connection for the action, and what it draws.
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

/// Runs the action twice without a fault. It has to do the same, or nothing could be said of the runs with one.
fn learn(
    base: &Address,
    action: &mut Action<'_>,
    of_memory: bool,
) -> Result<(KnownContents, usize, usize, Arc<FaultInjector>)> {
    let unreadable =
        |says: String| Error::new(ErrorKind::Fault, "the database cannot be read").evidence("SQLite says", says);
    let mut contents = KnownContents::new(base.functions());
    let before = contents.learn(&base.disk().files()).map_err(unreadable)?;
    let mut once = |contents: &mut KnownContents| -> Result<(usize, Arc<FaultInjector>)> {
        let copy = base.fork();
        let (mut connection, _) = connect(&copy, of_memory)?;
        let counter = FaultInjector::new(None, &copy.disk().files(), None);
        copy.disk().gate().set(Some(Arc::clone(&counter) as Arc<dyn Watch>));
        counter.arm(&mut connection);
        let ended = explore::run(action, &mut connection);
        counter.disarm(&mut connection);
        explore::works_by_itself(ErrorKind::Fault, &ended, &connection, "fault")?;
        let content = contents.learn(&copy.disk().fork().files()).map_err(unreadable)?;
        Ok((content, counter))
    };
    let (after, counter) = once(&mut contents)?;
    let (again, _) = once(&mut contents)?;
    if after != again {
        let differs = contents.difference(after, again);
        return Err(Error::new(ErrorKind::Fault, "the action does something else each time, so it cannot be compared")
            .evidence("from the first run to the second", differs)
            .help("give it its random values and times, or take them from SQLite: the clock stands still here"));
    }
    Ok((contents, before, after, counter))
}

impl Sweeper<'_, '_> {
    /// Which of so many places are tried.
    fn places(&self, places: u64, seed: u64) -> Vec<u64> {
        let most = if self.options.every_point { places } else { MOST };
        explore::spread(places, most, seed).into_iter().map(|index| index + 1).collect()
    }

    fn look(&mut self, action: &mut Action<'_>, fault: Fault, report: &mut Report) -> Result<(), Box<Failure>> {
        let run = self.run(action, fault, false)?;
        report.ran(fault.kind, run.injected.is_some(), run.ended != ActionEnd::Ok);
        if run.problem.is_none() {
            return Ok(());
        }
        // Once more, with a recording of its statements.
        let mut run = match self.run(action, fault, true)? {
            recorded if recorded.problem.is_some() => recorded,
            _ => run,
        };
        match run.problem.take() {
            // A BEGIN that is interrupted has begun all the same. No caller expects that of it, and few could tell.
            Some(Problem::LeftOpen) if fault.kind == Kind::Interrupt && run.was_beginning() => Ok(()),
            Some(problem) => Err(Box::new(failure::of(self, fault, &run, problem))),
            None => Ok(()),
        }
    }

    fn run(&mut self, action: &mut Action<'_>, fault: Fault, recorded: bool) -> Result<Run> {
        let copy = self.base.fork();
        let (mut connection, mut random) = connect(&copy, fault.kind.is_of_memory())?;
        let capture = recorded.then(Arc::<Capture>::default);
        let injector = FaultInjector::new(Some(fault), &copy.disk().files(), capture.clone());
        copy.disk().gate().set(Some(Arc::clone(&injector) as Arc<dyn Watch>));
        injector.arm(&mut connection);
        let mut ended = match capture.clone() {
            Some(capture) => TracedDatabase::new(&connection)
                .recording(capture, &mut connection, |connection| explore::run(action, connection)),
            None => explore::run(action, &mut connection),
        };
        injector.disarm(&mut connection);
        if fault.kind.is_of_memory()
            && let ActionEnd::Panic(says) = &ended
            && is_the_drivers(says)
        {
            ended = ActionEnd::Err(says.clone());
        }
        // To roll back takes memory. Without any, all that is left to do is to close the connection.
        if fault.kind == Kind::OutOfMemoryFromThenOn && !connection.is_autocommit() {
            drop(connection);
            (connection, random) = connect(&copy, true)?;
        }
        let is_open = !connection.is_autocommit();
        let files = copy.disk().fork().files();
        let injected = injector.injected();
        let while_writing = injected.as_ref().is_some_and(|injected| injected.while_writing);
        let mut problem = self.problem_of(fault, &ended, is_open, while_writing, &files);
        if problem.is_none() && matches!(ended, ActionEnd::Err(_)) && self.found_before(&files) {
            random.again();
            problem = self.try_again(action, &copy, connection);
        }
        let queries = capture.map(|capture| capture.take()).unwrap_or_default();
        let returning = queries.iter().any(|query| query.sql().to_ascii_uppercase().contains("RETURNING"));
        let begins = |word| queries.iter().any(|query| begins_with(word, query.sql()));
        let only_savepoints = begins("SAVEPOINT") && !begins("BEGIN");
        Ok(Run { ended, injected, files, returning, only_savepoints, problem })
    }

    fn problem_of(
        &mut self,
        fault: Fault,
        ended: &ActionEnd,
        is_open: bool,
        while_writing: bool,
        files: &Files,
    ) -> Option<Problem> {
        if let ActionEnd::Panic(message) = ended {
            return Some(Problem::Panics(message.clone()));
        }
        if is_open {
            return Some(Problem::LeftOpen);
        }
        let found = self.contents.find(files);
        if let ContentMatch::Corrupt(says) = found {
            return Some(Problem::Corrupt(says));
        }
        let (is_before, is_after) =
            (found == ContentMatch::Known(self.before), found == ContentMatch::Known(self.after));
        let problem = match ended {
            ActionEnd::Ok if is_after || self.options.may_ignore_errors => None,
            ActionEnd::Ok => Some(Problem::OkAndNot),
            _ if is_before => None,
            // SQLite itself may say so of a statement that has committed: one that is interrupted at its end, or one whose
            // journal was cut and then could not be synced.
            _ if is_after && (fault.kind == Kind::Interrupt || while_writing) => None,
            _ if is_after && self.options.may_fail_after_commit => None,
            _ if is_after => Some(Problem::ErrorAndDone),
            _ => Some(Problem::Part),
        };
        problem.or_else(|| self.invariants_of(files).err().map(Problem::Invariant))
    }

    fn found_before(&mut self, files: &Files) -> bool {
        self.contents.find(files) == ContentMatch::Known(self.before)
    }

    /// The fault is over: the same call has to succeed, on the same connection or on a fresh one.
    fn try_again(&mut self, action: &mut Action<'_>, copy: &Address, mut connection: Connection) -> Option<Problem> {
        let mut ended = explore::run(action, &mut connection);
        drop(connection);
        if let ActionEnd::Err(_) = ended {
            ended = match connect(copy, false) {
                Ok((mut fresh, _)) => explore::run(action, &mut fresh),
                Err(error) => ActionEnd::Err(error.to_string()),
            };
        }
        if ended != ActionEnd::Ok {
            return Some(Problem::NotAgain(ended));
        }
        let files = copy.disk().fork().files();
        match self.contents.find(&files) {
            ContentMatch::Corrupt(says) => Some(Problem::CorruptAgain(says)),
            ContentMatch::Known(content) if content == self.after => None,
            _ => (!self.options.may_ignore_errors).then_some(Problem::OtherwiseAgain(files)),
        }
    }

    /// An invariant that does not hold without a fault says nothing about faults.
    fn invariants_hold(&mut self) -> Result<()> {
        let Some(files) = self.contents.files(self.after) else { return Ok(()) };
        self.invariants_of(&files).map_err(|says| {
            Error::new(ErrorKind::Fault, "the invariant does not hold after the action, without any fault")
                .evidence("it says", says)
        })
    }

    fn invariants_of(&mut self, files: &Files) -> Result<(), String> {
        if self.options.invariants.is_empty() {
            return Ok(());
        }
        let opened = self.contents.open(files)?;
        self.options.invariants.iter_mut().try_for_each(|invariant| invariant(opened.main()))
    }
}

/// Whether rusqlite itself panics, as it does where SQLite has no memory for a value or a name that is read. No app can help it:
/// it counts as an error.
fn is_the_drivers(panic: &str) -> bool {
    let of_a_value = panic.starts_with("unexpected SQLITE_") && panic.ends_with("with NULL data");
    of_a_value || panic.starts_with("Null pointer from sqlite3_column_name")
}

fn begins_with(word: &str, statement: &str) -> bool {
    statement.split_whitespace().next().is_some_and(|first| first.eq_ignore_ascii_case(word))
}

impl Run {
    fn was_beginning(&self) -> bool {
        let statement = self.injected.as_ref().and_then(|injected| injected.statement.as_deref()).unwrap_or_default();
        begins_with("BEGIN", statement) || begins_with("SAVEPOINT", statement)
    }

    /// A disk with what the run left.
    pub(super) fn disk(&self) -> Arc<Disk> {
        Disk::with_files(self.files.iter().cloned())
    }
}
