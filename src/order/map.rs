//! A map in a sorted list, with the order of std's B-tree and the methods that are used of it.

use std::borrow::Borrow;
use std::iter::Map;
use std::ops::Index;
use std::{fmt, slice, vec};

use super::list::{add, place_of};
use super::sort::Order as _;

/// A map whose pairs lie sorted in a list. What comes in order is appended; anything else moves what is behind it.
#[derive(Clone, PartialEq, Eq, Hash)]
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

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for SortedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::SortedMap;
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
    fn values_come_in_their_order() {
        let map = SortedMap::grouped([("b", 3), ("a", 9), ("b", 1), ("c", 0), ("b", 2)]);
        assert!(map.iter().eq([(&"a", &vec![9]), (&"b", &vec![3, 1, 2]), (&"c", &vec![0])]), "{map:?}");
    }

    /// Names that differ in case are equal.
    #[test]
    fn of_equal_keys_the_first_one_stays_with_the_last_value() {
        let pairs = [("users", 1), ("Orders", 2), ("USERS", 3)].map(|(key, value)| (Name::from(key), value));
        let map: SortedMap<Name, i32> = pairs.into_iter().collect();
        let found: Vec<(&str, i32)> = map.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assert_eq!(found, [("Orders", 2), ("users", 3)]);
    }
}
