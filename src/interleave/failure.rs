//! What a failure says: which schedule, what SQLite answered, how the state differs, and what helps.

use std::collections::BTreeSet;

use super::classify::{Blocked, Problem};
use super::explorer::FoundProblem;
use super::locks::Refusal;
use super::report::Report;
use super::scheduler::{Line, Outcome};
use super::schedules::token;
use super::serial_runs::SerialRuns;
use super::threads::{Remedy, Run, Task};
use crate::check::{Changes, changes_between};
use crate::error::{Error, ErrorKind, Result};
use crate::explore::replay_note;

/// How many characters of a statement, and how many statements, are shown.
const SHOWN: usize = 90;
const LINES: usize = 60;

/// The names of the tasks: `alice, bob`.
pub(super) fn names(tasks: &[Task]) -> String {
    tasks.iter().map(|task| task.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// `alice, then bob`.
pub(super) fn in_order(tasks: &[Task], order: &[usize]) -> String {
    match order {
        [] => String::from("nobody"),
        [one] => format!("{} alone", tasks[*one].name),
        _ => order.iter().map(|task| tasks[*task].name.as_str()).collect::<Vec<_>>().join(", then "),
    }
}

/// What a schedule without a fault came to.
pub(super) fn as_if(tasks: &[Task], order: &[usize], run: &Run) -> String {
    let mut text = in_order(tasks, order);
    for (number, outcome) in run.outcomes.iter().enumerate() {
        if let (Some(Outcome::Failed(error)), false) = (outcome, order.contains(&number)) {
            text.push_str(&format!("; {} fails: {}", tasks[number].name, short(error)));
        }
    }
    text
}

/// What is wrong, in a line.
pub(super) fn headline(tasks: &[Task], problem: &Problem) -> String {
    let name = |task: &usize| &tasks[*task].name;
    match problem {
        Problem::Outside(task) => format!("{} waits for something that is not SQLite's", name(task)),
        Problem::Endless(task) => format!("{} tries without end", name(task)),
        Problem::Panics(task) => format!("{} panics", name(task)),
        Problem::LeavesOpen(task) => format!("{} leaves its transaction open", name(task)),
        Problem::NoSerialOrder => format!("no serial order of {} gives this", names(tasks)),
        Problem::Invariant(_) => String::from("the invariant does not hold"),
        Problem::Fails(task, says) => format!("{} fails as it does in no serial order: {}", name(task), short(says)),
        Problem::Busy(task, blocked) => format!("{} fails with {}", name(task), because(*blocked)),
    }
}

fn because(blocked: Blocked) -> &'static str {
    match blocked {
        Blocked::Deadlock => "SQLITE_BUSY: the tasks wait for each other, until a busy_timeout ends it",
        Blocked::Starved => "SQLITE_BUSY: it waits for a lock that nobody gives back",
        Blocked::Snapshot => {
            "SQLITE_BUSY_SNAPSHOT, and no busy_timeout helps: what it has read is no longer the newest"
        }
        Blocked::Upgrade => "SQLITE_BUSY, and no busy_timeout helps: it has read, and another task is writing",
        Blocked::NoTimeout => "SQLITE_BUSY: its connection does not wait for locks",
    }
}

/// A remedy that was tried: all that it was tried on were fine.
pub(super) struct Tried {
    pub(super) remedy: Remedy,
    pub(super) schedules: u64,
}

/// The whole report of a failure.
pub(super) fn render(
    serial_runs: &mut SerialRuns<'_>,
    tasks: &[Task],
    found: &FoundProblem,
    report: &Report,
    tried: Option<&Tried>,
) -> Result<Error> {
    let (problem, run) = (&found.problem, &found.run);
    let nearest = match problem {
        Problem::NoSerialOrder => nearest(serial_runs, run)?,
        _ => None,
    };
    let headline = match problem {
        Problem::NoSerialOrder => no_serial_order(serial_runs, tasks, run, nearest.as_ref())?,
        _ => headline(tasks, problem),
    };
    let mut error = Error::new(ErrorKind::Schedule, headline);
    if !run.schedule.lines.is_empty() {
        let which = match (found.count, report.schedules) {
            (_, 1) => String::from("schedule"),
            (count, of) => format!("schedule, the shortest of {count} like it, of {of}"),
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
    if let Some(Nearest { order, changes, differ }) = &nearest {
        let order_in_words = in_order(tasks, order);
        if !changes.is_empty() {
            error = error.evidence(
                format!("state (- {order_in_words}, + this schedule, ~ both)"),
                changes.to_string().trim_end(),
            );
        }
        if *differ {
            let serial = results(tasks, &serial_runs.serial(order)?.outcomes);
            error = error.evidence(format!("results of {order_in_words}"), serial);
        }
    }
    let is_nothing = |outcome: &Option<Outcome>| outcome.as_ref().is_none_or(|outcome| *outcome == Outcome::nothing());
    if !run.outcomes.iter().all(is_nothing) {
        error = error.evidence("results of this schedule", results(tasks, &run.outcomes));
    }
    if report.outcomes.len() > 1 {
        error = error.evidence(report.extent(), report.lines());
    }
    for help in helps(problem, tried) {
        error = error.help(help);
    }
    let failed = |outcome: &Option<Outcome>| matches!(outcome, Some(Outcome::Failed(_)));
    if let Some(nearest) = &nearest
        && !run.outcomes.iter().any(failed)
        && is_shared_out(serial_runs, run, nearest)?
    {
        error = error.help(
            "where tasks may share the work out between them, as workers do with jobs, let each return what does not tell who \
             did what: ()",
        );
    }
    for (note, count) in &report.notes {
        error = error.note(format!("in {count} schedules, {note}"));
    }
    Ok(error.note(replay_note(token(found.grain, &run.schedule.steps))))
}

/// Who ran which statement, and what SQLite made of it.
fn schedule(tasks: &[Task], lines: &[Line], problem: &Problem) -> String {
    let width = tasks.iter().map(|task| task.name.chars().count()).max().unwrap_or(0);
    let mut shown: Vec<(String, usize)> = Vec::new();
    for line in lines {
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
    let more = shown.len().saturating_sub(LINES);
    shown.truncate(LINES);
    let mut lines: Vec<String> = shown
        .into_iter()
        .map(|(text, times)| if times > 1 { format!("{text}   {times} times") } else { text })
        .collect();
    if more > 0 {
        lines.push(format!("... and {more} more"));
    }
    lines.join("\n")
}

fn refused(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Upgrade => "   SQLITE_BUSY at once",
        Refusal::Snapshot => "   SQLITE_BUSY_SNAPSHOT at once",
        Refusal::NoTimeout => "   SQLITE_BUSY at once",
        Refusal::TimedOut => ", then SQLITE_BUSY",
    }
}

/// How each task ended.
fn results(tasks: &[Task], outcomes: &[Option<Outcome>]) -> String {
    let width = tasks.iter().map(|task| task.name.chars().count()).max().unwrap_or(0);
    let ended = outcomes.iter().zip(tasks).filter_map(|(outcome, task)| {
        let text = match outcome.as_ref()? {
            Outcome::Returned(value) => format!("Ok({})", short(value)),
            Outcome::Failed(error) => format!("Err({})", short(error)),
            Outcome::Panicked(message) => format!("panics: {}", short(message)),
        };
        Some(format!("{:width$}  {text}", task.name))
    });
    ended.collect::<Vec<_>>().join("\n")
}

/// On one line, and not too long.
fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// The serial order that differs least from a run.
struct Nearest {
    order: Vec<usize>,
    /// What would have to happen to its state.
    changes: Changes,
    /// Whether any task of it ended otherwise.
    differ: bool,
}

fn nearest(serial_runs: &mut SerialRuns<'_>, run: &Run) -> Result<Option<Nearest>> {
    let mut best: Option<((usize, usize), Nearest)> = None;
    for order in SerialRuns::candidates(run) {
        let serial = serial_runs.serial(&order)?;
        let changes = changes_between(&serial.database.look()?, &run.database.look()?)?;
        let differ = order.iter().filter(|task| serial.outcomes[**task] != run.outcomes[**task]).count();
        let far = (rows(&changes).len(), differ);
        if best.as_ref().is_none_or(|(nearest, _)| far < *nearest) {
            best = Some((far, Nearest { order, changes, differ: differ > 0 }));
        }
    }
    Ok(best.map(|(_, nearest)| nearest))
}

/// The changed rows, each with its table.
fn rows(changes: &Changes) -> BTreeSet<String> {
    let mut table = String::new();
    let mut rows = BTreeSet::new();
    for line in changes.to_string().lines() {
        if let Some(row) = line.strip_prefix("  ") {
            rows.insert(format!("{table}: {row}"));
        } else {
            table = line.split(": ").next().unwrap_or(line).to_owned();
        }
    }
    rows
}

/// What kind of anomaly it is, as far as the state shows it.
fn no_serial_order(
    serial_runs: &mut SerialRuns<'_>,
    tasks: &[Task],
    run: &Run,
    nearest: Option<&Nearest>,
) -> Result<String> {
    let all = names(tasks);
    let same_state = nearest.filter(|nearest| nearest.changes.is_empty());
    let failed = |outcome: &Option<Outcome>| matches!(outcome, Some(Outcome::Failed(_)));
    if let Some(task) = run.outcomes.iter().position(failed) {
        let name = &tasks[task].name;
        return Ok(match same_state {
            Some(nearest) if nearest.order.contains(&task) => {
                format!("{name} returns an error, and what it has done is not undone")
            }
            _ => format!("{name} returns an error, and the state is none that a serial order without it gives"),
        });
    }
    if let Some(nearest) = same_state {
        return Ok(match is_shared_out(serial_runs, run, nearest)? {
            true => format!("no serial order of {all} returns this, though the state is that of one"),
            false => format!("no serial order of {all} returns this: they read what never was at one time"),
        });
    }
    let before = serial_runs.base.look()?;
    let done = rows(&changes_between(&before, &run.database.look()?)?);
    let mut own = Vec::new();
    for task in 0..tasks.len() {
        let alone = serial_runs.serial(&[task])?;
        if alone.digest == run.digest {
            let others = tasks.iter().enumerate().filter(|(other, _)| *other != task);
            let lost: Vec<&str> = others.map(|(_, task)| task.name.as_str()).collect();
            return Ok(format!("lost update: the state is as if {} had not run", lost.join(", ")));
        }
        own.push(rows(&changes_between(&before, &alone.database.look()?)?));
    }
    if let Some((one, other, table)) = overwritten(&own, &done) {
        let (one, other) = (&tasks[one].name, &tasks[other].name);
        return Ok(format!("lost update: {one} and {other} change the same row of {table}, and one change is gone"));
    }
    let apart: BTreeSet<&String> = own.iter().flatten().collect();
    if apart.len() == own.iter().map(BTreeSet::len).sum::<usize>() && apart.into_iter().eq(&done) && !done.is_empty() {
        return Ok(format!("write skew: {all} each change what another of them has relied on"));
    }
    Ok(format!("no serial order of {all} gives this state"))
}

/// Whether the state is that of a serial order, and who returns something else changes rows itself: what it returns may be
/// what it did.
fn is_shared_out(serial_runs: &mut SerialRuns<'_>, run: &Run, nearest: &Nearest) -> Result<bool> {
    let before = serial_runs.base.look()?;
    for &task in &nearest.order {
        let returns_another = serial_runs.serial(&nearest.order)?.outcomes[task] != run.outcomes[task];
        if returns_another && changes_between(&before, &serial_runs.serial(&[task])?.database.look()?)?.is_empty() {
            return Ok(false);
        }
    }
    Ok(nearest.changes.is_empty())
}

/// Two tasks that by themselves change the same row, of which the row shows one alone; and its table.
fn overwritten<'a>(own: &'a [BTreeSet<String>], done: &'a BTreeSet<String>) -> Option<(usize, usize, &'a str)> {
    for (one, rows) in own.iter().enumerate() {
        for row in rows.intersection(done) {
            let Some((table, change)) = row.split_once(": ") else { continue };
            let Some((from, _)) = row.split_once(" -> ").filter(|_| change.starts_with('~')) else { continue };
            let same_row = |other: &String| other.split_once(" -> ").is_some_and(|(other, _)| other == from);
            let other = own.iter().enumerate().position(|(task, rows)| task != one && rows.iter().any(same_row));
            if let Some(other) = other {
                return Some((one.min(other), one.max(other), table));
            }
        }
    }
    None
}

const HANDLED: &str = "if whoever calls it handles the error, say so: .may_fail()";

fn helps(problem: &Problem, tried: Option<&Tried>) -> Vec<String> {
    let mut helps: Vec<String> = tried
        .into_iter()
        .map(|tried| {
            let what = match tried.remedy {
                Remedy::Immediate => {
                    "begin the transaction with BEGIN IMMEDIATE (rusqlite: TransactionBehavior::Immediate)"
                }
                Remedy::OneTransaction => "read and write within one transaction that begins with BEGIN IMMEDIATE",
                Remedy::Timeout => "PRAGMA busy_timeout = 5000",
                Remedy::None => "",
            };
            format!("{what}   tried: all {} schedules are fine", tried.schedules)
        })
        .collect();
    match problem {
        Problem::Busy(_, blocked) => {
            if blocked.is_upgrade() && helps.is_empty() {
                helps.push(String::from("a transaction that is going to write begins with BEGIN IMMEDIATE"));
            }
            helps.push(String::from(HANDLED));
        }
        Problem::Fails(..) => {
            if helps.is_empty() {
                helps.push(String::from(
                    "look and write within one transaction, so that nobody comes between; one that writes begins with BEGIN \
                     IMMEDIATE",
                ));
            }
            helps.push(String::from(HANDLED));
        }
        Problem::Outside(_) => helps.push(String::from(
            "a mutex, a channel or a sleep that is held over a statement; tasks run one at a time here, so that what another \
             task holds is not given back",
        )),
        Problem::Endless(_) => helps.push(String::from(
            "after SQLITE_BUSY in a transaction, roll back before the next try: what was read stays as old as it is",
        )),
        Problem::LeavesOpen(_) => {
            helps.push(String::from("COMMIT or ROLLBACK on every way out: until then nobody else can write"));
        }
        Problem::Panics(_) | Problem::NoSerialOrder | Problem::Invariant(_) => {}
    }
    helps
}

pub(super) fn not_deterministic(tasks: &[Task], first: &Run, again: &Run) -> Result<Error> {
    let mut error = Error::new(
        ErrorKind::Schedule,
        format!("{} do not do the same when they run again, one after another", names(tasks)),
    );
    let changes = changes_between(&first.database.look()?, &again.database.look()?)?;
    if !changes.is_empty() {
        error = error.evidence("state (- first, + again, ~ both)", changes.to_string().trim_end());
    }
    if first.outcomes != again.outcomes {
        error = error.evidence("results, first", results(tasks, &first.outcomes));
        error = error.evidence("results, again", results(tasks, &again.outcomes));
    }
    Ok(error.help("a schedule can only be judged if nothing but its order decides: give ids and times as arguments, or take them from SQLite"))
}

pub(super) fn not_repeatable(tasks: &[Task]) -> Error {
    Error::new(ErrorKind::Schedule, format!("{} do not do the same when a schedule is repeated", names(tasks))).help(
        "what a task does may depend on its arguments and on the database, and on nothing that another run has left",
    )
}
