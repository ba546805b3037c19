//! SQLite's own counters, and a trace hook set by the app.

use sqlitmus::record::Query;
use sqlitmus::rusqlite::{Connection, ffi};

use super::SHOP;

fn first(sql: &str, what: fn(&Query) -> u64) -> u64 {
    let db = SHOP.in_memory();
    let queries = db.record(|db| db.prepare(sql).unwrap().query([]).unwrap().next().map(drop));
    what(queries.iter().next().unwrap())
}

#[test]
fn counters_are_those_of_sqlite() {
    let rows = "SELECT count(DISTINCT total) FROM orders WHERE total > 0";
    assert_eq!(first(rows, Query::fullscan_steps), 2, "three rows are two steps apart");
    assert_eq!(first("SELECT total FROM orders WHERE user_id = 1", Query::fullscan_steps), 0);
    assert_eq!(first("SELECT total FROM orders ORDER BY total", Query::sorts), 1);
    assert_eq!(first("SELECT total FROM orders ORDER BY id", Query::sorts), 0);
    let join = "SELECT count(*) FROM orders AS a CROSS JOIN orders AS b ON b.total = a.total";
    assert!(first(join, Query::autoindex_rows) > 0);
    assert_eq!(first("SELECT count(*) FROM orders AS a JOIN orders AS b ON b.id = a.total", Query::autoindex_rows), 0);
    assert!(first(rows, Query::steps) > first("SELECT 1", Query::steps));
}

/// The app's trace hook replaces the recorder's, and every assertion on the incomplete recording fails.
#[test]
fn a_trace_hook_of_the_app_makes_the_recording_incomplete() {
    let db = SHOP.in_memory();
    let queries = db.record(|db| {
        set_trace(db);
        db.execute_batch("SELECT 1").unwrap();
    });
    assert!(!queries.is_complete());
    for failed in [
        queries.try_assert_count(0).map(drop),
        queries.try_assert_at_most(9).map(drop),
        queries.try_assert_no_repeats().map(drop),
        queries.try_assert_no_scan().map(drop),
        queries.try_assert_only_reads(&[]).map(drop),
        queries.try_assert_only_writes(&[]).map(drop),
        queries.try_assert_steps_at_most(9).map(drop),
    ] {
        assert_eq!(
            failed.unwrap_err().to_string(),
            "the recording is incomplete: a trace hook of the app has replaced the recorder's\n\n  \
             help: SQLite has one trace hook per connection: do not set the app's own (Connection::trace, trace_v2) in this \
             test"
        );
    }
    let queries = db.record(|db| db.execute_batch("SELECT 1"));
    assert!(queries.is_complete(), "the hook went with the connection that it was set on");
}

#[test]
fn a_trace_hook_of_the_app_on_the_first_connection_stays() {
    let db = SHOP.in_memory();
    set_trace(&db);
    for _ in 0..2 {
        let recorder = db.recorder();
        db.execute_batch("SELECT 1").unwrap();
        let queries = recorder.stop();
        assert!(!queries.is_complete() && queries.is_empty());
        assert!(db.record(|db| db.execute_batch("SELECT 1")).is_complete());
    }
}

#[expect(unsafe_code, reason = "the call has another name and type in each version of rusqlite")]
fn set_trace(db: &Connection) {
    // SAFETY: the connection is open and borrowed; without events and a callback, nothing is called.
    unsafe { ffi::sqlite3_trace_v2(db.handle(), 0, None, std::ptr::null_mut()) };
}
