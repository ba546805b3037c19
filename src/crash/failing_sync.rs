//! A sync that fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::ffi;

use super::beside::FileWatch;
use crate::sim::{Op, OpLog, Refused, Watch};

/// Lets one sync fail, and logs it.
pub(super) struct FailingSync {
    log: Arc<OpLog>,
    next: Arc<FileWatch>,
    nth: usize,
    seen: AtomicUsize,
}

impl FailingSync {
    pub(super) fn new(log: Arc<OpLog>, next: Arc<FileWatch>, nth: usize) -> Arc<FailingSync> {
        Arc::new(FailingSync { log, next, nth, seen: AtomicUsize::new(0) })
    }
}

impl Watch for FailingSync {
    fn before(&self, op: Op<'_>) -> Result<(), Refused> {
        match op {
            Op::Sync { file, .. } if !file.is_empty() && self.seen.fetch_add(1, Ordering::Relaxed) == self.nth => {
                self.log.fail_sync(file);
                Err(Refused(ffi::SQLITE_IOERR_FSYNC))
            }
            op => self.next.before(op),
        }
    }
}
