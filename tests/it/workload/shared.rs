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

/// Runs the statements, and returns the indexes that are advised for all of them, sorted, with the text.
fn for_app(schema: &str, statements: &[&str]) -> (Vec<String>, String) {
    let db = Template::empty().in_memory();
    db.execute_batch(schema).unwrap();
    let queries = db.record(|db| {
        for sql in statements {
            let mut statement = db.prepare(sql).unwrap();
            for number in 1..=statement.parameter_count() {
                statement.raw_bind_parameter(number, 7).unwrap();
            }
            drop(statement.raw_query().next().map(drop));
        }
    });
    let advice = advise_all(&queries).unwrap();
    let columns = |sql: &str| sql.split(" ON ").nth(1).unwrap().trim_end_matches(';').to_owned();
    let mut indexes: Vec<String> = advice.indexes.iter().map(|index| columns(&index.sql)).collect();
    indexes.sort();
    (indexes, advice.to_string())
}

const SHOP: &str = "
    CREATE TABLE products(id INTEGER PRIMARY KEY, sku TEXT NOT NULL UNIQUE, name TEXT NOT NULL, deleted_at TEXT);
    CREATE TABLE customers(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT);
    CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers(id),
                        status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'paid', 'sent')),
                        placed_at TEXT NOT NULL, total INTEGER NOT NULL);
    CREATE INDEX orders_customer ON orders(customer_id, placed_at);
    CREATE TABLE items(order_id INTEGER NOT NULL REFERENCES orders(id) ON DELETE CASCADE,
                       product_id INTEGER NOT NULL REFERENCES products(id), qty INTEGER NOT NULL,
                       PRIMARY KEY (order_id, product_id)) WITHOUT ROWID;";

/// A lookup of one row that takes a few steps more is no reason against the index that others need.
#[test]
fn a_few_steps_are_no_reason_against_an_index() {
    let (indexes, text) = for_app(
        SHOP,
        &[
            "SELECT id FROM orders WHERE status = 'pending' ORDER BY placed_at LIMIT 10",
            "SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.email = ?1 ORDER BY o.placed_at DESC",
            "SELECT sum(i.qty) FROM items i WHERE i.product_id = ?1",
            "SELECT * FROM customers WHERE name LIKE 'ann%'",
            "UPDATE orders SET status = 'sent' WHERE id = ?1",
            "SELECT id FROM products WHERE id IN (SELECT product_id FROM items WHERE order_id = ?1)",
            "SELECT status, sum(total) FROM orders WHERE customer_id = ?1 GROUP BY status",
            "DELETE FROM products WHERE id = ?1",
            "DELETE FROM customers WHERE email = ?1",
        ],
    );
    for index in ["items(product_id)", "customers(name COLLATE NOCASE)", "orders(customer_id, status)"] {
        assert!(indexes.iter().any(|one| one == index), "{index}\n{text}");
    }
    assert!(!text.contains("still scans"), "{text}");
}

/// One index serves both without a scan and without a sort, but finds the rows of a sender among all of a time.
#[test]
fn an_index_is_not_replaced_by_one_with_far_more_rows() {
    let mails =
        "CREATE TABLE mails(id INTEGER PRIMARY KEY, sender TEXT NOT NULL, received_at INTEGER NOT NULL, size INTEGER)";
    let of_a_sender = "SELECT id FROM mails WHERE sender = ?1 AND received_at > ?2 ORDER BY received_at DESC LIMIT 20";
    let of_a_time = "SELECT id FROM mails WHERE received_at > ?1 ORDER BY received_at LIMIT 100";
    let by_size = "SELECT id FROM mails WHERE sender = ?1 AND size = ?2";
    for (statements, expected) in [
        (&[of_a_sender, of_a_time][..], &["mails(received_at)", "mails(sender, received_at)"][..]),
        (&[of_a_sender, "SELECT id FROM mails WHERE sender = ?1"], &["mails(sender, received_at)"]),
        (&[by_size, "SELECT id FROM mails WHERE sender = ?1"], &["mails(sender, size)"]),
        (&[of_a_time, "SELECT max(received_at) FROM mails"], &["mails(received_at)"]),
    ] {
        let (indexes, text) = for_app(mails, statements);
        assert_eq!(indexes, expected, "{text}");
    }
}
