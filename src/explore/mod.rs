//! The common parts of `crash`, `faults` and `interleave`, which run the app's code many times on copies of a test's
//! database and compare what is in them afterwards.

mod action;
mod changes;
mod contents;
mod failure;
mod files;
mod guard;
mod opened;
mod random;
mod replay;
mod sample;

pub(crate) use self::action::{Action, Invariants, Outcome, action, outcome_of, require_success};
pub(crate) use self::changes::{ActionPart, ContentChanges, FILE_BY_FILE};
pub(crate) use self::contents::{ContentMatch, KnownContents};
pub(crate) use self::failure::{Failure, or_keep_and_panic};
pub(crate) use self::files::{Files, fold_disk};
pub(crate) use self::guard::OriginalGuard;
pub(crate) use self::random::SeededRandom;
pub(crate) use self::replay::{replay, replay_note};
pub(crate) use self::sample::spread;
