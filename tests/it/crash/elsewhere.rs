//! Databases in folders outside of the test's own, which an action attaches or makes by an absolute path.

use std::path::PathBuf;

use sqlitmus::faults::Kind;
use sqlitmus::rusqlite::{Connection, Result};
use sqlitmus::{Profile, Template, TestDb, crash, faults, interleave};

use super::db;

const SCHEMA: &str = "CREATE TABLE t(x); INSERT INTO t VALUES (1), (2)";

/// A name in a folder that exists, in which there is no such file.
fn outside(name: &str) -> PathBuf {
    let path = std::env::temp_dir().canonicalize().unwrap().join(format!("sqlitmus-{}-{name}.db", std::process::id()));
    assert!(!path.exists());
    path
}

/// Runs a statement with the database at `path` attached, and detaches it in any case.
fn attached(db: &Connection, path: &str, sql: &str) -> Result<()> {
    db.execute("ATTACH ?1 AS archive", [path])?;
    let done = db.execute_batch(sql);
    if !db.is_autocommit() {
        db.execute_batch("ROLLBACK")?;
    }
    db.execute_batch("DETACH archive")?;
    done
}

/// Does the same with a sibling of the test's database and with a file elsewhere, and expects the same of both.
fn is_as_for_a_sibling(db: &TestDb, name: &str, outcome: impl Fn(&TestDb, &str) -> String) {
    let elsewhere = outside(name);
    let path = elsewhere.to_str().unwrap();
    let (sibling, file) = (outcome(db, "sibling.db"), outcome(db, path).replace(path, "sibling.db"));
    assert_eq!(sibling, file);
    assert!(!elsewhere.exists(), "a file in memory is not made on the real disk");
}

fn on_disk() -> TestDb {
    let db = Template::empty().profile(Profile::PRODUCTION).on_disk();
    db.execute_batch(SCHEMA).unwrap();
    db
}

fn shown(result: sqlitmus::Result<impl ToString>) -> String {
    result.map_or_else(|error| error.to_string(), |report| report.to_string())
}

const TWO_COMMITS: &str = "INSERT INTO main.t VALUES (3); CREATE TABLE IF NOT EXISTS archive.t(x)";
const ONE_COMMIT: &str = "BEGIN; CREATE TABLE archive.t AS SELECT * FROM main.t; DELETE FROM main.t; COMMIT";

#[test]
fn power_cuts() {
    for db in [db(Profile::PRODUCTION, SCHEMA), on_disk()] {
        is_as_for_a_sibling(&db, "crash", |db, path| {
            shown(crash::test(db, |db| attached(db, path, TWO_COMMITS)).independent_transactions().try_run())
        });
        is_as_for_a_sibling(&db, "crash", |db, path| {
            let says = shown(crash::test(db, |db| attached(db, path, ONE_COMMIT)).try_run());
            assert!(says.contains("leaves a transaction in one file and not in another: t without "), "{says}");
            says
        });
    }
    // With rollback journals, a super-journal makes the transaction one.
    let journal = Profile::SQLITE_DEFAULTS.pragma("journal_mode", "DELETE").pragma("synchronous", "EXTRA");
    is_as_for_a_sibling(&db(journal, SCHEMA), "journal", |db, path| {
        let report = crash::test(db, |db| attached(db, path, ONE_COMMIT)).every_operation().twice().run();
        assert_eq!((report.commits, report.most_lost), (1, 0), "{report}");
        format!("{} {:?}", report.promise(), report.outcomes.len())
    });
}

#[test]
fn faults_of_operations() {
    for db in [db(Profile::DURABLE, SCHEMA), on_disk()] {
        is_as_for_a_sibling(&db, "faults", |db, path| {
            let sweep = faults::sweep(db, |db| attached(db, path, TWO_COMMITS));
            sweep.only(Kind::Io).independent_transactions().run().to_string()
        });
        is_as_for_a_sibling(&db, "faults", |db, path| {
            let says = shown(faults::sweep(db, |db| attached(db, path, ONE_COMMIT)).try_run());
            assert!(says.contains("half"), "{says}");
            says
        });
    }
}

#[test]
fn copies_by_vacuum_into() {
    for db in [db(Profile::DURABLE, SCHEMA), on_disk()] {
        let copy = |db: &Connection, path: &str| db.execute("VACUUM INTO ?1", [path]);
        is_as_for_a_sibling(&db, "vacuum", |db, path| {
            shown(crash::test(db, |db| copy(db, path)).independent_transactions().try_run())
        });
        is_as_for_a_sibling(&db, "vacuum", |db, path| shown(faults::sweep(db, |db| copy(db, path)).try_run()));
    }
}

#[test]
fn schedules() {
    let number = |db: &mut Connection, path: String| {
        db.execute("ATTACH ?1 AS archive", [path])?;
        db.execute_batch("INSERT INTO t SELECT x FROM archive.n; UPDATE archive.n SET x = x + 1")
    };
    is_as_for_a_sibling(&db(Profile::PRODUCTION, SCHEMA), "interleave", |db, path| {
        attached(db, path, "CREATE TABLE archive.n(x); INSERT INTO archive.n VALUES (0)").unwrap();
        let (alice, bob) = (path.to_owned(), path.to_owned());
        let error = interleave::explore(db)
            .task("alice", move |db| number(db, alice.clone()))
            .task("bob", move |db| number(db, bob.clone()))
            .try_run()
            .unwrap_err();
        error.to_string()
    });
}
