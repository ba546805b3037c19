//! Futures that are dropped while one of their statements runs.

use std::future::poll_fn;
use std::task::Poll;

use sqlitmus::faults::{Kind, sweep_with};
use sqlitmus::rusqlite::{self, Connection, Result};
use sqlitmus::{DbCopy, Profile, Template, TestDb};

static APP: Template = Template::embedded(&[(
    "1.sql",
    "CREATE TABLE accounts(name TEXT PRIMARY KEY, cents INTEGER NOT NULL);
     INSERT INTO accounts VALUES ('ada', 100), ('bob', 0);",
)])
.profile(Profile::PRODUCTION);

const TAKE: &str = "UPDATE accounts SET cents = cents - 10 WHERE name = 'ada'";
const GIVE: &str = "UPDATE accounts SET cents = cents + 10 WHERE name = 'bob'";

/// Gives the runtime its turn, as every statement of an async driver does.
async fn pause() {
    let mut paused = false;
    poll_fn(|context| {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut paused, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

async fn run(db: &Connection, sql: &str) -> Result<()> {
    db.execute_batch(sql)?;
    pause().await;
    Ok(())
}

fn db() -> TestDb {
    APP.in_memory()
}

#[test]
fn a_transfer_without_a_transaction_is_half_done() {
    let transfer = |copy: DbCopy| async move {
        let db = Connection::open(copy.path())?;
        run(&db, TAKE).await?;
        run(&db, GIVE).await
    };
    let error = sweep_with(&db(), transfer).only(Kind::Cancel).try_run().unwrap_err();
    assert_eq!(error.headline(), "the action fails on a cancelled future and is half applied: accounts");
    let text = error.to_string();
    assert!(
        text.contains("the future is dropped while a statement runs: UPDATE accounts SET cents = cents - 10"),
        "{text}"
    );
    assert!(text.contains("SQLITMUS_REPLAY=fault:cancel:1"), "{text}");
}

/// The connection is dropped with the future, which rolls back.
#[test]
fn a_transfer_in_a_transaction_is_all_or_nothing() {
    let transfer = |copy: DbCopy| async move {
        let db = Connection::open(copy.path())?;
        for sql in ["BEGIN IMMEDIATE", TAKE, GIVE, "COMMIT"] {
            run(&db, sql).await?;
        }
        Ok::<_, rusqlite::Error>(())
    };
    let report = sweep_with(&db(), transfer).run();
    let tried = report.of(Kind::Cancel).unwrap();
    assert_eq!((tried.runs, tried.errors, tried.missed), (4, 4, 0), "{report}");
}

/// Only a future can be dropped.
#[test]
fn code_that_is_not_async_is_not_cancelled() {
    let transfer = |copy: DbCopy| Connection::open(copy.path())?.execute(TAKE, []);
    let report = sweep_with(&db(), transfer).run();
    assert!(report.of(Kind::Cancel).is_none(), "{report}");
}
