//! The indexes that several statements need together.

use sqlitmus::plan::explain;
use sqlitmus::record::StatementLedger;
use sqlitmus::rusqlite::params;
use sqlitmus::workload::{advise_all, advise_ledger};
use sqlitmus::{Template, TestDb};

const SCHEMA: &str = "
    CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL, team TEXT);
    CREATE TABLE orders(id INTEGER PRIMARY KEY, user_id INT NOT NULL REFERENCES users(id), number TEXT NOT NULL,
                        status TEXT NOT NULL DEFAULT 'new', at TEXT NOT NULL, hidden BOOLEAN NOT NULL DEFAULT 0);
    CREATE INDEX orders_user ON orders(user_id);";

fn database() -> TestDb {
    let db = Template::empty().in_memory();
    db.execute_batch(SCHEMA).unwrap();
    db
}

/// Returns the columns of the indexes for these statements, after a check that no plan scans that has an index.
fn advised(statements: &[&str]) -> (Vec<String>, String) {
    let db = database();
    let queries = db.record(|db| {
        for sql in statements {
            let mut statement = db.prepare(sql).unwrap();
            for number in 1..=statement.parameter_count() {
                statement.raw_bind_parameter(number, 1).unwrap();
            }
            drop(statement.raw_query().next().map(drop));
        }
    });
    let advice = advise_all(&queries).unwrap();
    for index in &advice.indexes {
        db.execute_batch(&index.sql).unwrap();
    }
    for sql in statements {
        let still = advice.left.iter().any(|left| left.sql == *sql && !left.scans.is_empty());
        assert_eq!(explain(&db, sql).try_assert_no_scan().is_err(), still, "{sql}\n{advice}");
    }
    assert!(advice.least <= advice.indexes.len(), "{advice}");
    let columns = |sql: &str| sql.split(" ON ").nth(1).unwrap().trim_end_matches(';').to_owned();
    (advice.indexes.iter().map(|index| columns(&index.sql)).collect(), advice.to_string())
}

#[test]
fn the_fewest_indexes() {
    for (statements, expected) in [
        // One begins with the other.
        (
            vec!["SELECT id FROM orders WHERE number = ?1", "SELECT id FROM orders WHERE number = ?1 AND at > ?2"],
            vec!["orders(number, at)"],
        ),
        // Both find their rows by the number.
        (
            vec!["SELECT id FROM orders WHERE at = ?1 AND number = ?2", "SELECT id FROM orders WHERE number = ?1"],
            vec!["orders(number)"],
        ),
        (
            vec!["SELECT id FROM orders WHERE number = ?1", "SELECT id FROM users WHERE email = ?1"],
            vec!["orders(number)", "users(email)"],
        ),
        (
            vec!["SELECT id FROM orders WHERE number = ?1", "SELECT at FROM orders WHERE number = ?1"],
            vec!["orders(number)"],
        ),
        // Nothing is wrong, or nothing helps.
        (vec!["SELECT id FROM orders WHERE user_id = ?1", "SELECT count(*) FROM users"], vec![]),
        (vec!["SELECT id FROM users WHERE email LIKE '%x'"], vec![]),
        (vec!["INSERT INTO users(email) VALUES (?1)", "DELETE FROM users WHERE id = ?1"], vec![]),
    ] {
        let (mut columns, text) = advised(&statements);
        columns.sort();
        assert_eq!(columns, expected, "{statements:?}\n{text}");
    }
}

#[test]
fn the_report() {
    let (_, text) = advised(&[
        "SELECT id FROM orders WHERE number = ?1",
        "SELECT id FROM orders WHERE number = ?1 AND at > ?2",
        "SELECT id FROM users WHERE email = ?1",
        "SELECT id FROM users WHERE email LIKE '%x'",
    ]);
    let expected = "\
CREATE INDEX orders_number_at ON orders(number, at);   for 2 statements
CREATE INDEX users_email ON users(email);   for 1 statement
2 indexes, of 3 that were tried: fewer cannot serve the same statements
still scans users, because no index helps: SELECT id FROM users WHERE email LIKE '%x'";
    assert_eq!(text, expected);
}

/// The constants of a recording are those of one run, so no index is for the rows of one of them.
#[test]
fn values_are_not_constants() {
    let db = database();
    let queries = db.record(|db| {
        db.execute("UPDATE orders SET at = ?1 WHERE hidden = ?2 AND number = ?3", params!["x", 1, "y"]).unwrap();
        db.execute("UPDATE orders SET at = ?1 WHERE status = ?2", params!["x", 1]).unwrap();
    });
    let advice = advise_all(&queries).unwrap();
    let columns: Vec<&[String]> = advice.indexes.iter().map(|one| one.index.columns.as_slice()).collect();
    assert_eq!(columns, [vec!["number".to_owned(), "hidden".to_owned()], vec!["status".to_owned()]], "{advice}");
}

#[test]
fn a_ledger() {
    let ledger = StatementLedger::parse(
        "# sqlitmus ledger 1: every statement of a test run, and its plans

SELECT id FROM orders WHERE number = ?
> SCAN orders

SELECT id FROM users WHERE email = ? AND team IN (?)
> SCAN users

SELECT gone FROM nowhere
  SCAN nowhere
",
    )
    .unwrap();
    let advice = advise_ledger(&database(), &ledger).unwrap();
    assert_eq!(advice.indexes.len(), 2, "{advice}");
    assert_eq!(advice.unplanned, ["SELECT gone FROM nowhere"]);
    assert_eq!(advice.least, 2);
}
