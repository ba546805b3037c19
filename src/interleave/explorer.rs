//! The way through the schedules: which are run, what each came to, and the worst that was found.
//!
//! ```text
//! task on its thread -> trace hook: a statement starts -> scheduler: whose turn? -> choices (every one, drawn, replayed)
//!                    -> gate: a lock, a sleep          ->                    -> locks: what was refused, and does waiting help
//! ```
//!
//! - **One turn for all threads.** It is handed over where a statement starts. Within a statement no more is to be
//!   found: SQLite starts anew with a fresh snapshot where it may, and where it may not, it was refused by what
//!   happened between statements. Locks outside of a statement that was announced (the app has a trace hook of its
//!   own; a commit at `sqlite3_reset`) are steps too, so that hiding statements hides no schedule.
//! - **Where statements are too many, only those count that lock or write**: no other connection can see when the
//!   others run. The end of a read counts only if any task makes checkpoints. 34,650 orders of three deferred
//!   transactions become 384, with the same outcomes.
//! - **Waiting takes no time.** Who sleeps is woken by the release of the lock that refused it. Only when all sleep,
//!   the clock moves. So an error because of a lock means that no timeout helps, or that there is none. A busy handler
//!   of the app's own is recognised by SQLite's asking again for what it was refused.
//! - **What was refused is told by the operations on the disk**, not by error codes, which the app may hide: a write
//!   lock that is given back at once is `SQLITE_BUSY_SNAPSHOT`.
//! - **The classification needs no invariant**: state and results equal those of a serial order of the tasks; one that failed
//!   may be left out of it. Before that, each serial order is run, and one twice: what is not deterministic cannot be
//!   judged.
//! - **Threads are detached**, so closures are `'static`: a task that is stuck must not keep the process from ending.
//!   A stall is certain when the system says that the thread sleeps; a slow machine is not a deadlock.
//! - **Lists of statements run on the same scheduler**: a second way to wait for locks would be a second set of rules, and
//!   more than half of a schedule's time goes into its connections and the digest of its state. Lists are split once,
//!   not in each schedule.

use std::collections::{BTreeMap, HashSet};

use super::classify::{Classification, Invariant, Problem, classify, problem_by_itself};
use super::failure;
use super::report::{How, Report};
use super::scheduler::Outcome;
use super::schedules::{Chooser, Every, Grain, orders};
use super::serial_runs::SerialRuns;
use super::threads::{Run, Task};
use crate::draw::{self, Draw};
use crate::env::Shard;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;

/// What decides how far to go.
pub(super) struct Plan<'a> {
    pub(super) limit: u64,
    pub(super) seed: u64,
    pub(super) shard: Shard,
    pub(super) replay: Option<(Grain, Vec<u8>)>,
    pub(super) may_fail: bool,
    pub(super) invariant: Option<&'a Invariant<'a>>,
    /// An error when a task has used the database of which it is given copies.
    pub(super) works_on_copies: &'a dyn Fn() -> Result<()>,
}

/// The worst that was found, and how to find it again.
pub(super) struct FoundProblem {
    pub(super) problem: Problem,
    pub(super) grain: Grain,
    /// The run that shows it best.
    pub(super) run: Run,
    /// In how many of the schedules.
    pub(super) count: u64,
}

/// How many schedules are run to guess how many there are.
const GUESSES: u32 = 64;

pub(super) struct Explorer<'a, 'r> {
    pub(super) serial_runs: &'a mut SerialRuns<'r>,
    pub(super) tasks: &'a [Task],
    pub(super) plan: &'a Plan<'a>,
    pub(super) found: Vec<FoundProblem>,
    outcomes: BTreeMap<String, u64>,
    notes: BTreeMap<String, u64>,
    schedules: u64,
}

impl<'a, 'r> Explorer<'a, 'r> {
    pub(super) fn new(serial_runs: &'a mut SerialRuns<'r>, tasks: &'a [Task], plan: &'a Plan<'a>) -> Self {
        Explorer {
            serial_runs,
            tasks,
            plan,
            found: Vec::new(),
            outcomes: BTreeMap::new(),
            notes: BTreeMap::new(),
            schedules: 0,
        }
    }

    /// Runs the serial orders and then the schedules.
    pub(super) fn go(&mut self) -> Result<Report> {
        if let Some(how) = self.run_serial_orders()? {
            return Ok(self.report(how, None));
        }
        let (statements, touches) = self.sizes();
        let (all, of_locks) = (orders(&statements), orders(&touches));
        if let Some((grain, steps)) = &self.plan.replay {
            let run = self.serial_runs.run(Chooser::Steps(steps.clone()), *grain)?;
            if run.schedule.complete || run.schedule.stuck.is_some() {
                self.take(run, *grain)?;
                return Ok(self.report(How::Replayed, Some(all)));
            }
        }
        let limit = u128::from(self.plan.limit);
        // Code that tries again may have more schedules than its serial runs show. Then the next coarser plan is taken.
        // A task that is refused a lock ends early, so that there are fewer than their steps could be ordered in.
        let plans =
            [(Grain::Statements, all, limit, How::EveryStatement), (Grain::Locks, of_locks, limit * 4, How::EveryLock)];
        for (grain, orders, most, how) in plans {
            if orders > most {
                continue;
            }
            match self.guess(grain)? {
                None => return Ok(self.report(How::Sampled(self.plan.seed), Some(all))),
                Some(schedules) if schedules > limit => {}
                Some(_) if self.every(grain, orders)? => return Ok(self.report(how, Some(all))),
                Some(_) => {}
            }
        }
        self.sample(of_locks)?;
        Ok(self.report(How::Sampled(self.plan.seed), Some(all)))
    }

    /// How many schedules there may be, for a part that is run by itself; `None` if there is no sense in going on.
    ///
    /// A part must not decide by how many it meets: the others meet other ones, and what they report would not add up. So all
    /// parts run the same few, of which each choice is as likely as the others. The product of the choices in one of these is
    /// the number of all schedules, on average.
    fn guess(&mut self, grain: Grain) -> Result<Option<u128>> {
        self.forget();
        if self.plan.shard.of == 1 {
            return Ok(Some(0));
        }
        let key = draw::named(0, "how many schedules");
        let mut sum = 0_u128;
        for number in 0..GUESSES {
            let run = self.serial_runs.run(Chooser::Evenly(Draw::new(draw::key(key, number.into()))), grain)?;
            let choices = run.schedule.decisions.iter().map(|decision| u128::from(decision.able.count_ones()));
            sum = sum.saturating_add(choices.fold(1, u128::saturating_mul));
            if problem_by_itself(&run).is_some_and(|problem| problem.stops_exploration()) {
                self.take(run, grain)?;
                return Ok(None);
            }
        }
        Ok(Some(sum / u128::from(GUESSES)))
    }

    /// Runs the tasks one after another, in every order. Says how far it went if there is no sense in going on.
    fn run_serial_orders(&mut self) -> Result<Option<How>> {
        let orders = self.serial_runs.orders();
        for order in &orders {
            self.serial_runs.serial(order)?;
            (self.plan.works_on_copies)()?;
            // What goes wrong without a second writer needs no schedule.
            if let Some(problem) = problem_by_itself(self.serial_runs.serial(order)?) {
                let run = self.serial_runs.take(order);
                self.found.push(FoundProblem { problem, grain: Grain::Statements, run, count: 1 });
                self.schedules = 1;
                return Ok(Some(How::OneAfterAnother));
            }
        }
        self.comes_to_the_same(&orders[..1])?;
        self.refuse_what_tells_nothing(&orders)?;
        let mut checkpoints = false;
        for order in &orders {
            checkpoints |= self.serial_runs.serial(order)?.schedule.checkpointed;
        }
        self.serial_runs.checkpoints = checkpoints;
        let (statements, _) = self.sizes();
        self.serial_runs.max_statements = statements.iter().max().map_or(0, |most| most * 20 + 200);
        Ok(None)
    }

    /// Runs these orders again. Before the schedules one is enough; before a failure is told, all are: of what one task draws
    /// anew the next may leave nothing to be seen.
    pub(super) fn comes_to_the_same(&mut self, orders: &[Vec<usize>]) -> Result<()> {
        for order in orders {
            let again = self.serial_runs.fresh_serial(order)?;
            let first = self.serial_runs.serial(order)?;
            if !again.agrees(first) {
                return Err(failure::not_deterministic(self.tasks, first, &again)?);
            }
        }
        Ok(())
    }

    /// A test that passes on nothing is no test.
    fn refuse_what_tells_nothing(&mut self, orders: &[Vec<usize>]) -> Result<()> {
        for (number, task) in self.tasks.iter().enumerate() {
            let (mut idle, mut failed) = (true, None);
            for order in orders {
                let run = self.serial_runs.serial(order)?;
                idle &= run.schedule.statements[number] == 0 && run.schedule.touches[number] == 0;
                match &run.outcomes[number] {
                    Some(Outcome::Failed(error)) if failed != Some(None) => failed = Some(Some(error.clone())),
                    _ => failed = Some(None),
                }
            }
            if idle {
                return Err(Error::new(ErrorKind::Schedule, format!("{} runs no statement", task.name))
                    .help("it gets a connection of its own as its argument: what it does elsewhere is not looked at"));
            }
            if let Some(Some(error)) = failed {
                return Err(Error::new(
                    ErrorKind::Schedule,
                    format!("{} fails in every order, also when no other task runs beside it", task.name),
                )
                .evidence("it says", error));
            }
        }
        let Some(invariant) = self.plan.invariant else { return Ok(()) };
        for order in orders {
            let run = self.serial_runs.serial(order)?;
            if let Err(why) = invariant(&run.database.look()?) {
                let names = failure::in_order(self.tasks, order);
                return Err(Error::new(
                    ErrorKind::Schedule,
                    format!("the invariant does not hold after {names}, one after another"),
                )
                .evidence("it says", why));
            }
        }
        Ok(())
    }

    /// The most statements that each task runs in any order, and the most that touch a lock.
    fn sizes(&mut self) -> (Vec<u64>, Vec<u64>) {
        let mut sizes = (vec![0; self.tasks.len()], vec![0; self.tasks.len()]);
        for order in self.serial_runs.orders() {
            let Ok(run) = self.serial_runs.serial(&order) else { continue };
            for task in 0..self.tasks.len() {
                sizes.0[task] = sizes.0[task].max(run.schedule.statements[task]);
                sizes.1[task] = sizes.1[task].max(run.schedule.touches[task]);
            }
        }
        sizes
    }

    /// Runs every schedule, unless there are many more than were expected.
    fn every(&mut self, grain: Grain, expected: u128) -> Result<bool> {
        self.forget();
        let mut every = Every::new(self.plan.shard);
        let mut progress = Progress::of(self.what(), u64::try_from(expected).ok());
        let mut ran = 0;
        // A part has been guessed at.
        let most = if self.plan.shard.of == 1 { self.plan.limit } else { self.plan.limit.saturating_mul(10) };
        while let Some(chooser) = every.next() {
            if ran >= most {
                return Ok(false);
            }
            let run = self.serial_runs.run(chooser, grain)?;
            if !run.schedule.fits {
                return Err(failure::not_repeatable(self.tasks));
            }
            ran += 1;
            if every.ran(&run.schedule.decisions) && self.take(run, grain)? {
                break;
            }
            progress.at(ran);
        }
        Ok(true)
    }

    fn sample(&mut self, of: u128) -> Result<()> {
        self.forget();
        let limit = self.plan.limit;
        let mut progress = Progress::of(self.what(), Some(limit.min(u64::try_from(of).unwrap_or(limit))));
        let mut seen = HashSet::new();
        for index in (0..limit).filter(|index| self.plan.shard.has(*index)) {
            let draw = Draw::new(draw::key(draw::named(self.plan.seed, "interleave"), index));
            // Few switches find what needs a long run undisturbed; many find the rest.
            let percent = [8, 20, 50, 70][(index % 4) as usize];
            let run = self.serial_runs.run(Chooser::Chance(draw, percent), Grain::Locks)?;
            if seen.insert(run.schedule.steps.clone()) && self.take(run, Grain::Locks)? {
                break;
            }
            progress.at(index);
        }
        Ok(())
    }

    fn what(&self) -> String {
        format!("interleaving {}", failure::names(self.tasks))
    }

    fn forget(&mut self) {
        self.found.clear();
        self.outcomes.clear();
        self.notes.clear();
        self.schedules = 0;
    }

    /// Judges a run and counts it. Whether to stop there.
    fn take(&mut self, run: Run, grain: Grain) -> Result<bool> {
        (self.plan.works_on_copies)()?;
        self.schedules += 1;
        if let Some((reader, writer)) = run.schedule.held_back {
            let (reader, writer) = (&self.tasks[reader].name, &self.tasks[writer].name);
            let note = format!(
                "{reader} is still reading when {writer} makes a checkpoint, which stops there: the WAL cannot be reset"
            );
            *self.notes.entry(note).or_default() += 1;
        }
        let classification = classify(self.serial_runs, &run, self.plan.may_fail, self.plan.invariant)?;
        let label = match &classification {
            Classification::SerialOrder(order) => failure::as_if(self.tasks, order, &run),
            Classification::Problem(problem) => failure::headline(self.tasks, problem),
        };
        *self.outcomes.entry(label).or_default() += 1;
        let Classification::Problem(problem) = classification else { return Ok(false) };
        let stop = problem.stops_exploration();
        match self.found.iter_mut().find(|found| found.problem.is_like(&problem)) {
            None => self.found.push(FoundProblem { problem, grain, run, count: 1 }),
            Some(found) => {
                found.count += 1;
                if run.length() < found.run.length() {
                    (found.problem, found.run) = (problem, run);
                }
            }
        }
        Ok(stop)
    }

    fn report(&mut self, how: How, of: Option<u128>) -> Report {
        Report {
            tasks: failure::names(self.tasks),
            schedules: self.schedules,
            statement_orders: of,
            how,
            shard: self.plan.shard,
            outcomes: std::mem::take(&mut self.outcomes).into_iter().collect(),
            notes: std::mem::take(&mut self.notes).into_iter().collect(),
        }
    }
}
