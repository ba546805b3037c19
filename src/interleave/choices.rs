//! The choices that make up a schedule, and the token that repeats them.

use crate::draw::Draw;

/// The rule by which a run chooses.
#[derive(Clone, Debug)]
pub(super) enum Chooser {
    /// The tasks in this order, each to its end.
    Serial(Vec<usize>),
    /// These steps, and then as few switches as possible, the tasks in `avoid` last.
    Follow { steps: Vec<u8>, avoid: u8 },
    /// A switch with this probability in percent.
    Chance(Draw, u64),
}

impl Chooser {
    /// Returns the number of steps that are to be followed.
    pub(super) fn steps(&self) -> usize {
        match self {
            Chooser::Follow { steps, .. } => steps.len(),
            Chooser::Serial(_) | Chooser::Chance(..) => 0,
        }
    }
}

/// The choices of one run.
#[derive(Debug)]
pub(super) struct Choices {
    chooser: Chooser,
    /// The task of each step.
    pub(super) steps: Vec<u8>,
    /// True as long as the tasks do what they did in the run whose steps are followed.
    pub(super) fits: bool,
}

impl Choices {
    pub(super) fn new(chooser: Chooser) -> Choices {
        Choices { chooser, steps: Vec::new(), fits: true }
    }

    /// Returns the task of the next step, one of those that are able. `current` made the last step.
    pub(super) fn next(&mut self, current: Option<usize>, able: u8) -> usize {
        let stay_among = |able: u8| match current {
            Some(task) if able & bit(task) != 0 => task,
            _ => able.trailing_zeros() as usize,
        };
        let stay = stay_among(able);
        let mut chosen = stay;
        match &mut self.chooser {
            Chooser::Serial(order) => {
                chosen = order.iter().copied().find(|task| able & bit(*task) != 0).unwrap_or(stay);
            }
            Chooser::Follow { steps, avoid } => match steps.get(self.steps.len()) {
                Some(step) if able & bit((*step).into()) != 0 => chosen = (*step).into(),
                Some(_) => self.fits = false,
                None if able & !*avoid != 0 => chosen = stay_among(able & !*avoid),
                None => {}
            },
            Chooser::Chance(draw, percent) => {
                if able.count_ones() > 1 && draw.percent(*percent) {
                    let others = able & !bit(stay);
                    let nth = draw.below(others.count_ones().into());
                    chosen = bits(others).nth(nth as usize).unwrap_or(stay);
                }
            }
        }
        self.steps.push(chosen as u8);
        chosen
    }

    /// Returns true if exactly the steps that were to be followed were made.
    pub(super) fn are_complete(&self) -> bool {
        match &self.chooser {
            Chooser::Follow { steps, .. } => self.fits && self.steps.len() == steps.len(),
            Chooser::Serial(_) | Chooser::Chance(..) => true,
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

/// Writes a schedule, as `schedule:a2b3a1`.
pub(super) fn token(steps: &[u8]) -> String {
    let runs = steps.chunk_by(|one, other| one == other);
    let runs: String = runs.map(|run| format!("{}{}", char::from(b'a' + run[0]), run.len())).collect();
    format!("{WORD}:{runs}")
}

/// Reads what a failure has printed, without the word in front.
pub(super) fn parse(text: &str) -> Option<Vec<u8>> {
    let mut rest = text;
    let mut steps = Vec::new();
    while let Some(letter @ b'a'..=b'd') = rest.bytes().next() {
        let end = rest[1..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |end| end + 1);
        let count = rest[1..end].parse::<usize>().ok().filter(|count| *count < 10_000_000)?;
        steps.extend(std::iter::repeat_n(letter - b'a', count));
        rest = &rest[end..];
    }
    (rest.is_empty() && !steps.is_empty()).then_some(steps)
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
