//! The classes of growth, and the class of numbers.

use std::fmt;

/// The growth of a query's work with `n`, the size of the database.
///
/// ```
/// use sqlitmus::workload::Growth;
///
/// assert!(Growth::Logarithmic < Growth::Linear);
/// assert_eq!(Growth::NLogN.to_string(), "n log n");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Growth {
    /// The same for any number of rows: a search by a key or an index that finds equally many rows.
    Constant,
    /// By the same amount each time that n is multiplied. SQLite's own searches are [`Constant`](Growth::Constant), because
    /// their path through a b-tree is inside one instruction.
    Logarithmic,
    /// Like n: a scan, a sort, or a result that has more rows.
    Linear,
    /// Like n log n. SQLite's own sorts are [`Linear`](Growth::Linear), because their comparisons are inside an instruction.
    NLogN,
    /// Like n²: a scan for each row of a scan.
    Quadratic,
    /// Faster than n².
    Steeper,
}

/// A class and its function of n.
type Class = (Growth, fn(f64) -> f64);

impl Growth {
    /// All but `Constant`, from slow to fast. n³ represents everything that is steeper.
    const CLASSES: [Class; 5] = [
        (Growth::Logarithmic, f64::ln),
        (Growth::Linear, |n| n),
        (Growth::NLogN, |n| n * n.ln()),
        (Growth::Quadratic, |n| n * n),
        (Growth::Steeper, |n| n * n * n),
    ];

    /// Returns the class of the steps at these sizes. Each size is at least twice the one before.
    ///
    /// Steps that are the same at every size cancel out in the difference between one size and the next. So the last
    /// difference is compared with those before it, and the class wins whose own differences have the nearest ratio. This is
    /// exact if the steps are a constant plus a multiple of n. It needs no clock, and only one tolerance: less than 1 % more
    /// steps at the last size count as constant.
    pub(super) fn of(sizes: &[u64], steps: &[u64]) -> Growth {
        let x: Vec<f64> = sizes.iter().map(|&size| float(size)).collect();
        let y: Vec<f64> = steps.iter().map(|&steps| float(steps)).collect();
        let last = y.len() - 1;
        let rise = |values: &[f64], at: usize| values[at] - values[at - 1];
        if rise(&y, last) <= y[last - 1] / 100.0 {
            return Growth::Constant;
        }
        let rises: Vec<usize> = (1..last).filter(|&at| rise(&y, at) > 0.0).collect();
        let distance = |class: fn(f64) -> f64| -> f64 {
            let of: Vec<f64> = x.iter().map(|&n| class(n)).collect();
            let apart = |at: &usize| (rise(&y, last) / rise(&y, *at) / (rise(&of, last) / rise(&of, *at))).ln().abs();
            match rises.as_slice() {
                // It rises only at the end, so no part of it is taken for constant.
                [] => (y[last] / y[last - 1].max(1.0) / (of[last] / of[last - 1])).ln().abs(),
                rises => rises.iter().map(apart).sum(),
            }
        };
        let nearest = Growth::CLASSES.iter().min_by(|a, b| distance(a.1).total_cmp(&distance(b.1)));
        nearest.map_or(Growth::Steeper, |(class, _)| *class)
    }
}

#[expect(clippy::cast_precision_loss, reason = "the ratios of such large numbers do not need all their digits")]
fn float(number: u64) -> f64 {
    number as f64
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Growth::Constant => "constant",
            Growth::Logarithmic => "logarithmic",
            Growth::Linear => "linear",
            Growth::NLogN => "n log n",
            Growth::Quadratic => "quadratic",
            Growth::Steeper => "steeper than quadratic",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Growth;

    #[track_caller]
    fn check(steps: impl Fn(f64) -> f64, expected: Growth) {
        for sizes in [&[10, 100, 1000][..], &[16, 32, 64], &[5, 50, 500, 1000, 4000]] {
            for overhead in [0.0, 20.0, 300.0] {
                let counted: Vec<u64> = sizes.iter().map(|&n| (overhead + steps(n as f64)).round() as u64).collect();
                assert_eq!(Growth::of(sizes, &counted), expected, "{sizes:?} {counted:?}");
            }
        }
    }

    #[test]
    fn each_class_is_found_beside_any_constant() {
        check(|_| 17.0, Growth::Constant);
        check(|n| 20.0 * n.log2(), Growth::Logarithmic);
        check(|n| 3.0 * n, Growth::Linear);
        check(|n| 9.0 * n, Growth::Linear);
        check(|n| 9.0 * n * n.log2(), Growth::NLogN);
        check(|n| 4.0 * n * n + 5.0 * n, Growth::Quadratic);
        check(|n| n * n * n, Growth::Steeper);
    }

    #[test]
    fn bounded_and_varying_steps_are_constant() {
        assert_eq!(Growth::of(&[10, 100, 1000], &[90, 240, 240]), Growth::Constant, "a LIMIT of 30");
        assert_eq!(Growth::of(&[10, 100, 1000], &[900, 1010, 905]), Growth::Constant);
        assert_eq!(Growth::of(&[10, 100, 1000], &[1000, 1000, 1009]), Growth::Constant);
        assert_eq!(Growth::of(&[10, 100, 1000], &[0, 0, 0]), Growth::Constant);
    }

    #[test]
    fn late_growth_is_found() {
        assert_eq!(Growth::of(&[10, 100, 1000], &[20, 20, 200]), Growth::Linear);
        assert_eq!(Growth::of(&[10, 100, 1000], &[0, 0, 1000]), Growth::Steeper);
    }
}
