use std::time::Duration;

use sqlitmus::rusqlite::Connection;
use sqlitmus::{Profile, Template, check};

#[test]
fn a_connection_of_the_template_has_its_profile() {
    for profile in
        [Profile::MINIMAL, Profile::PRODUCTION, Profile::DJANGO, Profile::WEB, Profile::DURABLE, Profile::LITESTREAM]
    {
        let template = Template::empty().profile(profile);
        for db in [template.in_memory(), template.on_disk()] {
            check::profile(&db, &profile).assert_ok();
            check::profile(&db.connect(), &profile).assert_ok();
        }
    }
}

/// Changes one PRAGMA of a connection and checks the finding and its remedy.
#[track_caller]
fn check_one(setting: &str, what: &str, cost: &str) {
    let db = Template::empty().profile(Profile::PRODUCTION.pragma("case_sensitive_like", "ON")).in_memory();
    let profile = Profile::PRODUCTION.pragma("case_sensitive_like", "ON");
    db.execute_batch(setting).unwrap();
    let findings = check::profile(&db, &profile);
    let found: Vec<_> = findings.iter().map(|finding| (finding.code(), finding.what(), finding.why())).collect();
    assert_eq!(found, [("pragma-differs", what, cost)]);
    // Running the remedy removes the finding.
    db.execute_batch(findings.iter().next().unwrap().help().unwrap()).unwrap();
    check::profile(&db, &profile).assert_ok();
}

#[test]
fn each_pragma_that_differs_is_named_with_its_cost() {
    check_one(
        "PRAGMA foreign_keys = OFF",
        "PRAGMA foreign_keys is OFF, the profile says ON",
        "references to rows that are not there are accepted, and ON DELETE does nothing; each connection has to set it",
    );
    check_one(
        "PRAGMA synchronous = OFF",
        "PRAGMA synchronous is OFF, the profile says NORMAL",
        "a power cut may corrupt the database",
    );
    check_one(
        "PRAGMA synchronous = FULL",
        "PRAGMA synchronous is FULL, the profile says NORMAL",
        "every commit waits for the hardware",
    );
    check_one(
        "PRAGMA journal_mode = DELETE",
        "PRAGMA journal_mode is delete, the profile says WAL",
        "readers wait for the writer, and the writer waits for readers",
    );
    check_one(
        "PRAGMA busy_timeout = 0",
        "PRAGMA busy_timeout is 0, the profile says 5000",
        "a locked database fails at once with SQLITE_BUSY, database is locked",
    );
    check_one(
        "PRAGMA temp_store = FILE",
        "PRAGMA temp_store is FILE, the profile says MEMORY",
        "sorting and temporary tables write to files",
    );
    check_one(
        "PRAGMA case_sensitive_like = OFF",
        "PRAGMA case_sensitive_like is OFF, the profile says ON",
        "LIKE ignores case, and uses other indexes",
    );
}

#[test]
fn a_connection_without_a_profile() {
    let folder = tempfile::tempdir().unwrap();
    let connection = Connection::open(folder.path().join("app.db")).unwrap();
    connection.execute_batch("CREATE TABLE t(x); PRAGMA foreign_keys = OFF").unwrap();
    connection.busy_timeout(Duration::ZERO).unwrap();
    let profile = Profile::DJANGO.pragma("synchronous", "EXTRA").pragma("page_size", "8192");
    assert_eq!(
        check::profile(&connection, &profile).try_assert_ok().unwrap_err().to_string(),
        "5 findings, the first: pragma-differs: PRAGMA journal_mode is delete, the profile says WAL\n\
         \n  pragma-differs (journal_mode):\
         \n    PRAGMA journal_mode is delete, the profile says WAL\
         \n    readers wait for the writer, and the writer waits for readers\n\
         \n  pragma-differs (synchronous):\
         \n    PRAGMA synchronous is FULL, the profile says EXTRA\
         \n    every commit waits for the hardware\n\
         \n  pragma-differs (busy_timeout):\
         \n    PRAGMA busy_timeout is 0, the profile says 5000\
         \n    a locked database fails at once with SQLITE_BUSY, database is locked\n\
         \n  pragma-differs (foreign_keys):\
         \n    PRAGMA foreign_keys is OFF, the profile says ON\
         \n    references to rows that are not there are accepted, and ON DELETE does nothing; each connection has to set it\n\
         \n  pragma-differs (page_size):\
         \n    PRAGMA page_size is 4096, the profile says 8192\
         \n    the page size is fixed by the first table; it decides how many rows one read returns\n\
         \n  help: PRAGMA journal_mode = WAL\
         \n  help: PRAGMA synchronous = EXTRA\
         \n  help: PRAGMA busy_timeout = 5000\
         \n  help: PRAGMA foreign_keys = ON\
         \n  help: PRAGMA journal_mode = DELETE; PRAGMA page_size = 8192; VACUUM; then the journal mode again"
    );
    // The check does not change the settings of the connection.
    let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "delete");
    check::profile(&connection, &Profile::SQLITE_DEFAULTS).assert_ok();
}

#[test]
fn the_remedy_for_the_size_of_pages_helps() {
    let db = Template::empty().profile(Profile::MINIMAL.pragma("page_size", "1024")).on_disk();
    db.execute_batch("CREATE TABLE t(x)").unwrap();
    let profile = Profile::MINIMAL.pragma("page_size", "8192");
    let findings = check::profile(&db, &profile);
    let remedy = findings.iter().next().unwrap().help().unwrap();
    let remedy = remedy.strip_suffix("; then the journal mode again").unwrap();
    db.execute_batch(&format!("{remedy}; PRAGMA journal_mode = WAL")).unwrap();
    check::profile(&db, &profile).assert_ok();
}

#[test]
fn a_pragma_with_a_side_effect_is_not_run() {
    let db = Template::empty().profile(Profile::MINIMAL.pragma("wal_autocheckpoint", "0")).on_disk();
    db.execute_batch("CREATE TABLE t(x)").unwrap();
    let wal = || check::health(&db).wal_frames_left;
    let before = wal();
    let findings = check::profile(&db, &Profile::MINIMAL.pragma("wal_checkpoint", "TRUNCATE"));
    let whats: Vec<_> = findings.iter().map(|finding| finding.what()).collect();
    assert_eq!(whats, ["PRAGMA wal_checkpoint has no value to read, the profile says TRUNCATE"]);
    assert_eq!(wal(), before);
    assert!(check::health(&db).wal_bytes > Some(0));
    let findings = check::profile(&db, &Profile::MINIMAL.pragma("no_such_pragma", "1"));
    assert_eq!(findings.len(), 1);
}

#[test]
fn a_pragma_that_cannot_be_read_is_reported_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    std::fs::write(&path, "this is no database, whatever its name says".repeat(99)).unwrap();
    let connection = Connection::open(&path).unwrap();
    let findings = check::profile(&connection, &Profile::SQLITE_DEFAULTS.pragma("journal_mode", "WAL"));
    let report = findings.try_assert_ok().unwrap_err().to_string();
    assert!(report.starts_with("pragma-differs: PRAGMA journal_mode cannot be read, the profile says WAL"), "{report}");
    assert!(report.contains("file is not a database (code 26"), "{report}");
}

#[test]
fn how_transactions_begin_is_not_checked() {
    let profile = Profile::MINIMAL.begin_immediate();
    let db = Template::empty().profile(Profile::MINIMAL).in_memory();
    check::profile(&db, &profile).assert_ok();
}

#[test]
fn the_linked_sqlite_is_pinned() {
    check::sqlite_at_least("3.38.0").assert_ok();
    let version = rusqlite::version();
    assert_eq!(
        check::sqlite_at_least("4.1.0").try_assert_ok().unwrap_err().to_string(),
        format!(
            "sqlite-too-old: SQLite {version} is linked, but 4.1.0 or later is required\n\
             \n  sqlite-too-old (sqlite):\
             \n    SQLite {version} is linked, but 4.1.0 or later is required\
             \n    SQL for the later version fails here\n\
             \n  help: use the SQLite that comes with rusqlite (feature bundled), or a later rusqlite if you do already"
        )
    );
    let connection = Connection::open_in_memory().unwrap();
    for option in ["ENABLE_FTS5", "SQLITE_ENABLE_FTS5", "enable_fts5", "THREADSAFE", "THREADSAFE=1"] {
        check::compile_option(&connection, option).assert_ok();
    }
    for option in ["ENABLE_FTS", "THREADSAFE=7", "ENABLE_NO_SUCH_THING"] {
        let findings = check::compile_option(&connection, option);
        let found: Vec<_> = findings.iter().map(|finding| (finding.code(), finding.object())).collect();
        assert_eq!(found, [("compile-option-missing", option)]);
    }
}
