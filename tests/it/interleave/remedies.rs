//! The remedies that a failure offers: each was tried, also where a task begins transactions of its own.

use sqlitmus::interleave::explore;
use sqlitmus::rusqlite::{Connection, TransactionBehavior};
use sqlitmus::{BoxError, DbCopy};

use super::{ROLLBACK, count, wal};

type Code = fn(&mut Connection) -> Result<(), BoxError>;

#[track_caller]
fn helps(code: Code, remedy: &str) {
    for db in [wal(), ROLLBACK.in_memory()] {
        let error = explore(&db).task("alice", code).task("bob", code).try_run().unwrap_err().to_string();
        let found = error.lines().find(|line| line.contains("tried: all")).unwrap_or_else(|| panic!("{error}"));
        assert!(found.contains(remedy) && !found.contains("BEGIN is enough"), "{error}");
    }
}

fn write(db: &Connection, left: i64) -> Result<(), BoxError> {
    db.execute("UPDATE stock SET count = ?1 WHERE item = 1", [left - 1])?;
    Ok(())
}

#[test]
fn a_begin_in_a_batch() {
    helps(
        |db| {
            db.execute_batch("BEGIN")?;
            let done = count(db, 1).map_err(BoxError::from).and_then(|left| write(db, left));
            db.execute_batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
            done
        },
        "begin the transaction with BEGIN IMMEDIATE",
    );
}

#[test]
fn a_behavior_that_the_code_names() {
    helps(
        |db| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Deferred)?;
            let left = count(&transaction, 1)?;
            write(&transaction, left)?;
            Ok(transaction.commit()?)
        },
        "begin the transaction with BEGIN IMMEDIATE",
    );
}

#[test]
fn a_transaction_that_begins_after_the_read() {
    helps(
        |db| {
            let left = count(db, 1)?;
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            write(&transaction, left)?;
            Ok(transaction.commit()?)
        },
        "begin the transaction with BEGIN IMMEDIATE before the first read",
    );
}

#[test]
fn two_transactions_that_belong_together() {
    helps(
        |db| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let left = count(&transaction, 1)?;
            transaction.commit()?;
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            write(&transaction, left)?;
            Ok(transaction.commit()?)
        },
        "begin the transaction with BEGIN IMMEDIATE before the first read",
    );
}

#[test]
fn no_transaction_at_all() {
    helps(
        |db| {
            let left = count(db, 1)?;
            write(db, left)
        },
        "read and write within one transaction",
    );
}

const BEGIN_IS_ENOUGH: &str = "(BEGIN is enough for report, which writes nothing)   tried: all";

fn transfer(db: &mut Connection) -> Result<(), BoxError> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute("UPDATE stock SET count = count - 1 WHERE item = 1", [])?;
    transaction.execute("UPDATE stock SET count = count + 1 WHERE item = 2", [])?;
    Ok(transaction.commit()?)
}

fn both(db: &Connection) -> Result<i64, BoxError> {
    Ok(count(db, 1)? + count(db, 2)?)
}

/// A report that reads twice needs a snapshot, and no lock that keeps writers out.
#[test]
fn read_skew() {
    let help = format!("help: read within one transaction {BEGIN_IS_ENOUGH}");
    for db in [wal(), ROLLBACK.in_memory()] {
        let report = |db: &mut Connection| both(db);
        let error = explore(&db).task("report", report).task("writer", transfer).try_run().unwrap_err().to_string();
        assert!(error.contains(&help), "{error}");
        assert!(!error.contains("IMMEDIATE before"), "{error}");
        let with_begin = |db: &mut Connection| both(&*db.transaction()?);
        explore(&db).task("report", with_begin).task("writer", transfer).run();
    }
}

#[test]
fn read_skew_between_two_transactions_or_on_connections_of_its_own() {
    let help = format!("help: read within one transaction {BEGIN_IS_ENOUGH}");
    let twice = |db: &mut Connection| -> Result<i64, BoxError> {
        let one = count(&*db.transaction()?, 1)?;
        Ok(one + count(&*db.transaction()?, 2)?)
    };
    let db = wal();
    let error = explore(&db).task("report", twice).task("writer", transfer).try_run().unwrap_err().to_string();
    assert!(error.contains(&help), "{error}");
    let own = |copy: DbCopy| both(&Connection::open(copy.path())?);
    let error = explore(&db).task_with("report", own).task("writer", transfer).try_run().unwrap_err().to_string();
    assert!(error.contains(&help), "{error}");
}

/// Where the writer needs a transaction as well, BEGIN IMMEDIATE is for that one.
#[test]
fn a_report_beside_a_writer_without_a_transaction() {
    let in_two = |db: &mut Connection| -> Result<(), BoxError> {
        let (one, other) = (count(db, 1)?, count(db, 2)?);
        db.execute("UPDATE stock SET count = ?1 WHERE item = 1", [one - 1])?;
        db.execute("UPDATE stock SET count = ?1 WHERE item = 2", [other + 1])?;
        Ok(())
    };
    let db = wal();
    let error = explore(&db).task("report", |db| both(db)).task("writer", in_two).try_run().unwrap_err().to_string();
    let help =
        format!("help: read and write within one transaction that begins with BEGIN IMMEDIATE {BEGIN_IS_ENOUGH}");
    assert!(error.contains(&help), "{error}");
}

/// Writes unless it has seen a part of a transfer.
fn notes_that_all_is_there(db: &mut Connection) -> Result<bool, BoxError> {
    let is_there = both(db)? == 15;
    if is_there {
        db.execute("INSERT INTO names(name) VALUES ('all is there')", [])?;
    }
    Ok(is_there)
}

/// A task that writes nothing in the schedule of the failure, and writes in a serial order, is no reader.
#[test]
fn what_writes_needs_more_than_a_begin() {
    let db = wal();
    let explore = explore(&db).task("alice", notes_that_all_is_there).task("writer", transfer);
    let error = explore.try_run().unwrap_err().to_string();
    assert!(error.contains("results of this schedule:\n    alice   Ok(false)"), "{error}");
    assert!(error.contains("BEGIN IMMEDIATE") && error.contains("tried: all"), "{error}");
    assert!(!error.contains("BEGIN is enough"), "{error}");
}

const MAY_BE_AN_ERROR: &str = "help: if bob says with Ok(false) that it has noticed a conflict, let it return an error then, and say so: .may_fail()";

/// Sells one item if the stock is as it was read.
fn sell_if_unchanged(db: &Connection) -> Result<bool, BoxError> {
    let left = count(db, 1)?;
    let sql = "UPDATE stock SET count = ?1 - 1 WHERE item = 1 AND count = ?1";
    Ok(db.execute(sql, [left])? == 1)
}

#[test]
fn optimistic_locking_that_returns_false() {
    for db in [wal(), ROLLBACK.in_memory()] {
        let explore = || explore(&db);
        let sell = |db: &mut Connection| sell_if_unchanged(db);
        let error = explore().task("alice", sell).task("bob", sell).try_run().unwrap_err().to_string();
        assert!(error.contains(MAY_BE_AN_ERROR) || error.contains(&MAY_BE_AN_ERROR.replace("bob", "alice")), "{error}");
        let or_error = |db: &mut Connection| match sell_if_unchanged(db)? {
            true => Ok(()),
            false => Err(BoxError::from("somebody else has sold one")),
        };
        explore().task("alice", or_error).task("bob", or_error).may_fail().run();
    }
}

/// Where the task has written, or says nothing, or does not even try to write, no error would make it right.
#[test]
fn what_is_no_conflict_that_was_noticed() {
    let db = wal();
    let says_no_error = |code: fn(&mut Connection) -> Result<bool, BoxError>| {
        let error = explore(&db).task("alice", code).task("bob", code).try_run().unwrap_err().to_string();
        assert!(!error.contains("noticed a conflict"), "{error}");
    };
    says_no_error(|db| {
        let left = count(db, 1)?;
        write(db, left)?;
        Ok(left == 10)
    });
    says_no_error(|db| sell_if_unchanged(db).map(|_| true));
    let explore = explore(&db).task("alice", notes_that_all_is_there).task("writer", transfer);
    let error = explore.try_run().unwrap_err().to_string();
    assert!(!error.contains("noticed a conflict"), "{error}");
}
