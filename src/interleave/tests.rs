//! The choices of a schedule, and the orders that it is compared with.

use super::choices::{Choices, Chooser, orders, parse, token};
use super::run::TaskOutcome;
use super::serial_runs::{is_the_same_error, participant_sets, permutations};

#[test]
fn a_schedule_is_read_as_it_is_printed() {
    for text in ["a2b13a1", "b1a1d100"] {
        assert_eq!(token(&parse(text).unwrap()), format!("schedule:{text}"));
    }
    for bad in ["", "a", "2", "e1", "a1x", "ab2"] {
        assert_eq!(parse(bad), None, "{bad}");
    }
}

#[test]
fn choices_that_are_not_there_are_noticed() {
    let follow = |steps| Choices::new(Chooser::Follow { steps, avoid: 0b1 });
    let mut choices = follow(vec![1]);
    assert_eq!(choices.next(Some(0), 0b101), 0);
    assert!(!choices.fits && !choices.are_complete());
    let mut choices = follow(vec![1, 0]);
    assert_eq!(choices.next(None, 0b11), 1);
    assert!(!choices.are_complete());
    assert_eq!(choices.next(Some(1), 0b11), 0);
    assert!(choices.are_complete());
    assert_eq!(choices.next(Some(0), 0b11), 1);
    assert_eq!(choices.next(Some(1), 0b1), 0);
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
