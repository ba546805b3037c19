//! Guards the test's own database: the app's code may use only the copies that it is given.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::db::TestDb;
use crate::error::{Error, ErrorKind, Result};
use crate::sim::{Op, Refused, Watch};

/// Notices when the app's code uses the test's own database.
pub(crate) struct OriginalGuard<'a> {
    db: &'a TestDb,
    version: Option<i64>,
    guard: Arc<Guard>,
    before: Option<Arc<dyn Watch>>,
}

/// Returns whose code makes an operation on the test's own database, as an index into the names, if it is the app's.
type Whose = Box<dyn Fn(Op<'_>) -> Option<usize> + Send + Sync>;

struct Guard {
    whose: Whose,
    /// Whose code was seen, counted from 1, or 0.
    seen: AtomicUsize,
    next: Option<Arc<dyn Watch>>,
}

impl Watch for Guard {
    fn before(&self, op: Op<'_>) -> Result<(), Refused> {
        if let Some(who) = (self.whose)(op) {
            self.seen.store(who + 1, Ordering::Relaxed);
        }
        self.next.as_ref().map_or(Ok(()), |next| next.before(op))
    }

    fn locked(&self, op: Op<'_>, granted: bool) {
        if let Some(next) = &self.next {
            next.locked(op, granted);
        }
    }
}

impl<'a> OriginalGuard<'a> {
    /// Guards against every operation of this thread, and against any new connection.
    pub(crate) fn new(db: &'a TestDb) -> OriginalGuard<'a> {
        let here = std::thread::current().id();
        OriginalGuard::against(db, move |op| {
            (matches!(op, Op::Open { .. }) || std::thread::current().id() == here).then_some(0)
        })
    }

    /// Guards against the operations that `whose` recognizes.
    pub(crate) fn against(
        db: &'a TestDb,
        whose: impl Fn(Op<'_>) -> Option<usize> + Send + Sync + 'static,
    ) -> OriginalGuard<'a> {
        let version = OriginalGuard::version(db);
        let gate = db.disk().gate();
        let before = gate.set(None);
        let guard = Arc::new(Guard { whose: Box::new(whose), seen: AtomicUsize::new(0), next: before.clone() });
        gate.set(Some(Arc::clone(&guard) as Arc<dyn Watch>));
        OriginalGuard { db, version, guard, before }
    }

    /// Returns a number that changes when another connection commits, even through a VFS that no watch sees.
    fn version(db: &TestDb) -> Option<i64> {
        db.query_row("PRAGMA data_version", [], |row| row.get(0)).ok()
    }

    /// Returns an error with the name of the code that has used the database.
    pub(crate) fn check(&self, kind: ErrorKind, names: &[&str]) -> Result<()> {
        // Read first, because reading the version is an operation too.
        let who = match (self.guard.seen.load(Ordering::Relaxed), names) {
            (0, _) if self.version == OriginalGuard::version(self.db) => return Ok(()),
            (0, [only]) => only,
            (0, _) => "a task",
            (who, _) => names[who - 1],
        };
        Err(Error::new(kind, format!("{who} uses the test's own database instead of the copy that it is given")).help(
            "use the connection that is given as an argument; a second one, of any driver, has to open sqlitmus::sim::uri(connection)",
        ))
    }
}

impl Drop for OriginalGuard<'_> {
    fn drop(&mut self) {
        self.db.disk().gate().set(self.before.take());
    }
}
