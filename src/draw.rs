//! Reproducible random choices. Each is derived from a seed and the names of its purpose, never from earlier choices.
//!
//! Adding a choice does not change others, and the seed that a failure prints repeats all of them.

/// A stream of random numbers, determined by its key.
#[derive(Clone, Debug)]
pub(crate) struct Draw {
    state: u64,
}

impl Draw {
    /// Returns the stream of a key. See [`key`].
    pub(crate) fn new(key: u64) -> Draw {
        Draw { state: key }
    }

    /// Returns the next number.
    #[inline]
    pub(crate) fn next(&mut self) -> u64 {
        // SplitMix64: every state gives a different number, and neighbors look unrelated.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// Returns a number below `end`, which is at least 1.
    #[inline]
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // The high half of a product needs no division. Its bias is less than one in 2^32 for the ranges of tests.
        ((self.next() as u128 * end as u128) >> 64) as u64
    }

    /// Returns true with a probability of `percent` in a hundred.
    #[inline]
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// Derives a key from `key` and a number: a row, an attempt.
#[inline]
pub(crate) fn key(key: u64, number: u64) -> u64 {
    mix(key ^ mix(number.wrapping_add(0x9e37_79b9_7f4a_7c15)))
}

/// Derives a key from `base` and a name: a table, a column.
pub(crate) fn named(base: u64, name: &str) -> u64 {
    key(base, xxhash_rust::xxh64::xxh64(name.as_bytes(), 0))
}

#[inline]
fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

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

/// Divides `all` among groups of these sizes. No group gets more than it has or than `most`; each gets at least one if it has
/// one, and what a small group leaves goes to the larger ones.
pub(crate) fn shares(sizes: &[u64], all: u64, most: u64) -> Vec<u64> {
    let mut smallest_first: Vec<usize> = (0..sizes.len()).collect();
    smallest_first.sort_by_key(|at| sizes[*at]);
    let (mut left, mut shares) = (all, vec![0; sizes.len()]);
    for (done, at) in smallest_first.into_iter().enumerate() {
        let fair = left / (sizes.len() - done) as u64;
        shares[at] = sizes[at].min(most).min(fair.max(1));
        left = left.saturating_sub(shares[at]);
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::{Draw, key, named, shares};

    #[test]
    fn what_a_small_group_leaves_goes_to_the_larger_ones() {
        assert_eq!(shares(&[2, 500, 0, 90], 300, 1000), [2, 208, 0, 90]);
        assert_eq!(shares(&[2, 500, 0, 90], 3, 1000), [1, 1, 0, 1]);
        assert_eq!(shares(&[2000, 3000], 100_000, 1000), [1000, 1000]);
    }

    #[test]
    fn a_choice_depends_on_its_key_alone() {
        let of = |seed, table, row| Draw::new(key(named(seed, table), row)).next();
        assert_eq!(of(7, "users", 3), of(7, "users", 3));
        let others = [of(8, "users", 3), of(7, "orders", 3), of(7, "users", 4)];
        assert!(others.iter().all(|other| *other != of(7, "users", 3)));
    }

    #[test]
    fn numbers_below_an_end_reach_all_of_them_and_no_other() {
        let mut draw = Draw::new(1);
        let mut seen = [0; 5];
        for _ in 0..1000 {
            seen[draw.below(5) as usize] += 1;
        }
        assert!(seen.iter().all(|count| (150..250).contains(count)), "{seen:?}");
    }
}
