//! The VFS objects, by which SQLite finds a disk, and the creation of disks.
//!
//! SQLite asks a VFS, not a file, for the time and for sleep. So every disk has a VFS object of its own, or two tests
//! could not have two clocks. The objects are registered once, under names like `sqlitmus-7`, and never unregistered,
//! because SQLite may read one at any time after it has looked it up. When a disk is gone, its VFS is passed on to the
//! next.
//!
//! Two names are shared. `sqlitmus` opens any live disk by its path, and otherwise files in memory that are common to
//! the process; `sqlitmus-files` opens real files without waiting for the hardware. Their clocks are the system's. A
//! wait for a lock of a disk that was found by its path uses the clock of that disk.

use std::os::raw::{c_char, c_int, c_void};
use std::ptr;
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use rusqlite::ffi;

use super::blocks::Blocks;
use super::callback::{disk_of, guard, last_refusing, mount_of, real_vfs};
use super::clock::Clock;
use super::disk::{Disk, File, Files, Medium, Mount, Pool, hold};
use super::gate::{Op, Refused};
use super::shm::Shm;
use super::{allocator, files, memory};

impl Disk {
    /// Creates an empty disk in memory.
    pub(crate) fn in_memory() -> Arc<Disk> {
        Disk::new(Medium::Memory, Clock::new(), Vec::new())
    }

    /// Creates a disk in memory with one file.
    pub(crate) fn holding(name: &str, bytes: Blocks) -> Arc<Disk> {
        Disk::new(Medium::Memory, Clock::new(), vec![File::new(name, bytes, Shm::default())])
    }

    /// Creates a disk in memory with these files.
    pub(crate) fn with_files(files: impl IntoIterator<Item = (String, Blocks)>) -> Arc<Disk> {
        let files = files.into_iter().map(|(name, bytes)| File::new(&name, bytes, Shm::default()));
        Disk::new(Medium::Memory, Clock::new(), files.collect())
    }

    /// Creates a gate and a clock over real files.
    pub(crate) fn over_files(sync: bool) -> Arc<Disk> {
        Disk::new(Medium::Files { sync }, Clock::new(), Vec::new())
    }

    /// Creates a disk in memory with the same contents. What is in the files counts, as after a crash of the process: a
    /// transaction that is open on this disk is not on the fork.
    pub(crate) fn fork(&self) -> Arc<Disk> {
        let files = hold(&self.files);
        // All files are held at once, in one order, so that the fork shows one instant. Nobody who holds one of them
        // waits for another.
        let shms: Vec<_> = files.iter().map(|file| hold(&file.shm)).collect();
        let bytes: Vec<_> =
            files.iter().map(|file| file.bytes.read().unwrap_or_else(PoisonError::into_inner)).collect();
        let copies = files
            .iter()
            .zip(shms.iter().zip(&bytes))
            .map(|(file, (shm, bytes))| File::new(&file.name, Blocks::clone(bytes), shm.fork().unwrap_or_default()))
            .collect();
        Disk::new(Medium::Memory, self.clock().fork(), copies)
    }

    /// Returns another way to the files and the clock of this disk in memory: with a path and a gate of its own, so that a
    /// watch knows who opened a connection, on whatever thread it is used.
    pub(crate) fn view(&self) -> Arc<Disk> {
        Disk::on(take_mount(Medium::Memory), Medium::Memory, self.clock().clone(), Arc::clone(&self.files))
    }

    fn new(medium: Medium, clock: Clock, files: Vec<Arc<File>>) -> Arc<Disk> {
        Disk::on(take_mount(medium), medium, clock, Arc::new(Mutex::new(files)))
    }
}

/// Returns a registered VFS that leads to no live disk.
fn take_mount(medium: Medium) -> &'static Mount {
    register_shared_names();
    Pool::of(medium).take(|mount| register(medium, mount))
}

fn register_shared_names() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        allocator::install();
        for medium in [Medium::Memory, Medium::Files { sync: false }] {
            let mount = register(medium, Pool::of(medium).shared());
            std::mem::forget(Disk::on(mount, medium, Clock::new(), Files::default()));
        }
    });
}

fn register(medium: Medium, mount: Mount) -> &'static Mount {
    let mount: &'static Mount = Box::leak(Box::new(mount));
    let real = mount.real().get();
    // SAFETY: SQLite has just found `real`; its numbers are set before it is registered.
    let (real_file, real_path) = unsafe { ((*real).szOsFile, (*real).mxPathname) };
    let (file_size, path_size) = match medium {
        Medium::Memory => (size_of::<memory::OpenFile>(), 1024),
        Medium::Files { .. } => (size_of::<files::OpenFile>() + usize::try_from(real_file).unwrap_or(0), real_path),
    };
    let in_memory = medium == Medium::Memory;
    let vfs = Box::leak(Box::new(ffi::sqlite3_vfs {
        iVersion: 2,
        szOsFile: c_int::try_from(file_size).expect("a file object is small"),
        mxPathname: path_size,
        pNext: ptr::null_mut(),
        zName: mount.name().as_ptr(),
        pAppData: ptr::from_ref(mount).cast_mut().cast(),
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
    }));
    // SAFETY: the object and the mount are leaked, so they live as long as SQLite may look at them. SQLite only reads
    // the mount through the callbacks, by a shared reference. The VFS is not made the default: only databases that
    // are opened with its name use it.
    let code = unsafe { ffi::sqlite3_vfs_register(vfs, 0) };
    assert_eq!(code, ffi::SQLITE_OK, "SQLite registers a VFS");
    mount
}

unsafe extern "C" fn sleep(vfs: *mut ffi::sqlite3_vfs, microseconds: c_int) -> c_int {
    let time = Duration::from_micros(u64::try_from(microseconds).unwrap_or(0));
    guard(0, || {
        // SAFETY: SQLite calls with the object that it was registered with.
        let mount = unsafe { mount_of(vfs) };
        let refusing = if mount.is_shared_memory() { last_refusing() } else { None };
        let disk = refusing.or_else(|| mount.disk());
        if let Some(disk) = disk {
            // The watch may take over the waiting.
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

type Symbol = Option<unsafe extern "C" fn(*mut ffi::sqlite3_vfs, *mut c_void, *const c_char)>;

/// Defines a callback that the real VFS answers, because it has nothing to do with a disk.
macro_rules! passed_on {
    ($name:ident = $method:ident($($argument:ident: $type:ty),*) -> $result:ty, $missing:expr) => {
        unsafe extern "C" fn $name(vfs: *mut ffi::sqlite3_vfs, $($argument: $type),*) -> $result {
            // SAFETY: SQLite calls with the object that it was registered with; the arguments are its own, for another VFS
            // of SQLite's.
            unsafe {
                let real = real_vfs(vfs);
                (*real).$method.map_or($missing, |call| call(real, $($argument),*))
            }
        }
    };
}

passed_on!(randomness = xRandomness(count: c_int, out: *mut c_char) -> c_int, 0);
passed_on!(last_error = xGetLastError(count: c_int, out: *mut c_char) -> c_int, 0);
passed_on!(dl_open = xDlOpen(path: *const c_char) -> *mut c_void, ptr::null_mut());
passed_on!(dl_error = xDlError(count: c_int, out: *mut c_char) -> (), ());
passed_on!(dl_sym = xDlSym(library: *mut c_void, symbol: *const c_char) -> Symbol, None);
passed_on!(dl_close = xDlClose(library: *mut c_void) -> (), ());
