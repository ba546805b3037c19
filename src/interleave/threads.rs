//! The threads of the tasks, the hooks that stop them, and one run on them.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior, ffi};

use super::choices::{bit, bits};
use super::final_state::KnownStates;
use super::locks;
use super::remedy::Remedy;
use super::run::{Run, Setup, Shared, StatementLine, Stuck, Task, TaskAction, TaskOutcome};
use super::scheduler::{RunOptions, Scheduler};
use super::scheduler_state::SchedulerState;
use super::task_state::{Phase, TaskState};
use crate::db::{Address, MAIN};
use crate::error::{Error, ErrorKind, Result};
use crate::explore::{SeededRandom, outcome_of};
use crate::sim::{Op, Refused, Watch};
use crate::sql::{Setting, keyword, setting};
use crate::trace::{Listener, ListenerGuard, Start, Started, TracedDatabase, is_thread_of_sqlx};

/// The number of times in a row after which a task that reads the same waits in vain: nothing else runs before it ends.
const MAX_SAME_READS: u64 = 2000;

/// A thread for each task. The threads end when this is dropped, unless a task is stuck in one.
pub(super) struct TaskThreads {
    threads: Vec<Sender<Job>>,
    setup: Option<Setup>,
    own_connections: bool,
    states: RefCell<KnownStates>,
}

struct Job {
    scheduler: Arc<Scheduler>,
    connection: Connection,
    /// Until the task ends, also if it is stuck.
    listening: ListenerGuard,
    remedy: Remedy,
    shared: Shared,
}

impl TaskThreads {
    pub(super) fn new(tasks: &[Task], setup: Option<Setup>) -> Result<TaskThreads> {
        let threads = tasks.iter().enumerate().map(|(number, task)| TaskThreads::thread(number, task));
        let own_connections = tasks.iter().any(|task| task.owns_connections);
        let states = RefCell::default();
        Ok(TaskThreads { threads: threads.collect::<Result<_>>()?, setup, own_connections, states })
    }

    /// Returns true if a task opens its connections itself.
    pub(super) fn own_connections(&self) -> bool {
        self.own_connections
    }

    fn thread(number: usize, task: &Task) -> Result<Sender<Job>> {
        let (sender, jobs) = channel::<Job>();
        let action = Arc::clone(&task.action);
        // A panic names the thread. The thread is detached: one that is stuck must not keep the process from ending.
        let thread = std::thread::Builder::new().name(task.name.clone()).spawn(move || {
            for Job { scheduler, mut connection, listening, remedy, shared } in jobs {
                scheduler.begin(number);
                let outcome = outcome_with((remedy, number), &action, &mut connection, &shared);
                drop(shared);
                scheduler.end(number, outcome, connection);
                drop(listening);
            }
        });
        let cannot = || format!("cannot start a thread for the task {}", task.name);
        thread.map(|_| sender).map_err(|error| Error::new(ErrorKind::Io, cannot()).because(error))
    }

    /// Returns true if the tasks share memory.
    pub(super) fn share_memory(&self) -> bool {
        self.setup.is_some()
    }

    /// Returns true if what the tasks share can change between two statements of one of them.
    pub(super) fn share_values(&self) -> bool {
        self.setup.as_ref().is_some_and(|setup| setup.has_values)
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
        let hidden = Arc::clone(&options.hidden);
        let scheduler = Scheduler::new(self.threads.len(), participants, database.disk().clock().clone(), options);
        let shared: Shared = self.setup.as_ref().map_or_else(|| Arc::new(()) as Shared, |setup| (setup.make)());
        let mut jobs = Vec::new();
        // The path by which a connection was opened says whose it is, on whatever thread it is used.
        let views: Vec<Address> = participants.iter().map(|_| database.view()).collect();
        let mut traced = Vec::new();
        for (task, view) in participants.iter().zip(&views) {
            let mut connection = view.connect()?;
            let database = TracedDatabase::new(&connection).with_ends(&connection);
            prepare(&mut connection, *task, remedy)?;
            let eyes = Arc::new(TaskEyes { scheduler: Arc::clone(&scheduler), task: *task });
            view.disk().gate().set(Some(Arc::clone(&eyes) as Arc<_>));
            let listening = database.listen(eyes);
            traced.push(database);
            let scheduler = Arc::clone(&scheduler);
            jobs.push(Job { scheduler, connection, listening, remedy, shared: Arc::clone(&shared) });
        }
        for (task, job) in participants.iter().zip(jobs) {
            self.threads[*task].send(job).expect("the threads take jobs until they are dropped");
        }
        let (ended, schedule) = scheduler.run_to_end();
        if schedule.stuck.is_none() {
            // A stuck task has to meet the scheduler on every operation until it ends.
            views.iter().for_each(|view| drop(view.disk().gate().set(None)));
        }
        let is_stuck = schedule.stuck.is_some();
        // While the connections are open: closing the last of them would write a checkpoint first.
        let state = (!is_stuck).then(|| self.states.borrow_mut().of(&database, &hidden)).transpose()?;
        Ok(Run::of(database, ended, schedule, state, &hidden))
    }
}

/// Prepares the connection of a task. It reads the schema, which takes a lock and would be a step later.
fn prepare(connection: &mut Connection, task: usize, remedy: Remedy) -> Result<()> {
    SeededRandom::on(connection, task as u64)?;
    if remedy == Remedy::Immediate {
        connection.set_transaction_behavior(TransactionBehavior::Immediate);
    }
    connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
        .map_err(|error| Error::sqlite("read the schema", error))
}

fn outcome_with(
    (remedy, task): (Remedy, usize),
    action: &TaskAction,
    connection: &mut Connection,
    shared: &Shared,
) -> TaskOutcome {
    outcome_of(|| match remedy.begin_around(task) {
        Some(begin) => in_one_transaction(begin, action, connection, shared),
        None => action(connection, remedy, shared),
    })
}

fn in_one_transaction(
    begin: &str,
    action: &TaskAction,
    connection: &mut Connection,
    shared: &Shared,
) -> Result<String, String> {
    let run = |connection: &Connection, sql| connection.execute_batch(sql).map_err(|error| error.to_string());
    run(connection, begin)?;
    let result = action(connection, Remedy::None, shared);
    run(connection, if result.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    result
}

/// Sees the statements and the operations of one task, on all its connections and threads.
struct TaskEyes {
    scheduler: Arc<Scheduler>,
    task: usize,
}

impl Listener for TaskEyes {
    fn starts(&self, statement: &Started<'_>) -> Start {
        let goes_on = self.statement_starts(statement);
        match self.scheduler.options.with_timeout {
            // A hook cannot make it return SQLITE_BUSY.
            _ if !goes_on => Start::IsInterrupted,
            true => Start::RunsWithTimeout,
            false => Start::Runs,
        }
    }

    fn ends(&self, in_transaction: bool) {
        let mut state = self.scheduler.enter(self.task);
        let task_state = &mut state.tasks[self.task];
        let thread = task_state.this_thread();
        if task_state.connections.is_set_up(thread) {
            return;
        }
        state.settle(self.task);
        let task_state = &mut state.tasks[self.task];
        // A statement whose schema has changed has one start and two ends.
        task_state.running = task_state.running.saturating_sub(1);
        // What it does with the result, as to fill a cache, others may come before.
        let goes_on = state.stuck.is_none() && state.tasks[self.task].phase != Phase::Done;
        if self.scheduler.options.share_values && goes_on && !in_transaction {
            drop(self.scheduler.step(state, self.task));
        }
    }

    fn leaves_open(&self) {
        self.scheduler.lock().record.left_open |= bit(self.task);
    }
}

impl TaskEyes {
    /// Returns false if the statement begins a transaction that cannot have the lock which it is to have from the beginning.
    fn statement_starts(&self, statement: &Started<'_>) -> bool {
        let Started { connection, in_transaction, text, waits } = *statement;
        let scheduler = &*self.scheduler;
        scheduler.pulse.fetch_add(1, Ordering::Relaxed);
        let mut state = scheduler.enter(self.task);
        state.tasks[self.task].uses(connection);
        if state.stuck.is_some() {
            scheduler.drain_after_abort(state, self.task);
            return true;
        }
        if state.outlives(self.task) {
            return true;
        }
        let text = text();
        let setting = setting(&text).filter(|setting| setting.value.is_some() && !in_transaction);
        if setting.as_ref().is_some_and(|setting| state.sets_up_connection(self.task, (connection, &text), setting)) {
            return true;
        }
        let mut has_lock = true;
        let refusal = state.tasks[self.task].locks.statement_starts();
        state.note(self.task, refusal);
        if !(in_transaction && scheduler.options.transactions.is_some()) {
            state = scheduler.step(state, self.task);
            state.tasks[self.task].transactions += 1;
        }
        if !in_transaction && state.stuck.is_none() {
            if scheduler.options.remedy == Remedy::Immediate {
                state.give_up_lock(self.task);
            }
            if scheduler.keeps_lock(self.task, &text) {
                (state, has_lock) = scheduler.keep_lock(state, self.task, waits);
            }
        }
        if state.stuck.is_some() {
            return true;
        }
        let last = state.tasks[self.task].line.and_then(|line| state.record.lines.get(line));
        let is_same_read = last.is_some_and(|last| last.text == text) && keyword(&text) == "SELECT";
        let place = state.record.lines.len();
        let task_state = &mut state.tasks[self.task];
        let thread = task_state.this_thread();
        let at_once = task_state.connections.starts(connection, thread, setting.is_some(), task_state.running);
        task_state.running += 1;
        task_state.statements += 1;
        task_state.same_reads = if is_same_read { task_state.same_reads + 1 } else { 0 };
        task_state.fresh = true;
        task_state.line = Some(place);
        let file = task_state.connections.file_of_running();
        state.record.runs_at_once |= at_once;
        state.uses_connection(self.task, file);
        if let Some(event) = state.event(self.task) {
            event.line = Some(place);
        }
        let task_state = &mut state.tasks[self.task];
        let is_endless =
            task_state.statements > scheduler.options.max_statements || task_state.same_reads > MAX_SAME_READS;
        let line =
            StatementLine { task: self.task, text, in_transaction, sets_up: false, waited: false, refusal: None };
        state.record.lines.push(line);
        state.record.uses_sqlx |= is_thread_of_sqlx();
        if !has_lock {
            state.tasks[self.task].locks.cannot_begin();
        }
        if is_endless {
            scheduler.abort(&mut state, Stuck::Endless(self.task));
            scheduler.drain_after_abort(state, self.task);
        }
        has_lock
    }
}

impl Watch for TaskEyes {
    fn before(&self, op: Op<'_>) -> Result<(), Refused> {
        self.scheduler.before(self.task, op)
    }

    fn locked(&self, op: Op<'_>, granted: bool) {
        self.scheduler.locked(self.task, op, granted);
    }
}

impl Scheduler {
    fn before(&self, task: usize, op: Op<'_>) -> Result<(), Refused> {
        self.pulse.fetch_add(1, Ordering::Relaxed);
        let mut state = self.enter(task);
        if state.stuck.is_some() {
            self.drain_after_abort(state, task);
            return Err(Refused(ffi::SQLITE_IOERR));
        }
        if matches!(op, Op::Open { file: MAIN, .. } | Op::Close { file: MAIN, .. }) {
            state.tasks[task].counts_connection(op);
            self.over.notify_all();
        }
        if touches(op) == Some(true) && state.outlives(task) {
            return Ok(());
        }
        if let Op::Sleep { time } = op {
            drop(self.sleep(state, task, time));
            // The sleep is over: the clock must not sleep again.
            return Err(Refused(ffi::SQLITE_OK));
        }
        if state.tasks[task].locks.tries_again(op) {
            state = self.sleep(state, task, Duration::from_millis(1));
        }
        let mut hidden = false;
        let is_closing = state.tasks[task].is_closed_by(op);
        let is_opening = state.opens_connection(task, op);
        if touches(op) == Some(true) && self.has_begun_too_many(&state.tasks[task], task) {
            return Err(Refused(ffi::SQLITE_BUSY));
        }
        state.record.checkpointed |= locks::is_checkpoint(op);
        // Temporary files have no name, and what is only in the journal is rolled back.
        if matches!(op, Op::Write { file, .. } if !file.is_empty() && !file.ends_with("-journal")) {
            state.record.wrote |= bit(task);
        }
        if let Some(acquires) =
            touches(op).filter(|_| !is_opening && (self.options.checkpoints || !locks::is_end_of_read(op)))
        {
            let task_state = &mut state.tasks[task];
            // A lock outside of an announced statement: SQLite reads the schema again, or the app has its own trace hook.
            hidden = acquires && task_state.running == 0 && !is_closing;
            let first = std::mem::take(&mut task_state.fresh);
            task_state.touches += u64::from(first || hidden);
            if hidden {
                state = self.step(state, task);
                if state.stuck.is_some() {
                    return Err(Refused(ffi::SQLITE_IOERR));
                }
            }
        }
        if touches(op).is_some() && !is_closing && !is_opening {
            state.uses_connection(task, op.connection());
        }
        if touches(op).is_some()
            && !is_closing
            && !is_opening
            && let Some(event) = state.event(task)
        {
            event.touches = true;
            event.locks_file |= matches!(op, Op::Lock { .. } | Op::Unlock { .. });
            // With a WAL, a connection locks the file until it is closed, and shuts nobody out.
            event.locks_file &= !matches!(op, Op::ShmLock { .. });
            event.is_hidden |= hidden;
        }
        let wrote = state.tasks[task].locks.writing();
        state.tasks[task].locks.before(op);
        if matches!(op, Op::Unlock { .. } | Op::ShmUnlock { .. } | Op::Close { .. }) {
            for (other, task_state) in state.tasks.iter_mut().enumerate() {
                task_state.wake(Some(op));
                // A writer blocks everybody, a reader only a writer: two tasks that keep trying do not block each other.
                if other != task && (wrote || task_state.locks.writing()) {
                    task_state.refused_attempts = 0;
                }
            }
        }
        if state.lock_keeper.is_some_and(|keeper| keeper != task) && locks::asks_to_write(op) {
            drop(state);
            self.locked(task, op, false);
            return Err(Refused(ffi::SQLITE_BUSY));
        }
        Ok(())
    }

    fn locked(&self, task: usize, op: Op<'_>, granted: bool) {
        let mut state = self.lock();
        let is_opening = state.opens_connection(task, op);
        let is_idle = state.tasks[task].running == 0;
        let locks = &mut state.tasks[task].locks;
        // A connection that is closed makes a checkpoint, unless others are open: no statement is refused anything.
        if !granted && is_idle && !locks.writing() && matches!(op, Op::Lock { level: ffi::SQLITE_LOCK_EXCLUSIVE, .. }) {
            return;
        }
        locks.locked(op, granted);
        let writing = locks.held_by(op.connection()).writing;
        let is_refused = !granted && locks.pending.is_some();
        if !is_opening && let Some(event) = state.event(task) {
            event.took_write_lock |= writing && !event.from.writing;
            event.is_refused |= is_refused;
            event.is_hidden |= is_refused && !locks::is_of_writer(op);
        }
        if std::mem::take(&mut state.tasks[task].locks.held_back) {
            let reader = bits(state.mask(|task_state| task_state.locks.reading())).find(|reader| *reader != task);
            state.record.held_back = state.record.held_back.or(reader.map(|reader| (reader, task)));
        }
    }

    /// Returns true if a task that has failed goes on further than it did.
    fn has_begun_too_many(&self, task_state: &TaskState, task: usize) -> bool {
        let most = self.options.transactions.as_ref().and_then(|most| most[task]);
        most.is_some_and(|most| task_state.transactions > most)
    }
}

impl SchedulerState {
    /// Returns true for what a task does after it has returned, which is noted.
    fn outlives(&mut self, task: usize) -> bool {
        let is_over = self.tasks[task].phase == Phase::Done;
        if is_over {
            self.record.outlives = self.record.outlives.or(Some(task));
        }
        is_over
    }

    /// Returns true for a PRAGMA by which a task that has the turn sets up a connection.
    fn sets_up_connection(&mut self, task: usize, (connection, text): (usize, &str), setting: &Setting) -> bool {
        let task_state = &mut self.tasks[task];
        let thread = task_state.this_thread();
        let sets_up = self.turn == Some(task) && task_state.connections.sets_up(connection, thread, setting);
        if sets_up {
            let text = text.to_owned();
            let line = StatementLine { task, text, in_transaction: false, sets_up, waited: false, refusal: None };
            self.record.lines.push(line);
        }
        sets_up
    }

    /// Returns true for an operation by which a task that has the turn opens a connection. Notes the connection of
    /// another operation on locks.
    fn opens_connection(&mut self, task: usize, op: Op<'_>) -> bool {
        let task_state = &mut self.tasks[task];
        let thread = task_state.this_thread();
        let is_running = task_state.running > 0;
        let is_opening = task_state.connections.opens_by(op.connection(), thread, is_running);
        if let Some(file) = op.connection().filter(|_| is_running && !is_opening) {
            task_state.connections.locks(file, thread);
        }
        is_opening && self.turn == Some(task)
    }
}

/// Returns `None` for an operation that no other connection can see, else true if it asks for a lock.
fn touches(op: Op<'_>) -> Option<bool> {
    match op {
        Op::Lock { .. } | Op::ShmLock { .. } => Some(true),
        Op::Unlock { .. } | Op::ShmUnlock { .. } => Some(false),
        // Others read a journal only where it was left behind. Temporary files have no name.
        Op::Write { file, .. } | Op::Truncate { file, .. } => {
            (!file.is_empty() && !file.ends_with("-journal")).then_some(false)
        }
        Op::Delete { .. } => Some(false),
        _ => None,
    }
}
