//! A map and a set in sorted lists, with the methods and the order of std's B-trees.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::iter::Map;
use std::ops::Index;
use std::{slice, vec};

use super::sort::Order as _;

/// A map whose pairs lie sorted in a list. What comes in order is appended; anything else moves what is behind it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SortedMap<K, V> {
    pairs: Vec<(K, V)>,
}

impl<K, V> SortedMap<K, V> {
    pub(crate) const fn new() -> SortedMap<K, V> {
        SortedMap { pairs: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.pairs.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.pairs.clear();
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.pairs.retain_mut(|(key, value)| keep(key, value));
    }

    pub(crate) fn iter(&self) -> Pairs<'_, K, V> {
        self.pairs.iter().map(|(key, value)| (key, value))
    }

    pub(crate) fn keys(&self) -> impl DoubleEndedIterator<Item = &K> + ExactSizeIterator + Clone {
        self.pairs.iter().map(|(key, _)| key)
    }

    pub(crate) fn values(&self) -> impl DoubleEndedIterator<Item = &V> + ExactSizeIterator + Clone {
        self.pairs.iter().map(|(_, value)| value)
    }

    pub(crate) fn into_values(self) -> impl Iterator<Item = V> {
        self.pairs.into_iter().map(|(_, value)| value)
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.place(key).ok().map(|at| &self.pairs[at].1)
    }

    pub(crate) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.place(key).ok().map(|at| &mut self.pairs[at].1)
    }

    pub(crate) fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.place(key).is_ok()
    }

    /// Returns the value that the key had before.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.place(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.pairs[at].1, value)),
            Err(at) => {
                self.pairs.insert(at, (key, value));
                None
            }
        }
    }

    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.place(key).ok().map(|at| self.pairs.remove(at).1)
    }

    /// Returns the value of a key, which is given one where it has none.
    pub(crate) fn get_or_insert_with(&mut self, key: K, value: impl FnOnce() -> V) -> &mut V {
        let at = self.place(&key).unwrap_or_else(|at| {
            self.pairs.insert(at, (key, value()));
            at
        });
        &mut self.pairs[at].1
    }

    pub(crate) fn get_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.get_or_insert_with(key, V::default)
    }

    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        place_of(self.pairs.len(), &mut |at| self.pairs[at].0.borrow().cmp(key))
    }
}

impl<K: Ord, V> SortedMap<K, Vec<V>> {
    /// Returns the values of each key, in the order in which they come.
    pub(crate) fn grouped(pairs: impl IntoIterator<Item = (K, V)>) -> SortedMap<K, Vec<V>> {
        let mut pairs: Vec<(K, V)> = pairs.into_iter().collect();
        pairs.order_by(|one, other| one.0.cmp(&other.0));
        let mut map: SortedMap<K, Vec<V>> = SortedMap::new();
        for (key, value) in pairs {
            match map.pairs.last_mut() {
                Some((last, values)) if *last == key => values.push(value),
                _ => map.pairs.push((key, vec![value])),
            }
        }
        map
    }
}

impl<K: Ord + Borrow<Q>, Q: Ord + ?Sized, V> Index<&Q> for SortedMap<K, V> {
    type Output = V;

    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("no value of this key")
    }
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> SortedMap<K, V> {
        SortedMap::new()
    }
}

/// Of the values of one key, the last one stays.
impl<K: Ord, V> Extend<(K, V)> for SortedMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        if add(&mut self.pairs, pairs, |one, other| one.0.cmp(&other.0)) {
            self.pairs.dedup_by(|next, kept| {
                let is_same = next.0 == kept.0;
                if is_same {
                    std::mem::swap(&mut kept.1, &mut next.1);
                }
                is_same
            });
        }
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for SortedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> SortedMap<K, V> {
        let mut map = SortedMap::new();
        map.extend(pairs);
        map
    }
}

type Pairs<'a, K, V> = Map<slice::Iter<'a, (K, V)>, fn(&'a (K, V)) -> (&'a K, &'a V)>;

impl<'a, K, V> IntoIterator for &'a SortedMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Pairs<'a, K, V>;

    fn into_iter(self) -> Pairs<'a, K, V> {
        self.iter()
    }
}

impl<K, V> IntoIterator for SortedMap<K, V> {
    type Item = (K, V);
    type IntoIter = vec::IntoIter<(K, V)>;

    fn into_iter(self) -> vec::IntoIter<(K, V)> {
        self.pairs.into_iter()
    }
}

/// A set whose items lie sorted in a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SortedSet<T> {
    items: Vec<T>,
}

impl<T> SortedSet<T> {
    pub(crate) const fn new() -> SortedSet<T> {
        SortedSet { items: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(crate) fn iter(&self) -> slice::Iter<'_, T> {
        self.items.iter()
    }

    pub(crate) fn first(&self) -> Option<&T> {
        self.items.first()
    }

    pub(crate) fn last(&self) -> Option<&T> {
        self.items.last()
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        self.items.retain(keep);
    }
}

impl<T: Ord> SortedSet<T> {
    pub(crate) fn contains<Q: Ord + ?Sized>(&self, item: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.place(item).is_ok()
    }

    /// Returns whether the item is new.
    pub(crate) fn insert(&mut self, item: T) -> bool {
        let place = self.place(&item);
        if let Err(at) = place {
            self.items.insert(at, item);
        }
        place.is_err()
    }

    /// Returns whether the item was in the set.
    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, item: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        let place = self.place(item);
        if let Ok(at) = place {
            self.items.remove(at);
        }
        place.is_ok()
    }

    fn place<Q: Ord + ?Sized>(&self, item: &Q) -> Result<usize, usize>
    where
        T: Borrow<Q>,
    {
        place_of(self.items.len(), &mut |at| self.items[at].borrow().cmp(item))
    }
}

impl<T> Default for SortedSet<T> {
    fn default() -> SortedSet<T> {
        SortedSet::new()
    }
}

impl<T: Ord> Extend<T> for SortedSet<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        if add(&mut self.items, items, T::cmp) {
            self.items.dedup();
        }
    }
}

impl<T: Ord> FromIterator<T> for SortedSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> SortedSet<T> {
        let mut set = SortedSet::new();
        set.extend(items);
        set
    }
}

impl<'a, T> IntoIterator for &'a SortedSet<T> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> slice::Iter<'a, T> {
        self.items.iter()
    }
}

impl<T> IntoIterator for SortedSet<T> {
    type Item = T;
    type IntoIter = vec::IntoIter<T>;

    fn into_iter(self) -> vec::IntoIter<T> {
        self.items.into_iter()
    }
}

/// Adds items to sorted ones, and returns whether some of them may be equal.
fn add<T>(items: &mut Vec<T>, new: impl IntoIterator<Item = T>, compare: impl Fn(&T, &T) -> Ordering) -> bool {
    let mut in_order = true;
    for item in new {
        in_order = in_order && items.last().is_none_or(|last| compare(last, &item).is_lt());
        items.push(item);
    }
    if !in_order {
        items.order_by(compare);
    }
    !in_order
}

/// Searches `len` places for the one whose order, compared with what is looked for, is equal, or where it belongs.
fn place_of(len: usize, compare: &mut dyn FnMut(usize) -> Ordering) -> Result<usize, usize> {
    let (mut from, mut to) = (0, len);
    while from < to {
        let middle = from.midpoint(to);
        match compare(middle) {
            Ordering::Less => from = middle + 1,
            Ordering::Greater => to = middle,
            Ordering::Equal => return Ok(middle),
        }
    }
    Err(from)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{SortedMap, SortedSet};
    use crate::draw::Draw;
    use crate::sql::Name;

    #[test]
    fn a_map_holds_what_one_of_std_holds() {
        for seed in 0..200 {
            let mut draw = Draw::new(seed);
            let (mut map, mut expected) = (SortedMap::new(), BTreeMap::new());
            for value in 0..50 {
                let key = draw.below(12).to_string();
                match draw.below(6) {
                    0 => assert_eq!(map.remove(key.as_str()), expected.remove(key.as_str())),
                    1 => assert_eq!(map.get(key.as_str()), expected.get(key.as_str())),
                    2 => assert_eq!(map.insert(key.clone(), value), expected.insert(key, value)),
                    3 => {
                        *map.get_or_default(key.clone()) += value;
                        *expected.entry(key).or_default() += value;
                    }
                    4 => {
                        let found = *map.get_or_insert_with(key.clone(), || value);
                        assert_eq!(found, *expected.entry(key).or_insert(value));
                    }
                    _ => {
                        let new: Vec<(String, i32)> =
                            (0..draw.below(5)).map(|at| (draw.below(12).to_string(), at as i32)).collect();
                        map.extend(new.clone());
                        expected.extend(new);
                    }
                }
                assert!(map.iter().eq(expected.iter()), "seed {seed}: {map:?} instead of {expected:?}");
                assert_eq!(map.len(), expected.len());
            }
        }
    }

    #[test]
    fn a_set_holds_what_one_of_std_holds() {
        for seed in 0..200 {
            let mut draw = Draw::new(seed);
            let (mut set, mut expected) = (SortedSet::new(), BTreeSet::new());
            for _ in 0..50 {
                let item = draw.below(12).to_string();
                match draw.below(4) {
                    0 => assert_eq!(set.remove(item.as_str()), expected.remove(item.as_str())),
                    1 => assert_eq!(set.contains(item.as_str()), expected.contains(item.as_str())),
                    2 => assert_eq!(set.insert(item.clone()), expected.insert(item)),
                    _ => {
                        let new: Vec<String> = (0..draw.below(5)).map(|_| draw.below(12).to_string()).collect();
                        set.extend(new.clone());
                        expected.extend(new);
                    }
                }
                assert!(set.iter().eq(expected.iter()), "seed {seed}: {set:?} instead of {expected:?}");
                assert_eq!(set.first(), expected.first());
            }
        }
    }

    #[test]
    fn values_come_in_their_order() {
        let map = SortedMap::grouped([("b", 3), ("a", 9), ("b", 1), ("c", 0), ("b", 2)]);
        assert!(map.iter().eq([(&"a", &vec![9]), (&"b", &vec![3, 1, 2]), (&"c", &vec![0])]), "{map:?}");
    }

    /// Names that differ in case are equal.
    #[test]
    fn of_equal_items_the_first_one_stays() {
        let name = |text: &str| Name::from(text);
        let set: SortedSet<Name> = ["users", "Orders", "USERS", "orders"].map(name).into_iter().collect();
        assert_eq!(set.iter().map(|name| name.to_string()).collect::<Vec<_>>(), ["Orders", "users"]);
        let map: SortedMap<Name, i32> =
            [("users", 1), ("Orders", 2), ("USERS", 3)].map(|(key, at)| (name(key), at)).into_iter().collect();
        assert_eq!(
            map.iter().map(|(name, at)| (name.to_string(), *at)).collect::<Vec<_>>(),
            [("Orders".to_owned(), 2), ("users".to_owned(), 3)]
        );
    }
}
