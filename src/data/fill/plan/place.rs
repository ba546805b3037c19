//! The part of a row's number from which a column takes its value, so that rows differ.

/// The part of the row's number that a column takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    stride: u64,
    /// The number of values of the column.
    size: u64,
    /// The number of combinations.
    all: u64,
    multiplier: u64,
    /// True if rows beyond that have NULL here.
    null_beyond: bool,
    /// True if the number is taken unchanged.
    plain: bool,
}

impl Place {
    pub(super) fn new(stride: u64, size: u64, all: u64, null_beyond: bool) -> Place {
        Place { stride, size, all, multiplier: multiplier(all) % all.max(2), null_beyond, plain: false }
    }

    /// Returns the whole number as a place, for a source with room for it. `counts` takes the number unchanged.
    pub(super) fn whole(capacity: u64, counts: bool) -> Place {
        // Texts that show their number are easier to read in order.
        Place { plain: capacity > 1 << 40 || counts, ..Place::new(1, capacity, capacity, false) }
    }

    /// Returns true if rows differ by this column alone.
    pub(super) fn is_whole(&self) -> bool {
        self.size == self.all
    }

    /// Returns the column's part of a number. `None` is NULL.
    #[inline]
    pub(crate) fn of(&self, number: u64) -> Option<u64> {
        if self.plain {
            return Some(number);
        }
        if self.null_beyond && number >= self.all {
            return None;
        }
        // Each number below `all` is used once, in an order that looks random.
        let number = number % self.all;
        let scattered = if self.all <= u64::from(u32::MAX) {
            number * self.multiplier % self.all
        } else {
            (u128::from(number) * u128::from(self.multiplier) % u128::from(self.all)) as u64
        };
        Some(scattered / self.stride % self.size)
    }
}

/// Returns a number that has no factor in common with `all`.
fn multiplier(all: u64) -> u64 {
    fn divisor(one: u64, two: u64) -> u64 {
        if two == 0 { one } else { divisor(two, one % two) }
    }
    // About the golden section, so that neighbors end up far apart.
    let mut candidate = (all as f64 * 0.618_033_988_75) as u64 | 1;
    while divisor(candidate, all.max(1)) != 1 {
        candidate += 1;
    }
    candidate.max(1)
}
