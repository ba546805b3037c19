//! One run of the action, with all that it did to the disk.

use std::cell::RefCell;
use std::sync::Arc;

use super::images::DiskModel;
use super::promise::Promise;
use crate::db::Address;
use crate::error::{Error, ErrorKind, Result};
use crate::explore::{self, Action, Files, KnownContents, SeededRandom};
use crate::sim::{Entry, Event, OpLog, Watch};
use crate::trace::{Capture, TracedDatabase};

/// What a run did to the disk.
pub(super) struct Recording {
    /// The files before it.
    pub(super) files: Files,
    pub(super) log: Vec<Entry>,
    /// Where in the log the action begins: before that, its connection was opened.
    pub(super) start: usize,
    pub(super) promise: Promise,
}

thread_local! {
    /// The log of the run that goes on on this thread.
    static RUNNING: RefCell<Option<Arc<OpLog>>> = const { RefCell::new(None) };
}

/// Says that the app tells its user of what it has done so far: "your order is placed". Call it from the code under test,
/// or from what stands there for mails and answers. From here on, what was done has to survive a power cut as far as the
/// profile promises, and the process being killed in any case. It counts on the thread on which the action
/// runs. Outside of [`crash::test`](super::test()) it does nothing.
///
/// It is about what was done before it: a mail that goes out before the first write may be about something that was there
/// already, and counts for nothing. The [`Report`](super::Report) says so where it is shown.
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
/// assert!(error.headline().ends_with("loses what was acknowledged"), "{error}");
/// ```
pub fn acknowledge() {
    // A thread that ends has no run.
    let log = RUNNING.try_with(|running| running.borrow().clone()).ok().flatten();
    if let Some(log) = log {
        log.acknowledge();
    }
}

/// Takes the log back when the run ends, whatever it ends with.
struct Running {
    before: Option<Arc<OpLog>>,
}

impl Running {
    fn set(log: &Arc<OpLog>) -> Running {
        Running { before: RUNNING.with(|running| running.replace(Some(Arc::clone(log)))) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.with(|running| running.replace(self.before.take()));
    }
}

/// Runs the action on a copy of the base. The log starts before the database is opened and ends after it is closed.
pub(super) fn record(base: &Address, action: &mut Action<'_>) -> Result<Recording> {
    let copy = base.fork();
    let files = copy.disk().files();
    let capture = Arc::new(Capture::default());
    let log = OpLog::new({
        let capture = Arc::clone(&capture);
        move || capture.running()
    });
    copy.disk().gate().set(Some(Arc::clone(&log) as Arc<dyn Watch>));
    let mut connection = copy.connect()?;
    SeededRandom::on(&connection, 0)?;
    let mut promise = Promise::of(&connection)?;
    let traced = TracedDatabase::new(&connection);
    let start = log.len();
    let ended = {
        let _running = Running::set(&log);
        traced.recording(capture, &mut connection, |connection| explore::run(action, connection))
    };
    explore::works_by_itself(ErrorKind::Crash, &ended, &connection, "power cut")?;
    // What was promised is what the profile says; but whether locks tell of commits, the action decides.
    promise.locks_are_kept |= Promise::of(&connection)?.locks_are_kept;
    connection.close().map_err(|(_, error)| Error::sqlite("to close the database", error))?;
    copy.disk().gate().set(None);
    Ok(Recording { files, log: log.take(), start, promise })
}

impl Recording {
    /// The first place in which another run did something else, whatever the bytes: they differ in WAL salts and nonces.
    pub(super) fn differs_from(&self, other: &Recording) -> Option<usize> {
        let place = self.log.iter().zip(&other.log).position(|(one, other)| shape(one) != shape(other));
        place.or_else(|| (self.log.len() != other.log.len()).then(|| self.log.len().min(other.log.len())))
    }
}

/// The last event of the statement whose event stands at `at`: it has returned after that.
fn end_of_statement(log: &[Entry], at: usize) -> usize {
    let number = |entry: &Entry| entry.statement.as_ref().map(|(number, _)| *number);
    let statement = number(&log[at]);
    at + log[at + 1..].iter().take_while(|entry| statement.is_some() && number(entry) == statement).count()
}

/// What is the same in two runs.
fn shape(entry: &Entry) -> (u8, String, u64, usize) {
    // The name of a super-journal ends in a random number.
    let name = |file: &str| file.rsplit_once("-mj").map_or(file, |(name, _)| name).to_owned();
    match &entry.event {
        Event::Write { file, offset, data } => (0, name(file), *offset, data.len()),
        Event::Truncate { file, len } => (1, name(file), *len, 0),
        Event::Sync { file } => (2, name(file), 0, 0),
        Event::Delete { file, .. } => (3, name(file), 0, 0),
        Event::Released => (4, String::new(), 0, 0),
        Event::Acknowledged { .. } => (5, String::new(), 0, 0),
    }
}

/// The moments at which a transaction has ended and changed something.
pub(super) struct Boundaries {
    /// Each with its place in the log, after which it is acknowledged, and its content. The first is what was before.
    pub(super) all: Vec<(usize, usize)>,
    /// Those at which the action may stop: before, after, and wherever it has told its user.
    pub(super) told: Vec<bool>,
    /// What the app told its user: where in the log, and which boundary has to be there.
    pub(super) acknowledged: Vec<(usize, usize)>,
}

impl Boundaries {
    /// Finds them in a recording: the content wherever a write lock was given up.
    pub(super) fn find(recording: &Recording, contents: &mut KnownContents) -> Result<Boundaries> {
        let unreadable = |says: String| {
            Error::new(ErrorKind::Crash, "the database cannot be read after a transaction of the action's")
                .evidence("SQLite says", says)
        };
        let mut model = DiskModel::new(&recording.files);
        let first = contents.learn(&recording.files).map_err(unreadable)?;
        let mut all = vec![(0, first)];
        let mut acknowledged = Vec::new();
        // With locking_mode=EXCLUSIVE no lock tells of a commit. What SQLite recovers at each moment does, with a journal.
        let each = recording.promise.locks_are_kept && recording.promise.has_journal();
        for (at, entry) in recording.log.iter().enumerate() {
            model.apply(at, entry);
            if let Event::Acknowledged { unfinished } = entry.event {
                acknowledged.push((at, all.len() - 1 + usize::from(unfinished)));
            }
            let is_last = at + 1 == recording.log.len();
            if entry.event == Event::Released || each || is_last {
                let content = contents.learn(&model.live()).map_err(unreadable)?;
                if all.last().is_some_and(|(_, last)| *last != content) {
                    all.push((if each { end_of_statement(&recording.log, at) } else { at }, content));
                }
            }
        }
        let mut told = vec![false; all.len()];
        told[0] = true;
        told[all.len() - 1] = true;
        for (_, boundary) in &acknowledged {
            if let Some(told) = told.get_mut(*boundary) {
                *told = true;
            }
        }
        Ok(Boundaries { all, told, acknowledged })
    }

    /// How many transactions there are.
    pub(super) fn commits(&self) -> usize {
        self.all.len() - 1
    }

    /// The last boundary whose transaction had returned to the app when the first `point` events had happened.
    pub(super) fn committed(&self, point: usize) -> usize {
        self.all.iter().skip(1).take_while(|(at, _)| *at < point).count()
    }

    /// The last boundary of which the app had told its user by then.
    pub(super) fn told_by(&self, point: usize) -> usize {
        let told = self.acknowledged.iter().filter(|(at, _)| *at < point).map(|(_, boundary)| *boundary);
        told.max().unwrap_or(0)
    }
}
