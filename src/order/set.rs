//! A set in a sorted list, with the order of std's B-tree and the methods that are used of it.

use std::borrow::Borrow;
use std::{fmt, slice, vec};

use super::list::{add, place_of};

/// A set whose items lie sorted in a list.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

impl<T: fmt::Debug> fmt::Debug for SortedSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self).finish()
    }
}

/// Of equal items, the first one stays.
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::SortedSet;
    use crate::draw::Draw;
    use crate::sql::Name;

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

    /// Names that differ in case are equal.
    #[test]
    fn of_equal_items_the_first_one_stays() {
        let set: SortedSet<Name> = ["users", "Orders", "USERS", "orders"].map(Name::from).into_iter().collect();
        assert_eq!(set.iter().map(Name::as_str).collect::<Vec<_>>(), ["Orders", "users"]);
    }
}
