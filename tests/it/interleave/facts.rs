//! Numbers that follow from SQLite's rules.

use sqlitmus::BoxError;
use sqlitmus::interleave::explore;
use sqlitmus::rusqlite::Connection;

use super::{DEFERRED, IMMEDIATE, ROLLBACK, WAL, outcomes, wal};

/// There are seventy orders of two tasks of four statements, of which six differ: one transaction ends before the other
/// reads, it ends after that, or it has only written when the other one writes. Those of the first kind pass.
#[test]
fn deferred_transactions_that_read_first_mostly_fail() {
    // Without a WAL, the reader also locks out the commit.
    for (db, schedules) in [(wal(), 6), (ROLLBACK.in_memory(), 14), (WAL.on_disk(), 6)] {
        let report = explore(&db).steps("one", DEFERRED).steps("two", DEFERRED).may_fail().run();
        let fine: u64 =
            outcomes(&report).iter().filter(|(outcome, _)| !outcome.contains("fails")).map(|(_, count)| count).sum();
        assert_eq!((report.schedules(), fine), (schedules, 2), "{report}");
    }
}

#[test]
fn autocommitted_reads_and_writes_lose_two_of_four() {
    let steps = ["SELECT count FROM stock WHERE item = 1", "UPDATE stock SET count = count - 1 WHERE item = 1"];
    let error = explore(&wal()).steps("one", steps).steps("two", steps).try_run().unwrap_err();
    assert!(error.to_string().contains("shortest of 2 that fail like this, 4 were run"), "{error}");
}

#[test]
fn immediate_transactions_never_fail() {
    for db in [wal(), ROLLBACK.in_memory()] {
        let report = explore(&db).steps("one", IMMEDIATE).steps("two", IMMEDIATE).run();
        assert_eq!(outcomes(&report), [("one, then two".to_owned(), 1), ("two, then one".to_owned(), 1)]);
        assert!(report.is_exhaustive());
    }
}

/// There are 34,650 orders of three tasks of four statements. Those that differ only in steps that may be exchanged count as
/// one.
#[test]
fn steps_that_may_be_exchanged_do_not_multiply_schedules() {
    let db = wal();
    let explore = || explore(&db).steps("one", DEFERRED).steps("two", DEFERRED).steps("three", DEFERRED).may_fail();
    let report = explore().run();
    assert!(report.is_exhaustive());
    let extent = "78 schedules of one, two, three: every order of their statements that makes a difference, of 34650";
    assert_eq!(report.to_string().lines().next().unwrap(), extent);
    // A sample has no schedule twice.
    let report = explore().limit(60).run();
    assert!(!report.is_exhaustive());
    assert_eq!(report.schedules(), 60, "{report}");
}

/// There is a moment at which the write lock is taken and no change is visible yet.
#[test]
fn others_run_before_a_commit_writes() {
    let peek = |db: &mut Connection| -> Result<i64, BoxError> {
        db.busy_timeout(std::time::Duration::ZERO)?;
        let busy = db.execute_batch("BEGIN IMMEDIATE").is_err();
        if !busy {
            db.execute_batch("ROLLBACK")?;
        }
        let count = super::count(db, 1)?;
        if busy { Err(format!("busy and {count}").into()) } else { Ok(count) }
    };
    let sell = ["BEGIN IMMEDIATE", "UPDATE stock SET count = count - 1 WHERE item = 1", "COMMIT"];
    let db = wal();
    // If the WAL is not empty, a commit takes no lock before it writes.
    db.execute("INSERT INTO names(name) VALUES ('tea')", []).unwrap();
    let report = explore(&db).steps("writer", sell).task("reader", peek).may_fail().run();
    let said = |text: &str| report.outcomes().any(|(outcome, _)| outcome.contains(text));
    assert!(report.is_exhaustive() && said("busy and 10") && said("busy and 9"), "{report}");
}

#[test]
fn four_tasks_are_drawn_by_a_seed() {
    let db = wal();
    let run = |seed| {
        let explore = explore(&db).steps("one", IMMEDIATE).steps("two", DEFERRED).steps("three", IMMEDIATE);
        explore.steps("four", DEFERRED).may_fail().limit(20).seed(seed).run()
    };
    let (first, again, other) = (run(7), run(7), run(8));
    assert!(!first.is_exhaustive());
    assert_eq!(first.to_string(), again.to_string());
    assert_ne!(outcomes(&first), outcomes(&other));
    assert!(first.to_string().contains("a sample, drawn with seed 0x7, of 63063000 orders"), "{first}");
}
