//! How SQLite finds a disk: the VFS objects.
//!
//! SQLite asks a VFS, not a file, for the time and for sleep. So every disk has a VFS object of its own, or two tests could
//! not have two clocks. The objects are registered once under names like `sqlitmus-7`, never taken back, and handed from
//! a disk that is gone to the next: SQLite may read one at any time after it has looked it up.
//!
//! Two names are for everybody. `sqlitmus` opens any live disk by its path, and otherwise files in memory that all share;
//! `sqlitmus-files` opens real files without waiting for the hardware. Their clocks are the system's; but who waits for a
//! lock of a disk that was found by its path, waits by the clock of that disk.

use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::os::raw::{c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::{Arc, Mutex, Once, Weak};
use std::time::Duration;

use rusqlite::ffi;

use super::disk::{Disk, Medium, hold};
use super::gate::{Op, Refused};
use super::{allocator, files, memory};

/// A registered VFS and the disk that it leads to.
pub(super) struct Mount {
    vfs: ffi::sqlite3_vfs,
    name: CString,
    number: usize,
    tenant: Mutex<Weak<Disk>>,
    pool: &'static Pool,
}

// SAFETY: SQLite reads `vfs` from any thread; it is written while it is built, and its `pNext` by SQLite under SQLite's own
// lock. Everything else in a mount is `Sync` by itself.
unsafe impl Sync for Mount {}
// SAFETY: the pointers in `vfs` lead to statics and to the mount itself, which is leaked; none belongs to a thread.
unsafe impl Send for Mount {}

/// The mounts of one kind: those in use and those that are free.
pub(super) struct Pool {
    name: &'static str,
    mounts: Mutex<Mounts>,
}

struct Mounts {
    all: Vec<&'static Mount>,
    free: Vec<&'static Mount>,
}

static MEMORY: Pool = Pool::new("sqlitmus");
static FILES: Pool = Pool::new("sqlitmus-files");

impl Pool {
    const fn new(name: &'static str) -> Self {
        Pool { name, mounts: Mutex::new(Mounts { all: Vec::new(), free: Vec::new() }) }
    }

    fn of(medium: Medium) -> &'static Pool {
        match medium {
            Medium::Memory => &MEMORY,
            Medium::Files { .. } => &FILES,
        }
    }
}

impl Mount {
    /// A mount that leads nowhere yet.
    pub(super) fn take(medium: Medium) -> &'static Mount {
        register_shared_names();
        let pool = Pool::of(medium);
        let mut mounts = hold(&pool.mounts);
        if let Some(mount) = mounts.free.pop() {
            return mount;
        }
        let number = mounts.all.len() + 1;
        let mount = Mount::register(medium, pool, format!("{}-{number}", pool.name), number);
        mounts.all.push(mount);
        mount
    }

    pub(super) fn lead_to(&self, disk: &Arc<Disk>) {
        *hold(&self.tenant) = Arc::downgrade(disk);
    }

    /// For the next disk. Until then it leads to one that is gone.
    pub(super) fn give_back(&'static self) {
        hold(&self.pool.mounts).free.push(self);
    }

    pub(super) fn number(&self) -> usize {
        self.number
    }

    pub(super) fn name(&self) -> &str {
        self.name.to_str().expect("the names of mounts are ASCII")
    }

    pub(super) fn c_name(&self) -> &CStr {
        &self.name
    }

    /// The mount of a disk in memory, by its number; the shared names have none.
    pub(super) fn numbered(number: usize) -> Option<&'static Mount> {
        number.checked_sub(1).and_then(|index| hold(&MEMORY.mounts).all.get(index).copied())
    }

    pub(super) fn disk(&self) -> Option<Arc<Disk>> {
        hold(&self.tenant).upgrade()
    }

    /// The disk for `path`: where the mount leads, or, through the shared name, where the path itself says.
    fn disk_for(&self, path: &str) -> Option<Arc<Disk>> {
        let own = self.disk()?;
        match Disk::mount_number(path) {
            Some(number) if self.number == 0 => Mount::numbered(number)?.disk(),
            _ => Some(own),
        }
    }

    fn register(medium: Medium, pool: &'static Pool, name: String, number: usize) -> &'static Mount {
        let real = default_vfs();
        // SAFETY: `real` is the default VFS, which SQLite keeps registered for the life of the process; its numbers are
        // set before it is registered.
        let (real_file, real_path) = unsafe { ((*real).szOsFile, (*real).mxPathname) };
        let (file_size, path_size) = match medium {
            Medium::Memory => (size_of::<memory::OpenFile>(), 1024),
            Medium::Files { .. } => (size_of::<files::OpenFile>() + usize::try_from(real_file).unwrap_or(0), real_path),
        };
        let in_memory = medium == Medium::Memory;
        let mount = Box::leak(Box::new(Mount {
            vfs: ffi::sqlite3_vfs {
                iVersion: 2,
                szOsFile: c_int::try_from(file_size).expect("a file object is small"),
                mxPathname: path_size,
                pNext: ptr::null_mut(),
                zName: ptr::null(),
                pAppData: ptr::null_mut(),
                xOpen: Some(if in_memory { memory::open } else { files::open }),
                xDelete: Some(if in_memory { memory::delete } else { files::delete }),
                xAccess: Some(if in_memory { memory::access } else { files::access }),
                xFullPathname: Some(if in_memory { memory::full_pathname } else { files::full_pathname }),
                xDlOpen: Some(dl_open),
                xDlError: Some(dl_error),
                xDlSym: Some(dl_sym),
                xDlClose: Some(dl_close),
                xRandomness: Some(randomness),
                xSleep: Some(sleep),
                xCurrentTime: Some(current_time),
                xGetLastError: Some(last_error),
                xCurrentTimeInt64: Some(current_time_int64),
                xSetSystemCall: None,
                xGetSystemCall: None,
                xNextSystemCall: None,
            },
            name: CString::new(name).expect("the names of mounts have no NUL"),
            number,
            tenant: Mutex::new(Weak::new()),
            pool,
        }));
        mount.vfs.zName = mount.name.as_ptr();
        mount.vfs.pAppData = ptr::from_mut(mount).cast();
        // SAFETY: the object is leaked, so it lives as long as SQLite may look at it. It is not made the default: no
        // database of the process goes through it that does not ask for it by name.
        let code = unsafe { ffi::sqlite3_vfs_register(&raw mut mount.vfs, 0) };
        assert_eq!(code, ffi::SQLITE_OK, "SQLite registers a VFS");
        mount
    }
}

fn register_shared_names() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        allocator::install();
        for medium in [Medium::Memory, Medium::Files { sync: false }] {
            let pool = Pool::of(medium);
            let mount = Mount::register(medium, pool, pool.name.to_owned(), 0);
            let disk = Disk::permanent(medium, mount);
            mount.lead_to(&disk);
            std::mem::forget(disk);
        }
    });
}

/// The VFS that SQLite would use without us.
pub(super) fn default_vfs() -> *mut ffi::sqlite3_vfs {
    // SAFETY: `sqlite3_vfs_find` initialises SQLite if need be, and answers NULL for the default VFS only where SQLite was
    // built without any.
    let vfs = unsafe { ffi::sqlite3_vfs_find(ptr::null()) };
    assert!(!vfs.is_null(), "this SQLite was built without a VFS");
    vfs
}

/// Runs the body of a callback. No panic may cross into C: it becomes the result code `on_panic`.
pub(super) fn guard(on_panic: c_int, body: impl FnOnce() -> Result<c_int, Refused>) -> c_int {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(code)) | Ok(Err(Refused(code))) => code,
        Err(_) => on_panic,
    }
}

/// The mount behind a VFS object of ours.
///
/// # Safety
/// `vfs` is the object of a mount, as SQLite hands it to the callbacks that `Mount::register` set.
unsafe fn mount_of(vfs: *mut ffi::sqlite3_vfs) -> &'static Mount {
    // SAFETY: `pAppData` leads to the leaked mount itself.
    unsafe { &*(*vfs).pAppData.cast::<Mount>() }
}

/// The disk that a VFS leads to for a path, which is empty for a temporary file.
///
/// # Safety
/// As for `mount_of`.
pub(super) unsafe fn disk_of(vfs: *mut ffi::sqlite3_vfs, path: &str) -> Option<Arc<Disk>> {
    // SAFETY: the caller's.
    unsafe { mount_of(vfs) }.disk_for(path)
}

/// A path as SQLite hands it over: UTF-8, or not a path that it could have got from us.
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

thread_local! {
    /// The disk that was the last to refuse a lock to this thread. SQLite sleeps right after that, and tells a VFS neither
    /// the file nor the connection: through a shared name, this is whose clock goes on.
    static REFUSED: RefCell<Weak<Disk>> = const { RefCell::new(Weak::new()) };
}

/// Notes that this disk has refused a lock to this thread.
#[cold]
pub(super) fn refuses(disk: &Arc<Disk>) {
    let _ = REFUSED.try_with(|refused| *refused.borrow_mut() = Arc::downgrade(disk));
}

unsafe extern "C" fn sleep(vfs: *mut ffi::sqlite3_vfs, microseconds: c_int) -> c_int {
    let time = Duration::from_micros(u64::try_from(microseconds).unwrap_or(0));
    guard(0, || {
        // SAFETY: SQLite calls with the object that it was registered with.
        let mount = unsafe { mount_of(vfs) };
        let by_path = mount.number == 0 && ptr::eq(mount.pool, &raw const MEMORY);
        let refused = REFUSED.try_with(|disk| disk.borrow().upgrade().filter(|_| by_path)).ok().flatten();
        let disk = refused.or_else(|| mount.disk());
        if let Some(disk) = disk {
            // Whoever watches may take over the waiting.
            if disk.gate.pass(Op::Sleep { time }).is_ok() {
                disk.clock().sleep(time);
            }
        }
        Ok(microseconds)
    })
}

unsafe extern "C" fn current_time_int64(vfs: *mut ffi::sqlite3_vfs, now: *mut ffi::sqlite3_int64) -> c_int {
    guard(ffi::SQLITE_ERROR, || {
        // SAFETY: SQLite calls with the object that it was registered with.
        let disk = unsafe { disk_of(vfs, "") }.ok_or(Refused(ffi::SQLITE_ERROR))?;
        // SAFETY: `now` is SQLite's out parameter.
        unsafe { *now = disk.clock().julian_ms() };
        Ok(ffi::SQLITE_OK)
    })
}

unsafe extern "C" fn current_time(vfs: *mut ffi::sqlite3_vfs, now: *mut f64) -> c_int {
    let mut julian_ms = 0;
    // SAFETY: as for `current_time_int64`, to which this hands on.
    let code = unsafe { current_time_int64(vfs, &raw mut julian_ms) };
    // SAFETY: `now` is SQLite's out parameter.
    unsafe { *now = julian_ms as f64 / 86_400_000.0 };
    code
}

// Randomness and loading of extensions are none of a disk's business: the default VFS does them.

unsafe extern "C" fn randomness(_: *mut ffi::sqlite3_vfs, count: c_int, out: *mut c_char) -> c_int {
    let real = default_vfs();
    // SAFETY: the arguments are SQLite's, for another VFS of SQLite's; likewise in the callbacks below.
    unsafe { (*real).xRandomness.map_or(0, |call| call(real, count, out)) }
}

unsafe extern "C" fn last_error(_: *mut ffi::sqlite3_vfs, count: c_int, out: *mut c_char) -> c_int {
    let real = default_vfs();
    // SAFETY: see `randomness`.
    unsafe { (*real).xGetLastError.map_or(0, |call| call(real, count, out)) }
}

unsafe extern "C" fn dl_open(_: *mut ffi::sqlite3_vfs, path: *const c_char) -> *mut c_void {
    let real = default_vfs();
    // SAFETY: see `randomness`.
    unsafe { (*real).xDlOpen.map_or(ptr::null_mut(), |call| call(real, path)) }
}

unsafe extern "C" fn dl_error(_: *mut ffi::sqlite3_vfs, count: c_int, out: *mut c_char) {
    let real = default_vfs();
    // SAFETY: see `randomness`.
    unsafe {
        if let Some(call) = (*real).xDlError {
            call(real, count, out);
        }
    }
}

type Symbol = Option<unsafe extern "C" fn(*mut ffi::sqlite3_vfs, *mut c_void, *const c_char)>;

unsafe extern "C" fn dl_sym(_: *mut ffi::sqlite3_vfs, library: *mut c_void, symbol: *const c_char) -> Symbol {
    let real = default_vfs();
    // SAFETY: see `randomness`.
    unsafe { (*real).xDlSym.and_then(|call| call(real, library, symbol)) }
}

unsafe extern "C" fn dl_close(_: *mut ffi::sqlite3_vfs, library: *mut c_void) {
    let real = default_vfs();
    // SAFETY: see `randomness`.
    unsafe {
        if let Some(call) = (*real).xDlClose {
            call(real, library);
        }
    }
}
