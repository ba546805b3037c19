//! Code that opens its connections itself, on threads of its own.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use sqlitmus::interleave::explore;
use sqlitmus::rusqlite::{Connection, Result, TransactionBehavior};
use sqlitmus::{BoxError, DbCopy, crash, sim};

use super::scheduler::sell;
use super::{count, wal};

#[test]
fn statements_on_other_threads_are_scheduled() {
    let task = |db: &mut Connection| -> Result<(), BoxError> {
        std::thread::scope(|scope| scope.spawn(|| sell(db)).join().map_err(|_| "panicked"))??;
        Ok(())
    };
    assert!(explore(&wal()).task("alice", task).task("bob", sell).run().schedules() > 1);
    // One statement on the given connection, and the lost update elsewhere.
    let second = |db: &mut Connection| -> Result<(), BoxError> {
        let uri = sim::uri(db).ok_or("no simulated disk")?;
        count(db, 1)?;
        let update = move || -> Result<()> {
            let db = Connection::open(uri)?;
            let left = count(&db, 1)?;
            db.execute("UPDATE stock SET count = ?1 WHERE item = 1", [left - 1]).map(drop)
        };
        std::thread::spawn(update).join().map_err(|_| "panicked")??;
        Ok(())
    };
    let error = explore(&wal()).task("alice", sell).task("bob", second).try_run().unwrap_err();
    assert_eq!(error.headline(), "lost update: the state is as if bob had not run", "{error}");
    // A thread that does something else is no matter.
    let other = |db: &mut Connection| -> Result<(), BoxError> {
        std::thread::spawn(|| 1 + 1).join().map_err(|_| "panicked")?;
        Ok(sell(db)?)
    };
    explore(&wal()).task("alice", sell).task("bob", other).run();
}

/// A connection on a thread of its own, as async drivers have them.
struct Worker {
    jobs: Sender<i64>,
    done: Receiver<Result<()>>,
}

impl Worker {
    fn new(copy: &DbCopy) -> Worker {
        let ((jobs, receiver), (sender, done)) = (channel(), channel());
        let path = copy.path().to_owned();
        std::thread::spawn(move || {
            let mut db = Connection::open(path).unwrap();
            sender.send(db.execute_batch("PRAGMA foreign_keys = ON")).unwrap();
            for item in receiver {
                let _ = sender.send(sell_item(&mut db, item));
            }
        });
        done.recv().unwrap().unwrap();
        Worker { jobs, done }
    }
}

fn sell_item(db: &mut Connection, item: i64) -> Result<()> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute("UPDATE stock SET count = count - 1 WHERE item = ?1", [item])?;
    transaction.commit()
}

/// Two connections of one task that work at the same time take their turns in the same order in each run.
#[test]
fn two_statements_of_one_task_at_once() {
    fn task(copy: DbCopy) -> Result<()> {
        let pool = [Worker::new(&copy), Worker::new(&copy)];
        for (worker, item) in pool.iter().zip([1, 2]) {
            worker.jobs.send(item).unwrap();
        }
        pool.iter().try_for_each(|worker| worker.done.recv().unwrap())
    }
    for _ in 0..5 {
        let report = explore(&wal()).task_with("alice", task).task("bob", sell).run();
        assert!(report.is_exhaustive(), "{report}");
    }
}

#[test]
fn a_thread_that_outlives_its_task() {
    let task = |db: &mut Connection| -> Result<(), BoxError> {
        let uri = sim::uri(db).ok_or("no simulated disk")?;
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            Connection::open(uri).map(|mut db| sell(&mut db).is_ok())
        });
        count(db, 1)?;
        Ok(())
    };
    let slow = |db: &mut Connection| -> Result<(), BoxError> {
        std::thread::sleep(Duration::from_millis(200));
        Ok(sell(db)?)
    };
    let error = explore(&wal()).task("alice", task).task("bob", slow).try_run().unwrap_err();
    assert_eq!(error.headline(), "alice goes on after it has returned", "{error}");
}

/// A connection that the app keeps is one that the next schedule would share.
#[test]
fn a_connection_that_is_kept_open() {
    fn task(copy: DbCopy) -> Result<()> {
        let mut db = Connection::open(copy.path())?;
        sell(&mut db)?;
        std::mem::forget(db);
        Ok(())
    }
    let error = explore(&wal()).task_with("alice", task).task("bob", sell).try_run().unwrap_err();
    assert_eq!(error.headline(), "alice returns and leaves connections open", "{error}");
}

#[test]
fn a_lock_that_only_keeps_a_connection_from_the_last_checkpoint_explains_no_error() {
    let register = |copy: DbCopy| -> Result<(), BoxError> {
        let db = Connection::open(copy.path())?;
        match count(&db, 9) {
            Err(_) => Ok(db.execute("INSERT INTO stock VALUES (9, 1)", []).map(drop)?),
            Ok(_) => Ok(()),
        }
    };
    let error = explore(&wal()).task_with("alice", register).task_with("bob", register).try_run().unwrap_err();
    assert!(error.headline().starts_with("bob fails only because alice runs at the same time: UNIQUE"), "{error}");
}

/// What a driver does to open a connection is no statement that others see: there are as many schedules as without it.
#[test]
fn opening_a_connection_adds_no_schedules() {
    let schedules = |setup: &'static str, [alice, bob]: [&'static [&'static str]; 2]| {
        let task = |statements: &'static [&'static str]| {
            move |copy: DbCopy| -> Result<()> {
                let db = Connection::open(copy.path())?;
                db.execute_batch(setup)?;
                statements.iter().try_for_each(|sql| db.execute_batch(sql))
            }
        };
        let report = explore(&wal()).task_with("alice", task(alice)).task_with("bob", task(bob)).run();
        assert!(report.is_exhaustive(), "{report}");
        report.schedules()
    };
    const ONE: &str = "UPDATE stock SET count = count - 1 WHERE item = 1";
    const TWO: &str = "UPDATE stock SET count = count - 1 WHERE item = 2";
    let of_sqlx = "PRAGMA foreign_keys = ON;";
    let of_a_server =
        "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = 1;";
    for setup in ["", of_sqlx, of_a_server] {
        assert_eq!(schedules(setup, [&[ONE, ONE], &[ONE, ONE]]), 6, "{setup}");
        assert_eq!(schedules(setup, [&[ONE, ONE], &[TWO, TWO]]), 1, "{setup}");
        assert_eq!(schedules(setup, [&[ONE; 4], &[ONE; 4]]), 70, "{setup}");
    }
    // Another value than the profile's: what the statements do is not known.
    assert!(schedules("PRAGMA foreign_keys = OFF", [&[ONE], &[TWO]]) > 1);
    // A new connection reads the schema, which the other task changes.
    assert!(schedules("", [&["CREATE TABLE more(x)"], &[TWO]]) > 1);
}

/// An app that migrates when it starts, on a database that the template has migrated.
#[test]
fn an_app_that_migrates_what_is_migrated() {
    fn start(copy: DbCopy) -> Result<()> {
        Connection::open(copy.path())?.execute_batch("CREATE TABLE stock(item INTEGER PRIMARY KEY)")
    }
    fn fails(copy: DbCopy) -> Result<()> {
        Connection::open(copy.path())?.execute_batch("INSERT INTO stock VALUES (1, 1, 1, 1)")
    }
    let help = "an app that migrates when it starts finds a database that the template has migrated";
    let db = wal();
    for (error, has_help) in [
        (explore(&db).task_with("alice", start).task("bob", sell).try_run().unwrap_err(), true),
        (crash::test_with(&db, start).try_run().unwrap_err(), true),
        (crash::test_with(&db, fails).try_run().unwrap_err(), false),
    ] {
        assert_eq!(error.to_string().contains(help), has_help, "{error}");
    }
}
