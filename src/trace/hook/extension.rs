//! SQLite's list of automatic extensions: whether ours is still in it, which an app can reset.

use std::cell::Cell;
use std::ffi::CStr;
use std::os::raw::{c_char, c_int};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rusqlite::{Connection, ffi};

use crate::trace::registry;

/// The entry point of an automatic extension.
pub(super) type Entry =
    unsafe extern "C" fn(*mut ffi::sqlite3, *mut *mut c_char, *const ffi::sqlite3_api_routines) -> c_int;

static WAS_ADDED: AtomicBool = AtomicBool::new(false);
/// True if an extension of the app sets a trace hook on every connection.
static APP_HAS_HOOK: AtomicBool = AtomicBool::new(false);
/// The number of hooks that extensions of the app had set and ours has replaced.
static REPLACED: AtomicUsize = AtomicUsize::new(0);
/// The number of times that the list was found without our extension.
static RESETS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The address of the connection for which our extension was last called on this thread.
    static LAST: Cell<usize> = const { Cell::new(0) };
}

/// Adds our extension to the list. SQLite keeps it once however often it is added; it is added each time because an app may
/// reset the list. `newest` is a connection that was just opened.
pub(super) fn add(entry: Entry, newest: &Connection) {
    // SAFETY: the handle is only compared.
    let newest = unsafe { newest.handle() }.addr();
    let was_added = WAS_ADDED.load(Ordering::Relaxed);
    let was_reset = was_added && LAST.get() != newest && is_gone();
    if was_reset {
        RESETS.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: the entry point stays valid for the life of the process.
    let added = unsafe { ffi::sqlite3_auto_extension(Some(entry)) };
    debug_assert_eq!(added, ffi::SQLITE_OK, "SQLite takes an automatic extension");
    // The app may also have taken its extension out of the list again.
    if !was_added || was_reset || app_has_hook() {
        // SAFETY: the connection is this function's own.
        let has_hook = Connection::open_in_memory().is_ok_and(|tried| unsafe { remove_hook(tried.handle()) });
        APP_HAS_HOOK.store(has_hook, Ordering::Relaxed);
    }
    WAS_ADDED.store(true, Ordering::Relaxed);
}

/// Returns true if an extension of the app sets a trace hook on every connection.
pub(super) fn app_has_hook() -> bool {
    APP_HAS_HOOK.load(Ordering::Relaxed)
}

/// Returns true if our hook may be set on a connection that was just opened: if the app sets none there.
///
/// # Safety
/// `db` is an open connection that no other thread uses.
pub(super) unsafe fn is_free(db: *mut ffi::sqlite3) -> bool {
    if app_has_hook() {
        return false;
    }
    // SAFETY: the caller's.
    if unsafe { remove_hook(db) } {
        REPLACED.fetch_add(1, Ordering::Relaxed);
        // Tried when the next database is opened.
        APP_HAS_HOOK.store(true, Ordering::Relaxed);
    }
    true
}

/// Returns the number of hooks of the app that ours has replaced so far.
pub(super) fn replaced() -> usize {
    REPLACED.load(Ordering::Relaxed)
}

/// Removes the trace hook of a connection. Returns true if there was one.
///
/// No function of SQLite tells. But if there is none, removing it changes nothing in the object of the connection.
///
/// # Safety
/// `db` is an open connection that no other thread uses.
unsafe fn remove_hook(db: *mut ffi::sqlite3) -> bool {
    // The hook is in the first 300 bytes of the object, in all versions of SQLite since 3.34.
    const MOST: usize = 512;
    let object = || {
        let mut bytes = [0_u8; MOST];
        // SAFETY: the caller's. SQLite has allocated the object, filled with zeros, so that it knows its size; it is only read.
        unsafe {
            let size = usize::try_from(ffi::sqlite3_msize(db.cast())).unwrap_or(MOST).min(MOST);
            db.cast::<u8>().copy_to_nonoverlapping(bytes.as_mut_ptr(), size);
        }
        bytes
    };
    let before = object();
    // SAFETY: the caller's. Without events and a callback, nothing is called.
    unsafe { ffi::sqlite3_trace_v2(db, 0, None, ptr::null_mut()) };
    before != object()
}

/// Notes that our extension is called for a connection.
pub(super) fn has_run(db: *mut ffi::sqlite3) {
    let _ = LAST.try_with(|last| last.set(db.addr()));
}

/// Returns true if our extension is not called for new connections, which is tried.
pub(super) fn is_gone() -> bool {
    LAST.set(0);
    let probe = Connection::open_in_memory();
    probe.is_ok() && LAST.get() == 0
}

/// Returns the number of times that the list was found without our extension so far.
pub(super) fn resets() -> usize {
    RESETS.load(Ordering::Relaxed)
}

/// Notes a database that is no test's, for the report of a recording that has seen nothing.
///
/// # Safety
/// `db` is an open connection that no other thread uses.
pub(super) unsafe fn note_other(db: *mut ffi::sqlite3, file: &[u8]) {
    let mut vfs: *mut ffi::sqlite3_vfs = ptr::null_mut();
    // SAFETY: the caller's; SQLite itself answers this operation, with a VFS that has a name.
    let is_ours = unsafe {
        ffi::sqlite3_file_control(db, c"main".as_ptr(), ffi::SQLITE_FCNTL_VFS_POINTER, (&raw mut vfs).cast());
        vfs.is_null() || CStr::from_ptr((*vfs).zName).to_bytes().starts_with(b"sqlitmus")
    };
    if !is_ours {
        registry::note_other(file);
    }
}
