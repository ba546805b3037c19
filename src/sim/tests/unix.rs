//! Compares the answers of the files with those of SQLite's own VFS `unix`: each test asks the simulated disk, the pass-through and
//! `unix` the same, and the answers must be equal.

use std::ffi::CStr;
use std::os::raw::{c_char, c_int, c_void};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, ffi};

use crate::sim::disk::Disk;

/// A place for databases: a VFS and a folder.
struct Place {
    vfs: String,
    folder: PathBuf,
    _disk: Option<Arc<Disk>>,
    _files: Option<tempfile::TempDir>,
}

impl Place {
    fn all() -> [Place; 3] {
        let on_files = |vfs: &str, disk| {
            let files = tempfile::tempdir().unwrap();
            Place { vfs: vfs.to_owned(), folder: files.path().to_owned(), _disk: disk, _files: Some(files) }
        };
        let memory = Disk::in_memory();
        let folder = PathBuf::from(memory.path_of("").trim_end_matches('/'));
        let over_files = Disk::over_files(false);
        [
            on_files("unix", None),
            Place { vfs: memory.vfs_name().to_owned(), folder, _disk: Some(memory), _files: None },
            on_files(over_files.vfs_name(), Some(Arc::clone(&over_files))),
        ]
    }

    fn open(&self, name: &str, flags: OpenFlags) -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags_and_vfs(self.folder.join(name), flags, self.vfs.as_str())?;
        connection.busy_timeout(Duration::ZERO)?;
        Ok(connection)
    }

    fn open_uri(&self, name: &str, parameters: &str) -> Connection {
        let path = self.folder.join(name);
        let uri = format!("file:{}?vfs={}&{parameters}", path.display(), self.vfs);
        Connection::open(uri).unwrap()
    }

    fn main(&self) -> Connection {
        self.open("main.db", OpenFlags::default()).unwrap()
    }
}

/// Asks each place the same and returns what `unix` answers.
fn same<T: PartialEq + std::fmt::Debug>(ask: impl Fn(&Place) -> T) -> T {
    let [unix, memory, files] = Place::all().map(|place| ask(&place));
    assert_eq!(memory, unix, "the simulated disk and unix");
    assert_eq!(files, unix, "the pass-through and unix");
    unix
}

fn code(result: rusqlite::Result<()>) -> c_int {
    result.map_or_else(|error| error.sqlite_error().unwrap().extended_code, |()| ffi::SQLITE_OK)
}

fn control(connection: &Connection, operation: c_int, argument: *mut c_void) -> c_int {
    // SAFETY: the connection is open, and the caller passes what the operation takes.
    unsafe { ffi::sqlite3_file_control(connection.handle(), c"main".as_ptr(), operation, argument) }
}

fn file(connection: &Connection) -> *mut ffi::sqlite3_file {
    let mut file: *mut ffi::sqlite3_file = std::ptr::null_mut();
    control(connection, ffi::SQLITE_FCNTL_FILE_POINTER, (&raw mut file).cast());
    file
}

#[test]
fn a_read_only_connection_is_busy_where_another_holds_a_lock() {
    // SAFETY: the files are open while the connections are, and SQLite does not use them meanwhile.
    let lock = |connection: &Connection, level| unsafe {
        let file = file(connection);
        (*(*file).pMethods).xLock.unwrap()(file, level)
    };
    // SAFETY: as above.
    let unlock = |connection: &Connection| unsafe {
        let file = file(connection);
        (*(*file).pMethods).xUnlock.unwrap()(file, ffi::SQLITE_LOCK_NONE)
    };
    let answers = same(|place| {
        let (one, two) = (place.main(), place.main());
        one.execute_batch("CREATE TABLE t(x)").unwrap();
        let reader = place.open("main.db", OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let mut answers = vec![lock(&reader, ffi::SQLITE_LOCK_SHARED), lock(&two, ffi::SQLITE_LOCK_SHARED)];
        // Another reader, then another writer.
        answers.push(lock(&reader, ffi::SQLITE_LOCK_EXCLUSIVE));
        answers.push(lock(&two, ffi::SQLITE_LOCK_RESERVED));
        answers.push(lock(&reader, ffi::SQLITE_LOCK_RESERVED));
        unlock(&two);
        // Nobody else: the file is not open for writing.
        answers.push(lock(&reader, ffi::SQLITE_LOCK_RESERVED));
        answers.push(lock(&two, ffi::SQLITE_LOCK_SHARED));
        answers.push(lock(&two, ffi::SQLITE_LOCK_RESERVED));
        unlock(&two);
        unlock(&reader);
        answers
    });
    let (ok, busy, refused) = (ffi::SQLITE_OK, ffi::SQLITE_BUSY, ffi::SQLITE_IOERR_LOCK);
    assert_eq!(answers, [ok, ok, busy, ok, busy, refused, ok, ok]);
}

#[test]
fn a_database_in_a_missing_folder_cannot_be_opened() {
    let answers = same(|place| {
        let main = place.main();
        let attach = |path: &str| code(main.execute("ATTACH ?1 AS other", [path]).map(|_| ()));
        let detach = || main.execute_batch("DETACH other").unwrap();
        let missing = place.folder.join("missing/other.db");
        let mut answers = vec![attach(missing.to_str().unwrap()), attach("/no/such/folder/other.db")];
        answers.push(code(place.open("missing/main.db", OpenFlags::default()).map(drop)));
        // A folder is no database; the folder beside the database is there, and so is one of the real file system.
        let temporary = tempfile::tempdir().unwrap();
        answers.push(attach(temporary.path().to_str().unwrap()));
        answers.push(attach(place.folder.join("./other.db").to_str().unwrap()));
        detach();
        answers.push(attach(temporary.path().join("other.db").to_str().unwrap()));
        detach();
        answers
    });
    let (ok, refused) = (ffi::SQLITE_OK, ffi::SQLITE_CANTOPEN);
    assert_eq!(answers, [refused, refused, refused, refused, ok, ok]);
}

#[test]
fn psow_of_a_uri_decides_how_much_of_the_wal_is_written() {
    for (parameters, is_powersafe) in [("psow=0", false), ("psow=1", true), ("cache=private", true)] {
        let (length, bit, ..) = same(|place| {
            let db = place.open_uri("main.db", parameters);
            db.execute_batch(
                "PRAGMA page_size = 512; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t(x);
                 PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO t VALUES (1)",
            )
            .unwrap();
            let mut bit: c_int = -1;
            control(&db, ffi::SQLITE_FCNTL_POWERSAFE_OVERWRITE, (&raw mut bit).cast());
            let before = characteristics(&db);
            // Set later, it only reads differently.
            let mut other = 1 - bit;
            control(&db, ffi::SQLITE_FCNTL_POWERSAFE_OVERWRITE, (&raw mut other).cast());
            (wal_length(&db), bit, before, characteristics(&db))
        });
        // Without it, SQLite fills the sector behind a commit.
        assert_eq!((length > 2048, bit), (!is_powersafe, c_int::from(is_powersafe)), "{parameters}: {length}");
    }
}

fn characteristics(connection: &Connection) -> c_int {
    let file = file(connection);
    // SAFETY: the file is open, and SQLite does not use it meanwhile.
    let all = unsafe { (*(*file).pMethods).xDeviceCharacteristics.unwrap()(file) };
    // What else `unix` says depends on its version.
    all & ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

fn wal_length(connection: &Connection) -> i64 {
    let mut wal: *mut ffi::sqlite3_file = std::ptr::null_mut();
    control(connection, ffi::SQLITE_FCNTL_JOURNAL_POINTER, (&raw mut wal).cast());
    let mut length = 0;
    // SAFETY: in WAL mode this is the WAL, which is open.
    unsafe { (*(*wal).pMethods).xFileSize.unwrap()(wal, &raw mut length) };
    length
}

#[test]
fn parts_of_pages_are_read_past_the_cache() {
    let misses = same(|place| {
        let db = place.main();
        db.execute_batch("CREATE TABLE t(x); INSERT INTO t VALUES (zeroblob(100000))").unwrap();
        drop(db);
        let db = place.main();
        let mut misses = Vec::new();
        for _ in 0..2 {
            let length: i64 = db.query_row("SELECT length(x || '') FROM t", [], |row| row.get(0)).unwrap();
            let (mut now, mut highest): (c_int, c_int) = (0, 0);
            // SAFETY: the connection is open.
            unsafe {
                ffi::sqlite3_db_status(db.handle(), ffi::SQLITE_DBSTATUS_CACHE_MISS, &raw mut now, &raw mut highest, 0)
            };
            misses.push((length, now));
        }
        misses
    });
    // Older versions read so, or not, without asking the file.
    let asks = rusqlite::version_number() >= 3_048_000;
    assert!(!asks || misses[1].1 < 10, "24 overflow pages are not in the cache: {misses:?}");
}

#[test]
fn a_temporary_name_is_new_each_time_and_can_be_opened() {
    let answers = same(|place| {
        let db = place.main();
        let name = || {
            let mut name: *mut c_char = std::ptr::null_mut();
            let code = control(&db, ffi::SQLITE_FCNTL_TEMPFILENAME, (&raw mut name).cast());
            assert!(!name.is_null(), "{code}");
            // SAFETY: the operation sets a string of SQLite's allocator, which its caller frees.
            unsafe {
                let text = CStr::from_ptr(name).to_str().unwrap().to_owned();
                ffi::sqlite3_free(name.cast());
                (code, text)
            }
        };
        let ((one, first), (two, second)) = (name(), name());
        let is_open = db.execute("ATTACH ?1 AS temporary", [&first]).is_ok();
        db.execute_batch("CREATE TABLE temporary.t(x); DETACH temporary").unwrap();
        let _ = std::fs::remove_file(&first);
        (one, two, first == second, first.contains("/etilqs_"), is_open)
    });
    assert_eq!(answers, (ffi::SQLITE_OK, ffi::SQLITE_OK, false, true, true));
}

#[test]
fn no_reader_of_another_process_is_there() {
    let answers = same(|place| {
        let db = place.main();
        db.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t(x)").unwrap();
        let reader = place.main();
        reader.execute_batch("BEGIN; SELECT * FROM t").unwrap();
        let mut is_read: c_int = 7;
        (control(&db, ffi::SQLITE_FCNTL_EXTERNAL_READER, (&raw mut is_read).cast()), is_read)
    });
    assert_eq!(answers, (ffi::SQLITE_OK, 0));
}
