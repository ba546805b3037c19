//! The tasks of an exploration, and one run of them: how they ended, what is in the database, and the schedule.

use std::any::Any;
use std::sync::Arc;

use rusqlite::Connection;

use super::choices::{bit, switches};
use super::final_state::{FinalState, Hidden};
use super::locks::{HeldLocks, LockRefusal};
use super::remedy::Remedy;
use crate::check::shown;
use crate::db::Address;
use crate::error::Result;
use crate::explore::{OpenTransactions, Outcome};

/// The value that the tasks of a run share.
pub(super) type Shared = Arc<dyn Any + Send + Sync>;

/// Makes the shared value of a run.
#[derive(Clone)]
pub(super) struct Setup {
    pub(super) make: Arc<dyn Fn() -> Shared>,
    /// True if what it makes can change.
    pub(super) has_values: bool,
}

/// The code of a task. Returns, as text, what the app's code returns.
pub(super) type TaskAction = Arc<dyn Fn(&mut Connection, Remedy, &Shared) -> Result<String, String> + Send + Sync>;

#[derive(Clone)]
pub(super) struct Task {
    pub(super) name: String,
    pub(super) action: TaskAction,
    /// True if it opens its connections itself, and closes them before it returns.
    pub(super) owns_connections: bool,
}

/// The outcome of a task. Its value is text, as `Debug` shows it.
pub(super) type TaskOutcome = Outcome<String>;

/// The outcome of a task that took part, and its connection.
pub(super) type EndedTask = Option<(TaskOutcome, Connection)>;

pub(super) struct Run {
    /// The outcome of each task that took part.
    pub(super) outcomes: Vec<Option<TaskOutcome>>,
    /// The state of the database afterwards, unless the run was aborted.
    pub(super) state: Option<FinalState>,
    pub(super) database: Address,
    /// The tasks that ended within a transaction, a bit each.
    pub(super) left_open: u8,
    pub(super) schedule: ScheduleRecord,
}

/// The schedule that a run has followed.
#[derive(Default)]
pub(super) struct ScheduleRecord {
    /// The refusal of a lock that each task ended with.
    pub(super) refusals: Vec<Option<LockRefusal>>,
    /// The number of statements of each task, and of those that touched something that others see.
    pub(super) statements: Vec<u64>,
    pub(super) touches: Vec<u64>,
    /// The task of each step.
    pub(super) steps: Vec<u8>,
    pub(super) events: Vec<Event>,
    /// True if the choices that were to be followed could be.
    pub(super) fits: bool,
    pub(super) complete: bool,
    pub(super) lines: Vec<StatementLine>,
    /// The tasks that waited for each other, a bit each.
    pub(super) deadlocked: u8,
    /// A task whose snapshot held back a checkpoint, and the task that made the checkpoint.
    pub(super) held_back: Option<(usize, usize)>,
    /// True if a task made a checkpoint.
    pub(super) checkpointed: bool,
    pub(super) stuck: Option<Stuck>,
    /// A task that used the database after it had returned.
    pub(super) outlives: Option<usize>,
    /// A task that kept connections of its own open when it returned.
    pub(super) kept_open: Option<usize>,
    /// The tasks that have closed connections of their own within a transaction, a bit each.
    pub(super) left_open: u8,
    /// True if a task has run statements on two connections at once.
    pub(super) runs_at_once: bool,
    /// True if a task has run statements on several threads, which a busy machine may run in another order.
    pub(super) has_threads: bool,
    /// True if a task has run statements on the threads that sqlx has for its connections.
    pub(super) uses_sqlx: bool,
    /// The tasks that have written to the disk, a bit each. An UPDATE of no rows does not.
    pub(super) wrote: u8,
    /// True if the scheduler kept the write lock for a task.
    pub(super) kept_lock: bool,
}

impl ScheduleRecord {
    /// Returns true if a task has run statements that write, and its transaction was rolled back, so that it has written nothing.
    pub(super) fn is_rolled_back(&self, task: usize) -> bool {
        if self.wrote & bit(task) != 0 {
            return false;
        }
        let mut transactions = OpenTransactions::default();
        for line in self.lines.iter().filter(|line| line.task == task) {
            transactions.starts(0, line.in_transaction, &line.text);
        }
        transactions.rolled_back().is_some()
    }
}

/// The work of a task from one turn to the next.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) task: usize,
    /// The tasks that could go on, a bit each. None if the clock was moved because all tasks waited.
    pub(super) able: u8,
    /// The statement that ran, by its place in [`ScheduleRecord::lines`].
    pub(super) line: Option<usize>,
    /// The connection that it has used, if it has taken a lock since it was opened, and the locks of that connection before and
    /// after.
    pub(super) connection: Option<usize>,
    pub(super) from: HeldLocks,
    pub(super) to: HeldLocks,
    /// True if the task held a lock before or after, on any connection.
    pub(super) holds_locks: bool,
    /// True if it did something that others may see.
    pub(super) touches: bool,
    /// True if it locked the file itself, as without a WAL.
    pub(super) locks_file: bool,
    pub(super) took_write_lock: bool,
    pub(super) is_refused: bool,
    /// True if it did something outside of a statement that SQLite has announced, or on several connections, or was refused
    /// another lock than the writer's.
    pub(super) is_hidden: bool,
    /// True if it ended because SQLite waits for a lock.
    pub(super) waits: bool,
}

impl Event {
    pub(super) fn new(task: usize, able: u8, line: Option<usize>, holds_locks: bool) -> Event {
        Event {
            task,
            able,
            line,
            connection: None,
            from: HeldLocks::default(),
            to: HeldLocks::default(),
            holds_locks,
            touches: false,
            locks_file: false,
            took_write_lock: false,
            is_refused: false,
            is_hidden: false,
            waits: false,
        }
    }

    /// Returns true if it waits for a lock, holds none, and has done nothing.
    pub(super) fn waits_for_nothing_done(&self) -> bool {
        self.waits && self.able != 0 && !self.holds_locks
    }
}

/// A statement that a task has run.
#[derive(Clone, Debug)]
pub(super) struct StatementLine {
    pub(super) task: usize,
    pub(super) text: String,
    /// True if the task was in a transaction when it started.
    pub(super) in_transaction: bool,
    /// True if it is a PRAGMA that sets up a connection, and no step.
    pub(super) sets_up: bool,
    pub(super) waited: bool,
    pub(super) refusal: Option<LockRefusal>,
}

/// The reason why a run was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stuck {
    /// The task waits for something outside of SQLite.
    Outside(usize),
    /// The task runs one statement after another without end.
    Endless(usize),
}

impl Run {
    pub(super) fn of(
        database: Address,
        ended: Vec<EndedTask>,
        schedule: ScheduleRecord,
        state: Option<FinalState>,
        hidden: &Hidden,
    ) -> Run {
        let mut left_open = 0;
        for (task, ended) in ended.iter().enumerate() {
            let Some((outcome, connection)) = ended else { continue };
            // A task that fails may leave it to the end of its connection to roll back.
            let of_its_own = matches!(outcome, Outcome::Returned(_)) && schedule.left_open & bit(task) != 0;
            if !connection.is_autocommit() || of_its_own {
                left_open |= bit(task);
            }
        }
        let shown = |(task, ended): (usize, EndedTask)| match ended?.0 {
            Outcome::Returned(_) if hidden.values & bit(task) != 0 => {
                Some(Outcome::Returned(String::from("another value")))
            }
            outcome => Some(outcome),
        };
        let outcomes = ended.into_iter().enumerate().map(shown).collect();
        Run { outcomes, state, database, left_open, schedule }
    }

    /// Returns a measure of how hard the schedule is to read: its switches, then its steps.
    pub(super) fn length(&self) -> (usize, usize) {
        (switches(&self.schedule.steps), self.schedule.steps.len())
    }

    /// Returns true if both runs had the same result.
    pub(super) fn agrees(&self, other: &Run) -> bool {
        self.outcomes == other.outcomes
            && self.state == other.state
            && self.schedule.steps.len() == other.schedule.steps.len()
    }
}

/// Returns a task that runs these statements in order. At the first one that SQLite refuses, it rolls back and stops.
pub(super) fn statements<S: AsRef<str>>(steps: impl IntoIterator<Item = S>) -> TaskAction {
    // Split once, not in each schedule.
    let mut statements: Vec<String> = Vec::new();
    for step in steps {
        statements.extend(crate::sql::split(step.as_ref()).iter().map(|statement| statement.text.to_owned()));
    }
    Arc::new(move |connection, remedy, _| {
        let mut read = String::new();
        for statement in &statements {
            let sql = if remedy == Remedy::Immediate { immediate(statement) } else { statement };
            if let Err(error) = run(connection, sql, &mut read) {
                if !connection.is_autocommit() {
                    let _ = connection.execute_batch("ROLLBACK");
                }
                return Err(error.to_string());
            }
        }
        Ok(read)
    })
}

/// Returns true for a statement that begins a deferred transaction.
pub(super) fn begins_deferred(sql: &str) -> bool {
    immediate(sql) != sql
}

/// Turns a statement that begins a deferred transaction into one that begins an immediate transaction.
fn immediate(sql: &str) -> &str {
    let words: Vec<&str> = sql.trim().trim_end_matches(';').split_whitespace().collect();
    let is = |text: &[&str]| {
        words.len() == text.len() && words.iter().zip(text).all(|(word, other)| word.eq_ignore_ascii_case(other))
    };
    let begins: [&[&str]; 4] =
        [&["BEGIN"], &["BEGIN", "DEFERRED"], &["BEGIN", "TRANSACTION"], &["BEGIN", "DEFERRED", "TRANSACTION"]];
    if begins.into_iter().any(is) { "BEGIN IMMEDIATE" } else { sql }
}

/// Runs a statement and appends the rows that it returns, as `1, 'Ada'; 2, NULL` and a line break.
fn run(connection: &Connection, sql: &str, read: &mut String) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(sql)?;
    let columns = statement.column_count();
    if columns == 0 {
        return statement.raw_execute().map(drop);
    }
    let mut rows = statement.raw_query();
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        let cells = (0..columns).map(|column| row.get_ref(column).map(shown)).collect::<rusqlite::Result<Vec<_>>>()?;
        lines.push(cells.join(", "));
    }
    read.push_str(&if lines.is_empty() { String::from("no rows") } else { lines.join("; ") });
    read.push('\n');
    Ok(())
}
