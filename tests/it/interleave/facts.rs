//! Numbers that follow from SQLite's rules.

use sqlitmus::BoxError;
use sqlitmus::interleave::explore;
use sqlitmus::rusqlite::Connection;

use super::{DEFERRED, IMMEDIATE, ROLLBACK, WAL, outcomes, wal};

/// There are seventy orders of two tasks of four statements. Those pass in which one transaction ends before the other
/// reads.
#[test]
fn deferred_transactions_that_read_first_mostly_fail() {
    for db in [wal(), ROLLBACK.in_memory(), WAL.on_disk()] {
        let report = explore(&db).steps("one", DEFERRED).steps("two", DEFERRED).may_fail().run();
        let fine: u64 =
            outcomes(&report).iter().filter(|(outcome, _)| !outcome.contains("fails")).map(|(_, count)| count).sum();
        assert_eq!((report.schedules(), fine), (70, 10), "{report}");
    }
}

#[test]
fn autocommitted_reads_and_writes_lose_four_of_six() {
    let steps = ["SELECT count FROM stock WHERE item = 1", "UPDATE stock SET count = count - 1 WHERE item = 1"];
    let error = explore(&wal()).steps("one", steps).steps("two", steps).try_run().unwrap_err();
    assert!(error.to_string().contains("shortest of 4 that fail like this, 6 were run"), "{error}");
}

#[test]
fn immediate_transactions_never_fail() {
    for db in [wal(), ROLLBACK.in_memory()] {
        let report = explore(&db).steps("one", IMMEDIATE).steps("two", IMMEDIATE).run();
        assert_eq!(outcomes(&report), [("one, then two".to_owned(), 4), ("two, then one".to_owned(), 4)]);
        assert!(report.is_exhaustive());
    }
}

/// There are 34,650 orders of three tasks of four statements. Those that differ only in statements without a lock count
/// as one.
#[test]
fn statements_without_a_lock_do_not_multiply_schedules() {
    let db = wal();
    let report = explore(&db).steps("one", DEFERRED).steps("two", DEFERRED).steps("three", DEFERRED).may_fail().run();
    assert!(report.is_exhaustive());
    assert_eq!(
        report.to_string().lines().next().unwrap(),
        format!(
            "{} schedules of one, two, three: every order of the statements that touch a lock; of all statements there \
             would be 34650",
            report.schedules()
        )
    );
    assert!(report.schedules() < 1000, "{report}");
    // The outcomes are the same as without the reduction, for two tasks of which all orders can be run.
    let kinds = |limit| {
        let report = explore(&db).steps("one", DEFERRED).steps("two", DEFERRED).may_fail().limit(limit).run();
        let kinds: Vec<String> = outcomes(&report).into_iter().map(|(outcome, _)| outcome).collect();
        (report.is_exhaustive(), kinds)
    };
    assert_eq!(kinds(1000), kinds(60));
    assert!(kinds(60).0);
}

/// There is a moment at which the write lock is taken and no change is visible yet, even if only locks and writes are
/// steps.
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
    for (limit, which) in [(1000, "every order of their statements"), (12, "every order of the statements that touch")]
    {
        let report = explore(&db).steps("writer", sell).task("reader", peek).may_fail().limit(limit).run();
        assert!(report.to_string().contains(which), "{report}");
        let said = |text: &str| report.outcomes().any(|(outcome, _)| outcome.contains(text));
        assert!(said("busy and 10"), "{report}");
    }
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
    assert!(first.to_string().contains("drawn with seed 0x7; there are 63063000 orders"), "{first}");
}
