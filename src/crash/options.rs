//! The options of a test.

use std::sync::Arc;

use crate::explore::{self, Files, Invariants};
use crate::sim::{Disk, Entry, OpLog, Watch};

#[derive(Default)]
pub(super) struct Options<'a> {
    /// True if each transaction of the action may be left alone.
    pub(super) each_transaction: bool,
    /// True if every commit has to survive, whatever the profile promises.
    pub(super) durable: bool,
    pub(super) every_operation: bool,
    /// True for the moments of `every_operation` with no more images in total than without it.
    pub(super) every_moment: bool,
    pub(super) process_kill: bool,
    pub(super) twice: bool,
    pub(super) may_change_nothing: bool,
    pub(super) recovery: Recovery,
    pub(super) invariants: Invariants<'a>,
}

/// Returns what SQLite does to the disk while it recovers an image, or `None` where it cannot.
///
/// A default connection recovers: SQLite does so when it first reads, and also a `PRAGMA synchronous` reads before it sets.
pub(super) struct Recovery(pub(super) fn(&Files) -> Option<Vec<Entry>>);

impl Default for Recovery {
    fn default() -> Recovery {
        Recovery(|files| {
            let disk = Disk::with_files(files.iter().cloned());
            let log = OpLog::new(|| None);
            disk.gate().set(Some(log.clone() as Arc<dyn Watch>));
            explore::fold_disk(&disk).ok()?;
            disk.gate().set(None);
            Some(log.take())
        })
    }
}
