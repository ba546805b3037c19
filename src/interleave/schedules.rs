//! Which task goes on where several can: by a plan that visits every schedule, by chance, or as a failure has printed it.

use crate::draw::Draw;
use crate::env::Shard;

/// Where a schedule may pass from one task to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grain {
    /// Before each statement.
    Statements,
    /// Before the first lock or write of a statement. One that touches neither can be seen by no other connection, so that
    /// it makes no difference when it runs.
    Locks,
}

/// A place where several tasks could have gone on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    /// The tasks that could, a bit each.
    pub(super) able: u8,
    pub(super) chosen: u8,
}

/// What decides.
#[derive(Clone, Debug)]
pub(super) enum Chooser {
    /// One task after the other.
    Serial(Vec<usize>),
    /// As in an earlier run, and then with as few switches as can be.
    Follow(Vec<u8>),
    /// Switches in so many cases of a hundred.
    Chance(Draw, u64),
    /// Each task that could go on is as likely as the others.
    Evenly(Draw),
    /// The task of each step.
    Steps(Vec<u8>),
}

/// A chooser at work.
#[derive(Debug)]
pub(super) struct Choices {
    chooser: Chooser,
    pub(super) decisions: Vec<Decision>,
    /// The task of each step.
    pub(super) steps: Vec<u8>,
    /// Whether the tasks did what they had done when the choices were made that are followed.
    pub(super) fits: bool,
}

impl Choices {
    pub(super) fn new(chooser: Chooser) -> Choices {
        Choices { chooser, decisions: Vec::new(), steps: Vec::new(), fits: true }
    }

    /// The task of the next step, among those that are able. `current` made the last one.
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

    /// Whether all the steps that were to be repeated were made.
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

/// How often one task hands over to another.
pub(super) fn switches(steps: &[u8]) -> usize {
    steps.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

/// Every schedule, one after another: each run shows where there were choices, and the next takes another one at the last
/// of them that has one left.
#[derive(Debug)]
pub(super) struct Every {
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

/// How many choices decide to which shard a schedule belongs. Those of other shards are then left out together.
const OF_THE_SHARD: usize = 6;

impl Every {
    pub(super) fn new(shard: Shard) -> Every {
        Every { frames: Vec::new(), shard, done: false }
    }

    /// The choices to follow next.
    pub(super) fn next(&self) -> Option<Chooser> {
        (!self.done).then(|| Chooser::Follow(self.frames.iter().map(|frame| frame.chosen).collect()))
    }

    /// Takes the decisions of the run. Whether it belongs to this shard.
    pub(super) fn ran(&mut self, decisions: &[Decision]) -> bool {
        for decision in &decisions[self.frames.len().min(decisions.len())..] {
            let tried = bit(decision.chosen.into());
            self.frames.push(Frame { able: decision.able, chosen: decision.chosen, tried });
        }
        let beginning = self.frames.iter().take(OF_THE_SHARD);
        let number = beginning.fold(0, |key, frame| crate::draw::key(key, frame.chosen.into()));
        let mine = self.shard.has(number);
        if !mine {
            self.frames.truncate(OF_THE_SHARD);
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

/// How many orders there are of the steps of several tasks, each task's own being fixed.
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

/// How a schedule begins where it is printed.
pub(super) const WORD: &str = "schedule";
const OF_LOCKS: &str = "locks:";

/// A schedule as it is printed: `schedule:a2b3a1`.
pub(super) fn token(grain: Grain, steps: &[u8]) -> String {
    let mut token = format!("{WORD}:");
    if grain == Grain::Locks {
        token.push_str(OF_LOCKS);
    }
    for run in steps.chunk_by(|one, other| one == other) {
        token.push(char::from(b'a' + run[0]));
        token.push_str(&run.len().to_string());
    }
    token
}

/// What a failure has printed, without the word in front.
pub(super) fn parse(text: &str) -> Option<(Grain, Vec<u8>)> {
    let (grain, runs) = match text.strip_prefix(OF_LOCKS) {
        Some(runs) => (Grain::Locks, runs),
        None => (Grain::Statements, text),
    };
    let runs = runs.split_inclusive(|c: char| c.is_ascii_digit());
    let mut steps = Vec::new();
    let mut task = None;
    let mut count = 0_usize;
    let mut flush = |task: Option<u8>, count: usize| task.map(|task| steps.extend(std::iter::repeat_n(task, count)));
    for part in runs {
        let (letter, digit) = part.split_at(part.len() - 1);
        match letter.as_bytes() {
            [] => {}
            [letter @ b'a'..=b'd'] => {
                flush(task, count);
                (task, count) = (Some(letter - b'a'), 0);
            }
            _ => return None,
        }
        match digit.parse::<usize>() {
            Ok(digit) if task.is_some() && count < 1_000_000 => count = count * 10 + digit,
            _ => return None,
        }
    }
    flush(task, count);
    (!steps.is_empty()).then_some((grain, steps))
}

#[cfg(test)]
mod tests {
    use super::{Choices, Chooser, Decision, Every, Grain, orders, parse, token};
    use crate::env::Shard;

    /// The schedules of tasks that make so many steps each, in the order in which they are visited.
    fn schedules(steps: &[usize], shard: Shard) -> Vec<Vec<u8>> {
        let mut every = Every::new(shard);
        let mut found = Vec::new();
        while let Some(chooser) = every.next() {
            let mut choices = Choices::new(chooser);
            let mut left = steps.to_vec();
            let mut current = None;
            while left.iter().any(|left| *left > 0) {
                let able = (0..left.len()).filter(|task| left[*task] > 0).fold(0, |mask, task| mask | super::bit(task));
                let next = choices.next(current, able);
                left[next] -= 1;
                current = Some(next);
            }
            if every.ran(&choices.decisions) {
                found.push(choices.steps);
            }
        }
        found
    }

    #[test]
    fn every_order_is_visited_once_and_the_serial_ones_first() {
        let found = schedules(&[2, 2], Shard { number: 1, of: 1 });
        assert_eq!(found[0], [0, 0, 1, 1]);
        let mut sorted = found.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!((found.len(), sorted.len() as u128), (6, orders(&[2, 2])));
        assert_eq!(schedules(&[4, 4, 4], Shard { number: 1, of: 1 }).len() as u128, orders(&[4, 4, 4]));
    }

    #[test]
    fn shards_share_the_schedules_out() {
        let mut all = Vec::new();
        for number in 1..=3 {
            let part = schedules(&[4, 4], Shard { number, of: 3 });
            assert!((5..50).contains(&part.len()), "{}", part.len());
            all.extend(part);
        }
        all.sort();
        let mut whole = schedules(&[4, 4], Shard { number: 1, of: 1 });
        whole.sort();
        assert_eq!(all, whole);
    }

    #[test]
    fn a_schedule_is_read_as_it_is_printed() {
        for (grain, text) in [(Grain::Statements, "a2b13a1"), (Grain::Locks, "locks:b1a1d100")] {
            let (found, steps) = parse(text).unwrap();
            assert_eq!((found, token(grain, &steps)), (grain, format!("schedule:{text}")));
        }
        for bad in ["", "a", "2", "e1", "a1x", "ab2"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn choices_that_are_not_there_are_noticed() {
        let mut choices = Choices::new(Chooser::Follow(vec![1]));
        assert_eq!(choices.next(Some(0), 0b101), 0);
        assert!(!choices.fits && !choices.are_complete());
        assert_eq!(choices.decisions, [Decision { able: 0b101, chosen: 0 }]);
        let mut choices = Choices::new(Chooser::Steps(vec![1, 0]));
        assert_eq!(choices.next(None, 0b11), 1);
        assert!(!choices.are_complete());
        assert_eq!(choices.next(Some(1), 0b11), 0);
        assert!(choices.are_complete());
    }

    #[test]
    fn too_many_orders_to_count() {
        assert_eq!(orders(&[4, 4, 4]), 34_650);
        assert_eq!(orders(&[1000, 1000, 1000]), u128::MAX);
        assert_eq!(orders(&[]), 1);
    }
}
