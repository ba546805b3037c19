//! Every schedule of some tasks.

use super::choices::{Chooser, Decision, bit};
use crate::env::Shard;

/// Visits every schedule, depth first: each run shows its choices, and the next run changes the last one that has an
/// alternative left.
#[derive(Debug)]
pub(super) struct EverySchedule {
    frames: Vec<Frame>,
    shard: Shard,
    done: bool,
}

#[derive(Debug)]
struct Frame {
    able: u8,
    chosen: u8,
    tried: u8,
}

/// The number of choices that decide to which shard a schedule belongs. All schedules that share them are skipped together.
const SHARD_CHOICES: usize = 6;

impl EverySchedule {
    pub(super) fn new(shard: Shard) -> EverySchedule {
        EverySchedule { frames: Vec::new(), shard, done: false }
    }

    /// Returns the choices to follow next.
    pub(super) fn next(&self) -> Option<Chooser> {
        (!self.done).then(|| Chooser::Follow(self.frames.iter().map(|frame| frame.chosen).collect()))
    }

    /// Takes the decisions of the run, and returns true if it belongs to this shard.
    pub(super) fn ran(&mut self, decisions: &[Decision]) -> bool {
        for decision in &decisions[self.frames.len().min(decisions.len())..] {
            let tried = bit(decision.chosen.into());
            self.frames.push(Frame { able: decision.able, chosen: decision.chosen, tried });
        }
        let beginning = self.frames.iter().take(SHARD_CHOICES);
        let number = beginning.fold(0, |key, frame| crate::draw::key(key, frame.chosen.into()));
        let mine = self.shard.has(number);
        if !mine {
            self.frames.truncate(SHARD_CHOICES);
        }
        while let Some(frame) = self.frames.last_mut() {
            let left = frame.able & !frame.tried;
            if left != 0 {
                frame.chosen = left.trailing_zeros() as u8;
                frame.tried |= bit(frame.chosen.into());
                return mine;
            }
            self.frames.pop();
        }
        self.done = true;
        mine
    }
}

/// Counts the orders of the steps of several tasks, where each task's own order is fixed.
pub(super) fn orders(steps: &[u64]) -> u128 {
    let mut placed = 0_u128;
    let mut orders = 1_u128;
    for &count in steps {
        for step in 1..=u128::from(count) {
            placed += 1;
            orders = match orders.checked_mul(placed) {
                Some(product) => product / step,
                None => return u128::MAX,
            };
        }
    }
    orders
}
