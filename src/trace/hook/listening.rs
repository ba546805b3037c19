//! Tells listeners of the statements that start and end.

use std::ffi::{CStr, CString};
use std::os::raw::{c_char, c_int};
use std::ptr;

use rusqlite::ffi;

use crate::own;
use crate::sim::{allocator, busy_handler};
use crate::trace::registry::{self, Closed, Start, Started};

/// The milliseconds for which a connection waits that is to have a busy timeout.
const TIMEOUT: c_int = 5000;

/// Tells the listener of a database, if it has one, that a statement starts or ends, and does what the listener wants.
///
/// # Safety
/// The arguments are those of an event: for a start, a statement and its text.
pub(super) unsafe fn tell_listener(
    number: usize,
    is_start: bool,
    statement: *mut ffi::sqlite3_stmt,
    text: *const c_char,
) {
    // SAFETY: the caller's.
    let db = unsafe { ffi::sqlite3_db_handle(statement) };
    let Some(called) = registry::listener_of(number, db.addr()) else { return };
    // SAFETY: the caller's. A text that is not the statement's own tells of a trigger.
    if is_start && ptr::eq(unsafe { ffi::sqlite3_sql(statement) }, text) {
        // SAFETY: the connection of a statement that runs is open.
        let in_transaction = unsafe { ffi::sqlite3_get_autocommit(db) == 0 };
        // SAFETY: the caller's; the statement outlives the call.
        let text =
            || unsafe { expanded(statement).unwrap_or_else(|| CStr::from_ptr(text).to_string_lossy().into_owned()) };
        // SAFETY: as above. The statement runs on this thread.
        let waits = || unsafe { busy_handler(db).waits() };
        called.activity.starts();
        let statement = Started { connection: called.connection, in_transaction, text: &text, waits: &waits };
        match called.listener.starts(&statement) {
            Start::Runs => {}
            // SAFETY: as above. What runs within a statement on its connection, as in a function of the app, may roll back.
            Start::RunsAfterRollback => unsafe {
                let _own = own::statements();
                ffi::sqlite3_exec(db, c"ROLLBACK".as_ptr(), None, ptr::null_mut(), ptr::null_mut());
            },
            // SAFETY: as above.
            Start::RunsWithTimeout => unsafe {
                ffi::sqlite3_busy_timeout(db, TIMEOUT);
            },
            // SAFETY: as above.
            Start::IsInterrupted => unsafe { ffi::sqlite3_interrupt(db) },
        }
    } else if !is_start {
        called.activity.ends();
        // SAFETY: as above. Its transaction is over by now if it ends with the statement.
        called.listener.ends(unsafe { ffi::sqlite3_get_autocommit(db) == 0 });
    }
}

/// Tells the listener of a database, if it has one, that a connection which was opened since is closed, and whether that is within a
/// transaction.
///
/// # Safety
/// `db` is the connection of the event, which is still open.
pub(super) unsafe fn tell_of_close(number: usize, db: *mut ffi::sqlite3) {
    let called = registry::listener_of(number, db.addr()).filter(|called| called.connection > 0);
    let Some(called) = called else { return };
    // SAFETY: the caller's.
    let (in_transaction, changes) = unsafe { (ffi::sqlite3_get_autocommit(db) == 0, ffi::sqlite3_total_changes(db)) };
    if in_transaction {
        called.listener.leaves_open();
    }
    // SAFETY: the caller's. The listener calls it on this thread, before the event is over.
    let pragma = |name: &str| unsafe { value_of_pragma(db, name) };
    called.listener.closes(&Closed { has_changed_rows: changes != 0, pragma: &pragma });
}

/// Returns the value of a PRAGMA of the main database, as text.
///
/// # Safety
/// `db` is an open connection that no other thread uses.
unsafe fn value_of_pragma(db: *mut ffi::sqlite3, name: &str) -> Option<String> {
    let sql = CString::new(format!("PRAGMA main.{name}")).ok()?;
    let _own = own::statements();
    let mut statement: *mut ffi::sqlite3_stmt = ptr::null_mut();
    // SAFETY: the caller's. The statement is finished here, and its text is copied before.
    unsafe {
        ffi::sqlite3_prepare_v2(db, sql.as_ptr(), -1, &raw mut statement, ptr::null_mut());
        if statement.is_null() {
            return None;
        }
        let has_row = ffi::sqlite3_step(statement) == ffi::SQLITE_ROW;
        let text = if has_row { ffi::sqlite3_column_text(statement, 0) } else { ptr::null() };
        let value = (!text.is_null()).then(|| CStr::from_ptr(text.cast()).to_string_lossy().into_owned());
        ffi::sqlite3_finalize(statement);
        value
    }
}

/// Returns the statement with its values in place of its parameters. `None` if it has no parameters, and if the text
/// would be too long.
///
/// # Safety
/// `statement` is the statement of a callback.
pub(super) unsafe fn expanded(statement: *mut ffi::sqlite3_stmt) -> Option<String> {
    // SAFETY: the caller's. SQLite gives a string of its own, or NULL where it would be too long.
    unsafe {
        if ffi::sqlite3_bind_parameter_count(statement) == 0 {
            return None;
        }
        let expanded = allocator::uncounted(|| ffi::sqlite3_expanded_sql(statement));
        if expanded.is_null() {
            return None;
        }
        let text = CStr::from_ptr(expanded).to_string_lossy().into_owned();
        ffi::sqlite3_free(expanded.cast());
        Some(text)
    }
}
