//! What is wrong with a run, and everything that its failure shows, as values.

use std::sync::Arc;

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

/// What is wrong with a run.
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
pub(super) struct Diagnosis {
    pub(super) fault: Fault,
    pub(super) problem: Problem,
    pub(super) outcome: Outcome,
    /// The fault as it happened, and the statement that was running.
    pub(super) what: Option<String>,
    pub(super) statement: Option<Arc<str>>,
    /// How much of the action is there; nothing where SQLite cannot read the files.
    pub(super) part: Option<ActionPart>,
    /// What the second try did differently from a run without a fault.
    pub(super) again: Option<ContentChanges>,
    /// True if a statement with RETURNING was run.
    pub(super) has_returning: bool,
    /// True if the statements begin savepoints and no transaction.
    pub(super) has_only_savepoints: bool,
    /// True if there are several databases, one of them with a WAL.
    pub(super) spans_files_with_a_wal: bool,
}

impl Diagnosis {
    pub(super) fn of(
        run: FaultRun,
        problem: Problem,
        part: Option<ActionPart>,
        again: Option<ContentChanges>,
    ) -> Diagnosis {
        let begins = |word| run.statements.iter().any(|sql| begins_with(word, sql));
        let has = |is: fn(&str) -> bool| run.files.iter().any(|(name, _)| is(name));
        let (what, statement) = run.injected.map_or((None, None), |injected| (Some(injected.what), injected.statement));
        Diagnosis {
            fault: run.fault,
            problem,
            outcome: run.outcome,
            what,
            statement,
            part,
            again,
            has_returning: run.statements.iter().any(|sql| sql.to_ascii_uppercase().contains("RETURNING")),
            has_only_savepoints: begins("SAVEPOINT") && !begins("BEGIN"),
            spans_files_with_a_wal: has(|name| name.ends_with("-wal")) && has(|name| !name.starts_with(MAIN)),
        }
    }
}

impl FaultRun {
    /// Returns true if the fault happened to a statement that begins a transaction.
    pub(super) fn was_beginning(&self) -> bool {
        let statement = self.injected.as_ref().and_then(|injected| injected.statement.as_deref()).unwrap_or_default();
        begins_with("BEGIN", statement) || begins_with("SAVEPOINT", statement)
    }
}

fn begins_with(word: &str, statement: &str) -> bool {
    statement.split_whitespace().next().is_some_and(|first| first.eq_ignore_ascii_case(word))
}
