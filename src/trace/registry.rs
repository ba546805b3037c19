//! The tables in which the hook looks things up by the number of a test's database: its file, what captures its statements,
//! and the listener that is called while a statement starts and ends.
//!
//! The hook's context is the number of the database and never a pointer. SQLite reports the close of a connection too
//! early, or not at all; a number can be looked up at any time.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use super::capture::Capture;
use super::gather::GatheredStatements;
use crate::order::SortedMap;
use crate::own;

/// The databases of tests, by the name that SQLite has for their file.
static DATABASES: RwLock<SortedMap<Vec<u8>, usize>> = RwLock::new(SortedMap::new());
static NEXT_NUMBER: AtomicUsize = AtomicUsize::new(1);
/// The recordings in progress, with the numbers of their databases.
static CAPTURES: RwLock<Captures> = RwLock::new(Vec::new());
/// The statements gathered for a ledger, by the number of their database.
static GATHERED: RwLock<Vec<(usize, Arc<GatheredStatements>)>> = RwLock::new(Vec::new());

pub(super) type Captures = Vec<(usize, Arc<Capture>)>;

/// The use of the hook's events.
#[derive(Clone, Copy, Debug)]
pub(super) enum Use {
    Capture,
    Ledger,
    Listener,
}

/// The number of captures, gathered databases and listeners. The hook leaves out what nobody wants.
static WANTED: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];

impl Use {
    /// Returns true if this is wanted on any database. Costs a relaxed load.
    pub(super) fn is_wanted(self) -> bool {
        WANTED[self as usize].load(Ordering::Relaxed) != 0
    }

    pub(super) fn is_any_wanted() -> bool {
        Use::Capture.is_wanted() || Use::Ledger.is_wanted() || Use::Listener.is_wanted()
    }
}

/// Makes the hook report events for a use while it lives.
pub(super) struct Wanted(Use);

impl Wanted {
    pub(super) fn new(by: Use) -> Wanted {
        WANTED[by as usize].fetch_add(1, Ordering::SeqCst);
        Wanted(by)
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        WANTED[self.0 as usize].fetch_sub(1, Ordering::SeqCst);
    }
}

/// Returns the number of the database in a file, if the file is a test's database.
pub(super) fn number_of(file: &[u8]) -> Option<usize> {
    DATABASES.read().unwrap_or_else(PoisonError::into_inner).get(file).copied()
}

/// The files of other databases that were opened, the last ones.
static OTHERS: Mutex<VecDeque<Vec<u8>>> = Mutex::new(VecDeque::new());
const OTHERS_KEPT: usize = 3;

pub(super) fn note_other(file: &[u8]) {
    let mut others = OTHERS.lock().unwrap_or_else(PoisonError::into_inner);
    others.retain(|known| known != file);
    others.push_back(file.to_vec());
    if others.len() > OTHERS_KEPT {
        others.pop_front();
    }
}

/// Returns the files of the databases that this process opened last and that are no test's.
pub(crate) fn other_databases() -> Vec<String> {
    let others = OTHERS.lock().unwrap_or_else(PoisonError::into_inner);
    others.iter().map(|file| String::from_utf8_lossy(file).into_owned()).collect()
}

/// A database that is listed by its file until this is dropped.
pub(super) struct ListedDatabase {
    pub(super) number: usize,
    file: Vec<u8>,
    gathered: Option<(Arc<GatheredStatements>, Wanted)>,
}

impl ListedDatabase {
    pub(super) fn new(file: Vec<u8>, gathers: bool) -> ListedDatabase {
        let number = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
        DATABASES.write().unwrap_or_else(PoisonError::into_inner).insert(file.clone(), number);
        let gathered = gathers.then(|| {
            let gathered = Arc::<GatheredStatements>::default();
            GATHERED.write().unwrap_or_else(PoisonError::into_inner).push((number, Arc::clone(&gathered)));
            (gathered, Wanted::new(Use::Ledger))
        });
        ListedDatabase { number, file, gathered }
    }

    pub(super) fn gathered(&self) -> Option<&GatheredStatements> {
        self.gathered.as_ref().map(|(gathered, _)| &**gathered)
    }
}

impl Drop for ListedDatabase {
    fn drop(&mut self) {
        DATABASES.write().unwrap_or_else(PoisonError::into_inner).remove(&self.file);
        if self.gathered.is_some() {
            GATHERED.write().unwrap_or_else(PoisonError::into_inner).retain(|(number, _)| *number != self.number);
        }
    }
}

/// Calls `f` with what is gathered on a database.
pub(super) fn with_gathered(number: usize, f: impl FnOnce(&GatheredStatements)) {
    let all = GATHERED.read().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, gathered)) = all.iter().find(|(of, _)| *of == number) {
        f(gathered);
    }
}

pub(super) fn captures() -> RwLockReadGuard<'static, Captures> {
    CAPTURES.read().unwrap_or_else(PoisonError::into_inner)
}

/// A capture that is listed until this is dropped.
pub(super) struct ListedCapture {
    pub(super) capture: Arc<Capture>,
    _wanted: Wanted,
}

impl ListedCapture {
    pub(super) fn new(number: usize, capture: Arc<Capture>) -> ListedCapture {
        CAPTURES.write().unwrap_or_else(PoisonError::into_inner).push((number, Arc::clone(&capture)));
        ListedCapture { capture, _wanted: Wanted::new(Use::Capture) }
    }
}

impl Drop for ListedCapture {
    fn drop(&mut self) {
        let mut captures = CAPTURES.write().unwrap_or_else(PoisonError::into_inner);
        captures.retain(|(_, capture)| !Arc::ptr_eq(capture, &self.capture));
    }
}

/// Is called for the statements of the connections to a database, on whatever thread, while they run. It may block that
/// thread.
pub(crate) trait Listener: Send + Sync {
    /// A statement of the app starts.
    fn starts(&self, statement: &Started<'_>) -> Start;
    /// A statement has run to its end, or is about to be reset. A transaction is open after it, or not.
    fn ends(&self, _in_transaction: bool) {}
    /// A connection that was opened since is closed within a transaction, which is rolled back.
    fn leaves_open(&self) {}
    /// A connection that was opened since is closed.
    fn closes(&self, _connection: &Closed<'_>) {}
}

/// A connection that is being closed.
#[derive(Clone, Copy)]
pub(crate) struct Closed<'a> {
    /// True if it has inserted, updated or deleted a row.
    pub(crate) has_changed_rows: bool,
    /// Returns the value of a PRAGMA of its main database.
    pub(crate) pragma: &'a dyn Fn(&str) -> Option<String>,
}

/// A statement that starts.
#[derive(Clone, Copy)]
pub(crate) struct Started<'a> {
    /// The number of its connection: they are counted as they are opened.
    pub(crate) connection: usize,
    /// True if it starts within a transaction.
    pub(crate) in_transaction: bool,
    /// Returns its SQL with the bound values.
    pub(crate) text: &'a dyn Fn() -> String,
    /// Waits as the connection would for a lock, if it does, and returns true if it would try again.
    pub(crate) waits: &'a dyn Fn() -> bool,
}

/// What a listener does about a statement that starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Runs,
    /// The open transaction is rolled back before the statement runs.
    RunsAfterRollback,
    /// It runs, and waits for locks as with a busy timeout.
    RunsWithTimeout,
    IsInterrupted,
}

/// The statements of the app on a database, counted while there is a listener.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    started: AtomicU64,
    ended: AtomicU64,
}

impl Activity {
    pub(super) fn starts(&self) {
        self.started.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn ends(&self) {
        self.ended.fetch_add(1, Ordering::SeqCst);
    }

    /// Returns the number of statements that have started. `None` if one is running.
    pub(crate) fn at_rest(&self) -> Option<u64> {
        let started = self.started.load(Ordering::SeqCst);
        // A statement whose schema has changed has one start and two ends.
        (self.ended.load(Ordering::SeqCst) >= started).then_some(started)
    }
}

/// A listener, and what it listens to.
struct Listening {
    number: usize,
    activity: Arc<Activity>,
    listener: Arc<dyn Listener>,
    /// The connections that were opened since, by their address, which may be that of one that is closed.
    connections: Vec<usize>,
}

static LISTENERS: RwLock<Vec<Listening>> = RwLock::new(Vec::new());

/// A listener that is called until this is dropped.
pub(crate) struct ListenerGuard {
    number: usize,
    _wanted: Wanted,
}

impl ListenerGuard {
    pub(super) fn new(number: usize, listener: Arc<dyn Listener>) -> ListenerGuard {
        let listening = Listening { number, activity: Arc::default(), listener, connections: Vec::new() };
        LISTENERS.write().unwrap_or_else(PoisonError::into_inner).push(listening);
        ListenerGuard { number, _wanted: Wanted::new(Use::Listener) }
    }
}

impl Drop for ListenerGuard {
    fn drop(&mut self) {
        LISTENERS.write().unwrap_or_else(PoisonError::into_inner).retain(|listening| listening.number != self.number);
    }
}

/// Notes a connection that was opened to a database.
pub(super) fn opened(number: usize, connection: usize) {
    if Use::Capture.is_wanted() && !own::are_running() {
        let captures = captures();
        let mine = captures.iter().filter(|(of, _)| *of == number);
        mine.for_each(|(_, capture)| capture.opened(connection));
    }
    if Use::Listener.is_wanted() {
        let mut listeners = LISTENERS.write().unwrap_or_else(PoisonError::into_inner);
        let listening = listeners.iter_mut().find(|listening| listening.number == number);
        listening.into_iter().for_each(|listening| listening.connections.push(connection));
    }
}

/// A listener of a database that is to be called.
pub(super) struct Called {
    pub(super) listener: Arc<dyn Listener>,
    pub(super) activity: Arc<Activity>,
    /// The connection by its place among those that were opened, from 1, or 0.
    pub(super) connection: usize,
}

/// Returns the listener of a database for an event of a connection.
pub(super) fn listener_of(number: usize, connection: usize) -> Option<Called> {
    let listeners = LISTENERS.read().unwrap_or_else(PoisonError::into_inner);
    let listening = listeners.iter().find(|listening| listening.number == number)?;
    let place = listening.connections.iter().rposition(|opened| *opened == connection);
    Some(Called {
        listener: Arc::clone(&listening.listener),
        activity: Arc::clone(&listening.activity),
        connection: place.map_or(0, |place| place + 1),
    })
}

/// Returns what is counted of the statements on the database in a file, if it has a listener.
pub(crate) fn activity_on(file: &str) -> Option<Arc<Activity>> {
    let number = number_of(file.as_bytes())?;
    let listeners = LISTENERS.read().unwrap_or_else(PoisonError::into_inner);
    listeners.iter().find(|listening| listening.number == number).map(|listening| Arc::clone(&listening.activity))
}
