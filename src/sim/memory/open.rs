//! The methods of the VFS that take a path: open, delete, access, full path.

use std::os::raw::{c_char, c_int};
use std::path::Path;
use std::ptr;
use std::sync::{Arc, PoisonError};

use rusqlite::ffi;

use super::handle::{Handle, OpenFile};
use super::methods::METHODS;
use crate::sim::blocks::Blocks;
use crate::sim::callback::{disk_of, guard, path_text};
use crate::sim::disk::{Disk, File};
use crate::sim::gate::{Op, Refused};
use crate::sim::shm::Shm;

pub(crate) unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    c_path: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: `file` is SQLite's, of `szOsFile` bytes. Without methods, SQLite does not close what was not opened.
    unsafe { (*file).pMethods = ptr::null() };
    guard(ffi::SQLITE_CANTOPEN, || {
        // SAFETY: SQLite's own arguments.
        let (disk, path) = unsafe { place(vfs, c_path, ffi::SQLITE_CANTOPEN)? };
        let name = Disk::name_of(path);
        disk.gate.pass(Op::Open { file: name, by: file.addr() })?;
        let opened =
            if path.is_empty() { File::new("", Blocks::default(), Shm::default()) } else { find(&disk, path, flags)? };
        let by_uri = flags & ffi::SQLITE_OPEN_URI != 0;
        // SAFETY: the flag says that the parameters of a URI follow the path.
        let is_powersafe = !by_uri || unsafe { ffi::sqlite3_uri_boolean(c_path, c"psow".as_ptr(), 1) } != 0;
        let handle = Handle::new(disk, opened, flags, is_powersafe);
        // SAFETY: `file` has room for an `OpenFile`, as `szOsFile` says, is aligned as every allocation of SQLite's,
        // and holds none yet. `close` drops it.
        unsafe { file.cast::<OpenFile>().write(OpenFile { methods: &raw const METHODS, handle }) };
        if !out_flags.is_null() {
            // SAFETY: SQLite's out parameter.
            unsafe { *out_flags = flags };
        }
        Ok(ffi::SQLITE_OK)
    })
}

fn find(disk: &Disk, path: &str, flags: c_int) -> Result<Arc<File>, Refused> {
    let name = Disk::name_of(path);
    // Only databases must be on this disk: a fork looks for a super-journal under the path that it had on the original.
    if flags & ffi::SQLITE_OPEN_MAIN_DB != 0 && !disk.is_at_home(path) {
        return Err(Refused(ffi::SQLITE_CANTOPEN));
    }
    if flags & ffi::SQLITE_OPEN_CREATE == 0 || !can_hold(name) {
        return disk.find(name).ok_or(Refused(ffi::SQLITE_CANTOPEN));
    }
    let (file, existed) = disk.find_or_create(name);
    if existed && flags & ffi::SQLITE_OPEN_EXCLUSIVE != 0 {
        return Err(Refused(ffi::SQLITE_CANTOPEN));
    }
    Ok(file)
}

/// Returns true if a file of this name could be created. A disk has one folder of its own, and else the folders of the real
/// file system, where an app makes them.
fn can_hold(name: &str) -> bool {
    match name.rsplit_once('/') {
        None => true,
        Some((folder, _)) => {
            let folder = if folder.is_empty() { "/" } else { folder };
            name.starts_with('/') && Path::new(folder).is_dir() && !Path::new(name).is_dir()
        }
    }
}

pub(crate) unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, path: *const c_char, sync_dir: c_int) -> c_int {
    guard(ffi::SQLITE_IOERR_DELETE, || {
        // SAFETY: SQLite's own arguments.
        let (disk, path) = unsafe { place(vfs, path, ffi::SQLITE_IOERR_DELETE)? };
        let name = Disk::name_of(path);
        disk.gate.pass(Op::Delete { file: name, sync_dir: sync_dir & 1 != 0 })?;
        Ok(if disk.delete(name) { ffi::SQLITE_OK } else { ffi::SQLITE_IOERR_DELETE_NOENT })
    })
}

pub(crate) unsafe extern "C" fn access(
    vfs: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    guard(ffi::SQLITE_IOERR_ACCESS, || {
        // SAFETY: SQLite's own arguments.
        let (disk, path) = unsafe { place(vfs, path, ffi::SQLITE_IOERR_ACCESS)? };
        let name = Disk::name_of(path);
        disk.gate.pass(Op::Exists { file: name })?;
        // As in the unix VFS, an empty file does not exist where SQLite looks for a journal.
        let found = disk.find(name).is_some_and(|file| {
            flags != ffi::SQLITE_ACCESS_EXISTS || file.bytes.read().unwrap_or_else(PoisonError::into_inner).len() > 0
        });
        // SAFETY: SQLite's out parameter.
        unsafe { *out = c_int::from(found) };
        Ok(ffi::SQLITE_OK)
    })
}

pub(crate) unsafe extern "C" fn full_pathname(
    vfs: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    size: c_int,
    out: *mut c_char,
) -> c_int {
    guard(ffi::SQLITE_CANTOPEN, || {
        // SAFETY: SQLite's own arguments.
        let (disk, path) = unsafe { place(vfs, path, ffi::SQLITE_CANTOPEN)? };
        let full = in_full(disk.home(), as_written(path));
        if full.len() >= usize::try_from(size).unwrap_or(0) {
            return Err(Refused(ffi::SQLITE_CANTOPEN));
        }
        // SAFETY: `out` has `size` bytes, and the path and the NUL are no more.
        unsafe {
            out.copy_from_nonoverlapping(full.as_ptr().cast(), full.len());
            *out.add(full.len()) = 0;
        }
        Ok(ffi::SQLITE_OK)
    })
}

/// Returns the path in a URI that a driver has taken for a path, as sqlx does with `sqlite:file:/sqlitmus/..`. It would
/// open another, empty database.
fn as_written(path: &str) -> &str {
    path.strip_prefix("file:").filter(|rest| Disk::is_simulated(rest)).unwrap_or(path)
}

/// Returns the absolute path of a file. As with the unix VFS, a file has one path: `./other.db` is `other.db`.
fn in_full(home: &str, path: &str) -> String {
    let home = if path.starts_with('/') { "" } else { home };
    let mut parts: Vec<&str> = Vec::new();
    for part in home.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
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
    // SAFETY: the caller's.
    unsafe {
        let path = path_text(path).ok_or(Refused(error))?;
        Ok((disk_of(vfs, path).ok_or(Refused(error))?, path))
    }
}
