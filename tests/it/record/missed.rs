//! Recordings that may have missed something, or that have seen nothing, say so; those that have seen everything do not.

use std::time::Duration;

use sqlitmus::record::Queries;
use sqlitmus::rusqlite::{Connection, OpenFlags, ffi};
use sqlitmus::{Profile, Template, TestDb};

use super::{SHOP, both};

const COUNT: &str = "SELECT count(*) FROM users";

fn count(connection: &Connection) -> i64 {
    connection.query_row(COUNT, [], |row| row.get(0)).unwrap()
}

fn read(connection: &Connection) {
    count(connection);
}

#[expect(unsafe_code, reason = "the call has another name and type in each version of rusqlite")]
fn set_trace(db: &Connection) {
    // SAFETY: the connection is open and borrowed; without events and a callback, nothing is called.
    unsafe { ffi::sqlite3_trace_v2(db.handle(), 0, None, std::ptr::null_mut()) };
}

/// Connections of the app's own: by path and by URI, to a database in memory and to a file.
fn of_the_app(db: &TestDb) -> [Connection; 2] {
    let open = |path: &str| {
        let connection = Connection::open(path).unwrap();
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        connection
    };
    [open(db.path().to_str().unwrap()), open(&db.uri())]
}

#[track_caller]
fn is_missed(queries: &Queries<()>, statement: &str) {
    assert!(!queries.is_complete());
    let error = queries.try_assert_no_scan().unwrap_err().to_string();
    let expected = "the recording is incomplete: a trace hook of the app has replaced the recorder's";
    assert!(error.starts_with(expected) && error.contains(statement), "{error}");
}

#[test]
fn a_hook_that_the_app_sets_on_its_own_connection_is_noticed_by_what_it_hides() {
    for db in both() {
        for app in of_the_app(&db) {
            set_trace(&app);
            is_missed(&db.record(|_| read(&app)), COUNT);
            // A write, in a transaction and without one.
            let insert = "INSERT INTO log VALUES ('x')";
            is_missed(&db.record(|_| app.execute_batch(insert).unwrap()), insert);
            is_missed(&db.record(|_| app.execute_batch("BEGIN; DELETE FROM log; COMMIT").unwrap()), "DELETE FROM log");
            // The recorder's own connections are heard, but this one is not.
            is_missed(
                &db.record(|own| {
                    count(own);
                    count(&app);
                }),
                COUNT,
            );
        }
    }
}

#[test]
fn a_hook_that_is_set_during_the_recording_is_noticed() {
    for db in both() {
        for app in of_the_app(&db) {
            let queries = db.record(|_| {
                count(&app);
                set_trace(&app);
                count(&app);
            });
            assert_eq!(queries.len(), 1);
            is_missed(&queries, COUNT);
        }
    }
}

#[test]
fn a_hook_of_the_app_on_another_thread_is_noticed() {
    for db in both() {
        for app in of_the_app(&db) {
            set_trace(&app);
            let queries = db.record(|_| std::thread::scope(|scope| scope.spawn(move || read(&app)).join().unwrap()));
            is_missed(&queries, COUNT);
        }
    }
}

#[test]
fn hooks_on_other_databases_and_before_the_recording_are_fine() {
    for db in both() {
        let other = SHOP.in_memory();
        let [app, _] = of_the_app(&db);
        set_trace(&app);
        set_trace(&other);
        count(&app);
        let queries = db.record(|own| {
            count(&other);
            count(own)
        });
        queries.assert_count(1);
    }
}

type Action = fn(&TestDb, &Connection);

/// What an app does with connections that the recorder hears, of which nothing may count as missed.
#[test]
fn nothing_is_missed_where_the_hook_is_the_recorders() {
    let actions: [(&str, Action); 14] = [
        ("reads", |_, app| read(app)),
        ("a script", |_, app| app.execute_batch("BEGIN; INSERT INTO log VALUES ('x'); SELECT 1; COMMIT").unwrap()),
        ("prepares", |_, app| drop(app.prepare(COUNT).unwrap())),
        ("opens", |db, _| of_the_app(db).iter().for_each(read)),
        ("changes the schema", |db, app| {
            let mut statement = app.prepare(COUNT).unwrap();
            let mut ask = || statement.query_row([], |row| row.get::<_, i64>(0)).unwrap();
            ask();
            db.connect().execute_batch("CREATE TABLE IF NOT EXISTS later(x); DROP TABLE later").unwrap();
            ask();
        }),
        ("a cursor and writes", |_, app| {
            let mut users = app.prepare("SELECT id FROM users").unwrap();
            let mut rows = users.query([]).unwrap();
            while rows.next().unwrap().is_some() {
                app.execute("INSERT INTO log VALUES ('y')", []).unwrap();
            }
        }),
        ("checkpoints", |_, app| app.execute_batch("DELETE FROM log; PRAGMA wal_checkpoint").unwrap()),
        ("vacuums", |_, app| app.execute_batch("VACUUM").unwrap()),
        ("modules", |_, app| {
            app.execute_batch(
                "CREATE VIRTUAL TABLE IF NOT EXISTS notes USING fts5(body); INSERT INTO notes VALUES ('hello');
                 SELECT * FROM notes WHERE notes MATCH 'hello'",
            )
            .unwrap();
        }),
        ("attaches", |_, app| {
            app.execute_batch("ATTACH ':memory:' AS a; CREATE TABLE a.t AS SELECT * FROM users; DETACH a").unwrap();
        }),
        ("is refused", |_, app| drop(app.execute("INSERT INTO users(id) VALUES (1)", []).unwrap_err())),
        ("explains", |_, app| app.execute_batch(&format!("EXPLAIN {COUNT}; EXPLAIN QUERY PLAN {COUNT}")).unwrap()),
        ("backs up", |_, app| {
            let mut copy = Connection::open_in_memory().unwrap();
            rusqlite::backup::Backup::new(app, &mut copy)
                .and_then(|backup| backup.run_to_completion(100, Duration::ZERO, None))
                .unwrap();
        }),
        ("threads", |db, _| {
            std::thread::scope(|scope| {
                for app in of_the_app(db) {
                    scope.spawn(move || (0..5).map(|_| count(&app)).sum::<i64>());
                }
            });
        }),
    ];
    for db in both() {
        for app in of_the_app(&db) {
            for (name, action) in actions {
                let queries = db.record(|_| action(&db, &app));
                let error = queries.allow_none().try_assert_at_most(1000).err();
                assert!(queries.is_complete() && error.is_none(), "{name}: {error:?}");
            }
        }
    }
}

/// SQLite's shared cache has one file for several connections.
#[test]
fn connections_that_share_a_cache_may_close_in_any_order() {
    for db in both() {
        let flags = OpenFlags::default() | OpenFlags::SQLITE_OPEN_SHARED_CACHE;
        for path in [db.path().to_str().unwrap(), &db.uri()] {
            let [one, two] = [(); 2].map(|()| Connection::open_with_flags(path, flags).unwrap());
            let queries = db.record(|_| {
                count(&one);
                drop(one);
                count(&two);
            });
            queries.assert_count(2);
        }
    }
}

#[test]
fn an_assertion_on_an_empty_recording_fails_and_says_why() {
    for db in both() {
        let folder = tempfile::tempdir().unwrap();
        let wrong = folder.path().join("created_if_missing.db");
        let queries = db.record(|_| Connection::open(&wrong).unwrap().execute_batch("SELECT 1").unwrap());
        assert!(queries.is_complete() && queries.is_empty());
        for failed in [
            queries.try_assert_at_most(3).map(drop),
            queries.try_assert_no_repeats().map(drop),
            queries.try_assert_no_scan().map(drop),
            queries.try_assert_only_reads(&["users"]).map(drop),
            queries.try_assert_only_writes(&[]).map(drop),
            queries.try_assert_selective(10.0).map(drop),
            queries.try_assert_steps_at_most(1000).map(drop),
        ] {
            let error = failed.unwrap_err().to_string();
            let head = "the recording is empty: no statement ran on the test's database\n";
            assert!(error.starts_with(head) && error.contains(&db.uri()), "{error}");
            assert!(error.contains("if nothing has to run, say so before: .allow_none()"), "{error}");
        }
        // The count says for itself that something has to run, or nothing.
        let error = queries.try_assert_count(3).unwrap_err().to_string();
        assert!(error.starts_with("0 queries ran, not 3\n") && error.contains(&db.uri()), "{error}");
        queries.assert_count(0).assert_at_most(0);
        queries.allow_none().assert_no_scan().assert_no_repeats().assert_only_writes(&[]).assert_at_most(3);
    }
}

/// Tests that run beside this one open databases too, so that it tries again.
#[test]
fn the_report_of_an_empty_recording_names_the_database_that_was_opened() {
    let db = SHOP.in_memory();
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("created_if_missing.db");
    let names_it = || {
        let queries = db.record(|_| drop(Connection::open(&wrong).unwrap()));
        queries.try_assert_no_scan().unwrap_err().to_string().contains("created_if_missing.db")
    };
    assert!((0..50).any(|_| names_it()));
}

static ROLLBACK: Template = Template::empty().profile(Profile::SQLITE_DEFAULTS);

#[test]
fn a_hook_of_the_app_is_noticed_without_wal_too() {
    for db in [ROLLBACK.in_memory(), ROLLBACK.on_disk()] {
        db.execute_batch("CREATE TABLE users(id)").unwrap();
        for app in of_the_app(&db) {
            count(&app);
            db.record(|_| read(&app)).assert_count(1);
            set_trace(&app);
            is_missed(&db.record(|_| read(&app)), COUNT);
            is_missed(&db.record(|_| app.execute_batch("INSERT INTO users VALUES (1)").unwrap()), "INSERT");
        }
    }
}
