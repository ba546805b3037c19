mod unix;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use super::gate::{Op, Refused, Watch};
use super::{Blocks, Disk};

const MAIN: &str = "main.db";

fn open(disk: &Disk) -> Connection {
    let connection =
        Connection::open_with_flags_and_vfs(disk.path_of(MAIN), OpenFlags::default(), disk.vfs_name()).unwrap();
    connection.busy_timeout(Duration::ZERO).unwrap();
    connection
}

fn wal(disk: &Disk) -> Connection {
    let connection = open(disk);
    connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t(x)").unwrap();
    connection
}

fn count(connection: &Connection) -> i64 {
    connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
}

#[test]
fn wal_is_real() {
    let disk = Disk::in_memory();
    let writer = wal(&disk);
    let mode: String = writer.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    assert!(disk.read("main.db-wal").unwrap().len() > 0);

    let reader = open(&disk);
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(count(&reader), 0);
    writer.execute_batch("INSERT INTO t VALUES (1)").unwrap();
    assert_eq!(count(&reader), 0, "a reader keeps its snapshot while a writer commits");
    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(count(&reader), 1);
}

#[test]
fn a_second_writer_is_busy_in_another_thread() {
    let disk = Disk::in_memory();
    let one = wal(&disk);
    one.execute_batch("BEGIN IMMEDIATE").unwrap();
    let two = open(&disk);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let error = two.execute_batch("BEGIN IMMEDIATE").unwrap_err();
            assert_eq!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy));
        });
    });
}

#[test]
fn a_busy_timeout_takes_the_time_of_the_clock() {
    let disk = Disk::in_memory();
    let (one, two) = (wal(&disk), open(&disk));
    one.execute_batch("BEGIN IMMEDIATE").unwrap();
    disk.clock().set("2026-03-01T00:00:00Z");
    two.busy_timeout(Duration::from_secs(30)).unwrap();
    let error = two.execute_batch("BEGIN IMMEDIATE").unwrap_err();
    assert_eq!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy));
    let now: String = two.query_row("SELECT datetime('now')", [], |row| row.get(0)).unwrap();
    assert_eq!(now, "2026-03-01 00:00:30");
}

#[test]
fn two_disks_have_two_clocks() {
    let (one, two) = (Disk::in_memory(), Disk::over_files(false));
    one.clock().set("2026-03-01T00:00:00Z");
    let now = |connection: &Connection| -> String {
        connection.query_row("SELECT strftime('%Y', 'now')", [], |row| row.get(0)).unwrap()
    };
    let dir = tempfile::tempdir().unwrap();
    let file = Connection::open_with_flags_and_vfs(dir.path().join(MAIN), OpenFlags::default(), two.vfs_name());
    two.clock().set("1999-12-31T23:59:59Z");
    assert_eq!((now(&open(&one)).as_str(), now(&file.unwrap()).as_str()), ("2026", "1999"));
}

#[test]
fn a_fork_is_independent_within_an_open_wal() {
    let disk = Disk::in_memory();
    let one = wal(&disk);
    one.execute_batch("INSERT INTO t VALUES (1); BEGIN; INSERT INTO t VALUES (2)").unwrap();
    let fork = disk.fork();
    let two = open(&fork);
    assert_eq!(count(&two), 1, "a transaction that is open is not on the fork");
    two.execute_batch("INSERT INTO t VALUES (3), (4)").unwrap();
    one.execute_batch("COMMIT").unwrap();
    assert_eq!((count(&one), count(&two)), (2, 3));
    two.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); DELETE FROM t").unwrap();
    assert_eq!((count(&one), count(&open(&disk)), count(&two)), (2, 2, 0));
}

#[test]
fn a_fork_with_a_hot_journal_rolls_back() {
    let disk = Disk::in_memory();
    let one = open(&disk);
    one.execute_batch("CREATE TABLE t(x); INSERT INTO t VALUES (1); PRAGMA cache_size = 1; BEGIN").unwrap();
    // More than the cache holds: the transaction is in the database file before it is committed.
    one.execute_batch("INSERT INTO t SELECT randomblob(900) FROM (WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 99) SELECT i FROM n)")
        .unwrap();
    assert!(disk.read(MAIN).unwrap().len() > 50_000);
    let fork = disk.fork();
    let two = open(&fork);
    assert_eq!(count(&two), 1);
    one.execute_batch("COMMIT").unwrap();
    assert_eq!((count(&one), count(&two)), (100, 1));
}

#[test]
fn a_fork_takes_a_transaction_over_two_databases_whole() {
    struct AtCommit(Mutex<Vec<Arc<Disk>>>, Mutex<Option<std::sync::Weak<Disk>>>);
    impl Watch for AtCommit {
        fn before(&self, op: Op<'_>) -> Result<(), Refused> {
            let disk = self.1.lock().unwrap().take();
            // Deleting the super-journal is the commit, before which both journals are hot. They are deleted after it.
            if let (Op::Delete { .. }, Some(disk)) = (op, disk.as_ref().and_then(std::sync::Weak::upgrade)) {
                self.0.lock().unwrap().push(disk.fork());
            }
            *self.1.lock().unwrap() = disk;
            Ok(())
        }
    }
    let disk = Disk::in_memory();
    let one = open(&disk);
    one.execute_batch("ATTACH 'other.db' AS other; CREATE TABLE t(x); CREATE TABLE other.u(x)").unwrap();
    let watch = Arc::new(AtCommit(Mutex::default(), Mutex::new(Some(Arc::downgrade(&disk)))));
    disk.gate().set(Some(Arc::clone(&watch) as Arc<dyn Watch>));
    one.execute_batch("BEGIN; INSERT INTO t VALUES (1); INSERT INTO u VALUES (1); COMMIT").unwrap();
    disk.gate().set(None);
    let forks = std::mem::take(&mut *watch.0.lock().unwrap());
    assert_eq!(forks.len(), 3, "the super-journal and two journals are deleted");
    let committed: Vec<(i64, i64)> = forks
        .iter()
        .map(|fork| {
            let two = open(fork);
            two.execute_batch("ATTACH 'other.db' AS other").unwrap();
            (count(&two), two.query_row("SELECT count(*) FROM u", [], |row| row.get(0)).unwrap())
        })
        .collect();
    assert_eq!(committed, [(0, 0), (1, 1), (1, 1)]);
}

#[test]
fn the_shared_name_opens_a_live_disk_by_its_path() {
    let disk = Disk::in_memory();
    let _one = wal(&disk);
    let open = || Connection::open_with_flags_and_vfs(disk.path_of(MAIN), OpenFlags::default(), "sqlitmus");
    open().unwrap().execute_batch("INSERT INTO t VALUES (1)").unwrap();
    assert_eq!(count(&open().unwrap()), 1);

    let uri = "file:/anything.db?vfs=sqlitmus";
    let keep = Connection::open(uri).unwrap();
    keep.execute_batch("CREATE TABLE t(x); INSERT INTO t VALUES (1)").unwrap();
    assert_eq!(count(&Connection::open(uri).unwrap()), 1);
}

#[test]
fn a_path_of_a_disk_that_is_gone_cannot_be_opened() {
    let mut handed_on = false;
    // Tests that run in parallel take from the same pool, and may get its VFS instead.
    while !handed_on {
        let disk = Disk::in_memory();
        let (path, vfs) = (disk.path_of(MAIN), disk.vfs_name());
        drop(disk);
        let reopen = |vfs: &str| {
            let error = Connection::open_with_flags_and_vfs(&path, OpenFlags::default(), vfs).unwrap_err();
            assert_eq!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen));
        };
        reopen(vfs);
        reopen("sqlitmus");
        // Its VFS is passed on to the next disk, which is another one.
        let next: Vec<_> = (0..64).map(|_| Disk::in_memory()).collect();
        handed_on = next.iter().any(|disk| disk.vfs_name() == vfs);
        reopen(vfs);
        reopen("sqlitmus");
    }
}

#[test]
fn an_open_connection_keeps_its_disk() {
    let disk = Disk::in_memory();
    let one = wal(&disk);
    drop(disk);
    one.execute_batch("INSERT INTO t VALUES (1)").unwrap();
    assert_eq!(count(&one), 1);
}

#[test]
fn every_pragma_that_asks_the_file_is_answered() {
    let disk = Disk::in_memory();
    let one = wal(&disk);
    let ask = |sql: &str| -> i64 { one.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(ask("PRAGMA mmap_size = 268435456"), 268_435_456);
    assert_eq!(ask("PRAGMA mmap_size"), 268_435_456);
    assert_eq!(ask("PRAGMA mmap_size = 1099511627776"), 0x7fff_0000);
    let path: String = one.query_row("SELECT file FROM pragma_database_list", [], |row| row.get(0)).unwrap();
    assert_eq!(path, disk.path_of(MAIN));
}

/// Counts operations, and refuses the `fail`-th write.
#[derive(Default)]
struct Counter {
    writes: AtomicUsize,
    syncs: AtomicUsize,
    fail: Option<usize>,
}

impl Watch for Counter {
    fn before(&self, op: Op<'_>) -> Result<(), Refused> {
        match op {
            Op::Write { .. } => {
                let number = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
                if self.fail == Some(number) { Err(Refused(ffi::SQLITE_FULL)) } else { Ok(()) }
            }
            Op::Sync { .. } => {
                self.syncs.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[test]
fn a_watch_sees_and_refuses_operations() {
    let disk = Disk::in_memory();
    let one = wal(&disk);
    let watch = Arc::new(Counter { fail: Some(2), ..Counter::default() });
    assert!(disk.gate().set(Some(Arc::clone(&watch) as Arc<dyn Watch>)).is_none());
    let error = one.execute_batch("INSERT INTO t VALUES (1)").unwrap_err();
    assert_eq!(error.sqlite_error_code(), Some(ErrorCode::DiskFull));
    assert!(disk.gate().set(None).is_some());
    assert_eq!(count(&one), 0);
    one.execute_batch("INSERT INTO t VALUES (1)").unwrap();
    assert_eq!(watch.writes.load(Ordering::SeqCst), 2, "without a watch nothing is counted");
}

#[test]
fn a_watch_that_panics_is_an_error_of_sqlites() {
    struct Panics;
    impl Watch for Panics {
        fn before(&self, op: Op<'_>) -> Result<(), Refused> {
            match op {
                Op::Write { .. } => panic!("in a watch"),
                _ => Ok(()),
            }
        }
    }
    let disk = Disk::in_memory();
    let one = wal(&disk);
    disk.gate().set(Some(Arc::new(Panics)));
    let error = one.execute_batch("INSERT INTO t VALUES (1)").unwrap_err();
    assert_eq!(error.sqlite_error().map(|error| error.extended_code), Some(ffi::SQLITE_IOERR_WRITE));
    disk.gate().set(None);
    assert_eq!(count(&one), 0);
}

#[test]
fn over_files_every_operation_passes_the_gate_too() {
    for sync in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::over_files(sync);
        let watch = Arc::new(Counter::default());
        disk.gate().set(Some(Arc::clone(&watch) as Arc<dyn Watch>));
        let path = dir.path().join(MAIN);
        let one = Connection::open_with_flags_and_vfs(&path, OpenFlags::default(), disk.vfs_name()).unwrap();
        one.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t(x)").unwrap();
        assert!(watch.writes.load(Ordering::SeqCst) > 3);
        assert!(watch.syncs.load(Ordering::SeqCst) > 1, "SQLite asks for syncs whether they happen or not");

        // The operating system's locks also apply to a connection that does not use our VFS.
        one.execute_batch("INSERT INTO t VALUES (1); BEGIN IMMEDIATE").unwrap();
        let plain = Connection::open(&path).unwrap();
        plain.busy_timeout(Duration::ZERO).unwrap();
        assert_eq!(count(&plain), 1);
        let error = plain.execute_batch("INSERT INTO t VALUES (2)").unwrap_err();
        assert_eq!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy));
    }
}

#[test]
fn a_disk_can_start_with_a_database() {
    let disk = Disk::in_memory();
    let one = open(&disk);
    one.execute_batch("CREATE TABLE t(x); INSERT INTO t VALUES (1)").unwrap();
    let bytes: Vec<u8> = disk.read(MAIN).unwrap().chunks().flatten().copied().collect();
    let copy = Disk::holding(MAIN, Blocks::from_bytes(&bytes));
    assert_eq!(count(&open(&copy)), 1);
}

/// A file as SQLite's core sees it, for behavior that no statement shows.
struct Raw {
    vfs: *mut ffi::sqlite3_vfs,
    memory: Vec<u64>,
}

impl Raw {
    fn open(disk: &Disk, name: &str, flags: i32) -> Result<Raw, i32> {
        let vfs_name = std::ffi::CString::new(disk.vfs_name()).unwrap();
        let path = std::ffi::CString::new(disk.path_of(name)).unwrap();
        let flags = flags | ffi::SQLITE_OPEN_READWRITE;
        // SAFETY: the VFS is registered for good; the file object gets as much memory as it asks for, aligned to 8.
        unsafe {
            let vfs = ffi::sqlite3_vfs_find(vfs_name.as_ptr());
            let mut memory = vec![0_u64; (*vfs).szOsFile as usize / 8 + 1];
            let open = (*vfs).xOpen.unwrap();
            match open(vfs, path.as_ptr(), memory.as_mut_ptr().cast(), flags, std::ptr::null_mut()) {
                ffi::SQLITE_OK => Ok(Raw { vfs, memory }),
                code => Err(code),
            }
        }
    }

    fn file(&mut self) -> *mut ffi::sqlite3_file {
        self.memory.as_mut_ptr().cast()
    }

    fn write(&mut self, data: &[u8], offset: i64) -> i32 {
        let file = self.file();
        // SAFETY: the file is open; likewise below.
        unsafe { (*(*file).pMethods).xWrite.unwrap()(file, data.as_ptr().cast(), data.len() as i32, offset) }
    }

    fn read(&mut self, into: &mut [u8], offset: i64) -> i32 {
        let file = self.file();
        // SAFETY: see `write`.
        unsafe { (*(*file).pMethods).xRead.unwrap()(file, into.as_mut_ptr().cast(), into.len() as i32, offset) }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let file = self.file();
        // SAFETY: see `write`; it is closed once.
        unsafe { (*(*file).pMethods).xClose.unwrap()(file) };
    }
}

#[test]
fn a_short_read_is_zero_filled_and_says_so() {
    let disk = Disk::in_memory();
    let mut file = Raw::open(&disk, "x", ffi::SQLITE_OPEN_CREATE).unwrap();
    assert_eq!(file.write(b"abc", 0), ffi::SQLITE_OK);
    let mut into = [7; 5];
    assert_eq!(file.read(&mut into, 1), ffi::SQLITE_IOERR_SHORT_READ);
    assert_eq!(&into, b"bc\0\0\0");
    assert_eq!(file.read(&mut into[..2], 1), ffi::SQLITE_OK);
}

#[test]
fn a_file_has_a_largest_size() {
    let disk = Disk::in_memory();
    let mut raw = Raw::open(&disk, "x", ffi::SQLITE_OPEN_CREATE).unwrap();
    let file = raw.file();
    let control = |operation, mut argument: i64| {
        // SAFETY: see `write`; both operations take a number.
        unsafe { (*(*file).pMethods).xFileControl.unwrap()(file, operation, (&raw mut argument).cast()) }
    };
    assert_eq!(control(ffi::SQLITE_FCNTL_CHUNK_SIZE, 4096), ffi::SQLITE_OK);
    assert_eq!(control(ffi::SQLITE_FCNTL_SIZE_HINT, 1 << 40), ffi::SQLITE_FULL);
    // SAFETY: see `write`.
    assert_eq!(unsafe { (*(*file).pMethods).xTruncate.unwrap()(file, 1 << 40) }, ffi::SQLITE_FULL);
    assert_eq!(raw.write(b"abc", 1 << 40), ffi::SQLITE_FULL);
    assert_eq!(raw.write(b"abc", 1 << 20), ffi::SQLITE_OK);
}

#[test]
fn files_are_opened_created_and_deleted_as_asked() {
    let disk = Disk::in_memory();
    let (create, exclusive) = (ffi::SQLITE_OPEN_CREATE, ffi::SQLITE_OPEN_CREATE | ffi::SQLITE_OPEN_EXCLUSIVE);
    assert_eq!(Raw::open(&disk, "x", 0).err(), Some(ffi::SQLITE_CANTOPEN));
    drop(Raw::open(&disk, "x", create).unwrap());
    assert_eq!(Raw::open(&disk, "x", exclusive).err(), Some(ffi::SQLITE_CANTOPEN));
    drop(Raw::open(&disk, "x", 0).unwrap());
    drop(Raw::open(&disk, "y", exclusive | ffi::SQLITE_OPEN_DELETEONCLOSE).unwrap());
    assert!(disk.read("x").is_some() && disk.read("y").is_none());

    // An open file outlives its name.
    let mut open = Raw::open(&disk, "x", 0).unwrap();
    let path = std::ffi::CString::new(disk.path_of("x")).unwrap();
    // SAFETY: a path that ends in NUL, for a VFS that is registered for good.
    let delete = || unsafe { (*open.vfs).xDelete.unwrap()(open.vfs, path.as_ptr(), 0) };
    assert_eq!((delete(), delete()), (ffi::SQLITE_OK, ffi::SQLITE_IOERR_DELETE_NOENT));
    assert_eq!(open.write(b"abc", 0), ffi::SQLITE_OK);
    assert!(disk.read("x").is_none());
}

/// The default VFS, which counts the syncs that reach it. It counts only files below one folder, because other tests run
/// in parallel.
mod counted {
    use std::ffi::CStr;
    use std::os::raw::{c_char, c_int};
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use once_cell::sync::OnceCell;
    use rusqlite::ffi;

    struct Shared<T>(T);
    // SAFETY: what is in it is written before it is shared, and SQLite only reads it.
    unsafe impl<T> Sync for Shared<T> {}
    // SAFETY: as above.
    unsafe impl<T> Send for Shared<T> {}

    static REAL: OnceCell<Shared<*mut ffi::sqlite3_vfs>> = OnceCell::new();
    static REAL_SYNC: OnceCell<unsafe extern "C" fn(*mut ffi::sqlite3_file, c_int) -> c_int> = OnceCell::new();
    static FOLDER: OnceCell<Vec<u8>> = OnceCell::new();
    static SYNCS: AtomicUsize = AtomicUsize::new(0);

    /// Makes it the default.
    pub(super) fn install(folder: &Path) {
        FOLDER.set(folder.as_os_str().as_encoded_bytes().to_vec()).unwrap();
        // SAFETY: a copy of the default VFS under another name, leaked, with one function of its own.
        unsafe {
            let real = ffi::sqlite3_vfs_find(std::ptr::null());
            assert!(REAL.set(Shared(real)).is_ok());
            let copy = Box::leak(Box::new(*real));
            copy.zName = c"counted".as_ptr();
            copy.xOpen = Some(open);
            assert_eq!(ffi::sqlite3_vfs_register(copy, 1), ffi::SQLITE_OK);
        }
    }

    pub(super) fn syncs() -> usize {
        SYNCS.swap(0, Ordering::SeqCst)
    }

    unsafe extern "C" fn open(
        _: *mut ffi::sqlite3_vfs,
        name: *const c_char,
        file: *mut ffi::sqlite3_file,
        flags: c_int,
        out: *mut c_int,
    ) -> c_int {
        // SAFETY: SQLite's own arguments, for the VFS that this one is a copy of.
        unsafe {
            let real = REAL.get().unwrap().0;
            let code = (*real).xOpen.unwrap()(real, name, file, flags, out);
            let is_counted = !name.is_null() && CStr::from_ptr(name).to_bytes().starts_with(FOLDER.get().unwrap());
            if code == ffi::SQLITE_OK && is_counted {
                // Databases and journals have different methods, but sync alike.
                let real = *(*file).pMethods;
                REAL_SYNC.get_or_init(|| real.xSync.unwrap());
                (*file).pMethods = Box::leak(Box::new(ffi::sqlite3_io_methods { xSync: Some(sync), ..real }));
            }
            code
        }
    }

    unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
        SYNCS.fetch_add(1, Ordering::SeqCst);
        // SAFETY: the file was opened by the VFS whose method this is.
        unsafe { REAL_SYNC.get().unwrap()(file, flags) }
    }
}

#[test]
fn syncs_reach_the_hardware_only_if_requested() {
    let folder = tempfile::tempdir().unwrap();
    counted::install(folder.path());
    for (sync, name) in [(false, "fast.db"), (true, "safe.db")] {
        let disk = Disk::over_files(sync);
        let path = folder.path().join(name);
        let one = Connection::open_with_flags_and_vfs(&path, OpenFlags::default(), disk.vfs_name()).unwrap();
        one.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t(x)").unwrap();
        let seen: i64 = one.query_row("PRAGMA synchronous", [], |row| row.get(0)).unwrap();
        drop(one);
        assert_eq!((counted::syncs() > 0, seen), (sync, 2));
    }
}

/// Runs an ignored test of this module in a process of its own, because it changes the default VFS.
fn runs_alone(name: &str) {
    let test = format!("sim::tests::{name}");
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let output = command.args([test.as_str(), "--exact", "--ignored"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

/// Writes and reads a database on real files, through a disk that is made now.
fn real_files_work() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("real.db");
    let disk = Disk::over_files(true);
    let connection = Connection::open_with_flags_and_vfs(&path, OpenFlags::default(), disk.vfs_name()).unwrap();
    connection
        .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t(x); INSERT INTO t VALUES (randomblob(9))")
        .unwrap();
    assert_eq!(count(&connection), 1);
    assert_eq!(count(&Connection::open(&path).unwrap()), 1);
}

#[test]
fn an_app_may_change_the_default_vfs() {
    runs_alone("files_of_another_default_vfs_have_their_size");
    for name in ["our_files_are_the_default", "our_memory_is_the_default"] {
        runs_alone(name);
    }
}

/// A file of the unix VFS, and bytes behind it that are this VFS's own.
const OWN_BYTES: usize = 4096;

static OWN_FILES: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn open_with_own_bytes(
    vfs: *mut ffi::sqlite3_vfs,
    path: *const std::os::raw::c_char,
    file: *mut ffi::sqlite3_file,
    flags: std::os::raw::c_int,
    out: *mut std::os::raw::c_int,
) -> std::os::raw::c_int {
    OWN_FILES.fetch_add(1, Ordering::Relaxed);
    // SAFETY: SQLite's arguments. The VFS is a copy of `unix` with larger files, whose last bytes are its own.
    unsafe {
        let size = usize::try_from((*vfs).szOsFile).unwrap();
        file.cast::<u8>().add(size - OWN_BYTES).write_bytes(0xaa, OWN_BYTES);
        let real = ffi::sqlite3_vfs_find(c"unix".as_ptr());
        (*real).xOpen.unwrap()(real, path, file, flags, out)
    }
}

#[test]
#[ignore = "changes the default VFS of the process"]
fn files_of_another_default_vfs_have_their_size() {
    real_files_work();
    // SAFETY: a copy of the VFS `unix`, with larger files; it is leaked.
    let size = unsafe {
        let mut larger = *ffi::sqlite3_vfs_find(c"unix".as_ptr());
        larger.szOsFile += i32::try_from(OWN_BYTES).unwrap();
        larger.zName = c"larger".as_ptr();
        larger.xOpen = Some(open_with_own_bytes);
        assert_eq!(ffi::sqlite3_vfs_register(Box::leak(Box::new(larger)), 1), ffi::SQLITE_OK);
        larger.szOsFile
    };
    real_files_work();
    assert!(OWN_FILES.load(Ordering::Relaxed) > 2);
    let disk = Disk::over_files(true);
    // SAFETY: SQLite looks the name up and returns a registered VFS.
    let ours = unsafe { (*ffi::sqlite3_vfs_find(std::ffi::CString::new(disk.vfs_name()).unwrap().as_ptr())).szOsFile };
    assert!(ours > size, "SQLite allocates {ours} bytes for a file, and the real one takes {size}");
}

fn with_our_default(name: &std::ffi::CStr, then: fn()) {
    let _registered = Disk::in_memory();
    // SAFETY: the shared names are registered for good; registering again only makes one the default.
    let code = unsafe { ffi::sqlite3_vfs_register(ffi::sqlite3_vfs_find(name.as_ptr()), 1) };
    assert_eq!(code, ffi::SQLITE_OK);
    then();
}

#[test]
#[ignore = "changes the default VFS of the process"]
fn our_files_are_the_default() {
    with_our_default(c"sqlitmus-files", real_files_work);
}

#[test]
#[ignore = "changes the default VFS of the process"]
fn our_memory_is_the_default() {
    with_our_default(c"sqlitmus", || {
        let connection = Connection::open("in_memory.db").unwrap();
        connection.execute_batch("CREATE TABLE t(x); INSERT INTO t VALUES (randomblob(9))").unwrap();
        assert_eq!(count(&Connection::open("in_memory.db").unwrap()), 1);
        assert!(!std::path::Path::new("in_memory.db").exists());
        wal(&Disk::in_memory());
    });
}
