//! The choice of the next task: in serial order, as in an earlier run, at random, or as a failure printed it.

use crate::draw::Draw;

/// The places at which a schedule may switch to another task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grain {
    /// Before each statement.
    Statements,
    /// Before the first lock or write of a statement. No other connection can see when a statement without either runs.
    Locks,
}

/// A choice between several tasks that could go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    /// These tasks, a bit each.
    pub(super) able: u8,
    pub(super) chosen: u8,
}

/// The rule by which a run chooses.
#[derive(Clone, Debug)]
pub(super) enum Chooser {
    /// The tasks in this order, each to its end.
    Serial(Vec<usize>),
    /// These choices of an earlier run, and then as few switches as possible.
    Follow(Vec<u8>),
    /// A switch with this probability in percent.
    Chance(Draw, u64),
    /// Each task that could go on with equal probability.
    Evenly(Draw),
    /// The task of each step.
    Steps(Vec<u8>),
}

/// The choices of one run.
#[derive(Debug)]
pub(super) struct Choices {
    chooser: Chooser,
    pub(super) decisions: Vec<Decision>,
    /// The task of each step.
    pub(super) steps: Vec<u8>,
    /// True as long as the tasks do what they did in the run whose choices are followed.
    pub(super) fits: bool,
}

impl Choices {
    pub(super) fn new(chooser: Chooser) -> Choices {
        Choices { chooser, decisions: Vec::new(), steps: Vec::new(), fits: true }
    }

    /// Returns the task of the next step, one of those that are able. `current` made the last step.
    pub(super) fn next(&mut self, current: Option<usize>, able: u8) -> usize {
        let stay = match current {
            Some(task) if able & bit(task) != 0 => task,
            _ => able.trailing_zeros() as usize,
        };
        let mut chosen = stay;
        let is_choice = able.count_ones() > 1;
        match &mut self.chooser {
            Chooser::Serial(order) => {
                chosen = order.iter().copied().find(|task| able & bit(*task) != 0).unwrap_or(stay);
            }
            Chooser::Follow(choices) if is_choice => {
                if let Some(choice) = choices.get(self.decisions.len()) {
                    self.fits &= able & bit((*choice).into()) != 0;
                    chosen = if self.fits { (*choice).into() } else { stay };
                }
            }
            Chooser::Chance(draw, percent) if is_choice => {
                if draw.percent(*percent) {
                    let others = able & !bit(stay);
                    let nth = draw.below(others.count_ones().into());
                    chosen = bits(others).nth(nth as usize).unwrap_or(stay);
                }
            }
            Chooser::Evenly(draw) if is_choice => {
                let nth = draw.below(able.count_ones().into());
                chosen = bits(able).nth(nth as usize).unwrap_or(stay);
            }
            Chooser::Follow(_) | Chooser::Chance(..) | Chooser::Evenly(_) => {}
            Chooser::Steps(steps) => match steps.get(self.steps.len()) {
                Some(step) if self.fits && able & bit((*step).into()) != 0 => chosen = (*step).into(),
                _ => self.fits = false,
            },
        }
        if is_choice {
            self.decisions.push(Decision { able, chosen: chosen as u8 });
        }
        self.steps.push(chosen as u8);
        chosen
    }

    /// Returns true if all steps that were to be repeated were made.
    pub(super) fn are_complete(&self) -> bool {
        match &self.chooser {
            Chooser::Steps(steps) => self.fits && self.steps.len() == steps.len(),
            Chooser::Follow(choices) => self.fits && self.decisions.len() >= choices.len(),
            Chooser::Serial(_) | Chooser::Chance(..) | Chooser::Evenly(_) => true,
        }
    }
}

pub(super) fn bit(task: usize) -> u8 {
    1 << task
}

pub(super) fn bits(mask: u8) -> impl Iterator<Item = usize> {
    (0..8).filter(move |task| mask & bit(*task) != 0)
}

/// Counts the switches from one task to another.
pub(super) fn switches(steps: &[u8]) -> usize {
    steps.windows(2).filter(|pair| pair[0] != pair[1]).count()
}
