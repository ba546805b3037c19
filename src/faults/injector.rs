//! Makes a fault happen, by a watch on the disk, SQLite's progress handler or its allocator.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rusqlite::{Connection, ffi};

use super::fault::{Fault, Kind, code, shown};
use crate::error::{Error, ErrorKind};
use crate::explore::{Cancellation, Files, StatementLimit, replay_note};
use crate::order::Order as _;
use crate::sim::{Disk, Op, Refused, Watch, WriteLocks, allocator};
use crate::trace::{Capture, Listener, Start, Started};

/// A fault that has happened.
#[derive(Clone, Default)]
pub(super) struct InjectedFault {
    pub(super) what: String,
    pub(super) statement: Option<Arc<str>>,
    /// True if a transaction was open that had written.
    pub(super) while_writing: bool,
    /// True if the statement had committed already. It is known only of a recorded run.
    pub(super) is_committed: bool,
    /// The files when the next statement began, if there was one.
    pub(super) files_then: Option<Files>,
    /// True if the fault ended because the action tried again and again.
    pub(super) outlasted: bool,
}

/// The number of tries after which a database that stays busy is free. Code may wait for a lock for as long as it likes.
const BUSY_TRIES: u64 = 10;

/// The bounds of a run with a fault, so that code which repeats something without an end returns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// The largest number of statements.
    pub(super) statements: u64,
    /// The number of operations that fail before a disk works again.
    pub(super) failed_operations: u64,
}

impl Bounds {
    /// The bounds of a run without a fault.
    pub(super) const NONE: Bounds = Bounds { statements: u64::MAX, failed_operations: u64::MAX };

    /// Returns the bounds for code that makes so many statements and operations without a fault: each of them may fail a few
    /// times.
    pub(super) fn after(statements: u64, operations: u64) -> Bounds {
        let failed_operations = 4 * (statements + operations) + 300;
        Bounds { statements: StatementLimit::after(statements) + failed_operations, failed_operations }
    }
}

/// The number of allocations that fail before there is memory again.
const FAILED_ALLOCATIONS: u64 = 100_000;

/// Makes one fault happen. Without a fault, it counts the places at which each kind could happen.
pub(super) struct FaultInjector {
    fault: Option<Fault>,
    armed: AtomicBool,
    has_happened: AtomicBool,
    pub(super) limit: StatementLimit,
    failed_operations: u64,
    cancellation: Option<Arc<Cancellation>>,
    capture: Option<Arc<Capture>>,
    /// Weak, because the disk holds its watch.
    disk: Weak<Disk>,
    /// The number of calls of the progress handler. Not in `state`, because it is called at every step.
    steps: AtomicU64,
    allocations: AtomicU64,
    state: Mutex<InjectorState>,
}

#[derive(Default)]
struct InjectorState {
    counts: HashMap<Kind, u64>,
    injected: Option<InjectedFault>,
    locks: WriteLocks,
    /// The number of the statement that was running when a write lock was last released.
    released_by: Option<usize>,
    /// True if a busy handler has waited since the last operation that a fault could refuse.
    waited: bool,
    /// True while a lock is held until the busy timeout has run out.
    is_locked: bool,
    /// The number of operations that were refused. Of locks, only those that SQLite did not wait for.
    refused: u64,
    /// The lengths of the files, which show the writes that make them longer.
    lengths: HashMap<String, u64>,
    /// The number of steps before each statement.
    statements: Vec<u64>,
}

impl FaultInjector {
    pub(super) fn new(
        fault: Option<Fault>,
        bounds: Bounds,
        disk: &Arc<Disk>,
        capture: Option<Arc<Capture>>,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Arc<FaultInjector> {
        let lengths = disk.files().into_iter().map(|(name, bytes)| (name, bytes.len() as u64)).collect();
        Arc::new(FaultInjector {
            fault,
            armed: AtomicBool::new(false),
            has_happened: AtomicBool::new(false),
            limit: limit(fault, bounds.statements),
            failed_operations: bounds.failed_operations,
            cancellation,
            capture,
            disk: Arc::downgrade(disk),
            steps: AtomicU64::new(0),
            allocations: AtomicU64::new(0),
            state: Mutex::new(InjectorState { lengths, ..InjectorState::default() }),
        })
    }

    /// Lets the fault happen from here on. `connection` is the one to interrupt.
    pub(super) fn arm(self: &Arc<FaultInjector>, connection: &mut Connection) {
        self.armed.store(true, Ordering::Relaxed);
        if self.fault.is_none_or(|fault| fault.kind == Kind::Interrupt) {
            let injector = std::panic::AssertUnwindSafe(Arc::clone(self));
            let _ = connection.progress_handler(1, Some(move || injector.step()));
        }
        // Last: the allocations of the calls above are no places for a fault.
        let (from, to) = match self.fault {
            None => (0, 0),
            Some(fault) if !fault.kind.is_of_memory() => return,
            Some(fault) if fault.kind.goes_on() => (fault.at, fault.at + FAILED_ALLOCATIONS),
            Some(fault) => (fault.at, fault.at),
        };
        let injector = Arc::clone(self);
        allocator::count(from, to, move |number| {
            injector.note_injected(format!("allocation {number} fails"));
            if number == from + FAILED_ALLOCATIONS {
                injector.note_outlasted();
            }
        });
    }

    pub(super) fn disarm(&self, connection: &mut Connection) {
        if self.fault.is_none_or(|fault| fault.kind.is_of_memory()) {
            self.allocations.store(allocator::stop(), Ordering::Relaxed);
        }
        self.armed.store(false, Ordering::Relaxed);
        if self.fault.is_none_or(|fault| fault.kind == Kind::Interrupt) {
            let _ = connection.progress_handler(0, None::<fn() -> bool>);
        }
    }

    pub(super) fn injected(&self) -> Option<InjectedFault> {
        self.lock().injected.clone()
    }

    /// Returns the number of places at which a fault of this kind could have happened.
    pub(super) fn places(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Interrupt => self.steps.load(Ordering::Relaxed),
            Kind::OutOfMemory | Kind::OutOfMemoryFromThenOn => self.allocations.load(Ordering::Relaxed),
            _ => self.lock().counts.get(&kind).copied().unwrap_or(0),
        }
    }

    /// Returns the steps at which statements are interrupted: of each the first step, one in its middle, and the last two,
    /// before and after its commit. Between them, what it has done is rolled back alike.
    pub(super) fn steps_to_interrupt(&self) -> Vec<u64> {
        let all = self.places(Kind::Interrupt);
        let starts = self.lock().statements.clone();
        let mut steps: Vec<u64> = Vec::new();
        for (start, end) in starts.iter().copied().zip(starts.iter().copied().skip(1).chain([all])) {
            steps.extend([start + 1, start + (end - start).div_ceil(2), end.saturating_sub(1), end]);
        }
        steps.retain(|step| (1..=all).contains(step));
        steps.order();
        steps.dedup();
        steps
    }

    fn step(&self) -> bool {
        let step = self.steps.fetch_add(1, Ordering::Relaxed) + 1;
        let now = self.fault.is_some_and(|fault| fault.at == step) && self.armed.load(Ordering::Relaxed);
        if now {
            self.note_injected(format!("an interrupt at step {step}"));
        }
        now
    }

    /// Notes where the future was dropped, or how many statements it has run.
    pub(super) fn note_cancellation(&self) {
        let Some(cancellation) = self.cancellation.as_ref().filter(|of| of.is_of_a_future()) else { return };
        self.lock().counts.insert(Kind::Cancel, cancellation.statements());
        if let Some(statement) = cancellation.cancelled_at() {
            self.note_injected(format!("the future is dropped while a statement runs: {statement}"));
        }
    }

    fn note_injected(&self, what: String) {
        self.has_happened.store(true, Ordering::Relaxed);
        let (number, statement) = self.running().unzip();
        let mut state = self.lock();
        let while_writing = state.locks.are_held();
        let is_committed = number.is_some() && number == state.released_by;
        state.injected.get_or_insert(InjectedFault {
            what,
            statement,
            while_writing,
            is_committed,
            ..InjectedFault::default()
        });
    }

    /// Notes the files as the statement has left them to which the fault happened.
    fn note_files_then(&self) {
        let is_first = self.lock().injected.as_ref().is_some_and(|injected| injected.files_then.is_none());
        // Not while the state is locked: operations on the disk lock it too.
        let Some(disk) = self.disk.upgrade().filter(|_| is_first) else { return };
        let files = disk.fork().files();
        if let Some(injected) = &mut self.lock().injected {
            injected.files_then.get_or_insert(files);
        }
    }

    /// Returns the number and the text of the running statement, if the run is recorded.
    fn running(&self) -> Option<(usize, Arc<str>)> {
        self.capture.as_ref().and_then(|capture| capture.running())
    }

    fn note_outlasted(&self) {
        if let Some(injected) = &mut self.lock().injected {
            injected.outlasted = true;
        }
    }

    fn lock(&self) -> MutexGuard<'_, InjectorState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch for FaultInjector {
    fn before(&self, op: Op<'_>) -> Result<(), Refused> {
        if !self.armed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let ends_lock = matches!(op, Op::Unlock { .. } | Op::ShmUnlock { .. });
        let running = ends_lock.then(|| self.running()).flatten();
        let mut state = self.lock();
        if let Op::Sleep { .. } = op {
            state.waited = true;
            // No time passes: a wait must not change the timestamps that the action writes.
            return Err(Refused(ffi::SQLITE_BUSY));
        }
        if state.locks.follow(op) {
            state.released_by = running.map(|(number, _)| number);
        }
        let grows = state.grows(op);
        for kind in Kind::ALL {
            if self.fault.is_some_and(|fault| fault.kind != kind) {
                continue;
            }
            let Some(code) = code(kind, op, grows) else { continue };
            let count = state.counts.entry(kind).or_default();
            *count += 1;
            let count = *count;
            if let Some(fault) = self.fault
                && state.refuses(fault, count, self.failed_operations)
            {
                drop(state);
                self.note_injected(format!("{kind} at {} (code {code})", shown(op)));
                return Err(Refused(code));
            }
        }
        state.note(op);
        Ok(())
    }
}

impl Listener for FaultInjector {
    fn starts(&self, statement: &Started<'_>) -> Start {
        if let Some(cancellation) = &self.cancellation {
            cancellation.starts(statement);
        }
        if self.fault.is_none() {
            let steps = self.steps.load(Ordering::Relaxed);
            self.lock().statements.push(steps);
        }
        let has_happened = self.has_happened.load(Ordering::Relaxed);
        if has_happened {
            self.note_files_then();
        }
        // Before the fault, no BEGIN is in vain.
        let in_transaction = statement.in_transaction && (has_happened || self.fault.is_none());
        let start = self.limit.starts(&Started { in_transaction, ..*statement });
        if self.armed.load(Ordering::Relaxed) && self.limit.is_exceeded() {
            self.armed.store(false, Ordering::Relaxed);
            if self.fault.is_some_and(|fault| fault.kind.goes_on()) {
                self.note_outlasted();
            }
        }
        start
    }

    fn leaves_open(&self) {
        self.limit.leaves_open();
    }
}

/// Returns the limit of a run with a fault, or of one that is run again.
pub(super) fn limit(fault: Option<Fault>, most: u64) -> StatementLimit {
    StatementLimit::new(most, move || {
        let after = fault.map_or_else(String::new, |fault| format!(" after {}", fault.kind));
        let says = format!("the action does not end{after} and ignores every error: the process is aborted");
        let error = Error::new(ErrorKind::Fault, says).help(REPEATS);
        match fault {
            Some(fault) => error.note(replay_note(fault)),
            None => error,
        }
    })
}

/// The help for code that does not end.
pub(super) const REPEATS: &str = "try again a few times, and only after SQLITE_BUSY; then return the error";

impl InjectorState {
    /// Returns true if the fault makes the operation fail that is number `count` of those that it could.
    fn refuses(&mut self, fault: Fault, count: u64, failed_operations: u64) -> bool {
        let waited = std::mem::take(&mut self.waited);
        match fault.kind {
            Kind::BusyTimeout => {
                self.is_locked = count == fault.at || (self.is_locked && waited);
                self.is_locked
            }
            kind if kind.goes_on() && count >= fault.at => {
                let is_busy = kind == Kind::BusyFromThenOn;
                self.refused += u64::from(!(is_busy && waited));
                let most = if is_busy { BUSY_TRIES } else { failed_operations };
                if self.refused > most
                    && let Some(injected) = &mut self.injected
                {
                    injected.outlasted = !is_busy;
                }
                self.refused <= most
            }
            _ => count == fault.at,
        }
    }

    /// Returns true if the operation makes a file longer.
    fn grows(&self, op: Op<'_>) -> bool {
        let length = |file: &str| self.lengths.get(file).copied().unwrap_or(0);
        match op {
            Op::Write { file, offset, data } => offset + data.len() as u64 > length(file),
            Op::Truncate { file, len } => len > length(file),
            _ => false,
        }
    }

    fn note(&mut self, op: Op<'_>) {
        match op {
            Op::Write { file, offset, data } => {
                let end = offset + data.len() as u64;
                match self.lengths.get_mut(file) {
                    Some(length) => *length = end.max(*length),
                    None => drop(self.lengths.insert(file.to_owned(), end)),
                }
            }
            Op::Truncate { file, len } => drop(self.lengths.insert(file.to_owned(), len)),
            Op::Delete { file, .. } => drop(self.lengths.remove(file)),
            _ => {}
        }
    }
}
