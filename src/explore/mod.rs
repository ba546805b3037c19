//! The common parts of `crash`, `faults` and `interleave`, which run the app's code many times on copies of a test's
//! database and compare what is in them afterwards.

mod action;
mod app_thread;
mod cancellation;
mod changes;
mod contents;
mod open_transactions;
mod own_connections;
mod statement_limit;

pub(crate) use self::action::{
    Action, Failure, Invariants, OriginalGuard, Outcome, SeededRandom, action, action_with_value, does_not_fit,
    help_for, only_repeated, or_keep_and_panic, outcome_of, replay, replay_note, require_success, runtime_help,
};
pub(crate) use self::app_thread::AppThread;
pub(crate) use self::cancellation::Cancellation;
pub(crate) use self::changes::{ActionPart, ContentChanges, DatabaseChanges, FILE_BY_FILE};
pub(crate) use self::contents::{ContentMatch, Files, KnownContents, fold, fold_disk, same_files};
pub(crate) use self::open_transactions::{COMMIT_IT, OpenTransactions};
pub(crate) use self::own_connections::action_on_copies;
pub use self::own_connections::{DbCopy, Finish, Later, Now};
pub(crate) use self::statement_limit::StatementLimit;
