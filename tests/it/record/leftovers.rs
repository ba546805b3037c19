//! What code leaves on a connection that goes back to a pool.

use std::time::{Duration, Instant};

use sqlitmus::rusqlite::{Connection, Result};
use sqlitmus::{Profile, Template};

static APP: Template =
    Template::embedded(&[("1.sql", "CREATE TABLE t(x); INSERT INTO t VALUES (1);")]).profile(Profile::PRODUCTION);

/// Runs statements on a connection that stays open, as one of a pool, and returns what is left.
fn left_by(statements: &[&str]) -> Option<String> {
    let db = APP.in_memory();
    let recorder = db.recorder();
    let pooled = Connection::open(db.path()).unwrap();
    pooled.execute_batch("PRAGMA foreign_keys = 1; PRAGMA cache_size = 100; SELECT count(*) FROM t").unwrap();
    for sql in statements {
        pooled.execute_batch(sql).unwrap();
    }
    let left = recorder.stop().try_assert_connections_left_clean().err();
    left.map(|error| error.headline().to_owned())
}

#[test]
fn what_is_left_is_found() {
    for (statements, says) in [
        (&["BEGIN", "UPDATE t SET x = 2"][..], "within a transaction: BEGIN"),
        (&["BEGIN", "COMMIT", "SAVEPOINT s", "SELECT x FROM t"], "within a transaction: SAVEPOINT s"),
        (&["PRAGMA foreign_keys = OFF", "DELETE FROM t"], "with another setting: PRAGMA foreign_keys = OFF"),
        (&["PRAGMA cache_size = 200"], "with another setting: PRAGMA cache_size = 200"),
        (&["PRAGMA query_only(true)"], "with another setting: PRAGMA query_only(true)"),
        (
            &["ATTACH ':memory:' AS old", "DETACH DATABASE old", "ATTACH ':memory:' AS new"],
            "with an attached database: ATTACH ':memory:' AS new",
        ),
        (
            &["CREATE TEMP TABLE kept AS SELECT x FROM t"],
            "with a temporary table: CREATE TEMP TABLE kept AS SELECT x FROM t",
        ),
        (
            &["CREATE TABLE IF NOT EXISTS temp.kept(x)"],
            "with a temporary table: CREATE TABLE IF NOT EXISTS temp.kept(x)",
        ),
        (&["BEGIN", "CREATE TEMP TABLE kept(x)", "COMMIT"], "with a temporary table: CREATE TEMP TABLE kept(x)"),
    ] {
        assert_eq!(left_by(statements), Some(format!("a connection is left {says}")), "{statements:?}");
    }
    let both = left_by(&["PRAGMA foreign_keys = 0", "BEGIN"]);
    assert_eq!(both.as_deref(), Some("2 things are left on connections, the first with another setting"));
}

#[test]
fn what_is_set_back_is_not() {
    for statements in [
        &["SELECT x FROM t"][..],
        &["BEGIN", "UPDATE t SET x = 2", "ROLLBACK"],
        &["SAVEPOINT s", "UPDATE t SET x = 2", "RELEASE s"],
        &["PRAGMA foreign_keys = OFF", "DELETE FROM t", "PRAGMA foreign_keys = true"],
        // Ignored, of no effect, or gone with the transaction.
        &["BEGIN", "PRAGMA foreign_keys = OFF", "PRAGMA defer_foreign_keys = ON", "COMMIT"],
        &["PRAGMA cache_size = 100", "PRAGMA cache_size", "PRAGMA user_version = 3"],
        &["ATTACH ':memory:' AS old", "DETACH old"],
        &["CREATE TEMP TABLE kept(x)", "DROP TABLE IF EXISTS kept"],
        &["BEGIN", "CREATE TEMP TABLE kept(x)", "ROLLBACK"],
        &["CREATE TABLE kept(x)", "CREATE INDEX by_x ON kept(x)"],
    ] {
        assert_eq!(left_by(statements), None, "{statements:?}");
    }
}

/// What a connection that is closed takes with it, and a transaction, which is lost.
#[test]
fn a_connection_that_is_closed() {
    let db = APP.in_memory();
    let migrates = |sql: &str| -> Result<()> {
        let connection = Connection::open(db.path())?;
        connection.execute_batch("SELECT x FROM t; PRAGMA foreign_keys = OFF")?;
        connection.execute_batch(sql)
    };
    let recorder = db.recorder();
    migrates("CREATE TEMP TABLE kept(x)").unwrap();
    recorder.stop().assert_connections_left_clean();
    let recorder = db.recorder();
    migrates("BEGIN; UPDATE t SET x = 2").unwrap();
    let error = recorder.stop().try_assert_connections_left_clean().unwrap_err();
    assert_eq!(error.headline(), "a connection is left within a transaction: BEGIN");
}

/// A transaction that was open before, and one on the test's own connection.
#[test]
fn a_transaction_of_the_test() {
    let db = APP.in_memory();
    db.execute_batch("BEGIN; UPDATE t SET x = 2").unwrap();
    let recorder = db.recorder();
    db.execute_batch("UPDATE t SET x = 3").unwrap();
    recorder.stop().assert_connections_left_clean();
    db.execute_batch("COMMIT").unwrap();
    let queries = db.record(|db| db.execute_batch("BEGIN; UPDATE t SET x = 2"));
    assert!(queries.try_assert_connections_left_clean().is_err());
}

/// The end of a recording waits for a ROLLBACK that an async driver may still run, but not for that of such a transaction.
#[test]
fn a_transaction_that_was_open_before_is_not_waited_for() {
    let db = APP.in_memory();
    let pooled = Connection::open(db.path()).unwrap();
    pooled.execute_batch("BEGIN; SELECT x FROM t").unwrap();
    let stop = || {
        let recorder = db.recorder();
        pooled.execute_batch("SELECT x FROM t").unwrap();
        let start = Instant::now();
        recorder.stop();
        start.elapsed()
    };
    // On a busy machine, one of them may take long.
    let shortest = (0..10).map(|_| stop()).min().unwrap();
    assert!(shortest < Duration::from_millis(50), "{shortest:?}");
}
