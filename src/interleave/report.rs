//! The report of an exploration, and the words for tasks, orders and problems.

use std::fmt;

use super::problem::{Blocked, Problem};
use super::run::{Run, Task, TaskOutcome};
use crate::env::Shard;
use crate::explore::COMMIT_IT;
use crate::report::{Raw, count, printable};

/// The way in which schedules were chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    OneAfterAnother,
    /// Every schedule that makes a difference.
    All,
    Sampled(u64),
    Replayed,
}

/// The schedules that were run, and their outcomes. `Display` shows everything.
#[derive(Clone, Debug)]
pub struct Report {
    pub(super) tasks: String,
    pub(super) schedules: u64,
    /// The number of schedules of all shards together.
    pub(super) of_all_shards: u64,
    /// The number of orders of all statements, if it is known.
    pub(super) statement_orders: Option<u128>,
    pub(super) selection: Selection,
    pub(super) shard: Shard,
    /// The number of schedules without a problem in which a task fails.
    pub(super) failures: u64,
    pub(super) outcomes: Vec<(String, u64)>,
    pub(super) notes: Vec<(String, u64)>,
    /// The columns and values that differed from run to run, and were not compared.
    pub(super) hidden: Vec<String>,
}

impl Report {
    /// Returns the number of schedules that were run.
    pub fn schedules(&self) -> u64 {
        self.schedules
    }

    /// Returns true if every schedule that makes a difference was run.
    pub fn is_exhaustive(&self) -> bool {
        self.selection == Selection::All && self.shard.of == 1
    }

    /// Returns true if only the schedule of `SQLITMUS_REPLAY` was run.
    pub(super) fn is_replayed(&self) -> bool {
        self.selection == Selection::Replayed
    }

    /// Returns the number of schedules without a problem in which a task fails.
    pub(crate) fn failures(&self) -> u64 {
        self.failures
    }

    /// Returns the outcomes, each with its number of schedules.
    pub fn outcomes(&self) -> impl Iterator<Item = (&str, u64)> {
        self.outcomes.iter().map(|(outcome, count)| (outcome.as_str(), *count))
    }

    /// Returns observations that are no failures, each with its number of schedules.
    pub fn notes(&self) -> impl Iterator<Item = (&str, u64)> {
        self.notes.iter().map(|(note, count)| (note.as_str(), *count))
    }

    /// Returns how many schedules were run and which, in one line.
    pub(super) fn extent(&self) -> String {
        let schedules = count(self.schedules, "schedule");
        let orders = match self.statement_orders {
            Some(u128::MAX) => String::from("more than can be counted"),
            // Tasks that try again have more than they show one after another.
            Some(orders) if orders > self.of_all_shards.into() => orders.to_string(),
            _ => String::new(),
        };
        let how = match (self.selection, orders.as_str()) {
            (Selection::OneAfterAnother, _) => String::from("one after another"),
            (Selection::All, "") => String::from("every order of their statements"),
            (Selection::All, orders) => {
                format!("every order of their statements that makes a difference, of {orders}")
            }
            (Selection::Sampled(seed), "") => format!("a sample, drawn with seed {seed:#x}"),
            (Selection::Sampled(seed), orders) => {
                format!("a sample, drawn with seed {seed:#x}, of {orders} orders of their statements")
            }
            (Selection::Replayed, _) => String::from("that of SQLITMUS_REPLAY"),
        };
        let shard = match self.shard {
            Shard { of: 1, .. } => String::new(),
            Shard { number, of } => format!(", part {number} of {of}"),
        };
        format!("{schedules} of {}: {how}{shard}", self.tasks)
    }

    /// Returns what was not compared, in a line.
    pub(super) fn not_compared(&self) -> Option<String> {
        let hidden = self.hidden.join(", ");
        (!hidden.is_empty()).then(|| format!("not compared: {hidden}, because they differ from run to run"))
    }

    /// Returns the outcomes, one line each.
    pub(super) fn lines(&self) -> String {
        let width = self.outcomes.iter().map(|(_, count)| count.to_string().len()).max().unwrap_or(0);
        let lines: Vec<String> =
            self.outcomes.iter().map(|(outcome, count)| format!("{count:>width$}  {outcome}")).collect();
        lines.join("\n")
    }
}

printable!(Report);

impl Raw for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.extent())?;
        for line in self.lines().lines() {
            write!(f, "\n  {line}")?;
        }
        if let Some(hidden) = self.not_compared() {
            write!(f, "\n  {hidden}")?;
        }
        for (note, count) in &self.notes {
            write!(f, "\nnote: in {count} of them, {note}")?;
        }
        Ok(())
    }
}

/// The number of characters of a statement or a value that are shown.
const SHOWN: usize = 90;

/// The names of the tasks: `alice, bob`.
pub(super) fn names(tasks: &[Task]) -> String {
    tasks.iter().map(|task| task.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// `alice, then bob`.
pub(super) fn in_order(tasks: &[Task], order: &[usize]) -> String {
    match order {
        [] => String::from("no task"),
        [one] => format!("{} alone", tasks[*one].name),
        _ => order.iter().map(|task| tasks[*task].name.as_str()).collect::<Vec<_>>().join(", then "),
    }
}

/// The result of a schedule without a problem.
pub(super) fn as_if(tasks: &[Task], order: &[usize], run: &Run) -> String {
    let mut text = in_order(tasks, order);
    for (number, outcome) in run.outcomes.iter().enumerate() {
        if let (Some(TaskOutcome::Failed(error)), false) = (outcome, order.contains(&number)) {
            text.push_str(&format!("; {} fails: {}", tasks[number].name, short(error)));
        }
    }
    text
}

/// A problem in one line.
pub(super) fn headline(tasks: &[Task], problem: &Problem) -> String {
    let name = |task: &usize| &tasks[*task].name;
    match problem {
        Problem::Outlives(task) => format!("{} goes on after it has returned", name(task)),
        Problem::KeepsOpen(task) => format!("{} returns and leaves connections open", name(task)),
        Problem::Outside(task) => format!("{} waits for something outside of SQLite", name(task)),
        Problem::Endless(task) => format!("{} retries without end", name(task)),
        Problem::Panics(task) => format!("{} panics", name(task)),
        Problem::LeavesOpen(task) => format!("{} leaves its transaction open", name(task)),
        Problem::NoSerialOrder => format!("no serial order of {} gives this", names(tasks)),
        Problem::Invariant(_) => String::from("the invariant does not hold"),
        Problem::Fails(task, says) => {
            format!("{} fails only because {} at the same time: {}", name(task), others_run(tasks, *task), short(says))
        }
        Problem::Busy(task, blocked) => format!("{} fails with {}", name(task), because(*blocked)),
    }
}

/// `bob runs`, `bob and carol run`.
fn others_run(tasks: &[Task], task: usize) -> String {
    let others = tasks.iter().enumerate().filter(|(other, _)| *other != task);
    let others: Vec<&str> = others.map(|(_, task)| task.name.as_str()).collect();
    format!("{} {}", others.join(" and "), if others.len() == 1 { "runs" } else { "run" })
}

fn because(blocked: Blocked) -> &'static str {
    match blocked {
        Blocked::Deadlock => "SQLITE_BUSY: the tasks wait for each other until a busy_timeout expires",
        Blocked::Starved => "SQLITE_BUSY: it waits for a lock that nobody releases",
        Blocked::Snapshot => "SQLITE_BUSY_SNAPSHOT, and no busy_timeout helps: its snapshot is out of date",
        Blocked::Upgrade => "SQLITE_BUSY, and no busy_timeout helps: it has read, and another task is writing",
        Blocked::NoTimeout => "SQLITE_BUSY: its connection does not wait for locks",
    }
}

/// A checkpoint that a reader holds back.
pub(super) fn held_back(tasks: &[Task], reader: usize, writer: usize) -> String {
    let (reader, writer) = (&tasks[reader].name, &tasks[writer].name);
    format!("{reader} is still reading when {writer} runs a checkpoint, which stops there: the WAL cannot be reset")
}

/// A task that succeeds and is rolled back.
pub(super) fn rolled_back(tasks: &[Task], task: usize) -> String {
    format!("{} writes and changes nothing, because it is rolled back; {COMMIT_IT}", tasks[task].name)
}

/// Puts a text on one line and shortens it.
pub(super) fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}
