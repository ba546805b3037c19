//! The options of a sweep.

use super::kind::Kind;
use crate::explore::Invariants;

#[derive(Default)]
pub(super) struct Options<'a> {
    pub(super) may_ignore_errors: bool,
    pub(super) may_fail_after_commit: bool,
    pub(super) every_point: bool,
    pub(super) out_of_memory: bool,
    /// The kinds of faults to try; empty for all of them.
    pub(super) only: Vec<Kind>,
    pub(super) invariants: Invariants<'a>,
}

impl Options<'_> {
    /// Returns the kinds of faults to try.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        let is_wanted = |kind: &Kind| {
            self.only.contains(kind)
                || (self.only.is_empty() && !kind.is_of_memory())
                || (self.out_of_memory && kind.is_of_memory())
        };
        Kind::ALL.into_iter().filter(is_wanted).collect()
    }
}
