//! The methods of mapped memory. `file` is what `open` filled, and every pointer is SQLite's own.

use std::os::raw::{c_int, c_void};
use std::ptr;
use std::sync::PoisonError;

use rusqlite::ffi;

use super::handle::handle;
use crate::sim::callback::guard;

pub(super) unsafe extern "C" fn fetch(
    file: *mut ffi::sqlite3_file,
    offset: i64,
    len: c_int,
    out: *mut *mut c_void,
) -> c_int {
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
        if let Some((block, within)) = bytes.share(offset, len) {
            // SAFETY: as the module says. The page lies inside the block, which stays as it is and where it is while it
            // is in `fetched`: a write copies a block that is shared. SQLite only reads mapped pages.
            unsafe { *out = block.as_ptr().add(within).cast_mut().cast() };
            handle.map.fetched.push(block);
        }
        Ok(ffi::SQLITE_OK)
    })
}

/// A page has to end this many bytes before the end of the mapping.
const END: usize = 256;

pub(super) unsafe extern "C" fn unfetch(file: *mut ffi::sqlite3_file, _offset: i64, page: *mut c_void) -> c_int {
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
