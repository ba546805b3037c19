//! Typical bugs of apps, each found by a fault, and their fixes, which pass.

use std::cell::Cell;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use sqlitmus::rusqlite::{Connection, Error, ErrorCode, Result, TransactionBehavior, ffi};
use sqlitmus::{Profile, faults};

use super::{SHOP, db};

const ORDER: &str = "INSERT INTO orders(id, customer, total) VALUES (3, 'ada', 250)";
const ITEMS: &str = "INSERT INTO items(order_id, product, price) VALUES (3, 'tea', 150), (3, 'cup', 100)";

type App = fn(&mut Connection) -> Result<()>;

const PROFILES: [Profile; 3] = [
    Profile::PRODUCTION,
    Profile::SQLITE_DEFAULTS.pragma("journal_mode", "DELETE").pragma("synchronous", "FULL"),
    Profile::SQLITE_DEFAULTS.pragma("journal_mode", "TRUNCATE").pragma("busy_timeout", "100"),
];

#[track_caller]
fn found(bug: App, says: &str) {
    for profile in PROFILES {
        let error = faults::sweep(&db(profile, SHOP), bug).try_run().unwrap_err();
        assert!(error.headline().starts_with(says), "{profile:?}: {error}");
    }
}

#[track_caller]
fn passes(fix: App) {
    for profile in PROFILES {
        let report = faults::sweep(&db(profile, SHOP), fix).every_point().run();
        // Every kind of fault happened, and most of them led to an error.
        assert!(report.kinds.iter().all(|tried| tried.runs == tried.places && tried.missed == 0), "{report}");
        assert!(report.kinds.iter().filter(|tried| tried.errors > 0).count() >= 6, "{profile:?}: {report}");
    }
}

fn in_one_transaction(db: &mut Connection) -> Result<()> {
    let transaction = db.transaction()?;
    transaction.execute(ORDER, [])?;
    transaction.execute(ITEMS, [])?;
    transaction.commit()
}

#[test]
fn two_autocommits() {
    fn bug(db: &mut Connection) -> Result<()> {
        db.execute(ORDER, [])?;
        db.execute(ITEMS, [])?;
        Ok(())
    }
    found(bug, "the action fails on an I/O error and is half applied: orders without items");
    passes(in_one_transaction);
}

#[test]
fn an_ignored_error_of_a_statement() {
    fn bug(db: &mut Connection) -> Result<()> {
        let transaction = db.transaction()?;
        transaction.execute(ORDER, [])?;
        // After an I/O error SQLite has rolled back, and the next statement commits by itself.
        let _ = transaction.execute(ITEMS, []);
        transaction.execute("UPDATE stock SET count = count - 1", [])?;
        transaction.commit()
    }
    found(bug, "the action fails on an I/O error and is half applied: stock without items, orders");
}

#[test]
fn a_statement_after_an_error_runs_alone() {
    fn bug(db: &mut Connection) -> Result<()> {
        db.execute_batch("BEGIN")?;
        let first = db.execute(ORDER, []);
        let second = db.execute("UPDATE stock SET count = count - 1", []);
        db.execute_batch(if first.is_ok() && second.is_ok() { "COMMIT" } else { "ROLLBACK" })
    }
    for profile in PROFILES {
        let error = faults::sweep(&db(profile, SHOP), bug).try_run().unwrap_err();
        assert!(error.headline().contains("stock without orders") || error.headline().contains("Ok after"), "{error}");
    }
}

#[test]
fn an_ignored_error_of_the_commit() {
    fn bug(db: &mut Connection) -> Result<()> {
        let transaction = db.transaction()?;
        transaction.execute(ORDER, [])?;
        let _ = transaction.commit();
        Ok(())
    }
    found(bug, "the action returns Ok after an I/O error but has changed nothing");
}

#[test]
fn a_rollback_that_is_forgotten() {
    fn bug(db: &mut Connection) -> Result<()> {
        db.execute_batch("BEGIN")?;
        db.execute(ORDER, [])?;
        db.execute(ITEMS, [])?;
        db.execute_batch("COMMIT")
    }
    fn fix(db: &mut Connection) -> Result<()> {
        let all = || -> Result<()> {
            db.execute_batch("BEGIN")?;
            db.execute(ORDER, [])?;
            db.execute(ITEMS, [])?;
            db.execute_batch("COMMIT")
        };
        all().inspect_err(|_| {
            if !db.is_autocommit() {
                let _ = db.execute_batch("ROLLBACK");
            }
        })
    }
    for profile in PROFILES {
        let error = faults::sweep(&db(profile, SHOP), bug).try_run().unwrap_err();
        assert!(error.headline().starts_with("the action leaves a transaction open after"), "{error}");
    }
    passes(fix);
}

#[test]
fn a_retry_that_applies_twice() {
    fn once(db: &Connection) -> Result<()> {
        db.execute("UPDATE stock SET count = count - 1 WHERE product = 'tea'", [])?;
        db.execute("INSERT OR REPLACE INTO orders(id, customer) VALUES (3, 'ada')", [])?;
        Ok(())
    }
    fn bug(db: &mut Connection) -> Result<()> {
        once(db).or_else(|_| once(db))
    }
    fn fix(db: &mut Connection) -> Result<()> {
        let mut attempt = || {
            let transaction = db.transaction()?;
            once(&transaction)?;
            transaction.commit()
        };
        // Retry only statements that certainly had no effect: an interrupted COMMIT may have had one.
        attempt().or_else(|error| match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy) => attempt(),
            _ => Err(error),
        })
    }
    found(bug, "the action returns Ok after an I/O error but has made other changes: orders, stock");
    for profile in PROFILES {
        faults::sweep(&db(profile, SHOP), fix).run();
    }
}

#[test]
fn a_savepoint_that_is_released_too_early() {
    fn bug(db: &mut Connection) -> Result<()> {
        // Outside of a transaction, the outermost RELEASE is a COMMIT.
        let all = || db.execute_batch(&format!("SAVEPOINT s; {ORDER}; RELEASE s; {ITEMS};"));
        all().inspect_err(|_| drop(db.execute_batch("ROLLBACK TO s; RELEASE s")))
    }
    fn fix(db: &mut Connection) -> Result<()> {
        let all = || db.execute_batch(&format!("SAVEPOINT s; {ORDER}; {ITEMS}; RELEASE s;"));
        // ROLLBACK TO and RELEASE would be a COMMIT too, and may also fail.
        all().inspect_err(|_| drop(db.execute_batch("ROLLBACK")))
    }
    found(bug, "the action fails on an I/O error and is half applied: orders without items");
    passes(fix);
}

/// When it is dropped, rusqlite's Savepoint runs a ROLLBACK TO and a RELEASE, which may also fail.
#[test]
fn a_savepoint_in_place_of_a_transaction() {
    fn bug(db: &mut Connection) -> Result<()> {
        let savepoint = db.savepoint()?;
        savepoint.execute(ORDER, [])?;
        savepoint.execute(ITEMS, [])?;
        savepoint.commit()
    }
    let error = faults::sweep(&db(PROFILES[1], SHOP), bug).try_run().unwrap_err();
    assert!(error.headline().starts_with("the action leaves a transaction open after"), "{error}");
    assert!(error.to_string().contains("help: the outermost SAVEPOINT is a transaction"), "{error}");
    passes(in_one_transaction);
}

#[test]
fn user_version_outside_of_the_transaction() {
    fn bug(db: &mut Connection) -> Result<()> {
        let transaction = db.transaction()?;
        transaction.execute_batch("ALTER TABLE orders ADD COLUMN note TEXT")?;
        transaction.commit()?;
        db.pragma_update(None, "user_version", 2)
    }
    fn fix(db: &mut Connection) -> Result<()> {
        let transaction = db.transaction()?;
        transaction.execute_batch("ALTER TABLE orders ADD COLUMN note TEXT; PRAGMA user_version = 2")?;
        transaction.commit()
    }
    found(bug, "the action fails on an I/O error and is half applied: orders");
    passes(fix);
}

#[test]
fn application_id_outside_of_the_transaction() {
    fn bug(db: &mut Connection) -> Result<()> {
        db.execute(ORDER, [])?;
        db.pragma_update(None, "application_id", 7)
    }
    let error = faults::sweep(&db(PROFILES[0], SHOP), bug).try_run().unwrap_err();
    assert!(error.to_string().contains("missing:\n    PRAGMA application_id: 0 -> 7\n"), "{error}");
}

/// A number that the app makes anew in each run is not compared.
#[test]
fn another_user_version_in_each_run() {
    static NEXT: AtomicI64 = AtomicI64::new(1);
    fn stamps(db: &mut Connection) -> Result<()> {
        db.pragma_update(None, "user_version", NEXT.fetch_add(1, Ordering::Relaxed))
    }
    let report = faults::sweep(&db(PROFILES[0], SHOP), stamps).run();
    assert!(report.to_string().contains("PRAGMA user_version"), "{report}");
}

#[test]
fn a_file_written_beside_the_database() {
    fn place_order(db: &mut Connection, folder: &Path, too_early: bool) -> Result<(), Box<dyn std::error::Error>> {
        let receipt = folder.join("3.txt");
        let _ = std::fs::remove_file(&receipt);
        let transaction = db.transaction()?;
        transaction.execute(ORDER, [])?;
        if too_early {
            std::fs::write(&receipt, "250")?;
        }
        transaction.commit()?;
        if !too_early {
            std::fs::write(&receipt, "250")?;
        }
        Ok(())
    }
    let folder = tempfile::tempdir().unwrap();
    let test = |too_early: bool| {
        let db = db(Profile::PRODUCTION, SHOP);
        faults::sweep(&db, |db| place_order(db, folder.path(), too_early))
            .invariant(|db| {
                let orders: i64 = db.query_row("SELECT count(*) FROM orders", [], |row| row.get(0)).unwrap();
                let receipts = std::fs::read_dir(folder.path()).unwrap().count();
                if i64::try_from(receipts).unwrap() <= orders { Ok(()) } else { Err("a receipt for no order") }
            })
            .try_run()
    };
    let error = test(true).unwrap_err();
    assert!(error.headline().ends_with("breaks an invariant"), "{error}");
    assert!(error.to_string().contains("a receipt for no order"), "{error}");
    test(false).unwrap();
}

#[test]
fn an_unwrap_on_the_way() {
    fn bug(db: &mut Connection) -> Result<()> {
        let transaction = db.transaction()?;
        transaction.execute(ORDER, []).unwrap();
        transaction.commit()
    }
    let error = faults::sweep(&db(Profile::PRODUCTION, SHOP), bug).try_run().unwrap_err();
    assert_eq!(error.headline(), "the action panics on an I/O error");
}

#[test]
fn an_answer_that_is_read_after_the_commit() {
    fn total(db: &Connection) -> Result<i64> {
        db.query_row("SELECT sum(price) FROM items, stock", [], |row| row.get(0))
    }
    fn bug(db: &mut Connection) -> Result<i64> {
        in_one_transaction(db)?;
        total(db)
    }
    fn fix(db: &mut Connection) -> Result<i64> {
        let transaction = db.transaction()?;
        transaction.execute(ORDER, [])?;
        transaction.execute(ITEMS, [])?;
        let total = total(&transaction)?;
        transaction.commit()?;
        Ok(total)
    }
    let shop = db(PROFILES[1], SHOP);
    let error = faults::sweep(&shop, bug).try_run().unwrap_err();
    assert_eq!(error.headline(), "the action fails on an I/O error after it has committed: items, orders");
    faults::sweep(&shop, bug).may_fail_after_commit().run();
    faults::sweep(&shop, fix).run();
}

/// An interrupted statement rolls its transaction back at times, and what follows commits. The second copy is refused unless that
/// has happened, so that everything is done in any case, but the action says that it has failed.
#[test]
fn an_ignored_error_of_a_statement_that_runs_again() {
    const JOBS: &str = "CREATE TABLE jobs(id INTEGER PRIMARY KEY); CREATE TABLE done(id INTEGER PRIMARY KEY);
        CREATE TABLE runs(count INT); INSERT INTO jobs VALUES (1), (2); INSERT INTO runs VALUES (0);";
    fn archive(db: &mut Connection, ignores_errors: bool) -> Result<()> {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for _ in 0..2 {
            transaction.execute("INSERT INTO done SELECT id FROM jobs", [])?;
            let deleted = transaction.execute("DELETE FROM jobs WHERE id < 9", []);
            if !ignores_errors {
                deleted?;
            }
            transaction.execute("UPDATE runs SET count = count + 1", [])?;
        }
        transaction.commit()
    }
    let db = db(Profile::PRODUCTION, JOBS);
    let error = faults::sweep(&db, |db| archive(db, true)).try_run().unwrap_err();
    let says =
        "the action goes on after an interrupt, and returns an error when it has done everything: done, jobs, runs";
    assert_eq!(error.headline(), says);
    faults::sweep(&db, |db| archive(db, false)).run();
    // What was done before the interrupt is no reason to complain.
    faults::sweep(&db, |db| archive(db, false).and_then(|()| db.query_row("SELECT 1", [], |row| row.get::<_, i64>(0))))
        .only(faults::Kind::Interrupt)
        .run();
}

/// `query_row` stops at the first row and ignores an error at the end, where a statement by itself commits.
#[test]
fn returning_read_by_query_row() {
    const INSERT: &str = "INSERT INTO orders(customer) VALUES ('ada') RETURNING id";
    fn bug(db: &mut Connection) -> Result<()> {
        db.query_row(INSERT, [], |row| row.get::<_, i64>(0)).map(drop)
    }
    fn to_the_last_row(db: &mut Connection) -> Result<()> {
        let mut insert = db.prepare(INSERT)?;
        insert.query_map([], |row| row.get::<_, i64>(0))?.collect::<Result<Vec<i64>>>().map(drop)
    }
    fn in_a_transaction(db: &mut Connection) -> Result<()> {
        let transaction = db.transaction()?;
        transaction.query_row(INSERT, [], |row| row.get::<_, i64>(0))?;
        transaction.commit()
    }
    found(bug, "the action returns Ok after an I/O error but has changed nothing");
    let error = faults::sweep(&db(Profile::PRODUCTION, SHOP), bug).try_run().unwrap_err();
    assert!(error.to_string().contains("help: a statement with RETURNING commits when it ends"), "{error}");
    passes(to_the_last_row);
    passes(in_a_transaction);
}

#[test]
fn a_failed_read_counts_as_zero() {
    fn bug(db: &mut Connection) -> Result<()> {
        let count: i64 = db.query_row("SELECT max(count) FROM stock", [], |row| row.get(0)).unwrap_or(0);
        db.execute("UPDATE stock SET count = ?1 WHERE product = 'tea'", [count + 1])?;
        Ok(())
    }
    fn fix(db: &mut Connection) -> Result<()> {
        let count: i64 = db.query_row("SELECT max(count) FROM stock", [], |row| row.get(0))?;
        db.execute("UPDATE stock SET count = ?1 WHERE product = 'tea'", [count + 1])?;
        Ok(())
    }
    found(bug, "the action returns Ok after an I/O error but has made other changes: stock");
    passes(fix);
}

#[test]
fn another_price_when_it_is_tried_again() {
    let failed = Cell::new(false);
    let shop = db(Profile::PRODUCTION, SHOP);
    let result = faults::sweep(&shop, |db| {
        let total = if failed.get() { 200 } else { 250 };
        let done = db.execute("INSERT INTO orders(id, customer, total) VALUES (3, 'ada', ?1)", [total]);
        failed.set(done.is_err());
        done
    });
    let error = result.try_run().unwrap_err();
    assert_eq!(error.headline(), "the action makes other changes when it is run again after an I/O error");
    assert!(error.to_string().contains("~ id=3 total: 250 -> 200"), "{error}");
}

#[test]
fn a_flag_that_stays_set() {
    let busy = Cell::new(false);
    let shop = db(Profile::PRODUCTION, SHOP);
    let result = faults::sweep(&shop, |db| {
        if busy.replace(true) {
            return Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_MISUSE), Some("still at work".into())));
        }
        in_one_transaction(db)?;
        busy.set(false);
        Ok(())
    });
    let error = result.try_run().unwrap_err();
    assert_eq!(error.headline(), "the action still fails when an I/O error is over");
    faults::sweep(&shop, |db| {
        busy.set(true);
        let done = in_one_transaction(db);
        busy.set(false);
        done
    })
    .run();
}
