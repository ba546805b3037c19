//! One run of the action, with everything that it did to the disk.

use std::sync::Arc;

use super::acknowledge::AcknowledgingRun;
use super::promise::Promise;
use crate::db::{Address, MAIN};
use crate::error::{Error, ErrorKind, Result};
use crate::explore::{self, Action, Files, SeededRandom};
use crate::sim::{Entry, Event, OpLog, Watch};
use crate::trace::{Capture, TracedDatabase};

/// The disk operations of a run.
pub(super) struct Recording {
    /// The files before it.
    pub(super) files: Files,
    pub(super) log: Vec<Entry>,
    /// The place in the log at which the action begins. Before it, the connection was opened.
    pub(super) start: usize,
    pub(super) promise: Promise,
}

/// Runs the action on a copy of `base`. The log starts before the database is opened and ends after it is closed.
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
    let outcome = {
        let _running = AcknowledgingRun::begin(&log);
        traced.recording(capture, &mut connection, |connection| explore::outcome_of(|| action(connection)))
    };
    explore::require_success(ErrorKind::Crash, &outcome, &connection, "power cut")?;
    // The profile decides what is promised. The action may still change whether locks show its commits.
    promise.locks_are_kept |= Promise::of(&connection)?.locks_are_kept;
    connection.close().map_err(|(_, error)| Error::sqlite("close the database", error))?;
    copy.disk().gate().set(None);
    Ok(Recording { files, log: log.take(), start, promise })
}

impl Recording {
    /// Returns true if both runs made the same operations. Their bytes may differ, as those of WAL salts and nonces do.
    pub(super) fn has_same_operations(&self, other: &Recording) -> bool {
        self.log.iter().map(shape).eq(other.log.iter().map(shape))
    }

    /// Returns the statement that was running when the first `point` events had happened.
    pub(super) fn statement_at(&self, point: usize) -> Option<&str> {
        let entry = self.log.get(point).or(self.log.last())?;
        entry.statement.as_ref().map(|(_, sql)| &**sql)
    }

    /// Returns true if several databases are written, one of them with a WAL, see
    /// <https://www.sqlite.org/lang_attach.html>.
    pub(super) fn spans_files_with_a_wal(&self) -> bool {
        let written = || {
            self.log.iter().filter_map(|entry| match &entry.event {
                Event::Write { file, .. } => Some(&**file),
                _ => None,
            })
        };
        written().any(|file| file.ends_with("-wal")) && written().any(|file| !file.starts_with(MAIN))
    }
}

/// The part of an event that is the same in two runs.
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
