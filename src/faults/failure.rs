//! How a fault reads that the action does not take well.

use super::fault::Fault;
use super::sweep::{Problem, Run, Sweeper};
use crate::db::MAIN;
use crate::error::{Error, ErrorKind};
use crate::explore::{self, ActionEnd, Failure};

pub(super) fn of(sweeper: &Sweeper<'_, '_>, fault: Fault, run: &Run, problem: Problem) -> Failure {
    let opened = sweeper.contents.open(&run.files).ok();
    let (there, missing) = opened.as_ref().map_or_else(Default::default, |opened| {
        (sweeper.contents.tables_to(sweeper.before, opened), sweeper.contents.tables_from(opened, sweeper.after))
    });
    let mut error = Error::new(ErrorKind::Fault, headline(fault, &problem, &there, &missing));
    if let Some(sql) = run.injected.as_ref().and_then(|injected| injected.statement.as_deref()) {
        error = error.sql(sql);
    }
    if let Some(injected) = &run.injected {
        error = error.evidence("the fault", &injected.what);
    }
    error = match &run.ended {
        ActionEnd::Ok => error.evidence("the action returned", "Ok"),
        ActionEnd::Err(says) => error.evidence("the action returned", says),
        ActionEnd::Panic(_) => error,
    };
    error = match &problem {
        Problem::Panics(says) | Problem::Invariant(says) => error.evidence("it says", says),
        Problem::NotAgain(ActionEnd::Err(says) | ActionEnd::Panic(says)) => error.evidence("then it says", says),
        _ => error,
    };
    if let Problem::OtherwiseAgain(files) = &problem
        && let Ok(again) = sweeper.contents.open(files)
    {
        error = error
            .evidence("from the run without a fault to this one", sweeper.contents.changes_to(sweeper.after, &again));
    }
    let is_about_rows = matches!(problem, Problem::Part | Problem::OkAndNot | Problem::Invariant(_));
    if let Some(opened) = opened.filter(|_| is_about_rows) {
        let or_nothing = |text: String| if text.is_empty() { String::from("nothing") } else { text };
        error = error
            .evidence("what it did", or_nothing(sweeper.contents.changes_to(sweeper.before, &opened)))
            .evidence("what it did not", or_nothing(sweeper.contents.changes_from(&opened, sweeper.after)));
    }
    if matches!(problem, Problem::OkAndNot) && run.returning {
        error = error.help(
            "a statement with RETURNING commits when it ends, and query_row does not look at how it ends: read it to its \
             last row, or run it in a transaction",
        );
    }
    if matches!(problem, Problem::LeftOpen) && run.only_savepoints {
        error = error.help(
            "the outermost SAVEPOINT is a transaction, and rusqlite's Savepoint leaves it open where RELEASE fails: begin \
             with a Transaction",
        );
    }
    let has = |is: fn(&str) -> bool| run.files.iter().any(|(name, _)| is(name));
    if matches!(problem, Problem::Part) && has(|name| name.ends_with("-wal")) && has(|name| !name.starts_with(MAIN)) {
        error = error.help(explore::FILE_BY_FILE);
    }
    for help in help(&problem) {
        error = error.help(*help);
    }
    let error = error.note(explore::replay_note(fault));
    Failure { error, left: Some(run.disk()) }
}

fn headline(fault: Fault, problem: &Problem, there: &[String], missing: &[String]) -> String {
    let kind = fault.kind;
    let named = |tables: &[String]| if tables.is_empty() { String::new() } else { format!(": {}", tables.join(", ")) };
    let part = explore::one_without_other(there, missing);
    match problem {
        Problem::Panics(_) => format!("the action panics on {kind}"),
        Problem::LeftOpen => format!("the action leaves a transaction open after {kind}"),
        Problem::Corrupt(says) => {
            format!("{kind} leaves the database corrupt: {}", says.lines().next().unwrap_or_default())
        }
        Problem::Part => format!("the action fails on {kind}, and part of it stays{part}"),
        Problem::ErrorAndDone => format!("the action fails on {kind} after it has committed{}", named(there)),
        Problem::OkAndNot if there.is_empty() => format!("the action returns Ok after {kind}, and has done nothing"),
        Problem::OkAndNot if missing.iter().all(|table| there.contains(table)) => {
            format!("the action returns Ok after {kind}, and has done something else{}", named(there))
        }
        Problem::OkAndNot => format!("the action returns Ok after {kind}, and has done only part of it{part}"),
        Problem::NotAgain(ActionEnd::Panic(_)) => format!("the action panics when it is run again after {kind}"),
        Problem::NotAgain(_) => format!("the action fails again when {kind} is over"),
        Problem::CorruptAgain(says) => {
            let says = says.lines().next().unwrap_or_default();
            format!("the database is corrupt when the action is run again after {kind}: {says}")
        }
        Problem::OtherwiseAgain(_) => format!("the action does something else when it is run again after {kind}"),
        Problem::Invariant(_) => format!("{kind} breaks an invariant"),
    }
}

fn help(problem: &Problem) -> &'static [&'static str] {
    match problem {
        Problem::Part => &["put all of it into one transaction, and roll it back on an error"],
        Problem::LeftOpen => {
            &["rusqlite's Transaction rolls back when it is dropped; with BEGIN, every error needs its ROLLBACK"]
        }
        Problem::ErrorAndDone => &[
            "whoever gets an error tries again, and it is done twice: read what is returned before the commit",
            "if an error after the commit is meant, say so: .may_fail_after_commit()",
        ],
        Problem::OkAndNot => &[
            "hand on the error of every statement, with `?`; after some errors SQLite has rolled the transaction back",
            "if errors are ignored on purpose, say so: .may_ignore_errors()",
        ],
        _ => &[],
    }
}
