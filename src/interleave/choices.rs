//! The choices that make up a schedule, the token that repeats them, and all of them in turn.

use crate::draw::Draw;
use crate::env::Shard;

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

/// The word with which the token of a schedule begins.
pub(super) const WORD: &str = "schedule";
const OF_LOCKS: &str = "locks:";

/// Writes a schedule, as `schedule:a2b3a1`.
pub(super) fn token(grain: Grain, steps: &[u8]) -> String {
    let runs = steps.chunk_by(|one, other| one == other);
    let runs: String = runs.map(|run| format!("{}{}", char::from(b'a' + run[0]), run.len())).collect();
    format!("{WORD}:{}{runs}", if grain == Grain::Locks { OF_LOCKS } else { "" })
}

/// Reads what a failure has printed, without the word in front.
pub(super) fn parse(text: &str) -> Option<(Grain, Vec<u8>)> {
    let (grain, mut rest) = match text.strip_prefix(OF_LOCKS) {
        Some(runs) => (Grain::Locks, runs),
        None => (Grain::Statements, text),
    };
    let mut steps = Vec::new();
    while let Some(letter @ b'a'..=b'd') = rest.bytes().next() {
        let end = rest[1..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |end| end + 1);
        let count = rest[1..end].parse::<usize>().ok().filter(|count| *count < 10_000_000)?;
        steps.extend(std::iter::repeat_n(letter - b'a', count));
        rest = &rest[end..];
    }
    (rest.is_empty() && !steps.is_empty()).then_some((grain, steps))
}

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
