//! Side by side with `.expert` of the `sqlite3` shell, on the shop: never more columns than it asks for.

use sqlitmus::Template;
use sqlitmus::plan::advise;

use super::advised;

/// The columns of all indexes that `.expert` of sqlite3 3.40.1 offers, and ours. It offers no index for `max(x)` and none of
/// an expression.
const QUERIES: &[(&str, usize, usize)] = &[
    ("SELECT id, number FROM orders WHERE status = ?1", 1, 1),
    ("SELECT id, number FROM orders WHERE status = ?1 AND placed_at > ?2", 2, 2),
    ("SELECT id FROM orders WHERE customer_id = ?1 AND status = ?2 ORDER BY placed_at DESC", 3, 3),
    ("SELECT id FROM reviews WHERE rating = ?1 ORDER BY created_at DESC LIMIT 10", 2, 2),
    ("SELECT id FROM payments WHERE provider = ?1 OR captured_at = ?2", 1, 1),
    ("SELECT c.name, o.number FROM customers AS c JOIN orders AS o ON o.customer_id = c.id WHERE c.name = ?1", 1, 1),
    ("SELECT DISTINCT city FROM addresses", 1, 1),
    ("SELECT max(placed_at) FROM orders", 0, 1),
    ("SELECT id FROM outbox WHERE created_at < ?1", 1, 1),
    // The partial index on paid orders is enough.
    ("UPDATE orders SET status = 'packed' WHERE status = 'paid' AND total_cents < ?1", 2, 0),
    ("SELECT number FROM orders WHERE date(placed_at) = ?1", 0, 1),
    ("SELECT id FROM outbox WHERE payload ->> '$.order_id' = ?1", 0, 1),
    ("SELECT product_name, sum(quantity) FROM order_items GROUP BY product_name", 1, 1),
    // Its index is (name, created_at), after which the rows are sorted; ours is (name, email).
    ("SELECT id FROM customers WHERE name = ?1 AND created_at >= ?2 ORDER BY email", 2, 2),
    // The rowid is the end of every index.
    ("SELECT id FROM orders WHERE (placed_at, id) > (?1, ?2) ORDER BY placed_at, id LIMIT 50", 2, 1),
    (
        "SELECT id FROM orders WHERE status = ?1 AND currency = ?2 AND total_cents BETWEEN ?3 AND ?4
         ORDER BY placed_at DESC LIMIT 10",
        3,
        3,
    ),
    ("SELECT o.id FROM orders AS o JOIN payments AS p ON p.captured_at = o.placed_at WHERE o.status = ?1", 3, 2),
    ("SELECT id FROM orders WHERE id IN (SELECT order_id FROM payments WHERE captured_at = ?1)", 1, 1),
    ("SELECT id FROM orders WHERE status = ?1 UNION ALL SELECT id FROM payments WHERE captured_at = ?1", 2, 2),
    // An index that is there does it.
    ("SELECT id FROM reviews WHERE product_id = ?1 AND rating = ?2 ORDER BY created_at", 3, 0),
];

#[test]
fn never_more_columns_than_expert() {
    let shop = Template::new("fixtures/shop/migrations").in_memory();
    for (sql, expert, ours) in QUERIES {
        let advice = advise(&shop, sql).unwrap();
        let columns: usize = advice.iter().flat_map(|one| &one.indexes).map(|index| index.columns.len()).sum();
        assert_eq!(columns, *ours, "{sql}\n{advice:?}");
        assert!(*expert == 0 || columns <= *expert, "{sql}");
        advised(&shop, sql);
    }
    assert_eq!(QUERIES.len(), 20);
}
