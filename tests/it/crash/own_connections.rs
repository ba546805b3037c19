//! Code that opens its connections itself: the last one that is closed does the checkpoint, with the settings that it has.

use std::fmt::Display;

use sqlitmus::rusqlite::{Connection, Result};
use sqlitmus::{DbCopy, Profile, TestDb, crash};

use super::{SHOP, db};

fn wal() -> TestDb {
    db(Profile::PRODUCTION, SHOP)
}

/// An app's own `open`.
fn open(copy: &DbCopy, settings: &str) -> Result<Connection> {
    let db = Connection::open(copy.path())?;
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000;")?;
    db.execute_batch(settings)?;
    Ok(db)
}

fn order(db: &mut Connection, id: i64) -> Result<()> {
    let transaction = db.transaction()?;
    transaction.execute("INSERT INTO orders(id, customer, total) VALUES (?1, 'ada', 250)", [id])?;
    transaction
        .execute("INSERT INTO items(order_id, product, price) VALUES (?1, 'tea', 150), (?1, 'cup', 100)", [id])?;
    transaction.execute("UPDATE stock SET count = count - 1", [])?;
    transaction.commit()
}

const OFF: &str = "PRAGMA synchronous = OFF";
const NORMAL: &str = "PRAGMA synchronous = NORMAL";
const FULL: &str = "PRAGMA synchronous = FULL";
const EXTRA: &str = "PRAGMA synchronous = EXTRA";
/// SQLite's default is FULL.
const DEFAULT: &str = "";

fn one_order(copy: &DbCopy, settings: &str) -> Result<()> {
    order(&mut open(copy, settings)?, 3)
}

/// Opens the database for each order, as a tool on the command line does.
fn one_after_another(copy: &DbCopy, settings: &str) -> Result<()> {
    (3..6).try_for_each(|id| order(&mut open(copy, settings)?, id))
}

/// Holds as many connections as a pool, and uses some of them.
fn as_a_pool(copy: &DbCopy, settings: &str) -> Result<()> {
    let mut pool = [open(copy, settings)?, open(copy, settings)?, open(copy, settings)?];
    order(&mut pool[1], 3)?;
    pool[0].query_row("SELECT count(*) FROM orders", [], |row| row.get::<_, i64>(0))?;
    order(&mut pool[2], 4)
}

/// Writes on one connection and reads on another, which is closed last.
fn writer_and_reader(copy: &DbCopy, settings: [&str; 2]) -> Result<()> {
    let reader = open(copy, settings[1])?;
    order(&mut open(copy, settings[0])?, 3)?;
    reader.query_row("SELECT count(*) FROM orders", [], |row| row.get::<_, i64>(0)).map(drop)
}

#[track_caller]
fn loses(result: sqlitmus::Result<crash::Report>, help: impl Display) {
    let error = result.unwrap_err();
    let headline: String = error.headline().chars().filter(|c| !c.is_ascii_digit()).collect();
    assert!(headline.starts_with("a power cut after operation  leaves "), "{error}");
    assert!(error.to_string().contains(&format!("\n  help: {help}\n")), "{error}");
}

const PROTECTS_NOTHING: &str = "WAL + OFF does not protect a transaction: PRAGMA synchronous = NORMAL";

#[test]
fn syncs_that_the_app_switches_off() {
    let db = wal();
    loses(crash::test_with(&db, |copy| one_order(&copy, OFF)).try_run(), PROTECTS_NOTHING);
    let each = |app: fn(&DbCopy, &str) -> Result<()>| crash::test_with(&db, move |copy| app(&copy, OFF));
    loses(each(one_after_another).independent_transactions().try_run(), PROTECTS_NOTHING);
    loses(each(as_a_pool).independent_transactions().try_run(), PROTECTS_NOTHING);
    // The checkpoint of the reader would be synced, but not those of the writer, once it has written more.
    loses(crash::test_with(&db, |copy| writer_and_reader(&copy, [OFF, FULL])).try_run(), PROTECTS_NOTHING);
    // Later, in a future.
    loses(crash::test_with(&db, |copy| async move { one_order(&copy, OFF) }).try_run(), PROTECTS_NOTHING);
    let on_disk = sqlitmus::Template::empty().profile(Profile::PRODUCTION).on_disk();
    on_disk.execute_batch(SHOP).unwrap();
    loses(crash::test_with(&on_disk, |copy| one_order(&copy, OFF)).try_run(), PROTECTS_NOTHING);
    let profile = "the profile has WAL + NORMAL, but a connection that the action opens has WAL + OFF: give it the profile's settings";
    loses(crash::test_with(&db, |copy| one_order(&copy, OFF)).try_run(), profile);
}

/// A connection of the app beside the one that it is given, which writes nothing.
#[test]
fn syncs_that_the_app_switches_off_on_a_second_connection() {
    let second = |settings: &'static str| {
        crash::test(&wal(), |db| {
            let own = Connection::open(sqlitmus::sim::uri(db).unwrap())?;
            own.execute_batch(settings)?;
            own.execute_batch("BEGIN; UPDATE stock SET count = count - 1; DELETE FROM stock WHERE count > 5; COMMIT")
        })
        .try_run()
    };
    loses(second(OFF), PROTECTS_NOTHING);
    second(NORMAL).unwrap();
}

#[test]
fn syncs_as_they_should_be() {
    let db = wal();
    for (settings, promise) in
        [(NORMAL, "WAL + NORMAL"), (FULL, "WAL + FULL"), (EXTRA, "WAL + EXTRA"), (DEFAULT, "WAL + FULL")]
    {
        let apps: [fn(&DbCopy, &str) -> Result<()>; 3] = [one_order, one_after_another, as_a_pool];
        for app in apps {
            let report = crash::test_with(&db, |copy| app(&copy, settings)).independent_transactions().run();
            // The settings are those of the app's connections, not those of the profile.
            assert!(report.promise().starts_with(&format!("{promise}: ")), "{report}");
            assert_eq!(report.most_lost == 0, promise != "WAL + NORMAL", "{report}");
            assert!(report.deterministic, "{report}");
        }
        let report = crash::test_with(&db, |copy| async move { one_order(&copy, settings) }).every_operation().run();
        assert!(report.to_string().contains(&format!("  {promise} promises: ")), "{report}");
    }
    for settings in [[NORMAL, NORMAL], [NORMAL, FULL], [FULL, NORMAL], [DEFAULT, OFF]] {
        crash::test_with(&db, |copy| writer_and_reader(&copy, settings)).every_operation().run();
    }
    // Off while nothing is written.
    crash::test_with(&db, |copy| -> Result<()> {
        let mut db = open(&copy, OFF)?;
        db.query_row("SELECT count(*) FROM orders", [], |row| row.get::<_, i64>(0))?;
        db.execute_batch(NORMAL)?;
        order(&mut db, 3)
    })
    .run();
}

/// The profile promises every commit, and the app's own connections do not keep it.
#[test]
fn settings_that_promise_less_than_the_profile() {
    let app = |settings: &'static str| {
        crash::test_with(&db(Profile::DURABLE, SHOP), move |copy| one_order(&copy, settings)).try_run()
    };
    let error = app(NORMAL).unwrap_err();
    assert!(error.headline().ends_with("loses committed changes: items, orders, stock"), "{error}");
    for help in [
        "help: WAL + NORMAL may lose committed changes; this keeps them: PRAGMA synchronous = FULL",
        "help: the profile has WAL + FULL, but a connection that the action opens has WAL + NORMAL: give it the profile's settings",
    ] {
        assert!(error.to_string().contains(help), "{error}");
    }
    assert_eq!(app(FULL).unwrap().promise(), "WAL + FULL: no commit is lost, none half-applied");
}

/// The profile asks for full syncs at checkpoints, which the app's own connections do not.
#[test]
fn a_drive_with_a_cache() {
    let db = db(Profile::PRODUCTION.pragma("checkpoint_fullfsync", "1"), SHOP);
    let app = |settings: &'static str| {
        crash::test_with(&db, move |copy| one_order(&copy, settings)).drive_with_cache().try_run()
    };
    let help = "WAL + NORMAL without fullfsync does not protect a transaction: PRAGMA checkpoint_fullfsync = ON";
    loses(app(NORMAL), help);
    app("PRAGMA synchronous = NORMAL; PRAGMA checkpoint_fullfsync = 1").unwrap();
}

/// No lock shows the commits of a connection that keeps its locks.
#[test]
fn a_connection_that_keeps_its_locks() {
    let db = db(Profile::SQLITE_DEFAULTS, SHOP);
    let app = |copy: DbCopy| -> Result<()> {
        let mut db = Connection::open(copy.path())?;
        db.execute_batch("PRAGMA locking_mode = EXCLUSIVE")?;
        (3..6).try_for_each(|id| order(&mut db, id))
    };
    let report = crash::test_with(&db, app).independent_transactions().run();
    assert_eq!(report.commits, 3, "{report}");
}

/// What is told on the app's own thread counts as on the test's.
#[test]
fn acknowledgments_of_an_app_with_its_own_connections() {
    type Tells = fn(&DbCopy) -> Result<()>;
    let too_early: Tells = |copy| {
        crash::acknowledge();
        let mut db = open(copy, FULL)?;
        order(&mut db, 3)?;
        crash::acknowledge();
        order(&mut db, 4)
    };
    let before_the_commit: Tells = |copy| {
        let mut db = open(copy, FULL)?;
        let transaction = db.transaction()?;
        transaction.execute("UPDATE stock SET count = count - 1", [])?;
        crash::acknowledge();
        transaction.commit()
    };
    let once_only: Tells = |copy| {
        let sql = "UPDATE stock SET count = 0 WHERE product = 'tea' AND count <> 0";
        if open(copy, FULL)?.execute(sql, [])? == 1 {
            crash::acknowledge();
        }
        Ok(())
    };
    let after_the_commit: Tells = |copy| {
        order(&mut open(copy, FULL)?, 3)?;
        crash::acknowledge();
        Ok(())
    };
    let db = wal();
    for (tells, says) in [
        (before_the_commit, Some("loses acknowledged changes")),
        (once_only, Some("is never made up for")),
        (after_the_commit, None),
        (too_early, None),
    ] {
        let by_path = crash::test_with(&db, move |copy| tells(&copy)).independent_transactions().try_run();
        let in_future =
            crash::test_with(&db, move |copy| async move { tells(&copy) }).independent_transactions().try_run();
        for found in [by_path, in_future] {
            match (found, says) {
                (Ok(_), None) => {}
                (Err(error), Some(says)) => assert!(error.headline().contains(says), "{error}"),
                (found, says) => panic!("{found:?} instead of {says:?}"),
            }
        }
    }
}
