//! The diagnosis of a fault, and the text of its failure.

use super::fault::Fault;
use super::injector::{InjectedFault, REPEATS};
use super::session::Session;
use crate::db::MAIN;
use crate::error::{Error, ErrorKind};
use crate::explore::{ActionPart, ContentChanges, FILE_BY_FILE, Files, Outcome, replay_note};
use crate::order::SortedMap;
use crate::report::count;

/// A run of the action with a fault.
pub(super) struct FaultRun {
    pub(super) fault: Fault,
    pub(super) outcome: Outcome<String>,
    pub(super) injected: Option<InjectedFault>,
    /// The statement that it repeats, if it does not end.
    pub(super) repeats: Option<String>,
    pub(super) left_open: bool,
    /// True if the module of a virtual table kept the action from being tried again on its connection.
    pub(super) is_of_a_module: bool,
    /// True if it waited for so long that it was given up.
    pub(super) is_given_up: bool,
    /// The state in which the action left the connection.
    pub(super) session: Session,
    /// The files as they are committed afterwards.
    pub(super) files: Files,
    /// The statements, if they were recorded.
    pub(super) statements: Vec<String>,
}

/// A problem of a run.
pub(super) enum Problem {
    Panics(String),
    /// It waited without running a statement.
    WaitsInVain,
    LeftOpen,
    Corrupt(String),
    /// Part of the action is there.
    Part,
    /// It returned an error after it had done everything.
    ErrorAndDone,
    /// The same, and a statement after the one that failed has done it.
    GoesOn,
    /// It returned `Ok` and had done nothing, or something else.
    OkAndNot,
    /// It did everything and returned something else, with what it returns without a fault.
    OtherValue(String),
    /// It left the connection otherwise than it found it, with what is different.
    Session(Vec<String>),
    /// It ran a statement again and again until the fault was over.
    Repeats,
    /// It does not end, with what it repeats.
    Endless(String),
    /// Tried again, it does not end, with what it repeats.
    EndlessAgain(String),
    /// It cannot be done any more on the same connection, with the outcome there and on a new one.
    NotAgain(Outcome<String>, Option<Outcome<String>>),
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
    /// True if the action may stop between two of its transactions.
    pub(super) is_resumed: bool,
    pub(super) has_virtual_tables: bool,
    /// The changes from a run without a fault to the second try.
    pub(super) again: Option<ContentChanges>,
}

impl FaultRun {
    /// Returns true if the fault happened to a statement that begins with one of these words.
    pub(super) fn was_one_of(&self, words: &[&str]) -> bool {
        let statement = self.injected.as_ref().and_then(|injected| injected.statement.as_deref()).unwrap_or_default();
        words.iter().any(|word| begins_with(word, statement))
    }

    /// Returns the statement that was recorded most often, and how often.
    fn most_repeated(&self) -> Option<(&str, usize)> {
        let mut times: SortedMap<&str, usize> = SortedMap::new();
        for sql in &self.statements {
            *times.get_or_default(sql) += 1;
        }
        times.into_iter().max_by_key(|(_, times)| *times)
    }

    /// Returns true if a statement with RETURNING was recorded.
    fn has_returning(&self) -> bool {
        self.statements.iter().any(|sql| sql.to_ascii_uppercase().contains("RETURNING"))
    }

    /// Returns true if the fault happened within a transaction that the action had begun.
    fn was_in_transaction(&self) -> bool {
        let statement = self.injected.as_ref().and_then(|injected| injected.statement.as_deref());
        let place = self.statements.iter().position(|sql| Some(sql.as_str()) == statement).unwrap_or(0);
        let is = |words: &[&str], sql: &String| words.iter().any(|word| begins_with(word, sql));
        let ends = self.statements[..place].iter().rfind(|sql| is(&["BEGIN", "COMMIT", "END", "ROLLBACK"], sql));
        ends.is_some_and(|sql| is(&["BEGIN"], sql))
    }

    /// Returns true if the recorded statements begin savepoints and no transaction.
    fn has_only_savepoints(&self) -> bool {
        let begins = |word| self.statements.iter().any(|sql| begins_with(word, sql));
        begins("SAVEPOINT") && !begins("BEGIN")
    }

    /// Returns true if there are several databases, one of them with a WAL.
    fn spans_files_with_a_wal(&self) -> bool {
        let has = |is: fn(&str) -> bool| self.files.iter().any(|(name, _)| is(name));
        has(|name| name.ends_with("-wal")) && has(|name| !name.starts_with(MAIN))
    }
}

/// Returns a value as the report shows it.
fn ok(value: &str) -> String {
    match value {
        "()" => String::from("Ok"),
        value => format!("Ok({value})"),
    }
}

fn begins_with(word: &str, statement: &str) -> bool {
    statement.split_whitespace().next().is_some_and(|first| first.eq_ignore_ascii_case(word))
}

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
        Outcome::Returned(value) => error.evidence("the action returned", ok(value)),
        Outcome::Failed(says) => error.evidence("the action returned", says),
        Outcome::Panicked(_) => error,
    };
    error = match problem {
        Problem::Panics(says) | Problem::Invariant(says) => error.evidence("it says", says),
        Problem::OtherValue(expected) => error.evidence("without a fault it returns", ok(expected)),
        Problem::Session(left) => error.evidence("the connection afterwards", left.join("\n")),
        Problem::Repeats => match run.most_repeated() {
            Some((sql, times)) => error.evidence("it has run", format!("{} {sql}", count(times as u64, "time"))),
            None => error,
        },
        Problem::Endless(repeats) | Problem::EndlessAgain(repeats) => error.evidence("it has run", repeats),
        Problem::NotAgain(Outcome::Failed(says) | Outcome::Panicked(says), reconnected) => {
            error = error.evidence("the second run ended with", says);
            match reconnected {
                Some(Outcome::Returned(_)) => error.evidence("on a new connection it ended with", "Ok"),
                _ => error,
            }
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
        Problem::WaitsInVain => format!("the action waits in vain after {kind}"),
        Problem::LeftOpen => format!("the action leaves a transaction open after {kind}"),
        Problem::Corrupt(says) => {
            format!("{kind} leaves the database corrupt: {}", says.lines().next().unwrap_or_default())
        }
        Problem::Part => format!("the action fails on {kind} and is half applied{}", part.one_without_other()),
        Problem::ErrorAndDone => {
            format!("the action fails on {kind} after it has committed{}", part.tables_done())
        }
        Problem::GoesOn => {
            format!(
                "the action goes on after {kind}, and returns an error when it has done everything{}",
                part.tables_done()
            )
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
        Problem::OtherValue(_) => format!("the action returns Ok with another value after {kind}"),
        Problem::Session(_) => format!("the action leaves the connection changed after {kind}"),
        Problem::Repeats => format!("the action does not end while there is {kind}"),
        Problem::Endless(_) => format!("the action does not end after {kind}"),
        Problem::EndlessAgain(_) => format!("the action does not end when it is run again after {kind}"),
        Problem::NotAgain(Outcome::Panicked(_), _) => format!("the action panics when it is run again after {kind}"),
        Problem::NotAgain(_, Some(Outcome::Returned(_))) => {
            format!("the action still fails on the same connection when {kind} is over")
        }
        Problem::NotAgain(..) => format!("the action still fails when {kind} is over"),
        Problem::CorruptAgain(says) => {
            let says = says.lines().next().unwrap_or_default();
            format!("the database is corrupt when the action is run again after {kind}: {says}")
        }
        Problem::OtherwiseAgain(_) => format!("the action makes other changes when it is run again after {kind}"),
        Problem::Invariant(_) => format!("{kind} breaks an invariant"),
    }
}

const ALL_ERRORS: &str = "return the error of every statement with `?`: SQLite has rolled the transaction back, and the statements \
                          after it commit one by one";

const FTS5: &str =
    "after an I/O error FTS5 may write wrong counts of its rows on the same connection: try again on a new one";

fn help(diagnosis: &Diagnosis<'_>) -> Vec<&'static str> {
    let mut helps = Vec::new();
    match diagnosis.problem {
        Problem::Part => {
            if diagnosis.run.spans_files_with_a_wal() {
                helps.push(FILE_BY_FILE);
            }
            helps.push(match diagnosis.run.was_in_transaction() {
                true => ALL_ERRORS,
                false => "put all of its statements into one transaction and roll it back on an error",
            });
            helps.push("if it goes on where it stopped when it is called again, say so: .each_transaction()");
            helps.push("if its transactions are independent of each other, say so: .independent_transactions()");
        }
        Problem::WaitsInVain => helps.push(
            "let the pool of the test wait for a tenth of a second at most, since it waits in many runs: connection_timeout of r2d2, \
             acquire_timeout of sqlx, timeouts of deadpool",
        ),
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
        Problem::GoesOn => {
            helps.push(ALL_ERRORS);
            helps.push("if an error after the commit is meant, say so: .may_fail_after_commit()");
        }
        Problem::ErrorAndDone => {
            helps.push(
                "a caller that gets an error tries again, and the action is applied twice: read the result before the commit",
            );
            helps.push("if an error after the commit is meant, say so: .may_fail_after_commit()");
        }
        Problem::OkAndNot => {
            if diagnosis.has_virtual_tables && diagnosis.part.as_ref().is_some_and(ActionPart::reaches_all_rows) {
                helps.push("no row is missing: what differs may be in the tables that a virtual table keeps for itself");
                helps.push(FTS5);
            }
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
        Problem::OtherValue(_) => {
            helps.push(
                "return the error of every statement with `?`: unwrap_or, ok() and filter_map(Result::ok) hide it",
            );
            helps.push("if this value is meant where nothing can be read, say so: .may_return(value)");
        }
        Problem::Session(_) => {
            helps.push("set it back on the way of every error, before the error is returned");
        }
        Problem::Panics(_) => helps.push("return the error with `?` in place of unwrap() or expect()"),
        Problem::NotAgain(_, Some(Outcome::Returned(_))) => helps.push(
            "undo on the way of every error what the call has left on its connection, before the error is returned",
        ),
        Problem::NotAgain(..) | Problem::OtherwiseAgain(_) if diagnosis.is_resumed => {
            helps.push("write what is done in the transaction that does it, and skip that in the next call");
            helps.push("if its transactions are independent of each other, say so: .independent_transactions()");
        }
        Problem::OtherwiseAgain(_) => {
            helps.push("change what the action keeps outside of the database only after its commit has returned");
        }
        Problem::Endless(_) => {
            helps.push(REPEATS);
            helps.push("a transaction that an error has left open needs its ROLLBACK before the next BEGIN");
        }
        Problem::Repeats | Problem::EndlessAgain(_) => helps.push(REPEATS),
        Problem::Corrupt(ref says) | Problem::CorruptAgain(ref says) if says.contains("FTS5") => helps.push(FTS5),
        _ => {}
    }
    helps
}
