//! Sorting with one instance of std's sort, that of row numbers.

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
