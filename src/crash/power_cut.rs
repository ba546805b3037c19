//! A power cut, and which of the unsynced operations survive it.

use std::fmt;

use crate::env;

/// The word with which the token of a power cut begins.
pub(super) const WORD: &str = "crash";

/// The moment of a power cut, what survived it, and where the power was cut again while SQLite recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PowerCut {
    /// The number of operations before it.
    pub(super) point: usize,
    pub(super) variant: Variant,
    pub(super) again: Option<(usize, Variant)>,
    /// The number of the sync that had failed, from 0.
    pub(super) failed_sync: Option<usize>,
}

impl PowerCut {
    /// Reads what a failure has printed, without the word in front.
    pub(super) fn parse(text: &str) -> Option<PowerCut> {
        let one = |text: &str| {
            let (point, variant) = text.split_once(':')?;
            Some((point.parse().ok()?, Variant::parse(variant)?))
        };
        let (text, failed_sync) = match text.split_once("!sync:") {
            Some((text, nth)) => (text, Some(nth.parse().ok()?)),
            None => (text, None),
        };
        let (first, again) = match text.split_once('+') {
            Some((first, again)) => (first, Some(one(again)?)),
            None => (text, None),
        };
        let (point, variant) = one(first)?;
        Some(PowerCut { point, variant, again, failed_sync })
    }
}

impl fmt::Display for PowerCut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{WORD}:{}:{}", self.point, self.variant)?;
        if let Some((point, variant)) = self.again {
            write!(f, "+{point}:{variant}")?;
        }
        self.failed_sync.map_or(Ok(()), |nth| write!(f, "!sync:{nth}"))
    }
}

/// The unsynced operations that survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Variant {
    /// All of them, which is also what is left when the process is killed.
    All,
    Nothing,
    /// This many of the first.
    First(usize),
    Without(usize),
    Only(usize),
    /// Those before this write, and the first half of the sectors that it changed.
    Half(usize),
    /// All, except for one of the sectors that this write changed.
    Torn(usize, u32),
    /// Some of them, drawn by this seed.
    Mix(u64),
}

/// The part of an operation that a power cut leaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Survival {
    Kept,
    Lost,
    /// All but these sectors, a bit each.
    Torn(u64),
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Variant::All => f.write_str("all"),
            Variant::Nothing => f.write_str("nothing"),
            Variant::First(count) => write!(f, "first:{count}"),
            Variant::Without(index) => write!(f, "without:{index}"),
            Variant::Only(index) => write!(f, "only:{index}"),
            Variant::Half(index) => write!(f, "half:{index}"),
            Variant::Torn(index, sector) => write!(f, "torn:{index}.{sector}"),
            Variant::Mix(seed) => write!(f, "mix:{seed:#x}"),
        }
    }
}

impl Variant {
    /// Reads a variant as `Display` prints it.
    pub(super) fn parse(text: &str) -> Option<Variant> {
        let (word, rest) = text.split_once(':').unwrap_or((text, ""));
        Some(match word {
            "all" if rest.is_empty() => Variant::All,
            "nothing" if rest.is_empty() => Variant::Nothing,
            "first" => Variant::First(rest.parse().ok()?),
            "without" => Variant::Without(rest.parse().ok()?),
            "only" => Variant::Only(rest.parse().ok()?),
            "half" => Variant::Half(rest.parse().ok()?),
            "torn" => {
                let (index, sector) = rest.split_once('.')?;
                Variant::Torn(index.parse().ok()?, sector.parse().ok()?)
            }
            "mix" => Variant::Mix(env::number(rest)?),
            _ => return None,
        })
    }
}
