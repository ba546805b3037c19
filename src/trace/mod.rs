//! The trace hook on every connection to a test's database, and what it fills.
//!
//! ```text
//! open (any driver) -> auto-extension: a test's file? -> trace hook (context: the database's number)
//! statement         -> hook -> listener: the thread waits, or not
//!                           -> capture:  queries of a recording
//!                           -> gather:   texts for the statement ledger
//! ```
//!
//! [`hook`] is the only file here that calls SQLite's C interface. It passes on plain values.

mod capture;
mod gather;
mod hook;
mod query;
mod registry;
mod returned_rows;
#[cfg(test)]
mod tests;

pub(crate) use self::capture::{Capture, SITES_SHOWN};
pub(crate) use self::gather::{StatementText, TextsByForm};
pub(crate) use self::hook::{RecordingGuard, TracedDatabase, total_changes};
pub use self::query::Query;
pub(crate) use self::query::is_thread_of_sqlx;
pub(crate) use self::registry::{
    Activity, Closed, Listener, ListenerGuard, Start, Started, activity_on, other_databases,
};
