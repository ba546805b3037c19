//! The guarantee of each pair of journal_mode and synchronous: a power cut loses no more than it allows, and can lose
//! that much.

use sqlitmus::rusqlite::{Connection, Result};
use sqlitmus::{Profile, crash};

const SCHEMA: &str = "
    CREATE TABLE a(id INTEGER PRIMARY KEY, x BLOB);
    CREATE INDEX a_x ON a(x);
    CREATE TABLE b(x INT);
    INSERT INTO b VALUES (NULL);";

/// Twenty small transactions.
fn transactions(db: &mut Connection) -> Result<()> {
    for number in 0..20 {
        let transaction = db.transaction()?;
        transaction.execute("INSERT INTO a VALUES (?1, zeroblob(40))", [number])?;
        transaction.execute("UPDATE b SET x = ?1", [number])?;
        if number % 3 == 0 {
            transaction.execute("DELETE FROM a WHERE id < ?1 - 4", [number])?;
        }
        transaction.commit()?;
    }
    Ok(())
}

fn test(journal_mode: &'static str, synchronous: &'static str) -> sqlitmus::Result<crash::Report> {
    let profile = Profile::SQLITE_DEFAULTS.pragma("journal_mode", journal_mode).pragma("synchronous", synchronous);
    crash::test(&super::db(profile, SCHEMA), transactions).independent_transactions().try_run()
}

/// Expects that exactly `most_lost` commits are lost in the worst case, and that nothing else happens.
#[track_caller]
fn loses(journal_mode: &'static str, synchronous: &'static str, most_lost: usize) {
    let report = test(journal_mode, synchronous).unwrap();
    assert_eq!((report.most_lost, report.commits), (most_lost, 20), "{report}");
    assert!(report.deterministic && report.distinct > 500, "{report}");
    assert!(report.outcomes.iter().all(|images| *images > 0), "{report}");
}

/// Expects a transaction that survives in part, or a damaged database.
#[track_caller]
fn breaks(journal_mode: &'static str, synchronous: &'static str) {
    let error = test(journal_mode, synchronous).unwrap_err();
    let broken = ["leaves the database corrupt: ", "leaves a transaction half-applied"];
    assert!(broken.iter().any(|what| error.headline().contains(what)), "{error}");
    assert!(error.to_string().contains("help: "), "{error}");
}

#[test]
fn wal() {
    loses("WAL", "EXTRA", 0);
    loses("WAL", "FULL", 0);
    loses("WAL", "NORMAL", 20);
    breaks("WAL", "OFF");
}

#[test]
fn delete() {
    loses("DELETE", "EXTRA", 0);
    // The journal's unlink is not synced.
    loses("DELETE", "FULL", 1);
    breaks("DELETE", "NORMAL");
    breaks("DELETE", "OFF");
}

#[test]
fn truncate() {
    loses("TRUNCATE", "EXTRA", 0);
    loses("TRUNCATE", "FULL", 0);
    breaks("TRUNCATE", "NORMAL");
    breaks("TRUNCATE", "OFF");
}

#[test]
fn persist() {
    loses("PERSIST", "EXTRA", 0);
    loses("PERSIST", "FULL", 0);
    breaks("PERSIST", "NORMAL");
    breaks("PERSIST", "OFF");
}

#[test]
fn without_a_journal_on_disk() {
    for synchronous in ["EXTRA", "FULL", "NORMAL", "OFF"] {
        breaks("MEMORY", synchronous);
        breaks("OFF", synchronous);
    }
}

/// With a journal, killing the process loses nothing, synced or not.
#[test]
fn process_kill() {
    for mode in ["WAL", "DELETE", "TRUNCATE", "PERSIST"] {
        let profile = Profile::SQLITE_DEFAULTS.pragma("journal_mode", mode).pragma("synchronous", "OFF");
        let db = super::db(profile, SCHEMA);
        let report = crash::test(&db, transactions).independent_transactions().process_kill().run();
        assert_eq!(report.most_lost, 0, "{mode}: {report}");
        assert!(report.points > 100 && report.images == report.points, "{mode}: {report}");
    }
    let db = super::db(Profile::SQLITE_DEFAULTS.pragma("journal_mode", "OFF"), SCHEMA);
    let error = crash::test(&db, transactions).independent_transactions().process_kill().try_run().unwrap_err();
    assert!(error.headline().starts_with("killing the process after operation"), "{error}");
}

/// A commit is seen by its lock or, if locks are kept, by the state that SQLite recovers.
#[test]
fn exclusive_locking() {
    for mode in ["WAL", "DELETE", "TRUNCATE"] {
        let db = super::db(Profile::SQLITE_DEFAULTS.pragma("journal_mode", mode), SCHEMA);
        let keep_locks = |db: &mut Connection| {
            db.execute_batch("PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = EXTRA")?;
            transactions(db)
        };
        let report = crash::test(&db, keep_locks).independent_transactions().run();
        assert_eq!(report.commits, 20, "{mode}: {report}");
    }
}

/// The locks of another connection that closes or is refused say nothing about the running transaction.
#[test]
fn another_connection_opens_and_closes_within_a_transaction() {
    for (mode, begin) in [("WAL", "BEGIN IMMEDIATE"), ("DELETE", "BEGIN EXCLUSIVE")] {
        let profile = Profile::SQLITE_DEFAULTS.pragma("journal_mode", mode).pragma("synchronous", "EXTRA");
        let action = |db: &mut Connection| -> Result<()> {
            db.execute_batch(begin)?;
            let other = Connection::open(format!("file:{}?vfs=sqlitmus", db.path().unwrap()))?;
            let _ = other.query_row("SELECT count(*) FROM a", [], |_| Ok(()));
            drop(other);
            db.execute_batch("INSERT INTO a VALUES (1, NULL); UPDATE b SET x = 1; COMMIT;")?;
            db.execute_batch("BEGIN; INSERT INTO a VALUES (2, NULL); UPDATE b SET x = 2; COMMIT;")
        };
        let db = super::db(profile, SCHEMA);
        let report = crash::test(&db, action).independent_transactions().every_operation().run();
        assert_eq!((report.commits, report.most_lost), (2, 0), "{mode}: {report}");
    }
}

#[test]
fn a_second_cut_during_recovery() {
    for mode in ["WAL", "DELETE", "PERSIST"] {
        let profile = Profile::SQLITE_DEFAULTS.pragma("journal_mode", mode).pragma("synchronous", "EXTRA");
        let db = super::db(profile, SCHEMA);
        let action = |db: &mut Connection| {
            let transaction = db.transaction()?;
            transaction.execute_batch("INSERT INTO a VALUES (1, zeroblob(3000)); UPDATE b SET x = 1")?;
            transaction.commit()
        };
        let once = crash::test(&db, action).run();
        let twice = crash::test(&db, action).twice().run();
        assert!(twice.images > 3 * once.images, "{mode}: {once}\n{twice}");
        assert_eq!(once.points, twice.points);
    }
}

/// A database that the action creates counts only once it has a page.
#[test]
fn a_database_that_the_action_creates() {
    let profile = Profile::SQLITE_DEFAULTS.pragma("journal_mode", "DELETE").pragma("synchronous", "EXTRA");
    let db = super::db(profile, SCHEMA);
    let report = crash::test(&db, |db| {
        db.execute_batch(
            "ATTACH 'archive.db' AS archive;
             BEGIN;
             CREATE TABLE archive.a AS SELECT * FROM main.b;
             INSERT INTO b VALUES (7);
             COMMIT;",
        )
    })
    .every_operation()
    .run();
    assert_eq!((report.commits, report.most_lost), (1, 0), "{report}");
}

/// Statistics are not compared: an action without them is not half applied.
#[test]
fn statistics_are_not_compared() {
    let db = super::db(Profile::PRODUCTION, SCHEMA);
    let action = |db: &mut Connection| db.execute_batch("INSERT INTO a VALUES (1, x'00'); ANALYZE;");
    let report = crash::test(&db, action).every_operation().run();
    assert_eq!(report.commits, 1, "{report}");
}

#[test]
fn many_moments_are_sampled_by_default() {
    let db = super::db(Profile::MINIMAL.pragma("page_size", "512"), SCHEMA);
    let action = |db: &mut Connection| (0..160).try_for_each(|id| db.execute("UPDATE b SET x = ?1", [id]).map(drop));
    let report = crash::test(&db, action).independent_transactions().run();
    assert!(report.points == 150 && report.moments > 160, "{report}");
    assert!(report.to_string().starts_with(&format!("power cut at 150 moments of {}: ", report.moments)), "{report}");
    assert!(report.most_lost > 150, "{report}");
}

/// A write of 64 KB is torn in its last sectors too: a row is written at the end of its page, and what leads to it at the beginning.
#[test]
fn large_pages() {
    let test = |profile: Profile| {
        let db = super::db(
            profile.pragma("page_size", "65536"),
            "CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT); INSERT INTO t VALUES (1, 'a')",
        );
        crash::test(&db, |db| db.execute("INSERT INTO t VALUES (2, 'b')", [])).try_run()
    };
    let plain = Profile::SQLITE_DEFAULTS.pragma("synchronous", "FULL");
    test(plain.pragma("journal_mode", "DELETE")).unwrap();
    test(plain.pragma("journal_mode", "WAL")).unwrap();
    // One page is written, and its first 32 KB change in one sector.
    let error = test(plain.pragma("journal_mode", "OFF")).unwrap_err();
    assert!(error.headline().contains("(torn writes)") || error.headline().contains("corrupt"), "{error}");
}

/// Where syncs stay in the cache of the drive, as on macOS, WAL needs full ones at checkpoints and a journal needs them always.
#[test]
fn drives_with_a_cache() {
    let test = |journal_mode: &'static str, pragma: &'static str, synchronous: &'static str| {
        let profile = Profile::SQLITE_DEFAULTS.pragma("journal_mode", journal_mode).pragma("synchronous", synchronous);
        let profile = if pragma.is_empty() { profile } else { profile.pragma(pragma, "1") };
        let db = super::db(profile, SCHEMA);
        let work = |db: &mut Connection| -> Result<()> {
            transactions(db)?;
            db.query_row("PRAGMA wal_checkpoint", [], |_| Ok(()))
        };
        crash::test(&db, work).independent_transactions().drive_with_cache().try_run()
    };
    for (journal_mode, pragma, synchronous, promise, lost) in [
        ("WAL", "checkpoint_fullfsync", "NORMAL", "WAL + NORMAL + checkpoint_fullfsync", 20),
        ("WAL", "checkpoint_fullfsync", "FULL", "WAL + FULL + checkpoint_fullfsync", 20),
        ("WAL", "fullfsync", "FULL", "WAL + FULL + fullfsync", 0),
        ("DELETE", "fullfsync", "FULL", "DELETE + FULL + fullfsync", 1),
        ("TRUNCATE", "fullfsync", "FULL", "TRUNCATE + FULL + fullfsync", 0),
    ] {
        let report = test(journal_mode, pragma, synchronous).unwrap();
        assert!(report.promise().starts_with(&format!("{promise}: ")), "{report}");
        assert_eq!(report.most_lost, lost, "{report}");
    }
    for (journal_mode, pragma, help) in [
        ("WAL", "", "WAL + FULL without fullfsync does not protect a transaction: PRAGMA checkpoint_fullfsync = ON"),
        ("DELETE", "", "DELETE + FULL without fullfsync does not protect a transaction: PRAGMA fullfsync = ON"),
        ("TRUNCATE", "checkpoint_fullfsync", "does not protect a transaction: PRAGMA fullfsync = ON"),
    ] {
        let error = test(journal_mode, pragma, "FULL").unwrap_err().to_string();
        assert!(error.contains(help), "{error}");
    }
}
