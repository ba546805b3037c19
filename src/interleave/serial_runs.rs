//! Runs of the tasks one after another, with which every schedule is compared.

use std::sync::Arc;

use super::choices::{Chooser, bit, bits};
use super::final_state::{FinalState, Hidden};
use super::new_ids::NewIds;
use super::remedy::Remedy;
use super::run::{Run, TaskOutcome};
use super::scheduler::RunOptions;
use super::threads::TaskThreads;
use super::transactions;
use crate::check::Mask;
use crate::db::Address;
use crate::error::Result;
use crate::order::{Order as _, SortedMap};

/// Runs the tasks, and keeps the runs in which they ran one after another.
pub(super) struct SerialRuns<'a> {
    pub(super) threads: &'a TaskThreads,
    pub(super) base: &'a Address,
    pub(super) tasks: usize,
    pub(super) remedy: Remedy,
    /// True if connections wait for locks whether or not the app makes them.
    pub(super) with_timeout: bool,
    /// The number of statements after which a task is said to run without end.
    pub(super) max_statements: u64,
    /// True if a task may make a checkpoint.
    pub(super) checkpoints: bool,
    /// True if the tasks promise no more than their transactions do.
    pub(super) each_transaction: bool,
    /// The values that differ when the tasks run again.
    pub(super) hidden: Arc<Hidden>,
    new_ids: Option<NewIds>,
    serial: SortedMap<Vec<usize>, Run>,
    /// The orders of runs that differ from them in the ids of new rows, by state and results.
    renamed: SortedMap<(FinalState, String), Option<Vec<usize>>>,
    by_transaction: SortedMap<(Vec<u8>, Vec<Option<u64>>), Run>,
}

impl<'a> SerialRuns<'a> {
    pub(super) fn new(threads: &'a TaskThreads, base: &'a Address, tasks: usize, remedy: Remedy) -> SerialRuns<'a> {
        SerialRuns {
            threads,
            base,
            tasks,
            remedy,
            with_timeout: false,
            max_statements: 100_000,
            checkpoints: true,
            each_transaction: false,
            hidden: Arc::default(),
            new_ids: None,
            serial: SortedMap::new(),
            renamed: SortedMap::new(),
            by_transaction: SortedMap::new(),
        }
    }

    /// Runs all tasks.
    pub(super) fn run(&self, chooser: Chooser) -> Result<Run> {
        let participants: Vec<usize> = (0..self.tasks).collect();
        self.run_some(&participants, chooser)
    }

    fn run_some(&self, participants: &[usize], chooser: Chooser) -> Result<Run> {
        self.threads.run(self.base, participants, self.remedy, self.options(chooser))
    }

    fn options(&self, chooser: Chooser) -> RunOptions {
        RunOptions {
            chooser,
            max_statements: self.max_statements,
            checkpoints: self.checkpoints,
            transactions: None,
            remedy: self.remedy,
            with_timeout: self.with_timeout,
            hidden: Arc::clone(&self.hidden),
            share_memory: self.threads.share_memory(),
            share_values: self.threads.share_values(),
            owns_connections: self.threads.own_connections(),
        }
    }

    /// Returns the run of these tasks one after another. Runs them the first time.
    pub(super) fn serial(&mut self, order: &[usize]) -> Result<&Run> {
        if !self.serial.contains_key(order) {
            let run = self.fresh_serial(order)?;
            self.serial.insert(order.to_vec(), run);
        }
        Ok(&self.serial[order])
    }

    /// Runs these tasks one after another, whether or not that was done before.
    pub(super) fn fresh_serial(&self, order: &[usize]) -> Result<Run> {
        let mut participants = order.to_vec();
        participants.order();
        self.run_some(&participants, Chooser::Serial(order.to_vec()))
    }

    /// Hides what differs when these tasks run again. Returns false if that is nothing new.
    pub(super) fn hide_what_differs(&mut self, order: &[usize]) -> Result<bool> {
        let again = self.fresh_serial(order)?;
        self.serial(order)?;
        let first = &self.serial[order];
        if again.agrees(first) {
            return Ok(false);
        }
        let mask = Mask::between(&self.base.fork().look()?, &first.database.look()?, &again.database.look()?)?;
        let differs = |task: &usize| match (&first.outcomes[*task], &again.outcomes[*task]) {
            (Some(TaskOutcome::Returned(first)), Some(TaskOutcome::Returned(again))) => first != again,
            _ => false,
        };
        let values = order.iter().copied().filter(differs).fold(self.hidden.values, |mask, task| mask | bit(task));
        let schema_of = |run: &Run| run.state.as_ref().map(|state| state.schema.clone());
        let schema = self.hidden.schema || schema_of(first) != schema_of(&again);
        let is_new = values != self.hidden.values || schema != self.hidden.schema || !mask.is_empty();
        if !is_new {
            return Ok(false);
        }
        let mask = self.hidden.mask.clone().and(mask);
        self.hidden = Arc::new(Hidden { mask, schema, values });
        self.serial.clear();
        self.by_transaction.clear();
        self.renamed.clear();
        Ok(true)
    }

    /// Returns the tasks that have never begun to write, here and in `run`, a bit each.
    pub(super) fn readers(&self, run: &Run) -> u8 {
        let all = (0..self.tasks).fold(0, |mask, task| mask | bit(task));
        let events = self.serial.values().chain([run]).flat_map(|run| &run.schedule.events);
        events.filter(|event| event.took_write_lock).fold(all, |mask, event| mask & !bit(event.task))
    }

    /// Removes and returns the run of an order.
    pub(super) fn take(&mut self, order: &[usize]) -> Run {
        self.serial.remove(order).expect("it has been run")
    }

    /// Returns the orders of all tasks.
    pub(super) fn orders(&self) -> Vec<Vec<usize>> {
        permutations(&(0..self.tasks).collect::<Vec<_>>())
    }

    /// Returns the order with the same result as `run`. It may leave out a task that failed, which must have done nothing
    /// then.
    pub(super) fn order_of(&mut self, run: &Run) -> Result<Option<Vec<usize>>> {
        for order in SerialRuns::candidates(run) {
            let serial = self.serial(&order)?;
            if serial.state == run.state && order.iter().all(|task| serial.outcomes[*task] == run.outcomes[*task]) {
                return Ok(Some(order));
            }
        }
        let Some(state) = &run.state else { return Ok(None) };
        let key = (state.clone(), format!("{:?}", run.outcomes));
        if !self.renamed.contains_key(&key) {
            let order = self.order_of_renamed(run)?;
            self.renamed.insert(key.clone(), order);
        }
        Ok(self.renamed[&key].clone())
    }

    /// Returns the order with the same result as `run`, but for the ids of new rows.
    fn order_of_renamed(&mut self, run: &Run) -> Result<Option<Vec<usize>>> {
        for order in SerialRuns::candidates(run) {
            let serial = self.serial(&order)?.state.as_ref();
            if !serial.zip(run.state.as_ref()).is_some_and(|(one, other)| one.is_same_besides_rows(other)) {
                continue;
            }
            let mut new_ids = self.new_ids.take().map_or_else(|| NewIds::new(self.base), Ok)?;
            let all: Vec<usize> = (0..self.tasks).collect();
            let options = || self.options(Chooser::Serial(all.clone()));
            let run_on = |base: &Address| self.threads.run(base, &all, self.remedy, options());
            let is_same = new_ids.are_all_that_differs((&self.serial[&order], run), &order, &run_on)?;
            self.new_ids = Some(new_ids);
            if is_same {
                return Ok(Some(order));
            }
        }
        Ok(None)
    }

    /// Returns true if the transactions of a run give the same one after another.
    pub(super) fn agrees_by_transaction(&mut self, run: &Run) -> Result<bool> {
        let order = transactions::in_order(&run.schedule);
        let has_failed = |task: usize| matches!(run.outcomes[task], Some(TaskOutcome::Failed(_)));
        // A task that has failed goes no further than it did.
        let count = |task: usize| order.iter().filter(|other| usize::from(**other) == task).count() as u64;
        let most: Vec<_> = (0..self.tasks).map(|task| has_failed(task).then(|| count(task))).collect();
        let key = (order, most);
        if !self.by_transaction.contains_key(&key) {
            let chooser = Chooser::Follow { steps: key.0.clone(), avoid: 0 };
            let options = RunOptions { transactions: Some(key.1.clone()), ..self.options(chooser) };
            let participants: Vec<usize> = (0..self.tasks).collect();
            let run = self.threads.run(self.base, &participants, self.remedy, options)?;
            self.by_transaction.insert(key.clone(), run);
        }
        let serial = &self.by_transaction[&key];
        let is_same = |task: usize| serial.outcomes[task] == run.outcomes[task] || has_failed(task);
        Ok(serial.state == run.state && (0..self.tasks).all(is_same))
    }

    /// Returns true if a task fails like this in any order of all tasks.
    pub(super) fn fails_like(&mut self, task: usize, says: &str) -> Result<bool> {
        for order in self.orders() {
            if let Some(TaskOutcome::Failed(other)) = &self.serial(&order)?.outcomes[task]
                && is_the_same_error(says, other)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the orders with which a run may be compared.
    pub(super) fn candidates(run: &Run) -> Vec<Vec<usize>> {
        participant_sets(&run.outcomes).iter().flat_map(|participants| permutations(participants)).collect()
    }
}

/// Returns the sets of tasks that an order may be of: all that succeeded, and any of those that failed. Largest first.
pub(super) fn participant_sets(outcomes: &[Option<TaskOutcome>]) -> Vec<Vec<usize>> {
    let mask = |is: fn(&TaskOutcome) -> bool| {
        let found = outcomes.iter().enumerate().filter(|(_, outcome)| outcome.as_ref().is_some_and(is));
        found.fold(0_u8, |mask, (task, _)| mask | bit(task))
    };
    let succeeded = mask(|outcome| matches!(outcome, TaskOutcome::Returned(_)));
    let failed = mask(|outcome| matches!(outcome, TaskOutcome::Failed(_)));
    let mut masks: Vec<u8> = (0..=failed).filter(|some| some & !failed == 0).map(|some| succeeded | some).collect();
    masks.order_by_key(|mask| std::cmp::Reverse(mask.count_ones()));
    masks.into_iter().map(|mask| bits(mask).collect()).collect()
}

/// Returns true if two errors differ only in their numbers, such as an amount or the id of a row that was rolled back.
pub(super) fn is_the_same_error(one: &str, other: &str) -> bool {
    let words = |text| str::split(text, |c: char| c.is_ascii_digit()).filter(|part| !part.is_empty());
    words(one).eq(words(other))
}

/// Returns all orders of `items`, the given one first.
pub(super) fn permutations(items: &[usize]) -> Vec<Vec<usize>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut found = Vec::new();
    for (place, first) in items.iter().enumerate() {
        let mut rest = items.to_vec();
        rest.remove(place);
        found.extend(permutations(&rest).into_iter().map(|order| [vec![*first], order].concat()));
    }
    found
}
