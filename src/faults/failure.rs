//! The text of a failure.

use super::diagnosis::{Diagnosis, Problem};
use crate::error::{Error, ErrorKind};
use crate::explore::{ActionPart, FILE_BY_FILE, Outcome, replay_note};

pub(super) fn render(diagnosis: &Diagnosis<'_>) -> Error {
    let (run, problem) = (diagnosis.run, &diagnosis.problem);
    let mut error = Error::new(ErrorKind::Fault, headline(diagnosis));
    if let Some(sql) = run.injected.as_ref().and_then(|injected| injected.statement.as_deref()) {
        error = error.sql(sql);
    }
    if let Some(injected) = &run.injected {
        error = error.evidence("the fault", &injected.what);
    }
    error = match &run.outcome {
        Outcome::Returned(()) => error.evidence("the action returned", "Ok"),
        Outcome::Failed(says) => error.evidence("the action returned", says),
        Outcome::Panicked(_) => error,
    };
    error = match problem {
        Problem::Panics(says) | Problem::Invariant(says) => error.evidence("it says", says),
        Problem::NotAgain(Outcome::Failed(says) | Outcome::Panicked(says)) => {
            error.evidence("the second run ended with", says)
        }
        _ => error,
    };
    if let Some(again) = &diagnosis.again {
        error = error.evidence("changes from the run without a fault to this one", again.to_string());
    }
    let is_about_rows = matches!(problem, Problem::Part | Problem::OkAndNot | Problem::Invariant(_));
    if let Some(ActionPart { done, missing }) = diagnosis.part.as_ref().filter(|_| is_about_rows) {
        error = error.evidence("changes made", done.to_string()).evidence("changes missing", missing.to_string());
    }
    for help in help(diagnosis) {
        error = error.help(help);
    }
    error.note(replay_note(run.fault))
}

fn headline(diagnosis: &Diagnosis<'_>) -> String {
    let kind = diagnosis.run.fault.kind;
    let nothing = ActionPart::default();
    let part = diagnosis.part.as_ref().unwrap_or(&nothing);
    match &diagnosis.problem {
        Problem::Panics(_) => format!("the action panics on {kind}"),
        Problem::LeftOpen => format!("the action leaves a transaction open after {kind}"),
        Problem::Corrupt(says) => {
            format!("{kind} leaves the database corrupt: {}", says.lines().next().unwrap_or_default())
        }
        Problem::Part => format!("the action fails on {kind} and is half applied{}", part.one_without_other()),
        Problem::ErrorAndDone => {
            format!("the action fails on {kind} after it has committed{}", part.tables_done())
        }
        Problem::OkAndNot if part.has_done_nothing() => {
            format!("the action returns Ok after {kind} but has changed nothing")
        }
        Problem::OkAndNot if part.reaches_all_tables() => {
            format!("the action returns Ok after {kind} but has made other changes{}", part.tables_done())
        }
        Problem::OkAndNot => {
            format!(
                "the action returns Ok after {kind} but has made only some of its changes{}",
                part.one_without_other()
            )
        }
        Problem::NotAgain(Outcome::Panicked(_)) => format!("the action panics when it is run again after {kind}"),
        Problem::NotAgain(_) => format!("the action still fails when {kind} is over"),
        Problem::CorruptAgain(says) => {
            let says = says.lines().next().unwrap_or_default();
            format!("the database is corrupt when the action is run again after {kind}: {says}")
        }
        Problem::OtherwiseAgain(_) => format!("the action makes other changes when it is run again after {kind}"),
        Problem::Invariant(_) => format!("{kind} breaks an invariant"),
    }
}

fn help(diagnosis: &Diagnosis<'_>) -> Vec<&'static str> {
    let mut helps = Vec::new();
    match diagnosis.problem {
        Problem::Part => {
            if diagnosis.run.spans_files_with_a_wal() {
                helps.push(FILE_BY_FILE);
            }
            helps.push("put all of its statements into one transaction and roll it back on an error");
        }
        Problem::LeftOpen => {
            if diagnosis.run.has_only_savepoints() {
                helps.push(
                    "the outermost SAVEPOINT is a transaction, and rusqlite's Savepoint leaves it open if RELEASE fails: \
                     begin with a Transaction",
                );
            }
            helps.push(
                "rusqlite's Transaction rolls back when it is dropped; with BEGIN, every error needs its ROLLBACK",
            );
        }
        Problem::ErrorAndDone => {
            helps.push(
                "a caller that gets an error tries again, and the action is applied twice: read the result before the commit",
            );
            helps.push("if an error after the commit is meant, say so: .may_fail_after_commit()");
        }
        Problem::OkAndNot => {
            if diagnosis.run.has_returning() {
                helps.push(
                    "a statement with RETURNING commits when it ends, and query_row ignores an error there: read it to its \
                     last row, or run it in a transaction",
                );
            }
            helps.push(
                "return the error of every statement with `?`; after some errors SQLite has already rolled the transaction back",
            );
            helps.push("if errors are ignored on purpose, say so: .may_ignore_errors()");
        }
        _ => {}
    }
    helps
}
