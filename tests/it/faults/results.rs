//! What an action returns after a fault, what it leaves on its connection, and code that tries again.

use std::cell::Cell;
use std::time::Duration;

use sqlitmus::faults::{self, Kind};
use sqlitmus::rusqlite::backup::Backup;
use sqlitmus::rusqlite::{Connection, ErrorCode, OptionalExtension, Result, TransactionBehavior};
use sqlitmus::{Profile, TestDb};

use super::{SHOP, db};

fn shop() -> TestDb {
    let db = db(Profile::PRODUCTION, SHOP);
    db.execute_batch(
        "INSERT INTO orders(id, customer, total) VALUES (1, 'ada', 10), (2, 'bob', 20);
         INSERT INTO items(order_id, product, price) VALUES (1, 'tea', 10), (2, 'cup', 20)",
    )
    .unwrap();
    db
}

#[track_caller]
fn headline<T: std::fmt::Debug>(action: impl FnMut(&mut Connection) -> Result<T>) -> String {
    let db = shop();
    let error = faults::sweep(&db, action).try_run().unwrap_err();
    error.headline().to_owned()
}

#[track_caller]
fn passes<T: std::fmt::Debug>(action: impl FnMut(&mut Connection) -> Result<T>) {
    let db = shop();
    let report = faults::sweep(&db, action).run();
    assert!(report.runs() > 5, "{report}");
}

const ANOTHER_VALUE: &str = "the action returns Ok with another value after an I/O error";

#[test]
fn a_default_hides_a_failed_read() {
    assert_eq!(
        headline(|db| Ok(db.query_row("SELECT sum(total) FROM orders", [], |row| row.get::<_, i64>(0)).unwrap_or(0))),
        ANOTHER_VALUE
    );
    passes(|db| db.query_row("SELECT sum(total) FROM orders", [], |row| row.get::<_, i64>(0)));
}

#[test]
fn rows_that_cannot_be_read_are_left_out() {
    assert_eq!(
        headline(|db| {
            let mut all = db.prepare("SELECT customer FROM orders")?;
            let names = all.query_map([], |row| row.get::<_, String>(0))?;
            Ok(names.filter_map(Result::ok).collect::<Vec<_>>())
        }),
        ANOTHER_VALUE
    );
    passes(|db| {
        let mut all = db.prepare("SELECT customer FROM orders")?;
        all.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>>>()
    });
}

#[test]
fn an_error_is_no_absence() {
    fn find(db: &Connection) -> Result<i64> {
        db.query_row("SELECT id FROM orders WHERE customer = 'ada'", [], |row| row.get(0))
    }
    assert_eq!(headline(|db| Ok(find(db).is_ok())), ANOTHER_VALUE);
    assert_eq!(headline(|db| Ok(find(db).ok())), ANOTHER_VALUE);
    passes(|db| find(db).optional());
}

#[test]
fn a_default_that_is_meant() {
    let total = |db: &mut Connection| -> Result<i64> {
        Ok(db.query_row("SELECT sum(total) FROM orders", [], |row| row.get(0)).unwrap_or(-1))
    };
    faults::sweep(&shop(), total).may_return(-1).run();
    let error = faults::sweep(&shop(), total).may_return(0).try_run().unwrap_err();
    let text = error.to_string();
    assert!(text.contains("the action returned:\n    Ok(-1)\n"), "{text}");
    assert!(text.contains("without a fault it returns:\n    Ok(30)\n"), "{text}");
    assert!(text.contains(".may_return(value)"), "{text}");
}

#[test]
fn a_value_that_differs_each_time_is_not_compared() {
    let runs = Cell::new(0);
    let report = faults::sweep(&shop(), |db| {
        runs.set(runs.get() + 1);
        db.query_row("SELECT count(*) FROM orders", [], |row| row.get::<_, i64>(0)).map(|count| (count, runs.get()))
    })
    .run();
    assert!(report.ignores_value);
    assert!(report.to_string().ends_with("not compared: what the action returns, because it differs from run to run"));
}

#[test]
fn a_second_answer_of_the_same_call() {
    let cached = Cell::new(None::<i64>);
    let db = shop();
    let error = faults::sweep(&db, |db| -> Result<i64> {
        let read = db.query_row("SELECT total FROM orders WHERE id = 2", [], |row| row.get::<_, i64>(0));
        // A failure is remembered.
        let answer = if cached.get().is_some() { Ok(0) } else { read };
        cached.set(answer.is_err().then_some(0));
        answer
    })
    .try_run()
    .unwrap_err();
    assert_eq!(error.headline(), ANOTHER_VALUE);
}

fn without_foreign_keys(db: &mut Connection, restore: bool) -> Result<()> {
    db.execute_batch("PRAGMA foreign_keys = OFF")?;
    let work = |db: &mut Connection| {
        let transaction = db.transaction()?;
        transaction.execute("INSERT INTO orders(id, customer, total) VALUES (3, 'eve', 5)", [])?;
        transaction.commit()
    };
    let done = work(db);
    if !restore {
        done?;
        return db.execute_batch("PRAGMA foreign_keys = ON");
    }
    db.execute_batch("PRAGMA foreign_keys = ON")?;
    done
}

#[test]
fn foreign_keys_stay_off() {
    let db = shop();
    let error = faults::sweep(&db, |db| without_foreign_keys(db, false)).only(Kind::Io).try_run().unwrap_err();
    assert_eq!(error.headline(), "the action leaves the connection changed after an I/O error");
    assert!(error.to_string().contains("PRAGMA foreign_keys: 1 -> 0"), "{error}");
    faults::sweep(&db, |db| without_foreign_keys(db, true)).only(Kind::Io).run();
}

#[test]
fn a_database_stays_attached() {
    fn copy(db: &mut Connection, detach: bool) -> Result<()> {
        db.execute_batch("ATTACH ':memory:' AS scratch")?;
        let work = db.execute_batch(
            "CREATE TABLE scratch.totals AS SELECT total FROM orders;
             UPDATE stock SET count = (SELECT sum(total) FROM scratch.totals)",
        );
        if !detach {
            work?;
            return db.execute_batch("DETACH scratch");
        }
        db.execute_batch("DETACH scratch")?;
        work
    }
    let db = shop();
    let error = faults::sweep(&db, |db| copy(db, false)).only(Kind::Io).try_run().unwrap_err();
    assert_eq!(error.headline(), "the action leaves the connection changed after an I/O error");
    assert!(error.to_string().contains("an attached database: scratch"), "{error}");
    faults::sweep(&db, |db| copy(db, true)).only(Kind::Io).run();
}

#[test]
fn a_temporary_table_stays() {
    fn discount(db: &mut Connection, drop_it: bool) -> Result<()> {
        db.execute_batch("CREATE TEMP TABLE cheap AS SELECT id FROM orders WHERE total < 15")?;
        let work = db.execute("UPDATE orders SET total = 0 WHERE id IN (SELECT id FROM temp.cheap)", []);
        if !drop_it {
            work?;
            return db.execute_batch("DROP TABLE temp.cheap");
        }
        db.execute_batch("DROP TABLE temp.cheap")?;
        work.map(drop)
    }
    let db = shop();
    let error = faults::sweep(&db, |db| discount(db, false)).only(Kind::Busy).only(Kind::BusyTimeout).try_run();
    let error = error.unwrap_err();
    assert_eq!(error.headline(), "the action leaves the connection changed after a busy timeout that runs out");
    assert!(error.to_string().contains("a temporary table: cheap"), "{error}");
    faults::sweep(&db, |db| discount(db, true)).only(Kind::Busy).only(Kind::BusyTimeout).run();
}

#[test]
fn a_setting_that_the_action_means_to_change() {
    passes(|db| {
        db.execute_batch("PRAGMA busy_timeout = 100")?;
        db.execute("UPDATE stock SET count = 7", [])
    });
}

#[test]
fn an_action_that_sets_its_connection_up_is_made_for_a_new_one() {
    passes(|db| {
        db.execute_batch("CREATE TEMP TABLE basket(product TEXT); INSERT INTO basket VALUES ('tea')")?;
        db.execute("UPDATE stock SET count = count - 1 WHERE product IN (SELECT product FROM basket)", [])
    });
}

fn post(db: &Connection) -> Result<()> {
    db.execute("UPDATE stock SET count = count - 1 WHERE product = 'tea'", []).map(drop)
}

#[test]
fn work_is_done_twice_when_a_commit_was_busy() {
    // In rollback mode a reader can make COMMIT busy; the transaction stays open.
    let profile = Profile::SQLITE_DEFAULTS.pragma("journal_mode", "DELETE");
    let bug = |db: &mut Connection| -> Result<()> {
        db.execute_batch("BEGIN IMMEDIATE")?;
        let all = || post(db).and_then(|()| db.execute_batch("COMMIT"));
        let done = all().or_else(|error| match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy) => all(),
            _ => Err(error),
        });
        done.inspect_err(|_| {
            if !db.is_autocommit() {
                let _ = db.execute_batch("ROLLBACK");
            }
        })
    };
    let error = faults::sweep(&db(profile, SHOP), bug).only(Kind::BusyTimeout).try_run().unwrap_err();
    assert_eq!(
        error.headline(),
        "the action returns Ok after a busy timeout that runs out but has made other changes: stock"
    );
    let fix = |db: &mut Connection| -> Result<()> {
        db.execute_batch("BEGIN IMMEDIATE")?;
        let done = post(db).and_then(|()| {
            db.execute_batch("COMMIT").or_else(|error| match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy) => db.execute_batch("COMMIT"),
                _ => Err(error),
            })
        });
        done.inspect_err(|_| {
            if !db.is_autocommit() {
                let _ = db.execute_batch("ROLLBACK");
            }
        })
    };
    faults::sweep(&db(profile, SHOP), fix).only(Kind::BusyTimeout).run();
}

fn once(db: &mut Connection) -> Result<()> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    post(&transaction)?;
    transaction.commit()
}

#[test]
fn waiting_for_a_lock_without_an_end() {
    passes(|db| {
        loop {
            match once(db) {
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                    std::thread::sleep(Duration::from_micros(10));
                }
                done => return done,
            }
        }
    });
}

#[test]
fn trying_any_error_again_without_an_end() {
    let db = shop();
    let error = faults::sweep(&db, |db| -> Result<()> {
        loop {
            if once(db).is_ok() {
                return Ok(());
            }
        }
    })
    .only(Kind::IoFromThenOn)
    .try_run()
    .unwrap_err();
    assert_eq!(error.headline(), "the action does not end while there is a disk that fails from then on");
    let text = error.to_string();
    assert!(text.contains(" times UPDATE stock SET count = count - 1"), "{text}");
}

#[test]
fn a_few_tries_pass() {
    passes(|db| {
        let mut done = once(db);
        for _ in 0..3 {
            match &done {
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => done = once(db),
                _ => break,
            }
        }
        done
    });
}

#[test]
fn a_backup_to_completion_ends() {
    let db = shop();
    faults::sweep(&db, |db| {
        let mut copy = Connection::open_in_memory()?;
        Backup::new(db, &mut copy)?.run_to_completion(5, Duration::ZERO, None)
    })
    .run();
}

#[test]
fn a_database_that_is_restored_is_the_old_one_or_the_new_one() {
    let restore = |db: &mut Connection| {
        let mut source = Connection::open_in_memory()?;
        Backup::new(db, &mut source)?.run_to_completion(5, Duration::ZERO, None)?;
        source.execute_batch("DELETE FROM items")?;
        Backup::new(&source, db)?.run_to_completion(1, Duration::ZERO, None)
    };
    let db = shop();
    faults::sweep(&db, restore).run();
    let error = faults::sweep(&db, |db| {
        db.execute_batch("DELETE FROM items")?;
        restore(db)
    });
    let says = "the action fails on an I/O error after it has committed: items";
    assert_eq!(error.try_run().unwrap_err().headline(), says);
}
