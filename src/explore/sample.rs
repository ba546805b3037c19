//! A sample of many places, spread over all of them.

use crate::draw::Draw;

/// Returns at most `most` of the first `count` numbers, one drawn from each of `most` equal stretches.
pub(crate) fn spread(count: u64, most: u64, seed: u64) -> Vec<u64> {
    if count <= most {
        return (0..count).collect();
    }
    let mut draw = Draw::new(seed);
    let one = |part: u64| {
        let (start, end) = (part * count / most, (part + 1) * count / most);
        start + draw.below(end - start)
    };
    (0..most).map(one).collect()
}
