//! The common parts of `crash`, `faults` and `interleave`, which run the app's code many times on copies of a test's
//! database and compare what is in them afterwards.

mod action;
mod changes;
mod contents;
mod failure;

pub(crate) use self::action::{
    Action, Invariants, OriginalGuard, Outcome, SeededRandom, action, outcome_of, require_success,
};
pub(crate) use self::changes::{ActionPart, ContentChanges, FILE_BY_FILE};
pub(crate) use self::contents::{ContentMatch, Files, KnownContents, fold_disk};
pub(crate) use self::failure::{Failure, or_keep_and_panic, replay, replay_note};
