//! Runs code of the app that migrates or seeds a template.

use std::future::Future;
use std::pin::Pin;

use rusqlite::Connection;

use super::building;
use crate::error::{BoxError, Error, ErrorKind, Result};

/// The app's runtime: runs a future to its end.
pub(crate) type BlockOn = fn(Pin<Box<dyn Future<Output = ()> + '_>>);

pub(super) type Change = fn(&mut Connection) -> Result<(), BoxError>;

/// Runs code of the app, which must not leave a transaction open.
pub(super) fn run(code: Change, connection: &mut Connection, what: &str) -> Result<()> {
    code(connection).map_err(|error| failed(what, error))?;
    if connection.is_autocommit() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Template, format!("the template's {what} left a transaction open"))
        .help("commit it: copies of the template do not have what is not committed"))
}

/// Runs code on a thread that belongs to no async runtime.
pub(super) fn on_a_thread(code: impl FnOnce() -> Result<(), BoxError> + Send) -> Result<(), BoxError> {
    let mut thread = std::thread::Builder::new();
    if let Some(name) = std::thread::current().name() {
        thread = thread.name(name.to_owned());
    }
    let for_this = building::this_thread();
    let code = || {
        building::work_for(for_this);
        code()
    };
    std::thread::scope(|scope| match thread.spawn_scoped(scope, code)?.join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

pub(super) fn failed(what: &str, error: BoxError) -> Error {
    // An error of ours says more than any wrapping could.
    match error.downcast::<Error>() {
        Ok(error) => *error,
        Err(error) => Error::new(ErrorKind::Template, format!("the template's {what} failed")).because_app(error),
    }
}
