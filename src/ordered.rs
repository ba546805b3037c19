//! Maps and sets in the order of their keys, as those of std, which compile to little code.
//!
//! Each type of key and value of a `BTreeMap` compiles to 5,000 lines of LLVM; 52 of them were an eighth of this crate's code, which
//! every build of a user compiles. Here the entries are in sorted blocks, of which none is long: an insertion moves a part of one.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::ops::Index;

/// The longest block.
const MOST: usize = 256;

/// A map in the order of its keys.
#[derive(Clone)]
pub(crate) struct OrderedMap<K, V> {
    /// None is empty.
    blocks: Vec<Vec<(K, V)>>,
}

/// The block of an entry, and its place there.
type Place = (usize, usize);

/// Returns the item that `compare` calls equal, or the place where it belongs.
fn search(len: usize, compare: &mut dyn FnMut(usize) -> Ordering) -> Result<usize, usize> {
    let (mut from, mut to) = (0, len);
    while from < to {
        let middle = from.midpoint(to);
        match compare(middle) {
            Ordering::Less => from = middle + 1,
            Ordering::Equal => return Ok(middle),
            Ordering::Greater => to = middle,
        }
    }
    Err(from)
}

impl<K, V> OrderedMap<K, V> {
    pub(crate) const fn new() -> OrderedMap<K, V> {
        OrderedMap { blocks: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        let mut len = 0;
        for block in &self.blocks {
            len += block.len();
        }
        len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    pub(crate) fn iter(&self) -> Iter<'_, K, V> {
        Iter { blocks: self.blocks.iter(), front: [].iter(), back: [].iter() }
    }

    pub(crate) fn keys(&self) -> Keys<'_, K, V> {
        Keys(self.iter())
    }

    pub(crate) fn values(&self) -> impl DoubleEndedIterator<Item = &V> + Clone {
        self.iter().map(|(_, value)| value)
    }

    pub(crate) fn into_keys(self) -> impl Iterator<Item = K> {
        self.into_iter().map(|(key, _)| key)
    }

    pub(crate) fn into_values(self) -> impl Iterator<Item = V> {
        self.into_iter().map(|(_, value)| value)
    }

    pub(crate) fn retain(&mut self, mut keeps: impl FnMut(&K, &mut V) -> bool) {
        for block in &mut self.blocks {
            block.retain_mut(|(key, value)| keeps(key, value));
        }
        self.blocks.retain(|block| !block.is_empty());
    }

    pub(crate) fn clear(&mut self) {
        self.blocks.clear();
    }
}

impl<K: Ord, V> OrderedMap<K, V> {
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<Place, Place>
    where
        K: Borrow<Q>,
    {
        let block = match search(self.blocks.len(), &mut |at| self.blocks[at][0].0.borrow().cmp(key)) {
            Ok(block) => return Ok((block, 0)),
            Err(0) => return Err((0, 0)),
            Err(next) => next - 1,
        };
        match search(self.blocks[block].len(), &mut |at| self.blocks[block][at].0.borrow().cmp(key)) {
            Ok(at) => Ok((block, at)),
            Err(at) => Err((block, at)),
        }
    }

    fn insert_at(&mut self, (mut block, mut at): Place, key: K, value: V) -> &mut V {
        if self.blocks.is_empty() {
            self.blocks.push(Vec::new());
        }
        self.blocks[block].insert(at, (key, value));
        let len = self.blocks[block].len();
        if len > MOST {
            // What comes in order leaves full blocks behind.
            let half = if at == MOST { MOST } else { MOST / 2 };
            let rest = self.blocks[block].split_off(half);
            self.blocks.insert(block + 1, rest);
            if at >= half {
                (block, at) = (block + 1, at - half);
            }
        }
        &mut self.blocks[block][at].1
    }

    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let (block, at) = self.find(key).ok()?;
        Some(&self.blocks[block][at].1)
    }

    pub(crate) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let (block, at) = self.find(key).ok()?;
        Some(&mut self.blocks[block][at].1)
    }

    pub(crate) fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.find(key).is_ok()
    }

    /// Returns the value that was there.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok((block, at)) => Some(std::mem::replace(&mut self.blocks[block][at].1, value)),
            Err(place) => {
                self.insert_at(place, key, value);
                None
            }
        }
    }

    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let (block, at) = self.find(key).ok()?;
        let (_, value) = self.blocks[block].remove(at);
        if self.blocks[block].is_empty() {
            self.blocks.remove(block);
        }
        Some(value)
    }

    pub(crate) fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        let place = self.find(&key);
        Entry { map: self, key, place }
    }
}

/// A place in a map that may have no value yet.
pub(crate) struct Entry<'m, K, V> {
    map: &'m mut OrderedMap<K, V>,
    key: K,
    place: Result<Place, Place>,
}

impl<'m, K: Ord, V> Entry<'m, K, V> {
    pub(crate) fn or_insert_with(self, value: impl FnOnce() -> V) -> &'m mut V {
        match self.place {
            Ok((block, at)) => &mut self.map.blocks[block][at].1,
            Err(place) => self.map.insert_at(place, self.key, value()),
        }
    }

    pub(crate) fn or_insert(self, value: V) -> &'m mut V {
        self.or_insert_with(|| value)
    }

    pub(crate) fn or_default(self) -> &'m mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }
}

/// The entries of a map, in their order.
pub(crate) struct Iter<'m, K, V> {
    blocks: std::slice::Iter<'m, Vec<(K, V)>>,
    front: std::slice::Iter<'m, (K, V)>,
    back: std::slice::Iter<'m, (K, V)>,
}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Iter { blocks: self.blocks.clone(), front: self.front.clone(), back: self.back.clone() }
    }
}

impl<'m, K, V> Iterator for Iter<'m, K, V> {
    type Item = (&'m K, &'m V);

    fn next(&mut self) -> Option<Self::Item> {
        if self.front.as_slice().is_empty() {
            self.front = match self.blocks.next() {
                Some(block) => block.iter(),
                None => std::mem::replace(&mut self.back, [].iter()),
            };
        }
        let (key, value) = self.front.next()?;
        Some((key, value))
    }
}

impl<K, V> DoubleEndedIterator for Iter<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.back.as_slice().is_empty() {
            self.back = match self.blocks.next_back() {
                Some(block) => block.iter(),
                None => std::mem::replace(&mut self.front, [].iter()),
            };
        }
        let (key, value) = self.back.next_back()?;
        Some((key, value))
    }
}

/// The keys of a map, in their order.
pub(crate) struct Keys<'m, K, V>(Iter<'m, K, V>);

impl<K, V> Clone for Keys<'_, K, V> {
    fn clone(&self) -> Self {
        Keys(self.0.clone())
    }
}

impl<'m, K, V> Iterator for Keys<'m, K, V> {
    type Item = &'m K;

    fn next(&mut self) -> Option<&'m K> {
        let (key, _) = self.0.next()?;
        Some(key)
    }
}

impl<K, V> DoubleEndedIterator for Keys<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let (key, _) = self.0.next_back()?;
        Some(key)
    }
}

/// The entries of a map that is given away, in their order.
pub(crate) struct IntoIter<K, V> {
    blocks: std::vec::IntoIter<Vec<(K, V)>>,
    front: std::vec::IntoIter<(K, V)>,
}

impl<K, V> Iterator for IntoIter<K, V> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        if self.front.as_slice().is_empty() {
            self.front = self.blocks.next()?.into_iter();
        }
        self.front.next()
    }
}

impl<K, V> IntoIterator for OrderedMap<K, V> {
    type Item = (K, V);
    type IntoIter = IntoIter<K, V>;

    fn into_iter(self) -> IntoIter<K, V> {
        IntoIter { blocks: self.blocks.into_iter(), front: Vec::new().into_iter() }
    }
}

impl<'m, K, V> IntoIterator for &'m OrderedMap<K, V> {
    type Item = (&'m K, &'m V);
    type IntoIter = Iter<'m, K, V>;

    fn into_iter(self) -> Iter<'m, K, V> {
        self.iter()
    }
}

impl<K: Ord, V> Extend<(K, V)> for OrderedMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for OrderedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = OrderedMap::new();
        map.extend(entries);
        map
    }
}

impl<K: Ord, V, const N: usize> From<[(K, V); N]> for OrderedMap<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<K, V> Default for OrderedMap<K, V> {
    fn default() -> Self {
        OrderedMap::new()
    }
}

impl<K: Ord + Borrow<Q>, Q: Ord + ?Sized, V> Index<&Q> for OrderedMap<K, V> {
    type Output = V;

    #[track_caller]
    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("no entry for this key")
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for OrderedMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<K: Eq, V: Eq> Eq for OrderedMap<K, V> {}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for OrderedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// A set in the order of its items.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct OrderedSet<T> {
    items: OrderedMap<T, ()>,
}

impl<T> OrderedSet<T> {
    pub(crate) const fn new() -> OrderedSet<T> {
        OrderedSet { items: OrderedMap::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(crate) fn iter(&self) -> Keys<'_, T, ()> {
        self.items.keys()
    }

    pub(crate) fn first(&self) -> Option<&T> {
        self.iter().next()
    }

    pub(crate) fn last(&self) -> Option<&T> {
        self.iter().next_back()
    }

    pub(crate) fn retain(&mut self, mut keeps: impl FnMut(&T) -> bool) {
        self.items.retain(|item, ()| keeps(item));
    }
}

impl<T: Ord> OrderedSet<T> {
    /// Returns true if the item is new.
    pub(crate) fn insert(&mut self, item: T) -> bool {
        self.items.insert(item, ()).is_none()
    }

    pub(crate) fn contains<Q: Ord + ?Sized>(&self, item: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.items.contains_key(item)
    }

    /// Returns true if the item was there.
    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, item: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.items.remove(item).is_some()
    }

    /// Returns the items that the other set has not.
    pub(crate) fn difference<'s>(&'s self, other: &'s OrderedSet<T>) -> impl Iterator<Item = &'s T> {
        self.iter().filter(|item| !other.contains(*item))
    }

    /// Returns the items that both have.
    pub(crate) fn intersection<'s>(&'s self, other: &'s OrderedSet<T>) -> impl Iterator<Item = &'s T> {
        self.iter().filter(|item| other.contains(*item))
    }

    pub(crate) fn is_subset(&self, other: &OrderedSet<T>) -> bool {
        self.iter().all(|item| other.contains(item))
    }

    pub(crate) fn is_disjoint(&self, other: &OrderedSet<T>) -> bool {
        !self.iter().any(|item| other.contains(item))
    }
}

impl<T> IntoIterator for OrderedSet<T> {
    type Item = T;
    type IntoIter = IntoItems<T>;

    fn into_iter(self) -> IntoItems<T> {
        IntoItems(self.items.into_iter())
    }
}

/// The items of a set that is given away, in their order.
pub(crate) struct IntoItems<T>(IntoIter<T, ()>);

impl<T> Iterator for IntoItems<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let (item, ()) = self.0.next()?;
        Some(item)
    }
}

impl<'s, T> IntoIterator for &'s OrderedSet<T> {
    type Item = &'s T;
    type IntoIter = Keys<'s, T, ()>;

    fn into_iter(self) -> Keys<'s, T, ()> {
        self.iter()
    }
}

impl<T: Ord> Extend<T> for OrderedSet<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        for item in items {
            self.insert(item);
        }
    }
}

impl<T: Ord> FromIterator<T> for OrderedSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut set = OrderedSet::new();
        set.extend(items);
        set
    }
}

impl<T: Ord, const N: usize> From<[T; N]> for OrderedSet<T> {
    fn from(items: [T; N]) -> Self {
        items.into_iter().collect()
    }
}

impl<T> Default for OrderedSet<T> {
    fn default() -> Self {
        OrderedSet::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for OrderedSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests;
