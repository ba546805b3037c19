//! Sorting with one instance of std's sort, that of row numbers, and what else takes the place of larger code of std.
//!
//! Each call of `sort` compiles to 3,000 lines of LLVM for its type and closure; 75 of them were a tenth of this crate's code,
//! which every build of a user compiles. `collect` sorts what it puts into a B-tree, too, and a B-tree of its own for a few
//! keys compiles to as much.

use std::cmp::Ordering;

/// Stable sorting of slices, as `sort`, `sort_by` and `sort_by_key` of std do it.
pub(crate) trait Order<T> {
    fn order_by(&mut self, compare: impl FnMut(&T, &T) -> Ordering);

    fn order(&mut self)
    where
        T: Ord,
    {
        self.order_by(T::cmp);
    }

    fn order_by_key<K: Ord>(&mut self, mut key: impl FnMut(&T) -> K) {
        self.order_by(|one, other| key(one).cmp(&key(other)));
    }
}

impl<T> Order<T> for [T] {
    fn order_by(&mut self, mut compare: impl FnMut(&T, &T) -> Ordering) {
        let mut places = sorted_places(self.len(), &mut |one, other| compare(&self[one], &self[other]));
        for start in 0..places.len() {
            // Follows the circle of items that take each other's places.
            let mut at = start;
            while places[at] != start {
                let from = std::mem::replace(&mut places[at], at);
                self.swap(at, from);
                at = from;
            }
            places[at] = at;
        }
    }
}

/// Collects into B-trees item by item.
pub(crate) trait IntoTree: Iterator + Sized {
    fn into_tree<T: Default + Extend<Self::Item>>(self) -> T {
        let mut tree = T::default();
        tree.extend(self);
        tree
    }

    fn try_into_tree<T: Default + Extend<K>, K, E>(self) -> Result<T, E>
    where
        Self: Iterator<Item = Result<K, E>>,
    {
        let mut tree = T::default();
        for item in self {
            tree.extend(Some(item?));
        }
        Ok(tree)
    }
}

impl<I: Iterator> IntoTree for I {}

/// Returns the value of a key among few, with its default where the key is new.
pub(crate) fn value_of<K: PartialEq, V: Default>(pairs: &mut Vec<(K, V)>, key: K) -> &mut V {
    let at = pairs.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
        pairs.push((key, V::default()));
        pairs.len() - 1
    });
    &mut pairs[at].1
}

/// Returns for each place the item that belongs there.
fn sorted_places(len: usize, compare: &mut dyn FnMut(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..len).collect();
    places.sort_by(|one, other| compare(*one, *other));
    places
}

#[cfg(test)]
mod tests {
    use super::Order as _;
    use crate::draw::Draw;

    #[test]
    fn items_come_in_the_order_of_std() {
        for len in 0..60 {
            let mut draw = Draw::new(len);
            let items: Vec<(u64, u64)> = (0..len).map(|at| (draw.below(7), at)).collect();
            let (mut expected, mut found) = (items.clone(), items);
            expected.sort_by_key(|(key, _)| *key);
            found.order_by_key(|(key, _)| *key);
            assert_eq!(found, expected);
            expected.sort_by(|one, other| other.cmp(one));
            found.order_by(|one, other| other.cmp(one));
            assert_eq!(found, expected);
            expected.sort();
            found.order();
            assert_eq!(found, expected);
        }
    }
}
