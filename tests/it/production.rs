//! The production checklist: each point once as the guides recommend, once not, and where it cannot be seen.

use sqlitmus::check::{self, Point, Status};
use sqlitmus::faults::{self, Kind};
use sqlitmus::rusqlite::{self, Connection};
use sqlitmus::{Profile, Template, TestDb, workload};

static APP: Template = Template::embedded(&[(
    "1.sql",
    "CREATE TABLE users(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL) STRICT;
     CREATE TABLE posts(id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER NOT NULL REFERENCES users(id), title TEXT) STRICT;
     CREATE INDEX posts_user_id ON posts(user_id);",
)])
.profile(Profile::PRODUCTION);

fn point(connection: &Connection, name: &str) -> Point {
    check::production(connection).point(name).unwrap().clone()
}

/// Asserts the answer to a point, and that what was seen contains `seen`.
#[track_caller]
fn is(point: &Point, status: Status, seen: &str) {
    assert!(point.status == status && point.seen.contains(seen), "{point:#?}");
    assert_eq!(point.help.is_some(), status == Status::Not, "{point:#?}");
}

#[track_caller]
fn unseen(point: &Point, seen: &str, shown_by: &str) {
    let shows = matches!(point.status, Status::Unseen(shows) if shows.contains(shown_by));
    assert!(shows && point.seen.contains(seen) && point.help.is_none(), "{point:#?}");
}

fn with(schema: &str) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(schema).unwrap();
    connection
}

#[test]
fn there_are_fifteen_points() {
    let checklist = check::production(&APP.in_memory());
    let names: Vec<&str> = checklist.points().iter().map(|point| point.name).collect();
    #[rustfmt::skip]
    let expected = [
        "wal", "strict", "page-size", "cache-size", "busy-timeout", "synchronous", "key-reuse", "indexes", "batches",
        "checkpoints", "integrity", "backup", "pooling", "file-system", "full-disk",
    ];
    assert_eq!(names, expected);
    checklist.findings().assert_ok();
}

#[test]
fn settings_of_the_connection() {
    let db = APP.on_disk();
    for (name, good, seen, bad, seen_then) in [
        ("cache-size", "", "cache_size is -64000, 64000 KB", "PRAGMA cache_size = -2000", "2000 KB; the database has"),
        ("cache-size", "PRAGMA cache_size = 1000", "cache_size is 1000, 8000 KB", "PRAGMA cache_size = 200", "1600 KB"),
        ("busy-timeout", "", "busy_timeout is 5000 ms", "PRAGMA busy_timeout = 0", "unless the app has a busy handler"),
        ("busy-timeout", "PRAGMA busy_timeout = 1000", "1000 ms", "PRAGMA busy_timeout = 50", "50 ms: a checkpoint"),
        ("synchronous", "", "synchronous is NORMAL", "PRAGMA synchronous = OFF", "OFF: a power cut may corrupt"),
        ("synchronous", "PRAGMA synchronous = FULL", "is FULL", "PRAGMA synchronous = OFF", "OFF"),
    ] {
        db.execute_batch(good).unwrap();
        is(&point(&db, name), Status::Ok, seen);
        db.execute_batch(bad).unwrap();
        is(&point(&db, name), Status::Not, seen_then);
    }
}

#[test]
fn settings_of_the_file() {
    let plain = Template::embedded(&[("1.sql", "CREATE TABLE t(id INTEGER PRIMARY KEY)")]);
    let rollback = plain.profile(Profile::SQLITE_DEFAULTS).on_disk();
    is(&point(&APP.on_disk(), "wal"), Status::Ok, "journal_mode is wal");
    is(&point(&rollback, "wal"), Status::Not, "journal_mode is delete");
    unseen(&point(&with(""), "wal"), "journal_mode is memory, for there is no file", "the app's own connection");
    unseen(&point(&rollback, "checkpoints"), "there is no WAL", "in WAL mode");
    is(&point(&rollback, "synchronous"), Status::Ok, "FULL");
    rollback.execute_batch("PRAGMA synchronous = NORMAL").unwrap();
    is(&point(&rollback, "synchronous"), Status::Not, "outside of WAL mode");

    let plain = Template::embedded(&[("1.sql", "CREATE TABLE t(id INTEGER PRIMARY KEY)")]);
    is(&point(&APP.in_memory(), "page-size"), Status::Ok, "page_size is 8192: it took, before the first table");
    is(&point(&rollback, "page-size"), Status::Ok, "4096, SQLite's default; if the app sets another one");
    let small = plain.profile(Profile::MINIMAL.pragma("page_size", "1024")).in_memory();
    is(&point(&small, "page-size"), Status::Not, "page_size is 1024");

    if cfg!(target_os = "linux") {
        is(&point(&APP.on_disk(), "file-system"), Status::Ok, "the file is on ");
    }
    unseen(
        &point(&APP.in_memory(), "file-system"),
        "not on a disk",
        "production(&connection) on the app's own machine",
    );
}

#[test]
fn strict_tables_and_both_opinions() {
    is(&point(&APP.in_memory(), "strict"), Status::Ok, "all 2 tables are STRICT");
    let lax = with("CREATE TABLE a(x); CREATE TABLE b(x); CREATE TABLE c(id INTEGER PRIMARY KEY) STRICT");
    let point = point(&lax, "strict");
    is(&point, Status::Not, "1 of 3 tables are STRICT, not a, b");
    assert_eq!(point.opinions.len(), 2);
}

#[test]
fn keys_that_are_given_out_again() {
    is(&point(&APP.in_memory(), "key-reuse"), Status::Ok, "2 keys chosen by SQLite, all AUTOINCREMENT");
    let texts = with("CREATE TABLE t(id TEXT PRIMARY KEY NOT NULL) STRICT");
    is(&point(&texts, "key-reuse"), Status::Ok, "SQLite chooses no key of 1 table");
    let numbers = with("CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT) STRICT");
    let point = point(&numbers, "key-reuse");
    is(&point, Status::Not, "1 of 1 table may reuse the key of the last row once it is deleted: t");
    let says: Vec<&str> = point.opinions.iter().map(|(who, _)| *who).collect();
    assert_eq!(says, ["guides", "sqlite.org/autoinc.html"]);
    // It does.
    numbers.execute_batch("INSERT INTO t(x) VALUES ('a'), ('b'); DELETE FROM t WHERE id = 2").unwrap();
    numbers.execute_batch("INSERT INTO t(x) VALUES ('c')").unwrap();
    assert_eq!(numbers.last_insert_rowid(), 2);
}

#[test]
fn indexes_for_foreign_keys_and_for_queries() {
    let db = APP.in_memory();
    unseen(&point(&db, "indexes"), "1 foreign key with an index each", "workload::production(&connection, &queries)");
    let run = |sql: &'static str| {
        let queries = db.record(|db| db.execute_batch(sql));
        workload::production(&db, &queries).point("indexes").unwrap().clone()
    };
    is(&run("SELECT * FROM posts WHERE user_id = 7"), Status::Ok, "1 statement and no scan of a table");
    let scans = run("SELECT * FROM posts WHERE user_id = 7; SELECT * FROM posts WHERE title = 'x'");
    is(&scans, Status::Not, "1 of 2 statements scans a whole table, the first: SELECT * FROM posts WHERE title = 'x'");
    unseen(&run("PRAGMA user_version"), "1 foreign key with an index each", "with a recording");

    db.execute_batch("DROP INDEX posts_user_id").unwrap();
    is(&point(&db, "indexes"), Status::Not, "1 of 1 foreign key without an index on all its columns: posts.user_id");
    is(&run("SELECT * FROM posts WHERE id = 7"), Status::Not, "posts.user_id");
}

fn insert(db: &Connection, times: i64) {
    let mut insert = db.prepare("INSERT INTO users(name) VALUES (?1)").unwrap();
    for number in 0..times {
        insert.execute([number.to_string()]).unwrap();
    }
}

#[test]
fn writes_in_batches() {
    unseen(&point(&APP.in_memory(), "batches"), "does not tell", "workload::production");
    let run = |action: &dyn Fn(&Connection)| {
        let db = APP.in_memory();
        let queries = db.record(|db| action(db));
        workload::production(&db, &queries).point("batches").unwrap().clone()
    };
    let begin = |sql: &'static str| move |db: &Connection| db.execute_batch(sql).unwrap();
    is(
        &run(&|db| {
            begin("BEGIN")(db);
            insert(db, 50);
            begin("COMMIT")(db);
        }),
        Status::Ok,
        "50 writes in 1 transaction",
    );
    is(
        &run(&|db| {
            begin("SAVEPOINT a; SAVEPOINT b")(db);
            insert(db, 20);
            begin("RELEASE b")(db);
            insert(db, 20);
            begin("ROLLBACK TO a; RELEASE a")(db);
        }),
        Status::Ok,
        "40 writes in 1 transaction",
    );
    is(&run(&|db| insert(db, 9)), Status::Ok, "9 writes in 9 transactions");
    is(
        &run(&|db| insert(db, 50)),
        Status::Not,
        "50 writes in 50 transactions; one statement has 50 of its own: INSERT",
    );
    is(
        &run(&|db| {
            begin("BEGIN; INSERT INTO users(name) VALUES ('x'); COMMIT")(db);
            insert(db, 10);
        }),
        Status::Not,
        "11 writes in 11 transactions",
    );
    unseen(&run(&|db| begin("SELECT 1")(db)), "does not tell", "with a recording of the app's writes");
}

#[test]
fn connections_that_are_kept() {
    let db = APP.in_memory();
    unseen(&point(&db, "pooling"), "one connection", "workload::production");
    let pooling = |db: &TestDb, queries: &sqlitmus::record::Queries<()>| {
        workload::production(db, queries).point("pooling").unwrap().clone()
    };
    let kept = db.record(|db| insert(db, 3));
    is(&pooling(&db, &kept), Status::Ok, "3 statements on 1 connection, 0 of them opened meanwhile");

    let (uri, path) = (db.uri(), db.path().to_owned());
    let opened = db.record(|_| {
        for _ in 0..3 {
            let own = Connection::open(&path).unwrap_or_else(|_| Connection::open(&uri).unwrap());
            own.execute_batch("PRAGMA foreign_keys = ON; SELECT * FROM users WHERE id = 1").unwrap();
        }
    });
    is(&pooling(&db, &opened), Status::Not, "3 statements on 3 connections, 3 of them opened meanwhile");
}

#[test]
fn checkpoints_and_the_size_of_the_wal() {
    let db = APP.in_memory();
    is(&point(&db, "checkpoints"), Status::Ok, "wal_autocheckpoint is 1000 pages, journal_size_limit is none");
    db.execute_batch("PRAGMA wal_autocheckpoint = 0").unwrap();
    unseen(&point(&db, "checkpoints"), "wal_autocheckpoint is 0 pages", "in production, where the replicator");
    db.execute_batch("CREATE TABLE b(x)").unwrap();
    let rows = "INSERT INTO b WITH n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 700) SELECT zeroblob(8000) FROM n";
    db.execute_batch(rows).unwrap();
    is(&point(&db, "checkpoints"), Status::Not, ": wal-unbounded");
}

#[test]
fn integrity_after_migrations() {
    let db = APP.in_memory();
    is(&point(&db, "integrity"), Status::Ok, "integrity_check and foreign_key_check find nothing in 2 tables in ");
    db.execute_batch("PRAGMA foreign_keys = OFF; INSERT INTO posts(user_id) VALUES (42)").unwrap();
    is(&point(&db, "integrity"), Status::Not, "1 finding in 2 tables in ");
}

#[test]
fn a_backup_that_restores() {
    let folder = tempfile::tempdir().unwrap();
    let db = APP.on_disk();
    insert(&db, 3);
    unseen(&point(&db, "backup"), "whether there is a backup", "check::backup(&connection, copy)");
    let (good, bad) = (folder.path().join("good.db"), folder.path().join("bad.db"));
    db.execute("VACUUM INTO ?1", [good.to_str()]).unwrap();
    std::fs::copy(db.path(), &bad).unwrap();
    let answer = |copy: &std::path::Path| {
        let restored = check::backup(&db, copy).try_assert_ok().map(|()| "it was restored, and has the same rows");
        check::production(&db).answer("backup", restored).point("backup").unwrap().clone()
    };
    is(&answer(&good), Status::Ok, "it was restored");
    let not = answer(&bad);
    assert_eq!((not.status, not.seen.contains("wal-not-copied")), (Status::Not, true), "{}", not.seen);
}

#[test]
fn a_full_disk() {
    let db = APP.in_memory();
    unseen(&point(&db, "full-disk"), "the database has 5 pages", "only(Kind::FullFromThenOn)");
    let answer = |action: fn(&mut Connection) -> rusqlite::Result<()>| {
        let swept = faults::sweep(&db, action).only(Kind::FullFromThenOn).try_run();
        check::production(&db).answer("full-disk", swept).point("full-disk").unwrap().clone()
    };
    let careful = answer(|db| db.execute("INSERT INTO users(name) VALUES ('Ada')", []).map(drop));
    is(&careful, Status::Ok, "with a fault: all or nothing each time");
    let careless = answer(|db| {
        db.execute("INSERT INTO users(name) VALUES ('Ada')", [])?;
        db.execute("INSERT INTO users(name) VALUES ('Grace')", []).map(drop)
    });
    assert_eq!((careless.status, careless.seen.contains("half applied")), (Status::Not, true), "{}", careless.seen);
}

#[test]
#[should_panic(expected = "there is no point backups: the points are wal, strict, ")]
fn an_unknown_point() {
    let _ = check::production(&APP.in_memory()).answer("backups", Ok("done"));
}

#[test]
fn the_checklist_as_a_table_and_as_findings() {
    let db = APP.in_memory();
    db.execute_batch("PRAGMA busy_timeout = 0; PRAGMA wal_autocheckpoint = 0").unwrap();
    db.execute_batch("CREATE TABLE notes(id INTEGER PRIMARY KEY) STRICT").unwrap();
    let checklist = check::production(&db);
    let table = checklist.to_string();
    assert!(
        table.starts_with(
            "15 points: 6 ok, 2 not, 7 cannot be seen from here\nok   wal           journal_mode is wal\n"
        ),
        "{table}"
    );
    for part in [
        "\nNOT  busy-timeout  busy_timeout is 0 ms, unless the app has a busy handler of its own, which is not seen\
         \n                   help: PRAGMA busy_timeout = 5000: a locked database then fails after five seconds, not at once\n",
        "\nNOT  key-reuse     1 of 3 tables may reuse the key of the last row once it is deleted: notes\n",
        "\n                   sqlite.org/autoinc.html: AUTOINCREMENT imposes extra CPU, memory, disk space and disk I/O, and",
        "\n?    batches       a connection does not tell how it is written to\
         \n                   this does: sqlitmus::workload::production(&connection, &queries), with a recording",
    ] {
        assert!(table.contains(part), "{table}");
    }
    let findings = checklist.findings();
    let codes: Vec<&str> = findings.iter().map(|finding| finding.code()).collect();
    assert_eq!(codes, ["busy-timeout", "key-reuse"]);
    assert!(findings.clone().try_assert_ok().is_err());
    findings.allow("busy-timeout", "*", "it has a handler").allow("key-reuse", "*", "ids stay inside").assert_ok();
}
