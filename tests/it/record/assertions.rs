//! When each assertion holds, when it fails, and its report.

use sqlitmus::record::Queries;
use sqlitmus::rusqlite::Connection;
use sqlitmus::{Error, ErrorKind};

use super::SHOP;

fn ran(sql: &str) -> Queries<()> {
    let db = SHOP.in_memory();
    let recorder = db.recorder();
    db.execute_batch(sql).unwrap();
    recorder.stop()
}

#[track_caller]
fn check<T>(result: Result<T, Error>, report: &str) {
    let Err(error) = result else { panic!("it passed") };
    assert_eq!(error.kind(), ErrorKind::Queries);
    let text = without_call_sites(&error);
    assert_eq!(text, report, "\n{text}");
}

/// Returns the report as it reads without RUST_BACKTRACE, which may be set when the tests run.
fn without_call_sites(error: &Error) -> String {
    let text = error.to_string();
    match text.split_once("\n\n  run at:\n") {
        Some((before, rest)) => match rest.split_once("\n\n") {
            Some((_sites, after)) => format!("{before}\n\n{after}\n{NOTE}"),
            None => {
                let (_sites, notes) = rest.split_once("\nnote:").unwrap_or((rest, ""));
                let notes = if notes.is_empty() { String::new() } else { format!("\nnote:{notes}") };
                format!("{before}{notes}\n{NOTE}")
            }
        },
        None => text,
    }
}

const NOTE: &str = "note: RUST_BACKTRACE=1 shows the lines that ran it";

const TWO: &str = "SELECT name FROM users WHERE id = 1; SELECT total FROM orders WHERE user_id = 1";

#[test]
fn the_count_is_exact() {
    ran(TWO).assert_count(2).assert_at_most(2).assert_at_most(3);
    ran("").assert_count(0).assert_at_most(0).allow_none().assert_no_repeats().assert_no_scan();
    check(
        ran(TWO).try_assert_count(1),
        "2 queries ran, not 1\n\n  queries:\n    SELECT name FROM users WHERE id = ?\n    SELECT total FROM orders WHERE user_id = ?",
    );
    assert_eq!(ran("").try_assert_count(1).unwrap_err().headline(), "0 queries ran, not 1");
}

#[test]
fn fewer_than_at_most_are_fine() {
    check(
        ran("SELECT 1; SELECT 2").try_assert_at_most(1),
        "2 queries ran, but at most 1 may\n\n  queries:\n    SELECT ?  -- 2 times",
    );
}

#[test]
#[should_panic(expected = "2 queries ran, but at most 1 may")]
fn an_assertion_panics_with_its_report() {
    ran("SELECT 1; SELECT 2").assert_at_most(1);
}

fn items_one_by_one(db: &mut Connection) {
    let mut users = db.prepare("SELECT id FROM users").unwrap();
    let mut total = db.prepare("SELECT sum(total) FROM orders WHERE user_id = ?1").unwrap();
    let ids: Vec<i64> = users.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    for id in ids {
        total.query_row([id], |row| row.get::<_, Option<i64>>(0)).unwrap();
    }
}

#[test]
fn one_query_for_each_row_is_a_repeat() {
    let db = SHOP.in_memory();
    let queries = db.record(items_one_by_one);
    check(
        queries.try_assert_no_repeats(),
        "one query ran 3 times: SELECT sum(total) FROM orders WHERE user_id = ?\n\n  \
           sql:\n    SELECT sum(total) FROM orders WHERE user_id = ?\n\n  \
           its values:\n    1\n    2\n    3\n\n  \
           help: query all of them at once, with IN (…) or a JOIN\n  \
           help: if the repeats are intended, allow them: .assert_repeats_at_most(3)\n\
         note: RUST_BACKTRACE=1 shows the lines that ran it",
    );
    queries.assert_repeats_at_most(3);
    assert!(queries.try_assert_repeats_at_most(2).is_err());
}

#[test]
fn a_repeat_with_values_in_its_text_shows_the_texts() {
    let error =
        ran("SELECT 1 FROM users WHERE id = 7; SELECT 1 FROM users WHERE id IN (8); SELECT 1 FROM users WHERE id = 9");
    let error = without_call_sites(&error.try_assert_no_repeats().map(drop).unwrap_err());
    let expected = "as it ran:\n    SELECT 1 FROM users WHERE id = 7\n    SELECT 1 FROM users WHERE id = 9\n\n";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_query_with_an_infinite_value_is_explained() {
    let db = SHOP.in_memory();
    let ran = |sql: &str| db.record(|db| db.query_row(sql, [f64::INFINITY], |_| Ok(())).is_ok());
    ran("SELECT name FROM users WHERE id > ?1").assert_no_scan();
    let error = ran("SELECT name FROM users WHERE name > ?1").try_assert_no_scan().map(drop).unwrap_err();
    assert_eq!(error.headline(), "query plan scans a whole table: users");
}

#[test]
fn the_same_query_and_changes_row_by_row_are_repeats() {
    let headline = |sql: &str| without_call_sites(&ran(sql).try_assert_no_repeats().map(drop).unwrap_err());
    let max = "select max(id) FROM orders";
    let same = headline(&format!("SELECT 1 FROM users; {max}; SELECT 1 FROM users; {max}; {max}"));
    assert!(same.starts_with(&format!("2 queries ran more than once, the worst 3 times: {max}\n")), "{same}");
    assert!(same.contains("  and:\n    2 times: SELECT ? FROM users\n"), "{same}");
    let asked = headline("SELECT count(*) FROM users; SELECT count(*) FROM users");
    assert!(asked.contains("help: each run has the same values: keep the result of the first\n"), "{asked}");
    let changed = headline("UPDATE users SET name = 'a' WHERE id = 1; UPDATE users SET name = 'b' WHERE id = 2");
    assert!(changed.contains("help: change all rows in one statement\n"), "{changed}");
}

#[test]
fn inserts_and_transactions_may_repeat() {
    ran("BEGIN; INSERT INTO users(name) VALUES ('a'); INSERT INTO users(name) VALUES ('b'); COMMIT;
         BEGIN; SAVEPOINT a; RELEASE a; SAVEPOINT a; RELEASE a; COMMIT; PRAGMA user_version; PRAGMA user_version")
    .assert_no_repeats();
    ran("SELECT 1; SELECT 1, 2; SELECT name FROM users; SELECT id FROM users").assert_no_repeats();
}

#[test]
fn a_scan_is_found_by_its_plan() {
    ran(TWO).assert_no_scan();
    ran("INSERT INTO users(name) SELECT value FROM json_each('[1, 2]'); INSERT INTO log VALUES (1), (2), (3)")
        .assert_no_scan();
    ran("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5)
         SELECT name FROM n CROSS JOIN users ON users.id = i")
    .assert_no_scan();
    ran("BEGIN; INSERT INTO users(name) VALUES ('a'), ('b'); CREATE INDEX i ON users(name); PRAGMA user_version; COMMIT")
        .assert_no_scan();
    let error = ran("SELECT 1; SELECT id FROM orders WHERE total = 11").try_assert_no_scan().map(drop).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with(
            "query plan scans a whole table: orders\n\n  sql:\n    SELECT id FROM orders WHERE total = 11\n"
        ),
        "{text}"
    );
    assert!(text.contains(":\n  > SCAN orders\n"), "{text}");
    assert!(text.contains("note: it stepped over "), "{text}");
}

#[test]
fn a_scan_within_a_trigger_is_found() {
    let trigger =
        "CREATE TRIGGER total AFTER UPDATE OF name ON users BEGIN UPDATE orders SET total = 0 WHERE total = 10; END";
    let db = SHOP.in_memory();
    db.execute_batch(trigger).unwrap();
    let queries = db.record(|db| db.execute("UPDATE users SET name = 'x' WHERE id = 1", []));
    let error = queries.try_assert_no_scan().map(drop).unwrap_err();
    assert_eq!(error.headline(), "query plan scans a whole table: orders");
    assert!(error.to_string().contains("in trigger total"), "{error}");
}

#[test]
fn a_scan_can_be_allowed_and_an_unneeded_allowance_fails() {
    let queries = ran("SELECT id FROM orders WHERE total = 10; SELECT name FROM users WHERE id = 1");
    queries.allow_scan("orders").assert_no_scan();
    let error = queries.allow_scan("users").try_assert_no_scan().map(drop).unwrap_err();
    assert_eq!(error.headline(), "no query scans users: the allowance is not needed");
    // An allowance for a table that does not exist is not needed either.
    let queries = ran("SELECT id FROM orders WHERE total = 10");
    let error = queries.allow_scan("orders").allow_scan("odrers").try_assert_no_scan().map(drop).unwrap_err();
    assert_eq!(error.headline(), "no query scans odrers: the allowance is not needed");
}

#[test]
fn a_query_that_cannot_be_explained_fails() {
    let queries = ran("CREATE TEMP TABLE mine(x); SELECT x FROM mine WHERE rowid = 1");
    let error = queries.try_assert_no_scan().map(drop).unwrap_err();
    assert_eq!(error.headline(), "a query cannot be explained: SELECT x FROM mine WHERE rowid = ?");
    let error = queries.try_assert_only_reads(&["users", "sqlite_schema"]).map(drop).unwrap_err();
    assert_eq!(error.headline(), "a query cannot be prepared: SELECT x FROM mine WHERE rowid = ?");
}

/// On a thread that sqlx has made, no line of the app is on the stack.
#[test]
fn nobody_is_told_to_look_for_lines_that_no_stack_has() {
    for (thread, has_note) in [("sqlx-sqlite-worker-7", false), ("of the app", true)] {
        let db = SHOP.in_memory();
        let recorder = db.recorder();
        let uri = db.uri();
        let count =
            move || Connection::open(uri).unwrap().query_row("SELECT count(*) FROM users", [], |_| Ok(())).unwrap();
        std::thread::Builder::new().name(thread.to_owned()).spawn(count).unwrap().join().unwrap();
        let error = recorder.stop().try_assert_no_scan().map(drop).unwrap_err().to_string();
        assert!(error.contains("users"), "{error}");
        match has_note {
            true => assert!(error.contains(NOTE) || error.contains("run at:"), "{error}"),
            false => assert!(!error.contains(NOTE), "{error}"),
        }
    }
}

#[test]
fn only_the_named_tables_may_be_read() {
    ran(TWO).assert_only_reads(&["users", "ORDERS"]);
    ran("SELECT * FROM open_orders; SELECT value FROM json_each('[1]')").assert_only_reads(&["orders"]);
    ran("INSERT INTO log VALUES ('x'); PRAGMA user_version").assert_only_reads(&[]);
    ran("SELECT name FROM sqlite_master").assert_only_reads(&["sqlite_schema"]);
    ran("WITH users AS (SELECT 1 AS id) SELECT id FROM users").assert_only_reads(&[]);
    check(
        ran("SELECT 1; SELECT count(*) FROM users").try_assert_only_reads(&["orders", "log"]),
        "a query reads users, but only orders, log may be read\n\n  sql:\n    SELECT count(*) FROM users\n\n  \
         help: if it is meant, name the table too: .assert_only_reads(&[\"orders\", \"log\", \"users\"])\n\
         note: RUST_BACKTRACE=1 shows the lines that ran it",
    );
    check(
        ran("SELECT count(*) FROM users").try_assert_only_reads(&["open_orders", "user", "rows_of_nothing"]),
        "a query reads users, but only open_orders, user, rows_of_nothing may be read\n\n  sql:\n    SELECT count(*) FROM users\n\n  \
         help: there is no table user: did you mean users?\n  \
         help: there is no table rows_of_nothing\n  \
         help: if it is meant, name the table too: .assert_only_reads(&[\"open_orders\", \"users\"])\n\
         note: RUST_BACKTRACE=1 shows the lines that ran it",
    );
    assert!(
        ran("DELETE FROM orders WHERE total IN (SELECT id FROM users)").try_assert_only_reads(&["orders"]).is_err()
    );
}

#[test]
fn only_the_named_tables_may_be_written() {
    ran(TWO).assert_only_writes(&[]);
    ran("BEGIN; UPDATE users SET name = 'x'; DELETE FROM log; COMMIT").assert_only_writes(&["users", "log"]);
    let headline =
        |sql: &str, tables: &[&str]| ran(sql).try_assert_only_writes(tables).unwrap_err().headline().to_owned();
    // A trigger writes, and the action of a foreign key does.
    let insert = "INSERT INTO orders(user_id, total) VALUES (1, 1)";
    assert_eq!(headline(insert, &["orders"]), "a query writes log, but only orders may be written");
    assert_eq!(
        headline("DELETE FROM users WHERE id = 1", &["users"]),
        "a query writes orders, but only users may be written"
    );
    assert_eq!(headline("DROP TABLE log", &["log"]), "a query writes sqlite_schema, but only log may be written");
    assert_eq!(headline("DELETE FROM log", &[]), "a query writes log, but no table may be written");
}

#[test]
fn steps_are_a_budget_for_all() {
    let steps = |queries: &Queries<()>| queries.iter().map(|query| query.steps()).sum::<u64>();
    let queries = ran(TWO);
    let all = steps(&queries);
    let of_the_second = queries.iter().last().unwrap().steps();
    queries.assert_steps_at_most(all);
    let error = queries.try_assert_steps_at_most(all - 1).map(drop).unwrap_err();
    assert_eq!(error.headline(), format!("the queries took {all} steps, but at most {} are allowed", all - 1));
    let line = format!("\n    {of_the_second} steps: SELECT total FROM orders WHERE user_id = ?");
    assert!(error.to_string().contains(&line), "{error}");
}

#[test]
fn queries_are_listed_as_text() {
    let queries = ran("SELECT 1; DELETE FROM log; SELECT 2");
    assert_eq!(queries.to_string(), "SELECT ?  -- 2 times\nDELETE FROM log");
    assert_eq!((&queries).into_iter().count(), 3);
}
