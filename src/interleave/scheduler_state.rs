//! The state of a run: the tasks, whose turn it is, and the record of the schedule up to now.

use std::time::Duration;

use super::choices::{Choices, Chooser, bit};
use super::locks::LockRefusal;
use super::run::{EndedTask, Event, ScheduleRecord, Stuck};
use super::task_state::{Phase, TaskState};

pub(super) struct SchedulerState {
    pub(super) tasks: Vec<TaskState>,
    pub(super) turn: Option<usize>,
    pub(super) choices: Choices,
    /// The time that has passed on the disk's clock.
    pub(super) time: Duration,
    /// The number of times that the clock was moved because all tasks waited for each other.
    pub(super) clock_jumps: u32,
    /// The record of the schedule up to now.
    pub(super) record: ScheduleRecord,
    pub(super) stuck: Option<Stuck>,
    /// The task for which the write lock is kept.
    pub(super) lock_keeper: Option<usize>,
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
            clock_jumps: 0,
            record: ScheduleRecord::default(),
            stuck: None,
            lock_keeper: None,
        }
    }

    pub(super) fn mask(&self, is: impl Fn(&TaskState) -> bool) -> u8 {
        let tasks = self.tasks.iter().enumerate().filter(|(_, task_state)| is(task_state));
        tasks.fold(0, |mask, (task, _)| mask | bit(task))
    }

    /// Gives up the write lock that was kept for a task. Those that wait for it try again.
    pub(super) fn give_up_lock(&mut self, task: usize) {
        if self.lock_keeper == Some(task) {
            self.lock_keeper = None;
            self.tasks.iter_mut().for_each(|task_state| task_state.wake(None));
        }
    }

    pub(super) fn push_event(&mut self, task: usize, able: u8) {
        let task_state = &self.tasks[task];
        // A task that goes on within a statement has waited in it.
        let is_running = task_state.running > 0;
        let line = task_state.line.filter(|_| is_running);
        let connection = task_state.connections.file_of_running().filter(|_| is_running);
        self.record.events.push(Event::new(task, able, line, task_state.locks.are_held()));
        self.uses_connection(task, connection);
    }

    /// Notes that what this task is doing uses a connection, of which nothing has changed yet.
    pub(super) fn uses_connection(&mut self, task: usize, connection: Option<usize>) {
        let held = self.tasks[task].locks.held_by(connection);
        let Some(event) = self.event(task) else { return };
        if event.connection.is_none() {
            (event.connection, event.from, event.to) = (connection, held, held);
        }
        event.is_hidden |= connection.is_some() && event.connection != connection;
    }

    pub(super) fn ends_event(&mut self, task: usize) {
        let locks = &self.tasks[task].locks;
        let held = self.record.events.last().map(|event| locks.held_by(event.connection));
        let are_held = locks.are_held();
        if let (Some(event), Some(held)) = (self.event(task), held) {
            event.to = held;
            event.holds_locks |= are_held;
        }
    }

    /// Returns what this task is doing, if it had a turn.
    pub(super) fn event(&mut self, task: usize) -> Option<&mut Event> {
        self.record.events.last_mut().filter(|event| event.task == task)
    }

    /// Returns true if another task can go on.
    pub(super) fn has_others(&self, task: usize) -> bool {
        let goes_on = |phase| matches!(phase, Phase::Ready | Phase::Waiting);
        self.mask(|task_state| goes_on(task_state.phase)) & !bit(task) != 0
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
        if refusal.is_none() {
            return;
        }
        let task_state = &mut self.tasks[task];
        task_state.refused_attempts = task_state.refused_attempts.saturating_add(1);
        // None is left when the record of an aborted run was taken.
        if let Some(line) = task_state.line.and_then(|line| self.record.lines.get_mut(line)) {
            line.refusal = refusal;
        }
    }

    pub(super) fn take(&mut self) -> (Vec<EndedTask>, ScheduleRecord) {
        let ended = self.tasks.iter_mut().map(|task_state| task_state.ended.take()).collect();
        let choices = std::mem::replace(&mut self.choices, Choices::new(Chooser::Serial(Vec::new())));
        let schedule = ScheduleRecord {
            refusals: self.tasks.iter().map(|task_state| task_state.locks.unsettled).collect(),
            statements: self.tasks.iter().map(|task_state| task_state.statements).collect(),
            touches: self.tasks.iter().map(|task_state| task_state.touches).collect(),
            fits: choices.fits,
            complete: choices.are_complete(),
            steps: choices.steps,
            stuck: self.stuck,
            has_threads: self.tasks.iter().any(TaskState::has_threads),
            ..std::mem::take(&mut self.record)
        };
        (ended, schedule)
    }
}
