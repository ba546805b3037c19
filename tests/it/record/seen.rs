//! The connections whose queries are recorded, and the facts about each query.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;

use sqlitmus::plan::explain;
use sqlitmus::record::{Query, Recorder};
use sqlitmus::rusqlite::{Connection, OpenFlags};

use super::{SHOP, both, sql};

const COUNT: &str = "SELECT count(*) FROM users";

fn count(connection: &Connection) -> i64 {
    connection.query_row(COUNT, [], |row| row.get(0)).unwrap()
}

#[test]
fn each_statement_is_seen_in_order_with_its_values() {
    for db in both() {
        let queries = db.record(|db| {
            db.execute_batch("BEGIN; -- first\n UPDATE users SET name = 'x' WHERE id > 1; COMMIT").unwrap();
            db.query_row("SELECT name FROM users WHERE id = ?1 AND name <> :b", (1, "it's"), |row| {
                row.get::<_, String>(0)
            })
        });
        assert_eq!(queries.value.as_deref(), Ok("ada"));
        assert_eq!(queries.len(), 4);
        assert!(queries.is_complete() && !queries.is_empty());
        let [begin, update, commit, select]: [&Query; 4] = queries.iter().collect::<Vec<_>>().try_into().unwrap();
        assert_eq!((begin.sql(), commit.sql()), ("BEGIN", "COMMIT"));
        assert_eq!(update.normalized(), "UPDATE users SET name = ? WHERE id > ?");
        assert_eq!((update.rows_changed(), update.reads_only()), (Some(2), false));
        assert_eq!(select.expanded(), Some("SELECT name FROM users WHERE id = 1 AND name <> 'it''s'"));
        assert_eq!(select.values(), ["1", "'it''s'"]);
        assert_eq!((select.rows_changed(), select.reads_only()), (Some(0), true));
        assert!(select.steps() > 0 && !select.duration().is_zero() && select.is_finished());
        assert!(queries.iter().all(|query| query.connection() == 1));
        assert_eq!(queries.slower_than(std::time::Duration::ZERO).len(), 4);
        assert!(queries.slower_than(std::time::Duration::from_secs(3600)).is_empty());
    }
}

#[test]
fn connections_of_all_kinds_are_seen_whenever_they_were_opened() {
    for db in both() {
        let uri = format!("{}&mode=ro", if db.uri().contains('?') { db.uri() } else { format!("{}?", db.uri()) });
        let open: [fn(&str) -> Connection; 1] = [|path| Connection::open(path).unwrap()];
        let before = [
            db.connect(),
            open[0](db.path().to_str().unwrap()),
            open[0](&db.uri()),
            Connection::open_with_flags(&uri, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI).unwrap(),
        ];
        let queries = db.record(|own| {
            count(own);
            for connection in &before {
                count(connection);
            }
            count(&db);
            count(&db.connect());
            count(&Connection::open(db.path()).unwrap());
            count(&Connection::open(db.uri()).unwrap());
        });
        let counts: Vec<_> = queries.iter().filter(|query| query.sql() == COUNT).collect();
        assert_eq!(counts.len(), 9);
        assert_eq!(queries.len(), 9, "the PRAGMAs that set up a connection are this crate's own");
        let mut numbers: Vec<_> = counts.iter().map(|query| query.connection()).collect();
        numbers.dedup();
        assert_eq!(numbers.len(), 9, "{numbers:?}");
    }
}

#[test]
fn other_threads_are_seen() {
    for db in both() {
        let (ask, asked) = mpsc::channel::<()>();
        let (answer, answered) = mpsc::channel();
        let pooled = db.connect();
        let pool = std::thread::spawn(move || {
            for () in asked {
                answer.send(count(&pooled)).unwrap();
            }
        });
        let queries = db.record(|own| {
            ask.send(()).unwrap();
            answered.recv().unwrap();
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    let connection = db.connect();
                    scope.spawn(move || (0..10).map(|_| count(&connection)).sum::<i64>());
                }
            });
            count(own)
        });
        drop(ask);
        pool.join().unwrap();
        assert_eq!(queries.iter().filter(|query| query.sql() == COUNT).count(), 32);
    }
}

#[test]
fn other_databases_are_not_seen() {
    for db in both() {
        let (other, fork) = (SHOP.in_memory(), db.fork());
        let queries = db.record(|own| {
            count(&other);
            count(&fork);
            count(&fork.connect());
            count(own);
            Connection::open_in_memory().unwrap().execute_batch("SELECT 1").unwrap();
        });
        assert_eq!(sql(&queries), [COUNT]);
        assert_eq!(sql(&fork.record(|fork| count(fork))), [COUNT]);
        count(&db);
        assert_eq!(queries.len(), 1);
    }
}

#[test]
fn concurrent_tests_see_only_their_own_queries() {
    std::thread::scope(|scope| {
        for number in 1..=4 {
            scope.spawn(move || {
                for _ in 0..20 {
                    let [one, two] = both();
                    let queries = one.record(|db| (0..number).map(|_| count(db)).sum::<i64>());
                    assert_eq!(queries.len(), number);
                    assert_eq!(two.record(|db| count(db)).len(), 1);
                }
            });
        }
    });
}

#[test]
fn recordings_can_overlap() {
    let db = SHOP.in_memory();
    let outer = db.recorder();
    count(&db);
    let inner = Recorder::start(&db);
    count(&db);
    assert_eq!(inner.stop().len(), 1);
    let third = db.recorder();
    drop(third);
    count(&db);
    assert_eq!(sql(&outer.stop()), [COUNT; 3]);
    assert_eq!(db.recorder().stop().len(), 0);
}

/// On the first connection, the recorder listens for the end of statements only while a recording runs.
#[test]
fn recordings_one_after_another_see_statements_to_their_end() {
    for db in both() {
        for _ in 0..3 {
            let outer = db.recorder();
            db.record(|_| count(&db)).assert_count(1);
            drop(db.recorder());
            count(&db);
            let queries = outer.stop();
            assert!(queries.iter().all(|query| query.is_finished() && query.steps() > 0), "{queries:?}");
            assert_eq!(queries.iter().filter(|query| query.sql() == COUNT).count(), 2);
        }
    }
}

#[test]
fn a_panic_ends_the_recording_and_is_passed_on() {
    let db = SHOP.in_memory();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        db.record(|db| {
            count(db);
            panic!("of the app");
        })
    }));
    assert_eq!(*panic.unwrap_err().downcast::<&str>().unwrap(), "of the app");
    assert_eq!(db.record(|db| count(db)).len(), 1);
}

#[test]
fn each_run_of_a_prepared_statement_counts() {
    for db in both() {
        let queries = db.record(|db| {
            let mut statement = db.prepare("SELECT id FROM users WHERE id = ?1").unwrap();
            (1..=5).filter(|id| statement.exists([id]).unwrap()).count()
        });
        assert_eq!((queries.value, queries.len()), (3, 5));
        let steps: Vec<_> = queries.iter().map(Query::steps).collect();
        assert!(steps.iter().all(|steps| (1..50).contains(steps)), "of each run alone: {steps:?}");
        assert_eq!(
            queries.iter().map(|query| query.values()[0].clone()).collect::<Vec<_>>(),
            ["1", "2", "3", "4", "5"]
        );
    }
}

#[test]
fn a_statement_that_is_prepared_anew_counts_once() {
    for db in both() {
        let second = db.connect();
        let queries = db.record(|db| {
            let mut statement = db.prepare("SELECT count(*) FROM orders WHERE user_id > 0").unwrap();
            let mut ask = || statement.query_row([], |row| row.get::<_, i64>(0)).unwrap();
            let before = ask();
            second.execute_batch("ALTER TABLE orders ADD COLUMN note").unwrap();
            (before, ask())
        });
        assert_eq!(queries.value, (3, 3));
        assert_eq!(queries.len(), 3, "{:?}", sql(&queries));
        let last = queries.iter().last().unwrap();
        let first = queries.iter().next().unwrap();
        assert!(last.steps() >= first.steps() && last.is_finished(), "{last:?}");
    }
}

#[test]
fn a_statement_that_is_still_running_is_recorded() {
    let db = SHOP.in_memory();
    let mut statement = db.prepare("SELECT id FROM users").unwrap();
    let before = statement.query([]).unwrap();
    let recorder = db.recorder();
    drop(before);
    let mut rows = statement.query([]).unwrap();
    rows.next().unwrap();
    let queries = recorder.stop();
    assert_eq!(queries.len(), 1);
    assert!(!queries.iter().next().unwrap().is_finished());
    assert_eq!(
        queries.try_assert_steps_at_most(1_000_000).unwrap_err().headline(),
        "a query was still running when the recording ended, so its steps are not known"
    );
}

#[test]
fn changes_of_triggers_and_of_returning_are_counted() {
    for db in both() {
        let (own, second) = (db.connect(), db.connect());
        let queries = db.record(|db| {
            let insert = "INSERT INTO orders(user_id, total) VALUES (3, 1) RETURNING id";
            // The statement is reset before it has ended, so SQLite counts its changes later.
            db.query_row(insert, [], |row| row.get::<_, i64>(0)).unwrap();
            db.execute("DELETE FROM users WHERE id = 1", []).unwrap();
            own.query_row(insert, [], |row| row.get::<_, i64>(0)).unwrap();
            drop(own);
            second.query_row(insert, [], |row| row.get::<_, i64>(0)).unwrap();
            db.query_row(insert, [], |row| row.get::<_, i64>(0)).unwrap();
        });
        let changed: Vec<_> = queries.iter().map(|query| (query.connection(), query.rows_changed())).collect();
        // An order and its line in the log; a user, and two orders by the foreign key.
        assert_eq!(changed, [(1, Some(2)), (1, Some(3)), (2, Some(2)), (3, None), (1, Some(2))]);
        let nested: Vec<_> = queries.iter().take(2).map(|query| query.nested()[0].as_str()).collect();
        assert_eq!(nested, ["TRIGGER orders_logged", "FOREIGN KEY"]);
    }
}

#[test]
fn changes_within_a_loop_over_rows_belong_to_the_statement_that_made_them() {
    let db = SHOP.in_memory();
    let queries = db.record(|db| {
        let mut users = db.prepare("SELECT id FROM users").unwrap();
        let mut rows = users.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let id: i64 = row.get(0).unwrap();
            db.execute("UPDATE users SET name = 'y' WHERE id = ?1", [id]).unwrap();
        }
    });
    assert_eq!(queries.iter().map(|query| query.rows_changed().unwrap()).collect::<Vec<_>>(), [0, 1, 1, 1]);
}

#[test]
fn failing_statements_are_seen() {
    let db = SHOP.in_memory();
    let queries = db.record(|db| {
        db.execute("INSERT INTO users(id) VALUES (1)", []).unwrap_err();
        db.execute("INSERT INTO nowhere VALUES (1)", []).unwrap_err();
    });
    assert_eq!(sql(&queries), ["INSERT INTO users(id) VALUES (1)"], "what cannot be prepared never runs");
    assert_eq!(queries.iter().next().unwrap().rows_changed(), Some(0));
}

#[test]
fn statements_within_statements_are_no_queries_of_their_own() {
    let db = SHOP.in_memory();
    let queries = db.record(|db| {
        db.execute_batch("CREATE VIRTUAL TABLE notes USING fts5(body); INSERT INTO notes VALUES ('hello')").unwrap();
    });
    assert_eq!(queries.len(), 2, "{:?}", sql(&queries));
    assert!(queries.iter().any(|query| !query.nested().is_empty()));
}

#[test]
fn queries_of_an_assertion_are_not_recorded() {
    let db = SHOP.in_memory();
    let recorder = db.recorder();
    explain(&db, "SELECT name FROM users WHERE id = 1").assert_no_scan();
    explain(&db, "SELECT id FROM users WHERE name = 'ada'").try_assert_no_scan().unwrap_err();
    db.check();
    assert_eq!(count(&db), 3);
    recorder.stop().assert_count(1).assert_no_repeats();
}

/// FTS and R-tree query their settings on each connection that has not used their tables yet.
#[test]
fn queries_of_a_module_while_a_statement_is_prepared_are_not_recorded() {
    let db = SHOP.in_memory();
    db.execute_batch(
        "CREATE VIRTUAL TABLE notes USING fts5(body); CREATE VIRTUAL TABLE old_notes USING fts4(body);
         CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1); ANALYZE",
    )
    .unwrap();
    let queries = db.record(|db| {
        db.execute_batch(
            "INSERT INTO notes VALUES ('hello'); INSERT INTO old_notes VALUES ('hello'); INSERT INTO boxes VALUES (1, 2, 3)",
        )
        .unwrap();
        db.query_row("SELECT count(*) FROM notes WHERE notes MATCH 'hello'", [], |row| row.get::<_, i64>(0)).unwrap()
    });
    assert_eq!(queries.value, 1);
    queries.assert_count(4).assert_no_scan().assert_only_writes(&["notes", "old_notes", "boxes"]);
    let only = db.record(|db| db.execute_batch("SELECT rowid FROM notes WHERE notes MATCH 'hello'").unwrap());
    only.assert_count(1).assert_only_reads(&["notes"]);
}

/// Such a statement starts once and ends twice, and the module's own statements run in between.
#[test]
fn a_statement_over_a_module_is_counted_when_the_schema_has_changed() {
    let db = SHOP.in_memory();
    db.execute_batch("CREATE VIRTUAL TABLE notes USING fts5(body)").unwrap();
    let queries = db.record(|own| {
        let mut insert = own.prepare("INSERT INTO notes VALUES ('hello')").unwrap();
        insert.execute([]).unwrap();
        db.execute_batch("CREATE TABLE later(x)").unwrap();
        insert.execute([]).unwrap();
    });
    let inserts: Vec<&Query> = queries.iter().filter(|query| query.sql().starts_with("INSERT")).collect();
    assert_eq!(inserts.len(), 2);
    // The module's own writes count.
    assert_eq!(inserts[1].rows_changed(), inserts[0].rows_changed(), "{inserts:?}");
    assert!(inserts[1].steps() >= inserts[0].steps() && inserts[1].is_finished(), "{inserts:?}");
}

#[test]
fn a_database_may_be_dropped_before_its_connections_and_queries() {
    for db in both() {
        let second = db.connect();
        let queries = db.record(|db| count(db));
        drop(db);
        assert_eq!(count(&second), 3);
        assert_eq!(queries.assert_count(1).len(), 1);
    }
}

#[test]
fn call_sites_are_recorded_if_enabled() {
    let db = SHOP.in_memory();
    let recorder = db.recorder().with_call_sites();
    let line = line!() + 1;
    db.execute_batch("SELECT 1").unwrap();
    let queries = recorder.stop();
    let site = queries.iter().next().unwrap().call_site().unwrap();
    assert!(site.ends_with(&format!("tests/it/record/seen.rs:{line}")), "{site}");
}

#[cfg(feature = "snapshots")]
#[test]
fn a_snapshot_shows_each_query_once() {
    let db = SHOP.in_memory();
    let queries = db.record(|db| {
        for id in 1..=3 {
            db.execute_batch("SELECT 1").unwrap();
            db.execute("UPDATE users SET name = 'x' WHERE id IN (?1, 7)", [id]).unwrap();
        }
        db.execute_batch("DELETE FROM log").unwrap();
    });
    sqlitmus::assert_queries_snapshot!(queries, @r"
    SELECT ?  -- 3 times
    UPDATE users SET name = ? WHERE id IN (?)  -- 3 times
    DELETE FROM log
    ");
}
