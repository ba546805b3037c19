//! Typical bugs of apps: each is found, and its fix passes.

use sqlitmus::interleave::{Explore, explore};
use sqlitmus::rusqlite::{Connection, Error, OptionalExtension, Result, TransactionBehavior, ffi};
use sqlitmus::{BoxError, TestDb};

use super::{ROLLBACK, count, wal};

type Code<T> = fn(&mut Connection) -> Result<T, BoxError>;

/// Runs two tasks with the same code: `bug` has to fail with this headline, `fix` has to pass.
#[track_caller]
fn pair<T: std::fmt::Debug + 'static>(db: &TestDb, headline: &str, bug: Code<T>, fix: Code<T>) {
    let twice = |code: Code<T>| explore(db).task("alice", code).task("bob", code);
    found(twice(bug), headline);
    assert!(twice(fix).run().is_exhaustive());
}

#[track_caller]
fn found(explore: Explore<'_>, headline: &str) {
    let error = explore.try_run().unwrap_err();
    assert_eq!(error.headline(), headline, "{error}");
}

#[test]
fn read_then_write_without_a_transaction() {
    fn bug(db: &mut Connection) -> Result<(), BoxError> {
        let left = count(db, 1)?;
        db.execute("UPDATE stock SET count = ?1 WHERE item = 1", [left - 1])?;
        Ok(())
    }
    fn fix(db: &mut Connection) -> Result<(), BoxError> {
        db.execute("UPDATE stock SET count = count - 1 WHERE item = 1", [])?;
        Ok(())
    }
    for db in [wal(), ROLLBACK.in_memory(), ROLLBACK.on_disk()] {
        pair(&db, "lost update: the state is as if bob had not run", bug, fix);
    }
}

fn buy(db: &mut Connection, behavior: TransactionBehavior) -> Result<i64, BoxError> {
    let transaction = db.transaction_with_behavior(behavior)?;
    let left = count(&transaction, 1)?;
    transaction.execute("UPDATE stock SET count = ?1 WHERE item = 1", [left - 1])?;
    transaction.commit()?;
    Ok(left)
}

#[test]
fn a_deferred_transaction_that_reads_first() {
    for db in [wal(), ROLLBACK.in_memory()] {
        pair(
            &db,
            "alice fails with SQLITE_BUSY, and no busy_timeout helps: it has read, and another task is writing",
            |db| buy(db, TransactionBehavior::Deferred),
            |db| buy(db, TransactionBehavior::Immediate),
        );
    }
}

/// Both orders exist, but the stock shows only one of them.
#[test]
fn one_overwritten_update_among_others() {
    fn take(db: &Connection, count_of: i64) -> Result<(), BoxError> {
        let left = count(db, 1)?;
        db.execute("UPDATE stock SET count = ?1 WHERE item = 1", [left - count_of])?;
        db.execute("INSERT INTO names(name) VALUES ('taken: ' || ?1)", [count_of])?;
        Ok(())
    }
    let db = wal();
    found(
        explore(&db).task("alice", |db| take(db, 1)).task("bob", |db| take(db, 2)),
        "lost update: alice and bob change the same row of stock, and one change is gone",
    );
    let fixed = |db: &mut Connection, count_of| -> Result<(), BoxError> {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        take(&transaction, count_of)?;
        Ok(transaction.commit()?)
    };
    explore(&db).task("alice", move |db| fixed(db, 1)).task("bob", move |db| fixed(db, 2)).run();
}

#[test]
fn a_number_counted_in_the_app() {
    fn bug(db: &mut Connection) -> Result<i64, BoxError> {
        let last: i64 = db.query_row("SELECT coalesce(max(name), 0) FROM names", [], |row| row.get(0))?;
        db.execute("INSERT INTO names(name) VALUES (?1)", [last + 1])?;
        Ok(last + 1)
    }
    fn fix(db: &mut Connection) -> Result<i64, BoxError> {
        let sql = "INSERT INTO names(name) SELECT coalesce(max(name), 0) + 1 FROM names RETURNING CAST(name AS INT)";
        let mut insert = db.prepare(sql)?;
        let numbers: Vec<i64> = insert.query_map([], |row| row.get(0))?.collect::<Result<_>>()?;
        Ok(numbers[0])
    }
    let db = sqlitmus::Template::empty().profile(sqlitmus::Profile::PRODUCTION).in_memory();
    db.execute_batch("CREATE TABLE names(id INTEGER PRIMARY KEY, name INTEGER NOT NULL)").unwrap();
    pair(&db, "write skew: alice, bob each change data that another one relied on", bug, fix);
}

#[test]
fn check_then_insert() {
    fn bug(db: &mut Connection) -> Result<(), BoxError> {
        let found = db.query_row("SELECT id FROM names WHERE name = 'tea'", [], |_| Ok(())).optional()?;
        if found.is_none() {
            db.execute("INSERT INTO names(name) VALUES ('tea')", [])?;
        }
        Ok(())
    }
    fn fix(db: &mut Connection) -> Result<(), BoxError> {
        db.execute("INSERT INTO names(name) VALUES ('tea') ON CONFLICT DO NOTHING", [])?;
        Ok(())
    }
    let db = wal();
    found(
        explore(&db).task("alice", bug).task("bob", bug),
        "write skew: alice, bob each change data that another one relied on",
    );
    db.execute_batch("CREATE UNIQUE INDEX names_name ON names(name)").unwrap();
    explore(&db).task("alice", fix).task("bob", fix).run();
    // With only the index, one task fails and changes nothing. In a serial order no task fails.
    let headline = "bob fails only because alice runs at the same time: UNIQUE constraint failed: names.name";
    found(explore(&db).task("alice", bug).task("bob", bug), headline);
    let report = explore(&db).task("alice", bug).task("bob", bug).may_fail().run();
    assert!(report.outcomes().any(|(outcome, _)| outcome.contains("fails: UNIQUE constraint failed: names.name")));
}

#[test]
fn errors_of_a_serial_order_pass() {
    // The second task finds nothing left, also one after another.
    fn buy_the_last(db: &mut Connection) -> Result<(), BoxError> {
        match db.execute("UPDATE stock SET count = count - 8 WHERE item = 1 AND count >= 8", [])? {
            1 => Ok(()),
            _ => Err("sold out".into()),
        }
    }
    let report = explore(&wal()).task("alice", buy_the_last).task("bob", buy_the_last).run();
    assert!(report.is_exhaustive());

    // Between two steps of the other task, the text has another number.
    let one_by_one =
        ["UPDATE stock SET count = count - 3 WHERE item = 1", "UPDATE stock SET count = count - 1 WHERE item = 1"];
    let buy_eight = |db: &mut Connection| -> Result<(), BoxError> {
        match db.execute("UPDATE stock SET count = count - 8 WHERE item = 1 AND count >= 8", [])? {
            1 => Ok(()),
            _ => Err(format!("{} left", count(db, 1)?).into()),
        }
    };
    let report = explore(&wal()).task("alice", buy_eight).steps("bob", one_by_one).run();
    assert!(report.outcomes().any(|(outcome, _)| outcome == "bob alone; alice fails: 7 left"), "{report}");

    // Another text is another error: the trigger stops a task that reads the count first and then sells.
    fn take(db: &Connection) -> Result<(), BoxError> {
        if count(db, 1)? < 8 {
            return Err("sold out".into());
        }
        db.execute("UPDATE stock SET count = count - 8 WHERE item = 1", [])?;
        Ok(())
    }
    let checked = wal();
    checked
        .execute_batch(
            "CREATE TRIGGER enough BEFORE UPDATE ON stock WHEN new.count < 0 BEGIN SELECT raise(ABORT, 'not enough'); END",
        )
        .unwrap();
    let headline = "bob fails only because alice runs at the same time: not enough";
    found(explore(&checked).task("alice", |db| take(db)).task("bob", |db| take(db)), headline);

    // An outdated version is caused by the others.
    fn save(db: &mut Connection) -> Result<(), BoxError> {
        let version = count(db, 1)?;
        match db.execute("UPDATE stock SET count = count + 1 WHERE item = 1 AND count = ?1", [version])? {
            1 => Ok(()),
            _ => Err("somebody else has saved".into()),
        }
    }
    let headline = "bob fails only because alice runs at the same time: somebody else has saved";
    found(explore(&wal()).task("alice", save).task("bob", save), headline);
    explore(&wal()).task("alice", save).task("bob", save).may_fail().run();
}

/// At least one doctor has to be on call. Each sees that the other is on call, and leaves.
#[test]
fn write_skew() {
    fn leave(db: &Connection, name: &str) -> Result<(), BoxError> {
        let others: i64 =
            db.query_row("SELECT count(*) FROM doctors WHERE on_call AND name <> ?1", [name], |row| row.get(0))?;
        if others > 0 {
            db.execute("UPDATE doctors SET on_call = 0 WHERE name = ?1", [name])?;
        }
        Ok(())
    }
    fn leave_in_one_transaction(db: &mut Connection, name: &str) -> Result<(), BoxError> {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        leave(&transaction, name)?;
        Ok(transaction.commit()?)
    }
    let db = wal();
    found(
        explore(&db).task("ada", |db| leave(db, "ada")).task("bob", |db| leave(db, "bob")),
        "write skew: ada, bob each change data that another one relied on",
    );
    explore(&db)
        .task("ada", |db| leave_in_one_transaction(db, "ada"))
        .task("bob", |db| leave_in_one_transaction(db, "bob"))
        .run();
}

fn is_busy(error: &Error) -> bool {
    error.sqlite_error_code() == Some(ffi::ErrorCode::DatabaseBusy)
}

#[test]
fn a_retry_that_applies_twice() {
    fn transfer(db: &Connection) -> Result<()> {
        db.execute("UPDATE stock SET count = count - 1 WHERE item = 1", [])?;
        db.execute("UPDATE stock SET count = count + 1 WHERE item = 2", []).map(drop)
    }
    fn bug(db: &mut Connection) -> Result<(), BoxError> {
        db.busy_timeout(std::time::Duration::ZERO)?;
        loop {
            match transfer(db) {
                Err(error) if is_busy(&error) => {}
                other => return Ok(other?),
            }
        }
    }
    fn fix(db: &mut Connection) -> Result<(), BoxError> {
        db.busy_timeout(std::time::Duration::ZERO)?;
        loop {
            let once = || {
                let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
                transfer(&transaction)?;
                transaction.commit()
            };
            match { once }() {
                Err(error) if is_busy(&error) => {}
                other => return Ok(other?),
            }
        }
    }
    fn another(db: &mut Connection) -> Result<(), BoxError> {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute("INSERT INTO names(name) VALUES ('tea')", [])?;
        Ok(transaction.commit()?)
    }
    let db = wal();
    found(explore(&db).task("alice", bug).task("bob", another), "no serial order of alice, bob gives this state");
    explore(&db).task("alice", fix).task("bob", another).run();
}

#[test]
fn a_retry_without_a_rollback() {
    fn bug(db: &mut Connection) -> Result<(), BoxError> {
        db.execute_batch("BEGIN")?;
        let left = count(db, 1)?;
        loop {
            match db.execute("UPDATE stock SET count = ?1 WHERE item = 1", [left - 1]) {
                Err(error) if is_busy(&error) => {}
                other => break other.map(drop)?,
            }
        }
        Ok(db.execute_batch("COMMIT")?)
    }
    fn fix(db: &mut Connection) -> Result<(), BoxError> {
        loop {
            match buy(db, TransactionBehavior::Deferred) {
                Err(error) if error.downcast_ref().is_some_and(is_busy) => {}
                other => return other.map(drop),
            }
        }
    }
    pair(&wal(), "alice retries without end", bug, fix);
}

/// One after another, nobody writes what the first task waits for.
#[test]
fn a_row_that_is_awaited() {
    fn bug(db: &mut Connection) -> Result<(), BoxError> {
        while db.query_row("SELECT count(*) FROM names", [], |row| row.get::<_, i64>(0))? == 0 {}
        Ok(())
    }
    let add = |db: &mut Connection| db.execute("INSERT INTO names(name) VALUES ('tea')", []);
    found(explore(&wal()).task("reader", bug).task("writer", add), "reader retries without end");
}

#[test]
fn a_connection_that_does_not_wait() {
    fn bug(db: &mut Connection) -> Result<(), BoxError> {
        db.busy_timeout(std::time::Duration::ZERO)?;
        buy(db, TransactionBehavior::Immediate).map(drop)
    }
    for db in [wal(), ROLLBACK.in_memory()] {
        pair(&db, "alice fails with SQLITE_BUSY: its connection does not wait for locks", bug, |db| {
            buy(db, TransactionBehavior::Immediate).map(drop)
        });
    }
}

#[test]
fn an_error_that_is_ignored() {
    fn bug(db: &mut Connection) -> Result<(), BoxError> {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Deferred)?;
        count(&transaction, 1)?;
        let _ = transaction.execute("UPDATE stock SET count = count - 1 WHERE item = 1", []);
        Ok(transaction.commit()?)
    }
    fn fix(db: &mut Connection) -> Result<(), BoxError> {
        buy(db, TransactionBehavior::Immediate).map(drop)
    }
    pair(&wal(), "lost update: the state is as if bob had not run", bug, fix);
}

#[test]
fn a_statement_that_is_still_open() {
    fn bug(db: &mut Connection) -> Result<(), BoxError> {
        let mut items = db.prepare("SELECT item FROM stock")?;
        let mut rows = items.query([])?;
        while let Some(row) = rows.next()? {
            let item: i64 = row.get(0)?;
            db.execute("UPDATE stock SET count = count - 1 WHERE item = ?1", [item])?;
        }
        Ok(())
    }
    fn fix(db: &mut Connection) -> Result<(), BoxError> {
        let mut select = db.prepare("SELECT item FROM stock")?;
        let items: Vec<i64> = select.query_map([], |row| row.get(0))?.collect::<Result<_>>()?;
        for item in items {
            db.execute("UPDATE stock SET count = count - 1 WHERE item = ?1", [item])?;
        }
        Ok(())
    }
    let error = explore(&wal()).task("alice", bug).task("bob", bug).try_run().unwrap_err();
    assert!(error.headline().contains("returns an error, and no serial order"), "{error}");
    assert!(error.to_string().contains("SQLITE_BUSY_SNAPSHOT at once"), "{error}");
    explore(&wal()).task("alice", fix).task("bob", fix).run();
}

#[test]
fn an_early_return_without_a_commit() {
    fn bug(db: &mut Connection) -> Result<i64, BoxError> {
        db.execute_batch("BEGIN IMMEDIATE")?;
        let left = count(db, 2)?;
        if left < 5 {
            return Ok(left);
        }
        db.execute_batch("UPDATE stock SET count = count - 1 WHERE item = 2; COMMIT")?;
        Ok(left)
    }
    fn fix(db: &mut Connection) -> Result<i64, BoxError> {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let left = count(&transaction, 2)?;
        if left >= 5 {
            transaction.execute("UPDATE stock SET count = count - 1 WHERE item = 2", [])?;
        }
        transaction.commit()?;
        Ok(left)
    }
    pair(&wal(), "bob leaves its transaction open", bug, fix);
}

/// The report adds up numbers of two different moments.
#[test]
fn a_report_of_two_reads() {
    fn transfer(db: &mut Connection) -> Result<(), BoxError> {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute("UPDATE stock SET count = count - 1 WHERE item = 1", [])?;
        transaction.execute("UPDATE stock SET count = count + 1 WHERE item = 2", [])?;
        Ok(transaction.commit()?)
    }
    fn bug(db: &mut Connection) -> Result<i64, BoxError> {
        Ok(count(db, 1)? + count(db, 2)?)
    }
    fn fix(db: &mut Connection) -> Result<i64, BoxError> {
        let transaction = db.transaction()?;
        Ok(count(&transaction, 1)? + count(&transaction, 2)?)
    }
    let db = wal();
    found(
        explore(&db).task("report", bug).task("writer", transfer),
        "read skew: report reads some data before and some after a change by writer",
    );
    explore(&db).task("report", fix).task("writer", transfer).run();
}

#[test]
fn two_databases_in_two_orders() {
    fn both(db: &mut Connection, first: &str, second: &str) -> Result<(), BoxError> {
        db.execute_batch("ATTACH 'other.db' AS other; CREATE TABLE IF NOT EXISTS other.log(line TEXT)")?;
        let transaction = db.transaction()?;
        transaction.execute_batch(first)?;
        transaction.execute_batch(second)?;
        Ok(transaction.commit()?)
    }
    const MAIN: &str = "UPDATE stock SET count = count - 1 WHERE item = 1";
    const OTHER: &str = "INSERT INTO other.log VALUES ('sold')";
    let db = ROLLBACK.in_memory();
    found(
        explore(&db).task("alice", |db| both(db, MAIN, OTHER)).task("bob", |db| both(db, OTHER, MAIN)),
        "alice fails with SQLITE_BUSY: the tasks wait for each other until a busy_timeout expires",
    );
    explore(&db).task("alice", |db| both(db, MAIN, OTHER)).task("bob", |db| both(db, MAIN, OTHER)).run();

    // Without a limit, the wait never ends.
    fn patient(db: &mut Connection, first: &str, second: &str) -> Result<(), BoxError> {
        db.busy_handler(Some(|_| true))?;
        both(db, first, second)
    }
    let endless = explore(&db)
        .task("alice", |db| patient(db, MAIN, OTHER))
        .task("bob", |db| patient(db, OTHER, MAIN))
        .try_run()
        .unwrap_err();
    assert!(endless.headline().ends_with("retries without end"), "{endless}");
}

#[test]
fn a_checkpoint_that_meets_a_reader() {
    fn checkpoint(db: &mut Connection, mode: &str) -> Result<(), BoxError> {
        db.execute("UPDATE stock SET count = count - 1 WHERE item = 1", [])?;
        let (log, done): (i64, i64) =
            db.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| Ok((row.get(1)?, row.get(2)?)))?;
        if log == done { Ok(()) } else { Err("the checkpoint is not complete".into()) }
    }
    fn read(db: &mut Connection) -> Result<(i64, i64), BoxError> {
        let transaction = db.transaction()?;
        Ok((count(&transaction, 1)?, count(&transaction, 2)?))
    }
    let db = wal();
    let error = explore(&db).task("writer", |db| checkpoint(db, "PASSIVE")).task("reader", read).try_run().unwrap_err();
    assert_eq!(error.headline(), "writer returns an error, but its changes were not rolled back", "{error}");
    assert!(error.to_string().contains("reader is still reading when writer runs a checkpoint"), "{error}");
    explore(&db).task("writer", |db| checkpoint(db, "TRUNCATE")).task("reader", read).run();
}

/// Each job is done once, by the first task that takes it. No task reads wrong data.
#[test]
fn workers_that_share_jobs() {
    fn work(db: &Connection) -> Result<Vec<i64>, BoxError> {
        let take =
            "UPDATE names SET name = 'done' WHERE id = (SELECT min(id) FROM names WHERE name = 'to do') RETURNING id";
        let mut done = Vec::new();
        while let Some(id) = db.query_row(take, [], |row| row.get(0)).optional()? {
            done.push(id);
        }
        Ok(done)
    }
    let db = wal();
    db.execute_batch("INSERT INTO names(name) VALUES ('to do'), ('to do')").unwrap();
    let error = explore(&db).task("alice", |db| work(db)).task("bob", |db| work(db)).try_run().unwrap_err();
    let headline = "no serial order of alice, bob returns these results, though one gives this state";
    assert_eq!(error.headline(), headline, "{error}");
    assert!(error.to_string().contains("as workers do with jobs"), "{error}");
    let work = |db: &mut Connection| work(db).map(drop);
    explore(&db).task("alice", work).task("bob", work).run();
}
