//! SQLite's file interface over files in memory: what the unix VFS does, without the unix.

use std::mem::MaybeUninit;
use std::os::raw::{c_char, c_int, c_void};
use std::ptr;
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, PoisonError};

use rusqlite::ffi;

use super::blocks::{Block, Blocks};
use super::disk::{Disk, File, hold};
use super::gate::{Op, Refused};
use super::locks::Level;
use super::shm::{Held, Shm};
use super::vfs::{disk_of, guard, path_text, refuses};

/// What a write to a sector may damage around it is promised to be nothing. Nothing else is promised: ATOMIC, SEQUENTIAL
/// and SAFE_APPEND would make SQLite leave out its own protections.
const CHARACTERISTICS: c_int = ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE;

const SECTOR: c_int = 4096;

/// The object that SQLite has for an open file. SQLite allocates `size_of` bytes and knows only the first field.
#[repr(C)]
pub(super) struct OpenFile {
    methods: *const ffi::sqlite3_io_methods,
    handle: Handle,
}

/// One connection's view of a file.
struct Handle {
    disk: Arc<Disk>,
    file: Arc<File>,
    level: Level,
    shm: Option<Held>,
    /// Opened for reading alone: neither written to, nor locked for writing.
    read_only: bool,
    delete_on_close: bool,
    persist_wal: c_int,
    powersafe: c_int,
    /// Files grow and shrink by so many bytes at a time, if somebody asked for it.
    chunk: usize,
    map: Map,
}

/// What the unix VFS would have mapped: `PRAGMA mmap_size` decides which pages SQLite keeps in its cache, and with that
/// when a transaction spills.
#[derive(Default)]
struct Map {
    limit: usize,
    /// How much of the file is mapped; 0 is nothing.
    len: usize,
    /// The blocks in which SQLite has pages.
    fetched: Vec<Arc<Block>>,
}

impl Map {
    /// Maps the first `len` bytes, unless pages of an earlier mapping are in use.
    fn extend_to(&mut self, len: usize) {
        if self.fetched.is_empty() {
            self.len = len.min(self.limit);
        }
    }
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
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
        let path = unsafe { path_text(path) }.ok_or(Refused(ffi::SQLITE_CANTOPEN))?;
        // SAFETY: SQLite's own arguments.
        let disk = unsafe { disk_of(vfs, path) }.ok_or(Refused(ffi::SQLITE_CANTOPEN))?;
        let name = Disk::name_of(path);
        disk.gate.pass(Op::Open { file: name })?;
        let opened =
            if path.is_empty() { File::new("", Blocks::default(), Shm::default()) } else { find(&disk, path, flags)? };
        let handle = Handle {
            disk,
            file: opened,
            level: Level::None,
            shm: None,
            read_only: flags & ffi::SQLITE_OPEN_READONLY != 0,
            delete_on_close: flags & ffi::SQLITE_OPEN_DELETEONCLOSE != 0,
            persist_wal: 0,
            powersafe: 1,
            chunk: 0,
            map: Map::default(),
        };
        // SAFETY: `file` has room for an `OpenFile`, as `szOsFile` says, is aligned as every allocation of SQLite's, and
        // holds none yet. `close` drops it.
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
    // Only databases are held to their disk: a fork looks for a super-journal under the path that it had on the original.
    if flags & ffi::SQLITE_OPEN_MAIN_DB != 0 && !disk.is_at_home(path) {
        return Err(Refused(ffi::SQLITE_CANTOPEN));
    }
    if flags & ffi::SQLITE_OPEN_CREATE == 0 {
        return disk.find(name).ok_or(Refused(ffi::SQLITE_CANTOPEN));
    }
    let (file, existed) = disk.find_or_create(name);
    if existed && flags & ffi::SQLITE_OPEN_EXCLUSIVE != 0 {
        return Err(Refused(ffi::SQLITE_CANTOPEN));
    }
    Ok(file)
}

pub(super) unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, path: *const c_char, sync_dir: c_int) -> c_int {
    guard(ffi::SQLITE_IOERR_DELETE, || {
        // SAFETY: SQLite's own arguments.
        let (disk, path) = unsafe { place(vfs, path, ffi::SQLITE_IOERR_DELETE)? };
        let name = Disk::name_of(path);
        disk.gate.pass(Op::Delete { file: name, sync_dir: sync_dir & 1 != 0 })?;
        Ok(if disk.delete(name) { ffi::SQLITE_OK } else { ffi::SQLITE_IOERR_DELETE_NOENT })
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

pub(super) unsafe extern "C" fn full_pathname(
    vfs: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    size: c_int,
    out: *mut c_char,
) -> c_int {
    guard(ffi::SQLITE_CANTOPEN, || {
        // SAFETY: SQLite's own arguments.
        let (disk, path) = unsafe { place(vfs, path, ffi::SQLITE_CANTOPEN)? };
        let full = in_full(disk.home(), path);
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

/// One file has one path, as with the unix VFS: `./other.db` is `other.db`.
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

/// The handle behind a file object of ours. SQLite calls the methods of one connection's file one at a time.
///
/// # Safety
/// `file` was filled by `open` and not closed since, and no other reference to its handle is alive.
unsafe fn handle<'a>(file: *mut ffi::sqlite3_file) -> &'a mut Handle {
    // SAFETY: the caller's.
    unsafe { &mut (*file.cast::<OpenFile>()).handle }
}

// In the methods below, `file` is what `open` filled, and every pointer is SQLite's own: its out parameters and buffers.

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    guard(ffi::SQLITE_IOERR_CLOSE, || {
        // SAFETY: SQLite closes a file once. The object is moved out of SQLite's memory and dropped at the end, also when
        // the watch refuses: SQLite takes a failed close for a close.
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
        // SAFETY: see above.
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
        // SAFETY: see above.
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
        // SAFETY: see above.
        let handle = unsafe { handle(file) };
        handle.resize(handle.whole_chunks(len as usize))?;
        handle.map.len = handle.map.len.min(len as usize);
        Ok(ffi::SQLITE_OK)
    })
}

impl Handle {
    /// SQLite does try to write to a file that it opened for reading alone: `wal_checkpoint` asks nobody.
    fn for_writing(&self, error: c_int) -> Result<(), Refused> {
        if self.read_only { Err(Refused(error)) } else { Ok(()) }
    }

    /// `len`, rounded up to what the file grows by.
    fn whole_chunks(&self, len: usize) -> usize {
        if self.chunk == 0 { len } else { len.next_multiple_of(self.chunk) }
    }

    fn resize(&self, len: usize) -> Result<(), Refused> {
        self.disk.gate.pass(Op::Truncate { file: &self.file.name, len: len as u64 })?;
        self.for_writing(ffi::SQLITE_IOERR_TRUNCATE)?;
        let mut bytes = self.file.bytes.write().unwrap_or_else(PoisonError::into_inner);
        bytes.truncate(len);
        bytes.grow(len);
        Ok(())
    }

    fn len(&self) -> usize {
        self.file.bytes.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// SQLite is going to write up to `len`: the file is made that large where it comes in chunks or is mapped.
    fn expect(&mut self, len: usize) -> Result<(), Refused> {
        let whole = self.whole_chunks(len);
        if self.chunk > 0 && whole > self.len() {
            self.resize(whole)?;
        }
        if self.map.limit > 0 && len > self.map.len {
            if self.chunk == 0 {
                self.resize(len)?;
            }
            self.map.extend_to(len);
        }
        Ok(())
    }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    guard(ffi::SQLITE_IOERR_FSYNC, || {
        // SAFETY: see above.
        let handle = unsafe { handle(file) };
        handle.disk.gate.pass(Op::Sync { file: &handle.file.name })?;
        Ok(ffi::SQLITE_OK)
    })
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, out: *mut i64) -> c_int {
    guard(ffi::SQLITE_IOERR_FSTAT, || {
        // SAFETY: see above.
        let handle = unsafe { handle(file) };
        // SAFETY: see above.
        unsafe { *out = handle.len() as i64 };
        Ok(ffi::SQLITE_OK)
    })
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    guard(ffi::SQLITE_IOERR_LOCK, || {
        // SAFETY: see above.
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
        // SAFETY: see above.
        let handle = unsafe { handle(file) };
        handle.disk.gate.pass(Op::Unlock { file: &handle.file.name, by: file.addr(), level })?;
        hold(&handle.file.locks).unlock(&mut handle.level, Level::from_code(level));
        Ok(ffi::SQLITE_OK)
    })
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    guard(ffi::SQLITE_IOERR_CHECKRESERVEDLOCK, || {
        // SAFETY: see above.
        let handle = unsafe { handle(file) };
        let reserved = hold(&handle.file.locks).is_reserved();
        // SAFETY: see above.
        unsafe { *out = c_int::from(reserved) };
        Ok(ffi::SQLITE_OK)
    })
}

unsafe extern "C" fn file_control(file: *mut ffi::sqlite3_file, op: c_int, argument: *mut c_void) -> c_int {
    guard(ffi::SQLITE_ERROR, || {
        // SAFETY: see above.
        let handle = unsafe { handle(file) };
        let number = argument.cast::<c_int>();
        // SAFETY: the type of the argument is given by the operation, see <https://www.sqlite.org/c3ref/c_fcntl_begin_atomic_write.html>.
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

/// The limit that SQLite is built with unless somebody chose another: SQLITE_MAX_MMAP_SIZE.
const MAX_MMAP_SIZE: usize = 0x7fff_0000;

/// A negative number asks, any other sets.
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
        // SAFETY: see above.
        let handle = unsafe { handle(file) };
        Ok(if handle.powersafe != 0 { CHARACTERISTICS } else { 0 })
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
        // SAFETY: see above.
        let handle = unsafe { handle(file) };
        let (region, size) = (region as usize, size as usize);
        handle.disk.gate.pass(Op::ShmMap { file: &handle.file.name, region })?;
        let mut shm = hold(&handle.file.shm);
        if handle.shm.is_none() {
            handle.shm = Some(shm.attach());
        }
        let start = shm.map(region, size, extend != 0);
        // SAFETY: see above. The region stays where it is until `shm_unmap` or `close`.
        unsafe { *out = start.map_or(ptr::null_mut(), |start| start.as_ptr().cast()) };
        Ok(ffi::SQLITE_OK)
    })
}

unsafe extern "C" fn shm_lock(file: *mut ffi::sqlite3_file, first: c_int, count: c_int, flags: c_int) -> c_int {
    guard(ffi::SQLITE_IOERR_SHMLOCK, || {
        // SAFETY: see above.
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
        // SAFETY: see above.
        let handle = unsafe { handle(file) };
        if let Some(held) = handle.shm.take() {
            hold(&handle.file.shm).detach(held);
        }
        Ok(ffi::SQLITE_OK)
    })
}

unsafe extern "C" fn fetch(file: *mut ffi::sqlite3_file, offset: i64, len: c_int, out: *mut *mut c_void) -> c_int {
    guard(ffi::SQLITE_IOERR_MMAP, || {
        // SAFETY: see above. NULL says that this part is not mapped, and SQLite reads it.
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
        // As in the unix VFS, a page at the very end is not handed out: SQLite may read a little further.
        if offset + len + END > handle.map.len {
            return Ok(ffi::SQLITE_OK);
        }
        let bytes = handle.file.bytes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((block, within)) = bytes.share(offset, len) {
            // SAFETY: see above. The page lies inside the block, which stays as it is and where it is while it is in
            // `fetched`: whoever writes to the file copies a block that is shared. SQLite only reads mapped pages.
            unsafe { *out = block.as_ptr().add(within).cast_mut().cast() };
            handle.map.fetched.push(block);
        }
        Ok(ffi::SQLITE_OK)
    })
}

/// How far from the end of the mapping a page has to end.
const END: usize = 256;

unsafe extern "C" fn unfetch(file: *mut ffi::sqlite3_file, _offset: i64, page: *mut c_void) -> c_int {
    guard(ffi::SQLITE_OK, || {
        // SAFETY: see above.
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
