//! The options of a test with power cuts.

use std::sync::Arc;

use super::beside::FilesBeside;
use super::disk_model::Drive;
use crate::explore::{self, Files, Invariants};
use crate::sim::{Disk, Entry, OpLog, Watch};

#[derive(Default)]
pub(super) struct Options<'a> {
    /// True if each transaction of the action may be left alone.
    pub(super) each_transaction: bool,
    /// True if the action, run again on what a power cut left, has to end as without one.
    pub(super) resumes: bool,
    /// The work after which images are left out.
    pub(super) most_work: MostWork,
    /// True if every commit has to survive, whatever the profile promises.
    pub(super) durable: bool,
    pub(super) every_operation: bool,
    pub(super) process_kill: bool,
    pub(super) drive: Drive,
    pub(super) beside: FilesBeside,
    pub(super) twice: bool,
    /// True if syncs may fail before the power cut.
    pub(super) failed_sync: bool,
    pub(super) may_change_nothing: bool,
    pub(super) recovery: Recovery,
    pub(super) invariants: Invariants<'a>,
}

/// The work of a whole test. It is counted in KB that SQLite reads to recover an image, so that every machine looks at the same
/// images.
pub(super) struct MostWork(pub(super) u64);

impl Default for MostWork {
    /// About ten seconds without optimization.
    fn default() -> MostWork {
        MostWork(16_000_000)
    }
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
