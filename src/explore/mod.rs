//! What the explorers share: they run the app's code again and again on copies of a test's database, and say of each run
//! what is in the database afterwards.

mod content;
mod random;

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::Connection;

pub(crate) use self::content::{ContentMatch, Files, KnownContents, OpenedFiles, fold_disk};
pub(crate) use self::random::SeededRandom;
use crate::db::{TestDb, again_with};
use crate::draw::Draw;
use crate::env;
use crate::error::{Error, ErrorKind, Result};
use crate::sim::{Disk, Op, Refused, Watch};

/// Code of the app, to be run any number of times. What it returns is dropped; its error stays as text.
pub(crate) type Action<'a> = Box<dyn FnMut(&mut Connection) -> Result<(), String> + 'a>;

/// A look at a database that says what is wrong with it.
pub(crate) type Invariant<'a> = Box<dyn FnMut(&Connection) -> Result<(), String> + 'a>;

pub(crate) fn action<'a, T, E: Display>(mut f: impl FnMut(&mut Connection) -> Result<T, E> + 'a) -> Action<'a> {
    Box::new(move |connection| f(connection).map(drop).map_err(|error| error.to_string()))
}

/// How a run of the app's code ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ActionEnd {
    Ok,
    Err(String),
    Panic(String),
}

/// Runs the app's code. A panic of its is told, not passed on: it is what happened at this point of the exploration.
pub(crate) fn run(action: &mut Action<'_>, connection: &mut Connection) -> ActionEnd {
    match caught(|| action(connection)) {
        Ok(Ok(())) => ActionEnd::Ok,
        Ok(Err(error)) => ActionEnd::Err(error),
        Err(message) => ActionEnd::Panic(message),
    }
}

/// What the app's code returns, or the message of its panic.
pub(crate) fn caught<R>(run: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
        text.unwrap_or("a panic without a message").to_owned()
    })
}

/// A failure, and the disk that shows it.
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) left: Option<Arc<Disk>>,
}

impl Failure {
    /// Keeps what was left beside the test's own database, which is kept as it is dropped by this panic.
    #[track_caller]
    pub(crate) fn panic(&self, db: &TestDb, name: &str) -> ! {
        if let Some(disk) = &self.left {
            db.keep_beside(name, disk);
        }
        panic!("{}", self.error)
    }
}

impl From<Error> for Box<Failure> {
    fn from(error: Error) -> Box<Failure> {
        Box::new(Failure { error, left: None })
    }
}

/// Sees whether the app's code uses the test's own database behind our back: an explorer runs it on copies.
pub(crate) struct OriginalGuard<'a> {
    db: &'a TestDb,
    version: Option<i64>,
    guard: Arc<Guard>,
    before: Option<Arc<dyn Watch>>,
}

/// Who makes an operation on the test's own database, if it is the app's code: its place among the names.
type Whose = Box<dyn Fn(Op<'_>) -> Option<usize> + Send + Sync>;

struct Guard {
    whose: Whose,
    /// Who was seen, counted from 1.
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
    /// For code that runs on this thread: whatever it does, and whoever else opens the database meanwhile.
    pub(crate) fn new(db: &'a TestDb) -> OriginalGuard<'a> {
        let here = std::thread::current().id();
        OriginalGuard::against(db, move |op| {
            (matches!(op, Op::Open { .. }) || std::thread::current().id() == here).then_some(0)
        })
    }

    /// For code that `whose` knows.
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

    /// Changes when another connection commits, also through another VFS, which no watch sees.
    fn version(db: &TestDb) -> Option<i64> {
        db.query_row("PRAGMA data_version", [], |row| row.get(0)).ok()
    }

    /// An error when the app's code has used the database since, which is what `names` call it.
    pub(crate) fn check(&self, kind: ErrorKind, names: &[&str]) -> Result<()> {
        // Read first: to ask for the version is an operation too.
        let who = match (self.guard.seen.load(Ordering::Relaxed), names) {
            (0, _) if self.version == OriginalGuard::version(self.db) => return Ok(()),
            (0, [only]) => only,
            (0, _) => "a task",
            (who, _) => names[who - 1],
        };
        Err(Error::new(kind, format!("{who} uses the test's own database, and is run on copies of it")).help(
            "use the connection that is given as an argument; a second one, of any driver, opens sqlitmus::sim::uri(connection)",
        ))
    }
}

impl Drop for OriginalGuard<'_> {
    fn drop(&mut self) {
        self.db.disk().gate().set(self.before.take());
    }
}

/// The errors that every explorer gives when the app's code does not work by itself.
pub(crate) fn works_by_itself(kind: ErrorKind, ended: &ActionEnd, connection: &Connection, fault: &str) -> Result<()> {
    match ended {
        ActionEnd::Err(error) => Err(Error::new(kind, format!("the action fails without any {fault}"))
            .evidence("it says", error)
            .help("prepare the database so that it succeeds, then explore")),
        ActionEnd::Panic(message) => {
            Err(Error::new(kind, format!("the action panics without any {fault}")).evidence("it says", message))
        }
        ActionEnd::Ok if !connection.is_autocommit() => {
            Err(Error::new(kind, "the action leaves a transaction open: what it wrote is rolled back")
                .help("commit it: transaction.commit()?"))
        }
        ActionEnd::Ok => Ok(()),
    }
}

/// What helps where half of a transaction over several files is there, see <https://www.sqlite.org/lang_attach.html>.
pub(crate) const FILE_BY_FILE: &str = "where one of several files is in WAL mode, each is committed by itself: PRAGMA \
                                       journal_mode = DELETE for each, or keep in one file what belongs together";

/// The line that repeats exactly one step of an exploration.
pub(crate) fn replay_note(token: impl Display) -> String {
    again_with("SQLITMUS_REPLAY", token)
}

/// What `SQLITMUS_REPLAY` asks of the explorer with this word, read by `parse`. Another explorer's is none of its business,
/// and neither is what does not fit: a test may explore several things, and each that does not repeat explores all.
pub(crate) fn replay<T>(word: &str, parse: impl Fn(&str) -> Option<T>, known: &str) -> Result<Option<T>> {
    let Some(token) = env::settings()?.replay.as_deref() else { return Ok(None) };
    let Some(rest) = token.strip_prefix(word).and_then(|rest| rest.strip_prefix(':')) else { return Ok(None) };
    parse(rest).map(Some).ok_or_else(|| {
        Error::new(ErrorKind::Environment, format!("unknown value of SQLITMUS_REPLAY: {token:?}"))
            .help(format!("it takes what a failure has printed, such as {known}"))
    })
}

/// `: orders without items`, of the tables that were changed and of those that still had to be.
pub(crate) fn one_without_other(there: &[String], missing: &[String]) -> String {
    let only: Vec<&str> = missing.iter().filter(|table| !there.contains(table)).map(String::as_str).collect();
    match (there.is_empty(), only.is_empty()) {
        (true, true) => String::new(),
        (true, false) => format!(": not {}", only.join(", ")),
        (false, true) => format!(": {}", there.join(", ")),
        (false, false) => format!(": {} without {}", there.join(", "), only.join(", ")),
    }
}

/// At most so many of the first `count` numbers, all over: one of each stretch, so that none is left out for long.
pub(crate) fn spread(count: u64, most: u64, seed: u64) -> Vec<u64> {
    if count <= most {
        return (0..count).collect();
    }
    let mut draw = Draw::new(seed);
    let one = |part: u64| {
        let (start, end) = (part * count / most, (part + 1) * count / most);
        start + draw.below(end - start)
    };
    (0..most).map(one).collect()
}
