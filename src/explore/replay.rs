//! `SQLITMUS_REPLAY` repeats one step of an exploration.

use std::fmt::Display;

use crate::db::again_with;
use crate::env;
use crate::error::{Error, ErrorKind, Result};

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
