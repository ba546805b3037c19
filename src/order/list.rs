//! Functions that maps and sets in sorted lists share.

use std::cmp::Ordering;

use super::sort::Order as _;

/// Adds items to sorted ones, and returns whether some of them may be equal.
pub(super) fn add<T>(
    items: &mut Vec<T>,
    new: impl IntoIterator<Item = T>,
    compare: impl Fn(&T, &T) -> Ordering,
) -> bool {
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
pub(super) fn place_of(len: usize, compare: &mut dyn FnMut(usize) -> Ordering) -> Result<usize, usize> {
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
