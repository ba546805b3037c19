//! The methods of an open file.
//!
//! `file` is what `open` filled, and every pointer is SQLite's own: its out parameters and buffers.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::raw::{c_char, c_int, c_void};
use std::ptr;
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, PoisonError};

use rusqlite::ffi;

use super::handle::{BusyHandler, OpenFile, handle, has_room};
use crate::sim::callback::{connects, guard, io_methods, refuses};
use crate::sim::disk::hold;
use crate::sim::gate::{Op, Refused, is_full};
use crate::sim::locks::Level;

const SECTOR: c_int = 4096;

pub(super) static METHODS: ffi::sqlite3_io_methods = io_methods!(3);

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    guard(ffi::SQLITE_IOERR_CLOSE, || {
        // SAFETY: SQLite closes a file once. The object is moved out of SQLite's memory and dropped at the end, also
        // when the watch refuses: SQLite takes a failed close for a close.
        let OpenFile { mut handle, .. } = unsafe {
            let open = file.cast::<OpenFile>().read();
            (*file).pMethods = ptr::null();
            open
        };
        let refusal = handle.disk.gate.pass(Op::Close { file: &handle.file.name, by: file.addr() });
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
        // SAFETY: as the module says; the buffer has `len` bytes.
        let (handle, data) = unsafe { (handle(file), std::slice::from_raw_parts(data.cast::<u8>(), len as usize)) };
        handle.disk.gate.pass(Op::Write { file: &handle.file.name, offset: offset as u64, data })?;
        handle.for_writing(ffi::SQLITE_IOERR_WRITE)?;
        has_room((offset as usize).saturating_add(data.len()))?;
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

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    guard(ffi::SQLITE_IOERR_FSYNC, || {
        // SAFETY: as the module says.
        let handle = unsafe { handle(file) };
        handle.disk.gate.pass(Op::Sync { file: &handle.file.name, full: is_full(flags) })?;
        Ok(ffi::SQLITE_OK)
    })
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, out: *mut i64) -> c_int {
    guard(ffi::SQLITE_IOERR_FSTAT, || {
        // SAFETY: as the module says.
        unsafe { *out = handle(file).len() as i64 };
        Ok(ffi::SQLITE_OK)
    })
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    guard(ffi::SQLITE_IOERR_LOCK, || {
        // SAFETY: as the module says.
        let handle = unsafe { handle(file) };
        let op = Op::Lock { file: &handle.file.name, by: file.addr(), level };
        handle.disk.gate.pass(op).inspect_err(|_| refuses(&handle.disk))?;
        let mut locks = hold(&handle.file.locks);
        let answer = locks.lock(&mut handle.level, Level::from_code(level));
        // As on unix: a conflict with another connection of the process is found first, and then the operating system
        // refuses to lock for writing what is open for reading.
        if answer.is_ok() && handle.level > Level::Shared && handle.read_only {
            locks.unlock(&mut handle.level, Level::Shared);
            handle.disk.gate.answered(op, false);
            return Err(Refused(ffi::SQLITE_IOERR_LOCK));
        }
        drop(locks);
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
        unsafe { *out = c_int::from(hold(&handle(file).file.locks).is_reserved()) };
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
                // No other process can have the file open.
                ffi::SQLITE_FCNTL_HAS_MOVED | EXTERNAL_READER => *number = 0,
                ffi::SQLITE_FCNTL_TEMPFILENAME => {
                    let mut random = [0_u8; 8];
                    ffi::sqlite3_randomness(8, random.as_mut_ptr().cast());
                    let name = handle.disk.path_of(&format!("etilqs_{:x}", u64::from_ne_bytes(random)));
                    let name = CString::new(name).map_err(|_| Refused(ffi::SQLITE_ERROR))?;
                    *argument.cast::<*mut c_char>() = ffi::sqlite3_mprintf(c"%s".as_ptr(), name.as_ptr());
                }
                ffi::SQLITE_FCNTL_CHUNK_SIZE => handle.chunk = usize::try_from(*number).unwrap_or(0),
                ffi::SQLITE_FCNTL_SIZE_HINT => handle.expect(usize::try_from(*argument.cast::<i64>()).unwrap_or(0))?,
                ffi::SQLITE_FCNTL_BUSYHANDLER => handle.busy_handler = *argument.cast::<BusyHandler>(),
                BUSY_HANDLER => *argument.cast::<BusyHandler>() = handle.busy_handler,
                ffi::SQLITE_FCNTL_PDB if !handle.file.name.is_empty() => {
                    connects(file, argument, || handle.disk.path_of(&handle.file.name));
                    return Ok(ffi::SQLITE_NOTFOUND);
                }
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

/// Returns the busy handler. A number above those of SQLite's own operations.
const BUSY_HANDLER: c_int = 7_201;

/// Returns the busy handler of a connection whose main file is in memory.
///
/// # Safety
/// `db` is an open connection that no other thread uses.
pub(crate) unsafe fn busy_handler(db: *mut ffi::sqlite3) -> BusyHandler {
    let mut handler = BusyHandler::NONE;
    // SAFETY: the caller's. A file of another VFS does not know the operation.
    unsafe {
        ffi::sqlite3_file_control(db, c"main".as_ptr(), BUSY_HANDLER, (&raw mut handler).cast());
    }
    handler
}

/// `SQLITE_FCNTL_EXTERNAL_READER`, which the bindings to a system's SQLite do not name.
const EXTERNAL_READER: c_int = 40;

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
        Ok(unsafe { handle(file) }.characteristics)
    })
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    region: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    guard(ffi::SQLITE_IOERR_SHMMAP, || {
        // SAFETY: as the module says.
        let handle = unsafe { handle(file) };
        let (region, size) = (region as usize, size as usize);
        handle.disk.gate.pass(Op::ShmMap { file: &handle.file.name, region })?;
        let mut shm = hold(&handle.file.shm);
        if handle.shm.is_none() {
            handle.shm = Some(shm.attach());
        }
        let start = shm.map(region, size, extend != 0);
        // SAFETY: as the module says. The region stays where it is until `shm_unmap` or `close`.
        unsafe { *out = start.map_or(ptr::null_mut(), |start| start.as_ptr().cast()) };
        Ok(ffi::SQLITE_OK)
    })
}

unsafe extern "C" fn shm_lock(file: *mut ffi::sqlite3_file, first: c_int, count: c_int, flags: c_int) -> c_int {
    guard(ffi::SQLITE_IOERR_SHMLOCK, || {
        // SAFETY: as the module says.
        let handle = unsafe { handle(file) };
        let op = Op::shm_lock(&handle.file.name, file.addr(), first, count, flags);
        handle.disk.gate.pass(op).inspect_err(|_| refuses(&handle.disk))?;
        let held = handle.shm.as_mut().ok_or(Refused(ffi::SQLITE_IOERR_SHMLOCK))?;
        let (first, count) = (first as usize, count as usize);
        let mut shm = hold(&handle.file.shm);
        if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
            shm.unlock(held, first, count);
            return Ok(ffi::SQLITE_OK);
        }
        let answer = match flags & ffi::SQLITE_SHM_EXCLUSIVE {
            0 => shm.lock_shared(held, first),
            _ => shm.lock_exclusive(held, first, count),
        };
        drop(shm);
        handle.disk.gate.answered(op, answer.is_ok());
        if answer.is_err() {
            refuses(&handle.disk);
        }
        Ok(answer.map_or(ffi::SQLITE_BUSY, |()| ffi::SQLITE_OK))
    })
}

unsafe extern "C" fn shm_barrier(_: *mut ffi::sqlite3_file) {
    fence(Ordering::SeqCst);
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, _delete: c_int) -> c_int {
    guard(ffi::SQLITE_IOERR_SHMMAP, || {
        // SAFETY: as the module says.
        let handle = unsafe { handle(file) };
        if let Some(held) = handle.shm.take() {
            hold(&handle.file.shm).detach(held);
        }
        Ok(ffi::SQLITE_OK)
    })
}

unsafe extern "C" fn fetch(file: *mut ffi::sqlite3_file, offset: i64, len: c_int, out: *mut *mut c_void) -> c_int {
    guard(ffi::SQLITE_IOERR_MMAP, || {
        // SAFETY: as the module says. NULL means that this part is not mapped, and SQLite reads it.
        let handle = unsafe {
            *out = ptr::null_mut();
            handle(file)
        };
        let (offset, len) = (offset as usize, len as usize);
        if handle.map.limit == 0 {
            return Ok(ffi::SQLITE_OK);
        }
        if handle.map.len == 0 {
            handle.map.extend_to(handle.len());
        }
        // As in the unix VFS, a page at the very end is not mapped: SQLite may read a little further.
        if offset + len + END > handle.map.len {
            return Ok(ffi::SQLITE_OK);
        }
        let bytes = handle.file.bytes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((block, within)) = bytes.block_of(offset, len) {
            // SAFETY: as the module says. The page lies inside the block, which stays as it is and where it is while it
            // is in `fetched`: a write copies a block that is shared. SQLite only reads mapped pages.
            unsafe { *out = block.as_ptr().add(within).cast_mut().cast() };
            handle.map.fetched.push(Arc::clone(block));
        }
        Ok(ffi::SQLITE_OK)
    })
}

/// A page has to end this many bytes before the end of the mapping.
const END: usize = 256;

unsafe extern "C" fn unfetch(file: *mut ffi::sqlite3_file, _offset: i64, page: *mut c_void) -> c_int {
    guard(ffi::SQLITE_OK, || {
        // SAFETY: as the module says.
        let handle = unsafe { handle(file) };
        let map = &mut handle.map;
        if page.is_null() {
            map.len = 0;
        } else if let Some(index) =
            map.fetched.iter().rposition(|block| block.as_ptr_range().contains(&page.cast_const().cast()))
        {
            map.fetched.swap_remove(index);
        }
        Ok(ffi::SQLITE_OK)
    })
}
