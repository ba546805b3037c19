//! [`Sweep`]: an action in which one operation after another fails.

use std::fmt::{self, Debug, Display};
use std::sync::Arc;

use rusqlite::Connection;

use super::attempt::{Attempt, Baseline, SecondTry, SweptAction, require_failing_memory};
use super::commits;
use super::failure::{self, Diagnosis, FaultRun, Problem};
use super::fault::{self, Fault, Kind};
use super::report::{Report, Tried};
use super::session::Session;
use crate::db::{Address, TestDb};
use crate::error::{Error, ErrorKind, Result};
use crate::explore::{
    self, ActionPart, Cancellation, ContentChanges, ContentMatch, DbCopy, Failure, Files, Finish, Invariants,
    OriginalGuard, Outcome, or_keep_and_panic,
};
use crate::progress::Progress;
use crate::sim::Disk;
use crate::trace::Capture;
use crate::{draw, env};

/// A sweep of faults over one action; see [`sweep`].
#[must_use = "nothing happens before `run`"]
pub struct Sweep<'a> {
    db: &'a TestDb,
    action: SweptAction<'a>,
    options: Options<'a>,
}

/// Lets each operation of `action`, code of the app, fail in turn on a copy of `db`; see the [module](super).
pub fn sweep<'a, T: Debug, E: Display>(
    db: &'a TestDb,
    action: impl FnMut(&mut Connection) -> Result<T, E> + 'a,
) -> Sweep<'a> {
    let action = SweptAction::new(explore::action_with_value(action), None);
    Sweep { db, action, options: Options::default() }
}

/// Like [`sweep`], for code that opens its connections itself, by the path or URL of the copy that it is given: an app with a
/// pool. The code may be async; the template says on which runtime it runs ([`Template::block_on`]).
///
/// [`Template::block_on`]: crate::Template::block_on
pub fn sweep_with<'a, K, R: Finish<K> + 'a>(db: &'a TestDb, action: impl FnMut(DbCopy) -> R + Send + 'a) -> Sweep<'a> {
    let cancellation = Cancellation::new(R::IS_FUTURE);
    let run = explore::action_on_copies(db, Arc::clone(&cancellation), action);
    let action = SweptAction::new(run, Some(cancellation));
    Sweep { db, action, options: Options::default() }
}

impl<'a> Sweep<'a> {
    /// Allows the action to return `Ok` although it has done less, as code for a cache or a statistic may do.
    pub fn may_ignore_errors(mut self) -> Self {
        self.options.may_ignore_errors = true;
        self
    }

    /// Allows the action to return `Ok` with this value after a fault, whatever it returns without one: a default in place of
    /// what could not be read. Values are compared as `Debug` shows them.
    pub fn may_return(mut self, value: impl Debug) -> Self {
        self.options.may_return.push(format!("{value:?}"));
        self
    }

    /// Allows the action to return an error after its commit: for code whose callers do not try again.
    pub fn may_fail_after_commit(mut self) -> Self {
        self.options.may_fail_after_commit = true;
        self
    }

    /// Allows the action to stop between two of its transactions, for a job that resumes: the same call after the fault has to
    /// end as without one. Which of its transactions are there is left open, since a job may go on with others when one fails.
    ///
    /// ```
    /// use sqlitmus::rusqlite::{Connection, Result};
    /// use sqlitmus::{Template, faults};
    ///
    /// let db = Template::empty().in_memory();
    /// let schema = "CREATE TABLE users(name TEXT, mail TEXT);
    ///               INSERT INTO users(name) VALUES ('Ada'), ('Bob');";
    /// db.execute_batch(schema).unwrap();
    ///
    /// fn fill_in(db: &mut Connection) -> Result<()> {
    ///     let next = "SELECT rowid FROM users WHERE mail IS NULL LIMIT 1";
    ///     let sql = "UPDATE users SET mail = lower(name) || '@example.org'";
    ///     while db.execute(&format!("{sql} WHERE rowid = ({next})"), [])? > 0 {}
    ///     Ok(())
    /// }
    ///
    /// assert!(faults::sweep(&db, fill_in).try_run().is_err());
    /// faults::sweep(&db, fill_in).each_transaction().run();
    /// ```
    pub fn each_transaction(mut self) -> Self {
        self.options.resumes = true;
        self
    }

    /// Allows the action to stop between two of its transactions that have nothing to do with each other.
    pub fn independent_transactions(mut self) -> Self {
        self.options.independent = true;
        self
    }

    /// Tries every place of each kind, instead of a sample: four steps of each statement for interrupts, at most 1000 places of
    /// each kind, and fewer if the action takes long.
    pub fn every_point(mut self) -> Self {
        self.options.every_point = true;
        self
    }

    /// Also lets each of SQLite's allocations fail, on the thread that runs the action. This about doubles the number of runs.
    /// It needs the feature `out-of-memory`; see [out of memory](super#out-of-memory).
    pub fn out_of_memory(mut self) -> Self {
        self.options.out_of_memory = true;
        self
    }

    /// Tries this kind of fault, and others only if they are selected too. If none of them can happen, the sweep fails.
    pub fn only(mut self, kind: Kind) -> Self {
        self.options.only.push(kind);
        self
    }

    /// Adds a condition that has to hold after each run, of the database or of what the action wrote outside of it.
    pub fn invariant<E: Display>(mut self, f: impl FnMut(&Connection) -> Result<(), E> + 'a) -> Self {
        self.options.invariants.push(f);
        self
    }

    /// Runs the action with each fault. Keeps the database of a failure as it was before and as the fault left it.
    ///
    /// # Panics
    /// If a run is not all or nothing; if the action fails without a fault, makes other changes each time, or uses the test's
    /// own database.
    #[track_caller]
    pub fn run(self) -> Report {
        let db = self.db;
        or_keep_and_panic(sweep_all(self), db, "-after-the-fault")
    }
}

/// The same without panics: each returns its failure as an [`Error`](crate::Error).
impl<'a> Sweep<'a> {
    /// Like [`run`](Sweep::run), without the panic. Keeps no database.
    ///
    /// # Errors
    /// If a run is not all or nothing; if the action fails without a fault, makes other changes each time, or uses the test's
    /// own database.
    pub fn try_run(self) -> Result<Report> {
        sweep_all(self).map_err(|failed| failed.error)
    }
}

impl fmt::Debug for Sweep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sweep").field("db", self.db).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Options<'a> {
    may_ignore_errors: bool,
    may_fail_after_commit: bool,
    /// True if the action may stop after any of its transactions and goes on where it stopped.
    resumes: bool,
    /// True if each transaction of the action may be left alone.
    independent: bool,
    /// Values that it may return besides the one that it returns without a fault.
    may_return: Vec<String>,
    every_point: bool,
    out_of_memory: bool,
    /// The kinds of faults to try; empty for all of them.
    only: Vec<Kind>,
    invariants: Invariants<'a>,
}

impl Options<'_> {
    /// Returns the kinds of faults to try.
    fn kinds(&self) -> Vec<Kind> {
        let is_wanted = |kind: &Kind| {
            self.only.contains(kind)
                || (self.only.is_empty() && !kind.is_of_memory())
                || (self.out_of_memory && kind.is_of_memory())
        };
        Kind::ALL.into_iter().filter(is_wanted).collect()
    }
}

/// The largest number of places of each kind, unless all are to be tried.
const MAX_PLACES: u64 = 1000;

/// The work of a whole sweep, unless all places are to be tried: about ten seconds without optimization. It is counted in steps
/// of SQLite's virtual machine, so that every machine tries the same places.
const MAX_WORK: u64 = 8_000_000;

/// The seed that chooses places where there are too many, unless the environment sets another.
const SEED: u64 = 0x5eed;

struct Sweeper<'a> {
    action: SweptAction<'a>,
    options: Options<'a>,
    base: Address,
    baseline: Baseline,
}

/// Runs the action once for each fault.
fn sweep_all(Sweep { db, mut action, options }: Sweep<'_>) -> Result<Report, Box<Failure>> {
    let settings = env::settings()?;
    let replay = explore::replay(fault::WORD, Fault::parse, "fault:full:12")?;
    let base = db.memory_copy()?;
    let mut kinds = options.kinds();
    let is_future = action.cancellation.as_ref().is_some_and(|cancellation| cancellation.is_of_a_future());
    kinds.retain(|kind| *kind != Kind::Cancel || is_future);
    let of_memory = kinds.iter().chain(replay.as_ref().map(|fault| &fault.kind)).any(|kind| kind.is_of_memory());
    if of_memory {
        require_failing_memory()?;
    }
    let guard = OriginalGuard::new(db);
    let mut baseline = Baseline::learn(&base, &mut action, of_memory);
    if options.independent
        && let Ok(baseline) = &mut baseline
    {
        baseline.commits = commits::commits(&base, &mut action, &mut baseline.contents)?;
    }
    guard.check(ErrorKind::Fault, &["the action"])?;
    drop(guard);
    let baseline = baseline?;
    baseline.require_places(&kinds)?;
    let mut sweeper = Sweeper { action, options, base, baseline };
    sweeper.require_invariants()?;
    let mut report = Report::default();
    if let Some(fault) = replay
        && fault.at > sweeper.baseline.places(fault.kind)
    {
        explore::does_not_fit();
    } else if let Some(fault) = replay {
        let mut tried = Tried::new(fault.kind, 0, 0);
        sweeper.look(fault, &mut tried)?;
        report.kinds.push(tried);
        explore::only_repeated();
        return Ok(sweeper.with_hidden(report));
    }
    let seed = settings.seed.unwrap_or(SEED);
    let mut done = 0;
    let every_point = sweeper.options.every_point;
    let places: Vec<Vec<u64>> = kinds.iter().map(|kind| sweeper.baseline.places_to_try(*kind, every_point)).collect();
    let counts: Vec<u64> = places.iter().map(|places| places.len() as u64).collect();
    let runs = (MAX_WORK / sweeper.baseline.work()).max(kinds.len() as u64);
    let shares = if every_point { counts.clone() } else { draw::shares(&counts, runs, MAX_PLACES) };
    for ((kind, places), most) in kinds.into_iter().zip(places).zip(shares) {
        let chosen = draw::spread(places.len() as u64, most, draw::key(seed, kind as u64));
        let mut tried = Tried::new(kind, sweeper.baseline.places(kind), chosen.len() as u64);
        let mut progress = Progress::of(format!("failing with {kind}"), Some(tried.chosen));
        for (index, place) in (0..).zip(chosen) {
            done += 1;
            if settings.shard.has(done - 1) {
                let at = places[usize::try_from(place).unwrap_or(0)];
                sweeper.look(Fault { kind, at }, &mut tried)?;
                progress.at(index);
            }
        }
        report.kinds.push(tried);
    }
    Ok(sweeper.with_hidden(report))
}

impl Sweeper<'_> {
    /// Returns the report with what was not compared.
    fn with_hidden(&self, report: Report) -> Report {
        let masked = self.baseline.contents.masked();
        let virtual_tables = self.baseline.virtual_tables.clone();
        let (ignores_value, is_rolled_back) = (self.baseline.value.is_none(), self.baseline.is_rolled_back);
        Report { ignores_value, masked, virtual_tables, is_rolled_back, ..report }
    }

    fn look(&mut self, fault: Fault, tried: &mut Tried) -> Result<(), Box<Failure>> {
        let (run, problem) = self.run(fault, None)?;
        // A time in seconds differs only later.
        let may_differ = problem.as_ref().is_some_and(|problem| !matches!(problem, Problem::WaitsInVain));
        if may_differ && self.baseline.hide_what_differs(&self.base, &mut self.action)? {
            return self.look(fault, tried);
        }
        tried.runs += 1;
        tried.errors += u64::from(!matches!(run.outcome, Outcome::Returned(_)));
        tried.missed += u64::from(run.injected.is_none());
        tried.reopened += u64::from(run.is_of_a_module);
        let Some(problem) = problem else { return Ok(()) };
        let (run, problem) = match problem {
            Problem::WaitsInVain => (run, problem),
            problem => self.recorded(fault, run, problem)?,
        };
        // SQLite may have begun a transaction although its BEGIN was interrupted, and rusqlite ignores that a ROLLBACK was. No
        // app expects that, and few could tell.
        // Nor that a statement has committed and is interrupted then, or has changed the connection, or sets it back.
        let is_of_sqlite = run.injected.as_ref().is_some_and(|injected| injected.is_committed)
            || (matches!(problem, Problem::LeftOpen | Problem::Endless(_))
                && run.was_one_of(&["BEGIN", "SAVEPOINT", "ROLLBACK"]))
            || (matches!(problem, Problem::Session(_))
                && run.was_one_of(&["PRAGMA", "ATTACH", "DETACH", "CREATE", "DROP"]));
        if fault.kind == Kind::Interrupt && is_of_sqlite {
            return Ok(());
        }
        let error = failure::render(&self.diagnose(&run, problem));
        Err(Box::new(Failure { error, left: Some(Disk::with_files(run.files)) }))
    }

    /// Runs the same fault again, with a recording of the statements.
    fn recorded(&mut self, fault: Fault, run: FaultRun, problem: Problem) -> Result<(FaultRun, Problem)> {
        Ok(match self.run(fault, Some(Arc::default()))? {
            (recorded, Some(problem)) => (recorded, problem),
            _ => (run, problem),
        })
    }

    fn diagnose<'r>(&self, run: &'r FaultRun, problem: Problem) -> Diagnosis<'r> {
        let Baseline { contents, before, after, .. } = &self.baseline;
        let opened = contents.open(&run.files).ok();
        let part = opened.map(|opened| ActionPart::of(contents, *before, &opened, *after));
        let again = match &problem {
            Problem::OtherwiseAgain(files) => contents.opened(*after).zip(contents.open(files).ok()),
            _ => None,
        };
        let again = again.map(|(after, again)| ContentChanges::between(&after, &again));
        let has_virtual_tables = !self.baseline.virtual_tables.is_empty();
        Diagnosis { run, problem, part, is_resumed: self.options.resumes, has_virtual_tables, again }
    }

    fn run(&mut self, fault: Fault, capture: Option<Arc<Capture>>) -> Result<(FaultRun, Option<Problem>)> {
        let of_memory = fault.kind.is_of_memory();
        let mut attempt = Attempt::run(&self.base, &mut self.action, Some(fault), of_memory, capture.clone())?;
        // A rollback takes memory, and so does setting something back. Without any, the connection can only be closed.
        if fault.kind == Kind::OutOfMemoryFromThenOn && !attempt.connection.is_autocommit() {
            attempt = attempt.reconnect(true)?;
        }
        let outcome = match attempt.outcome.clone() {
            Outcome::Panicked(says) if of_memory && is_a_panic_of_rusqlite(&says) => Outcome::Failed(says),
            outcome => outcome,
        };
        let recorded = capture.map(|capture| capture.take()).unwrap_or_default();
        let run = FaultRun {
            fault,
            outcome,
            injected: attempt.injector.injected(),
            repeats: attempt.injector.limit.exceeded(),
            left_open: !attempt.connection.is_autocommit(),
            is_of_a_module: false,
            is_given_up: attempt.is_given_up,
            session: Session::of(&attempt.connection),
            files: attempt.files(),
            statements: recorded.iter().map(|query| query.sql().to_owned()).collect(),
        };
        let mut problem = self.problem_of(&run);
        let before = ContentMatch::Known(self.baseline.before);
        if problem.is_none() && matches!(run.outcome, Outcome::Failed(_)) {
            let starts_anew = self.baseline.contents.find(&run.files) == before;
            if starts_anew || self.options.resumes {
                let again = attempt.again(&mut self.action, fault, &run.session);
                problem = self.problem_again(again, starts_anew);
                let may_be_of_a_module = problem.as_ref().is_some_and(|problem| self.may_be_of_a_module(problem));
                if may_be_of_a_module && self.is_right_on_a_new_connection(fault, starts_anew)? {
                    return Ok((FaultRun { is_of_a_module: true, ..run }, None));
                }
            }
        }
        Ok((run, problem))
    }

    fn problem_of(&mut self, run: &FaultRun) -> Option<Problem> {
        if let Outcome::Panicked(message) = &run.outcome {
            return Some(Problem::Panics(message.clone()));
        }
        if run.is_given_up && !matches!(run.outcome, Outcome::Returned(_)) {
            return Some(Problem::WaitsInVain);
        }
        if let Some(repeats) = &run.repeats {
            let is_outlasted = run.injected.as_ref().is_some_and(|injected| injected.outlasted);
            return Some(if is_outlasted { Problem::Repeats } else { Problem::Endless(repeats.clone()) });
        }
        if run.left_open {
            return Some(Problem::LeftOpen);
        }
        let Baseline { contents, before, after, .. } = &mut self.baseline;
        let found = contents.find(&run.files);
        if let ContentMatch::Corrupt(says) = found {
            return Some(Problem::Corrupt(says));
        }
        let (is_before, is_after) = (found == ContentMatch::Known(*before), found == ContentMatch::Known(*after));
        // Done by the statement that failed or by one before it, and not by what the action went on to do.
        let files_then = run.injected.as_ref().and_then(|injected| injected.files_then.as_ref()).filter(|_| is_after);
        let was_done = is_after && files_then.is_none_or(|files| contents.find(files) == found);
        let while_writing = run.injected.as_ref().is_some_and(|injected| injected.while_writing);
        let problem = match &run.outcome {
            _ if self.options.may_ignore_errors && matches!(run.outcome, Outcome::Returned(_)) => None,
            Outcome::Returned(value) if is_after => self.other_value(value),
            Outcome::Returned(_) => Some(Problem::OkAndNot),
            // The second try shows whether it goes on where it stopped.
            _ if is_before || self.options.resumes => None,
            _ if self.baseline.is_after_a_transaction(&found) && !is_after => None,
            // SQLite itself may return an error for a statement that has committed: one that is interrupted at its end, or one
            // whose journal was truncated and then could not be synced. Nobody hears of what a dropped future has done.
            _ if was_done && (matches!(run.fault.kind, Kind::Interrupt | Kind::Cancel) || while_writing) => None,
            _ if is_after && self.options.may_fail_after_commit => None,
            _ if was_done => Some(Problem::ErrorAndDone),
            _ if is_after => Some(Problem::GoesOn),
            _ => Some(Problem::Part),
        };
        problem
            .or_else(|| self.invariants_in(&run.files).err().map(Problem::Invariant))
            .or_else(|| self.session_left(run))
            .or_else(|| run.injected.as_ref()?.outlasted.then_some(Problem::Repeats))
    }

    fn other_value(&self, value: &str) -> Option<Problem> {
        let expected = self.baseline.value.as_deref().filter(|expected| *expected != value)?;
        let may = self.options.may_return.iter().any(|allowed| allowed == value);
        (!may).then(|| Problem::OtherValue(expected.to_owned()))
    }

    fn session_left(&self, run: &FaultRun) -> Option<Problem> {
        let (before, after) = &self.baseline.sessions;
        let left = run.session.differs_from(before, after);
        // Without memory, nothing can be set back.
        (!left.is_empty() && !run.fault.kind.is_of_memory()).then_some(Problem::Session(left))
    }

    /// Returns what is wrong with the second try after the fault, which has to do everything that is left to do.
    fn problem_again(&mut self, again: SecondTry, starts_anew: bool) -> Option<Problem> {
        if let Some(repeats) = again.repeats {
            return Some(Problem::EndlessAgain(repeats));
        }
        let Outcome::Returned(value) = &again.outcome else {
            return Some(Problem::NotAgain(again.outcome, again.reconnected));
        };
        match self.baseline.contents.find(&again.files) {
            ContentMatch::Corrupt(says) => Some(Problem::CorruptAgain(says)),
            _ if self.options.may_ignore_errors => None,
            ContentMatch::Known(content) if content == self.baseline.after => {
                starts_anew.then(|| self.other_value(value)).flatten()
            }
            _ => Some(Problem::OtherwiseAgain(again.files)),
        }
    }

    /// Returns true if nothing but the tables that a virtual table keeps for itself is wrong after the second try. FTS5 takes the
    /// counts of its rows for read although the read failed, and then writes wrong ones: nothing that the app could undo.
    fn may_be_of_a_module(&self, problem: &Problem) -> bool {
        let Baseline { contents, after, virtual_tables, .. } = &self.baseline;
        let has_all_rows = |files: &Files| {
            let both = contents.opened(*after).zip(contents.open(files).ok());
            both.is_some_and(|(after, again)| ContentChanges::between(&after, &again).tables().is_empty())
        };
        !virtual_tables.is_empty()
            && match problem {
                Problem::CorruptAgain(_) => true,
                Problem::NotAgain(Outcome::Failed(says), _) => says.contains("malformed"),
                Problem::OtherwiseAgain(files) => has_all_rows(files),
                _ => false,
            }
    }

    fn is_right_on_a_new_connection(&mut self, fault: Fault, starts_anew: bool) -> Result<bool> {
        let of_memory = fault.kind.is_of_memory();
        let attempt = Attempt::run(&self.base, &mut self.action, Some(fault), of_memory, None)?.reconnect(of_memory)?;
        let session = Session::of(&attempt.connection);
        let again = attempt.again(&mut self.action, fault, &session);
        Ok(self.problem_again(again, starts_anew).is_none())
    }

    /// Returns an error if an invariant does not hold without a fault: then it says nothing about faults.
    fn require_invariants(&mut self) -> Result<()> {
        let Some(files) = self.baseline.contents.files(self.baseline.after) else { return Ok(()) };
        self.invariants_in(&files).map_err(|says| {
            Error::new(ErrorKind::Fault, "the invariant does not hold after the action, without any fault")
                .evidence("it says", says)
        })
    }

    fn invariants_in(&mut self, files: &Files) -> Result<(), String> {
        if self.options.invariants.is_empty() {
            return Ok(());
        }
        let opened = self.baseline.contents.open(files)?;
        self.options.invariants.check(opened.main())
    }
}

/// Returns true if rusqlite itself panicked, as it does where SQLite has no memory for a value or a name that is read. No app
/// can avoid it, so that it counts as an error.
fn is_a_panic_of_rusqlite(panic: &str) -> bool {
    let of_a_value = panic.starts_with("unexpected SQLITE_") && panic.ends_with("with NULL data");
    of_a_value || panic.starts_with("Null pointer from sqlite3_column_name")
}
