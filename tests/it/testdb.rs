use std::borrow::Borrow;
use std::path::Path;
use std::sync::Barrier;
use std::time::Duration;

use sqlitmus::rusqlite::{Connection, ErrorCode, OpenFlags};
use sqlitmus::{Profile, Template, TestDb};

static APP: Template = Template::embedded(&[("1_t.sql", "CREATE TABLE t(x);")]);

fn both() -> [TestDb; 2] {
    [APP.in_memory(), APP.on_disk()]
}

fn count(connection: &Connection) -> i64 {
    connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_reader_on_another_thread_keeps_its_snapshot_while_a_writer_commits() {
    for db in both() {
        let second = db.connect();
        let (began, committed) = (Barrier::new(2), Barrier::new(2));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let second = second;
                second.execute_batch("BEGIN").unwrap();
                assert_eq!(count(&second), 0);
                began.wait();
                committed.wait();
                assert_eq!(count(&second), 0);
                second.execute_batch("COMMIT").unwrap();
                assert_eq!(count(&second), 1);
            });
            began.wait();
            db.execute("INSERT INTO t VALUES (1)", []).unwrap();
            committed.wait();
        });
    }
}

#[test]
fn a_second_writer_on_another_thread_is_busy_after_its_timeout() {
    for db in both() {
        db.clock().set("2026-03-01T00:00:00Z");
        db.execute_batch("BEGIN IMMEDIATE").unwrap();
        let second = db.connect();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                second.busy_timeout(Duration::from_secs(30)).unwrap();
                let error = second.execute_batch("BEGIN IMMEDIATE").unwrap_err();
                assert_eq!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy));
            });
        });
        let now: String = db.query_row("SELECT datetime('now')", [], |row| row.get(0)).unwrap();
        assert_eq!(now, "2026-03-01 00:00:30", "it waited for as long as it was told, by the clock of the database");
    }
}

#[test]
fn a_second_writer_gets_its_turn_when_the_first_is_done() {
    for db in both() {
        let barrier = Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let connection = db.connect();
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    for number in 0..25 {
                        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
                        connection.execute("INSERT INTO t VALUES (?1)", [number]).unwrap();
                        connection.execute_batch("COMMIT").unwrap();
                    }
                });
            }
        });
        assert_eq!(count(&db), 100);
    }
}

#[test]
fn code_of_the_app_opens_the_database_by_its_path_and_by_its_uri() {
    for db in both() {
        Connection::open(db.path()).unwrap().execute("INSERT INTO t VALUES (1)", []).unwrap();
        Connection::open(db.uri()).unwrap().execute("INSERT INTO t VALUES (2)", []).unwrap();
        assert_eq!(count(&db), 2);
        db.clock().set("2026-03-01T00:00:00Z");
        let by_uri = Connection::open(db.uri()).unwrap();
        let now: String = by_uri.query_row("SELECT date('now')", [], |row| row.get(0)).unwrap();
        assert_eq!(now, "2026-03-01");
    }
}

#[test]
fn the_two_shared_vfs_names_open_any_database() {
    let [memory, disk] = both();
    for (path, vfs) in [(memory.path(), "sqlitmus"), (disk.path(), "sqlitmus-files")] {
        let connection = Connection::open_with_flags_and_vfs(path, OpenFlags::default(), vfs).unwrap();
        assert_eq!(count(&connection), 0);
    }
}

#[test]
fn each_database_has_its_own_clock_and_a_fork_copies_it() {
    let now = |connection: &Connection| -> String {
        connection.query_row("SELECT CURRENT_TIMESTAMP", [], |row| row.get(0)).unwrap()
    };
    for db in both() {
        db.clock().set("2026-03-01T00:00:00Z");
        db.clock().advance(Duration::from_secs(90));
        let fork = db.fork();
        fork.clock().advance(Duration::from_secs(1));
        assert_eq!(now(&db.connect()), "2026-03-01 00:01:30");
        assert_eq!(now(&fork), "2026-03-01 00:01:31");
        assert_ne!(now(&APP.in_memory()), now(&db));
        db.clock().run();
        assert_ne!(now(&db), "2026-03-01 00:01:30");
    }
}

#[test]
fn a_fork_is_independent_also_while_a_transaction_is_open() {
    for db in both() {
        db.execute("INSERT INTO t VALUES (1)", []).unwrap();
        db.execute_batch("BEGIN; INSERT INTO t VALUES (2)").unwrap();
        let fork = db.fork();
        assert_eq!(count(&fork), 1);
        fork.execute_batch("INSERT INTO t VALUES (3); INSERT INTO t VALUES (4)").unwrap();
        db.execute_batch("COMMIT").unwrap();
        assert_eq!((count(&db), count(&db.connect()), count(&fork), count(&fork.fork())), (2, 2, 3, 3));
        drop(db);
        fork.execute("DELETE FROM t", []).unwrap();
        assert_eq!(count(&fork.connect()), 0);
    }
}

#[test]
fn forks_while_other_threads_write_show_whole_transactions() {
    for db in both() {
        let writer = db.connect();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for _ in 0..300 {
                    writer.execute_batch("BEGIN; INSERT INTO t VALUES (1); INSERT INTO t VALUES (-1); COMMIT").unwrap();
                }
            });
            for _ in 0..30 {
                let fork = db.fork();
                let sum: i64 = fork.query_row("SELECT total(x) FROM t", [], |row| row.get::<_, f64>(0)).unwrap() as i64;
                let check: String = fork.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
                assert_eq!((sum, count(&fork) % 2, check.as_str()), (0, 0, "ok"));
            }
        });
        assert_eq!(count(&db), 600);
    }
}

#[test]
fn a_fork_of_a_file_that_is_locked_is_an_error_and_no_endless_wait() {
    static ROLLBACK: Template = Template::empty().profile(Profile::SQLITE_DEFAULTS.pragma("busy_timeout", "0"));
    let db = ROLLBACK.on_disk();
    db.execute_batch("CREATE TABLE t(x); BEGIN EXCLUSIVE; INSERT INTO t VALUES (1)").unwrap();
    let error = db.try_fork().map(drop).unwrap_err();
    assert_eq!((error.headline(), error.sqlite_code()), ("cannot copy the database", Some(5)));
    db.execute_batch("COMMIT").unwrap();
    assert_eq!(count(&db.fork()), 1);
}

#[test]
fn a_connection_outlives_its_database() {
    for db in both() {
        let connection = db.connect();
        drop(db);
        assert_eq!(count(&connection), 0);
    }
}

#[test]
fn a_database_lives_on_with_its_connection_and_is_gone_after_it() {
    for db in both() {
        db.clock().set("2026-03-01T00:00:00Z");
        db.execute_batch("CREATE TEMP TABLE temporary(x); INSERT INTO t VALUES (1)").unwrap();
        let (path, uri) = (db.path().to_owned(), db.uri());
        let connection: Connection = db.into_connection();
        let wal: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
        assert_eq!(wal, "wal");
        connection.execute_batch("INSERT INTO t VALUES (2); INSERT INTO temporary VALUES (1)").unwrap();
        let second = Connection::open(&uri).unwrap();
        assert_eq!((count(&connection), count(&second)), (2, 2));
        let now: String = second.query_row("SELECT date('now')", [], |row| row.get(0)).unwrap();
        assert_eq!(now, "2026-03-01");
        // Either connection may be the last one to close.
        connection.close().unwrap();
        assert_eq!(count(&second), 2);
        drop(second);
        let again = Connection::open_with_flags(&uri, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_URI);
        assert!(again.is_err(), "{uri} is gone");
        assert!(!Path::new(&path).parent().is_some_and(|folder| folder.is_absolute() && folder.exists()));
    }
}

#[test]
fn a_connection_that_was_handed_out_is_not_checked() {
    static CHECKED: Template =
        Template::embedded(&[("1_t.sql", "CREATE TABLE t(x REFERENCES u(x)); CREATE TABLE u(x UNIQUE);")]).checked();
    for make in [|| CHECKED.in_memory(), || CHECKED.on_disk()] {
        let broken = || {
            let db = make();
            db.execute_batch("PRAGMA foreign_keys = OFF; INSERT INTO t VALUES (1)").unwrap();
            db
        };
        assert!(std::panic::catch_unwind(|| drop(broken())).is_err());
        drop(broken().into_connection());
    }
}

#[test]
fn methods_of_rusqlite_can_be_called() {
    for db in both() {
        db.execute_batch("INSERT INTO t VALUES (1), (2), (3); UPDATE t SET x = 7 WHERE x > 1").unwrap();
        assert_eq!(db.changes(), 2);
        let name = (*db).path().unwrap();
        assert!(db.uri().starts_with(&format!("file:{name}?vfs=")), "{name}");
    }
}

#[test]
fn a_database_can_be_passed_as_a_connection() {
    fn by_reference(connection: impl AsRef<Connection>) -> i64 {
        count(connection.as_ref())
    }
    fn borrowed(connection: impl Borrow<Connection>) -> i64 {
        count(connection.borrow())
    }
    for db in both() {
        db.execute("INSERT INTO t VALUES (1)", []).unwrap();
        assert_eq!((by_reference(&db), borrowed(db)), (1, 1));
    }
}

#[test]
fn a_database_on_disk_is_an_ordinary_file_and_gone_afterwards() {
    let db = APP.on_disk();
    let path = db.path().to_owned();
    assert!(path.is_file());
    drop(db);
    assert!(!path.parent().unwrap().exists());
}

#[test]
fn fsync_can_be_turned_on() {
    static SAFE: Template = Template::empty().profile(Profile::DURABLE).fsync();
    let db = SAFE.on_disk();
    db.execute_batch("CREATE TABLE t(x); INSERT INTO t VALUES (1)").unwrap();
    assert_eq!(count(&db.fork()), 1);
}

#[test]
fn attached_databases_share_the_disk() {
    let db = APP.in_memory();
    db.execute_batch("ATTACH 'other.db' AS other; CREATE TABLE other.u(x); INSERT INTO other.u VALUES (1)").unwrap();
    let second = db.connect();
    for path in ["other.db", "./other.db", ".//folder/../other.db"] {
        second.execute_batch(&format!("ATTACH '{path}' AS again")).unwrap();
        let rows: i64 = second.query_row("SELECT count(*) FROM again.u", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 1, "{path}");
        second.execute_batch("DETACH again").unwrap();
    }
}

#[test]
fn a_read_only_connection_does_not_write_in_a_checkpoint_or_when_closed_last() {
    let answers = both().map(|db| {
        let uri = db.uri().replace("main.db", "other.db");
        let writer = Connection::open(&uri).unwrap();
        let wal: String = writer.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).unwrap();
        writer.execute_batch("CREATE TABLE t(x); INSERT INTO t VALUES (1)").unwrap();
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        let reader = Connection::open_with_flags(&uri, flags).unwrap();
        assert_eq!((wal.as_str(), count(&reader)), ("wal", 1));
        drop(writer);
        let code = |sql: &str| {
            let error = reader.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap_err();
            error.sqlite_error().map(|error| error.extended_code)
        };
        let codes = [
            code("PRAGMA wal_checkpoint(PASSIVE)"),
            code("PRAGMA wal_checkpoint(TRUNCATE)"),
            code("INSERT INTO t VALUES (2) RETURNING x"),
        ];
        drop(reader);
        let left: i64 =
            Connection::open(&uri).unwrap().query_row("PRAGMA wal_checkpoint", [], |row| row.get(1)).unwrap();
        (codes, left)
    });
    assert_eq!(answers[0], answers[1]);
    assert!(answers[0].1 > 0, "the WAL is left for whoever may write");
}
