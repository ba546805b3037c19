//! One power cut, and the token by which it is repeated.

use std::fmt;

use super::variant::Variant;

/// The word with which the token of a power cut begins.
pub(super) const WORD: &str = "crash";

/// The moment of a power cut, what survived it, and where the power was cut again while SQLite recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PowerCut {
    /// The number of operations before it.
    pub(super) point: usize,
    pub(super) variant: Variant,
    pub(super) again: Option<(usize, Variant)>,
}

impl PowerCut {
    /// Reads what a failure has printed, without the word in front.
    pub(super) fn parse(text: &str) -> Option<PowerCut> {
        let (first, again) = match text.split_once('+') {
            Some((first, again)) => (first, Some(again)),
            None => (text, None),
        };
        let one = |text: &str| {
            let (point, variant) = text.split_once(':')?;
            Some((point.parse().ok()?, Variant::parse(variant)?))
        };
        let (point, variant) = one(first)?;
        let again = match again {
            Some(again) => Some(one(again)?),
            None => None,
        };
        Some(PowerCut { point, variant, again })
    }
}

impl fmt::Display for PowerCut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{WORD}:{}:{}", self.point, self.variant)?;
        match self.again {
            Some((point, variant)) => write!(f, "+{point}:{variant}"),
            None => Ok(()),
        }
    }
}
