//! The hooks that stop a running task: the trace hook at each statement, the watch at each operation on the disk.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rusqlite::{Connection, ffi};

use super::choices::{Grain, bits};
use super::locks;
use super::run::{StatementLine, Stuck};
use super::scheduler::Scheduler;
use super::scheduler_state::Phase;
use super::task::TaskOutcome;
use crate::sim::{Op, Refused, Watch};
use crate::trace::{Listener, listen};

/// Listens to the statements of one task.
struct StatementListener {
    scheduler: Arc<Scheduler>,
    task: usize,
}

/// Runs a task on its own thread, which is `thread` to the system.
pub(super) fn run_task(
    scheduler: &Arc<Scheduler>,
    task: usize,
    thread: Option<PathBuf>,
    mut connection: Connection,
    action: impl FnOnce(&mut Connection) -> TaskOutcome,
) {
    scheduler.begin(task, thread);
    let listening = listen(Arc::new(StatementListener { scheduler: Arc::clone(scheduler), task }));
    let outcome = action(&mut connection);
    drop(listening);
    scheduler.end(task, outcome, connection);
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
        state.lines.push(StatementLine { task: self.task, text: text(), waited: false, refusal: None });
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
        // The app's own threads are not scheduled.
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
            // A lock outside of an announced statement: SQLite reads the schema, or the app has its own trace hook.
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
                // A writer blocks everybody, a reader only a writer: two tasks that keep trying do not block each other.
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
