//! Which class numbers grow by.

use std::fmt;

/// How what a query does grows with `n`, the size of the database.
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
    /// The same, however many rows there are: a search by a key or an index that finds as many rows as before.
    Constant,
    /// By the same amount each time that n is multiplied. SQLite's own searches are [`Constant`](Growth::Constant): their
    /// way down a b-tree is inside one instruction.
    Logarithmic,
    /// As n: a scan, a sort, or a result that has more rows.
    Linear,
    /// As n log n. SQLite's own sorts are [`Linear`](Growth::Linear): what they compare is inside an instruction.
    NLogN,
    /// As n times n: a scan for each row of a scan.
    Quadratic,
    /// Faster than n times n.
    Steeper,
}

/// A class and its function of n.
type Rising = (Growth, fn(f64) -> f64);

impl Growth {
    /// All but `Constant`, from slow to fast. n cubed stands for all that is steeper.
    const RISING: [Rising; 5] = [
        (Growth::Logarithmic, f64::ln),
        (Growth::Linear, |n| n),
        (Growth::NLogN, |n| n * n.ln()),
        (Growth::Quadratic, |n| n * n),
        (Growth::Steeper, |n| n * n * n),
    ];

    /// The class of steps that were counted at sizes, of which each is at least twice the one before.
    ///
    /// What is the same at every size cancels out in the differences between one size and the next. So the last
    /// difference is compared with those before it, and the class whose own differences stand in nearest the same ratio,
    /// is the one. This is exact where steps are a constant and a multiple of n, and needs no clock and no tolerance but
    /// one: less than a hundredth more at the last size is constant.
    pub(super) fn of(sizes: &[u64], steps: &[u64]) -> Growth {
        let x: Vec<f64> = sizes.iter().map(|&size| float(size)).collect();
        let y: Vec<f64> = steps.iter().map(|&steps| float(steps)).collect();
        let last = y.len() - 1;
        let rise = |values: &[f64], at: usize| values[at] - values[at - 1];
        if rise(&y, last) <= y[last - 1] / 100.0 {
            return Growth::Constant;
        }
        let risen: Vec<usize> = (1..last).filter(|&at| rise(&y, at) > 0.0).collect();
        let distance = |class: fn(f64) -> f64| -> f64 {
            let of: Vec<f64> = x.iter().map(|&n| class(n)).collect();
            let apart = |at: &usize| (rise(&y, last) / rise(&y, *at) / (rise(&of, last) / rise(&of, *at))).ln().abs();
            match risen.as_slice() {
                // It rises at the end only: as if nothing of it were constant.
                [] => (y[last] / y[last - 1].max(1.0) / (of[last] / of[last - 1])).ln().abs(),
                risen => risen.iter().map(apart).sum(),
            }
        };
        let nearest = Growth::RISING.iter().min_by(|a, b| distance(a.1).total_cmp(&distance(b.1)));
        nearest.map_or(Growth::Steeper, |(class, _)| *class)
    }

    /// `grows linearly`.
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Growth::Constant => "stays constant",
            Growth::Logarithmic => "grows logarithmically",
            Growth::Linear => "grows linearly",
            Growth::NLogN => "grows as n log n",
            Growth::Quadratic => "grows quadratically",
            Growth::Steeper => "grows faster than quadratically",
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "ratios of numbers this large are told apart all the same")]
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
    fn each_class_is_told_whatever_is_constant_beside_it() {
        check(|_| 17.0, Growth::Constant);
        check(|n| 20.0 * n.log2(), Growth::Logarithmic);
        check(|n| 3.0 * n, Growth::Linear);
        check(|n| 9.0 * n, Growth::Linear);
        check(|n| 9.0 * n * n.log2(), Growth::NLogN);
        check(|n| 4.0 * n * n + 5.0 * n, Growth::Quadratic);
        check(|n| n * n * n, Growth::Steeper);
    }

    #[test]
    fn what_has_an_end_is_constant_and_what_wavers_too() {
        assert_eq!(Growth::of(&[10, 100, 1000], &[90, 240, 240]), Growth::Constant, "a LIMIT of 30");
        assert_eq!(Growth::of(&[10, 100, 1000], &[900, 1010, 905]), Growth::Constant);
        assert_eq!(Growth::of(&[10, 100, 1000], &[1000, 1000, 1009]), Growth::Constant);
        assert_eq!(Growth::of(&[10, 100, 1000], &[0, 0, 0]), Growth::Constant);
    }

    #[test]
    fn what_begins_to_grow_late_is_seen() {
        assert_eq!(Growth::of(&[10, 100, 1000], &[20, 20, 200]), Growth::Linear);
        assert_eq!(Growth::of(&[10, 100, 1000], &[0, 0, 1000]), Growth::Steeper);
    }
}
