//! Common parts of the callbacks of both VFSs: no panic may leave them, and each has to find its disk.

use std::cell::RefCell;
use std::ffi::CStr;
use std::os::raw::{c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock, Weak};

use rusqlite::ffi;

use super::begins::{OnConnect, main_file};
use super::disk::{Disk, Mount};
use super::gate::Refused;

/// Returns the VFS to which one of ours passes calls on.
///
/// # Safety
/// The same as for `mount_of`.
pub(super) unsafe fn real_vfs(vfs: *mut ffi::sqlite3_vfs) -> *mut ffi::sqlite3_vfs {
    // SAFETY: the caller's.
    unsafe { mount_of(vfs) }.real().get()
}

/// Runs the body of a callback. No panic may cross into C: it becomes the result code `on_panic`.
pub(super) fn guard(on_panic: c_int, body: impl FnOnce() -> Result<c_int, Refused>) -> c_int {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(code)) | Ok(Err(Refused(code))) => code,
        Err(_) => on_panic,
    }
}

/// Returns the mount behind a VFS object of ours.
///
/// # Safety
/// `vfs` is the object of a mount, as SQLite passes it to the callbacks that `vfs::register` set.
pub(super) unsafe fn mount_of(vfs: *mut ffi::sqlite3_vfs) -> &'static Mount {
    // SAFETY: `pAppData` leads to the mount, which is leaked.
    unsafe { &*(*vfs).pAppData.cast::<Mount>() }
}

/// Returns the disk that a VFS leads to for a path. The path of a temporary file is empty.
///
/// # Safety
/// The same as for `mount_of`.
pub(super) unsafe fn disk_of(vfs: *mut ffi::sqlite3_vfs, path: &str) -> Option<Arc<Disk>> {
    // SAFETY: the caller's.
    unsafe { mount_of(vfs) }.disk_for(path)
}

/// Reads a path that SQLite passes. `None` if it is not UTF-8, as every path that comes from us is.
///
/// # Safety
/// `path` is NULL or a string that ends in NUL and lives as long as the callback.
pub(super) unsafe fn path_text<'a>(path: *const c_char) -> Option<&'a str> {
    if path.is_null() {
        return Some("");
    }
    // SAFETY: the caller's.
    unsafe { CStr::from_ptr(path) }.to_str().ok()
}

static ON_CONNECT: OnceLock<OnConnect> = OnceLock::new();

/// Sets what is called for each connection that is opened through one of our VFSs. The first call counts.
pub(crate) fn on_connect(call: OnConnect) {
    ON_CONNECT.get_or_init(|| call);
}

/// Tells that a connection is opening its main database, if that is what the file is for.
///
/// # Safety
/// `argument` is that of `SQLITE_FCNTL_PDB` for this file, whose full path is `path`.
pub(super) unsafe fn connects(file: *mut ffi::sqlite3_file, argument: *mut c_void, path: impl FnOnce() -> String) {
    let Some(call) = ON_CONNECT.get() else { return };
    // SAFETY: the caller's; this thread is opening the connection, or another database that is attached to it.
    unsafe {
        let db = *argument.cast::<*mut ffi::sqlite3>();
        let main = main_file(db);
        if main.is_null() || main == file {
            call(db, file, path().as_bytes());
        }
    }
}

thread_local! {
    /// The disk that was the last to refuse a lock to this thread. SQLite sleeps right after that, and tells a VFS
    /// neither the file nor the connection: through a shared name, it is this disk whose clock the sleep moves.
    static REFUSED: RefCell<Weak<Disk>> = const { RefCell::new(Weak::new()) };
}

/// Notes that this disk has refused a lock to this thread.
#[cold]
pub(super) fn refuses(disk: &Arc<Disk>) {
    let _ = REFUSED.try_with(|refused| *refused.borrow_mut() = Arc::downgrade(disk));
}

/// Returns the disk that was the last to refuse a lock to this thread, if it still exists.
pub(super) fn last_refusing() -> Option<Arc<Disk>> {
    REFUSED.try_with(|disk| disk.borrow().upgrade()).ok().flatten()
}

/// The table of a file's methods, which are in scope under these names.
macro_rules! io_methods {
    ($version:expr) => {
        ffi::sqlite3_io_methods {
            iVersion: $version,
            xClose: Some(close),
            xRead: Some(read),
            xWrite: Some(write),
            xTruncate: Some(truncate),
            xSync: Some(sync),
            xFileSize: Some(file_size),
            xLock: Some(lock),
            xUnlock: Some(unlock),
            xCheckReservedLock: Some(check_reserved_lock),
            xFileControl: Some(file_control),
            xSectorSize: Some(sector_size),
            xDeviceCharacteristics: Some(device_characteristics),
            xShmMap: Some(shm_map),
            xShmLock: Some(shm_lock),
            xShmBarrier: Some(shm_barrier),
            xShmUnmap: Some(shm_unmap),
            xFetch: Some(fetch),
            xUnfetch: Some(unfetch),
        }
    };
}
pub(super) use io_methods;
