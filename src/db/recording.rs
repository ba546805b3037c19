//! The statements that the app's own runner runs on a scratch database.

use std::cell::RefCell;
use std::sync::Arc;

use rusqlite::Connection;

use crate::trace::{Capture, Query, TracedDatabase};

thread_local! {
    /// The recording on this thread, for a runner that works on a copy of the database.
    static CAPTURE: RefCell<Option<Arc<Capture>>> = const { RefCell::new(None) };
}

/// The statements that some code ran.
pub(crate) struct RunStatements {
    pub(crate) queries: Vec<Query>,
    /// One that ran without being reported, because the app has set a trace hook of its own.
    pub(crate) missed: Option<String>,
}

/// Runs code, and returns the statements that it ran on the database of this connection.
pub(crate) fn recorded<R>(connection: &mut Connection, run: impl FnOnce(&mut Connection) -> R) -> (R, RunStatements) {
    let capture = Arc::new(Capture::default());
    CAPTURE.set(Some(Arc::clone(&capture)));
    let result = TracedDatabase::new(connection).recording(Arc::clone(&capture), connection, run);
    CAPTURE.set(None);
    (result, RunStatements { queries: capture.take(), missed: capture.missed().map(str::to_owned) })
}

/// Runs code on the file of this connection, which is closed first. What it runs belongs to the recording on this thread.
pub(super) fn on_file<R>(connection: Connection, run: impl FnOnce() -> R) -> R {
    match CAPTURE.with_borrow(Clone::clone) {
        Some(capture) => {
            let traced = TracedDatabase::new(&connection);
            drop(connection);
            traced.recording_others(capture, run)
        }
        None => {
            drop(connection);
            run()
        }
    }
}
