//! The scheduler: waits, stuck tasks, and the app's own hooks.

use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use sqlitmus::interleave::explore;
use sqlitmus::rusqlite::{Connection, ErrorCode, Result, TransactionBehavior, ffi};
use sqlitmus::{BoxError, sim};

use super::{ROLLBACK, WAL, count, wal};

pub(super) fn sell(db: &mut Connection) -> Result<()> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let left = count(&transaction, 1)?;
    transaction.execute("UPDATE stock SET count = ?1 WHERE item = 1", [left - 1])?;
    transaction.commit()
}

#[test]
fn a_mutex_around_a_write_is_stepped_over() {
    let mutex = Arc::new(Mutex::new(()));
    let other = Arc::clone(&mutex);
    let report = explore(&wal())
        .task("alice", move |db| -> Result<()> {
            let _held = mutex.lock().unwrap();
            sell(db)
        })
        .task("bob", move |db| -> Result<()> {
            count(db, 2)?;
            let _held = other.lock().unwrap();
            sell(db)
        })
        .run();
    assert!(report.is_exhaustive(), "{report}");
}

/// The mutex protects one task from the other, and it is too short.
#[test]
fn a_mutex_that_is_given_up_between_read_and_write() {
    let mutex = Arc::new(Mutex::new(()));
    let task = |mutex: Arc<Mutex<()>>, is_short: bool| {
        move |db: &mut Connection| -> Result<()> {
            let held = mutex.lock().unwrap();
            let left = count(db, 1)?;
            let held = (!is_short).then_some(held);
            db.execute("UPDATE stock SET count = ?1 WHERE item = 1", [left - 1])?;
            drop(held);
            Ok(())
        }
    };
    let db = wal();
    let both = |is_short| {
        explore(&db)
            .task("alice", task(Arc::clone(&mutex), is_short))
            .task("bob", task(Arc::clone(&mutex), is_short))
            .try_run()
    };
    assert!(both(true).unwrap_err().headline().starts_with("lost update"));
    both(false).unwrap();
}

#[test]
fn tasks_that_wait_for_each_other_outside_of_sqlite() {
    let db = wal();
    let meet = |of: usize| {
        let barrier = Arc::new(Barrier::new(of));
        let other = Arc::clone(&barrier);
        explore(&db)
            .task("alice", move |db| -> Result<()> {
                sell(db)?;
                barrier.wait();
                sell(db)
            })
            .task("bob", move |db| -> Result<()> {
                sell(db)?;
                other.wait();
                sell(db)
            })
            .try_run()
    };
    meet(2).unwrap();
    // Nobody else comes.
    let error = meet(3).unwrap_err();
    assert!(error.headline().ends_with(" waits for something outside of SQLite"), "{error}");
    assert!(error.to_string().contains("SQLITMUS_REPLAY=schedule:"), "{error}");
}

/// The busy timeout passes on SQLite's clock, and the test does not wait for it.
#[test]
fn a_waiting_task_is_woken_by_the_release_of_its_lock() {
    let db = wal();
    db.clock().set("2026-03-01T00:00:00Z");
    let report = explore(&db)
        .task("alice", |db| -> Result<String> {
            sell(db)?;
            db.query_row("SELECT strftime('%H:%M:%f', 'now')", [], |row| row.get(0))
        })
        .task("bob", sell)
        .run();
    assert!(report.is_exhaustive(), "{report}");
    let stuck = explore(&db)
        .task("alice", |db| -> Result<(), BoxError> {
            let begin = db.query_row("SELECT julianday('now')", [], |row| row.get::<_, f64>(0))?;
            let second = Connection::open(sim::uri(db).ok_or("no simulated disk")?)?;
            second.busy_timeout(Duration::from_secs(30))?;
            let _transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            second.execute_batch("BEGIN IMMEDIATE").map_err(|error| {
                let end = second.query_row("SELECT julianday('now')", [], |row| row.get::<_, f64>(0)).unwrap();
                BoxError::from(format!("{error} after {:.0} s", (end - begin) * 86_400.0))
            })
        })
        .task("bob", sell)
        .try_run()
        .unwrap_err();
    assert!(stuck.to_string().contains("database is locked after 30 s"), "{stuck}");
}

#[test]
fn a_trace_hook_of_the_app_hides_statements_but_not_schedules() {
    #[expect(unsafe_code, reason = "rusqlite has no call for it in all versions")]
    fn hide(db: &Connection) {
        // SAFETY: the connection is open and borrowed from the thread that owns it.
        unsafe { ffi::sqlite3_trace_v2(db.handle(), 0, None, std::ptr::null_mut()) };
    }
    fn bug(db: &mut Connection) -> Result<()> {
        hide(db);
        let left = count(db, 1)?;
        db.execute("UPDATE stock SET count = ?1 WHERE item = 1", [left - 1]).map(drop)
    }
    for db in [wal(), ROLLBACK.in_memory()] {
        let error = explore(&db).task("alice", bug).task("bob", bug).try_run().unwrap_err();
        assert_eq!(error.headline(), "lost update: the state is as if bob had not run");
        let fine = |db: &mut Connection| {
            hide(db);
            sell(db)
        };
        explore(&db).task("alice", fine).task("bob", fine).run();
    }
}

#[test]
fn hooks_of_the_app_are_left_alone() {
    let fine = |db: &mut Connection| -> Result<usize, BoxError> {
        let commits = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&commits);
        let _ = db.commit_hook(Some(move || {
            *counted.lock().unwrap() += 1;
            false
        }));
        sell(db)?;
        sell(db)?;
        let commits = *commits.lock().unwrap();
        Ok(commits)
    };
    let report = explore(&wal()).task("alice", fine).task("bob", fine).run();
    assert!(report.is_exhaustive());
}

/// The app's busy handler may let SQLite retry at once.
#[test]
fn a_busy_handler_of_the_app_gives_the_others_their_turn() {
    fn patient(db: &mut Connection) -> Result<()> {
        db.busy_handler(Some(|_| true))?;
        sell(db)
    }
    fn impatient(db: &mut Connection) -> Result<()> {
        db.busy_handler(Some(|tries| tries < 3))?;
        sell(db)
    }
    for db in [wal(), ROLLBACK.in_memory()] {
        explore(&db).task("alice", patient).task("bob", patient).run();
        explore(&db).task("alice", impatient).task("bob", impatient).run();
    }
}

/// Two tasks that keep trying must not prevent the third from releasing the lock that both wait for.
#[test]
fn code_that_tries_again_at_once() {
    fn persistent(db: &mut Connection) -> Result<()> {
        db.busy_timeout(Duration::ZERO)?;
        loop {
            match db.execute("UPDATE stock SET count = count - 1 WHERE item = 1", []) {
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {}
                done => return done.map(drop),
            }
        }
    }
    for db in [wal(), ROLLBACK.in_memory()] {
        explore(&db).task("alice", persistent).task("bob", sell).task("carol", persistent).run();
    }
}

#[test]
fn prepared_statements_that_stay_open_are_part_of_it() {
    let task = |db: &mut Connection| -> Result<Vec<i64>> {
        let mut items = db.prepare("SELECT item FROM stock ORDER BY item")?;
        let mut rows = items.query([])?;
        let mut counts = Vec::new();
        while let Some(row) = rows.next()? {
            counts.push(count(db, row.get(0)?)?);
        }
        Ok(counts)
    };
    let writer = |db: &mut Connection| db.execute("UPDATE stock SET count = count + 1", []);
    // The open statement holds its snapshot, so that all reads see the same state.
    explore(&wal()).task("reader", task).task("writer", writer).run();
    explore(&ROLLBACK.in_memory()).task("reader", task).task("writer", writer).run();
}

#[test]
fn the_database_stays_as_it_is_and_nothing_is_left() {
    for db in [wal(), WAL.on_disk()] {
        explore(&db).task("alice", sell).task("bob", sell).task("carol", sell).run();
        assert_eq!(count(&db, 1).unwrap(), 10);
    }
}

/// SQLite's ids and times are the same in each run, and no two tasks get the same ids.
#[test]
fn random_values_of_sqlite_are_repeatable() {
    let db = wal();
    db.execute_batch(
        "CREATE TABLE orders(id TEXT PRIMARY KEY DEFAULT (hex(randomblob(16))), number INTEGER DEFAULT (random()),
                             at TEXT DEFAULT CURRENT_TIMESTAMP) STRICT",
    )
    .unwrap();
    let order = |db: &mut Connection| db.execute("INSERT INTO orders DEFAULT VALUES", []);
    let report = explore(&db).task("alice", order).task("bob", order).run();
    assert!(report.is_exhaustive(), "{report}");
}

/// A recording does not see the copies.
#[test]
fn a_recording_of_the_same_database_sees_no_schedule() {
    let db = wal();
    let queries = db.record(|_| {
        explore(&db).task("alice", sell).task("bob", sell).run();
    });
    let seen: Vec<&str> = queries.iter().map(|query| query.sql()).filter(|sql| !sql.starts_with("PRAGMA")).collect();
    assert_eq!(seen, [""; 0]);
}
