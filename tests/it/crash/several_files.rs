//! Actions that write to two databases: each has its own commits, and only rollback journals make a transaction over both one.

use sqlitmus::rusqlite::{Connection, Result};
use sqlitmus::{Error, Profile, TestDb, crash};

use super::db;

const JOURNAL: Profile = Profile::SQLITE_DEFAULTS.pragma("journal_mode", "DELETE").pragma("synchronous", "EXTRA");

/// Returns a database of this profile that has an archive beside it, in this journal mode.
fn with_archive(profile: Profile, mode: &str) -> TestDb {
    db(
        profile,
        &format!(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, x); INSERT INTO t VALUES (1, 0), (2, 0);
             ATTACH 'archive.db' AS archive; PRAGMA archive.journal_mode = {mode};
             CREATE TABLE archive.old(id INTEGER PRIMARY KEY, x); INSERT INTO archive.old VALUES (1, 0); DETACH archive;"
        ),
    )
}

/// `synchronous` of an archive whose journal is truncated.
const TRUNCATED: &str = "FULL; PRAGMA archive.journal_mode = TRUNCATE";

const MAIN: &str = "UPDATE t SET x = 7 WHERE id = 1;";
const ARCHIVE: &str = "UPDATE old SET x = 7;";

/// An action that attaches the archive with this `synchronous` and runs these statements.
fn app(synchronous: &str, statements: &str) -> impl FnMut(&mut Connection) -> Result<()> + use<> {
    let script = format!(
        "ATTACH 'archive.db' AS archive; PRAGMA archive.synchronous = {synchronous}; {statements}; DETACH archive"
    );
    move |db| db.execute_batch(&script)
}

fn both() -> String {
    format!("BEGIN; {MAIN} {ARCHIVE} COMMIT")
}

fn one_after_the_other() -> String {
    format!("{MAIN} {ARCHIVE}")
}

#[track_caller]
fn says(error: &Error, headline: &str, text: &str) {
    assert!(error.headline().ends_with(headline), "{error}");
    assert!(error.to_string().contains(text), "{error}");
    assert!(!error.to_string().contains("protects a transaction"), "{error}");
}

const TORN: &str = "leaves a transaction in one file and not in another: t without old of archive.db";
const TORN_THE_OTHER_WAY: &str = "leaves a transaction in one file and not in another: old of archive.db without t";
const FILE_BY_FILE: &str =
    "help: if one of several files is in WAL, MEMORY or OFF mode, SQLite commits each separately";

#[test]
fn a_transaction_over_two_files_with_a_wal() {
    for (profile, synchronous) in [(Profile::PRODUCTION, "NORMAL"), (Profile::DURABLE, "FULL")] {
        let db = with_archive(profile, "WAL");
        let error = crash::test(&db, app(synchronous, &both())).try_run().unwrap_err();
        says(&error, TORN, FILE_BY_FILE);
        // It is one transaction, so that it is not independent of itself.
        let error = crash::test(&db, app(synchronous, &both())).independent_transactions().try_run().unwrap_err();
        says(&error, TORN, FILE_BY_FILE);
        let error = crash::test(&db, app(synchronous, &both())).each_transaction().try_run().unwrap_err();
        says(&error, TORN, FILE_BY_FILE);
    }
}

#[test]
fn a_transaction_over_a_wal_and_a_journal() {
    let error = crash::test(&with_archive(Profile::DURABLE, "DELETE"), app("FULL", &both())).try_run().unwrap_err();
    says(&error, TORN, FILE_BY_FILE);
    let error = crash::test(&with_archive(JOURNAL, "WAL"), app("FULL", &both())).try_run().unwrap_err();
    says(&error, TORN_THE_OTHER_WAY, FILE_BY_FILE);
}

#[test]
fn a_later_transaction_over_two_files() {
    let statements = format!("INSERT INTO t VALUES (3, 0); {}; INSERT INTO t VALUES (4, 0)", both());
    let db = with_archive(Profile::PRODUCTION, "WAL");
    let error = crash::test(&db, app("NORMAL", &statements)).independent_transactions().try_run().unwrap_err();
    says(&error, TORN, FILE_BY_FILE);
}

#[test]
fn two_transactions_that_belong_together() {
    for (mode, synchronous) in [("WAL", "NORMAL"), ("DELETE", "FULL")] {
        let db = with_archive(Profile::PRODUCTION, mode);
        let error = crash::test(&db, app(synchronous, &one_after_the_other())).try_run().unwrap_err();
        says(&error, "leaves the action half done: t without old of archive.db", "put all of its statements into one");
        says(&error, "", FILE_BY_FILE);
    }
    let db = with_archive(JOURNAL, "DELETE");
    let error = crash::test(&db, app("EXTRA", &one_after_the_other())).try_run().unwrap_err();
    says(&error, "leaves the action half done: t without old of archive.db", "put all of its statements into one");
    assert!(!error.to_string().contains("several files"), "{error}");
}

#[test]
fn an_archive_that_is_not_synced() {
    let lost = "loses committed changes: old of archive.db";
    let settings = "help: archive.db has its own journal_mode and synchronous, whatever the profile sets";
    for (mode, synchronous) in [("WAL", "NORMAL"), ("WAL", "OFF"), ("DELETE", "FULL")] {
        let db = with_archive(Profile::DURABLE, mode);
        let test = crash::test(&db, app(synchronous, &one_after_the_other()));
        says(&test.independent_transactions().try_run().unwrap_err(), lost, settings);
    }
    let db = with_archive(Profile::PRODUCTION, "WAL");
    let error = crash::test(&db, app("NORMAL", ARCHIVE)).independent_transactions().durable().try_run().unwrap_err();
    says(&error, lost, "keeps them: PRAGMA synchronous = FULL");
}

/// The row is gone from the database, and not in the archive: the next run finds nothing to do.
#[test]
fn a_move_that_loses_what_it_has_moved() {
    let moves = "INSERT OR IGNORE INTO archive.old SELECT * FROM main.t WHERE id = 2; DELETE FROM main.t WHERE id = 2";
    let test = |profile: Profile, synchronous: &str| {
        let db = with_archive(profile, "WAL");
        crash::test(&db, app(synchronous, moves)).each_transaction().try_run()
    };
    let error = test(Profile::PRODUCTION, "NORMAL").unwrap_err();
    assert!(error.headline().starts_with("the action ends with other data when it is run again"), "{error}");
    // What is copied is on the disk before the row is deleted.
    let report = test(Profile::PRODUCTION, "FULL").unwrap();
    assert_eq!((report.commits, report.resumed), (2, 1), "{report}");
    assert_eq!(test(Profile::DURABLE, "FULL").unwrap().most_lost, 0);
}

#[test]
fn transactions_in_two_files_are_independent() {
    for (mode, synchronous) in [("WAL", "NORMAL"), ("WAL", "FULL"), ("DELETE", "FULL"), ("DELETE", TRUNCATED)] {
        let db = with_archive(Profile::PRODUCTION, mode);
        let test = || crash::test(&db, app(synchronous, &one_after_the_other())).independent_transactions();
        let report = test().every_operation().run();
        assert_eq!(report.commits, 2, "{mode}: {report}");
        assert!(report.most_lost > 0, "{mode}: {report}");
        test().twice().run();
    }
}

#[test]
fn files_that_keep_every_commit() {
    for (mode, synchronous) in [("WAL", "FULL"), ("DELETE", "EXTRA"), ("DELETE", TRUNCATED)] {
        let db = with_archive(Profile::DURABLE, mode);
        let test = crash::test(&db, app(synchronous, &one_after_the_other())).independent_transactions();
        let report = test.every_operation().run();
        assert_eq!((report.commits, report.most_lost), (2, 0), "{report}");
    }
}

/// The unlinked journal of the one may come back, while the WAL of the other is synced.
#[test]
fn the_last_commit_of_each_file() {
    let profile = Profile::SQLITE_DEFAULTS.pragma("journal_mode", "DELETE").pragma("synchronous", "FULL");
    for (mode, synchronous) in [("WAL", "FULL"), ("DELETE", "FULL"), ("DELETE", TRUNCATED)] {
        let db = with_archive(profile, mode);
        let test = crash::test(&db, app(synchronous, &one_after_the_other())).independent_transactions();
        let report = test.every_operation().run();
        assert_eq!(report.commits, 2, "{mode}: {report}");
    }
}

#[test]
fn rollback_journals_make_it_one_transaction() {
    for mode in ["DELETE", "TRUNCATE", "PERSIST"] {
        let profile = Profile::SQLITE_DEFAULTS.pragma("journal_mode", mode).pragma("synchronous", "EXTRA");
        let db = with_archive(profile, mode);
        let report = crash::test(&db, app("EXTRA", &both())).every_operation().run();
        assert_eq!((report.commits, report.most_lost), (1, 0), "{mode}: {report}");
    }
}

#[test]
fn a_job_that_writes_the_same_again() {
    let db = with_archive(Profile::PRODUCTION, "WAL");
    let report = crash::test(&db, app("NORMAL", &one_after_the_other())).each_transaction().run();
    // One state is that of the archive without the database.
    assert_eq!((report.commits, report.resumed), (2, 2), "{report}");
}

#[test]
fn many_transactions_in_turn() {
    let db = with_archive(Profile::PRODUCTION, "WAL");
    let turns: String = (1..4).map(|x| format!("UPDATE t SET x = {x}; UPDATE old SET x = {x};")).collect();
    let report = crash::test(&db, app("NORMAL", &turns)).independent_transactions().run();
    assert_eq!((report.commits, report.most_lost), (6, 6), "{report}");
    // Back to what it was: an older content may be a newer one.
    let turns =
        "UPDATE t SET x = 1; UPDATE old SET x = 1; UPDATE t SET x = 0; UPDATE old SET x = 0; UPDATE t SET x = 1";
    crash::test(&db, app("NORMAL", turns)).independent_transactions().run();
}

#[test]
fn three_files_and_one_that_is_read() {
    let db = with_archive(Profile::PRODUCTION, "WAL");
    let more = "ATTACH 'more.db' AS more; PRAGMA more.journal_mode = WAL; CREATE TABLE more.m(x)";
    db.execute_batch(&format!("{more}; DETACH more")).unwrap();
    let three =
        format!("ATTACH 'more.db' AS more; {} INSERT INTO more.m VALUES (1); DETACH more", one_after_the_other());
    let report = crash::test(&db, app("NORMAL", &three)).independent_transactions().run();
    assert_eq!(report.commits, 3, "{report}");
    let read = "BEGIN; UPDATE t SET x = (SELECT x + 1 FROM archive.old); INSERT INTO t VALUES (9, 9); COMMIT";
    let report = crash::test(&db, app("NORMAL", read)).run();
    assert_eq!(report.commits, 1, "{report}");
}

/// An invariant sees what each file has.
#[test]
fn an_invariant_between_two_transactions() {
    let db = with_archive(Profile::PRODUCTION, "WAL");
    let turns = "INSERT INTO t VALUES (3, 0); UPDATE old SET x = 1; INSERT INTO t VALUES (4, 0)";
    let test = |most: i64| {
        crash::test(&db, app("NORMAL", turns))
            .independent_transactions()
            .invariant(move |db: &Connection| {
                let count: i64 =
                    db.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).map_err(|e| e.to_string())?;
                if count % 2 == 0 || most > 3 { Ok(()) } else { Err(format!("{count} rows")) }
            })
            .try_run()
    };
    assert!(test(3).unwrap_err().headline().ends_with("breaks an invariant"));
    test(4).unwrap();
}
