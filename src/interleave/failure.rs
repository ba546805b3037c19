//! The text of a failure.

use super::anomaly::Anomaly;
use super::choices::{bits, token};
use super::diagnosis::Diagnosis;
use super::locks::LockRefusal;
use super::problem::Problem;
use super::remedy::{Remedy, TriedRemedy};
use super::report::{Report, headline, in_order, names, short};
use super::run::{Run, StatementLine, Task, TaskOutcome};
use crate::error::{Error, ErrorKind};
use crate::explore::{DatabaseChanges, replay_note, runtime_help};
use crate::report::count;
use crate::sql::plain_name;

/// The number of statements that are shown.
const MAX_LINES: usize = 60;

/// Renders a failure.
pub(super) fn render(tasks: &[Task], diagnosis: &Diagnosis<'_>, report: &Report) -> Error {
    let found = diagnosis.found;
    let (problem, run) = (&found.problem, &found.run);
    let headline = match &diagnosis.anomaly {
        Some(anomaly) => no_serial_order(tasks, anomaly),
        None => headline(tasks, problem),
    };
    let mut error = Error::new(ErrorKind::Schedule, headline);
    if !run.schedule.lines.is_empty() {
        let which = match (found.count, report.schedules) {
            (_, 1) => String::from("schedule"),
            (1, of) => format!("schedule (the only one that fails like this, {of} were run)"),
            (count, of) => format!("schedule (shortest of {count} that fail like this, {of} were run)"),
        };
        error = error.evidence(which, schedule(tasks, &run.schedule.lines, problem));
    }
    match problem {
        Problem::Invariant(why) => error = error.evidence("it says", why.as_str()),
        Problem::Endless(task) => {
            let counted = run.schedule.statements[*task];
            error = error.evidence("statements", format!("{} has run {counted} of them", tasks[*task].name));
        }
        _ => {}
    }
    if let Some(nearest) = &diagnosis.nearest {
        let order = in_order(tasks, &nearest.order);
        if !nearest.changes.is_empty() {
            error = error
                .evidence(format!("state (- {order}, + this schedule, ~ both)"), nearest.changes.lines().join("\n"));
        }
        if let Some(outcomes) = &nearest.other_outcomes {
            error = error.evidence(format!("results of {order}"), results(tasks, outcomes));
        }
    }
    if !run.outcomes.iter().flatten().all(|outcome| *outcome == TaskOutcome::Returned(String::from("()"))) {
        error = error.evidence("results of this schedule", results(tasks, &run.outcomes));
    }
    if report.outcomes.len() > 1 {
        error = error.evidence(report.extent(), report.lines());
    }
    let driver = Driver::of(tasks, run);
    let tried = diagnosis.tried.as_ref().map(|tried| in_words(tasks, tried, driver));
    for help in helps(problem, tried) {
        error = error.help(help);
    }
    if let Problem::Panics(task) = problem
        && let Some(TaskOutcome::Panicked(message)) = &run.outcomes[*task]
    {
        error = error.given(runtime_help(message), Error::help);
    }
    if let Some((task, value)) = &diagnosis.noticed {
        let (name, value) = (&tasks[*task].name, short(value));
        error = error.help(format!(
            "if {name} says with Ok({value}) that it has noticed a conflict, let it return an error then, and say so: .may_fail()"
        ));
    }
    let same_state = diagnosis.nearest.as_ref().is_some_and(|nearest| nearest.changes.is_empty());
    let may_share =
        matches!(diagnosis.anomaly, Some(Anomaly::SharedWork | Anomaly::StaleRead { .. } | Anomaly::WriteSkew));
    if same_state && may_share {
        error = error.help(
            "if tasks share the work, as workers do with jobs, let each return a value that does not depend on who did what, \
             such as ()",
        );
    }
    if let Some(hidden) = report.not_compared() {
        error = error.note(hidden);
    }
    for (note, number) in &report.notes {
        error = error.note(format!("in {}, {note}", count(*number, "schedule")));
    }
    match run.schedule.steps.as_slice() {
        [] => error,
        steps => error.note(replay_note(token(steps))),
    }
}

fn no_serial_order(tasks: &[Task], anomaly: &Anomaly) -> String {
    let all = names(tasks);
    let name = |task: &usize| &tasks[*task].name;
    match anomaly {
        Anomaly::NotRolledBack(task) => {
            format!("{} returns an error, but its changes were not rolled back", name(task))
        }
        Anomaly::FailedWithOtherState(task) => {
            format!("{} returns an error, and no serial order without it gives this state", name(task))
        }
        Anomaly::SharedWork => format!("no serial order of {all} returns these results, though one gives this state"),
        Anomaly::ReadSkew { reader } => {
            let others: Vec<&str> =
                tasks.iter().enumerate().filter(|(task, _)| task != reader).map(|(_, task)| &*task.name).collect();
            format!(
                "read skew: {} reads some data before and some after a change by {}",
                name(reader),
                others.join(", ")
            )
        }
        Anomaly::LostUpdate { kept } => {
            let others = tasks.iter().enumerate().filter(|(task, _)| task != kept);
            let lost: Vec<&str> = others.map(|(_, task)| task.name.as_str()).collect();
            format!("lost update: the state is as if {} had not run", lost.join(", "))
        }
        Anomaly::OverwrittenRow { one, other, table } => {
            let (one, other, table) = (name(one), name(other), plain_name(table));
            format!("lost update: {one} and {other} change the same row of {table}, and one change is gone")
        }
        Anomaly::WriteSkew => format!("write skew: {all} each change data that another one relied on"),
        Anomaly::StaleRead { reader, writer } => {
            let (reader, writer) = (name(reader), name(writer));
            format!("stale read: {reader} writes after {writer} has changed what {reader} had read")
        }
        Anomaly::Other => format!("no serial order of {all} gives this state"),
    }
}

/// The statements in order, and what SQLite did with each.
fn schedule(tasks: &[Task], lines: &[StatementLine], problem: &Problem) -> String {
    let width = tasks.iter().map(|task| task.name.chars().count()).max().unwrap_or(0);
    let mut shown: Vec<(String, usize)> = Vec::new();
    for line in of_the_app(lines) {
        let mut text = format!("{:width$}  {}", tasks[line.task].name, short(&line.text));
        if line.waited {
            text.push_str("   waits");
        }
        if let Some(refusal) = line.refusal {
            text.push_str(refused(refusal));
        }
        if line.refusal.is_some() && matches!(problem, Problem::Busy(..)) {
            text.insert_str(0, "> ");
        }
        match shown.last_mut() {
            Some((last, times)) if *last == text => *times += 1,
            _ => shown.push((text, 1)),
        }
    }
    let more = shown.len().saturating_sub(MAX_LINES);
    shown.truncate(MAX_LINES);
    let mut lines: Vec<String> = shown
        .into_iter()
        .map(|(text, times)| if times > 1 { format!("{text}   {times} times") } else { text })
        .collect();
    if more > 0 {
        lines.push(format!("... and {more} more"));
    }
    lines.join("\n")
}

fn refused(refusal: LockRefusal) -> &'static str {
    match refusal {
        LockRefusal::Upgrade | LockRefusal::NoTimeout => "   SQLITE_BUSY at once",
        LockRefusal::Snapshot => "   SQLITE_BUSY_SNAPSHOT at once",
        LockRefusal::TimedOut => ", then SQLITE_BUSY",
    }
}

/// The result of each task.
fn results(tasks: &[Task], outcomes: &[Option<TaskOutcome>]) -> String {
    let width = tasks.iter().map(|task| task.name.chars().count()).max().unwrap_or(0);
    let ended = outcomes.iter().zip(tasks).filter_map(|(outcome, task)| {
        let text = match outcome.as_ref()? {
            TaskOutcome::Returned(value) => format!("Ok({})", short(value)),
            TaskOutcome::Failed(error) => format!("Err({})", short(error)),
            TaskOutcome::Panicked(message) => format!("panics: {}", short(message)),
        };
        Some(format!("{:width$}  {text}", task.name))
    });
    ended.collect::<Vec<_>>().join("\n")
}

const HANDLED: &str = "if the caller handles the error, say so: .may_fail()";

/// The driver whose words a remedy is said in.
#[derive(Clone, Copy)]
enum Driver {
    Rusqlite,
    Sqlx,
    /// The task opens its connections itself, and nothing tells with what.
    Unknown,
}

impl Driver {
    fn of(tasks: &[Task], run: &Run) -> Driver {
        match tasks.iter().any(|task| task.owns_connections) {
            _ if run.schedule.uses_sqlx => Driver::Sqlx,
            true => Driver::Unknown,
            false => Driver::Rusqlite,
        }
    }

    fn immediate(self) -> &'static str {
        match self {
            Driver::Rusqlite => "rusqlite: TransactionBehavior::Immediate",
            Driver::Sqlx => "sqlx: pool.begin_with(\"BEGIN IMMEDIATE\")",
            Driver::Unknown => "rusqlite: TransactionBehavior::Immediate, diesel: immediate_transaction",
        }
    }

    fn timeout(self) -> &'static str {
        match self {
            Driver::Sqlx => "SqliteConnectOptions::busy_timeout(Duration::from_secs(5))",
            Driver::Rusqlite | Driver::Unknown => "PRAGMA busy_timeout = 5000",
        }
    }
}

/// Returns what a remedy does, as a help that ends with how it was tried.
fn in_words(tasks: &[Task], tried: &TriedRemedy, driver: Driver) -> String {
    let what = match tried.remedy {
        Remedy::Immediate => format!("begin the transaction with BEGIN IMMEDIATE ({})", driver.immediate()),
        Remedy::ReadTransaction(_) | Remedy::WiderReadTransaction(_) => "read within one transaction".into(),
        Remedy::WiderTransaction(_) => {
            "begin the transaction with BEGIN IMMEDIATE before the first read, and commit after the last write".into()
        }
        Remedy::OneTransaction(_) => "read and write within one transaction that begins with BEGIN IMMEDIATE".into(),
        Remedy::None => String::new(),
    };
    let readers: Vec<&str> = bits(tried.remedy.readers()).map(|task| tasks[task].name.as_str()).collect();
    let what = match readers.as_slice() {
        [] => what,
        [one] => format!("{what} (BEGIN is enough for {one}, which writes nothing)"),
        more => format!("{what} (BEGIN is enough for {}, which write nothing)", more.join(" and ")),
    };
    let timeout = driver.timeout();
    let what = match (tried.remedy, tried.with_timeout) {
        (Remedy::None, _) => format!("let each connection wait for locks: {timeout}"),
        (_, true) => format!("{what}, and let each connection wait for locks: {timeout}"),
        (_, false) => what,
    };
    format!("{what}   tried: all {} schedules are fine", tried.schedules)
}

fn helps(problem: &Problem, tried: Option<String>) -> Vec<String> {
    let mut helps: Vec<String> = tried.into_iter().collect();
    match problem {
        Problem::Busy(_, blocked) => {
            if blocked.is_upgrade() && helps.is_empty() {
                helps.push("begin a transaction that is going to write with BEGIN IMMEDIATE".into());
            }
            helps.push(HANDLED.into());
        }
        Problem::Fails(..) => {
            if helps.is_empty() {
                helps.push("read and write within one transaction, begun with BEGIN IMMEDIATE, so that no other task writes in between".into());
            }
            helps.push(HANDLED.into());
        }
        Problem::Outside(_) => helps.extend([
            "no other task can go on and end its wait: look for a channel, a barrier, or a mutex that is held over a statement that \
             waits for a lock"
                .into(),
            "or for a pool: code that holds a connection and wants another one waits for ever where the pool has no more".into(),
        ]),
        Problem::Outlives(_) => helps.push(
            "wait for what the task has started before it returns: join its threads, await its futures, close its pool".into(),
        ),
        Problem::KeepsOpen(_) => helps.push(
            "close what it has opened before it returns (pool.close().await), and keep no pool in a static".into(),
        ),
        Problem::Endless(_) => helps.push("after SQLITE_BUSY in a transaction, roll back before the next try: until then the snapshot stays the same".into()),
        Problem::LeavesOpen(_) => {
            helps.push("COMMIT or ROLLBACK on every path: until then no other task can write".into());
        }
        Problem::Panics(_) | Problem::NoSerialOrder | Problem::Invariant(_) => {}
    }
    helps
}

/// Two runs of the same order that gave different results, and the changes from one to the other.
pub(super) fn not_deterministic(tasks: &[Task], changes: &DatabaseChanges, first: &Run, again: &Run) -> Error {
    let mut error = Error::new(
        ErrorKind::Schedule,
        format!("{} give different results when they run again, one after another", names(tasks)),
    );
    if !changes.is_empty() {
        error = error.evidence("state (- first, + again, ~ both)", changes.lines().join("\n"));
    }
    if first.outcomes != again.outcomes {
        error = error.evidence("results, first", results(tasks, &first.outcomes));
        error = error.evidence("results, again", results(tasks, &again.outcomes));
    }
    let only_statements = changes.is_empty() && first.outcomes == again.outcomes;
    if only_statements {
        error = other_statement(error, tasks, &of_the_app(&first.schedule.lines), &of_the_app(&again.schedule.lines));
    }
    error = error.help("schedules can only be compared if nothing but the order matters: pass ids and times as arguments, or take them from SQLite");
    if only_statements { error.help(SHARED) } else { error }
}

pub(super) fn not_repeatable(
    tasks: &[Task],
    first: &[StatementLine],
    again: &[StatementLine],
    repeated: usize,
) -> Error {
    let headline = format!("{} behave differently when a schedule is repeated", names(tasks));
    let (first, again) = (of_the_app(first), of_the_app(again));
    let (first, again) = (&first[..first.len().min(repeated)], &again[..again.len().min(repeated)]);
    other_statement(Error::new(ErrorKind::Schedule, headline), tasks, first, again)
        .help("a task may depend on its arguments and on the database, and not on what an earlier run has left")
        .help(SHARED)
}

const SHARED: &str = "what tasks share in memory is made anew for each schedule by .setup(|| ..)";

/// Returns the statements without those that set up a further connection, which are no steps.
fn of_the_app(lines: &[StatementLine]) -> Vec<&StatementLine> {
    lines.iter().filter(|line| !line.sets_up).collect()
}

/// Shows the first statement that is another one in the second run.
fn other_statement(error: Error, tasks: &[Task], first: &[&StatementLine], again: &[&StatementLine]) -> Error {
    let line = |lines: &[&StatementLine], at: usize| match lines.get(at) {
        Some(line) => format!("{}  {}", tasks[line.task].name, short(&line.text)),
        None => String::from("no statement"),
    };
    let is_other = |at: &usize| line(first, *at) != line(again, *at);
    match (0..first.len().max(again.len())).find(is_other) {
        Some(at) => error.evidence(
            "the first statement that is another one",
            format!("first  {}\nagain  {}", line(first, at), line(again, at)),
        ),
        None => error,
    }
}
