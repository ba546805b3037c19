//! Actions that do not end after a fault, whatever they ignore.

use sqlitmus::faults::{self, Kind};
use sqlitmus::rusqlite::{Connection, Result, TransactionBehavior};
use sqlitmus::{Profile, crash};

use super::{SHOP, db};

const TAKE: &str = "UPDATE stock SET count = count - 1 WHERE product = 'tea'";

fn sweep<'a>(db: &'a sqlitmus::TestDb, action: fn(&mut Connection) -> Result<()>) -> faults::Sweep<'a> {
    faults::sweep(db, action)
}

/// SQLite may begin a transaction although its BEGIN is interrupted, and each further BEGIN fails then.
#[test]
fn a_transaction_that_is_tried_for_ever() {
    fn bug(db: &mut Connection) -> Result<()> {
        loop {
            if let Ok(transaction) = db.transaction_with_behavior(TransactionBehavior::Immediate) {
                transaction.execute(TAKE, [])?;
                return transaction.commit();
            }
        }
    }
    let db = db(Profile::PRODUCTION, SHOP);
    let report = sweep(&db, bug).only(Kind::Interrupt).run();
    assert!(report.runs() > 10, "{report}");
}

#[test]
fn a_transaction_that_is_left_open_and_begun_again() {
    fn one(db: &Connection) -> Result<()> {
        db.execute_batch(&format!("BEGIN IMMEDIATE; {TAKE}; COMMIT"))
    }
    fn bug(db: &mut Connection) -> Result<()> {
        while one(db).is_err() {}
        Ok(())
    }
    fn fix(db: &mut Connection) -> Result<()> {
        let mut done = one(db);
        for _ in 0..3 {
            if done.is_err() {
                if !db.is_autocommit() {
                    db.execute_batch("ROLLBACK")?;
                }
                done = one(db);
            }
        }
        done.inspect_err(|_| drop(db.execute_batch("ROLLBACK")))
    }
    // In rollback mode a reader can make COMMIT busy; the transaction stays open.
    let db = db(Profile::SQLITE_DEFAULTS.pragma("journal_mode", "DELETE"), SHOP);
    let error = sweep(&db, bug).only(Kind::BusyTimeout).try_run().unwrap_err();
    assert_eq!(error.headline(), "the action does not end after a busy timeout that runs out");
    let text = error.to_string();
    assert!(text.contains(": BEGIN IMMEDIATE"), "{text}");
    assert!(text.contains("help: a transaction that an error has left open needs its ROLLBACK"), "{text}");
    sweep(&db, fix).run();
}

#[test]
fn a_row_that_never_comes() {
    fn bug(db: &mut Connection) -> Result<()> {
        let _ = db.execute("INSERT INTO orders(id, customer, total) VALUES (7, 'ada', 10)", []);
        while db.query_row("SELECT count(*) FROM orders WHERE id = 7", [], |row| row.get::<_, i64>(0))? == 0 {}
        Ok(())
    }
    fn fix(db: &mut Connection) -> Result<()> {
        db.execute("INSERT INTO orders(id, customer, total) VALUES (7, 'ada', 10)", [])?;
        db.query_row("SELECT count(*) FROM orders WHERE id = 7", [], |row| row.get::<_, i64>(0)).map(drop)
    }
    let db = db(Profile::PRODUCTION, SHOP);
    let error = sweep(&db, bug).only(Kind::Full).try_run().unwrap_err();
    assert_eq!(error.headline(), "the action does not end after a full disk");
    assert!(error.to_string().contains("SELECT count(*) FROM orders WHERE id = 7"), "{error}");
    sweep(&db, fix).may_fail_after_commit().run();
}

/// What a run that was cut off has left makes the next one wait.
#[test]
fn a_lock_of_the_app_that_nobody_gives_back() {
    fn work(db: &Connection) -> Result<()> {
        db.execute(TAKE, [])?;
        db.execute("DELETE FROM orders WHERE id = 9", []).map(drop)
    }
    fn bug(db: &mut Connection) -> Result<()> {
        while db.execute("INSERT OR IGNORE INTO orders(id, customer, total) VALUES (9, 'lock', 0)", [])? == 0 {}
        work(db)
    }
    let profile = Profile::DURABLE;
    let db = db(profile, SHOP);
    let error = sweep(&db, bug).each_transaction().try_run().unwrap_err();
    assert_eq!(error.headline(), "the action does not end when it is run again after an I/O error");
    let error = crash::test(&db, bug).each_transaction().try_run().unwrap_err();
    let says = "the action does not end when it is run again: killing the process after 1 of 3 commits";
    assert_eq!(error.headline(), says);
    assert!(error.to_string().contains("INSERT OR IGNORE INTO orders"), "{error}");
}
