//! The texts of failures and reports.

use sqlitmus::interleave::explore;
use sqlitmus::rusqlite::{Connection, Result, TransactionBehavior};

use super::{DEFERRED, IMMEDIATE, ROLLBACK, count, failure, wal};

#[test]
fn a_lost_update() {
    fn buy(db: &mut Connection) -> Result<i64> {
        let left = count(db, 1)?;
        db.execute("UPDATE stock SET count = ?1 WHERE item = 1", [left - 1])?;
        Ok(left)
    }
    let expected = "\
lost update: the state is as if bob had not run

  schedule (shortest of 2 that fail like this, 4 were run):
    bob    SELECT count FROM stock WHERE item = 1
    alice  SELECT count FROM stock WHERE item = 1
    alice  UPDATE stock SET count = 9 WHERE item = 1
    bob    UPDATE stock SET count = 9 WHERE item = 1

  state (- alice, then bob, + this schedule, ~ both):
    stock: 1 updated
      ~ item=1 count: 8 -> 9

  results of alice, then bob:
    alice  Ok(10)
    bob    Ok(9)

  results of this schedule:
    alice  Ok(10)
    bob    Ok(10)

  4 schedules of alice, bob: every order of their statements that makes a difference, of 6:
    1  alice, then bob
    1  bob, then alice
    2  no serial order of alice, bob gives this

  help: read and write within one transaction that begins with BEGIN IMMEDIATE   tried: all 2 schedules are fine";
    assert_eq!(failure(explore(&wal()).task("alice", buy).task("bob", buy)), expected);
}

#[test]
fn busy_errors_that_no_timeout_avoids() {
    let expected = "\
one fails with SQLITE_BUSY, and no busy_timeout helps: it has read, and another task is writing

  schedule (shortest of 4 that fail like this, 6 were run):
    two  BEGIN
    two  SELECT count FROM stock WHERE item = 1
    two  UPDATE stock SET count = count - 1 WHERE item = 1
    one  BEGIN
    one  SELECT count FROM stock WHERE item = 1
  > one  UPDATE stock SET count = count - 1 WHERE item = 1   SQLITE_BUSY at once
    one  ROLLBACK
    two  COMMIT

  results of this schedule:
    one  Err(database is locked)
    two  Ok(10)

  6 schedules of one, two: every order of their statements that makes a difference, of 70:
    1  one fails with SQLITE_BUSY, and no busy_timeout helps: it has read, and another task is writing
    1  one fails with SQLITE_BUSY_SNAPSHOT, and no busy_timeout helps: its snapshot is out of date
    1  one, then two
    1  two fails with SQLITE_BUSY, and no busy_timeout helps: it has read, and another task is writing
    1  two fails with SQLITE_BUSY_SNAPSHOT, and no busy_timeout helps: its snapshot is out of date
    1  two, then one

  help: begin the transaction with BEGIN IMMEDIATE (rusqlite: TransactionBehavior::Immediate)   tried: all 2 schedules \
                    are fine
  help: if the caller handles the error, say so: .may_fail()";
    assert_eq!(failure(explore(&wal()).steps("one", DEFERRED).steps("two", DEFERRED)), expected);
}

#[test]
fn an_error_of_no_serial_order() {
    // Each task begins its own transaction, which is widened.
    fn migrate(db: &mut Connection) -> Result<()> {
        if db.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))? == 0 {
            db.execute_batch("BEGIN IMMEDIATE")?;
            if let Err(error) = db.execute_batch("CREATE TABLE settings(name); PRAGMA user_version = 1") {
                db.execute_batch("ROLLBACK")?;
                return Err(error);
            }
            db.execute_batch("COMMIT")?;
        }
        Ok(())
    }
    let expected = "\
bob fails only because alice runs at the same time: table settings already exists

  schedule (shortest of 6 that fail like this, 8 were run):
    bob    PRAGMA user_version
    alice  PRAGMA user_version
    alice  BEGIN IMMEDIATE
    alice  CREATE TABLE settings(name);
    alice  PRAGMA user_version = 1
    alice  COMMIT
    bob    BEGIN IMMEDIATE
    bob    CREATE TABLE settings(name);
    bob    ROLLBACK

  results of this schedule:
    alice  Ok(())
    bob    Err(table settings already exists)

  8 schedules of alice, bob: every order of their statements that makes a difference, of 252:
    3  alice fails only because bob runs at the same time: table settings already exists
    2  alice, then bob
    3  bob fails only because alice runs at the same time: table settings already exists

  help: begin the transaction with BEGIN IMMEDIATE before the first read, and commit after the last write   tried: all 2 \
                    schedules are fine
  help: if the caller handles the error, say so: .may_fail()";
    assert_eq!(failure(explore(&wal()).task("alice", migrate).task("bob", migrate)), expected);
}

#[test]
fn names_that_need_escaping() {
    let steps = ["UPDATE stock SET count = (SELECT count FROM stock WHERE item = 1) WHERE item = 2"];
    let report = explore(&wal()).steps("", steps).steps("a\n\u{1b}[31mb", steps).run();
    let expected = "\
2 schedules of \"\", \"a\\n\\u{1b}[31mb\": every order of their statements
  2  \"\", then \"a\\n\\u{1b}[31mb\"";
    assert_eq!(report.to_string(), expected);
    let error = explore(&wal()).steps("", steps).steps("", steps).try_run().unwrap_err();
    assert_eq!(error.headline(), "two tasks are called \"\"");
}

#[test]
fn a_report_of_what_was_explored() {
    let report = explore(&wal()).steps("one", IMMEDIATE).steps("two", IMMEDIATE).run();
    let expected = "\
2 schedules of one, two: every order of their statements that makes a difference, of 70
  1  one, then two
  1  two, then one";
    assert_eq!(report.to_string(), expected);
}

#[test]
fn an_invariant_that_does_not_always_hold() {
    // The outcome depends only on the order, so every schedule shows it.
    let db = wal();
    let explore = explore(&db)
        .steps("one", IMMEDIATE)
        .steps("two", ["INSERT INTO names(name) SELECT 'left: ' || count FROM stock WHERE item = 1"])
        .invariant(|db: &Connection| {
            let name: String =
                db.query_row("SELECT name FROM names", [], |row| row.get(0)).map_err(|e| e.to_string())?;
            if name == "left: 9" || name == "left: 10" { Ok(()) } else { Err(name) }
        });
    assert!(explore.run().is_exhaustive());
}

#[test]
fn the_line_to_repeat_a_schedule_names_the_test() {
    let error = explore(&wal()).steps("one", DEFERRED).steps("two", DEFERRED).try_run().unwrap_err();
    let text = error.to_string();
    let line = text.lines().find(|line| line.starts_with("note: SQLITMUS_REPLAY=")).unwrap();
    assert!(line.starts_with("note: SQLITMUS_REPLAY=schedule:"), "{line}");
    assert!(line.contains(" cargo test"), "{line}");
    // With one test thread, the name of the test is unknown.
    assert!(line.ends_with("cargo test") || line.ends_with("the_line_to_repeat_a_schedule_names_the_test"), "{line}");
}

#[test]
fn a_task_that_forgets_its_commit() {
    let note = "note: in 2 of them, alice writes and changes nothing, because it is rolled back; commit the transaction, \
                transaction.commit()?: one that is dropped is rolled back";
    let sell = "UPDATE stock SET count = count - 1 WHERE item = 1";
    for db in [wal(), ROLLBACK.in_memory()] {
        let forgets = |db: &mut Connection| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute(sell, [])
        };
        let report = explore(&db).task("alice", forgets).steps("bob", [sell]).run().to_string();
        assert!(report.lines().any(|line| line == note), "{report}");
        // One that rolls back where nothing is left has a reason.
        let sells_the_last = |db: &mut Connection| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute("UPDATE stock SET count = count - 6 WHERE item = 1", [])?;
            let is_there = count(&transaction, 1)? >= 0;
            if is_there { transaction.commit().map(|()| true) } else { Ok(false) }
        };
        let report = explore(&db).task("alice", sells_the_last).task("bob", sells_the_last).run().to_string();
        assert!(!report.contains("rolled back"), "{report}");
    }
}
