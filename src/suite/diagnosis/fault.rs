//! Upgrades that are made to fail: SQLite's authorizer refuses a statement, or its progress handler interrupts it. The authorizer
//! sees the runner's COMMIT and a virtual table's own statements too.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use rusqlite::hooks::{AuthContext, Authorization};

use crate::error::{Error, Result};
use crate::migrations::{Migrations, most_steps};
use crate::trace::{Listener, Start, Started, TracedDatabase};

/// The way in which an upgrade is made to fail.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum FaultKind {
    /// SQLite refuses to prepare a statement: one of the migration, of its runner, or of a virtual table.
    Refusal,
    /// As by `sqlite3_interrupt`.
    Interrupt,
}

/// A point at which a migration fails, counted from 1.
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) at: u64,
}

/// The points at which a migration can be made to fail.
pub(crate) struct FaultPoints {
    /// The number of steps before each statement.
    pub(crate) statements: Vec<u64>,
    /// The number of transactions that were committed before each statement.
    pub(crate) commits: Vec<u64>,
    pub(crate) steps: u64,
    /// The number of statements that have started before each statement, if they are listened to.
    started: Vec<usize>,
}

/// The texts of the statements that have started.
#[derive(Default)]
struct StartedTexts(Mutex<Vec<String>>);

impl StartedTexts {
    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for StartedTexts {
    fn starts(&self, statement: &Started<'_>) -> Start {
        self.lock().push((statement.text)());
        Start::Runs
    }
}

/// An upgrade by a history that keeps no ledger of ours.
pub(crate) struct FaultyUpgrade<'a> {
    pub(crate) history: &'a Migrations,
    /// The version that the database has, and the one that it gets.
    pub(crate) versions: (i64, i64),
}

impl FaultyUpgrade<'_> {
    /// Runs the migration without a fault and counts the points at which it can be made to fail.
    pub(crate) fn run(&self, connection: &mut Connection) -> Result<FaultPoints> {
        let (result, points) = self.observed(connection, None, &Arc::default());
        result.map(|()| points)
    }

    /// Runs the migration without a fault, and returns the statement that is refused at a point: one that is not prepared is in
    /// no trace.
    pub(crate) fn statement(&self, connection: &mut Connection, at: u64) -> Option<String> {
        let texts = Arc::<StartedTexts>::default();
        let traced = TracedDatabase::new(connection);
        let _listening = traced.listen(Arc::clone(&texts) as Arc<_>);
        let (_, points) = self.observed(connection, None, &texts);
        let started = *points.started.get(usize::try_from(at).ok()?.checked_sub(1)?)?;
        texts.lock().get(started).map(|text| text.trim().to_owned())
    }

    /// Makes the migration fail, and returns its error. None if it succeeds nevertheless.
    pub(crate) fn fail(&self, connection: &mut Connection, fault: Fault) -> Option<Error> {
        self.observed(connection, Some(fault), &Arc::default()).0.err()
    }

    fn observed(
        &self,
        connection: &mut Connection,
        fault: Option<Fault>,
        texts: &Arc<StartedTexts>,
    ) -> (Result<()>, FaultPoints) {
        let point = |kind: FaultKind| fault.filter(|fault| fault.kind == kind).map(|fault| fault.at);
        let (steps, statements) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (ran, most) = (Arc::new(AtomicBool::new(true)), most_steps(connection));
        let (seen, has_run, interrupt) = (Arc::clone(&steps), Arc::clone(&ran), point(FaultKind::Interrupt));
        let _ = connection.progress_handler(
            1,
            Some(move || {
                has_run.store(true, Ordering::Relaxed);
                let step = seen.fetch_add(1, Ordering::Relaxed) + 1;
                // Rows that are no longer there, or not yet, may keep another migration from its end.
                interrupt == Some(step) || step > most
            }),
        );
        let commits = Arc::new(AtomicU64::new(0));
        let committed = Arc::clone(&commits);
        let count = move || {
            committed.fetch_add(1, Ordering::Relaxed);
            false
        };
        let _ = connection.commit_hook(Some(count));
        let (seen, now, refusal) = (Arc::clone(&statements), Arc::clone(&steps), point(FaultKind::Refusal));
        let texts = Arc::clone(texts);
        // SQLite calls it several times while it prepares a statement. A new one has begun if steps ran since the last call.
        let _ = connection.authorizer(Some(move |_: AuthContext<'_>| {
            if !ran.swap(false, Ordering::Relaxed) {
                return Authorization::Allow;
            }
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.push((now.load(Ordering::Relaxed), (commits.load(Ordering::Relaxed), texts.lock().len())));
            if refusal == Some(seen.len() as u64) { Authorization::Deny } else { Authorization::Allow }
        }));
        let (from, to) = self.versions;
        let done = self.history.up_from_without_limit(connection, from, to);
        let _ = connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>);
        let _ = connection.progress_handler(0, None::<fn() -> bool>);
        let _ = connection.commit_hook(None::<fn() -> bool>);
        let statements = std::mem::take(&mut *statements.lock().unwrap_or_else(PoisonError::into_inner));
        let (statements, rest): (Vec<u64>, Vec<(u64, usize)>) = statements.into_iter().unzip();
        let (commits, started) = rest.into_iter().unzip();
        (done.map(drop), FaultPoints { statements, commits, steps: steps.load(Ordering::Relaxed), started })
    }
}
