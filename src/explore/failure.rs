//! A failed exploration, and how `SQLITMUS_REPLAY` repeats one step of it.

use std::fmt::Display;
use std::sync::Arc;

use crate::db::{TestDb, again_with};
use crate::env;
use crate::error::{Error, ErrorKind, Result};
use crate::sim::Disk;

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
/// A token of another explorer is ignored: a test may run several explorers, and the others explore everything.
pub(crate) fn replay<T>(word: &str, parse: impl Fn(&str) -> Option<T>, known: &str) -> Result<Option<T>> {
    let Some(token) = env::settings()?.replay.as_deref() else { return Ok(None) };
    let Some(rest) = token.strip_prefix(word).and_then(|rest| rest.strip_prefix(':')) else { return Ok(None) };
    parse(rest).map(Some).ok_or_else(|| {
        Error::new(ErrorKind::Environment, format!("unknown value of SQLITMUS_REPLAY: {token:?}"))
            .help(format!("it takes a token that a failure has printed, such as {known}"))
    })
}
