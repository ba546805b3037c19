//! Which statements may run once for each row, and which of them are a query for each row that should be one query for all.

use sqlitmus::Template;

const SCHEMA: &str = "
    CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT UNIQUE, seen INTEGER DEFAULT 0);
    CREATE TABLE orders(id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER REFERENCES users(id), total INTEGER);
    CREATE INDEX orders_user ON orders(user_id);
    CREATE TABLE tags(name TEXT PRIMARY KEY, uses INTEGER NOT NULL DEFAULT 1) WITHOUT ROWID;
    CREATE TABLE log(line TEXT);
    CREATE VIRTUAL TABLE notes USING fts5(body);
    CREATE VIEW rich AS SELECT * FROM users WHERE id IN (SELECT user_id FROM orders WHERE total > 10);
    CREATE TRIGGER orders_counted AFTER INSERT ON orders BEGIN UPDATE users SET seen = seen + 1 WHERE id = new.user_id; END;
    INSERT INTO users(name) VALUES ('ada'), ('grace'), ('edsger');
    INSERT INTO orders(user_id, total) VALUES (1, 10), (1, 20), (2, 30);";

/// Runs the statement for three rows and returns true if that is a repeat.
fn repeats(sql: &str) -> bool {
    let db = Template::empty().in_memory();
    db.execute_batch(SCHEMA).unwrap();
    let queries = db.record(|db| {
        let mut statement = db.prepare(sql).unwrap();
        for id in 11..14 {
            let count = statement.parameter_count().min(1);
            let mut rows = statement.query(sqlitmus::rusqlite::params_from_iter([id].iter().take(count))).unwrap();
            while rows.next().unwrap().is_some() {}
        }
    });
    queries.assert_count(3);
    queries.try_assert_no_repeats().is_err()
}

#[test]
fn a_statement_that_reads_rows_for_each_row_is_a_repeat() {
    let mut wrong = Vec::new();
    for sql in [
        "SELECT name FROM users WHERE id = ?1",
        "SELECT count(*) FROM orders WHERE user_id = ?1",
        "SELECT EXISTS (SELECT 1 FROM orders WHERE user_id = ?1)",
        "SELECT ?1, (SELECT max(total) FROM orders)",
        "SELECT name FROM rich WHERE id = ?1",
        "SELECT body FROM notes WHERE rowid = ?1",
        "WITH mine AS (SELECT * FROM orders WHERE user_id = ?1) SELECT sum(total) FROM mine",
        "INSERT INTO log SELECT name FROM users WHERE id = ?1",
        "INSERT OR IGNORE INTO tags(name) SELECT name FROM users WHERE id = ?1",
        "REPLACE INTO tags(name) SELECT 'order ' || total FROM orders WHERE user_id = ?1",
        "INSERT INTO log VALUES ((SELECT name FROM users WHERE id = ?1))",
        "WITH one AS (SELECT name FROM users WHERE id = ?1) INSERT INTO log SELECT name FROM one",
        "UPDATE users SET seen = 1 WHERE id = ?1",
        "WITH one(id) AS (VALUES (?1)) UPDATE users SET seen = 1 WHERE id = (SELECT id FROM one)",
        "UPDATE users SET seen = 1",
        "DELETE FROM orders WHERE id = ?1",
        "DELETE FROM log",
    ] {
        wrong.extend((!repeats(sql)).then_some(sql));
    }
    assert!(wrong.is_empty(), "may not repeat: {wrong:#?}");
}

#[test]
fn a_statement_that_reads_no_table_may_repeat() {
    let mut wrong = Vec::new();
    for sql in [
        "INSERT INTO users(name) VALUES ('user ' || ?1)",
        "INSERT INTO orders(user_id, total) VALUES (1, ?1)",
        "INSERT INTO orders(user_id, total) VALUES (1, ?1) RETURNING id",
        "INSERT INTO log SELECT 'line ' || ?1",
        "REPLACE INTO tags(name) VALUES (?1)",
        "INSERT INTO tags(name) VALUES ('a') ON CONFLICT(name) DO UPDATE SET uses = uses + 1",
        "WITH new(name) AS (VALUES ('user ' || ?1)) INSERT INTO users(name) SELECT name FROM new",
        "WITH new(total) AS (SELECT ?1 UNION ALL SELECT 5) INSERT INTO orders(total) SELECT total FROM new",
        "INSERT INTO log SELECT value FROM json_each('[1, 2]')",
        "INSERT INTO notes(body) VALUES ('text ' || ?1)",
        "INSERT INTO log DEFAULT VALUES",
        "SELECT last_insert_rowid()",
        "SELECT changes(), total_changes()",
        "SELECT datetime('now'), ?1 + 1",
        "SELECT 1",
        "VALUES (?1)",
        "SELECT value FROM json_each('[1, 2]')",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n",
        "PRAGMA user_version",
    ] {
        wrong.extend(repeats(sql).then_some(sql));
    }
    assert!(wrong.is_empty(), "may repeat: {wrong:#?}");
}

/// A temporary table is on the connection of the app only, so the words of the statement decide.
#[test]
fn a_statement_that_cannot_be_explained_is_known_by_its_words() {
    let ran = |sql: &str| {
        let db = Template::empty().in_memory();
        let recorder = db.recorder();
        db.execute_batch("CREATE TEMP TABLE chosen(id INTEGER PRIMARY KEY, at TEXT)").unwrap();
        (0..2).for_each(|_| db.execute_batch(sql).unwrap());
        recorder.stop().try_assert_no_repeats().is_err()
    };
    for sql in ["SELECT at FROM chosen WHERE id = 1", "UPDATE chosen SET at = 1", "DELETE FROM chosen WHERE id = 1"] {
        assert!(ran(sql), "{sql}");
    }
    for sql in
        ["INSERT INTO chosen(at) VALUES (1)", "INSERT INTO chosen VALUES (1, 2) ON CONFLICT DO UPDATE SET at = at + 1"]
    {
        assert!(!ran(sql), "{sql}");
    }
}

#[test]
fn connections_that_this_crate_opens_add_nothing() {
    for db in super::both() {
        let queries = db.record(|_| {
            let second = db.connect();
            second.execute_batch("SELECT name FROM users").unwrap();
            drop(second);
            db.connect().query_row("PRAGMA user_version", [], |_| Ok(())).unwrap();
        });
        assert_eq!(super::sql(&queries), ["SELECT name FROM users", "PRAGMA user_version"]);
    }
}
