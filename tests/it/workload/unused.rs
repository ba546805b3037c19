//! Indexes that no recorded statement needs.

use sqlitmus::workload::unused_indexes;
use sqlitmus::{Template, TestDb};

const SCHEMA: &str = "
    CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, city TEXT, email TEXT UNIQUE);
    CREATE INDEX users_name ON users(name);
    CREATE INDEX users_city ON users(city);
    CREATE UNIQUE INDEX users_email_city ON users(email, city);
    CREATE TABLE posts(id INTEGER PRIMARY KEY, user_id INT REFERENCES users(id), state TEXT, at TEXT, title TEXT);
    CREATE INDEX posts_user ON posts(user_id);
    CREATE INDEX posts_state ON posts(state);
    CREATE INDEX posts_state_at ON posts(state, at);
    CREATE INDEX posts_old ON posts(at) WHERE state = 'old';
    CREATE VIEW titles AS SELECT title FROM posts;";

fn db() -> TestDb {
    let db = Template::empty().in_memory();
    db.execute_batch(SCHEMA).unwrap();
    db
}

#[track_caller]
fn check(sql: &str, expected: &str) {
    let queries = db().record(|db| db.execute_batch(sql));
    assert!(queries.value.is_ok(), "{:?}", queries.value);
    assert_eq!(unused_indexes(&queries).to_string(), expected);
}

#[test]
fn an_index_that_no_query_uses() {
    let expected = "\
DROP INDEX posts_old;   no recorded query uses it
DROP INDEX posts_state;   no recorded query uses it
DROP INDEX posts_state_at;   no recorded query uses it
DROP INDEX users_city;   no recorded query uses it";
    // posts_user is needed for the foreign key: deleting a user looks for the user's posts.
    check("UPDATE users SET city = 'a' WHERE name = 'b'", expected);
}

#[test]
fn an_index_that_is_searched_sorted_or_read_in_part_is_needed() {
    check(
        "SELECT id FROM posts WHERE state = 'new' AND at > 'a'; SELECT title FROM posts WHERE state = 'old' ORDER BY at;
         SELECT id FROM users WHERE name = 'a'; SELECT id FROM users ORDER BY city",
        "DROP INDEX posts_old;   no recorded query uses it\n\
         DROP INDEX posts_state;   no recorded query uses it",
    );
}

#[test]
fn of_two_indexes_that_can_replace_each_other_one_stays() {
    let users = "SELECT email FROM users WHERE name = 'a'; SELECT email FROM users WHERE city = 'a';";
    check(
        &format!("{users} SELECT title FROM posts WHERE state = 'new'"),
        "DROP INDEX posts_old;   no recorded query uses it\n\
         DROP INDEX posts_state_at;   the one recorded query that uses it has an equally good plan without it",
    );
}

#[test]
fn a_statement_without_a_plan_keeps_the_indexes_of_its_tables() {
    let db = db();
    let recorder = db.recorder();
    db.execute_batch("CREATE TEMP TABLE chosen(id); SELECT title FROM titles JOIN chosen ON chosen.id = 1").unwrap();
    let unused = unused_indexes(&recorder.stop());
    let expected = "\
DROP INDEX users_city;   no recorded query uses it
DROP INDEX users_name;   no recorded query uses it
not planned, so indexes of its tables are not listed: SELECT title FROM titles JOIN chosen ON chosen.id = 1";
    assert_eq!(unused.to_string(), expected);
    assert_eq!(unused.unplanned.len(), 1);
}

#[test]
fn all_listed_indexes_can_be_dropped_together() {
    let shop = Template::new("fixtures/shop/migrations").in_memory();
    let all = shop.record(|db| {
        db.execute_batch(
            "SELECT name FROM customers WHERE lower(email) = 'a'; SELECT id FROM orders WHERE customer_id = 1 AND status = 'a';
             SELECT id FROM outbox WHERE topic = 'a' AND delivered_at IS NULL ORDER BY id;
             DELETE FROM sessions WHERE expires_at < 'a'; SELECT body FROM reviews WHERE product_id = 1 ORDER BY created_at",
        )
    });
    let unused = unused_indexes(&all);
    let names: Vec<&str> = unused.indexes.iter().map(|index| &*index.name).collect();
    assert_eq!(names, ["customers_name", "orders_to_pack", "products_listed", "shipments_in_transit"], "{unused}");
    shop.execute_batch(&unused.indexes.iter().map(|index| index.sql.as_str()).collect::<String>()).unwrap();
    for query in all.iter() {
        sqlitmus::plan::explain(&shop, query.sql()).assert_no_scan().assert_no_temp_btree();
    }
}

/// Returns the indexes of these that are not needed for the queries.
fn unneeded(indexes: &str, queries: &str) -> Vec<String> {
    let db = Template::empty().in_memory();
    db.execute_batch("CREATE TABLE m(id INTEGER PRIMARY KEY, chat INT, hidden INT, at INT, kind TEXT, body TEXT)")
        .unwrap();
    db.execute_batch(indexes).unwrap();
    let queries = db.record(|db| db.execute_batch(queries));
    assert!(queries.value.is_ok(), "{:?}", queries.value);
    unused_indexes(&queries).indexes.into_iter().map(|index| index.name).collect()
}

#[test]
fn an_index_that_finds_fewer_rows_than_what_is_left_is_needed() {
    let mut wrong = Vec::new();
    for (indexes, queries, expected) in [
        // An equality is not replaced by a range.
        (
            "CREATE INDEX c ON m(chat); CREATE INDEX a ON m(at)",
            "SELECT body FROM m WHERE chat = 1 AND at > 5",
            &["a"][..],
        ),
        (
            "CREATE INDEX c ON m(chat, at); CREATE INDEX a ON m(at, chat)",
            "SELECT body FROM m WHERE chat = 1 AND at > 5",
            &["a"],
        ),
        (
            "CREATE INDEX c ON m(chat); CREATE INDEX a ON m(at)",
            "SELECT body FROM m WHERE chat = 1 AND at BETWEEN 3 AND 9",
            &["a"],
        ),
        ("CREATE INDEX c ON m(chat); CREATE INDEX a ON m(at)", "DELETE FROM m WHERE chat = 1 AND at < 5", &["a"]),
        // Two columns are not replaced by one.
        (
            "CREATE INDEX c ON m(chat); CREATE INDEX k ON m(chat, kind)",
            "SELECT body FROM m WHERE chat = 1 AND kind = 'x'",
            &["c"],
        ),
        // One of two that do the same goes.
        ("CREATE INDEX c ON m(chat); CREATE INDEX d ON m(chat, kind)", "SELECT body FROM m WHERE chat = 1", &["d"]),
        ("CREATE INDEX c ON m(chat); CREATE INDEX d ON m(chat DESC)", "SELECT body FROM m WHERE chat = 1", &["c"]),
        // What is not used goes.
        ("CREATE INDEX k ON m(kind)", "SELECT body FROM m WHERE id = 1 AND kind = 'x'", &["k"]),
        ("CREATE INDEX k ON m(kind); CREATE INDEX a ON m(at)", "SELECT body FROM m WHERE kind = 'x'", &["a"]),
        ("CREATE INDEX a ON m(at)", "SELECT body FROM m ORDER BY at LIMIT 5", &[]),
        ("CREATE INDEX a ON m(at)", "SELECT max(at) FROM m", &[]),
        ("CREATE INDEX a ON m(at)", "INSERT INTO m(at) VALUES (1)", &["a"]),
        ("CREATE INDEX a ON m(at)", "UPDATE m SET at = 1 WHERE id = 1", &["a"]),
        ("CREATE INDEX p ON m(at) WHERE hidden = 1", "SELECT body FROM m WHERE hidden = 0 ORDER BY at", &["p"]),
        ("CREATE INDEX n ON m(kind COLLATE NOCASE)", "SELECT body FROM m WHERE kind = 'x'", &["n"]),
        ("CREATE INDEX e ON m(upper(kind))", "SELECT body FROM m WHERE lower(kind) = 'x'", &["e"]),
        (
            "CREATE INDEX c ON m(chat, at); CREATE INDEX d ON m(chat)",
            "SELECT body FROM m WHERE chat = 1 ORDER BY at",
            &["d"],
        ),
        // Each of these finds, sorts or holds what the query needs.
        ("CREATE INDEX c ON m(chat)", "SELECT body FROM m WHERE chat IN (1, 2)", &[]),
        ("CREATE INDEX c ON m(chat)", "UPDATE m SET body = 'x' WHERE chat = 1", &[]),
        ("CREATE INDEX k ON m(kind, at)", "SELECT body FROM m WHERE kind = 'x' ORDER BY at", &[]),
        ("CREATE INDEX p ON m(at) WHERE hidden = 0", "SELECT body FROM m WHERE hidden = 0 ORDER BY at", &[]),
        ("CREATE INDEX k ON m(kind)", "SELECT kind, count(*) FROM m GROUP BY kind", &[]),
        ("CREATE INDEX e ON m(lower(kind))", "SELECT body FROM m WHERE lower(kind) = 'x'", &[]),
        ("CREATE INDEX c ON m(chat)", "SELECT a.body FROM m AS a JOIN m AS b ON b.chat = a.id WHERE a.id = 1", &[]),
    ] {
        let found = unneeded(indexes, queries);
        if found != expected {
            wrong.push(format!("{found:?}, not {expected:?}: {indexes}: {queries}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
