//! The scheduler: one thread runs at a time, and the turn is passed from task to task.
//!
//! A task passes its turn on before a statement and where SQLite would wait for a lock. It then waits until another task
//! releases that lock, and no time passes meanwhile. Only when all tasks wait for each other, the disk's clock moves to the
//! moment at which the first of them would try again: a busy timeout of five seconds is over at once.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use super::choices::{Chooser, bit, bits};
use super::final_state::Hidden;
use super::remedy::Remedy;
use super::run::{EndedTask, ScheduleRecord, Stuck, TaskOutcome, begins_deferred};
use super::scheduler_state::SchedulerState;
use super::stall::StallDetector;
use super::task_state::{Phase, TaskState};
use crate::sim::Clock;

pub(super) struct Scheduler {
    state: Mutex<SchedulerState>,
    /// Wakes each task for its turn.
    turns: Vec<Condvar>,
    pub(super) over: Condvar,
    /// Counts what happens: operations, statements and turns. It stops growing when a task is stuck.
    pub(super) pulse: AtomicU64,
    /// The number of threads that wait for the state. To the system, they wait like those that have nothing to do.
    entering: AtomicUsize,
    clock: Clock,
    pub(super) options: RunOptions,
}

type LockedState<'a> = MutexGuard<'a, SchedulerState>;

/// The largest number of times that tasks which wait for each other try again: more than half an hour of SQLite's own busy
/// handler.
const MAX_CLOCK_JUMPS: u32 = 20_000;

/// The number of operations after which a task of an aborted run is stopped.
const MAX_OPERATIONS_AFTER_ABORT: u32 = 10_000;

/// The rules for the schedule of a run.
#[derive(Clone, Debug)]
pub(super) struct RunOptions {
    pub(super) chooser: Chooser,
    /// The number of statements that a task may run.
    pub(super) max_statements: u64,
    /// True if a task may make a checkpoint. Only a checkpoint depends on when a snapshot is released.
    pub(super) checkpoints: bool,
    /// If a task keeps its turn until its transaction is over: the number of transactions that each task may begin. The next one
    /// is refused.
    pub(super) transactions: Option<Vec<Option<u64>>>,
    pub(super) remedy: Remedy,
    /// True if connections wait for locks whether or not the app makes them.
    pub(super) with_timeout: bool,
    pub(super) hidden: Arc<Hidden>,
    /// True if tasks may see what another one does between its statements.
    pub(super) share_memory: bool,
    /// True if that can change, so that a task stops also after its statements.
    pub(super) share_values: bool,
    /// True if tasks open connections themselves, and have to close them before they end.
    pub(super) owns_connections: bool,
}

thread_local! {
    /// The task that this thread runs.
    static CURRENT_TASK: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Returns the task that this thread runs for any scheduler.
pub(super) fn task_of_this_thread() -> Option<usize> {
    CURRENT_TASK.try_with(Cell::get).ok().flatten()
}

impl Scheduler {
    /// Schedules `participants`, some of so many tasks.
    pub(super) fn new(tasks: usize, participants: &[usize], clock: Clock, options: RunOptions) -> Arc<Scheduler> {
        Arc::new(Scheduler {
            state: Mutex::new(SchedulerState::new(tasks, participants, options.chooser.clone())),
            turns: (0..tasks).map(|_| Condvar::new()).collect(),
            over: Condvar::new(),
            pulse: AtomicU64::new(0),
            entering: AtomicUsize::new(0),
            clock,
            options,
        })
    }

    /// Makes this thread run a task, and waits for its turn.
    pub(super) fn begin(&self, task: usize) {
        CURRENT_TASK.set(Some(task));
        let mut state = self.lock();
        state.tasks[task].this_thread();
        while state.turn != Some(task) && state.stuck.is_none() {
            state = self.turns[task].wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends the task of this thread, and passes its turn on.
    pub(super) fn end(&self, task: usize, outcome: TaskOutcome, connection: Connection) {
        let mut state = self.enter(task);
        CURRENT_TASK.set(None);
        state = self.await_closed(state, task);
        state.settle(task);
        state.give_up_lock(task);
        let task_state = &mut state.tasks[task];
        task_state.ended = Some((outcome, connection));
        task_state.phase = Phase::Done;
        let mut state = self.await_outside(state);
        self.pass_turn(&mut state, Some(task));
    }

    /// Lets the first task begin, and waits until all have ended or the run is aborted.
    pub(super) fn run_to_end(&self) -> (Vec<EndedTask>, ScheduleRecord) {
        let mut state = self.lock();
        self.pass_turn(&mut state, None);
        let mut stall = StallDetector::default();
        while !state.is_over() && state.stuck.is_none() {
            let waited = self.over.wait_timeout(state, StallDetector::INTERVAL);
            let (guard, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = guard;
            if !timeout.timed_out() {
                continue;
            }
            let outside = state.tasks.iter().position(|task_state| task_state.phase == Phase::Outside);
            let Some(task) = state.turn.or(outside) else { continue };
            let waits;
            (state, waits) = self.is_quiet(state, task, None);
            let is_stalled = stall.is_stalled(self.pulse.load(Ordering::Relaxed), waits);
            if waits == Some(true) && state.turn == Some(task) && state.tasks[task].has_parked() {
                // One thread of the task waits until another one has had its turn.
                self.pass_turn(&mut state, Some(task));
            } else if state.is_over() || state.tasks[task].is_closing {
                continue;
            } else if stall.waits_for_others() && state.turn == Some(task) && state.has_others(task) {
                // Another task may end its wait.
                state.tasks[task].phase = Phase::Outside;
                stall = StallDetector::default();
                self.pass_turn(&mut state, Some(task));
            } else if is_stalled {
                self.abort(&mut state, Stuck::Outside(task));
            }
        }
        state.take()
    }

    /// Aborts the run. All tasks go on at once, and each of their operations fails, so that they end if they can.
    pub(super) fn abort(&self, state: &mut SchedulerState, stuck: Stuck) {
        state.stuck = Some(stuck);
        self.turns.iter().for_each(Condvar::notify_all);
        self.over.notify_all();
    }

    pub(super) fn lock(&self) -> LockedState<'_> {
        self.entering.fetch_add(1, Ordering::SeqCst);
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.entering.fetch_sub(1, Ordering::SeqCst);
        state
    }

    /// Lets a task that has waited outside of SQLite take part again, and waits for its turn. To be called before it does
    /// anything.
    pub(super) fn enter(&self, task: usize) -> LockedState<'_> {
        let mut state = self.lock();
        if state.tasks[task].phase != Phase::Outside || state.stuck.is_some() {
            return state;
        }
        let thread = state.tasks[task].this_thread();
        state.tasks[task].park(thread, None);
        if state.turn.is_none() {
            self.pass_turn(&mut state, None);
        }
        self.wait_for_turn(state, task, thread)
    }

    /// Waits until each task that has waited outside of SQLite takes part again or is seen to wait still, so that the same
    /// tasks have the choice in each run.
    fn await_outside<'a>(&'a self, mut state: LockedState<'a>) -> LockedState<'a> {
        let outside = |state: &SchedulerState| state.mask(|task_state| task_state.phase == Phase::Outside);
        let mut seen = 0;
        while outside(&state) != 0 && state.stuck.is_none() && seen < 2 {
            drop(state);
            std::thread::sleep(Duration::from_millis(1));
            state = self.lock();
            seen += 1;
            for task in bits(outside(&state)) {
                let waits;
                (state, waits) = self.is_quiet(state, task, None);
                if waits != Some(true) {
                    seen = 0;
                }
            }
        }
        state
    }

    /// Waits until the other threads of a task wait too, so that those that run statements side by side have one order.
    fn await_other_threads<'a>(&'a self, mut state: LockedState<'a>, task: usize, thread: usize) -> LockedState<'a> {
        while state.turn == Some(task) && state.tasks[task].is_parked(thread) && state.stuck.is_none() {
            let waits;
            (state, waits) = self.is_quiet(state, task, Some(thread));
            if waits != Some(false) {
                break;
            }
            drop(state);
            std::thread::sleep(Duration::from_micros(50));
            state = self.lock();
        }
        state
    }

    /// Returns true if all threads of a task but `except` wait, and not for a time to pass. `None` if the system does not say.
    fn is_quiet<'a>(
        &'a self,
        state: LockedState<'a>,
        task: usize,
        except: Option<usize>,
    ) -> (LockedState<'a>, Option<bool>) {
        let Some(threads) = state.tasks[task].running_threads(except) else { return (state, Some(false)) };
        if threads.is_empty() {
            return (state, Some(true));
        }
        let pulse = self.pulse.load(Ordering::Relaxed);
        // A thread that runs a statement may wait for a mutex of SQLite's, and one between statements for the allocator's.
        let checks = if state.tasks[task].running > 0 { 20 } else { 3 };
        // A thread must not seem to wait because this one has the lock.
        drop(state);
        let all_wait = || threads.iter().try_fold(true, |all, thread| Some(all && thread.waits()?));
        let is_still = || self.entering.load(Ordering::SeqCst) == 0 && pulse == self.pulse.load(Ordering::Relaxed);
        let mut waits = all_wait();
        for _ in 1..checks {
            if waits != Some(true) || !is_still() {
                break;
            }
            std::thread::sleep(Duration::from_micros(100));
            waits = all_wait();
        }
        let state = self.lock();
        (state, waits.map(|waits| waits && is_still()))
    }

    /// Waits until the connections that a task has opened itself are closed, as a pool does in threads of its own.
    fn await_closed<'a>(&'a self, mut state: LockedState<'a>, task: usize) -> LockedState<'a> {
        let mut stall = StallDetector::default();
        let here = state.tasks[task].this_thread();
        state.tasks[task].is_closing = true;
        while self.options.owns_connections && state.tasks[task].connections.open() > 0 && state.stuck.is_none() {
            let waits;
            (state, waits) = self.is_quiet(state, task, Some(here));
            if stall.is_stalled(self.pulse.load(Ordering::Relaxed), waits) {
                state.record.kept_open = state.record.kept_open.or(Some(task));
                break;
            }
            state = self.over.wait_timeout(state, StallDetector::INTERVAL).unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }

    fn wait_for_turn<'a>(&'a self, mut state: LockedState<'a>, task: usize, thread: usize) -> LockedState<'a> {
        state.tasks[task].has_arrived(thread);
        while !(state.turn == Some(task) && state.tasks[task].takes_turn(thread)) && state.stuck.is_none() {
            state = self.turns[task].wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state
    }

    /// Passes the turn to the task that is to go on.
    fn pass_turn(&self, state: &mut SchedulerState, current: Option<usize>) {
        if state.stuck.is_some() {
            return;
        }
        self.pulse.fetch_add(1, Ordering::Relaxed);
        if let Some(task) = current {
            state.ends_event(task);
        }
        state.turn = self.choose(state, current);
        match state.turn {
            Some(next) => {
                state.tasks[next].release();
                self.turns[next].notify_all();
            }
            None => self.over.notify_all(),
        }
    }

    fn choose(&self, state: &mut SchedulerState, current: Option<usize>) -> Option<usize> {
        let waiting = state.mask(|task_state| task_state.phase == Phase::Waiting);
        // No other connection can see what a task does before its first statement. But one after another, it may wait for a
        // mutex that another one would have.
        let is_serial = matches!(self.options.chooser, Chooser::Serial(_));
        if waiting != 0 && !self.options.share_memory && !is_serial {
            return Some(waiting.trailing_zeros() as usize);
        }
        let able = waiting | state.mask(|task_state| task_state.phase == Phase::Ready);
        if able == 0 {
            let wakes_at = |(task, task_state): (usize, &TaskState)| match task_state.phase {
                Phase::Asleep(until) => Some((until, task)),
                _ => None,
            };
            let (until, task) = state.tasks.iter().enumerate().filter_map(wakes_at).min()?;
            state.clock_jumps += 1;
            if state.clock_jumps > MAX_CLOCK_JUMPS {
                self.abort(state, Stuck::Endless(task));
                return None;
            }
            state.record.deadlocked |= state.mask(|task_state| matches!(task_state.phase, Phase::Asleep(_)));
            self.clock.advance(until.saturating_sub(state.time));
            state.time = state.time.max(until);
            state.push_event(task, 0);
            return Some(task);
        }
        // A task that was refused twice would be refused again, unless another one releases a lock.
        let hopeful = able & state.mask(|task_state| task_state.refused_attempts < 2);
        let able = if hopeful == 0 { able } else { hopeful };
        let task = state.choices.next(current, able);
        state.push_event(task, able);
        Some(task)
    }

    /// Passes the turn on before the task does something that others may see, and waits for the next turn.
    pub(super) fn step<'a>(&'a self, state: LockedState<'a>, task: usize) -> LockedState<'a> {
        self.wait_until(state, task, None)
    }

    fn wait_until<'a>(&'a self, mut state: LockedState<'a>, task: usize, until: Option<Duration>) -> LockedState<'a> {
        let thread = state.tasks[task].this_thread();
        state.tasks[task].park(thread, until);
        let mut state = self.await_outside(self.await_other_threads(state, task, thread));
        // Another thread of the task may have passed it on, and this one may have it again.
        if state.turn == Some(task) && state.tasks[task].is_parked(thread) {
            self.pass_turn(&mut state, Some(task));
        }
        self.wait_for_turn(state, task, thread)
    }

    /// Passes the turn on because SQLite waits for a lock.
    pub(super) fn sleep<'a>(&'a self, mut state: LockedState<'a>, task: usize, time: Duration) -> LockedState<'a> {
        let until = state.time + time;
        let task_state = &mut state.tasks[task];
        task_state.locks.sleeps();
        if let Some(line) = task_state.line.and_then(|line| state.record.lines.get_mut(line)) {
            line.waited = true;
        }
        if let Some(event) = state.event(task) {
            event.waits = true;
        }
        self.wait_until(state, task, Some(until))
    }

    /// Returns true if the remedy gives the write lock to a task that starts this statement outside of a transaction: its
    /// transaction is to begin IMMEDIATE although the statement does not say so, or everything that the task does.
    pub(super) fn keeps_lock(&self, task: usize, sql: &str) -> bool {
        match self.options.remedy {
            Remedy::Immediate => begins_deferred(sql),
            Remedy::WiderTransaction(_) => true,
            Remedy::WiderReadTransaction(readers) => readers & bit(task) != 0,
            Remedy::None | Remedy::ReadTransaction(_) | Remedy::OneTransaction(_) => false,
        }
    }

    /// Keeps the write lock for a task. Where another one has it, the task waits as its connection does: `waits` is its busy
    /// handler. Returns false if the connection waits no longer.
    pub(super) fn keep_lock<'a>(
        &'a self,
        mut state: LockedState<'a>,
        task: usize,
        waits: &dyn Fn() -> bool,
    ) -> (LockedState<'a>, bool) {
        loop {
            let is_kept = state.lock_keeper.is_some_and(|keeper| keeper != task);
            let others = state.mask(|task_state| task_state.locks.writing()) & !bit(task);
            if state.stuck.is_some() {
                return (state, true);
            }
            if !is_kept && others == 0 {
                state.lock_keeper = Some(task);
                state.record.kept_lock = true;
                return (state, true);
            }
            let events = state.record.events.len();
            if !self.options.with_timeout {
                drop(state);
                let is_patient = waits();
                state = self.lock();
                if !is_patient {
                    return (state, false);
                }
            }
            // The app's own busy handler may return at once.
            if state.record.events.len() == events {
                state = self.sleep(state, task, Duration::from_millis(100));
            }
        }
    }

    /// Counts an operation after the run was aborted. A task that still does not end stops here for good.
    pub(super) fn drain_after_abort(&self, mut state: LockedState<'_>, task: usize) {
        let operations = &mut state.tasks[task].operations_after_abort;
        *operations += 1;
        if *operations > MAX_OPERATIONS_AFTER_ABORT || state.stuck == Some(Stuck::Endless(task)) {
            drop(state);
            loop {
                std::thread::park();
            }
        }
    }
}
