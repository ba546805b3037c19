//! All schedules that can make a difference, one of each class: schedules that differ only in the order of steps that may be
//! exchanged have the same result.
//!
//! Dynamic partial-order reduction (Flanagan and Godefroid, 2005) with sleep sets: after each run, a pair of steps that depend
//! on each other and could have come the other way round asks for another choice before the first of them. A choice whose
//! schedules were all run sleeps until a step depends on it.

use std::collections::HashSet;

use super::choices::{Chooser, bit};
use super::effect::{Effect, Step};
use crate::draw;
use crate::order::Order as _;

/// For each task, the number of its steps that come before a step or are it, in any order that is allowed.
type Clock = [u16; 4];

/// The schedules that were run and those that are left to be run.
#[derive(Default)]
pub(super) struct Reduction {
    frames: Vec<Frame>,
    done: bool,
}

/// A choice on the way of the last run.
struct Frame {
    able: u8,
    /// The tasks that would only wait, a bit each.
    blocked: u8,
    /// The tasks to try, and those that were tried.
    wanted: u8,
    tried: u8,
    chosen: usize,
    effect: Effect,
    /// The tasks whose next step was tried and depends on nothing since.
    asleep: Vec<(usize, Effect)>,
    /// The tasks to try if this one can only wait.
    instead: [u8; 4],
}

impl Frame {
    fn asleep(&self) -> u8 {
        self.asleep.iter().fold(0, |mask, (task, _)| mask | bit(*task))
    }

    fn new(step: &Step, asleep: Vec<(usize, Effect)>) -> Frame {
        let tried = bit(step.task);
        Frame {
            able: step.able,
            blocked: step.blocked,
            wanted: tried,
            tried,
            chosen: step.task,
            effect: step.effect.clone(),
            asleep,
            instead: [0; 4],
        }
    }

    fn choose(&mut self, task: usize) {
        self.chosen = task;
        self.tried |= bit(task);
    }

    fn can_try(&self) -> u8 {
        self.able & !self.blocked & !self.tried & !self.asleep()
    }
}

impl Reduction {
    /// Returns the choices to follow next.
    pub(super) fn next(&self) -> Option<Chooser> {
        let steps = self.frames.iter().map(|frame| frame.chosen as u8).collect();
        let avoid = self.frames.last().map_or(0, Frame::asleep);
        (!self.done).then_some(Chooser::Follow { steps, avoid })
    }

    /// Takes the steps of the run. Returns false if it did not follow the choices.
    pub(super) fn ran(&mut self, steps: &[Step]) -> bool {
        let Some(places) = self.take_in(steps) else { return false };
        let clocks = clocks(steps);
        for (later, step) in steps.iter().enumerate() {
            let before = (0..later).rev().find(|before| steps[*before].task == step.task);
            for earlier in 0..later {
                let other = steps[earlier].task;
                let is_ordered = before.is_some_and(|before| clocks[earlier][other] <= clocks[before][other]);
                if other != step.task && !is_ordered && steps[earlier].effect.depends_on(&step.effect) {
                    let between = (earlier + 1..later).filter(|place| {
                        let task = steps[*place].task;
                        clocks[*place][task] <= clocks[later][task]
                    });
                    let first = between.fold(0, |mask, place| mask | bit(steps[place].task));
                    self.want(places[earlier], steps[earlier].able != 0, step.task, first);
                }
            }
        }
        self.advance();
        true
    }

    /// Adds a frame for each new step, up to one that belongs to schedules that were run. Returns the frame of each step, or
    /// `None` if the run did not follow the choices.
    fn take_in(&mut self, steps: &[Step]) -> Option<Vec<usize>> {
        let mut places = Vec::new();
        let mut number = 0;
        let mut was_run = false;
        let mut asleep: Vec<(usize, Effect)> = Vec::new();
        for step in steps {
            if step.able == 0 {
                places.push(usize::saturating_sub(number, 1));
                asleep.retain(|(_, effect)| !effect.depends_on(&step.effect));
                continue;
            }
            places.push(number);
            number += 1;
            if was_run {
                continue;
            }
            let is_last = number == self.frames.len();
            match self.frames.get_mut(number - 1) {
                Some(frame) if frame.chosen == step.task => {
                    frame.blocked |= step.blocked;
                    frame.effect.merge(&step.effect, is_last);
                }
                Some(frame) if is_last && step.blocked & bit(frame.chosen) != 0 => {
                    frame.blocked |= step.blocked;
                    frame.wanted |= frame.instead[frame.chosen];
                    was_run = (frame.tried | frame.asleep()) & bit(step.task) != 0;
                    frame.choose(step.task);
                    frame.effect = step.effect.clone();
                }
                Some(_) => return None,
                None => {
                    let mut frame = Frame::new(step, std::mem::take(&mut asleep));
                    was_run = frame.asleep() & bit(step.task) != 0;
                    if was_run {
                        frame.wanted |= frame.can_try();
                    }
                    self.frames.push(frame);
                }
            }
            let frame = &self.frames[number - 1];
            let sleeps_on = |(task, effect): &&(usize, Effect)| *task != step.task && !effect.depends_on(&step.effect);
            asleep = frame.asleep.iter().filter(sleeps_on).cloned().collect();
        }
        (number >= self.frames.len()).then_some(places)
    }

    /// Asks for a run in which `task` goes on at a choice, or one of those that have to go first.
    fn want(&mut self, place: usize, is_choice: bool, task: usize, first: u8) {
        let Some(frame) = self.frames.get_mut(place) else { return };
        if !is_choice {
            frame.wanted |= frame.able;
            return;
        }
        let first = first & frame.able & !frame.blocked;
        let instead = match first & frame.wanted {
            _ if first == 0 => frame.able,
            0 => bit(first.trailing_zeros() as usize),
            wanted => wanted,
        };
        if frame.able & !frame.blocked & bit(task) != 0 {
            frame.wanted |= bit(task);
            frame.instead[task] |= instead;
        } else {
            frame.wanted |= instead;
        }
    }

    /// Goes on to the last choice that has something left to try.
    fn advance(&mut self) {
        while let Some(frame) = self.frames.last_mut() {
            if frame.asleep() & bit(frame.chosen) == 0 {
                frame.asleep.push((frame.chosen, std::mem::take(&mut frame.effect)));
            }
            let left = frame.wanted & frame.can_try();
            if left != 0 {
                frame.choose(left.trailing_zeros() as usize);
                return;
            }
            self.frames.pop();
        }
        self.done = true;
    }
}

/// Returns for each step how many steps of each task have to come before it, itself included.
fn clocks(steps: &[Step]) -> Vec<Clock> {
    let mut clocks: Vec<Clock> = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        let mut clock = Clock::default();
        for earlier in (0..place).rev() {
            let task = steps[earlier].task;
            let is_known = clocks[earlier][task] <= clock[task];
            if !is_known && (task == step.task || steps[earlier].effect.depends_on(&step.effect)) {
                for (count, other) in clock.iter_mut().zip(clocks[earlier]) {
                    *count = (*count).max(other);
                }
            }
        }
        clock[step.task] += 1;
        clocks.push(clock);
    }
    clocks
}

/// The classes of the schedules that were run.
#[derive(Default)]
pub(super) struct Classes(HashSet<Vec<Clock>>);

impl Classes {
    /// Returns a number of the class, the same in each process, if it is a new one.
    pub(super) fn add(&mut self, steps: &[Step]) -> Option<u64> {
        let clocks = clocks(steps);
        let mut places: Vec<usize> = (0..steps.len()).collect();
        places.order_by_key(|place| steps[*place].task);
        let class: Vec<Clock> = places.into_iter().map(|place| clocks[place]).collect();
        let number = class.iter().flatten().fold(0, |key, count| draw::key(key, u64::from(*count)));
        self.0.insert(class).then_some(number)
    }

    pub(super) fn len(&self) -> u64 {
        self.0.len() as u64
    }
}
