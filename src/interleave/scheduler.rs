//! Threads that run one at a time: the turn is handed from task to task.
//!
//! A task gives up its turn before a statement or before the statement's first lock, as the [`Grain`] says, and where
//! SQLite would wait for a lock. It waits until another task gives that lock back; nothing takes time meanwhile. Only
//! when all wait for each other, the disk's clock is moved to where the first of them would look again, so that a busy
//! timeout of five seconds is over at once.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ffi};

use super::locks::{self, Locks, Refusal};
use super::schedules::{Choices, Chooser, Decision, Grain, bit, bits};
use super::stall::StallDetector;
use crate::sim::{Clock, Op, Refused, Watch};
use crate::trace::{Listener, listen};

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// What it returned, as `Debug` shows it.
    Returned(String),
    Failed(String),
    Panicked(String),
}

impl Outcome {
    /// A task that ends well and says nothing.
    pub(super) fn nothing() -> Outcome {
        Outcome::Returned(String::from("()"))
    }
}

/// Why a run was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stuck {
    /// The task waits for something that is not SQLite's.
    Outside(usize),
    /// The task runs one statement after another and comes to no end.
    Endless(usize),
}

/// A statement that a task has run.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) task: usize,
    pub(super) text: String,
    pub(super) waited: bool,
    pub(super) refusal: Option<Refusal>,
}

pub(super) struct Scheduler {
    state: Mutex<SchedulerState>,
    /// One for each task.
    turns: Vec<Condvar>,
    over: Condvar,
    /// Counts everything that any task does, so that a stall shows.
    pulse: AtomicU64,
    clock: Clock,
    grain: Grain,
    /// How many statements a task may run.
    max_statements: u64,
    checkpoints: bool,
}

/// How often tasks that wait for each other look again: more than half an hour of SQLite's own busy handler.
const MOST_CLOCK_JUMPS: u32 = 20_000;

struct SchedulerState {
    tasks: Vec<TaskState>,
    turn: Option<usize>,
    choices: Choices,
    /// What has gone by on the disk's clock.
    time: Duration,
    lines: Vec<Line>,
    /// The tasks that waited for each other, a bit each.
    deadlocked: u8,
    /// How often time had to go by for that.
    clock_jumps: u32,
    /// A task whose snapshot held back a checkpoint, and the task that made the checkpoint.
    held_back: Option<(usize, usize)>,
    checkpointed: bool,
    stuck: Option<Stuck>,
}

#[derive(Default)]
struct TaskState {
    phase: Phase,
    locks: Locks,
    /// How many statements are under way.
    running: u32,
    /// The statement that runs has touched nothing that others see.
    fresh: bool,
    /// How many statements it has run, and how many of them touched something.
    statements: u64,
    touches: u64,
    /// How often it was refused since anybody else gave back what may have been in its way.
    refused_attempts: u8,
    line: Option<usize>,
    /// What happened on the disk after the run was given up.
    operations_after_abort: u32,
    thread: Option<PathBuf>,
    ended: Ended,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// It does not take part.
    #[default]
    Absent,
    /// Its code has not begun.
    Waiting,
    Ready,
    /// SQLite would look again at this time.
    Asleep(Duration),
    Done,
}

/// How a task that took part ended, and its connection.
pub(super) type Ended = Option<(Outcome, Connection)>;

/// What was seen of a run.
pub(super) struct ScheduleRecord {
    pub(super) refusals: Vec<Option<Refusal>>,
    pub(super) statements: Vec<u64>,
    pub(super) touches: Vec<u64>,
    pub(super) steps: Vec<u8>,
    pub(super) decisions: Vec<Decision>,
    /// Whether the choices that were to be followed could be.
    pub(super) fits: bool,
    pub(super) complete: bool,
    pub(super) lines: Vec<Line>,
    pub(super) deadlocked: u8,
    pub(super) held_back: Option<(usize, usize)>,
    /// Whether a task has made a checkpoint.
    pub(super) checkpointed: bool,
    pub(super) stuck: Option<Stuck>,
}

/// How a run is to be done.
#[derive(Clone, Debug)]
pub(super) struct RunOptions {
    pub(super) chooser: Chooser,
    pub(super) grain: Grain,
    pub(super) max_statements: u64,
    /// Whether any task may make a checkpoint. Only a checkpoint can tell when a snapshot is given back.
    pub(super) checkpoints: bool,
}

thread_local! {
    /// The scheduler on which this thread is, by its address, and its task.
    static CURRENT_TASK: Cell<Option<(usize, usize)>> = const { Cell::new(None) };
}

/// Whether this thread runs a task, of whatever scheduler.
pub(super) fn task_of_this_thread() -> Option<usize> {
    CURRENT_TASK.try_with(Cell::get).ok().flatten().map(|(_, task)| task)
}

/// Hears the statements of one task.
struct StatementListener {
    scheduler: Arc<Scheduler>,
    task: usize,
}

impl Scheduler {
    /// For tasks of which those in `participants` take part.
    pub(super) fn new(tasks: usize, participants: &[usize], clock: Clock, options: RunOptions) -> Arc<Scheduler> {
        let mut states: Vec<TaskState> = (0..tasks).map(|_| TaskState::default()).collect();
        for task in participants {
            states[*task].phase = Phase::Waiting;
        }
        let state = SchedulerState {
            tasks: states,
            turn: None,
            choices: Choices::new(options.chooser),
            time: Duration::ZERO,
            lines: Vec::new(),
            deadlocked: 0,
            clock_jumps: 0,
            held_back: None,
            checkpointed: false,
            stuck: None,
        };
        Arc::new(Scheduler {
            state: Mutex::new(state),
            turns: (0..tasks).map(|_| Condvar::new()).collect(),
            over: Condvar::new(),
            pulse: AtomicU64::new(0),
            clock,
            grain: options.grain,
            max_statements: options.max_statements,
            checkpoints: options.checkpoints,
        })
    }

    /// Runs a task on the thread that is its own.
    pub(super) fn perform(
        self: &Arc<Scheduler>,
        task: usize,
        thread: Option<PathBuf>,
        mut connection: Connection,
        action: impl FnOnce(&mut Connection) -> Outcome,
    ) {
        CURRENT_TASK.set(Some((Arc::as_ptr(self).addr(), task)));
        let mut state = self.lock();
        state.tasks[task].thread = thread;
        drop(self.wait_for_turn(state, task));
        let listening = listen(Arc::new(StatementListener { scheduler: Arc::clone(self), task }));
        let outcome = action(&mut connection);
        drop(listening);
        CURRENT_TASK.set(None);
        let mut state = self.lock();
        state.settle(task);
        let task_state = &mut state.tasks[task];
        task_state.ended = Some((outcome, connection));
        task_state.phase = Phase::Done;
        self.hand_on(&mut state, Some(task));
    }

    /// Lets the first task begin, and waits until all have ended or the run is given up.
    pub(super) fn watch(&self) -> (Vec<Ended>, ScheduleRecord) {
        let mut state = self.lock();
        self.hand_on(&mut state, None);
        let mut stall = StallDetector::default();
        while !state.is_over() && state.stuck.is_none() {
            let waited = self.over.wait_timeout(state, StallDetector::LOOK);
            let (guard, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = guard;
            if !timeout.timed_out() {
                continue;
            }
            let Some(turn) = state.turn else { continue };
            let thread = state.tasks[turn].thread.clone();
            if stall.is_stalled(self.pulse.load(Ordering::Relaxed), thread) && !state.is_over() {
                self.abort(&mut state, Stuck::Outside(turn));
            }
        }
        state.take()
    }

    /// Nothing that the tasks do from here on counts. They go on all at once, and every operation fails, so that they
    /// end if they can.
    fn abort(&self, state: &mut SchedulerState, stuck: Stuck) {
        state.stuck = Some(stuck);
        self.turns.iter().for_each(Condvar::notify_all);
        self.over.notify_all();
    }

    /// The task that this thread runs here.
    fn task(&self) -> Option<usize> {
        let (scheduler, task) = CURRENT_TASK.try_with(Cell::get).ok().flatten()?;
        (scheduler == std::ptr::from_ref(self).addr()).then_some(task)
    }

    fn lock(&self) -> MutexGuard<'_, SchedulerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for_turn<'a>(
        &self,
        mut state: MutexGuard<'a, SchedulerState>,
        task: usize,
    ) -> MutexGuard<'a, SchedulerState> {
        while state.turn != Some(task) && state.stuck.is_none() {
            state = self.turns[task].wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state
    }

    /// Chooses who goes on.
    fn hand_on(&self, state: &mut SchedulerState, current: Option<usize>) {
        if state.stuck.is_some() {
            return;
        }
        state.turn = self.choose(state, current);
        match state.turn {
            Some(next) if Some(next) == current => {}
            Some(next) => self.turns[next].notify_one(),
            None => self.over.notify_all(),
        }
    }

    fn choose(&self, state: &mut SchedulerState, current: Option<usize>) -> Option<usize> {
        // What a task does before its first statement is seen by nobody.
        if let Some(task) = state.tasks.iter().position(|task_state| task_state.phase == Phase::Waiting) {
            return Some(task);
        }
        let able = state.mask(|task_state| task_state.phase == Phase::Ready);
        if able == 0 {
            let clock_jumps = |(task, task_state): (usize, &TaskState)| match task_state.phase {
                Phase::Asleep(until) => Some((until, task)),
                _ => None,
            };
            let (until, task) = state.tasks.iter().enumerate().filter_map(clock_jumps).min()?;
            state.clock_jumps += 1;
            if state.clock_jumps > MOST_CLOCK_JUMPS {
                self.abort(state, Stuck::Endless(task));
                return None;
            }
            state.deadlocked |= state.mask(|task_state| matches!(task_state.phase, Phase::Asleep(_)));
            self.clock.advance(until.saturating_sub(state.time));
            state.time = state.time.max(until);
            state.tasks[task].phase = Phase::Ready;
            return Some(task);
        }
        // Who has been refused twice would be refused again, unless somebody else gives a lock back.
        let hopeful = able & state.mask(|task_state| task_state.refused_attempts < 2);
        Some(state.choices.next(current, if hopeful == 0 { able } else { hopeful }))
    }

    /// The task is about to do something that others may see, or to wait. Whoever is to go on goes on.
    fn step<'a>(
        &self,
        mut state: MutexGuard<'a, SchedulerState>,
        task: usize,
        phase: Phase,
    ) -> MutexGuard<'a, SchedulerState> {
        state.tasks[task].phase = phase;
        self.hand_on(&mut state, Some(task));
        self.wait_for_turn(state, task)
    }

    /// SQLite waits for a lock.
    fn sleep<'a>(
        &self,
        mut state: MutexGuard<'a, SchedulerState>,
        task: usize,
        time: Duration,
    ) -> MutexGuard<'a, SchedulerState> {
        let until = state.time + time;
        let task_state = &mut state.tasks[task];
        task_state.locks.sleeps();
        if let Some(line) = task_state.line {
            state.lines[line].waited = true;
        }
        self.step(state, task, Phase::Asleep(until))
    }

    /// An operation after the run was given up. A task that does not end all the same stops here for good.
    fn drain_after_abort(&self, mut state: MutexGuard<'_, SchedulerState>, task: usize) {
        state.tasks[task].operations_after_abort += 1;
        if state.tasks[task].operations_after_abort > 10_000 || state.stuck == Some(Stuck::Endless(task)) {
            drop(state);
            loop {
                std::thread::park();
            }
        }
    }
}

impl SchedulerState {
    fn mask(&self, is: impl Fn(&TaskState) -> bool) -> u8 {
        self.tasks
            .iter()
            .enumerate()
            .fold(0, |mask, (task, task_state)| mask | if is(task_state) { bit(task) } else { 0 })
    }

    fn is_over(&self) -> bool {
        self.tasks.iter().all(|task_state| matches!(task_state.phase, Phase::Done | Phase::Absent))
    }

    /// Notes how the last statement of a task has ended.
    fn settle(&mut self, task: usize) {
        let refusal = self.tasks[task].locks.settle();
        self.note(task, refusal);
    }

    fn note(&mut self, task: usize, refusal: Option<Refusal>) {
        let task_state = &mut self.tasks[task];
        if refusal.is_none() {
            return;
        }
        task_state.refused_attempts = task_state.refused_attempts.saturating_add(1);
        if let Some(line) = task_state.line {
            self.lines[line].refusal = refusal;
        }
    }

    fn take(&mut self) -> (Vec<Ended>, ScheduleRecord) {
        let ended = self.tasks.iter_mut().map(|task_state| task_state.ended.take()).collect();
        let choices = std::mem::replace(&mut self.choices, Choices::new(Chooser::Steps(Vec::new())));
        let schedule = ScheduleRecord {
            refusals: self.tasks.iter().map(|task_state| task_state.locks.unsettled()).collect(),
            statements: self.tasks.iter().map(|task_state| task_state.statements).collect(),
            touches: self.tasks.iter().map(|task_state| task_state.touches).collect(),
            fits: choices.fits,
            complete: choices.are_complete(),
            steps: choices.steps,
            decisions: choices.decisions,
            lines: std::mem::take(&mut self.lines),
            deadlocked: self.deadlocked,
            held_back: self.held_back,
            checkpointed: self.checkpointed,
            stuck: self.stuck,
        };
        (ended, schedule)
    }
}

impl Listener for StatementListener {
    fn starts(&self, text: &dyn Fn() -> String) {
        let scheduler = &*self.scheduler;
        scheduler.pulse.fetch_add(1, Ordering::Relaxed);
        let mut state = scheduler.lock();
        if state.stuck.is_some() {
            return scheduler.drain_after_abort(state, self.task);
        }
        let refusal = state.tasks[self.task].locks.statement_starts();
        state.note(self.task, refusal);
        if scheduler.grain == Grain::Statements {
            state = scheduler.step(state, self.task, Phase::Ready);
        }
        if state.stuck.is_some() {
            return;
        }
        let place = state.lines.len();
        let task_state = &mut state.tasks[self.task];
        task_state.running += 1;
        task_state.statements += 1;
        task_state.fresh = true;
        task_state.line = Some(place);
        let is_endless = task_state.statements > scheduler.max_statements;
        state.lines.push(Line { task: self.task, text: text(), waited: false, refusal: None });
        if is_endless {
            scheduler.abort(&mut state, Stuck::Endless(self.task));
            scheduler.drain_after_abort(state, self.task);
        }
    }

    fn ends(&self) {
        let mut state = self.scheduler.lock();
        state.settle(self.task);
        let task_state = &mut state.tasks[self.task];
        // A statement whose schema has changed has one start and two ends.
        task_state.running = task_state.running.saturating_sub(1);
    }
}

impl Watch for Scheduler {
    fn before(&self, op: Op<'_>) -> Result<(), Refused> {
        // Threads of the app's own run as they like.
        let Some(task) = self.task() else { return Ok(()) };
        self.pulse.fetch_add(1, Ordering::Relaxed);
        let mut state = self.lock();
        if state.stuck.is_some() {
            self.drain_after_abort(state, task);
            return Err(Refused(ffi::SQLITE_IOERR));
        }
        if let Op::Sleep { time } = op {
            drop(self.sleep(state, task, time));
            // The sleep is over: the clock must not sleep again.
            return Err(Refused(ffi::SQLITE_OK));
        }
        if state.tasks[task].locks.tries_again(op) {
            state = self.sleep(state, task, Duration::from_millis(1));
        }
        state.checkpointed |= locks::is_checkpoint(op);
        if let Some(acquires) = touches(op).filter(|_| self.checkpoints || !locks::is_end_of_read(op)) {
            let task_state = &mut state.tasks[task];
            // A lock outside of a statement that was announced: the schema is read, or the app has a trace hook of its own.
            let unannounced = acquires && task_state.running == 0;
            let first = std::mem::take(&mut task_state.fresh);
            task_state.touches += u64::from(first || unannounced);
            if unannounced || first && self.grain == Grain::Locks {
                state = self.step(state, task, Phase::Ready);
                if state.stuck.is_some() {
                    return Err(Refused(ffi::SQLITE_IOERR));
                }
            }
        }
        let wrote = state.tasks[task].locks.is_writing();
        state.tasks[task].locks.before(op);
        if matches!(op, Op::Unlock { .. } | Op::ShmUnlock { .. } | Op::Close { .. }) {
            for (other, task_state) in state.tasks.iter_mut().enumerate() {
                if matches!(task_state.phase, Phase::Asleep(_)) && task_state.locks.waits_for(op) {
                    task_state.phase = Phase::Ready;
                }
                // A writer is in everybody's way, a reader in that of a writer alone: two that try again and again are not in
                // each other's.
                if other != task && (wrote || task_state.locks.is_writing()) {
                    task_state.refused_attempts = 0;
                }
            }
        }
        Ok(())
    }

    fn locked(&self, op: Op<'_>, granted: bool) {
        let Some(task) = self.task() else { return };
        let mut state = self.lock();
        state.tasks[task].locks.locked(op, granted);
        if state.tasks[task].locks.take_held_back() {
            let reader = bits(state.mask(|task_state| task_state.locks.is_reading())).find(|reader| *reader != task);
            state.held_back = state.held_back.or(reader.map(|reader| (reader, task)));
        }
    }
}

/// Whether other connections could see the operation or its absence, and if so, whether it asks for a lock.
fn touches(op: Op<'_>) -> Option<bool> {
    match op {
        Op::Lock { .. } | Op::ShmLock { .. } => Some(true),
        Op::Unlock { .. } | Op::ShmUnlock { .. } => Some(false),
        // A journal is looked at only by who finds it left behind; temporary files have no name.
        Op::Write { file, .. } | Op::Truncate { file, .. } => {
            (!file.is_empty() && !file.ends_with("-journal")).then_some(false)
        }
        Op::Delete { .. } => Some(false),
        _ => None,
    }
}
