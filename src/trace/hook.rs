//! The trace hook: how SQLite reports what it runs.
//!
//! SQLite calls an automatic extension for each connection that anything in the process opens. Ours looks at the name of
//! the file. If the file is the database of a test, it sets the hook, whatever driver opened the connection. So the hook is
//! in place before a recording starts, and a recording sees the connections that a pool opened long ago. While nothing is
//! recorded, the callback costs a relaxed load.
//!
//! To report the end of a statement, SQLite reads the clock twice, which costs more than our callback. So the first
//! connection of a database reports only starts until a recording begins on the thread that has it. All other connections
//! report starts and ends from the beginning: they may be on other threads by then, where nobody else may set their hook.
#![allow(unsafe_code, reason = "the hooks that rusqlite offers see only rusqlite's own connections, one at a time")]

mod extension;
mod listening;
mod modules;
mod statements;

use std::ffi::{CStr, c_void};
use std::os::raw::{c_char, c_int, c_uint};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

use rusqlite::{Connection, ffi};

use self::listening::{expanded, tell_listener, tell_of_close};
use self::modules::is_text_of_a_module;
use self::statements::{counters, finished, is_of_a_module, started};
use super::capture::{Capture, STILL_HERE};
use super::gather::GatheredStatements;
use super::registry::{self, ListedCapture, ListedDatabase, Listener, ListenerGuard, Use};
use super::returned_rows;
use crate::sim::begins::{main_file, watch};
use crate::sim::{Disk, on_connect};
use crate::{env, own};

// Of the C interface and stable. The constants of the bindings change their type from version to version.
const TRACE_STMT: c_uint = 1;
const TRACE_PROFILE: c_uint = 2;
const TRACE_ROW: c_uint = 4;
const TRACE_CLOSE: c_uint = 8;
/// The events of a connection that only waits for a recording.
const STARTS: c_uint = TRACE_STMT | TRACE_CLOSE;
const ALL: c_uint = STARTS | TRACE_PROFILE | TRACE_ROW;

/// A database whose connections carry the hook, from its first connection on.
pub(crate) struct TracedDatabase {
    listed: ListedDatabase,
    /// True for a real file, which is also opened through SQLite's own VFS.
    is_real: bool,
    /// The number of times that the automatic extensions had been reset when it was opened.
    resets: usize,
    /// The number of the app's hooks that ours had replaced by then.
    replaced: usize,
}

impl TracedDatabase {
    /// Sets the hook on the first connection of a database, and on all connections to the same file that are opened while
    /// this lives.
    pub(crate) fn new(first: &Connection) -> TracedDatabase {
        let traced = TracedDatabase::without_first(first);
        traced.report(first, STARTS);
        traced
    }

    /// Like [`new`](TracedDatabase::new), but leaves the hook that an automatic extension of the app sets on every connection.
    pub(crate) fn beside_the_app(first: &Connection) -> TracedDatabase {
        let traced = TracedDatabase::without_first(first);
        // SAFETY: the connection was just opened, and is borrowed.
        if unsafe { extension::is_free(first.handle()) } {
            traced.report(first, STARTS);
        }
        traced
    }

    /// Returns true if an automatic extension of the app sets a trace hook on every connection.
    pub(crate) fn app_has_hook() -> bool {
        extension::app_has_hook()
    }

    fn without_first(first: &Connection) -> TracedDatabase {
        extension::add(opened, first);
        let replaced = extension::replaced();
        on_connect(connecting);
        let has_ledger = env::settings().is_ok_and(|settings| settings.ledger.is_some());
        // SAFETY: the connection is open, and borrowed for longer than the name is looked at.
        unsafe {
            let handle = first.handle();
            let file = file_of(handle).to_bytes().to_vec();
            let is_real = !std::str::from_utf8(&file).is_ok_and(Disk::is_simulated);
            let listed = ListedDatabase::new(file, has_ledger);
            watch(handle, main_file(handle), listed.number, begins);
            TracedDatabase { listed, is_real, resets: extension::resets(), replaced }
        }
    }

    /// Returns what was run on the database so far, if a ledger is written.
    pub(crate) fn gathered(&self) -> Option<&GatheredStatements> {
        self.listed.gathered()
    }

    /// Records into `capture` what `f` runs on `first`, the connection that [`new`](TracedDatabase::new) was given.
    pub(crate) fn recording<R>(
        &self,
        capture: Arc<Capture>,
        first: &mut Connection,
        f: impl FnOnce(&mut Connection) -> R,
    ) -> R {
        let _listed = ListedCapture::new(self.listed.number, capture);
        self.report(first, ALL);
        f(first)
    }

    /// Records into `capture` what other connections than the first one run meanwhile.
    pub(crate) fn recording_others<R>(&self, capture: Arc<Capture>, run: impl FnOnce() -> R) -> R {
        let _listed = ListedCapture::new(self.listed.number, capture);
        run()
    }

    /// Makes the first connection report the ends of statements too, as all others do.
    pub(crate) fn with_ends(self, first: &Connection) -> TracedDatabase {
        self.report(first, ALL);
        self
    }

    /// Calls `listener` for the statements of all connections to the database, until the guard is dropped.
    pub(crate) fn listen(&self, listener: Arc<dyn Listener>) -> ListenerGuard {
        ListenerGuard::new(self.listed.number, listener)
    }

    fn report(&self, first: &Connection, mask: c_uint) {
        // SAFETY: the connection is open and borrowed, and a reference to it cannot leave the thread that has it.
        unsafe { trace(first.handle(), self.listed.number, mask) };
    }

    /// Records into `capture` until the guard is dropped.
    pub(crate) fn start<'a>(&'a self, first: &'a Connection, capture: Arc<Capture>) -> RecordingGuard<'a> {
        let listed = ListedCapture::new(self.listed.number, capture);
        let guard = RecordingGuard { first, listed, traced: self };
        guard.report(ALL);
        guard
    }
}

/// Ends a recording when it is dropped.
pub(crate) struct RecordingGuard<'a> {
    /// The first connection of the database.
    first: &'a Connection,
    listed: ListedCapture,
    traced: &'a TracedDatabase,
}

impl RecordingGuard<'_> {
    /// Returns true if the hook of a connection is still ours. SQLite does not return the hook that is set; but ours
    /// reports what runs.
    pub(crate) fn hears(&self, connection: &Connection) -> bool {
        let _own = own::statements();
        self.listed.capture.hears(|| connection.query_row(STILL_HERE, [], |_| Ok(())).is_ok())
    }

    /// Returns true if connections were opened without the hook, because the app has reset SQLite's list of automatic
    /// extensions since the database was opened.
    pub(crate) fn is_reset(&self) -> bool {
        extension::is_gone() || extension::resets() != self.traced.resets
    }

    /// Returns true if, since the database was opened, our hook was set in place of one of an automatic extension of the app.
    pub(crate) fn has_replaced(&self) -> bool {
        extension::replaced() != self.traced.replaced
    }

    /// Returns true if connections through SQLite's own VFS can reach the database. Without the hook, nothing tells of them.
    pub(crate) fn is_real(&self) -> bool {
        self.traced.is_real
    }

    /// Sets which events the first connection reports, unless the app has replaced the hook there.
    fn report(&self, mask: c_uint) {
        if self.hears(self.first) {
            self.traced.report(self.first, mask);
        }
    }
}

impl Drop for RecordingGuard<'_> {
    fn drop(&mut self) {
        let mine = self.traced.listed.number;
        let is_last = registry::captures().iter().filter(|(number, _)| *number == mine).count() == 1;
        if is_last {
            self.report(STARTS);
        }
    }
}

/// Returns the address of a connection, and how many rows it has changed since it was opened, as far as 32 bits hold it.
pub(crate) fn total_changes(connection: &Connection) -> (usize, u32) {
    // SAFETY: the connection is open and borrowed, and it belongs to this thread.
    unsafe {
        let handle = connection.handle();
        (handle.addr(), ffi::sqlite3_total_changes(handle).cast_unsigned())
    }
}

/// # Safety
/// `db` is an open connection that no other thread uses.
unsafe fn trace(db: *mut ffi::sqlite3, number: usize, mask: c_uint) {
    // SAFETY: the callback lives as long as the process and never looks behind its context.
    unsafe { ffi::sqlite3_trace_v2(db, mask, Some(event), ptr::without_provenance_mut(number)) };
}

/// Called while a connection is opened through one of our VFSs, whether `opened` is called later or not.
fn connecting(db: *mut ffi::sqlite3, file: *mut ffi::sqlite3_file, path: &[u8]) {
    let Some(number) = registry::number_of(path) else { return };
    // SAFETY: SQLite is opening the connection on this thread, and its file is open.
    unsafe { watch(db, file, number, begins) };
}

/// Called when a connection begins to read or write. A statement of the app that runs now has been reported, or the recording
/// misses it.
fn begins(db: *mut ffi::sqlite3, number: usize) {
    if !Use::Capture.is_wanted() || own::are_running() {
        return;
    }
    let captures = registry::captures();
    let is_mine = |one: &&(usize, Arc<Capture>)| one.0 == number;
    if captures.iter().find(is_mine).is_none() {
        return;
    }
    let mut running = Vec::new();
    let mut statement: *mut ffi::sqlite3_stmt = ptr::null_mut();
    loop {
        // SAFETY: this thread is inside a call of SQLite's for the connection, which so lists its statements.
        statement = unsafe { ffi::sqlite3_next_stmt(db, statement) };
        if statement.is_null() {
            break;
        }
        // SAFETY: a statement of the list. One without a text is SQLite's own: it reads the schema, or a blob.
        unsafe {
            let text = ffi::sqlite3_sql(statement);
            if ffi::sqlite3_stmt_busy(statement) != 0 && !text.is_null() {
                let text = CStr::from_ptr(text);
                if !is_text_of_a_module(text.to_bytes()) {
                    running.push((statement.addr(), counters(statement), text));
                }
            }
        }
    }
    captures.iter().filter(is_mine).for_each(|(_, capture)| capture.begins(db.addr(), &running));
}

/// Returns the name that SQLite has for the main file. It is empty for a database without a file.
///
/// # Safety
/// `db` is an open connection, and stays open for as long as the name is used.
unsafe fn file_of<'a>(db: *mut ffi::sqlite3) -> &'a CStr {
    // SAFETY: the caller's. The first database is always called `main` here, also where it has been given another name.
    let name = unsafe { ffi::sqlite3_db_filename(db, c"main".as_ptr()) };
    if name.is_null() {
        return c"";
    }
    // SAFETY: SQLite answers with a string that ends in NUL and lives as long as the connection.
    unsafe { CStr::from_ptr(name) }
}

/// Called by SQLite for each connection of the process, after it is open and before its opener has it.
unsafe extern "C" fn opened(
    db: *mut ffi::sqlite3,
    _message: *mut *mut c_char,
    _api: *const ffi::sqlite3_api_routines,
) -> c_int {
    let set = || {
        // SAFETY: SQLite hands over a connection that nobody else has yet.
        let file = unsafe { file_of(db) }.to_bytes();
        if file.is_empty() {
            return;
        }
        match registry::number_of(file) {
            // SAFETY: as above.
            Some(number) => unsafe {
                if extension::is_free(db) {
                    trace(db, number, ALL);
                }
                watch(db, main_file(db), number, begins);
                registry::opened(number, db.addr());
            },
            // SAFETY: as above.
            None => unsafe { extension::note_other(db, file) },
        }
    };
    extension::has_run(db);
    // Whatever happens here, an app's connection opens as it would without us.
    let _ = catch_unwind(AssertUnwindSafe(set));
    ffi::SQLITE_OK
}

/// Called by SQLite when a statement starts, returns a row, and ends, and when a connection closes.
unsafe extern "C" fn event(kind: c_uint, context: *mut c_void, about: *mut c_void, more: *mut c_void) -> c_int {
    if !Use::is_any_wanted() {
        return 0;
    }
    let number = context.addr();
    // Without memory, SQLite has no text for the statement of a trigger.
    if kind == TRACE_STMT && more.is_null() {
        return 0;
    }
    if kind == TRACE_ROW {
        // Only a capture takes the numbers again, at the end of a statement.
        if Use::Capture.is_wanted() {
            returned_rows::add(about.addr());
        }
        return 0;
    }
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let is_start = kind == TRACE_STMT;
        // SAFETY: for these two events SQLite hands over the statement, and for the first its text.
        if (is_start || kind == TRACE_PROFILE) && unsafe { is_of_a_module(is_start, about.cast(), more.cast()) } {
            return;
        }
        if is_start && Use::Ledger.is_wanted() {
            // SAFETY: for this event SQLite hands over the statement and its text.
            unsafe { gather(number, about.cast(), more.cast()) };
        }
        if Use::Capture.is_wanted() {
            // SAFETY: SQLite hands over what belongs to the event.
            unsafe { capture(number, kind, about, more.cast()) };
        }
        // Last, and with nothing held: a listener may let other threads run first.
        if Use::Listener.is_wanted() {
            // SAFETY: as above.
            unsafe {
                match kind {
                    TRACE_CLOSE => tell_of_close(number, about.cast()),
                    _ => tell_listener(number, kind == TRACE_STMT, about.cast(), more.cast()),
                }
            }
        }
    }));
    0
}

/// Passes an event on to the captures of a database.
///
/// # Safety
/// The arguments are those of an event: a statement, and for a start its text, or a connection.
unsafe fn capture(number: usize, kind: c_uint, about: *mut c_void, text: *const c_char) {
    let returned = if kind == TRACE_PROFILE { returned_rows::take(about.addr()) } else { 0 };
    let captures = registry::captures();
    let is_mine = |one: &&(usize, Arc<Capture>)| one.0 == number;
    if captures.iter().find(is_mine).is_none() {
        return;
    }
    let mine = || captures.iter().filter(is_mine).map(|(_, capture)| &**capture);
    match kind {
        // SAFETY: the caller's.
        TRACE_STMT => unsafe { started(mine(), about.cast(), text) },
        // SAFETY: the caller's.
        TRACE_PROFILE => unsafe { finished(mine(), about.cast(), returned) },
        TRACE_CLOSE => {
            let db: *mut ffi::sqlite3 = about.cast();
            // SAFETY: for this event SQLite hands over the connection, which is still open.
            let changed = unsafe { ffi::sqlite3_total_changes(db) }.cast_unsigned();
            mine().for_each(|capture| capture.closed(db.addr(), changed));
        }
        _ => {}
    }
}

/// Notes for the ledger what the app or its test starts.
///
/// # Safety
/// `statement` is the statement of a callback and `text` a string that ends in NUL.
unsafe fn gather(number: usize, statement: *mut ffi::sqlite3_stmt, text: *const c_char) {
    registry::with_gathered(number, |gathered| {
        // SAFETY: the caller's. A text that is not the statement's own announces a trigger, or a statement that runs
        // within another.
        if own::are_running() || !ptr::eq(unsafe { ffi::sqlite3_sql(statement) }, text) {
            return;
        }
        // SAFETY: the caller's.
        let sql = unsafe { CStr::from_ptr(text) }.to_string_lossy();
        // SAFETY: the caller's.
        gathered.note(&sql, || unsafe { expanded(statement) });
    });
}
