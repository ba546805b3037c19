//! The threads of the tasks, and one run on them: a fork of the database, a connection for each task, a scheduler.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::hooks::run_task;
use super::run::Run;
use super::scheduler::{RunOptions, Scheduler};
use super::stall::this_thread;
use super::task::{Remedy, Task, TaskAction, TaskOutcome};
use crate::db::Address;
use crate::error::{Error, ErrorKind, Result};
use crate::explore::{SeededRandom, outcome_of};
use crate::trace::TracedDatabase;

/// A thread for each task. The threads end when this is dropped, unless a task is stuck in one.
pub(super) struct TaskThreads {
    threads: Vec<Sender<Job>>,
}

struct Job {
    scheduler: Arc<Scheduler>,
    connection: Connection,
    remedy: Remedy,
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
                let code = |connection: &mut Connection| outcome_with(remedy, &action, connection);
                run_task(&scheduler, number, here.clone(), connection, code);
            }
        });
        match thread {
            Ok(_) => Ok(sender),
            Err(error) => {
                Err(Error::new(ErrorKind::Io, format!("cannot start a thread for the task {}", task.name))
                    .because(error))
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
        let (ended, schedule) = scheduler.run_to_end();
        if schedule.stuck.is_none() {
            // A stuck task has to meet the scheduler on every operation until it ends.
            database.disk().gate().set(None);
        }
        Run::of(database, ended, schedule)
    }
}

/// Prepares the connection of a task. It reads the schema, which takes a lock and would be a step later.
fn prepare(connection: &mut Connection, task: usize, remedy: Remedy) -> Result<()> {
    SeededRandom::on(connection, task as u64)?;
    match remedy {
        Remedy::Immediate => connection.set_transaction_behavior(TransactionBehavior::Immediate),
        Remedy::Timeout => connection
            .busy_timeout(Duration::from_secs(5))
            .map_err(|error| Error::sqlite("set a busy timeout", error))?,
        Remedy::None | Remedy::OneTransaction => {}
    }
    connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
        .map_err(|error| Error::sqlite("read the schema", error))
}

fn outcome_with(remedy: Remedy, action: &TaskAction, connection: &mut Connection) -> TaskOutcome {
    outcome_of(|| match remedy {
        Remedy::OneTransaction => in_one_transaction(action, connection),
        _ => action(connection, remedy),
    })
}

fn in_one_transaction(action: &TaskAction, connection: &mut Connection) -> Result<String, String> {
    let run = |connection: &Connection, sql| connection.execute_batch(sql).map_err(|error| error.to_string());
    run(connection, "BEGIN IMMEDIATE")?;
    let result = action(connection, Remedy::None);
    run(connection, if result.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    result
}
