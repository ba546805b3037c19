//! Maps and sets against those of std.

use std::collections::{BTreeMap, BTreeSet};

use super::{MOST, OrderedMap, OrderedSet};
use crate::draw::Draw;

/// The same calls on a map of std give the same.
#[test]
fn a_map_is_one_of_std() {
    for (seed, keys, steps) in [(1, 10, 300), (2, 2_000, 6_000), (3, 1 << 40, 3_000)] {
        let mut draw = Draw::new(seed);
        let (mut map, mut expected) = (OrderedMap::new(), BTreeMap::new());
        for step in 0..steps {
            let key = draw.below(keys);
            match draw.below(5) {
                0 => assert_eq!(map.remove(&key), expected.remove(&key)),
                1 => assert_eq!(map.get(&key), expected.get(&key)),
                2 => assert_eq!(map.entry(key).or_insert(step), expected.entry(key).or_insert(step)),
                _ => assert_eq!(map.insert(key, step), expected.insert(key, step)),
            }
            if let Some(value) = map.get_mut(&key) {
                *value = step;
                expected.insert(key, step);
            }
        }
        assert!(map.iter().eq(&expected) && map.keys().eq(expected.keys()) && map.values().eq(expected.values()));
        assert!(map.keys().rev().eq(expected.keys().rev()));
        assert_eq!((map.len(), map.is_empty()), (expected.len(), expected.is_empty()));
        assert_eq!(format!("{map:?}"), format!("{expected:?}"));
        map.retain(|key, _| key % 3 == 0);
        expected.retain(|key, _| key % 3 == 0);
        assert!(map.clone().into_iter().eq(expected.clone()) && map.into_values().eq(expected.into_values()));
    }
}

#[test]
fn a_set_is_one_of_std() {
    let mut draw = Draw::new(7);
    let mut items = || (0..3_000).map(|_| draw.below(4_000)).collect::<Vec<u64>>();
    let (one, two) = (items(), items());
    let (a, b): (OrderedSet<u64>, OrderedSet<u64>) = (one.iter().copied().collect(), two.iter().copied().collect());
    let (x, y): (BTreeSet<u64>, BTreeSet<u64>) = (one.into_iter().collect(), two.into_iter().collect());
    assert!(a.iter().eq(&x) && a.difference(&b).eq(x.difference(&y)) && a.intersection(&b).eq(x.intersection(&y)));
    assert_eq!((a.first(), a.last(), a.len()), (x.first(), x.last(), x.len()));
    let both: OrderedSet<u64> = a.intersection(&b).copied().collect();
    assert!(both.is_subset(&a) && !a.is_subset(&b) && !a.is_disjoint(&b) && a.contains(x.first().unwrap()));
}

/// Two that were filled in different orders have different blocks.
#[test]
fn blocks_make_no_difference() {
    let up: OrderedSet<usize> = (0..5 * MOST).collect();
    let down: OrderedSet<usize> = (0..5 * MOST).rev().collect();
    assert_eq!(up, down);
    let lengths = |set: &OrderedSet<usize>| set.items.blocks.iter().map(Vec::len).collect::<Vec<_>>();
    assert_ne!(lengths(&up), lengths(&down));
    assert!(lengths(&up).iter().chain(&lengths(&down)).all(|len| (1..=MOST).contains(len)));
}

#[test]
fn items_from_both_ends_meet() {
    let set: OrderedSet<usize> = (0..3 * MOST).collect();
    let mut items = set.iter();
    let mut found = Vec::new();
    while let Some(first) = items.next() {
        found.push(*first);
        found.extend(items.next_back());
    }
    found.sort_unstable();
    assert!(found.into_iter().eq(0..3 * MOST) && items.next_back().is_none());
}
