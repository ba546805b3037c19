//! The methods of an open file, except for those of shared and mapped memory.
//!
//! `file` is what `open` filled, and every pointer is SQLite's own: its out parameters and buffers.

use std::mem::MaybeUninit;
use std::os::raw::{c_char, c_int, c_void};
use std::ptr;
use std::sync::PoisonError;

use rusqlite::ffi;

use super::handle::{OpenFile, handle};
use super::mapped::{fetch, unfetch};
use super::shared::{shm_barrier, shm_lock, shm_map, shm_unmap};
use crate::sim::callback::{guard, refuses};
use crate::sim::file::hold;
use crate::sim::gate::Op;
use crate::sim::locks::Level;

/// A write to a sector damages nothing around it. Nothing else is promised: ATOMIC, SEQUENTIAL and SAFE_APPEND would
/// make SQLite leave out its own protections.
const CHARACTERISTICS: c_int = ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE;

const SECTOR: c_int = 4096;

pub(super) static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 3,
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
};

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    guard(ffi::SQLITE_IOERR_CLOSE, || {
        // SAFETY: SQLite closes a file once. The object is moved out of SQLite's memory and dropped at the end, also
        // when the watch refuses: SQLite takes a failed close for a close.
        let OpenFile { mut handle, .. } = unsafe {
            let open = file.cast::<OpenFile>().read();
            (*file).pMethods = ptr::null();
            open
        };
        let refusal = handle.disk.gate.pass(Op::Close { file: &handle.file.name });
        if let Some(held) = handle.shm.take() {
            hold(&handle.file.shm).detach(held);
        }
        hold(&handle.file.locks).unlock(&mut handle.level, Level::None);
        if handle.delete_on_close {
            handle.disk.delete(&handle.file.name);
        }
        refusal.map(|()| ffi::SQLITE_OK)
    })
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, into: *mut c_void, len: c_int, offset: i64) -> c_int {
    guard(ffi::SQLITE_IOERR_READ, || {
        // SAFETY: as the module says.
        let handle = unsafe { handle(file) };
        let (len, start) = (len as usize, offset as usize);
        handle.disk.gate.pass(Op::Read { file: &handle.file.name, offset: start as u64, len })?;
        // SAFETY: SQLite's buffer of `len` bytes, which nobody may have written to yet.
        let into = unsafe { std::slice::from_raw_parts_mut(into.cast::<MaybeUninit<u8>>(), len) };
        let bytes = handle.file.bytes.read().unwrap_or_else(PoisonError::into_inner);
        let count = bytes.read(start, into);
        Ok(if count == len { ffi::SQLITE_OK } else { ffi::SQLITE_IOERR_SHORT_READ })
    })
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, data: *const c_void, len: c_int, offset: i64) -> c_int {
    guard(ffi::SQLITE_IOERR_WRITE, || {
        // SAFETY: as the module says.
        let handle = unsafe { handle(file) };
        // SAFETY: SQLite's buffer of `len` bytes.
        let data = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len as usize) };
        handle.disk.gate.pass(Op::Write { file: &handle.file.name, offset: offset as u64, data })?;
        handle.for_writing(ffi::SQLITE_IOERR_WRITE)?;
        let mut bytes = handle.file.bytes.write().unwrap_or_else(PoisonError::into_inner);
        bytes.write(offset as usize, data);
        Ok(ffi::SQLITE_OK)
    })
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, len: i64) -> c_int {
    guard(ffi::SQLITE_IOERR_TRUNCATE, || {
        // SAFETY: as the module says.
        let handle = unsafe { handle(file) };
        handle.resize(handle.whole_chunks(len as usize))?;
        handle.map.len = handle.map.len.min(len as usize);
        Ok(ffi::SQLITE_OK)
    })
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    guard(ffi::SQLITE_IOERR_FSYNC, || {
        // SAFETY: as the module says.
        let handle = unsafe { handle(file) };
        handle.disk.gate.pass(Op::Sync { file: &handle.file.name })?;
        Ok(ffi::SQLITE_OK)
    })
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, out: *mut i64) -> c_int {
    guard(ffi::SQLITE_IOERR_FSTAT, || {
        // SAFETY: as the module says.
        let handle = unsafe { handle(file) };
        // SAFETY: as the module says.
        unsafe { *out = handle.len() as i64 };
        Ok(ffi::SQLITE_OK)
    })
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    guard(ffi::SQLITE_IOERR_LOCK, || {
        // SAFETY: as the module says.
        let handle = unsafe { handle(file) };
        let op = Op::Lock { file: &handle.file.name, by: file.addr(), level };
        handle.disk.gate.pass(op).inspect_err(|_| refuses(&handle.disk))?;
        if level > ffi::SQLITE_LOCK_SHARED {
            handle.for_writing(ffi::SQLITE_IOERR_LOCK)?;
        }
        let answer = hold(&handle.file.locks).lock(&mut handle.level, Level::from_code(level));
        handle.disk.gate.answered(op, answer.is_ok());
        if answer.is_err() {
            refuses(&handle.disk);
        }
        Ok(answer.map_or(ffi::SQLITE_BUSY, |()| ffi::SQLITE_OK))
    })
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    guard(ffi::SQLITE_IOERR_UNLOCK, || {
        // SAFETY: as the module says.
        let handle = unsafe { handle(file) };
        handle.disk.gate.pass(Op::Unlock { file: &handle.file.name, by: file.addr(), level })?;
        hold(&handle.file.locks).unlock(&mut handle.level, Level::from_code(level));
        Ok(ffi::SQLITE_OK)
    })
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    guard(ffi::SQLITE_IOERR_CHECKRESERVEDLOCK, || {
        // SAFETY: as the module says.
        let handle = unsafe { handle(file) };
        let reserved = hold(&handle.file.locks).is_reserved();
        // SAFETY: as the module says.
        unsafe { *out = c_int::from(reserved) };
        Ok(ffi::SQLITE_OK)
    })
}

unsafe extern "C" fn file_control(file: *mut ffi::sqlite3_file, op: c_int, argument: *mut c_void) -> c_int {
    guard(ffi::SQLITE_ERROR, || {
        // SAFETY: as the module says.
        let handle = unsafe { handle(file) };
        let number = argument.cast::<c_int>();
        // SAFETY: the type of the argument is given by the operation, see
        // <https://www.sqlite.org/c3ref/c_fcntl_begin_atomic_write.html>.
        unsafe {
            match op {
                ffi::SQLITE_FCNTL_LOCKSTATE => *number = handle.level as c_int,
                ffi::SQLITE_FCNTL_PERSIST_WAL => mode_bit(&mut handle.persist_wal, number),
                ffi::SQLITE_FCNTL_POWERSAFE_OVERWRITE => mode_bit(&mut handle.powersafe, number),
                ffi::SQLITE_FCNTL_HAS_MOVED => *number = 0,
                ffi::SQLITE_FCNTL_CHUNK_SIZE => handle.chunk = usize::try_from(*number).unwrap_or(0),
                ffi::SQLITE_FCNTL_SIZE_HINT => handle.expect(usize::try_from(*argument.cast::<i64>()).unwrap_or(0))?,
                ffi::SQLITE_FCNTL_VFSNAME => {
                    *argument.cast::<*mut c_char>() =
                        ffi::sqlite3_mprintf(c"%s".as_ptr(), handle.disk.vfs_c_name().as_ptr());
                }
                ffi::SQLITE_FCNTL_MMAP_SIZE => {
                    let size = argument.cast::<i64>();
                    let wanted = usize::try_from(*size).ok().map(|size| size.min(MAX_MMAP_SIZE));
                    *size = handle.map.limit as i64;
                    if let Some(wanted) = wanted.filter(|_| handle.map.fetched.is_empty()) {
                        let was_mapped = handle.map.len > 0;
                        handle.map.limit = wanted;
                        handle.map.len = if was_mapped { handle.len().min(wanted) } else { 0 };
                    }
                }
                _ => return Ok(ffi::SQLITE_NOTFOUND),
            }
        }
        Ok(ffi::SQLITE_OK)
    })
}

/// SQLITE_MAX_MMAP_SIZE, the limit that SQLite is built with by default.
const MAX_MMAP_SIZE: usize = 0x7fff_0000;

/// Reads the bit into `number` if that is negative, else sets it.
///
/// # Safety
/// `number` is the argument of a file control.
unsafe fn mode_bit(bit: &mut c_int, number: *mut c_int) {
    // SAFETY: the caller's.
    unsafe {
        match *number {
            ..0 => *number = *bit,
            value => *bit = c_int::from(value != 0),
        }
    }
}

unsafe extern "C" fn sector_size(_: *mut ffi::sqlite3_file) -> c_int {
    SECTOR
}

unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    guard(0, || {
        // SAFETY: as the module says.
        let handle = unsafe { handle(file) };
        Ok(if handle.powersafe != 0 { CHARACTERISTICS } else { 0 })
    })
}
