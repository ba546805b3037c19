//! Queries before and after a migration, on the same rows: those that return something else, and those that do not.

use std::fs;

use sqlitmus::suite::Suite;

use super::embedded;

const FIRST: &str = "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT COLLATE NOCASE, age INT);
    CREATE TABLE orders(id INTEGER PRIMARY KEY, user_id INT NOT NULL REFERENCES users(id), total INT NOT NULL, note TEXT);
    CREATE INDEX orders_user ON orders(user_id);
    CREATE VIEW spent AS SELECT user_id, sum(total) AS total FROM orders GROUP BY user_id";

/// Returns the code that the suite finds, the word `review`, or nothing.
fn found(second: &'static str, suite: impl Fn(Suite) -> Suite) -> String {
    let template = embedded(&[("1_first.sql", FIRST), ("2_second.sql", second)]);
    let report = suite(Suite::new(template).only("lints_clean")).report();
    let failure = report.failures().next().map(|(_, error)| error.to_string());
    match failure {
        Some(text) if text.starts_with("changes-answer: migration 2") => {
            let allowed = suite(Suite::new(template).only("lints_clean"));
            let report = allowed.allow("changes-answer", "2_second.sql", "the app asks in another way").report();
            assert_eq!(report.failures().count(), 0, "{report}");
            String::from("changes-answer")
        }
        Some(text) => text,
        None => report.iter().flat_map(|result| &result.review).map(|finding| finding.code()).collect(),
    }
}

#[track_caller]
fn check(expected: &str, cases: &[(&'static str, &str)]) {
    for (second, query) in cases {
        assert_eq!(found(second, |suite| suite.answers(&[query])), expected, "{second}: {query}");
    }
}

#[test]
fn answers_that_change() {
    check(
        "changes-answer",
        &[
            ("UPDATE orders SET total = total * 100", "SELECT id, total FROM orders"),
            ("UPDATE orders SET total = total * 100", "SELECT total FROM orders WHERE user_id = ? AND id = ?"),
            ("UPDATE users SET name = name || '!' WHERE age > 5", "SELECT name FROM users WHERE id = ?1"),
            (
                "CREATE TABLE o2(id INTEGER PRIMARY KEY, user_id INT NOT NULL REFERENCES users(id), total TEXT NOT NULL, note TEXT);
                 INSERT INTO o2 SELECT id, user_id, total, note FROM orders; DROP VIEW spent; DROP TABLE orders;
                 ALTER TABLE o2 RENAME TO orders; CREATE INDEX orders_user ON orders(user_id)",
                "SELECT total FROM orders",
            ),
            ("UPDATE users SET age = -age WHERE age > 0", "SELECT id, age FROM users ORDER BY age"),
            ("UPDATE orders SET total = -9223372036854775808", "SELECT abs(total) FROM orders"),
            ("DELETE FROM orders WHERE note IS NULL", "SELECT count(*) FROM orders"),
            ("INSERT INTO users(name) VALUES ('admin')", "SELECT name FROM users"),
            (
                "DROP VIEW spent; CREATE VIEW spent AS SELECT user_id, count(*) AS total FROM orders GROUP BY user_id",
                "SELECT user_id, total FROM spent ORDER BY user_id",
            ),
            ("DROP VIEW spent; CREATE VIEW spent AS SELECT user_id FROM orders GROUP BY user_id", "SELECT * FROM spent"),
            (
                "DROP VIEW spent; CREATE VIEW spent AS SELECT user_id, sum(o.total) AS total FROM orders o
                 JOIN users u ON u.age > 0 GROUP BY user_id",
                "SELECT * FROM spent",
            ),
            (
                "CREATE TABLE u2(id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT COLLATE NOCASE, age INT);
                 INSERT INTO u2 SELECT id, name, email || '.', age FROM users; DROP TABLE users;
                 ALTER TABLE u2 RENAME TO users",
                "SELECT id FROM users WHERE email = ?",
            ),
        ],
    );
}

#[test]
fn answers_that_stay() {
    check(
        "",
        &[
            ("ALTER TABLE users ADD COLUMN phone TEXT", "SELECT * FROM users"),
            ("CREATE INDEX orders_total ON orders(total)", "SELECT id FROM orders WHERE total > ? ORDER BY id"),
            ("UPDATE orders SET note = upper(note)", "SELECT id, total FROM orders"),
            ("UPDATE orders SET total = total * 100", "SELECT name FROM users WHERE id = ?"),
            // SQLite reads the rows in another order, which nobody has promised.
            ("CREATE INDEX orders_total ON orders(total)", "SELECT total FROM orders"),
            ("CREATE INDEX cover ON orders(total, note)", "SELECT group_concat(total) FROM orders WHERE total > 0"),
            ("CREATE INDEX orders_total ON orders(total)", "SELECT total FROM orders LIMIT 2"),
            ("UPDATE orders SET note = 1", "SELECT id, random() FROM orders"),
            ("UPDATE orders SET note = 1", "SELECT id, datetime('now') FROM orders"),
            ("CREATE TABLE tags(name TEXT); INSERT INTO tags VALUES ('new')", "SELECT name FROM users"),
            ("DROP VIEW spent; ALTER TABLE orders RENAME COLUMN total TO cents", "SELECT id, note FROM orders"),
        ],
    );
}

#[test]
fn another_order_is_for_review() {
    let template = embedded(&[("1_first.sql", FIRST), ("2_second.sql", "UPDATE users SET age = -age")]);
    let report = Suite::new(template).only("lints_clean").answers(&["SELECT id FROM users ORDER BY age"]).report();
    assert_eq!(report.failures().count(), 0, "{report}");
    assert_eq!(report.to_string().matches("changes the order of the rows of a query").count(), 1, "{report}");
}

#[test]
fn the_queries_of_a_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger.txt");
    let head = "# sqlitmus ledger 1: every statement of a test run, and its plans";
    let statements =
        "DELETE FROM users WHERE id = ?\n  SEARCH users\n\nSELECT total FROM orders WHERE id = ?\n  SEARCH orders";
    fs::write(&file, format!("{head}\n\n{statements}\n")).unwrap();
    let of_ledger = |suite: Suite| suite.answers_of(&file);
    assert_eq!(found("UPDATE orders SET total = total * 100", of_ledger), "changes-answer");
    assert_eq!(found("UPDATE orders SET note = NULL", of_ledger), "");
}

#[test]
fn what_is_no_query_is_an_error() {
    for (query, error) in [
        ("SELECT nope FROM users", "no such column: nope"),
        ("DELETE FROM users", "it is not a query"),
        ("SELECT", "incomplete input"),
    ] {
        let text = found("ALTER TABLE users ADD COLUMN phone TEXT", |suite| suite.answers(&[query]));
        assert!(text.contains("cannot compare the answers of a query") && text.contains(error), "{text}");
    }
    let silent = found("ALTER TABLE users ADD COLUMN phone TEXT", |suite| {
        suite.answers(&["SELECT id FROM users WHERE name = 'nobody'"])
    });
    assert_eq!(silent, "not-tried");
    // Only the last version knows this query.
    let new = found("ALTER TABLE users ADD COLUMN phone TEXT DEFAULT 'x'", |suite| {
        suite.answers(&["SELECT phone FROM users"])
    });
    assert_eq!(new, "not-tried");
}
