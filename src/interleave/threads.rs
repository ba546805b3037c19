//! The tasks on their threads, and one run of them: a fork of the database, a connection for each task, a scheduler.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::scheduler::{Ended, Outcome, RunOptions, ScheduleRecord, Scheduler};
use super::schedules::{bit, switches};
use super::stall::this_thread;
use crate::check::{Digest, try_digest};
use crate::db::Address;
use crate::error::{Error, ErrorKind, Result};
use crate::explore::{SeededRandom, caught};
use crate::trace::TracedDatabase;

/// What a task does: what it returns, or the error that it returns, as text.
pub(super) type Action = Arc<dyn Fn(&mut Connection, Remedy) -> Result<String, String> + Send + Sync>;

#[derive(Clone)]
pub(super) struct Task {
    pub(super) name: String,
    pub(super) action: Action,
}

/// What could be done about a failure, tried on the tasks as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    None,
    /// Transactions that say nothing begin IMMEDIATE.
    Immediate,
    /// All that a task does is one transaction that begins IMMEDIATE.
    OneTransaction,
    /// Connections wait for locks.
    Timeout,
}

/// A thread for each task. The threads end when this is dropped, unless a task is stuck in one.
pub(super) struct TaskThreads {
    threads: Vec<Sender<Job>>,
}

struct Job {
    scheduler: Arc<Scheduler>,
    connection: Connection,
    remedy: Remedy,
}

/// What one run came to.
pub(super) struct Run {
    /// How each task ended that took part.
    pub(super) outcomes: Vec<Option<Outcome>>,
    /// What was in the database then.
    pub(super) digest: Option<Digest>,
    pub(super) database: Address,
    /// The tasks that ended within a transaction, a bit each.
    pub(super) left_open: u8,
    pub(super) schedule: ScheduleRecord,
}

impl Run {
    /// The fewer switches and steps, the easier to read.
    pub(super) fn length(&self) -> (usize, usize) {
        (switches(&self.schedule.steps), self.schedule.steps.len())
    }

    /// Whether two runs came to the same.
    pub(super) fn agrees(&self, other: &Run) -> bool {
        self.outcomes == other.outcomes
            && self.digest == other.digest
            && self.schedule.steps.len() == other.schedule.steps.len()
    }
}

impl TaskThreads {
    pub(super) fn new(tasks: &[Task]) -> Result<TaskThreads> {
        let threads =
            tasks.iter().enumerate().map(|(number, task)| TaskThreads::thread(number, task)).collect::<Result<_>>()?;
        Ok(TaskThreads { threads })
    }

    fn thread(number: usize, task: &Task) -> Result<Sender<Job>> {
        let (sender, jobs) = channel::<Job>();
        let action = Arc::clone(&task.action);
        // A panic names the thread. The thread is detached: one that is stuck must not keep the process from ending.
        let thread = std::thread::Builder::new().name(task.name.clone()).spawn(move || {
            let here = this_thread();
            for Job { scheduler, connection, remedy } in jobs {
                scheduler.perform(number, here.clone(), connection, |connection| perform(&action, connection, remedy));
            }
        });
        match thread {
            Ok(_) => Ok(sender),
            Err(error) => {
                Err(Error::new(ErrorKind::Io, format!("no thread for the task {}", task.name)).because(error))
            }
        }
    }

    /// Runs the tasks in `participants` on a fork of the database at `base`.
    pub(super) fn run(
        &self,
        base: &Address,
        participants: &[usize],
        remedy: Remedy,
        options: RunOptions,
    ) -> Result<Run> {
        let database = base.fork();
        let mut connections = Vec::new();
        let mut traced = None;
        for task in participants {
            let mut connection = database.connect()?;
            if traced.is_none() {
                traced = Some(TracedDatabase::new(&connection).with_ends(&connection));
            }
            prepare(&mut connection, *task, remedy)?;
            connections.push(connection);
        }
        let scheduler = Scheduler::new(self.threads.len(), participants, database.disk().clock().clone(), options);
        database.disk().gate().set(Some(Arc::clone(&scheduler) as Arc<_>));
        for (task, connection) in participants.iter().zip(connections) {
            let job = Job { scheduler: Arc::clone(&scheduler), connection, remedy };
            self.threads[*task].send(job).expect("the threads take jobs until they are dropped");
        }
        let (ended, schedule) = scheduler.watch();
        if schedule.stuck.is_none() {
            // What is stuck meets the scheduler on every operation until it ends.
            database.disk().gate().set(None);
        }
        Run::of(database, ended, schedule)
    }
}

impl Run {
    fn of(database: Address, ended: Vec<Ended>, schedule: ScheduleRecord) -> Result<Run> {
        let mut left_open = 0;
        for (task, ended) in ended.iter().enumerate() {
            if ended.as_ref().is_some_and(|(_, connection)| !connection.is_autocommit()) {
                left_open |= bit(task);
            }
        }
        // While the connections are open: closing the last of them would write a checkpoint first.
        let digest = match schedule.stuck {
            None => Some(try_digest(&database.look()?)?),
            Some(_) => None,
        };
        let outcomes = ended.into_iter().map(|ended| ended.map(|(outcome, _)| outcome)).collect();
        Ok(Run { outcomes, digest, database, left_open, schedule })
    }
}

/// A connection as a task gets it. It knows the schema already: to read it takes a lock, which would be a step.
fn prepare(connection: &mut Connection, task: usize, remedy: Remedy) -> Result<()> {
    SeededRandom::on(connection, task as u64)?;
    match remedy {
        Remedy::Immediate => connection.set_transaction_behavior(TransactionBehavior::Immediate),
        Remedy::Timeout => connection
            .busy_timeout(Duration::from_secs(5))
            .map_err(|error| Error::sqlite("to set a busy timeout", error))?,
        Remedy::None | Remedy::OneTransaction => {}
    }
    connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
        .map_err(|error| Error::sqlite("to read the schema", error))
}

fn perform(action: &Action, connection: &mut Connection, remedy: Remedy) -> Outcome {
    let run = || match remedy {
        Remedy::OneTransaction => in_one_transaction(action, connection),
        _ => action(connection, remedy),
    };
    match caught(run) {
        Ok(Ok(value)) => Outcome::Returned(value),
        Ok(Err(error)) => Outcome::Failed(error),
        Err(message) => Outcome::Panicked(message),
    }
}

fn in_one_transaction(action: &Action, connection: &mut Connection) -> Result<String, String> {
    let run = |connection: &Connection, sql| connection.execute_batch(sql).map_err(|error| error.to_string());
    run(connection, "BEGIN IMMEDIATE")?;
    let result = action(connection, Remedy::None);
    run(connection, if result.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    result
}
