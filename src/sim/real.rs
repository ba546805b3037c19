//! The VFS below ours, which reaches the hardware.

use std::ffi::CStr;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;

use rusqlite::ffi;

/// A VFS that is not ours, to which calls are passed on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct RealVfs(NonNull<ffi::sqlite3_vfs>);

// SAFETY: SQLite itself calls a VFS from any thread, and an app keeps one that it has registered.
unsafe impl Send for RealVfs {}
// SAFETY: as above.
unsafe impl Sync for RealVfs {}

/// The default VFS before any of ours was registered.
static FIRST: OnceLock<RealVfs> = OnceLock::new();

impl RealVfs {
    /// Returns the VFS that SQLite uses by default. If an app has made one of ours the default, that is the one from before.
    pub(super) fn current() -> RealVfs {
        // SAFETY: `sqlite3_vfs_find` initializes SQLite if need be, and returns NULL for the default VFS only where SQLite
        // was built without any.
        let vfs = unsafe { ffi::sqlite3_vfs_find(ptr::null()) };
        let real = RealVfs(NonNull::new(vfs).expect("this SQLite was built without a VFS"));
        let first = *FIRST.get_or_init(|| real);
        // SAFETY: SQLite has just found it, so that it has a name.
        let name = unsafe { CStr::from_ptr((*vfs).zName) };
        if name.to_bytes().starts_with(b"sqlitmus") { first } else { real }
    }

    pub(super) fn get(self) -> *mut ffi::sqlite3_vfs {
        self.0.as_ptr()
    }
}
