//! The methods of the WAL-index. `file` is what `open` filled, and every pointer is SQLite's own.

use std::os::raw::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{Ordering, fence};

use rusqlite::ffi;

use super::handle::handle;
use crate::sim::callback::{guard, refuses};
use crate::sim::file::hold;
use crate::sim::gate::{Op, Refused};

pub(super) unsafe extern "C" fn shm_map(
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

pub(super) unsafe extern "C" fn shm_lock(
    file: *mut ffi::sqlite3_file,
    first: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
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

pub(super) unsafe extern "C" fn shm_barrier(_: *mut ffi::sqlite3_file) {
    fence(Ordering::SeqCst);
}

pub(super) unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, _delete: c_int) -> c_int {
    guard(ffi::SQLITE_IOERR_SHMMAP, || {
        // SAFETY: as the module says.
        let handle = unsafe { handle(file) };
        if let Some(held) = handle.shm.take() {
            hold(&handle.file.shm).detach(held);
        }
        Ok(ffi::SQLITE_OK)
    })
}
