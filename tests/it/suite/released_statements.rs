//! The statements of the last release on the schema of the next one: those that break, those that lose their index, and those
//! that stay as they were.

use std::fs;

use sqlitmus::suite::Suite;

use super::embedded;

const FIRST: &str = "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, email TEXT, age INT);
    CREATE INDEX users_email ON users(email);
    CREATE VIEW adults AS SELECT id, name FROM users WHERE age >= 18;
    CREATE TABLE posts(id INTEGER PRIMARY KEY, user_id INT REFERENCES users(id), body TEXT);
    CREATE INDEX posts_user ON posts(user_id)";

/// Returns the codes that the suite finds, or those for review.
fn found(second: &'static str, statement: &str) -> Vec<&'static str> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger.txt");
    // Whether the statement scanned in the release is that of its plan in the file.
    let plan = if statement.contains("count(*)") { "> SCAN users" } else { "  SEARCH users" };
    let head = "# sqlitmus ledger 1: every statement of a test run, and its plans";
    fs::write(&file, format!("{head}\n\n{statement}\n{plan}\n")).unwrap();
    let template = embedded(&[("1_first.sql", FIRST), ("2_second.sql", second)]);
    let suite = || Suite::new(template).only("lints_clean").released_statements(&file);
    let report = suite().report();
    let Some((_, error)) = report.failures().next() else {
        return report.iter().flat_map(|result| &result.review).map(|finding| finding.code()).collect();
    };
    let codes = ["breaks-old-statement", "slows-old-statement"];
    let code = codes.into_iter().find(|code| error.headline().starts_with(code)).unwrap_or("another");
    let allowed = suite().allow(code, "2_second.sql", "the old version is gone").report();
    assert_eq!(allowed.failures().count(), 0, "{allowed}");
    vec![code]
}

#[track_caller]
fn check(expected: &[&str], cases: &[(&'static str, &str)]) {
    for (second, statement) in cases {
        assert_eq!(found(second, statement), expected, "{second}: {statement}");
    }
}

#[test]
fn statements_that_break() {
    check(
        &["breaks-old-statement"],
        &[
            ("ALTER TABLE users RENAME COLUMN name TO full_name", "SELECT name FROM users WHERE id = ?"),
            ("DROP VIEW adults; ALTER TABLE users DROP COLUMN age", "UPDATE users SET age = ? WHERE id = ?"),
            ("DROP TABLE posts", "DELETE FROM posts WHERE id = ?"),
            ("ALTER TABLE posts RENAME TO articles", "INSERT INTO posts(user_id, body) VALUES (?, ?)"),
            ("DROP VIEW adults", "SELECT name FROM adults WHERE id = ?"),
            ("ALTER TABLE posts ADD COLUMN title TEXT", "INSERT INTO posts VALUES (?, ?, ?)"),
        ],
    );
}

#[test]
fn statements_that_lose_their_index() {
    check(
        &["slows-old-statement"],
        &[
            ("DROP INDEX users_email", "SELECT id FROM users WHERE email = ?"),
            (
                "DROP INDEX users_email; CREATE INDEX users_email ON users(lower(email))",
                "UPDATE users SET name = ? WHERE email = ?",
            ),
            (
                "DROP INDEX posts_user; CREATE INDEX posts_user ON posts(body, user_id)",
                "DELETE FROM posts WHERE user_id = ?",
            ),
        ],
    );
}

#[test]
fn statements_that_stay() {
    check(
        &[],
        &[
            ("ALTER TABLE users ADD COLUMN phone TEXT", "SELECT name FROM users WHERE id = ?"),
            ("ALTER TABLE posts ADD COLUMN title TEXT", "INSERT INTO posts(user_id, body) VALUES (?, ?)"),
            ("DROP INDEX users_email", "SELECT count(*) FROM users WHERE email = ?"),
            ("DROP INDEX users_email", "SELECT name FROM users WHERE id = ?"),
            ("CREATE INDEX users_name ON users(name)", "SELECT id FROM users WHERE email = ? AND name = ?"),
            ("CREATE TABLE tags(name TEXT)", "SELECT name FROM users WHERE name LIKE ?"),
            (
                "ALTER TABLE users RENAME COLUMN name TO full_name; ALTER TABLE users ADD COLUMN name TEXT",
                "SELECT name FROM users WHERE id = ?",
            ),
        ],
    );
}

#[test]
fn statements_of_no_version_are_for_review() {
    check(&["not-tried"], &[("DROP TABLE posts", "SELECT value FROM settings WHERE key = ?")]);
}

#[test]
fn a_ledger_that_is_not_there() {
    let suite = Suite::new(embedded(&[("1.sql", FIRST)])).released_statements("fixtures/no_ledger.txt");
    let error = suite.try_test("lints_clean").unwrap_err();
    assert!(error.headline().contains("read the ledger"), "{error}");
}
