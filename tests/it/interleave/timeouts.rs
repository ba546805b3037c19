//! Connections that do not wait for locks: a remedy is tried with the settings that the app's connection has, and says so where it
//! needs a busy timeout too. Each remedy is applied by hand, and has to help.

use std::time::Duration;

use rstest::rstest;
use sqlitmus::interleave::explore;
use sqlitmus::rusqlite::{Connection, Result, TransactionBehavior};
use sqlitmus::{BoxError, DbCopy, Profile, Template, TestDb};

use super::{SCHEMA, failure, wal};

static WITHOUT: Template = Template::embedded(SCHEMA).profile(Profile::PRODUCTION.pragma("busy_timeout", "0"));
static ROLLBACK_WITHOUT: Template = Template::embedded(SCHEMA)
    .profile(Profile::SQLITE_DEFAULTS.pragma("journal_mode", "DELETE").pragma("busy_timeout", "0"));

/// How the app's connection waits for locks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Waits {
    /// Five seconds, which is what rusqlite sets.
    AsOpened,
    Never,
    ByPragma,
    ByHandler,
}

/// What two tasks do with each other's rows.
#[derive(Clone, Copy, Debug)]
enum Work {
    LostUpdate,
    WriteSkew,
}

fn work(db: &Connection, work: Work, me: &str) -> Result<()> {
    match work {
        Work::LostUpdate => {
            let count: i64 = db.query_row("SELECT count FROM stock WHERE item = 1", [], |row| row.get(0))?;
            db.execute("UPDATE stock SET count = ?1 WHERE item = 1", [count - 1])?;
        }
        Work::WriteSkew => {
            let on_call: i64 = db.query_row("SELECT sum(on_call) FROM doctors", [], |row| row.get(0))?;
            if on_call > 1 {
                db.execute("UPDATE doctors SET on_call = 0 WHERE name = ?1", [me])?;
            }
        }
    }
    Ok(())
}

/// As drivers without a type for it do: the text of the statement says how the transaction begins.
fn in_transaction(db: &Connection, begin: Option<&str>, f: impl FnOnce() -> Result<()>) -> Result<()> {
    let Some(begin) = begin else { return f() };
    db.execute_batch(begin)?;
    let done = f().and_then(|()| db.execute_batch("COMMIT"));
    if done.is_err() && !db.is_autocommit() {
        db.execute_batch("ROLLBACK")?;
    }
    done
}

fn open(copy: &DbCopy, waits: Waits) -> Result<Connection> {
    #[allow(unused_mut, reason = "not every rusqlite of the range takes `&mut` for a busy handler")]
    let mut db = Connection::open(copy.path())?;
    match waits {
        Waits::AsOpened => {}
        Waits::Never => db.busy_timeout(Duration::ZERO)?,
        Waits::ByPragma => {
            db.busy_timeout(Duration::ZERO)?;
            db.query_row("PRAGMA busy_timeout = 5000", [], |_| Ok(()))?;
        }
        Waits::ByHandler => db.busy_handler(Some(|_| true))?,
    }
    Ok(db)
}

/// Explores tasks that open their connections themselves.
fn on_its_own(db: &TestDb, what: Work, begin: Option<&'static str>, waits: Waits) -> Result<(), String> {
    let task = move |copy: DbCopy, me: &str| -> Result<(), BoxError> {
        let db = open(&copy, waits)?;
        Ok(in_transaction(&db, begin, || work(&db, what, me))?)
    };
    let explore = explore(db).task_with("ada", move |copy| task(copy, "ada"));
    explore.task_with("bob", move |copy| task(copy, "bob")).try_run().map(drop).map_err(|error| error.to_string())
}

/// Explores tasks that are given a connection of the template.
fn given(db: &TestDb, what: Work, begin: Option<&'static str>) -> Result<(), String> {
    let task = move |db: &mut Connection, me: &str| in_transaction(db, begin, || work(db, what, me));
    let explore = explore(db).task("ada", move |db| task(db, "ada"));
    explore.task("bob", move |db| task(db, "bob")).try_run().map(drop).map_err(|error| error.to_string())
}

#[track_caller]
fn first_help(error: &str) -> &str {
    error.lines().find_map(|line| line.trim().strip_prefix("help: ")).expect(error)
}

const TIMEOUT: &str = "PRAGMA busy_timeout = 5000   tried: all ";

#[rstest]
#[case::lost_update(Work::LostUpdate, None)]
#[case::write_skew(Work::WriteSkew, None)]
#[case::snapshot(Work::LostUpdate, Some("BEGIN"))]
#[case::snapshot_of_other_rows(Work::WriteSkew, Some("BEGIN"))]
fn a_remedy_that_needs_a_timeout_says_so(#[case] what: Work, #[case] begin: Option<&'static str>) {
    for db in [WITHOUT.in_memory(), ROLLBACK_WITHOUT.in_memory()] {
        for error in [given(&db, what, begin).unwrap_err(), on_its_own(&db, what, begin, Waits::Never).unwrap_err()] {
            let help = first_help(&error);
            assert!(help.contains("BEGIN IMMEDIATE") && help.contains(TIMEOUT), "{error}");
        }
        // With the first half of it, one task fails at once, and the other half is what helps.
        for error in [
            given(&db, what, Some("BEGIN IMMEDIATE")).unwrap_err(),
            on_its_own(&db, what, Some("BEGIN IMMEDIATE"), Waits::Never).unwrap_err(),
        ] {
            assert!(error.contains("fails with SQLITE_BUSY: its connection does not wait for locks"), "{error}");
            let help = first_help(&error);
            assert!(help.starts_with("let each connection wait for locks: ") && help.contains(TIMEOUT), "{error}");
        }
        on_its_own(&db, what, Some("BEGIN IMMEDIATE"), Waits::AsOpened).unwrap();
        on_its_own(&db, what, Some("BEGIN IMMEDIATE"), Waits::ByPragma).unwrap();
    }
    given(&wal(), what, Some("BEGIN IMMEDIATE")).unwrap();
}

#[rstest]
#[case::as_opened(Waits::AsOpened)]
#[case::by_pragma(Waits::ByPragma)]
#[case::by_a_handler_of_its_own(Waits::ByHandler)]
fn a_connection_that_waits_needs_no_timeout(#[case] waits: Waits) {
    for (what, begin) in [(Work::LostUpdate, None), (Work::WriteSkew, None), (Work::LostUpdate, Some("BEGIN"))] {
        let db = WITHOUT.in_memory();
        let error = on_its_own(&db, what, begin, waits).unwrap_err();
        let help = first_help(&error);
        assert!(help.contains("BEGIN IMMEDIATE") && help.contains("tried: all ") && !help.contains(TIMEOUT), "{error}");
        on_its_own(&db, what, Some("BEGIN IMMEDIATE"), waits).unwrap();
    }
}

/// The caller handles the error of a lock, so that nobody has to wait.
#[test]
fn a_caller_that_handles_errors_needs_no_timeout() {
    let task = |copy: DbCopy| -> Result<(), BoxError> {
        let db = open(&copy, Waits::Never)?;
        Ok(in_transaction(&db, None, || work(&db, Work::LostUpdate, ""))?)
    };
    let db = WITHOUT.in_memory();
    let text = failure(explore(&db).task_with("ada", task).task_with("bob", task).may_fail());
    let help = first_help(&text);
    assert!(help.contains("tried: all ") && !help.contains("busy_timeout"), "{text}");
}

/// The behavior that a connection has is that of its own lock, too.
#[test]
fn a_transaction_of_rusqlite_is_tried_with_the_timeout_of_its_connection() {
    let task = |db: &mut Connection| -> Result<()> {
        let transaction = db.transaction()?;
        work(&transaction, Work::LostUpdate, "")?;
        transaction.commit()
    };
    let text = failure(explore(&WITHOUT.in_memory()).task("ada", task).task("bob", task));
    assert!(
        text.contains(
            "help: begin the transaction with BEGIN IMMEDIATE (rusqlite: TransactionBehavior::Immediate), and let each \
             connection wait for locks: PRAGMA busy_timeout = 5000   tried: all "
        ),
        "{text}"
    );
    let text = failure(explore(&wal()).task("ada", task).task("bob", task));
    assert!(text.contains("(rusqlite: TransactionBehavior::Immediate)   tried: all "), "{text}");
    let by_hand = |db: &mut Connection| -> Result<()> {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        work(&transaction, Work::LostUpdate, "")?;
        transaction.commit()
    };
    explore(&wal()).task("ada", by_hand).task("bob", by_hand).run();
}

/// Nothing tells which driver has opened a connection.
#[test]
fn connections_of_the_app_are_helped_in_the_words_of_several_drivers() {
    let error = on_its_own(&wal(), Work::LostUpdate, Some("BEGIN"), Waits::AsOpened).unwrap_err();
    let help = first_help(&error);
    let names = "(rusqlite: TransactionBehavior::Immediate, diesel: immediate_transaction)";
    assert!(help.contains(names), "{error}");
}
