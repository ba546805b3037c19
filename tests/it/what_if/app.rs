//! A small app: bugs that somebody has written, and correct code for the same.

use std::fmt;
use std::sync::Arc;

use sqlitmus::rusqlite::{Connection, Result};

/// An action of an app, with the name of the worker, user or device that runs it.
pub(super) type Action = Arc<dyn Fn(&mut Connection, &str) -> Result<Shown> + Send + Sync>;

/// What an action has returned, as `Debug` shows it.
pub(super) struct Shown(String);

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn shown<T: fmt::Debug + 'static>(action: fn(&mut Connection, &str) -> Result<T>) -> Action {
    Arc::new(move |db, me| action(db, me).map(|value| Shown(format!("{value:?}"))))
}

/// The explorer that has to find a bug, and words of its report.
#[derive(Clone, Copy, Debug)]
pub(super) enum Finds {
    Crash(&'static str),
    Faults(&'static str),
    Interleave(&'static str),
}

/// What correct code promises, if that is less than all or nothing in serial order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// `crash`, `faults`: a job that resumes where it stopped.
    Resumes,
    /// `crash`, `faults`: transactions that have nothing to do with each other.
    Independent,
    /// `faults`: a cache or a statistic.
    MayIgnoreErrors,
    /// `faults`: an error after a commit.
    MayFailAfterCommit,
    /// `interleave`: only each transaction is in serial order.
    EachTransaction,
    /// `interleave`: the caller tries again.
    MayFail,
}

pub(super) struct Case {
    pub(super) app: &'static str,
    pub(super) schema: &'static str,
    pub(super) name: &'static str,
    /// `None` if the code is correct.
    pub(super) finds: Option<Finds>,
    pub(super) words: Vec<Word>,
    pub(super) action: Action,
    /// What runs at the same time; the action itself unless another is given.
    pub(super) other: Action,
    pub(super) only_reads: bool,
}

impl Case {
    /// Runs another action at the same time.
    pub(super) fn against<T: fmt::Debug + 'static>(
        &mut self,
        other: fn(&mut Connection, &str) -> Result<T>,
    ) -> &mut Self {
        self.other = shown(other);
        self
    }

    pub(super) fn word(&mut self, word: Word) -> &mut Self {
        self.words.push(word);
        self
    }

    pub(super) fn only_reads(&mut self) {
        self.only_reads = true;
    }
}

pub(super) struct App {
    name: &'static str,
    schema: &'static str,
    pub(super) cases: Vec<Case>,
}

impl App {
    pub(super) fn new(name: &'static str, schema: &'static str) -> App {
        App { name, schema, cases: Vec::new() }
    }

    /// Adds code with a bug.
    pub(super) fn bug<T: fmt::Debug + 'static>(
        &mut self,
        name: &'static str,
        finds: Finds,
        action: fn(&mut Connection, &str) -> Result<T>,
    ) -> &mut Case {
        self.case(name, Some(finds), shown(action))
    }

    /// Adds correct code.
    pub(super) fn fine<T: fmt::Debug + 'static>(
        &mut self,
        name: &'static str,
        action: fn(&mut Connection, &str) -> Result<T>,
    ) -> &mut Case {
        self.case(name, None, shown(action))
    }

    fn case(&mut self, name: &'static str, finds: Option<Finds>, action: Action) -> &mut Case {
        let (app, schema, other) = (self.name, self.schema, Arc::clone(&action));
        self.cases.push(Case { app, schema, name, finds, words: Vec::new(), action, other, only_reads: false });
        self.cases.last_mut().unwrap()
    }
}
