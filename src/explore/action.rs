//! The app's code, run on a copy of the database.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::Connection;

use crate::error::{Error, ErrorKind, Result};

/// The app's code, to be run any number of times. Its error is kept as text, and its value is dropped.
pub(crate) type Action<'a> = Box<dyn FnMut(&mut Connection) -> Result<(), String> + 'a>;

pub(crate) fn action<'a, T, E: Display>(mut f: impl FnMut(&mut Connection) -> Result<T, E> + 'a) -> Action<'a> {
    Box::new(move |connection| f(connection).map(drop).map_err(|error| error.to_string()))
}

/// The outcome of a run of the app's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome<T = ()> {
    Returned(T),
    Failed(String),
    Panicked(String),
}

/// Runs the app's code. A panic is a result like any other: it is what happened at this point of the exploration.
pub(crate) fn outcome_of<T>(code: impl FnOnce() -> Result<T, String>) -> Outcome<T> {
    match catch_unwind(AssertUnwindSafe(code)) {
        Ok(Ok(value)) => Outcome::Returned(value),
        Ok(Err(error)) => Outcome::Failed(error),
        Err(payload) => {
            let text = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
            Outcome::Panicked(text.unwrap_or("a panic without a message").to_owned())
        }
    }
}

/// Returns why the app's condition on a state of its database does not hold.
type Invariant<'a> = Box<dyn FnMut(&Connection) -> Result<(), String> + 'a>;

/// The app's conditions on every state of its database.
#[derive(Default)]
pub(crate) struct Invariants<'a> {
    checks: Vec<Invariant<'a>>,
}

impl<'a> Invariants<'a> {
    pub(crate) fn push<E: Display>(&mut self, mut holds: impl FnMut(&Connection) -> Result<(), E> + 'a) {
        self.checks.push(Box::new(move |connection| holds(connection).map_err(|error| error.to_string())));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.checks.is_empty()
    }

    /// Returns what the first invariant that does not hold says.
    pub(crate) fn check(&mut self, connection: &Connection) -> Result<(), String> {
        self.checks.iter_mut().try_for_each(|holds| holds(connection))
    }
}

/// Returns an error unless the app's code has succeeded without any `fault`.
pub(crate) fn require_success(kind: ErrorKind, outcome: &Outcome, connection: &Connection, fault: &str) -> Result<()> {
    match outcome {
        Outcome::Failed(error) => Err(Error::new(kind, format!("the action fails without any {fault}"))
            .evidence("it says", error)
            .help("prepare the database so that it succeeds, then explore")),
        Outcome::Panicked(message) => {
            Err(Error::new(kind, format!("the action panics without any {fault}")).evidence("it says", message))
        }
        Outcome::Returned(()) if !connection.is_autocommit() => {
            Err(Error::new(kind, "the action leaves a transaction open: what it wrote is rolled back")
                .help("commit it: transaction.commit()?"))
        }
        Outcome::Returned(()) => Ok(()),
    }
}
