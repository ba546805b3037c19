//! Notices when a connection begins to read or to write its main database, in whichever VFS the file is.
//!
//! The methods of an open file are replaced by a copy in which three are ours: two that take locks, and close. SQLite takes
//! a lock when a statement begins a transaction, on the thread that runs it.

use std::mem::offset_of;
use std::os::raw::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use rusqlite::ffi;

/// Called with the connection, and with the number that its file was given.
pub(crate) type OnBegin = fn(*mut ffi::sqlite3, usize);

/// Called with a connection that is being opened, its main file and the path of that.
pub(crate) type OnConnect = fn(*mut ffi::sqlite3, *mut ffi::sqlite3_file, &[u8]);

/// Returns the main file of a connection. NULL while there is none yet.
///
/// # Safety
/// `db` is an open connection that no other thread uses.
pub(crate) unsafe fn main_file(db: *mut ffi::sqlite3) -> *mut ffi::sqlite3_file {
    let mut file: *mut ffi::sqlite3_file = ptr::null_mut();
    // SAFETY: the caller's; SQLite itself answers this operation.
    unsafe {
        ffi::sqlite3_file_control(db, c"main".as_ptr(), ffi::SQLITE_FCNTL_FILE_POINTER, (&raw mut file).cast());
    }
    file
}

/// The methods of one open file.
#[repr(C)]
struct WatchedFile {
    methods: ffi::sqlite3_io_methods,
    original: *const ffi::sqlite3_io_methods,
    /// NULL if several connections share the file through SQLite's shared cache.
    connection: AtomicPtr<ffi::sqlite3>,
    number: AtomicUsize,
    on_begin: OnBegin,
}

/// Calls `on_begin` whenever the connection begins to read or write. If this was so before, only
/// the number changes. A file that several connections share is not watched.
///
/// # Safety
/// `file` is the open main file of the open connection `db`, and no other thread uses either.
pub(crate) unsafe fn watch(db: *mut ffi::sqlite3, file: *mut ffi::sqlite3_file, number: usize, on_begin: OnBegin) {
    // SAFETY: the caller's. The methods of an open file are set.
    unsafe {
        let original = (*file).pMethods;
        if (*original).xClose.is_some_and(|call| ptr::fn_addr_eq(call, close as unsafe extern "C" fn(_) -> _)) {
            let watched = &*original.cast::<WatchedFile>();
            watched.number.store(number, Ordering::Relaxed);
            if watched.connection.load(Ordering::Relaxed) != db {
                watched.connection.store(ptr::null_mut(), Ordering::Relaxed);
            }
            return;
        }
        let mut methods: ffi::sqlite3_io_methods = std::mem::zeroed();
        // A VFS of an older version may have fewer methods in its table.
        let size = match (*original).iVersion {
            ..=1 => offset_of!(ffi::sqlite3_io_methods, xShmMap),
            2 => offset_of!(ffi::sqlite3_io_methods, xFetch),
            _ => size_of::<ffi::sqlite3_io_methods>(),
        };
        ptr::copy_nonoverlapping(original.cast::<u8>(), (&raw mut methods).cast(), size);
        methods.xClose = Some(close);
        methods.xLock = methods.xLock.map(|_| lock as unsafe extern "C" fn(_, _) -> _);
        methods.xShmLock = methods.xShmLock.map(|_| shm_lock as unsafe extern "C" fn(_, _, _, _) -> _);
        let (connection, number) = (AtomicPtr::new(db), AtomicUsize::new(number));
        let watched = Box::new(WatchedFile { methods, original, connection, number, on_begin });
        (*file).pMethods = Box::into_raw(watched).cast();
    }
}

/// # Safety
/// `file` is open, and its methods are those of `watch`.
unsafe fn watched<'a>(file: *mut ffi::sqlite3_file) -> &'a WatchedFile {
    // SAFETY: the caller's. `methods` is the first field.
    unsafe { &*(*file).pMethods.cast::<WatchedFile>() }
}

impl WatchedFile {
    fn begins(&self) {
        let connection = self.connection.load(Ordering::Relaxed);
        if !connection.is_null() {
            let (call, number) = (self.on_begin, self.number.load(Ordering::Relaxed));
            // No panic may cross into C.
            let _ = catch_unwind(AssertUnwindSafe(|| call(connection, number)));
        }
    }
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite calls the methods of an open file.
    let watched = unsafe { watched(file) };
    if level <= ffi::SQLITE_LOCK_RESERVED {
        watched.begins();
    }
    // SAFETY: SQLite's own arguments, for the method that this one is in place of.
    unsafe { (*watched.original).xLock.map_or(ffi::SQLITE_IOERR_LOCK, |call| call(file, level)) }
}

/// The locks of a WAL-index: the first is that of the writer, and those from here on are of readers.
const FIRST_OF_READERS: c_int = 3;

unsafe extern "C" fn shm_lock(file: *mut ffi::sqlite3_file, first: c_int, count: c_int, flags: c_int) -> c_int {
    // SAFETY: as for `lock`.
    let watched = unsafe { watched(file) };
    let reads = first >= FIRST_OF_READERS && flags & ffi::SQLITE_SHM_SHARED != 0;
    let writes = first == 0 && flags & ffi::SQLITE_SHM_EXCLUSIVE != 0;
    if flags & ffi::SQLITE_SHM_LOCK != 0 && (reads || writes) {
        watched.begins();
    }
    // SAFETY: as for `lock`.
    unsafe { (*watched.original).xShmLock.map_or(ffi::SQLITE_IOERR_SHMLOCK, |call| call(file, first, count, flags)) }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite closes a file once. The methods were made by `watch` and are not used after this.
    unsafe {
        let watched = Box::from_raw((*file).pMethods.cast_mut().cast::<WatchedFile>());
        (*file).pMethods = watched.original;
        (*watched.original).xClose.map_or(ffi::SQLITE_OK, |call| call(file))
    }
}
