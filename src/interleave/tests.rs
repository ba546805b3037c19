//! The choices of a schedule, and the orders that it is compared with.

use super::choices::{Choices, Chooser, Decision, EverySchedule, Grain, bit, orders, parse, token};
use super::run::TaskOutcome;
use super::serial_runs::{is_the_same_error, participant_sets, permutations};
use crate::env::Shard;

/// The schedules of tasks that make so many steps each, in the order in which they are visited.
fn schedules(steps: &[usize], shard: Shard) -> Vec<Vec<u8>> {
    let mut every = EverySchedule::new(shard);
    let mut found = Vec::new();
    while let Some(chooser) = every.next() {
        let mut choices = Choices::new(chooser);
        let mut left = steps.to_vec();
        let mut current = None;
        while left.iter().any(|left| *left > 0) {
            let able = (0..left.len()).filter(|task| left[*task] > 0).fold(0, |mask, task| mask | bit(task));
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
fn a_failed_task_may_be_left_out() {
    let (ok, err) = (Some(TaskOutcome::Returned("()".into())), Some(TaskOutcome::Failed("no".into())));
    assert_eq!(participant_sets(&[ok.clone(), err.clone()]), [vec![0, 1], vec![0]]);
    assert_eq!(participant_sets(&[ok.clone(), ok]), [vec![0, 1]]);
    assert_eq!(participant_sets(&[err.clone(), err]), [vec![0, 1], vec![0], vec![1], vec![]]);
}
