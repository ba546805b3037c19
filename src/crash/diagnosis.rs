//! The diagnosis of an image: the problem and everything that its failure shows, as values.

use super::power_cut::PowerCut;
use super::recording::Recording;
use super::variant::Survival;
use crate::explore::{ActionPart, ContentMatch, Files};

/// A problem of an image.
pub(super) enum Problem {
    Corrupt(String),
    HalfApplied,
    /// Some of the action's transactions are there.
    HalfDone,
    Lost {
        acknowledged: bool,
        /// The commit point that should be there.
        wanted: usize,
    },
    Invariant(String),
    /// A second power cut, while SQLite recovered the image, left something else.
    SecondCut(ContentMatch),
}

/// The image that shows a problem.
pub(super) struct Image {
    pub(super) cut: PowerCut,
    pub(super) files: Files,
    /// The places in the log of the operations that were not synced, and what is left of each.
    pub(super) survivals: Vec<(usize, Survival)>,
}

/// Everything that a failure shows.
pub(super) struct Diagnosis<'a> {
    pub(super) problem: Problem,
    pub(super) image: &'a Image,
    pub(super) recording: &'a Recording,
    /// The part of the action that is there, unless SQLite cannot read the image.
    pub(super) part: Option<ActionPart>,
    pub(super) is_deterministic: bool,
}
