//! The object that SQLite has for an open file, and one connection's view of the file behind it.

use std::os::raw::{c_int, c_void};
use std::ptr;
use std::sync::{Arc, PoisonError};

use rusqlite::ffi;

use crate::sim::blocks::Block;
use crate::sim::disk::{Disk, File};
use crate::sim::gate::{Op, Refused};
use crate::sim::locks::Level;
use crate::sim::shm::Held;

/// The object that SQLite has for an open file. SQLite allocates `szOsFile` bytes for it and knows only the first
/// field.
#[repr(C)]
pub(crate) struct OpenFile {
    pub(super) methods: *const ffi::sqlite3_io_methods,
    pub(super) handle: Handle,
}

/// One connection's view of a file.
pub(super) struct Handle {
    pub(super) disk: Arc<Disk>,
    pub(super) file: Arc<File>,
    pub(super) level: Level,
    pub(super) shm: Option<Held>,
    /// True if the file was opened only for reading: it is neither written to nor locked for writing.
    pub(super) read_only: bool,
    pub(super) delete_on_close: bool,
    pub(super) persist_wal: c_int,
    pub(super) powersafe: c_int,
    /// The properties of the device on which SQLite may rely. It stays as it was when the file was opened, as on unix.
    pub(super) characteristics: c_int,
    /// The file grows and shrinks by multiples of this many bytes. 0 if SQLite did not ask for it.
    pub(super) chunk: usize,
    pub(super) map: Map,
    pub(super) busy_handler: BusyHandler,
}

/// Waits for a lock on the file as the connection does: its busy handler, whichever it has at that moment.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct BusyHandler {
    call: Option<unsafe extern "C" fn(*mut c_void) -> c_int>,
    argument: *mut c_void,
}

impl BusyHandler {
    pub(crate) const NONE: BusyHandler = BusyHandler { call: None, argument: ptr::null_mut() };

    /// Lets the connection wait as it does for a lock. Returns true if it would try again.
    ///
    /// # Safety
    /// The connection is open and belongs to this thread.
    pub(crate) unsafe fn waits(self) -> bool {
        // SAFETY: the caller's. SQLite has handed over both for as long as the file is open.
        self.call.is_some_and(|call| unsafe { call(self.argument) } != 0)
    }
}

/// The part of the file that the unix VFS would have mapped. `PRAGMA mmap_size` decides which pages SQLite keeps in its
/// cache, and so when a transaction spills.
#[derive(Default)]
pub(super) struct Map {
    pub(super) limit: usize,
    /// Bytes of the file that are mapped.
    pub(super) len: usize,
    /// The blocks that SQLite uses pages of.
    pub(super) fetched: Vec<Arc<Block>>,
}

impl Map {
    /// Maps the first `len` bytes, unless pages of an earlier mapping are in use.
    pub(super) fn extend_to(&mut self, len: usize) {
        if self.fetched.is_empty() {
            self.len = len.min(self.limit);
        }
    }
}

/// Returns the handle behind a file object of ours. SQLite calls the methods of one connection's file one at a time.
///
/// # Safety
/// `file` was filled by `open` and not closed since, and no other reference to its handle is alive.
pub(super) unsafe fn handle<'a>(file: *mut ffi::sqlite3_file) -> &'a mut Handle {
    // SAFETY: the caller's.
    unsafe { &mut (*file.cast::<OpenFile>()).handle }
}

/// The size that a file can have. A test that goes wild finds its disk full before the machine is out of memory.
const MAX_FILE_SIZE: usize = 4 << 30;

/// Fails if a file cannot become this long.
pub(super) fn has_room(len: usize) -> Result<(), Refused> {
    if len <= MAX_FILE_SIZE { Ok(()) } else { Err(Refused(ffi::SQLITE_FULL)) }
}

/// Any part of a page may be read, so that SQLite reads overflow pages past its cache. Bindings from before SQLite 3.48 do
/// not name it, and SQLite does not ask for it.
///
/// Besides this, a write to a sector damages nothing around it, unless the URI says `psow=0`. Nothing else is promised:
/// ATOMIC, SEQUENTIAL and SAFE_APPEND would make SQLite leave out its own protections.
const SUBPAGE_READ: c_int = 0x8000;

impl Handle {
    pub(super) fn new(disk: Arc<Disk>, file: Arc<File>, flags: c_int, is_powersafe: bool) -> Handle {
        Handle {
            disk,
            file,
            level: Level::None,
            shm: None,
            read_only: flags & ffi::SQLITE_OPEN_READONLY != 0,
            delete_on_close: flags & ffi::SQLITE_OPEN_DELETEONCLOSE != 0,
            persist_wal: 0,
            powersafe: c_int::from(is_powersafe),
            characteristics: SUBPAGE_READ | if is_powersafe { ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE } else { 0 },
            chunk: 0,
            map: Map::default(),
            busy_handler: BusyHandler::NONE,
        }
    }

    /// Fails if the file was opened only for reading. SQLite does try to write to such a file: `wal_checkpoint` does
    /// not check.
    pub(super) fn for_writing(&self, error: c_int) -> Result<(), Refused> {
        if self.read_only { Err(Refused(error)) } else { Ok(()) }
    }

    /// Rounds `len` up to a multiple of the chunk.
    pub(super) fn whole_chunks(&self, len: usize) -> usize {
        if self.chunk == 0 { len } else { len.next_multiple_of(self.chunk) }
    }

    pub(super) fn resize(&self, len: usize) -> Result<(), Refused> {
        self.disk.gate.pass(Op::Truncate { file: &self.file.name, len: len as u64 })?;
        self.for_writing(ffi::SQLITE_IOERR_TRUNCATE)?;
        has_room(len)?;
        let mut bytes = self.file.bytes.write().unwrap_or_else(PoisonError::into_inner);
        bytes.truncate(len);
        bytes.grow(len);
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.file.bytes.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Called before SQLite writes up to `len`. A file that grows in chunks or is mapped gets that large.
    pub(super) fn expect(&mut self, len: usize) -> Result<(), Refused> {
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
