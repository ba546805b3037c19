//! Processes in which the app has automatic extensions of its own, or has reset SQLite's list of them.
#![expect(unsafe_code, reason = "automatic extensions are C")]

use std::os::raw::{c_char, c_int, c_uint, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::{Connection, ffi};
use sqlitmus::{Template, TestDb};

use super::folder;

static T: Template = Template::embedded(&[("1_t.sql", "CREATE TABLE t(x); INSERT INTO t VALUES (1);")]);

fn count(connection: &Connection) -> i64 {
    connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
}

fn on_disk_and_in_memory() -> [TestDb; 2] {
    [T.on_disk(), T.in_memory()]
}

#[test]
fn reset_the_extensions() {
    if folder().is_none() {
        return;
    }
    for db in on_disk_and_in_memory() {
        db.record(|own| count(own)).assert_count(1);
        // SAFETY: takes nothing.
        unsafe { ffi::sqlite3_reset_auto_extension() };
        let [by_path, by_uri] = [db.path().to_str().unwrap(), &db.uri()].map(|name| Connection::open(name).unwrap());
        for app in [by_path, by_uri] {
            let hidden = db.record(|_| count(&app));
            assert!(hidden.is_empty() && !hidden.is_complete(), "{hidden:?}");
            let error = hidden.try_assert_no_scan().unwrap_err().to_string();
            assert!(
                error.starts_with("the recording is incomplete: sqlite3_reset_auto_extension was called\n"),
                "{error}"
            );
            // Another database adds the extension again, which does not bring the connection back.
            let other = T.on_disk();
            assert!(!db.record(|_| count(&app)).is_complete());
            other.record(|_| count(&Connection::open(other.path()).unwrap())).assert_count(1);
        }
    }
}

static CALLS: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn counts(_: c_uint, _: *mut c_void, _: *mut c_void, _: *mut c_void) -> c_int {
    CALLS.fetch_add(1, Ordering::SeqCst);
    0
}

/// An automatic extension of the app, which sets a trace hook on each connection.
unsafe extern "C" fn of_the_app(
    db: *mut ffi::sqlite3,
    _: *mut *mut c_char,
    _: *const ffi::sqlite3_api_routines,
) -> c_int {
    // SAFETY: a connection that is being opened, and a function that lives as long as the process.
    unsafe { ffi::sqlite3_trace_v2(db, 1, Some(counts), std::ptr::null_mut()) }
}

/// One that sets a trace hook on the connections to files with this name only.
unsafe extern "C" fn of_the_app_for_some(
    db: *mut ffi::sqlite3,
    _: *mut *mut c_char,
    _: *const ffi::sqlite3_api_routines,
) -> c_int {
    // SAFETY: a connection that is being opened, its own name of its file, and a function that lives as long as the process.
    unsafe {
        let name = ffi::sqlite3_db_filename(db, c"main".as_ptr());
        match !name.is_null() && std::ffi::CStr::from_ptr(name).to_bytes().ends_with(b"main.db") {
            true => of_the_app(db, std::ptr::null_mut(), std::ptr::null()),
            false => ffi::SQLITE_OK,
        }
    }
}

/// An automatic extension of the app that sets no hook, such as one that adds functions.
unsafe extern "C" fn without_a_hook(
    _: *mut ffi::sqlite3,
    _: *mut *mut c_char,
    _: *const ffi::sqlite3_api_routines,
) -> c_int {
    ffi::SQLITE_OK
}

/// Returns how often the app's hook is called.
fn calls(run: impl FnOnce()) -> usize {
    CALLS.store(0, Ordering::SeqCst);
    run();
    CALLS.load(Ordering::SeqCst)
}

#[test]
fn has_an_extension_of_its_own() {
    let Some(folder) = folder() else { return };
    // Before the first test's database, or after it.
    let before = (!folder.join("first").exists()).then(|| T.in_memory());
    // SAFETY: the function lives as long as the process.
    unsafe { ffi::sqlite3_auto_extension(Some(of_the_app)) };
    for db in on_disk_and_in_memory() {
        for name in [db.path().to_str().unwrap(), &db.uri()] {
            let app = Connection::open(name).unwrap();
            // The app's hook works as it does without a recorder.
            assert_eq!(calls(|| assert_eq!(count(&app), 1)), 1);
            let mut queries = None;
            assert!(calls(|| queries = Some(db.record(|_| count(&app)))) > 0);
            let queries = queries.unwrap();
            assert!(queries.is_empty() && !queries.is_complete(), "{queries}");
            let error = queries.try_assert_no_scan().unwrap_err().to_string();
            let says = "the recording is incomplete: a trace hook of the app has replaced the recorder's";
            assert!(error.starts_with(says) && error.contains("SELECT count(*) FROM t"), "{error}");
        }
    }
    if before.is_none() {
        let db = T.in_memory();
        assert_eq!(calls(|| assert_eq!(count(&db), 1)), 1);
        assert!(!db.record(|own| count(own)).is_complete());
    }
    // SAFETY: the function lives as long as the process.
    unsafe { ffi::sqlite3_cancel_auto_extension(Some(of_the_app)) };
    for db in on_disk_and_in_memory() {
        for name in [db.path().to_str().unwrap(), &db.uri()] {
            db.record(|_| count(&Connection::open(name).unwrap())).assert_count(1);
        }
    }
}

#[test]
fn has_an_extension_without_a_hook() {
    if folder().is_none() {
        return;
    }
    // SAFETY: the function lives as long as the process.
    unsafe { ffi::sqlite3_auto_extension(Some(without_a_hook)) };
    for db in on_disk_and_in_memory() {
        db.recorder().stop().allow_none().assert_count(0);
        for name in [db.path().to_str().unwrap(), &db.uri()] {
            db.record(|_| count(&Connection::open(name).unwrap())).assert_count(1);
        }
    }
}

#[test]
fn has_an_extension_with_a_hook_on_some_connections() {
    if folder().is_none() {
        return;
    }
    T.in_memory().record(|own| count(own)).assert_count(1);
    // SAFETY: takes nothing, and functions that live as long as the process. The app's is called before the recorder's.
    unsafe {
        ffi::sqlite3_reset_auto_extension();
        ffi::sqlite3_auto_extension(Some(of_the_app_for_some));
    }
    for db in on_disk_and_in_memory() {
        let recorder = db.recorder();
        assert_eq!(calls(|| assert_eq!(count(&db), 1)), 0);
        let error = recorder.stop().try_assert_no_scan().unwrap_err().to_string();
        assert!(error.starts_with("the recorder has replaced a trace hook that an automatic extension"), "{error}");
        // From here on the app's hook stays where it is.
        let app = db.connect();
        assert_eq!(calls(|| assert_eq!(count(&app), 1)), 1);
        assert!(!db.record(|own| count(own)).is_complete());
    }
}
