//! Failures of the explorers.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sqlitmus::faults::Kind;
use sqlitmus::interleave::explore;
use sqlitmus::rusqlite::{Connection, Result};
use sqlitmus::{BoxError, crash, faults};

use super::{Page, shop};

const USER: &str = "INSERT INTO users(id, email) VALUES (7, 'mia@example.com')";
const ORDER: &str = "INSERT INTO orders(user_id, status, total) VALUES (7, 'open', 5)";

fn signs_up_and_orders(db: &mut Connection) -> Result<usize> {
    db.execute(USER, [])?;
    db.execute(ORDER, [])
}

fn in_one_transaction(db: &mut Connection) -> Result<()> {
    let all = db.transaction()?;
    all.execute(USER, [])?;
    all.execute(ORDER, [])?;
    all.commit()
}

fn nothing(_: &mut Connection) -> Result<()> {
    Ok(())
}

pub(super) fn all(page: &mut Page) {
    power_cuts(page);
    failing_operations(page);
    schedules(page);
}

fn power_cuts(page: &mut Page) {
    page.area("Power cuts: `crash::test`");
    let db = shop();
    page.failure("Two transactions where one is needed:", crash::test(&db, signs_up_and_orders).try_run());
    page.failure("`durable()` under synchronous NORMAL:", crash::test(&db, in_one_transaction).durable().try_run());
    page.failure(
        "`each_transaction()`, for what cannot be run again:",
        crash::test(&db, signs_up_and_orders).each_transaction().try_run(),
    );
    page.failure(
        "An invariant:",
        crash::test(&db, signs_up_and_orders)
            .independent_transactions()
            .invariant(|db| {
                let count = |sql| db.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(BoxError::from);
                let users = count("SELECT count(*) FROM users WHERE id = 7")?;
                match users == count("SELECT count(*) FROM orders WHERE user_id = 7")? {
                    true => Ok(()),
                    false => Err(BoxError::from("user 7 is there, and the first order is not")),
                }
            })
            .try_run(),
    );
    page.failure("An action that changes nothing:", crash::test(&db, nothing).try_run());
    page.failure(
        "An action that forgets its commit:",
        crash::test(&db, |db| db.transaction()?.execute(USER, [])).try_run(),
    );
    page.failure(
        "An action that fails without a power cut:",
        crash::test(&db, |db| db.execute("INSERT INTO user VALUES (1)", [])).try_run(),
    );
}

fn failing_operations(page: &mut Page) {
    page.area("Failing operations: `faults::sweep`");
    let db = shop();
    page.failure("Half of the action stays:", faults::sweep(&db, signs_up_and_orders).try_run());
    page.failure(
        "An error is swallowed:",
        faults::sweep(&db, |db| -> Result<()> {
            let _ = db.execute(USER, []);
            Ok(())
        })
        .try_run(),
    );
    page.failure(
        "A transaction stays open:",
        faults::sweep(&db, |db| db.execute_batch("BEGIN").and_then(|()| db.execute_batch(&format!("{USER}; COMMIT"))))
            .try_run(),
    );
    page.failure(
        "The value is a wrong one:",
        faults::sweep(&db, |db| -> Result<i64> {
            Ok(db.query_row("SELECT count(*) FROM users", [], |row| row.get(0)).unwrap_or(0))
        })
        .try_run(),
    );
    page.failure("An action that does not use the database:", faults::sweep(&db, nothing).try_run());
    page.failure(
        "A kind of fault that cannot happen:",
        faults::sweep(&db, |db| db.query_row("SELECT count(*) FROM users", [], |_| Ok(()))).only(Kind::Full).try_run(),
    );
}

fn left(db: &Connection) -> Result<i64> {
    db.query_row("SELECT count FROM stock WHERE item = 1", [], |row| row.get(0))
}

fn buy(db: &mut Connection) -> Result<i64> {
    let left = left(db)?;
    db.execute("UPDATE stock SET count = ?1 WHERE item = 1", [left - 1])?;
    Ok(left)
}

const DEFERRED: [&str; 4] =
    ["BEGIN", "SELECT count FROM stock WHERE item = 1", "UPDATE stock SET count = count - 1 WHERE item = 1", "COMMIT"];

/// Adds an order if there is none of this user yet.
fn first_order(db: &mut Connection) -> Result<()> {
    if db.query_row("SELECT count(*) FROM orders WHERE user_id = 3", [], |row| row.get::<_, i64>(0))? == 0 {
        db.execute("INSERT INTO orders(user_id, status, total) VALUES (3, 'open', 5)", [])?;
    }
    Ok(())
}

fn users_and_orders(db: &mut Connection) -> Result<(i64, i64)> {
    let count = |sql| db.query_row(sql, [], |row| row.get(0));
    Ok((count("SELECT count(*) FROM users")?, count("SELECT count(*) FROM orders")?))
}

fn adds_settings(db: &mut Connection) -> Result<()> {
    if db.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))? == 0 {
        db.execute_batch("BEGIN IMMEDIATE; CREATE TABLE settings(name); PRAGMA user_version = 1; COMMIT")?;
    }
    Ok(())
}

fn schedules(page: &mut Page) {
    page.area("Several tasks at once: `interleave::explore`");
    let db = shop();
    page.failure("A lost update:", explore(&db).task("alice", buy).task("bob", buy).try_run());
    page.failure(
        "A check that is out of date:",
        explore(&db).task("alice", first_order).task("bob", first_order).try_run(),
    );
    page.failure(
        "What is read is of two times:",
        explore(&db).task("report", users_and_orders).task("shop", in_one_transaction).try_run(),
    );
    page.failure(
        "`SQLITE_BUSY` that no timeout prevents:",
        explore(&db).steps("alice", DEFERRED).steps("bob", DEFERRED).try_run(),
    );
    page.failure(
        "An error that one task alone does not have:",
        explore(&db).task("alice", adds_settings).task("bob", adds_settings).try_run(),
    );
    page.failure(
        "An invariant:",
        explore(&db)
            .steps("alice", ["UPDATE stock SET count = count - 10 WHERE item = 1 AND count >= 10"])
            .task("bob", buy)
            .invariant(|db| match left(db) {
                Ok(0..) => Ok(()),
                Ok(left) => Err(format!("{left} are left")),
                Err(error) => Err(error.to_string()),
            })
            .try_run(),
    );
    let tasks = [("one task", 1), ("five tasks", 5)];
    for (what, tasks) in tasks {
        let names = ["a", "b", "c", "d", "e"];
        let explored = names.into_iter().take(tasks).fold(explore(&db), |explore, name| explore.task(name, buy));
        page.failure(&format!("Only {what}:"), explored.try_run());
    }
    page.failure("A task that does nothing:", explore(&db).task("alice", buy).task("bob", nothing).try_run());
    page.failure(
        "A task that always fails:",
        explore(&db).task("alice", buy).task("bob", |db| db.execute("UPDATE stok SET count = 0", [])).try_run(),
    );
    page.failure(
        "A task that panics:",
        explore(&db)
            .task("alice", buy)
            .task("bob", |db| left(db).map(|left| assert!(left < 10, "{left} are left")))
            .try_run(),
    );
    let path = db.path().to_owned();
    page.failure(
        "A task that opens the test's own database:",
        explore(&db)
            .task("alice", buy)
            .task("bob", move |_| Connection::open(&path)?.execute("UPDATE stock SET count = 0", []))
            .try_run(),
    );
    let runs = Arc::new(AtomicI64::new(1));
    page.failure(
        "A task that does something else each time:",
        explore(&db)
            .task("alice", buy)
            .task("bob", move |db| {
                let run = runs.fetch_add(1, Ordering::Relaxed);
                (0..run).try_for_each(|_| db.execute("INSERT INTO users(email) VALUES (random())", []).map(drop))
            })
            .try_run(),
    );
}
