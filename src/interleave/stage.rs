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
use super::standstill::Standstill;
use crate::record::Listener;
use crate::sim::{Clock, Op, Refused, Watch};

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

pub(super) struct Stage {
    play: Mutex<Play>,
    /// One for each task.
    turns: Vec<Condvar>,
    over: Condvar,
    /// Counts everything that any task does, so that a standstill shows.
    pulse: AtomicU64,
    clock: Clock,
    grain: Grain,
    /// How many statements a task may run.
    patience: u64,
    checkpoints: bool,
}

/// How often tasks that wait for each other look again: more than half an hour of SQLite's own busy handler.
const MOST_WAKES: u32 = 20_000;

struct Play {
    actors: Vec<Actor>,
    turn: Option<usize>,
    choices: Choices,
    /// What has gone by on the disk's clock.
    time: Duration,
    lines: Vec<Line>,
    /// The tasks that waited for each other, a bit each.
    deadlocked: u8,
    /// How often time had to go by for that.
    wakes: u32,
    /// A task whose snapshot held back a checkpoint, and the task that made the checkpoint.
    held_back: Option<(usize, usize)>,
    checkpointed: bool,
    stuck: Option<Stuck>,
}

#[derive(Default)]
struct Actor {
    state: State,
    locks: Locks,
    /// How many statements are under way.
    running: u32,
    /// The statement that runs has touched nothing that others see.
    fresh: bool,
    /// How many statements it has run, and how many of them touched something.
    statements: u64,
    touches: u64,
    /// How often it was refused since anybody else gave back what may have been in its way.
    in_vain: u8,
    line: Option<usize>,
    /// What happened on the disk after the run was given up.
    struggle: u32,
    thread: Option<PathBuf>,
    ended: Ended,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
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
pub(super) struct Played {
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
pub(super) struct Script {
    pub(super) chooser: Chooser,
    pub(super) grain: Grain,
    pub(super) patience: u64,
    /// Whether any task may make a checkpoint. Only a checkpoint can tell when a snapshot is given back.
    pub(super) checkpoints: bool,
}

thread_local! {
    /// The stage on which this thread is, by its address, and its task.
    static ROLE: Cell<Option<(usize, usize)>> = const { Cell::new(None) };
}

/// Whether this thread runs a task, of whatever stage.
pub(super) fn task_of_this_thread() -> Option<usize> {
    ROLE.try_with(Cell::get).ok().flatten().map(|(_, task)| task)
}

/// Hears the statements of one task.
struct Ear {
    stage: Arc<Stage>,
    task: usize,
}

impl Stage {
    /// For tasks of which those in `cast` take part.
    pub(super) fn new(tasks: usize, cast: &[usize], clock: Clock, script: Script) -> Arc<Stage> {
        let mut actors: Vec<Actor> = (0..tasks).map(|_| Actor::default()).collect();
        for task in cast {
            actors[*task].state = State::Waiting;
        }
        let play = Play {
            actors,
            turn: None,
            choices: Choices::new(script.chooser),
            time: Duration::ZERO,
            lines: Vec::new(),
            deadlocked: 0,
            wakes: 0,
            held_back: None,
            checkpointed: false,
            stuck: None,
        };
        Arc::new(Stage {
            play: Mutex::new(play),
            turns: (0..tasks).map(|_| Condvar::new()).collect(),
            over: Condvar::new(),
            pulse: AtomicU64::new(0),
            clock,
            grain: script.grain,
            patience: script.patience,
            checkpoints: script.checkpoints,
        })
    }

    /// Runs a task on the thread that is its own.
    pub(super) fn perform(
        self: &Arc<Stage>,
        task: usize,
        thread: Option<PathBuf>,
        mut connection: Connection,
        action: impl FnOnce(&mut Connection) -> Outcome,
    ) {
        ROLE.set(Some((Arc::as_ptr(self).addr(), task)));
        let mut play = self.lock();
        play.actors[task].thread = thread;
        drop(self.wait_for_turn(play, task));
        let listening = crate::record::listen(Arc::new(Ear { stage: Arc::clone(self), task }));
        let outcome = action(&mut connection);
        drop(listening);
        ROLE.set(None);
        let mut play = self.lock();
        play.settle(task);
        let actor = &mut play.actors[task];
        actor.ended = Some((outcome, connection));
        actor.state = State::Done;
        self.hand_on(&mut play, Some(task));
    }

    /// Lets the first task begin, and waits until all have ended or the run is given up.
    pub(super) fn watch(&self) -> (Vec<Ended>, Played) {
        let mut play = self.lock();
        self.hand_on(&mut play, None);
        let mut standstill = Standstill::default();
        while !play.is_over() && play.stuck.is_none() {
            let waited = self.over.wait_timeout(play, Standstill::LOOK);
            let (guard, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            play = guard;
            if !timeout.timed_out() {
                continue;
            }
            let Some(turn) = play.turn else { continue };
            let thread = play.actors[turn].thread.clone();
            if standstill.is_certain(self.pulse.load(Ordering::Relaxed), thread) && !play.is_over() {
                self.give_up(&mut play, Stuck::Outside(turn));
            }
        }
        play.take()
    }

    /// Nothing that the tasks do from here on counts. They go on all at once, and every operation fails, so that they
    /// end if they can.
    fn give_up(&self, play: &mut Play, stuck: Stuck) {
        play.stuck = Some(stuck);
        self.turns.iter().for_each(Condvar::notify_all);
        self.over.notify_all();
    }

    /// The task that this thread runs here.
    fn task(&self) -> Option<usize> {
        let (stage, task) = ROLE.try_with(Cell::get).ok().flatten()?;
        (stage == std::ptr::from_ref(self).addr()).then_some(task)
    }

    fn lock(&self) -> MutexGuard<'_, Play> {
        self.play.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for_turn<'a>(&self, mut play: MutexGuard<'a, Play>, task: usize) -> MutexGuard<'a, Play> {
        while play.turn != Some(task) && play.stuck.is_none() {
            play = self.turns[task].wait(play).unwrap_or_else(PoisonError::into_inner);
        }
        play
    }

    /// Chooses who goes on.
    fn hand_on(&self, play: &mut Play, current: Option<usize>) {
        if play.stuck.is_some() {
            return;
        }
        play.turn = self.choose(play, current);
        match play.turn {
            Some(next) if Some(next) == current => {}
            Some(next) => self.turns[next].notify_one(),
            None => self.over.notify_all(),
        }
    }

    fn choose(&self, play: &mut Play, current: Option<usize>) -> Option<usize> {
        // What a task does before its first statement is seen by nobody.
        if let Some(task) = play.actors.iter().position(|actor| actor.state == State::Waiting) {
            return Some(task);
        }
        let able = play.mask(|actor| actor.state == State::Ready);
        if able == 0 {
            let wakes = |(task, actor): (usize, &Actor)| match actor.state {
                State::Asleep(until) => Some((until, task)),
                _ => None,
            };
            let (until, task) = play.actors.iter().enumerate().filter_map(wakes).min()?;
            play.wakes += 1;
            if play.wakes > MOST_WAKES {
                self.give_up(play, Stuck::Endless(task));
                return None;
            }
            play.deadlocked |= play.mask(|actor| matches!(actor.state, State::Asleep(_)));
            self.clock.advance(until.saturating_sub(play.time));
            play.time = play.time.max(until);
            play.actors[task].state = State::Ready;
            return Some(task);
        }
        // Who has been refused twice would be refused again, unless somebody else gives a lock back.
        let hopeful = able & play.mask(|actor| actor.in_vain < 2);
        Some(play.choices.next(current, if hopeful == 0 { able } else { hopeful }))
    }

    /// The task is about to do something that others may see, or to wait. Whoever is to go on goes on.
    fn step<'a>(&self, mut play: MutexGuard<'a, Play>, task: usize, state: State) -> MutexGuard<'a, Play> {
        play.actors[task].state = state;
        self.hand_on(&mut play, Some(task));
        self.wait_for_turn(play, task)
    }

    /// SQLite waits for a lock.
    fn sleep<'a>(&self, mut play: MutexGuard<'a, Play>, task: usize, time: Duration) -> MutexGuard<'a, Play> {
        let until = play.time + time;
        let actor = &mut play.actors[task];
        actor.locks.sleeps();
        if let Some(line) = actor.line {
            play.lines[line].waited = true;
        }
        self.step(play, task, State::Asleep(until))
    }

    /// An operation after the run was given up. A task that does not end all the same stops here for good.
    fn struggle(&self, mut play: MutexGuard<'_, Play>, task: usize) {
        play.actors[task].struggle += 1;
        if play.actors[task].struggle > 10_000 || play.stuck == Some(Stuck::Endless(task)) {
            drop(play);
            loop {
                std::thread::park();
            }
        }
    }
}

impl Play {
    fn mask(&self, is: impl Fn(&Actor) -> bool) -> u8 {
        self.actors.iter().enumerate().fold(0, |mask, (task, actor)| mask | if is(actor) { bit(task) } else { 0 })
    }

    fn is_over(&self) -> bool {
        self.actors.iter().all(|actor| matches!(actor.state, State::Done | State::Absent))
    }

    /// Notes how the last statement of a task has ended.
    fn settle(&mut self, task: usize) {
        let refusal = self.actors[task].locks.settle();
        self.note(task, refusal);
    }

    fn note(&mut self, task: usize, refusal: Option<Refusal>) {
        let actor = &mut self.actors[task];
        if refusal.is_none() {
            return;
        }
        actor.in_vain = actor.in_vain.saturating_add(1);
        if let Some(line) = actor.line {
            self.lines[line].refusal = refusal;
        }
    }

    fn take(&mut self) -> (Vec<Ended>, Played) {
        let ended = self.actors.iter_mut().map(|actor| actor.ended.take()).collect();
        let choices = std::mem::replace(&mut self.choices, Choices::new(Chooser::Steps(Vec::new())));
        let played = Played {
            refusals: self.actors.iter().map(|actor| actor.locks.unsettled()).collect(),
            statements: self.actors.iter().map(|actor| actor.statements).collect(),
            touches: self.actors.iter().map(|actor| actor.touches).collect(),
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
        (ended, played)
    }
}

impl Listener for Ear {
    fn starts(&self, text: &dyn Fn() -> String) {
        let stage = &*self.stage;
        stage.pulse.fetch_add(1, Ordering::Relaxed);
        let mut play = stage.lock();
        if play.stuck.is_some() {
            return stage.struggle(play, self.task);
        }
        let refusal = play.actors[self.task].locks.statement_starts();
        play.note(self.task, refusal);
        if stage.grain == Grain::Statements {
            play = stage.step(play, self.task, State::Ready);
        }
        if play.stuck.is_some() {
            return;
        }
        let place = play.lines.len();
        let actor = &mut play.actors[self.task];
        actor.running += 1;
        actor.statements += 1;
        actor.fresh = true;
        actor.line = Some(place);
        let is_endless = actor.statements > stage.patience;
        play.lines.push(Line { task: self.task, text: text(), waited: false, refusal: None });
        if is_endless {
            stage.give_up(&mut play, Stuck::Endless(self.task));
            stage.struggle(play, self.task);
        }
    }

    fn ends(&self) {
        let mut play = self.stage.lock();
        play.settle(self.task);
        let actor = &mut play.actors[self.task];
        // A statement whose schema has changed has one start and two ends.
        actor.running = actor.running.saturating_sub(1);
    }
}

impl Watch for Stage {
    fn before(&self, op: Op<'_>) -> Result<(), Refused> {
        // Threads of the app's own run as they like.
        let Some(task) = self.task() else { return Ok(()) };
        self.pulse.fetch_add(1, Ordering::Relaxed);
        let mut play = self.lock();
        if play.stuck.is_some() {
            self.struggle(play, task);
            return Err(Refused(ffi::SQLITE_IOERR));
        }
        if let Op::Sleep { time } = op {
            drop(self.sleep(play, task, time));
            // The sleep is over: the clock must not sleep again.
            return Err(Refused(ffi::SQLITE_OK));
        }
        if play.actors[task].locks.tries_again(op) {
            play = self.sleep(play, task, Duration::from_millis(1));
        }
        play.checkpointed |= locks::is_checkpoint(op);
        if let Some(acquires) = touches(op).filter(|_| self.checkpoints || !locks::is_end_of_read(op)) {
            let actor = &mut play.actors[task];
            // A lock outside of a statement that was announced: the schema is read, or the app has a trace hook of its own.
            let unannounced = acquires && actor.running == 0;
            let first = std::mem::take(&mut actor.fresh);
            actor.touches += u64::from(first || unannounced);
            if unannounced || first && self.grain == Grain::Locks {
                play = self.step(play, task, State::Ready);
                if play.stuck.is_some() {
                    return Err(Refused(ffi::SQLITE_IOERR));
                }
            }
        }
        let wrote = play.actors[task].locks.is_writing();
        play.actors[task].locks.before(op);
        if matches!(op, Op::Unlock { .. } | Op::ShmUnlock { .. } | Op::Close { .. }) {
            for (other, actor) in play.actors.iter_mut().enumerate() {
                if matches!(actor.state, State::Asleep(_)) && actor.locks.waits_for(op) {
                    actor.state = State::Ready;
                }
                // A writer is in everybody's way, a reader in that of a writer alone: two that try again and again are not in
                // each other's.
                if other != task && (wrote || actor.locks.is_writing()) {
                    actor.in_vain = 0;
                }
            }
        }
        Ok(())
    }

    fn locked(&self, op: Op<'_>, granted: bool) {
        let Some(task) = self.task() else { return };
        let mut play = self.lock();
        play.actors[task].locks.locked(op, granted);
        if play.actors[task].locks.take_held_back() {
            let reader = bits(play.mask(|actor| actor.locks.is_reading())).find(|reader| *reader != task);
            play.held_back = play.held_back.or(reader.map(|reader| (reader, task)));
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
