//! Comparison with `.expert` of the `sqlite3` shell on the sample shop: no more columns, and no worse plan.

use sqlitmus::plan::{advise, explain};
use sqlitmus::{Template, TestDb};

use super::random::{expensive, holds};

/// A statement, the indexes that `.expert` of sqlite3 3.40.1 offers for it, and ours.
const QUERIES: &[(&str, &[&str], &[&str])] = &[
    ("SELECT id, number FROM orders WHERE status = ?1", &["orders(status)"], &["orders(status)"]),
    (
        "SELECT id, number FROM orders WHERE status = ?1 AND placed_at > ?2",
        &["orders(status, placed_at)"],
        &["orders(status, placed_at)"],
    ),
    (
        "SELECT id FROM orders WHERE customer_id = ?1 AND status = ?2 ORDER BY placed_at DESC",
        &["orders(customer_id, status, placed_at DESC)"],
        &["orders(customer_id, status, placed_at)"],
    ),
    (
        "SELECT id FROM reviews WHERE rating = ?1 ORDER BY created_at DESC LIMIT 10",
        &["reviews(rating, created_at DESC)"],
        &["reviews(rating, created_at)"],
    ),
    (
        "SELECT id FROM payments WHERE provider = ?1 OR captured_at = ?2",
        &["payments(captured_at)"],
        &["payments(captured_at)"],
    ),
    (
        "SELECT c.name, o.number FROM customers AS c JOIN orders AS o ON o.customer_id = c.id WHERE c.name = ?1",
        &["customers(name)"],
        &["customers(name)"],
    ),
    ("SELECT DISTINCT city FROM addresses", &["addresses(city)"], &["addresses(city)"]),
    ("SELECT max(placed_at) FROM orders", &[], &["orders(placed_at)"]),
    ("SELECT id FROM outbox WHERE created_at < ?1", &["outbox(created_at)"], &["outbox(created_at)"]),
    // All of the partial index on paid orders would be read.
    (
        "UPDATE orders SET status = 'packed' WHERE status = 'paid' AND total_cents < ?1",
        &["orders(status, total_cents)"],
        &["orders(status, total_cents)"],
    ),
    ("SELECT number FROM orders WHERE date(placed_at) = ?1", &[], &["orders(date(placed_at))"]),
    ("SELECT id FROM outbox WHERE payload ->> '$.order_id' = ?1", &[], &["outbox(payload ->> '$.order_id')"]),
    (
        "SELECT product_name, sum(quantity) FROM order_items GROUP BY product_name",
        &["order_items(product_name)"],
        &["order_items(product_name)"],
    ),
    // The index of `.expert` leaves a sort of the rows; ours does not.
    (
        "SELECT id FROM customers WHERE name = ?1 AND created_at >= ?2 ORDER BY email",
        &["customers(name, created_at)"],
        &["customers(name, email)"],
    ),
    // Every index ends with the rowid.
    (
        "SELECT id FROM orders WHERE (placed_at, id) > (?1, ?2) ORDER BY placed_at, id LIMIT 50",
        &["orders(placed_at, id)"],
        &["orders(placed_at)"],
    ),
    (
        "SELECT id FROM orders WHERE status = ?1 AND currency = ?2 AND total_cents BETWEEN ?3 AND ?4
         ORDER BY placed_at DESC LIMIT 10",
        &["orders(status, currency, total_cents)"],
        &["orders(status, currency, placed_at)"],
    ),
    (
        "SELECT o.id FROM orders AS o JOIN payments AS p ON p.captured_at = o.placed_at WHERE o.status = ?1",
        &["payments(captured_at)", "orders(status, placed_at)"],
        &["orders(status)", "payments(captured_at)"],
    ),
    (
        "SELECT id FROM orders WHERE id IN (SELECT order_id FROM payments WHERE captured_at = ?1)",
        &["payments(captured_at)"],
        &["payments(captured_at)"],
    ),
    (
        "SELECT id FROM orders WHERE status = ?1 UNION ALL SELECT id FROM payments WHERE captured_at = ?1",
        &["payments(captured_at)", "orders(status)"],
        &["orders(status)", "payments(captured_at)"],
    ),
    // An existing index is enough.
    (
        "SELECT id FROM reviews WHERE product_id = ?1 AND rating = ?2 ORDER BY created_at",
        &["reviews(product_id, rating, created_at)"],
        &[],
    ),
];

/// Returns the numbers of scans and of sorts in the plan of a statement with these indexes.
fn with_indexes(shop: &TestDb, indexes: &[impl AsRef<str>], sql: &str) -> (usize, usize) {
    let copy = shop.fork();
    for (number, index) in indexes.iter().enumerate() {
        copy.execute_batch(&format!("CREATE INDEX trial_{number} ON {}", index.as_ref())).unwrap();
    }
    let left = expensive(&explain(&copy, sql));
    (left.scans.len(), left.sorts)
}

#[test]
fn as_good_as_expert_with_no_more_columns() {
    let shop = Template::new("fixtures/shop/migrations").in_memory();
    for (sql, expert, expected) in QUERIES {
        let advice = advise(&shop, sql).unwrap();
        holds(&shop, sql, &advice);
        let indexes: Vec<_> = advice.iter().flat_map(|one| &one.indexes).collect();
        let ours: Vec<String> =
            indexes.iter().map(|index| format!("{}({})", index.table, index.columns.join(", "))).collect();
        assert_eq!(ours, *expected, "{sql}");

        let (scans, sorts) = with_indexes(&shop, &ours, sql);
        let (experts_scans, experts_sorts) = with_indexes(&shop, expert, sql);
        assert!(scans <= experts_scans && sorts <= experts_sorts, "{sql}: {scans} scans, {sorts} sorts");
        let columns: usize = indexes.iter().map(|index| index.columns.len()).sum();
        let experts_columns: usize = expert.iter().map(|index| index.split(", ").count()).sum();
        assert!(expert.is_empty() || columns <= experts_columns, "{sql}: {columns} columns, not {experts_columns}");
    }
}
