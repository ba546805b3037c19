//! The recording of a run: its log, what its journal mode promises, its commits, and [`acknowledge`].

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

use super::beside::{FileHistory, FileWatch, FilesBeside};
use super::closed_connections::ClosedConnections;
use super::committed::Committed;
use super::disk_model::{DiskModel, Drive};
use super::failing_sync::FailingSync;
use super::promise::Promise;
use crate::db::{Address, MAIN};
use crate::error::{Error, ErrorKind, Result};
use crate::explore::{self, Action, Files, KnownContents, Outcome, SeededRandom, StatementLimit};
use crate::sim::{Entry, Event, OpLog, Watch};
use crate::trace::{Capture, TracedDatabase, total_changes};

thread_local! {
    /// The log of the run on this thread.
    static RUNNING: RefCell<Option<Arc<OpLog>>> = const { RefCell::new(None) };
}

/// Passes the run of one thread on to another one, on which the app's code runs.
#[derive(Clone, Default)]
pub(super) struct RunOfThread(Arc<Mutex<Option<Arc<OpLog>>>>);

impl RunOfThread {
    /// To be called on the thread of the test.
    pub(super) fn take_from_here(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = RUNNING.with_borrow(Clone::clone);
    }

    /// To be called on the other thread.
    pub(super) fn set_here(&self) {
        RUNNING.set(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone());
    }
}

/// Marks the moment at which the app tells its user what it has done, such as "your order is placed".
///
/// Call it from the code under test, or from the stub that stands in for mails and responses, on the thread on which the
/// action runs: with [`crash::test_with`](super::test_with()) that on which its closure is called and its future is polled, not
/// one that it starts (`tokio::spawn` on several threads, `spawn_blocking`). From here on, everything that was done before has to survive a power cut as far as the profile promises,
/// and has to survive a killed process in any case. Outside of [`crash::test`](super::test()) it does nothing.
///
/// A call before the first write promises nothing, because it may be about data that was there already. The
/// [`Report`](super::Report) counts these calls.
///
/// ```
/// use sqlitmus::{Template, crash};
///
/// let db = Template::empty().in_memory();
/// db.execute_batch("CREATE TABLE orders(id INTEGER PRIMARY KEY)").unwrap();
/// let error = crash::test(&db, |db| {
///     let transaction = db.transaction()?;
///     transaction.execute("INSERT INTO orders VALUES (1)", [])?;
///     crash::acknowledge(); // too early
///     transaction.commit()
/// })
/// .try_run()
/// .unwrap_err();
/// assert!(error.headline().ends_with("loses acknowledged changes"), "{error}");
/// ```
pub fn acknowledge() {
    // A thread that ends has no run.
    let log = RUNNING.try_with(|running| running.borrow().clone()).ok().flatten();
    if let Some(log) = log {
        log.acknowledge();
    }
}

/// The disk operations of a run.
pub(super) struct Recording {
    /// The files before it.
    pub(super) files: Files,
    pub(super) log: Vec<Entry>,
    /// The place in the log at which the action begins. Before it, the connection was opened.
    pub(super) start: usize,
    /// The settings of the profile, which decide which commits may be lost.
    pub(super) promise: Promise,
    /// The settings of the connection that wrote. Of several, the one that promises least.
    pub(super) writer: Promise,
    /// The files beside the database during it.
    pub(super) beside: FileHistory,
    /// The statement that wrote in a transaction that was rolled back.
    pub(super) rolled_back: Option<String>,
    /// The number of statements.
    statements: u64,
}

/// Runs the action on a copy of `base`. The log starts before the database is opened and ends after it is closed. If a sync
/// fails, by its number in the log, the action may fail too.
pub(super) fn record(
    base: &Address,
    action: &mut Action<'_>,
    beside: &FilesBeside,
    failed_sync: Option<usize>,
) -> Result<Recording> {
    let copy = base.fork();
    let files = copy.disk().files();
    let capture = Arc::new(Capture::default());
    let log = OpLog::new({
        let capture = Arc::clone(&capture);
        move || capture.running()
    });
    let watch = FileWatch::new(Arc::clone(&log), beside);
    watch.look(0);
    copy.disk().gate().set(Some(match failed_sync {
        Some(nth) => FailingSync::new(Arc::clone(&log), Arc::clone(&watch), nth) as Arc<dyn Watch>,
        None => Arc::clone(&watch) as Arc<dyn Watch>,
    }));
    let mut connection = copy.connect()?;
    SeededRandom::on(&connection, 0)?;
    let mut promise = Promise::of(&connection)?;
    let traced = TracedDatabase::new(&connection);
    let closed = Arc::new(ClosedConnections::new());
    let _listening = traced.listen(Arc::clone(&closed) as Arc<_>);
    let (start, changes) = (log.len(), total_changes(&connection));
    let before = RUNNING.replace(Some(Arc::clone(&log)));
    let outcome = traced.recording(capture, &mut connection, |connection| explore::outcome_of(|| action(connection)));
    RUNNING.set(before);
    if failed_sync.is_none() {
        explore::require_success(ErrorKind::Crash, &outcome, &connection, &closed.limit, "power cut")?;
    }
    watch.look(log.len());
    let mut writers = closed.that_wrote();
    // The profile decides what is promised. The action may still change whether locks show its commits.
    promise.locks_are_kept |= Promise::of(&connection)?.locks_are_kept;
    promise.locks_are_kept |= writers.iter().any(|writer| writer.locks_are_kept);
    match writers.last() {
        // Without the test's own connection, theirs would be the last one, which does the checkpoint.
        Some(last) if total_changes(&connection) == changes && connection.is_autocommit() => {
            last.set_on(&connection)?;
        }
        _ => writers.push(promise.clone()),
    }
    connection.close().map_err(|(_, error)| Error::sqlite("close the database", error))?;
    copy.disk().gate().set(None);
    let (limit, beside) = (&closed.limit, watch.take());
    let (statements, rolled_back) = (limit.statements(), limit.rolled_back());
    let writer = writers.into_iter().max_by_key(Promise::loss).unwrap_or_else(|| promise.clone());
    Ok(Recording { files, log: log.take(), start, promise, writer, beside, rolled_back, statements })
}

/// The action run again on what a power cut left.
pub(super) struct SecondRun {
    pub(super) outcome: Outcome,
    /// The files afterwards.
    pub(super) files: Files,
    /// The number of calls of `acknowledge`.
    pub(super) acknowledged: usize,
    /// The statement that it repeats, if it does not end.
    pub(super) repeats: Option<String>,
}

/// Runs the action of a recording again, on a copy of `base` that holds these files.
pub(super) fn run_again(
    base: &Address,
    files: Files,
    recording: &Recording,
    action: &mut Action<'_>,
) -> Result<SecondRun> {
    let copy = base.holding(files);
    let mut connection = copy.connect()?;
    SeededRandom::on(&connection, 0)?;
    let traced = TracedDatabase::new(&connection);
    let limit = Arc::new(StatementLimit::new(StatementLimit::after(recording.statements), || {
        let says = "the action does not end when it is run again after a power cut, and ignores every error: \
                    the process is aborted";
        Error::new(ErrorKind::Crash, says)
    }));
    let _listening = traced.listen(Arc::clone(&limit) as Arc<_>);
    let calls = OpLog::new(|| None);
    let before = RUNNING.replace(Some(Arc::clone(&calls)));
    let outcome = explore::outcome_of(|| action(&mut connection));
    RUNNING.set(before);
    drop(connection);
    let (files, acknowledged) = (copy.disk().files(), calls.take().len());
    Ok(SecondRun { outcome, files, acknowledged, repeats: limit.exceeded() })
}

impl Recording {
    pub(super) fn set_drive(&mut self, drive: Drive) {
        (self.promise.drive, self.writer.drive) = (drive, drive);
    }

    /// Returns true if both runs made the same operations. Their bytes may differ, as those of WAL salts and nonces do.
    pub(super) fn has_same_operations(&self, other: &Recording) -> bool {
        self.log.iter().map(shape).eq(other.log.iter().map(shape))
    }

    /// Hides the columns in which another run differs. What else differs shows when the action is run again after a power cut.
    pub(super) fn hide_what_differs(&self, contents: &mut KnownContents, again: &Recording) {
        let ends = (contents.learn(&self.files), contents.learn(&self.end()), contents.learn(&again.end()));
        if let (Ok(before), Ok(first), Ok(again)) = ends
            && first != again
        {
            contents.unify(before, first, again);
        }
    }

    /// Returns the files after it.
    fn end(&self) -> Files {
        let mut model = DiskModel::new(&self.files, Drive::Writes);
        model.replay_to(&self.log, self.log.len());
        model.live()
    }

    /// Returns the statement that was running when the first `point` events had happened.
    pub(super) fn statement_at(&self, point: usize) -> Option<&str> {
        let entry = self.log.get(point).or(self.log.last())?;
        entry.statement.as_ref().map(|(_, sql)| &**sql)
    }

    /// Returns true if several databases are written, one of them with a WAL or without a journal, see
    /// <https://www.sqlite.org/lang_attach.html>.
    pub(super) fn commits_file_by_file(&self) -> bool {
        let written = || {
            self.log.iter().filter_map(|entry| match &entry.event {
                Event::Write { file, .. } => Some(&**file),
                _ => None,
            })
        };
        let is_of_main =
            |file: &str| file.strip_prefix(MAIN).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
        let has_no_journal = |file: &str| file.ends_with("-wal") || !self.promise.has_journal();
        written().any(has_no_journal) && written().any(|file| !is_of_main(file))
    }
}

/// The part of an event that is the same in two runs.
fn shape(entry: &Entry) -> (u8, String, u64, usize) {
    // The name of a super-journal ends in a random number.
    let name = |file: &str| file.rsplit_once("-mj").map_or(file, |(name, _)| name).to_owned();
    match &entry.event {
        Event::Write { file, offset, data } => (0, name(file), *offset, data.len()),
        Event::Truncate { file, len } => (1, name(file), *len, 0),
        Event::Sync { file, .. } => (2, name(file), 0, 0),
        Event::Delete { file, .. } => (3, name(file), 0, 0),
        Event::Released => (4, String::new(), 0, 0),
        Event::Acknowledged { .. } => (5, String::new(), 0, 0),
        Event::FailedSync { file } => (6, name(file), 0, 0),
    }
}

/// The end of a transaction that changed something. The first one is the state before the action.
pub(super) struct CommitPoint {
    /// The place in the log after which the app knows of the commit. No place if its sync has failed, so that the app got an error:
    /// in a WAL it may be there or not.
    pub(super) at: usize,
    /// The number of the content.
    pub(super) content: usize,
}

pub(super) struct CommitPoints {
    pub(super) all: Vec<CommitPoint>,
    /// The calls of `acknowledge`: the place of each in the log, and the commit point that it is about.
    pub(super) acknowledged: Vec<(usize, usize)>,
}

impl CommitPoints {
    /// Finds the commit points of a recording: the releases of a write lock that left another content.
    pub(super) fn find(recording: &Recording, contents: &mut KnownContents) -> Result<CommitPoints> {
        let unreadable = |says: String| {
            Error::new(ErrorKind::Crash, "the database cannot be read after a transaction of the action")
                .evidence("SQLite says", says)
        };
        let log = &recording.log;
        let mut model = DiskModel::new(&recording.files, Drive::Writes);
        let mut committed = Committed::of(&recording.files).map_err(unreadable)?;
        let content = contents.learn_folded(committed.files().clone()).map_err(unreadable)?;
        let mut all = vec![CommitPoint { at: 0, content }];
        let mut acknowledged = Vec::new();
        // With locking_mode=EXCLUSIVE no lock shows a commit. If there is a journal, what SQLite recovers at each moment does.
        let each = recording.promise.locks_are_kept && recording.promise.has_journal();
        let mut has_failed = false;
        let mut ended_by = None;
        for (at, entry) in log.iter().enumerate() {
            model.replay_to(log, at + 1);
            has_failed |= matches!(entry.event, Event::FailedSync { .. });
            if let Event::Acknowledged { unfinished } = entry.event {
                acknowledged.push((at, all.len() - 1 + usize::from(unfinished)));
            }
            let is_last = at + 1 == log.len();
            if entry.event == Event::Released || each || is_last {
                let live = model.live();
                committed = match is_last {
                    true => Committed::of(&live),
                    false => committed.after(&live),
                }
                .map_err(unreadable)?;
                let content = contents.learn_folded(committed.files().clone()).map_err(unreadable)?;
                let at = if each { end_of_statement(log, at) } else { at };
                let before = all.len().checked_sub(2).map(|index| all[index].content);
                let statement = log.get(at).and_then(number_of);
                let goes_on = statement.is_some() && statement == ended_by && committed.files().len() > 1;
                match all.last_mut() {
                    // What a recovery would find is overwritten, as the app was told.
                    Some(last) if last.at == usize::MAX && before == Some(content) => {}
                    // A COMMIT over several files ends the transaction of each.
                    Some(last) if last.content != content && goes_on && !has_failed && last.at != usize::MAX => {
                        *last = CommitPoint { at, content }
                    }
                    Some(last) if last.content != content => {
                        ended_by = statement;
                        all.push(CommitPoint { at: if has_failed { usize::MAX } else { at }, content });
                    }
                    // Tried again.
                    Some(last) if last.at == usize::MAX && !has_failed && !is_last => last.at = at,
                    _ => {}
                }
                has_failed = false;
            }
        }
        Ok(CommitPoints { all, acknowledged })
    }

    /// Returns the number of transactions.
    pub(super) fn commits(&self) -> usize {
        self.all.len() - 1
    }

    /// Returns the last commit point whose transaction had returned to the app when the first `point` events had happened.
    pub(super) fn committed(&self, point: usize) -> usize {
        (1..self.all.len()).rev().find(|index| self.all[*index].at < point).unwrap_or(0)
    }

    /// Returns the commit point after that one, and after those whose sync has failed.
    pub(super) fn next_after(&self, committed: usize) -> usize {
        let has_failed = |commit: &&CommitPoint| commit.at == usize::MAX;
        committed + 1 + self.all.iter().skip(committed + 1).take_while(has_failed).count()
    }

    /// Returns the number of calls of `acknowledge` that had happened by then.
    pub(super) fn acknowledgements_by(&self, point: usize) -> usize {
        self.acknowledged.iter().filter(|(at, _)| *at < point).count()
    }

    /// Returns the last commit point of which the app had told its user by then.
    pub(super) fn acknowledged_by(&self, point: usize) -> usize {
        let told = self.acknowledged.iter().filter(|(at, _)| *at < point).map(|(_, index)| *index);
        told.max().unwrap_or(0)
    }
}

/// Returns the last event of the statement to which the event at `at` belongs, after which the statement returns.
fn end_of_statement(log: &[Entry], at: usize) -> usize {
    let statement = number_of(&log[at]);
    at + log[at + 1..].iter().take_while(|entry| statement.is_some() && number_of(entry) == statement).count()
}

/// Returns the number of the statement of an event.
fn number_of(entry: &Entry) -> Option<usize> {
    entry.statement.as_ref().map(|(number, _)| *number)
}
