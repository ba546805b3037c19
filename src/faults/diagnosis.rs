//! The diagnosis of a run: the problem and everything that its failure shows, as values.

use super::injector::InjectedFault;
use super::kind::Fault;
use crate::db::MAIN;
use crate::explore::{ActionPart, ContentChanges, Files, Outcome};

/// A run of the action with a fault.
pub(super) struct FaultRun {
    pub(super) fault: Fault,
    pub(super) outcome: Outcome,
    pub(super) injected: Option<InjectedFault>,
    pub(super) left_open: bool,
    /// The files as they are committed afterwards.
    pub(super) files: Files,
    /// The statements, if they were recorded.
    pub(super) statements: Vec<String>,
}

/// A problem of a run.
pub(super) enum Problem {
    Panics(String),
    LeftOpen,
    Corrupt(String),
    /// Part of the action is there.
    Part,
    /// It returned an error after it had done everything.
    ErrorAndDone,
    /// It returned `Ok` and had done nothing, or something else.
    OkAndNot,
    /// It cannot be done any more, with what the action says.
    NotAgain(Outcome),
    /// Tried again, it damaged the database, with what SQLite says.
    CorruptAgain(String),
    /// Tried again, it did something else, and left these files.
    OtherwiseAgain(Files),
    Invariant(String),
}

/// Everything that a failure shows.
pub(super) struct Diagnosis<'a> {
    pub(super) run: &'a FaultRun,
    pub(super) problem: Problem,
    /// The part of the action that is there, unless SQLite cannot read the files.
    pub(super) part: Option<ActionPart>,
    /// The changes from a run without a fault to the second try.
    pub(super) again: Option<ContentChanges>,
}

impl FaultRun {
    /// Returns true if the fault happened to a statement that begins a transaction.
    pub(super) fn was_beginning(&self) -> bool {
        let statement = self.injected.as_ref().and_then(|injected| injected.statement.as_deref()).unwrap_or_default();
        begins_with("BEGIN", statement) || begins_with("SAVEPOINT", statement)
    }

    /// Returns true if a statement with RETURNING was recorded.
    pub(super) fn has_returning(&self) -> bool {
        self.statements.iter().any(|sql| sql.to_ascii_uppercase().contains("RETURNING"))
    }

    /// Returns true if the recorded statements begin savepoints and no transaction.
    pub(super) fn has_only_savepoints(&self) -> bool {
        let begins = |word| self.statements.iter().any(|sql| begins_with(word, sql));
        begins("SAVEPOINT") && !begins("BEGIN")
    }

    /// Returns true if there are several databases, one of them with a WAL.
    pub(super) fn spans_files_with_a_wal(&self) -> bool {
        let has = |is: fn(&str) -> bool| self.files.iter().any(|(name, _)| is(name));
        has(|name| name.ends_with("-wal")) && has(|name| !name.starts_with(MAIN))
    }
}

fn begins_with(word: &str, statement: &str) -> bool {
    statement.split_whitespace().next().is_some_and(|first| first.eq_ignore_ascii_case(word))
}
