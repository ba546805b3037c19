//! The state of a run and of each of its tasks.

use std::path::PathBuf;
use std::time::Duration;

use super::choices::{Choices, Chooser, bit};
use super::locks::{LockRefusal, TaskLocks};
use super::run::{EndedTask, ScheduleRecord, StatementLine, Stuck};

pub(super) struct SchedulerState {
    pub(super) tasks: Vec<TaskState>,
    pub(super) turn: Option<usize>,
    pub(super) choices: Choices,
    /// The time that has passed on the disk's clock.
    pub(super) time: Duration,
    pub(super) lines: Vec<StatementLine>,
    /// The tasks that waited for each other, a bit each.
    pub(super) deadlocked: u8,
    /// The number of times that the clock was moved for that.
    pub(super) clock_jumps: u32,
    /// A task whose snapshot held back a checkpoint, and the task that made the checkpoint.
    pub(super) held_back: Option<(usize, usize)>,
    pub(super) checkpointed: bool,
    pub(super) stuck: Option<Stuck>,
}

#[derive(Default)]
pub(super) struct TaskState {
    pub(super) phase: Phase,
    pub(super) locks: TaskLocks,
    /// The number of running statements.
    pub(super) running: u32,
    /// True if the running statement has touched nothing that others see.
    pub(super) fresh: bool,
    /// The number of statements that it has run, and of those that touched something.
    pub(super) statements: u64,
    pub(super) touches: u64,
    /// The number of refusals since another task released a lock that may have blocked it.
    pub(super) refused_attempts: u8,
    pub(super) line: Option<usize>,
    /// The number of its operations after the run was aborted.
    pub(super) operations_after_abort: u32,
    pub(super) thread: Option<PathBuf>,
    pub(super) ended: EndedTask,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// It does not take part.
    #[default]
    Absent,
    /// Its code has not begun.
    Waiting,
    Ready,
    /// SQLite would try again at this time.
    Asleep(Duration),
    Done,
}

impl SchedulerState {
    pub(super) fn new(tasks: usize, participants: &[usize], chooser: Chooser) -> SchedulerState {
        let mut states: Vec<TaskState> = (0..tasks).map(|_| TaskState::default()).collect();
        for task in participants {
            states[*task].phase = Phase::Waiting;
        }
        SchedulerState {
            tasks: states,
            turn: None,
            choices: Choices::new(chooser),
            time: Duration::ZERO,
            lines: Vec::new(),
            deadlocked: 0,
            clock_jumps: 0,
            held_back: None,
            checkpointed: false,
            stuck: None,
        }
    }

    pub(super) fn mask(&self, is: impl Fn(&TaskState) -> bool) -> u8 {
        self.tasks
            .iter()
            .enumerate()
            .fold(0, |mask, (task, task_state)| mask | if is(task_state) { bit(task) } else { 0 })
    }

    pub(super) fn is_over(&self) -> bool {
        self.tasks.iter().all(|task_state| matches!(task_state.phase, Phase::Done | Phase::Absent))
    }

    /// Notes how the last statement of a task ended.
    pub(super) fn settle(&mut self, task: usize) {
        let refusal = self.tasks[task].locks.settle();
        self.note(task, refusal);
    }

    pub(super) fn note(&mut self, task: usize, refusal: Option<LockRefusal>) {
        let task_state = &mut self.tasks[task];
        if refusal.is_none() {
            return;
        }
        task_state.refused_attempts = task_state.refused_attempts.saturating_add(1);
        if let Some(line) = task_state.line {
            self.lines[line].refusal = refusal;
        }
    }

    pub(super) fn take(&mut self) -> (Vec<EndedTask>, ScheduleRecord) {
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
