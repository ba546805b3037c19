//! The number of schedules equals the number of classes, counted by hand: orders of the statements that differ in what depends on
//! what.

use sqlitmus::TestDb;
use sqlitmus::interleave::{Report, explore};

use super::{IMMEDIATE, ROLLBACK, wal};

#[track_caller]
fn classes(db: &TestDb, tasks: &[&[&str]], expected: u64) -> Report {
    let mut explore = explore(db).may_fail();
    for (number, steps) in tasks.iter().enumerate() {
        explore = explore.steps(format!("task {number}"), steps.iter().copied());
    }
    let report = explore.survey();
    assert!(report.is_exhaustive(), "{report}");
    assert_eq!(report.schedules(), expected, "{report}");
    report
}

const READ: &str = "SELECT count FROM stock WHERE item = 1";
const READ_OTHER: &str = "SELECT count FROM stock WHERE item = 2";
const READ_ALL: &str = "SELECT sum(count) FROM stock";
const WRITE: &str = "UPDATE stock SET count = count - 1 WHERE item = 1";
const WRITE_OTHER: &str = "UPDATE stock SET count = count - 1 WHERE item = 2";
const INSERT: &str = "INSERT INTO names(name) VALUES ('tea')";

#[test]
fn readers_are_one_schedule() {
    for db in [wal(), ROLLBACK.in_memory()] {
        classes(&db, &[&[READ; 6], &[READ_ALL; 6]], 1);
        classes(&db, &[&["BEGIN", READ, READ_ALL, "COMMIT"], &["BEGIN", READ, "COMMIT"], &[READ_ALL, READ]], 1);
    }
}

#[test]
fn other_rows_and_other_tables() {
    for db in [wal(), ROLLBACK.in_memory()] {
        classes(&db, &[&[READ, WRITE], &[READ_OTHER, WRITE_OTHER]], 1);
        classes(&db, &[&[READ, WRITE], &[INSERT, INSERT, INSERT]], 1);
        classes(&db, &[&[WRITE], &[WRITE_OTHER], &[INSERT]], 1);
    }
}

#[test]
fn the_same_row() {
    for db in [wal(), ROLLBACK.in_memory()] {
        // Two writes have two orders, and n of one task with m of the other n + m over n.
        classes(&db, &[&[WRITE], &[WRITE]], 2);
        classes(&db, &[&[WRITE; 3], &[WRITE; 3]], 20);
        classes(&db, &[&[WRITE], &[WRITE], &[WRITE]], 6);
        // Six orders, of which two times two differ only in which task reads first.
        classes(&db, &[&[READ, WRITE], &[READ, WRITE]], 4);
        // A read of the whole table comes before, between or after two writes.
        classes(&db, &[&[READ_ALL], &[WRITE, WRITE_OTHER]], 3);
        // A read of one row comes before or after its write.
        classes(&db, &[&[READ], &[WRITE, WRITE_OTHER]], 2);
        classes(&db, &[&[READ; 3], &[WRITE]], 4);
        classes(&db, &[&[INSERT], &[INSERT]], 2);
    }
}

/// Without a rowid, the key is an index, and the rows are in it.
#[test]
fn rows_without_a_rowid() {
    let db = wal();
    db.execute_batch("CREATE TABLE settings(name TEXT PRIMARY KEY, value INT) WITHOUT ROWID").unwrap();
    let replace = "INSERT OR REPLACE INTO settings VALUES ('a', 1)";
    classes(&db, &[&[replace], &["SELECT value FROM settings"]], 2);
    classes(&db, &[&[replace], &[replace, "DELETE FROM settings WHERE name = 'b'"]], 3);
    classes(&db, &[&[replace], &[READ]], 1);
}

#[test]
fn transactions() {
    let db = wal();
    // Which one begins first.
    classes(&db, &[&IMMEDIATE, &IMMEDIATE], 2);
    classes(&db, &[&IMMEDIATE, &IMMEDIATE, &IMMEDIATE], 6);
    // A read sees the state before the commit or after it, wherever the transaction begins.
    classes(&db, &[&IMMEDIATE, &[READ]], 2);
    classes(&db, &[&IMMEDIATE, &[READ_OTHER]], 1);
    classes(&db, &[&IMMEDIATE, &["BEGIN", READ_OTHER, READ, "COMMIT"]], 2);
    classes(&db, &[&IMMEDIATE, &["BEGIN", READ_OTHER, READ_OTHER, "COMMIT"]], 1);
    classes(&db, &[&IMMEDIATE, &[READ, READ]], 3);
    // A write of one statement comes before the transaction or after it: between the two it would wait.
    classes(&db, &[&IMMEDIATE, &[INSERT]], 2);
}

/// Beyond the limit different ones are drawn, and the report says of how many.
#[test]
fn drawn_schedules_are_different() {
    let db = wal();
    let of = |limit| explore(&db).steps("a", [WRITE; 4]).steps("b", [WRITE; 4]).limit(limit).survey();
    // Eight writes have 70 orders.
    let report = of(30);
    assert!(!report.is_exhaustive());
    assert_eq!(report.schedules(), 30, "{report}");
    assert!(
        report.to_string().contains("30 schedules of a, b: a sample, drawn with seed 0x0, of 70 orders"),
        "{report}"
    );
    assert_eq!(of(70).schedules(), 70);
    // Draws alone would not find so many of them.
    let report = of(69);
    assert!(!report.is_exhaustive());
    assert_eq!(report.schedules(), 69, "{report}");
}
