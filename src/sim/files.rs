//! SQLite's file interface over real files. Every call is passed on to the default VFS, except for syncs, which wait
//! for the hardware only if a test asks for it. `PRAGMA synchronous` still reads what production reads, locks are the
//! operating system's, and a connection through the default VFS may have the same file open.

use std::os::raw::{c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;

use rusqlite::ffi;

use super::callback::{connects, disk_of, guard, io_methods, path_text, real_vfs};
use super::disk::{Disk, Medium};
use super::gate::{Op, Refused, is_full};

/// The object that SQLite has for an open file. The default VFS's own object follows it in the same allocation.
#[repr(C, align(8))]
pub(super) struct OpenFile {
    methods: *const ffi::sqlite3_io_methods,
    handle: Handle,
}

struct Handle {
    disk: Arc<Disk>,
    name: String,
}

/// The version of a file's methods tells SQLite what it may use: shared memory from 2, mapping from 3. The
/// version is never higher than that of the real methods.
static METHODS: [ffi::sqlite3_io_methods; 3] = [io_methods!(1), io_methods!(2), io_methods!(3)];

/// Calls a method of the real file. Evaluates to `$missing` if the real VFS does not have it.
///
/// Every use is inside a callback: `$file` is what `open` filled, the real object behind it is open, and the arguments
/// are SQLite's own.
macro_rules! real {
    ($file:expr, $method:ident($($argument:expr),*), $missing:expr) => {{
        // SAFETY: as said above; a method is called with the object and the arguments that SQLite meant for it.
        unsafe {
            let file = real_file($file);
            (*(*file).pMethods).$method.map_or($missing, |call| call(file, $($argument),*))
        }
    }};
}

/// Returns the default VFS's object of a file of ours.
///
/// # Safety
/// `file` is an object of `szOsFile` bytes.
unsafe fn real_file(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: `szOsFile` is the size of both, and ours is a multiple of the alignment of both.
    unsafe { file.cast::<OpenFile>().add(1).cast() }
}

/// # Safety
/// `file` was filled by `open` and not closed since.
unsafe fn handle<'a>(file: *mut ffi::sqlite3_file) -> &'a Handle {
    // SAFETY: the caller's.
    unsafe { &(*file.cast::<OpenFile>()).handle }
}

pub(super) unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: `file` is SQLite's, of `szOsFile` bytes. Without methods, SQLite does not close what was not opened.
    unsafe { (*file).pMethods = ptr::null() };
    guard(ffi::SQLITE_CANTOPEN, || {
        // SAFETY: SQLite's own arguments.
        let (disk, name) = unsafe { place(vfs, path, ffi::SQLITE_CANTOPEN)? };
        disk.gate.pass(Op::Open { file: name, by: file.addr() })?;
        // SAFETY: SQLite calls with the object that it was registered with.
        let real = unsafe { real_vfs(vfs) };
        // SAFETY: the object for the real file has the size that the real VFS asks for. `path` is passed
        // on as a pointer, because the URI parameters of a database follow its NUL.
        let version = unsafe {
            let inner = real_file(file);
            (*inner).pMethods = ptr::null();
            let Some(open) = (*real).xOpen else { return Err(Refused(ffi::SQLITE_CANTOPEN)) };
            let code = open(real, path, inner, flags, out_flags);
            if code != ffi::SQLITE_OK {
                // A VFS may set the methods even if it fails, and then has to be closed.
                if let Some(close) = (*inner).pMethods.as_ref().and_then(|methods| methods.xClose) {
                    close(inner);
                }
                return Ok(code);
            }
            (*(*inner).pMethods).iVersion
        };
        let methods = &METHODS[usize::try_from(version).unwrap_or(1).clamp(1, METHODS.len()) - 1];
        let handle = Handle { disk, name: name.to_owned() };
        // SAFETY: `file` begins with room for an `OpenFile` and holds none yet. `close` drops it.
        unsafe { file.cast::<OpenFile>().write(OpenFile { methods, handle }) };
        Ok(ffi::SQLITE_OK)
    })
}

pub(super) unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, path: *const c_char, sync_dir: c_int) -> c_int {
    guard(ffi::SQLITE_IOERR_DELETE, || {
        // SAFETY: SQLite's own arguments.
        let (disk, name) = unsafe { place(vfs, path, ffi::SQLITE_IOERR_DELETE)? };
        disk.gate.pass(Op::Delete { file: name, sync_dir: sync_dir & 1 != 0 })?;
        let sync_dir = if waits(&disk) { sync_dir } else { 0 };
        // SAFETY: SQLite calls with the object that it was registered with.
        let real = unsafe { real_vfs(vfs) };
        // SAFETY: SQLite's own arguments, for another VFS of SQLite's.
        Ok(unsafe { (*real).xDelete.map_or(ffi::SQLITE_IOERR_DELETE, |call| call(real, path, sync_dir)) })
    })
}

pub(super) unsafe extern "C" fn access(
    vfs: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    guard(ffi::SQLITE_IOERR_ACCESS, || {
        // SAFETY: SQLite's own arguments.
        let (disk, name) = unsafe { place(vfs, path, ffi::SQLITE_IOERR_ACCESS)? };
        disk.gate.pass(Op::Exists { file: name })?;
        // SAFETY: SQLite calls with the object that it was registered with.
        let real = unsafe { real_vfs(vfs) };
        // SAFETY: SQLite's own arguments, for another VFS of SQLite's.
        Ok(unsafe { (*real).xAccess.map_or(ffi::SQLITE_IOERR_ACCESS, |call| call(real, path, flags, out)) })
    })
}

pub(super) unsafe extern "C" fn full_pathname(
    vfs: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    size: c_int,
    out: *mut c_char,
) -> c_int {
    guard(ffi::SQLITE_CANTOPEN, || {
        // SAFETY: SQLite calls with the object that it was registered with.
        let real = unsafe { real_vfs(vfs) };
        // SAFETY: SQLite's own arguments, for another VFS of SQLite's.
        Ok(unsafe { (*real).xFullPathname.map_or(ffi::SQLITE_CANTOPEN, |call| call(real, path, size, out)) })
    })
}

/// Returns the disk and the path as text.
///
/// # Safety
/// The arguments are those of a callback.
unsafe fn place<'a>(
    vfs: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    error: c_int,
) -> Result<(Arc<Disk>, &'a str), Refused> {
    // SAFETY: the caller's. A path that is not UTF-8 is passed on unchanged; only a watch does not see its name.
    unsafe { Ok((disk_of(vfs, "").ok_or(Refused(error))?, path_text(path).unwrap_or("?"))) }
}

/// Returns true if this disk waits for the hardware.
fn waits(disk: &Disk) -> bool {
    disk.medium() == Medium::Files { sync: true }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    guard(ffi::SQLITE_IOERR_CLOSE, || {
        // The real file first: its descriptor must not leak if the watch refuses.
        let code = real!(file, xClose(), ffi::SQLITE_OK);
        // SAFETY: SQLite closes a file once; the object is moved out of SQLite's memory and dropped here.
        let OpenFile { handle, .. } = unsafe {
            let open = file.cast::<OpenFile>().read();
            (*file).pMethods = ptr::null();
            open
        };
        handle.disk.gate.pass(Op::Close { file: &handle.name, by: file.addr() })?;
        Ok(code)
    })
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, into: *mut c_void, len: c_int, offset: i64) -> c_int {
    guard(ffi::SQLITE_IOERR_READ, || {
        // SAFETY: `file` is what `open` filled; likewise below.
        let Handle { disk, name } = unsafe { handle(file) };
        disk.gate.pass(Op::Read { file: name, offset: offset as u64, len: len as usize })?;
        Ok(real!(file, xRead(into, len, offset), ffi::SQLITE_IOERR_READ))
    })
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, data: *const c_void, len: c_int, offset: i64) -> c_int {
    guard(ffi::SQLITE_IOERR_WRITE, || {
        // SAFETY: see `read`; `data` are the `len` bytes that SQLite writes.
        let (Handle { disk, name }, bytes) =
            unsafe { (handle(file), std::slice::from_raw_parts(data.cast::<u8>(), len as usize)) };
        disk.gate.pass(Op::Write { file: name, offset: offset as u64, data: bytes })?;
        Ok(real!(file, xWrite(data, len, offset), ffi::SQLITE_IOERR_WRITE))
    })
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, len: i64) -> c_int {
    guard(ffi::SQLITE_IOERR_TRUNCATE, || {
        // SAFETY: see `read`.
        let Handle { disk, name } = unsafe { handle(file) };
        disk.gate.pass(Op::Truncate { file: name, len: len as u64 })?;
        Ok(real!(file, xTruncate(len), ffi::SQLITE_IOERR_TRUNCATE))
    })
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    guard(ffi::SQLITE_IOERR_FSYNC, || {
        // SAFETY: see `read`.
        let Handle { disk, name } = unsafe { handle(file) };
        disk.gate.pass(Op::Sync { file: name, full: is_full(flags) })?;
        if !waits(disk) {
            return Ok(ffi::SQLITE_OK);
        }
        Ok(real!(file, xSync(flags), ffi::SQLITE_IOERR_FSYNC))
    })
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, out: *mut i64) -> c_int {
    guard(ffi::SQLITE_IOERR_FSTAT, || Ok(real!(file, xFileSize(out), ffi::SQLITE_IOERR_FSTAT)))
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    guard(ffi::SQLITE_IOERR_LOCK, || {
        // SAFETY: see `read`.
        let Handle { disk, name } = unsafe { handle(file) };
        let op = Op::Lock { file: name, by: file.addr(), level };
        disk.gate.pass(op)?;
        let code = real!(file, xLock(level), ffi::SQLITE_IOERR_LOCK);
        disk.gate.answered(op, code == ffi::SQLITE_OK);
        Ok(code)
    })
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    guard(ffi::SQLITE_IOERR_UNLOCK, || {
        // SAFETY: see `read`.
        let Handle { disk, name } = unsafe { handle(file) };
        disk.gate.pass(Op::Unlock { file: name, by: file.addr(), level })?;
        Ok(real!(file, xUnlock(level), ffi::SQLITE_IOERR_UNLOCK))
    })
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    guard(ffi::SQLITE_IOERR_CHECKRESERVEDLOCK, || {
        Ok(real!(file, xCheckReservedLock(out), ffi::SQLITE_IOERR_CHECKRESERVEDLOCK))
    })
}

unsafe extern "C" fn file_control(file: *mut ffi::sqlite3_file, op: c_int, argument: *mut c_void) -> c_int {
    guard(ffi::SQLITE_ERROR, || {
        let code = real!(file, xFileControl(op, argument), ffi::SQLITE_NOTFOUND);
        if op == ffi::SQLITE_FCNTL_PDB {
            // SAFETY: `file` is what `open` filled, and the argument is that of the operation.
            unsafe { connects(file, argument, || handle(file).name.clone()) };
        }
        if op == ffi::SQLITE_FCNTL_VFSNAME && code == ffi::SQLITE_OK {
            let name = argument.cast::<*mut c_char>();
            // SAFETY: the argument of this operation is the place for a string of SQLite's allocator, which the real
            // VFS has just filled. As SQLite's own shims do, ours goes in front of it.
            unsafe {
                let inner = *name;
                *name = ffi::sqlite3_mprintf(c"%s/%s".as_ptr(), handle(file).disk.vfs_c_name().as_ptr(), inner);
                ffi::sqlite3_free(inner.cast());
            }
        }
        Ok(code)
    })
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    guard(0, || Ok(real!(file, xSectorSize(), 0)))
}

unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    guard(0, || Ok(real!(file, xDeviceCharacteristics(), 0)))
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    region: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    guard(ffi::SQLITE_IOERR_SHMMAP, || {
        // SAFETY: see `read`.
        let Handle { disk, name } = unsafe { handle(file) };
        disk.gate.pass(Op::ShmMap { file: name, region: region as usize })?;
        Ok(real!(file, xShmMap(region, size, extend, out), ffi::SQLITE_IOERR_SHMMAP))
    })
}

unsafe extern "C" fn shm_lock(file: *mut ffi::sqlite3_file, first: c_int, count: c_int, flags: c_int) -> c_int {
    guard(ffi::SQLITE_IOERR_SHMLOCK, || {
        // SAFETY: see `read`.
        let Handle { disk, name } = unsafe { handle(file) };
        let op = Op::shm_lock(name, file.addr(), first, count, flags);
        disk.gate.pass(op)?;
        let code = real!(file, xShmLock(first, count, flags), ffi::SQLITE_IOERR_SHMLOCK);
        if flags & ffi::SQLITE_SHM_UNLOCK == 0 {
            disk.gate.answered(op, code == ffi::SQLITE_OK);
        }
        Ok(code)
    })
}

unsafe extern "C" fn shm_barrier(file: *mut ffi::sqlite3_file) {
    guard(0, || {
        let () = real!(file, xShmBarrier(), ());
        Ok(0)
    });
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, delete: c_int) -> c_int {
    guard(ffi::SQLITE_IOERR_SHMMAP, || Ok(real!(file, xShmUnmap(delete), ffi::SQLITE_OK)))
}

unsafe extern "C" fn fetch(file: *mut ffi::sqlite3_file, offset: i64, len: c_int, out: *mut *mut c_void) -> c_int {
    guard(ffi::SQLITE_IOERR_MMAP, || Ok(real!(file, xFetch(offset, len, out), ffi::SQLITE_IOERR_MMAP)))
}

unsafe extern "C" fn unfetch(file: *mut ffi::sqlite3_file, offset: i64, page: *mut c_void) -> c_int {
    guard(ffi::SQLITE_IOERR_MMAP, || Ok(real!(file, xUnfetch(offset, page), ffi::SQLITE_OK)))
}
