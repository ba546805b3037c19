//! Reads from SQLite what belongs to a statement that starts or ends.

use std::ffi::CStr;
use std::os::raw::c_char;
use std::ptr;

use rusqlite::ffi;

use super::listening::expanded;
use super::modules::is_text_of_a_module;
use crate::own;
use crate::trace::capture::{Capture, STILL_HERE};
use crate::trace::query::{Counters, Finished, Started};
use crate::trace::returned_rows;

/// Returns true if the module of a virtual table runs this for itself. Statements that a module runs within a statement
/// of the app are reported as comments.
///
/// # Safety
/// `statement` is the statement of a callback, and `text`, for a start, a string that ends in NUL.
pub(super) unsafe fn is_of_a_module(is_start: bool, statement: *mut ffi::sqlite3_stmt, text: *const c_char) -> bool {
    // SAFETY: the caller's.
    let own = unsafe { ffi::sqlite3_sql(statement) };
    if own.is_null() || (is_start && !ptr::eq(own, text)) {
        return false;
    }
    // SAFETY: the text of a statement ends in NUL and lives as long as the statement.
    is_text_of_a_module(unsafe { CStr::from_ptr(own) }.to_bytes())
}

/// # Safety
/// `statement` is the statement of a callback and `text` a string that ends in NUL.
pub(super) unsafe fn started<'a>(
    captures: impl Iterator<Item = &'a Capture>,
    statement: *mut ffi::sqlite3_stmt,
    text: *const c_char,
) {
    // SAFETY: the caller's. None of these calls runs the statement or changes what the app can ask of its connection.
    let (db, own_text) = unsafe { (ffi::sqlite3_db_handle(statement), ffi::sqlite3_sql(statement)) };
    // SAFETY: the caller's.
    let sql = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    if own::are_running() && sql != STILL_HERE {
        return;
    }
    if !ptr::eq(own_text, text) {
        // Not the statement's own text: a comment that announces a trigger, or a statement that runs within another.
        captures.for_each(|capture| capture.nested(db.addr(), &sql));
        return;
    }
    // Rows that are left of a statement whose end was not reported.
    returned_rows::take(statement.addr());
    // SAFETY: the caller's.
    let (has_parameters, reads_only) =
        unsafe { (ffi::sqlite3_bind_parameter_count(statement) > 0, ffi::sqlite3_stmt_readonly(statement) != 0) };
    let started = Started {
        connection: db.addr(),
        statement: statement.addr(),
        sql: &sql,
        // SAFETY: the caller's.
        expanded: unsafe { expanded(statement) },
        has_parameters,
        reads_only,
        // SAFETY: the connection of a statement that runs is open.
        in_transaction: unsafe { ffi::sqlite3_get_autocommit(db) == 0 },
        // SAFETY: the caller's.
        counters: unsafe { counters(statement) },
        // SAFETY: the connection of a statement that runs is open.
        changed: unsafe { ffi::sqlite3_total_changes(db) }.cast_unsigned(),
    };
    captures.for_each(|capture| capture.started(&started));
}

/// # Safety
/// `statement` is the statement of a callback.
pub(super) unsafe fn finished<'a>(
    captures: impl Iterator<Item = &'a Capture>,
    statement: *mut ffi::sqlite3_stmt,
    returned: u64,
) {
    // SAFETY: the caller's.
    let finished = unsafe {
        let db = ffi::sqlite3_db_handle(statement);
        Finished {
            connection: db.addr(),
            statement: statement.addr(),
            counters: counters(statement),
            returned,
            changed: ffi::sqlite3_total_changes(db).cast_unsigned(),
            reads_only: ffi::sqlite3_stmt_readonly(statement) != 0,
            is_halted: ffi::sqlite3_stmt_busy(statement) == 0,
            in_transaction: ffi::sqlite3_get_autocommit(db) == 0,
        }
    };
    captures.for_each(|capture| capture.finished(&finished));
}

/// Returns what SQLite has counted on the statement since it was prepared. Nothing is reset: the counters belong to the
/// app.
///
/// # Safety
/// `statement` is the statement of a callback.
pub(super) unsafe fn counters(statement: *mut ffi::sqlite3_stmt) -> Counters {
    // SAFETY: the caller's.
    Counters::read(|number| unsafe { ffi::sqlite3_stmt_status(statement, number, 0) }.cast_unsigned())
}
