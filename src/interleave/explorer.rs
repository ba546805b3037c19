//! Explores the schedules: chooses which are run, classifies each run, and keeps the worst problem.
//!
//! ```text
//! task on its thread -> trace hook: a statement starts -> scheduler: whose turn? -> choices (every one, drawn, replayed)
//!                    -> gate: a lock, a sleep          ->                    -> locks: what was refused, and does waiting help
//! ```
//!
//! - **One turn for all threads.** It is passed on where a statement starts. There is nothing to find within a statement:
//!   SQLite starts it anew with a fresh snapshot where it may, and where it may not, the cause lies between statements.
//!   Locks outside of an announced statement (the app has its own trace hook; a commit at `sqlite3_reset`) are steps too,
//!   so that hidden statements hide no schedule.
//! - **One schedule of each class.** Steps that touch different rows, or that no other connection can see, may be exchanged:
//!   see `effect`. Of 34,650 orders of three deferred transactions 78 make a difference.
//! - **Waiting takes no time.** A task that sleeps is woken by the release of the lock that refused it. Only when all tasks
//!   sleep, the clock moves. An error because of a lock therefore means that no timeout helps, or that there is none. The
//!   app's own busy handler is recognized by SQLite's second request for the same lock.
//! - **Refusals are read from the operations on the disk**, not from error codes, which the app may hide: a write lock that
//!   is released at once is `SQLITE_BUSY_SNAPSHOT`.
//! - **A remedy waits as the app does.** To try `BEGIN IMMEDIATE` without changing the code, the scheduler keeps the write lock for
//!   the task. Another one that wants it asks the busy handler of its own connection, which SQLite hands to the VFS; if that does
//!   not wait, the statement fails. A busy timeout is set on all connections only where the remedy is not enough without one.
//! - **No invariant is needed.** State and results must equal those of a serial order of the tasks, which may leave out a
//!   task that failed. Each serial order is run first, one of them twice: what is not deterministic cannot be compared.
//! - **A path for each task.** Each task has its own view of the copy, with a gate and a trace hook of its own. They say whose a
//!   statement is, which its thread cannot: an async driver has a thread for each connection. Of the threads of one task
//!   that stop at the same time, the one whose connection was opened first goes on.
//! - **Threads are detached**, and closures are `'static`: a task that is stuck must not keep the process from ending. A
//!   task is stuck when the system says that its thread sleeps. A slow machine is no deadlock.
//! - **Lists of statements use the same scheduler.** Another way to wait for locks would be another set of rules, and more
//!   than half of a schedule's time goes into its connections and the digest of its state. Lists are split once, not in
//!   each schedule.

use std::ops::ControlFlow;

use super::choices::{Chooser, bits, orders};
use super::effect::{Caution, Step};
use super::final_state::Hidden;
use super::footprint::Footprints;
use super::problem::{Classification, FoundProblem, Invariant, MayFail, classify, problem_by_itself};
use super::reduction::{Classes, Reduction};
use super::report::{self, Report, Selection};
use super::run::{Run, Task, TaskOutcome};
use super::serial_runs::SerialRuns;
use super::{effect, failure};
use crate::draw::{self, Draw};
use crate::env::Shard;
use crate::error::{Error, ErrorKind, Result};
use crate::explore::{DatabaseChanges, help_for};
use crate::order::SortedMap;
use crate::progress::Progress;
use crate::report::visible;

/// The options of an exploration.
pub(super) struct Options<'a> {
    /// The largest number of schedules, if the user has set one.
    pub(super) limit: Option<u64>,
    /// The largest number in any case, for a remedy.
    pub(super) most: u64,
    pub(super) seed: u64,
    pub(super) shard: Shard,
    pub(super) replay: Option<Vec<u8>>,
    pub(super) may_fail: MayFail,
    pub(super) invariant: Option<&'a Invariant<'a>>,
    /// Returns an error if a task has used the database of which it is given copies.
    pub(super) works_on_copies: &'a dyn Fn() -> Result<()>,
}

/// The number of schedules that are searched or drawn at most for each class that may be counted.
const RUNS_OF_A_CLASS: u64 = 2;

/// The work of an exploration: about ten seconds without optimization, if as many schedules are run in vain before others are
/// drawn. It is counted in KB that are read, so that every machine runs the same schedules.
const MOST_WORK: u64 = 560_000;

/// The number of times that a schedule of tasks with several threads is tried.
const TRIES: u32 = 3;

pub(super) struct Explorer<'a, 'r> {
    serial_runs: &'a mut SerialRuns<'r>,
    tasks: &'a [Task],
    options: &'a Options<'a>,
    tally: Tally,
    /// The largest number of schedules.
    limit: u64,
}

/// The results of the schedules so far.
#[derive(Default)]
struct Tally {
    found: Vec<FoundProblem>,
    outcomes: SortedMap<String, u64>,
    notes: SortedMap<String, u64>,
    /// The tasks that succeed though they are rolled back, each with its number of schedules.
    rolled_back: SortedMap<usize, u64>,
    schedules: u64,
    of_all_shards: u64,
    /// The schedules without a problem in which a task fails.
    failures: u64,
}

impl<'a, 'r> Explorer<'a, 'r> {
    pub(super) fn new(serial_runs: &'a mut SerialRuns<'r>, tasks: &'a [Task], options: &'a Options<'a>) -> Self {
        Explorer { serial_runs, tasks, options, tally: Tally::default(), limit: options.most }
    }

    /// Runs the serial orders and then the schedules. Returns a report, and the worst schedule of each problem.
    pub(super) fn run(mut self) -> Result<(Report, Vec<FoundProblem>)> {
        let (selection, of) = self.explore()?;
        // A task that is rolled back in some of them may have found that there is nothing to do.
        for (task, times) in std::mem::take(&mut self.tally.rolled_back) {
            if times == self.tally.schedules {
                self.tally.notes.insert(report::rolled_back(self.tasks, task), times);
            }
        }
        let report = Report {
            tasks: report::names(self.tasks),
            schedules: self.tally.schedules,
            of_all_shards: self.tally.of_all_shards.max(self.tally.schedules),
            statement_orders: of,
            selection,
            shard: self.options.shard,
            failures: self.tally.failures,
            outcomes: self.tally.outcomes.into_iter().collect(),
            notes: self.tally.notes.into_iter().collect(),
            hidden: hidden(self.tasks, &self.serial_runs.hidden),
        };
        Ok((report, self.tally.found))
    }

    /// Runs the schedules. Returns how they were chosen, and of how many orders of the statements.
    fn explore(&mut self) -> Result<(Selection, Option<u128>)> {
        if self.run_serial_orders()?.is_break() {
            return Ok((Selection::OneAfterAnother, None));
        }
        let all = orders(&self.sizes());
        if let Some(steps) = &self.options.replay {
            let run = self.serial_runs.run(Chooser::Follow { steps: steps.clone(), avoid: 0 })?;
            if run.schedule.complete || run.schedule.stuck.is_some() {
                let _ = self.count(run)?;
                return Ok((Selection::Replayed, Some(all)));
            }
            crate::explore::does_not_fit();
        }
        let caution = match self.serial_runs.checkpoints {
            _ if self.serial_runs.threads.share_memory() => Caution::Everything,
            true => Caution::Locks,
            false => Caution::Rows,
        };
        let mut footprints = Footprints::new(self.serial_runs.base)?;
        let mut steps = |run: &Run| effect::steps(&run.schedule, &mut footprints, caution);
        let mut selection = Selection::All;
        if !self.every(&mut Classes::default(), &mut steps)? {
            selection = Selection::Sampled(self.options.seed);
            self.tally = Tally::default();
            let mut classes = Classes::default();
            let goes_on = self.sample(&mut classes, &mut steps)?;
            if goes_on.is_continue() {
                // Little more than the limit: what was not drawn is searched.
                self.every(&mut classes, &mut steps)?;
                self.tally.of_all_shards = classes.len().min(self.limit);
            }
        }
        if self.tally.found.is_empty() {
            // What the schedules have left in memory may show only now.
            let orders = self.serial_runs.orders();
            require_same_again(self.serial_runs, self.tasks, &orders[..1])?;
        }
        Ok((selection, Some(all)))
    }

    /// Runs the tasks one after another, in every order. Returns `ControlFlow::Break` to stop.
    fn run_serial_orders(&mut self) -> Result<ControlFlow<()>> {
        let orders = self.serial_runs.orders();
        for order in &orders {
            self.serial_runs.serial(order)?;
            (self.options.works_on_copies)()?;
            // A problem without a second writer needs no schedule.
            if let Some(problem) = problem_by_itself(self.serial_runs.serial(order)?) {
                let run = self.serial_runs.take(order);
                self.tally.found.push(FoundProblem { problem, run, count: 1 });
                self.tally.schedules = 1;
                return Ok(ControlFlow::Break(()));
            }
        }
        self.serial_runs.hide_what_differs(&orders[0])?;
        require_same_again(self.serial_runs, self.tasks, &orders[..1])?;
        self.require_effects(&orders)?;
        self.require_invariant(&orders)?;
        let mut checkpoints = false;
        for order in &orders {
            checkpoints |= self.serial_runs.serial(order)?.schedule.checkpointed;
        }
        self.serial_runs.checkpoints = checkpoints;
        let statements = self.sizes();
        self.serial_runs.max_statements = statements.iter().max().map_or(0, |most| most * 20 + 200);
        let limit = self.options.limit.unwrap_or_else(|| self.affordable(statements.iter().sum()));
        self.limit = limit.min(self.options.most);
        Ok(ControlFlow::Continue(()))
    }

    /// Returns the number of schedules of so many statements that ten seconds allow.
    ///
    /// A statement costs as much as to read 32 KB, and of the database a tenth is read again, since few schedules end in a new
    /// state.
    fn affordable(&self, statements: u64) -> u64 {
        let size: usize = self.serial_runs.base.disk().files().iter().map(|(_, bytes)| bytes.len()).sum();
        (MOST_WORK / (100 + 32 * statements + size as u64 / 1024 / 10)).clamp(1, 1000)
    }

    /// Returns an error if a task does nothing or always fails: a test that passes on nothing is no test.
    fn require_effects(&mut self, orders: &[Vec<usize>]) -> Result<()> {
        for (number, task) in self.tasks.iter().enumerate() {
            let (mut idle, mut failed) = (true, None);
            for order in orders {
                let run = self.serial_runs.serial(order)?;
                idle &= run.schedule.statements[number] == 0 && run.schedule.touches[number] == 0;
                match &run.outcomes[number] {
                    Some(TaskOutcome::Failed(error)) if failed != Some(None) => failed = Some(Some(error.clone())),
                    _ => failed = Some(None),
                }
            }
            if let Some(Some(error)) = failed {
                return Err(Error::new(
                    ErrorKind::Schedule,
                    format!("{} fails in every serial order of the tasks", task.name),
                )
                .evidence("it says", &error)
                .help(help_for(&error)));
            }
            if idle {
                return Err(Error::new(ErrorKind::Schedule, format!("{} runs no statement", task.name))
                    .help("it has to use the connection that is given as an argument: nothing else is explored"));
            }
        }
        Ok(())
    }

    fn require_invariant(&mut self, orders: &[Vec<usize>]) -> Result<()> {
        let Some(invariant) = self.options.invariant else { return Ok(()) };
        for order in orders {
            let run = self.serial_runs.serial(order)?;
            if let Err(why) = invariant(&run.database.look()?) {
                let names = report::in_order(self.tasks, order);
                return Err(Error::new(
                    ErrorKind::Schedule,
                    format!("the invariant does not hold after {names}, without any interleaving"),
                )
                .evidence("it says", why)
                .help("mend a task or the invariant: it has to hold when the tasks run one after another"));
            }
        }
        Ok(())
    }

    /// Returns the most statements that each task runs in any order.
    fn sizes(&mut self) -> Vec<u64> {
        let mut sizes = vec![0; self.tasks.len()];
        for order in self.serial_runs.orders() {
            let Ok(run) = self.serial_runs.serial(&order) else { continue };
            for (size, statements) in sizes.iter_mut().zip(&run.schedule.statements) {
                *size = *statements.max(size);
            }
        }
        sizes
    }

    /// Runs one schedule of each class. Returns false if there are more classes than the limit.
    ///
    /// Each shard runs all of them, since only runs tell which others there are, and counts its own. Those in `classes` were
    /// counted before.
    fn every(&mut self, classes: &mut Classes, steps: &mut dyn FnMut(&Run) -> Vec<Step>) -> Result<bool> {
        let mut reduction = Reduction::default();
        let mut last = Vec::new();
        let mut progress = Progress::of(self.what(), None);
        let most = self.limit.saturating_mul(RUNS_OF_A_CLASS);
        for ran in 0.. {
            let Some(chooser) = reduction.next() else { break };
            // Up to the last choice, it repeats the run before.
            let repeated = chooser.steps().saturating_sub(1);
            let mut run = self.serial_runs.run(chooser.clone())?;
            for _ in 1..TRIES {
                if run.schedule.fits || run.schedule.stuck.is_some() || !run.schedule.has_threads {
                    break;
                }
                run = self.serial_runs.run(chooser.clone())?;
            }
            let steps = steps(&run);
            // A task that is stuck makes no further steps, and ends the exploration.
            if run.schedule.stuck.is_none() && !(run.schedule.fits && reduction.ran(&steps)) {
                return Err(failure::not_repeatable(self.tasks, &last, &run.schedule.lines, repeated));
            }
            last.clone_from(&run.schedule.lines);
            let class = classes.add(&steps);
            self.tally.of_all_shards = classes.len();
            if classes.len() > self.limit || ran > most {
                return Ok(false);
            }
            if class.is_some_and(|class| self.options.shard.has(class)) && self.count(run)?.is_break() {
                break;
            }
            progress.at(ran);
        }
        Ok(true)
    }

    /// Draws schedules of different classes. Returns `ControlFlow::Continue` if there are too few.
    fn sample(&mut self, classes: &mut Classes, steps: &mut dyn FnMut(&Run) -> Vec<Step>) -> Result<ControlFlow<()>> {
        let mut progress = Progress::of(self.what(), Some(self.limit));
        for index in 0..self.limit.saturating_mul(RUNS_OF_A_CLASS) {
            if classes.len() >= self.limit {
                return Ok(ControlFlow::Break(()));
            }
            let draw = Draw::new(draw::key(draw::named(self.options.seed, "interleave"), index));
            // Few switches find what needs a long run without interruption. Many find the rest.
            let percent = [8, 20, 50, 70][(index % 4) as usize];
            let run = self.serial_runs.run(Chooser::Chance(draw, percent))?;
            let class = classes.add(&steps(&run));
            self.tally.of_all_shards = classes.len();
            if class.is_some_and(|class| self.options.shard.has(class)) && self.count(run)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            progress.at(classes.len());
        }
        Ok(ControlFlow::Continue(()))
    }

    fn what(&self) -> String {
        visible(&format!("interleaving {}", report::names(self.tasks)))
    }

    /// Classifies a run and counts it. Returns `ControlFlow::Break` to stop.
    fn count(&mut self, run: Run) -> Result<ControlFlow<()>> {
        (self.options.works_on_copies)()?;
        self.tally.schedules += 1;
        if let Some((reader, writer)) = run.schedule.held_back {
            *self.tally.notes.get_or_default(report::held_back(self.tasks, reader, writer)) += 1;
        }
        for (task, outcome) in run.outcomes.iter().enumerate() {
            if matches!(outcome, Some(TaskOutcome::Returned(_))) && run.schedule.is_rolled_back(task) {
                *self.tally.rolled_back.get_or_default(task) += 1;
            }
        }
        let classification = classify(self.serial_runs, &run, self.options.may_fail, self.options.invariant)?;
        if let Classification::SerialOrder(order) = &classification {
            self.tally.failures += u64::from(order.len() < self.tasks.len());
        }
        let label = match &classification {
            Classification::SerialOrder(order) => report::as_if(self.tasks, order, &run),
            Classification::OrderOfTransactions => String::from("an order of their transactions"),
            Classification::Problem(problem) => report::headline(self.tasks, problem),
        };
        *self.tally.outcomes.get_or_default(label) += 1;
        let Classification::Problem(problem) = classification else { return Ok(ControlFlow::Continue(())) };
        let stop = problem.stops_exploration();
        match self.tally.found.iter_mut().find(|found| found.problem.is_like(&problem)) {
            None => self.tally.found.push(FoundProblem { problem, run, count: 1 }),
            Some(found) => {
                found.count += 1;
                if run.length() < found.run.length() {
                    (found.problem, found.run) = (problem, run);
                }
            }
        }
        Ok(if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

/// Returns what is not compared, in words.
fn hidden(tasks: &[Task], hidden: &Hidden) -> Vec<String> {
    let columns = hidden.mask.names().into_iter().map(|name| format!("new values of {name}"));
    let schema = hidden.schema.then(|| String::from("the schema"));
    columns.chain(schema).chain(bits(hidden.values).map(|task| format!("what {} returns", tasks[task].name))).collect()
}

/// Returns an error unless these orders give the same again.
///
/// Before the schedules one order is enough. Before a failure is reported all are run: a later task may overwrite what an
/// earlier one draws anew.
pub(super) fn require_same_again(
    serial_runs: &mut SerialRuns<'_>,
    tasks: &[Task],
    orders: &[Vec<usize>],
) -> Result<()> {
    for order in orders {
        serial_runs.serial(order)?;
        let mut again = serial_runs.fresh_serial(order)?;
        for _ in 1..TRIES {
            if again.agrees(serial_runs.serial(order)?) || !again.schedule.has_threads {
                break;
            }
            again = serial_runs.fresh_serial(order)?;
        }
        let first = serial_runs.serial(order)?;
        if !again.agrees(first) {
            let changes = DatabaseChanges::between(&first.database.look()?, &again.database.look()?);
            let error = failure::not_deterministic(tasks, &changes, first, &again);
            // A time in seconds differs only later.
            let is_later = serial_runs.hide_what_differs(order)? && {
                let again = serial_runs.fresh_serial(order)?;
                again.agrees(serial_runs.serial(order)?)
            };
            if !is_later {
                return Err(error);
            }
        }
    }
    Ok(())
}
