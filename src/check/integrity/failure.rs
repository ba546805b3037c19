//! Findings about checks that SQLite could not finish.

use std::error::Error as _;

use rusqlite::ffi;

use crate::check::findings::Finding;
use crate::error::{Error, Refusal};

/// The code of a file that SQLite cannot read.
pub(super) const UNREADABLE: &str = "unreadable";
/// The code of something that could not be checked.
pub(super) const NOT_CHECKED: &str = "not-checked";

/// Returns the finding for a check that SQLite could not finish. Only some result codes blame the file. The others mean that
/// this connection lacks something, such as a function of the app.
pub(in crate::check) fn failure(check: &str, file: &str, error: &rusqlite::Error) -> Finding {
    let (code, says) = match Refusal::of(error) {
        Some(refusal) => (refusal.code, refusal.to_string()),
        None => (ffi::SQLITE_ERROR, error.to_string()),
    };
    match code & 0xff {
        ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB | ffi::SQLITE_CANTOPEN | ffi::SQLITE_IOERR => {
            Finding::new(UNREADABLE, file, format!("SQLite cannot read {file}")).evidence("SQLite says", says)
        }
        _ => Finding::new(NOT_CHECKED, file, format!("{check} could not be finished on {file}"))
            .evidence("SQLite says", says),
    }
}

/// Like [`failure`], for an error that has already been described.
pub(in crate::check) fn failure_of(check: &str, file: &str, error: &Error) -> Finding {
    match error.source().and_then(|source| source.downcast_ref::<rusqlite::Error>()) {
        Some(cause) => failure(check, file, cause),
        None => Finding::new(NOT_CHECKED, file, error.headline()),
    }
}
