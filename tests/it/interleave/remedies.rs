//! The remedies that a failure offers: each was tried, also where a task begins transactions of its own.

use sqlitmus::BoxError;
use sqlitmus::interleave::explore;
use sqlitmus::rusqlite::{Connection, TransactionBehavior};

use super::{ROLLBACK, count, wal};

type Code = fn(&mut Connection) -> Result<(), BoxError>;

#[track_caller]
fn helps(code: Code, remedy: &str) {
    for db in [wal(), ROLLBACK.in_memory()] {
        let error = explore(&db).task("alice", code).task("bob", code).try_run().unwrap_err().to_string();
        let found = error.lines().find(|line| line.contains("tried: all")).unwrap_or_else(|| panic!("{error}"));
        assert!(found.contains(remedy), "{error}");
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

/// A report that reads twice gets its remedy too.
#[test]
fn read_skew() {
    let db = wal();
    let report = |db: &mut Connection| -> Result<i64, BoxError> { Ok(count(db, 1)? + count(db, 2)?) };
    let transfer = |db: &mut Connection| -> Result<(), BoxError> {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute("UPDATE stock SET count = count - 1 WHERE item = 1", [])?;
        transaction.execute("UPDATE stock SET count = count + 1 WHERE item = 2", [])?;
        Ok(transaction.commit()?)
    };
    let error = explore(&db).task("report", report).task("writer", transfer).try_run().unwrap_err().to_string();
    assert!(error.contains("tried: all"), "{error}");
}
