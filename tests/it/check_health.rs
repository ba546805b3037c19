use sqlitmus::check::{self, Health};
use sqlitmus::rusqlite::Connection;
use sqlitmus::{Profile, Template};

static APP: Template = Template::embedded(&[("1.sql", "CREATE TABLE t(x); PRAGMA user_version = 7;")])
    .profile(Profile::MINIMAL.pragma("page_size", "4096"));

fn rows(connection: &Connection, count: i64) {
    let sql = "INSERT INTO t WITH n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < ?1) SELECT zeroblob(4000) FROM n";
    connection.execute(sql, [count]).unwrap();
}

fn flags(health: &Health) -> Vec<&'static str> {
    health.red_flags().iter().map(|finding| finding.code()).collect()
}

fn codes(connection: &Connection) -> Vec<&'static str> {
    flags(&check::health(connection))
}

/// Returns true if SQLite reports the frames waiting in the WAL, as it does from 3.51 on.
fn tells_frames() -> bool {
    rusqlite::version_number() >= 3_051_000
}

#[test]
fn the_numbers_in_memory_and_on_disk() {
    for db in [APP.in_memory(), APP.on_disk()] {
        rows(&db, 3);
        let health = check::health(&db);
        assert_eq!((health.page_size, health.page_count, health.freelist_count), (4096, 5, 0));
        assert_eq!(health.bytes, 5 * 4096);
        assert_eq!((health.user_version, health.application_id), (7, 0));
        assert_eq!((health.journal_mode.as_str(), health.auto_vacuum), ("wal", "NONE"));
        assert_eq!(health.encoding, "UTF-8");
        assert_eq!(health.path.as_deref().and_then(|path| path.to_str()), db.connect().path());
        assert_eq!(health.wal_autocheckpoint, 1000);
        let frames = (health.wal_bytes.unwrap() - 32) / (4096 + 24);
        assert!(frames >= 4, "{health:?}");
        if tells_frames() {
            assert_eq!(health.wal_frames_left, Some(frames));
        }
        assert_eq!(check::health(&db), health, "looking changes nothing");
        health.red_flags().assert_ok();
    }
}

#[test]
fn a_table_of_the_numbers() {
    let db = APP.in_memory();
    rows(&db, 3);
    let mut health = check::health(&db);
    (health.wal_bytes, health.wal_frames_left, health.schema_version) = (Some(16_512), Some(4), 1);
    assert_eq!(
        health.to_string(),
        "database        20480 bytes\n\
         pages           5 of 4096 bytes, 0 free\n\
         wal             16512 bytes, 4 pages not checkpointed\n\
         journal_mode    wal\n\
         auto_vacuum     NONE\n\
         encoding        UTF-8\n\
         schema_version  1\n\
         user_version    7\n\
         application_id  0"
    );
    health.wal_frames_left = None;
    assert!(health.to_string().contains("\nwal             16512 bytes\n"));
    health.wal_bytes = None;
    assert!(health.to_string().contains("\nwal             none\n"));
}

#[test]
fn free_pages() {
    let db = APP.in_memory();
    rows(&db, 500);
    db.execute_batch("DELETE FROM t WHERE rowid <= 99; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    assert_eq!(codes(&db), [""; 0]);
    db.execute_batch("DELETE FROM t WHERE rowid <= 110").unwrap();
    let health = check::health(&db);
    assert_eq!(
        health.red_flags().try_assert_ok().unwrap_err().to_string(),
        "freelist: 21 % of PATH is free: 110 of 502 pages\n\
         \n  freelist (PATH):\
         \n    21 % of PATH is free: 110 of 502 pages\
         \n    auto_vacuum is NONE: the file never shrinks by itself\n\
         \n  help: VACUUM"
            .replace("PATH", health.path.as_ref().unwrap().to_str().unwrap())
    );
    db.execute_batch("VACUUM").unwrap();
    assert_eq!(codes(&db), [""; 0]);
}

#[test]
fn few_free_pages_are_no_flag() {
    let db = APP.in_memory();
    rows(&db, 110);
    db.execute_batch("DELETE FROM t WHERE rowid <= 99").unwrap();
    assert_eq!(codes(&db), [""; 0]);
    db.execute_batch("DELETE FROM t WHERE rowid <= 100").unwrap();
    assert_eq!(codes(&db), ["freelist"]);
}

#[test]
fn free_pages_are_flagged_by_their_share_and_auto_vacuum_decides_the_remedy() {
    let template = Template::empty().profile(Profile::MINIMAL.pragma("auto_vacuum", "INCREMENTAL"));
    let db = template.in_memory();
    db.execute_batch("CREATE TABLE t(x)").unwrap();
    rows(&db, 900);
    db.execute_batch("DELETE FROM t WHERE rowid <= 150; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    assert_eq!(codes(&db), [""; 0], "a sixth");
    db.execute_batch("DELETE FROM t WHERE rowid <= 300; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let findings = check::health(&db).red_flags();
    assert_eq!(findings.iter().next().unwrap().help(), Some("PRAGMA incremental_vacuum"));
    assert_eq!(check::health(&db).auto_vacuum, "INCREMENTAL");
}

#[test]
fn a_wal_that_a_reader_keeps_from_a_checkpoint() {
    for db in [APP.in_memory(), APP.on_disk()] {
        db.execute_batch("PRAGMA wal_autocheckpoint = 50").unwrap();
        rows(&db, 30);
        assert_eq!(codes(&db), [""; 0]);
        let reader = db.connect();
        reader.execute_batch("BEGIN; SELECT count(*) FROM t").unwrap();
        rows(&db, 60);
        let waiting: &[&str] = if tells_frames() { &["wal-not-checkpointed"] } else { &[] };
        assert_eq!(codes(&db), waiting);
        rows(&db, 300);
        assert_eq!(codes(&db), [&["wal-too-large"], waiting].concat());
        reader.execute_batch("COMMIT").unwrap();
        db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        assert_eq!(codes(&db), [""; 0]);
    }
}

#[test]
fn a_wal_over_its_own_limit() {
    let db = APP.in_memory();
    db.execute_batch("PRAGMA journal_size_limit = 100000").unwrap();
    rows(&db, 10);
    assert_eq!(codes(&db), [""; 0]);
    rows(&db, 40);
    let findings = check::health(&db).red_flags();
    let finding = findings.iter().next().unwrap();
    assert_eq!(finding.code(), "wal-too-large");
    assert!(finding.what().ends_with("bytes, and journal_size_limit is 100000"), "{finding}");
}

#[test]
fn a_wal_that_nothing_bounds() {
    let db = APP.in_memory();
    db.execute_batch("PRAGMA wal_autocheckpoint = 0").unwrap();
    rows(&db, 900);
    assert_eq!(codes(&db), [""; 0], "smaller than SQLite lets it grow by default");
    rows(&db, 600);
    let health = check::health(&db);
    assert!((6_000_000..7_000_000).contains(&health.wal_bytes.unwrap()), "{health:?}");
    assert_eq!(flags(&health), ["wal-unbounded"]);
    assert!(health.red_flags().try_assert_ok().is_err());
    // A limit is another finding, and so is a checkpoint that is due.
    db.execute_batch("PRAGMA journal_size_limit = 1000000").unwrap();
    assert_eq!(codes(&db), ["wal-too-large"]);
    db.execute_batch("PRAGMA journal_size_limit = 10000000").unwrap();
    assert_eq!(codes(&db), [""; 0]);
}

#[test]
fn a_replicator_checkpoints_by_itself() {
    let db = APP.in_memory();
    db.execute_batch("PRAGMA wal_autocheckpoint = 0").unwrap();
    rows(&db, 2000);
    db.execute_batch("PRAGMA wal_checkpoint(PASSIVE)").unwrap();
    let expected: &[&str] = if tells_frames() { &[] } else { &["wal-unbounded"] };
    assert_eq!(codes(&db), expected);
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    assert_eq!(codes(&db), [""; 0]);
}

#[test]
fn journal_modes_and_small_pages() {
    let template = Template::embedded(&[("1.sql", "CREATE TABLE t(x)")]);
    let db = template.profile(Profile::SQLITE_DEFAULTS.pragma("page_size", "1024")).on_disk();
    assert_eq!(codes(&db), ["not-wal", "small-pages"]);
    let remedy = check::health(&db).red_flags().iter().find_map(|finding| finding.help().map(str::to_owned));
    assert_eq!(remedy.as_deref(), Some("PRAGMA journal_mode = WAL"));
    let findings = check::health(&db).red_flags();
    db.execute_batch(findings.iter().last().unwrap().help().unwrap()).unwrap();
    assert_eq!(codes(&db), [""; 0]);
    // A database without a file cannot be in WAL mode.
    assert_eq!(codes(&Connection::open_in_memory().unwrap()), [""; 0]);
}

#[test]
fn a_file_on_another_machine() {
    let db = APP.on_disk();
    let mut health = check::health(&db);
    health.network_file_system = Some(String::from("nfs4"));
    assert_eq!(flags(&health), ["network-file-system"]);
}

#[test]
fn a_file_that_is_not_a_database_is_an_error_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    std::fs::write(&path, "this is no database, whatever its name says".repeat(99)).unwrap();
    let error = check::try_health(&Connection::open(&path).unwrap()).unwrap_err();
    assert_eq!(error.sqlite_code(), Some(26));
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
}
