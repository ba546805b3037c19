//! The contents that the transactions of an action leave, one after another.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::attempt::{SweptAction, connect};
use crate::db::Address;
use crate::error::{Error, ErrorKind, Result};
use crate::explore::{Files, KnownContents, outcome_of};
use crate::sim::{Disk, Op, Refused, Watch, WriteLocks};

/// Copies the files wherever a connection releases its write lock: there a commit is complete.
struct CommitWatch {
    /// Weak, because the disk holds its watch.
    disk: Weak<Disk>,
    commits: Mutex<(WriteLocks, Vec<Files>)>,
}

impl Watch for CommitWatch {
    fn before(&self, op: Op<'_>) -> Result<(), Refused> {
        let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        if commits.0.follow(op)
            && let Some(disk) = self.disk.upgrade()
        {
            commits.1.push(disk.files());
        }
        Ok(())
    }
}

/// Runs the action once more without a fault and returns the numbers of the contents after each of its transactions.
pub(super) fn commits(
    base: &Address,
    action: &mut SweptAction<'_>,
    contents: &mut KnownContents,
) -> Result<Vec<usize>> {
    let copy = base.fork();
    let (mut connection, _random) = connect(&copy, false)?;
    let watch = Arc::new(CommitWatch { disk: Arc::downgrade(copy.disk()), commits: Mutex::default() });
    copy.disk().gate().set(Some(Arc::clone(&watch) as Arc<dyn Watch>));
    // Its outcome is known from the runs before.
    let _ = outcome_of(|| (action.run)(&mut connection));
    copy.disk().gate().set(None);
    let mut commits = watch.commits.lock().unwrap_or_else(PoisonError::into_inner);
    let unreadable = |says: String| {
        Error::new(ErrorKind::Fault, "the database cannot be read after a transaction of the action")
            .evidence("SQLite says", says)
    };
    std::mem::take(&mut commits.1).iter().map(|files| contents.learn(files).map_err(unreadable)).collect()
}
