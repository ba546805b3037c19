//! `SQLITMUS_REPLAY`: one step of an exploration, repeated.

use std::fmt::Display;

use crate::db::again_with;
use crate::env;
use crate::error::{Error, ErrorKind, Result};

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
            .help(format!("it takes a token that a failure has printed, such as {known}"))
    })
}
