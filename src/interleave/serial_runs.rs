//! One task after another: what every schedule is compared with.

use std::collections::BTreeMap;

use super::scheduler::{Outcome, RunOptions};
use super::schedules::{Chooser, Grain, bits};
use super::threads::{Remedy, Run, TaskThreads};
use crate::db::Address;
use crate::error::Result;

/// The tasks, ready to be run, and what they came to one after another.
pub(super) struct SerialRuns<'a> {
    pub(super) threads: &'a TaskThreads,
    pub(super) base: &'a Address,
    pub(super) tasks: usize,
    pub(super) remedy: Remedy,
    /// How many statements a task may run before it is said to come to no end.
    pub(super) max_statements: u64,
    /// Whether a task may make a checkpoint.
    pub(super) checkpoints: bool,
    serial: BTreeMap<Vec<usize>, Run>,
}

impl<'a> SerialRuns<'a> {
    pub(super) fn new(threads: &'a TaskThreads, base: &'a Address, tasks: usize, remedy: Remedy) -> SerialRuns<'a> {
        SerialRuns { threads, base, tasks, remedy, max_statements: 100_000, checkpoints: true, serial: BTreeMap::new() }
    }

    /// Runs all tasks.
    pub(super) fn run(&self, chooser: Chooser, grain: Grain) -> Result<Run> {
        let participants: Vec<usize> = (0..self.tasks).collect();
        self.participants(&participants, chooser, grain)
    }

    fn participants(&self, participants: &[usize], chooser: Chooser, grain: Grain) -> Result<Run> {
        let options = RunOptions { chooser, grain, max_statements: self.max_statements, checkpoints: self.checkpoints };
        self.threads.run(self.base, participants, self.remedy, options)
    }

    /// Runs these tasks one after another, unless that has been done.
    pub(super) fn serial(&mut self, order: &[usize]) -> Result<&Run> {
        if !self.serial.contains_key(order) {
            let run = self.fresh_serial(order)?;
            self.serial.insert(order.to_vec(), run);
        }
        Ok(&self.serial[order])
    }

    /// Runs these tasks one after another, whatever is known of it.
    pub(super) fn fresh_serial(&self, order: &[usize]) -> Result<Run> {
        let mut participants = order.to_vec();
        participants.sort_unstable();
        self.participants(&participants, Chooser::Serial(order.to_vec()), Grain::Statements)
    }

    /// The run of an order that was run before, which is forgotten.
    pub(super) fn take(&mut self, order: &[usize]) -> Run {
        self.serial.remove(order).expect("it has been run")
    }

    /// The orders of all tasks.
    pub(super) fn orders(&self) -> Vec<Vec<usize>> {
        permutations(&(0..self.tasks).collect::<Vec<_>>())
    }

    /// The order that gives the same as `run`. A task that has failed may be left out of it: then it has to have done
    /// nothing.
    pub(super) fn order_of(&mut self, run: &Run) -> Result<Option<Vec<usize>>> {
        for participants in participant_sets(&run.outcomes) {
            for order in permutations(&participants) {
                let serial = self.serial(&order)?;
                if serial.digest == run.digest
                    && participants.iter().all(|task| serial.outcomes[*task] == run.outcomes[*task])
                {
                    return Ok(Some(order));
                }
            }
        }
        Ok(None)
    }

    /// Whether a task fails like this in any order of all.
    pub(super) fn fails_so(&mut self, task: usize, says: &str) -> Result<bool> {
        for order in self.orders() {
            if let Some(Outcome::Failed(other)) = &self.serial(&order)?.outcomes[task]
                && is_the_same_error(says, other)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The orders with which a run may be compared.
    pub(super) fn candidates(run: &Run) -> Vec<Vec<usize>> {
        participant_sets(&run.outcomes).iter().flat_map(|participants| permutations(participants)).collect()
    }
}

/// The tasks that have to be part of an order: all that succeeded, and any of those that failed. The most come first.
fn participant_sets(outcomes: &[Option<Outcome>]) -> Vec<Vec<usize>> {
    let mask = |is: fn(&Outcome) -> bool| {
        let found = outcomes.iter().enumerate().filter(|(_, outcome)| outcome.as_ref().is_some_and(is));
        found.fold(0_u8, |mask, (task, _)| mask | super::schedules::bit(task))
    };
    let succeeded = mask(|outcome| matches!(outcome, Outcome::Returned(_)));
    let failed = mask(|outcome| matches!(outcome, Outcome::Failed(_)));
    let mut masks: Vec<u8> = (0..=failed).filter(|some| some & !failed == 0).map(|some| succeeded | some).collect();
    masks.sort_by_key(|mask| std::cmp::Reverse(mask.count_ones()));
    masks.into_iter().map(|mask| bits(mask).collect()).collect()
}

/// Whether two errors say the same but for their numbers: how many are left, the id of a row that was rolled back.
fn is_the_same_error(one: &str, other: &str) -> bool {
    let words = |text| str::split(text, |c: char| c.is_ascii_digit()).filter(|part| !part.is_empty());
    words(one).eq(words(other))
}

/// All orders of `items`, the given one first.
pub(super) fn permutations(items: &[usize]) -> Vec<Vec<usize>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut found = Vec::new();
    for (place, first) in items.iter().enumerate() {
        let rest: Vec<usize> =
            items.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, item)| *item).collect();
        for mut order in permutations(&rest) {
            order.insert(0, *first);
            found.push(order);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Outcome, is_the_same_error, participant_sets, permutations};

    #[test]
    fn every_order_once() {
        assert_eq!(permutations(&[0, 1, 2]).len(), 6);
        assert_eq!(permutations(&[0, 2])[0], [0, 2]);
        assert_eq!(permutations(&[]), [Vec::<usize>::new()]);
    }

    #[test]
    fn errors_are_the_same_whatever_their_numbers() {
        assert!(is_the_same_error("order 3: 10 left", "order 12: 0 left"));
        assert!(!is_the_same_error("order 3: 10 left", "order 3: none left"));
        assert!(!is_the_same_error("a1b", "ab"));
    }

    #[test]
    fn who_failed_may_be_left_out() {
        let (ok, err) = (Some(Outcome::Returned("()".into())), Some(Outcome::Failed("no".into())));
        assert_eq!(participant_sets(&[ok.clone(), err.clone()]), [vec![0, 1], vec![0]]);
        assert_eq!(participant_sets(&[ok.clone(), ok]), [vec![0, 1]]);
        assert_eq!(participant_sets(&[err.clone(), err]), [vec![0, 1], vec![0], vec![1], vec![]]);
    }
}
