//! Each assertion, with a plan on which it fails, the whole report, and a plan on which it passes.

use sqlitmus::plan::{Plan, explain};
use sqlitmus::{Result, Template};

use super::{db, version};

static SHOP: Template = Template::new("fixtures/shop/migrations");
static GUIDE: Template = Template::new("fixtures/guide/schema.sql");

const SCHEMA: &str = "
    CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT, email TEXT);
    CREATE UNIQUE INDEX customers_email ON customers(email);
    CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INT NOT NULL REFERENCES customers(id) ON DELETE CASCADE,
                        status TEXT NOT NULL, total INT);
    CREATE INDEX orders_customer ON orders(customer_id, status);
    CREATE INDEX orders_open ON orders(total) WHERE status = 'open';
    CREATE TABLE items(order_id INT NOT NULL REFERENCES orders(id) ON DELETE CASCADE, product TEXT, count INT);
    CREATE TABLE log(what TEXT);
    CREATE TRIGGER items_logged AFTER INSERT ON items BEGIN
        UPDATE orders SET total = total + 1 WHERE status = new.product;
    END;
    CREATE VIRTUAL TABLE texts USING fts5(body);";

#[track_caller]
fn fires(sql: &str, assertion: impl FnOnce(&Plan) -> Result<&Plan>, expected: &str) {
    let plan = explain(&db(SCHEMA), sql);
    let error = assertion(&plan).unwrap_err();
    // Only some versions of SQLite add a Bloom filter.
    let found = error.to_string().replace("    BLOOM FILTER ON i (product=?)\n", "");
    assert_eq!(found, expected.replace("VERSION", version()));
    assert_eq!(error.kind(), sqlitmus::ErrorKind::Plan);
    assert_eq!(error.sql_text(), Some(sql));
}

fn plan(sql: &str) -> Plan {
    explain(&db(SCHEMA), sql)
}

#[test]
fn no_scan() {
    let expected = "\
query plan scans a whole table: orders

  sql:
    SELECT id, total FROM orders WHERE status = ?1 ORDER BY total

  plan (SQLite VERSION):
  > SCAN orders
      orders_customer is not used: the statement says nothing about its first column, customer_id, only about status
      orders_open is not used: it has only the rows WHERE status = 'open', and the value in status = ?1 is not known while \
SQLite plans; tried: 'open' in place of ?1
    USE TEMP B-TREE FOR ORDER BY

  help: CREATE INDEX orders_status_total ON orders(status, total);   tried: the scan and the sort are gone
  help: if the scan is meant, say so before: .allow_scan(\"orders\").assert_no_scan()";
    fires("SELECT id, total FROM orders WHERE status = ?1 ORDER BY total", Plan::try_assert_no_scan, expected);
    plan("SELECT id, total FROM orders WHERE customer_id = ?1").assert_no_scan();
}

#[test]
fn no_scan_of_several_tables_with_aliases() {
    let expected = "\
query plan scans whole tables: log, orders

  sql:
    SELECT * FROM log AS l, orders AS o WHERE o.status = l.what || o.id

  plan (SQLite VERSION):
  > SCAN l
  > SCAN o

  help: if the scan is meant, say so before: .allow_scan(\"log\").assert_no_scan()
  help: if the scan is meant, say so before: .allow_scan(\"orders\").assert_no_scan()";
    let sql = "SELECT * FROM log AS l, orders AS o WHERE o.status = l.what || o.id";
    fires(sql, Plan::try_assert_no_scan, expected);
    plan(sql).allow_scan("LOG").allow_scan("o").assert_no_scan();
}

#[test]
fn no_scan_of_an_index() {
    let expected = "\
query plan scans a whole table: orders

  sql:
    SELECT customer_id FROM orders

  plan (SQLite VERSION):
  > SCAN orders USING COVERING INDEX orders_customer

  help: if the scan is meant, say so before: .allow_scan(\"orders\").assert_no_scan()
note: the scan reads the index orders_customer, which has all rows of orders";
    fires("SELECT customer_id FROM orders", Plan::try_assert_no_scan, expected);
}

#[test]
fn reading_all_of_a_partial_index_is_no_scan() {
    let all_open = "SELECT total FROM orders WHERE status = 'open'";
    plan(all_open).assert_no_scan().assert_uses_index("orders_open");
    let expected = "\
query plan does not search the table orders

  sql:
    SELECT total FROM orders WHERE status = 'open'

  plan (SQLite VERSION):
  > SCAN orders USING INDEX orders_open
      orders_customer is not used: the statement says nothing about its first column, customer_id, only about status
note: reading all of orders_open does not count as a scan of orders: it is a partial index, and has only the rows of its \
WHERE";
    let expected = match explain(&db(SCHEMA), all_open).to_string().contains("COVERING") {
        true => expected.replace("USING INDEX", "USING COVERING INDEX"),
        false => expected.to_owned(),
    };
    fires(all_open, |plan| plan.try_assert_searches("orders"), &expected);
}

#[test]
fn no_scan_for_an_automatic_index() {
    let expected = "\
query plan scans a whole table: items

  sql:
    SELECT * FROM customers AS c JOIN items AS i ON i.product = c.name WHERE c.id < 5

  plan (SQLite VERSION):
    SEARCH c USING INTEGER PRIMARY KEY (rowid<?)
  > SEARCH i USING AUTOMATIC COVERING INDEX (product=?)

  help: CREATE INDEX items_product ON items(product);   tried: the scan is gone
  help: if the scan is meant, say so before: .allow_scan(\"items\").assert_no_scan()
note: SQLite reads all of items to build an automatic index, each time the statement runs";
    let sql = "SELECT * FROM customers AS c JOIN items AS i ON i.product = c.name WHERE c.id < 5";
    fires(sql, Plan::try_assert_no_scan, expected);
}

#[test]
fn no_scan_behind_the_word_search() {
    let expected = "\
query plan scans a whole table: items

  sql:
    SELECT min(count) FROM items

  plan (SQLite VERSION):
  > SEARCH items

  help: CREATE INDEX items_count ON items(count);   tried: the scan is gone
  help: if the scan is meant, say so before: .allow_scan(\"items\").assert_no_scan()
note: SQLite prints SEARCH for a min() or max() of items, but reads all of it";
    fires("SELECT min(count) FROM items", Plan::try_assert_no_scan, expected);
    assert!(plan("SELECT min(count) FROM items").try_assert_searches("items").is_err());
    plan("SELECT max(id) FROM orders").assert_no_scan();
    plan("SELECT min(customer_id) FROM orders").assert_no_scan().assert_searches("orders");
    plan("SELECT * FROM items LIMIT 1").assert_no_scan();
}

#[test]
fn no_scan_in_a_trigger_or_a_cascade() {
    let expected = "\
query plan scans a whole table: orders

  sql:
    INSERT INTO items VALUES (?1, ?2, ?3)

  plan (SQLite VERSION):
    (the statement itself reads no table)

  also runs:
  > SCAN orders   in trigger items_logged
      orders_customer is not used: the statement says nothing about its first column, customer_id, only about status

  help: CREATE INDEX orders_status ON orders(status);   tried: the scan is gone
  help: if the scan is meant, say so before: .allow_scan(\"orders\").assert_no_scan()";
    fires("INSERT INTO items VALUES (?1, ?2, ?3)", Plan::try_assert_no_scan, expected);
    let expected = "\
query plan scans a whole table: items

  sql:
    DELETE FROM customers WHERE id = ?1

  plan (SQLite VERSION):
    SEARCH customers USING INTEGER PRIMARY KEY (rowid=?)
    SEARCH orders USING COVERING INDEX orders_customer (customer_id=?)

  also runs:
    SEARCH orders USING INDEX orders_customer   in foreign-key action
  > SCAN items   in foreign-key action

  help: CREATE INDEX items_order_id ON items(order_id);   tried: the scan is gone
  help: if the scan is meant, say so before: .allow_scan(\"items\").assert_no_scan()";
    fires("DELETE FROM customers WHERE id = ?1", Plan::try_assert_no_scan, expected);
    let off = db(SCHEMA);
    off.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    explain(&off, "DELETE FROM customers WHERE id = ?1").assert_no_scan();
}

#[test]
fn no_scan_of_a_virtual_table() {
    let expected = "\
query plan scans a whole table: texts

  sql:
    SELECT * FROM texts AS t WHERE t.body = ?1

  plan (SQLite VERSION):
  > SCAN t VIRTUAL TABLE INDEX 0:

  help: if the scan is meant, say so before: .allow_scan(\"texts\").assert_no_scan()
note: the module of texts was given nothing to search by";
    fires("SELECT * FROM texts AS t WHERE t.body = ?1", Plan::try_assert_no_scan, expected);
    plan("SELECT * FROM texts WHERE texts MATCH ?1").assert_no_scan().assert_searches("texts");
}

#[test]
fn rows_that_come_from_no_table_are_not_scanned() {
    for sql in [
        "SELECT value FROM json_each(?1)",
        "VALUES (1), (2)",
        "SELECT 1",
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 10) SELECT * FROM n AS orders",
        "WITH orders AS MATERIALIZED (SELECT 1 AS id) SELECT * FROM orders AS a, orders AS b",
        "SELECT name FROM sqlite_schema",
    ] {
        plan(sql).assert_no_scan();
    }
}

#[test]
fn an_allowance_that_is_not_needed() {
    let sql = "SELECT * FROM orders WHERE id = ?1";
    let expected = "\
query plan does not scan a table that it is allowed to scan: orders

  sql:
    SELECT * FROM orders WHERE id = ?1

  plan (SQLite VERSION):
    SEARCH orders USING INTEGER PRIMARY KEY (rowid=?)

  help: remove .allow_scan(\"orders\")";
    fires(sql, |plan| plan.allow_scan("orders").try_assert_no_scan().map(|_| plan), expected);
}

#[test]
fn no_scan_of_one_table() {
    let sql = "SELECT * FROM log JOIN customers AS c ON c.email = log.what";
    plan(sql).assert_no_scan_of("customers");
    let error = plan(sql).try_assert_no_scan_of("log").map(|_| ()).unwrap_err();
    assert_eq!(error.headline(), "query plan scans a whole table: log");
    let expected = "\
there is no table invoices

  sql:
    SELECT what FROM log LIMIT 1

  tables:
    customers
    items
    log
    orders
    texts
    texts_config
    texts_content
    texts_data
    texts_docsize
    texts_idx";
    fires("SELECT what FROM log LIMIT 1", |plan| plan.try_assert_no_scan_of("invoices"), expected);
    let expected =
        "there is no table customer\n\n  sql:\n    SELECT what FROM log LIMIT 1\n\n  help: did you mean customers?";
    fires("SELECT what FROM log LIMIT 1", |plan| plan.try_assert_no_scan_of("customer"), expected);
}

#[test]
fn uses_index() {
    let sql = "SELECT total FROM orders AS o WHERE customer_id = ?1";
    plan(sql).assert_uses_index("orders_customer").assert_uses_index("ORDERS_CUSTOMER");
    plan("DELETE FROM customers WHERE id = ?1").assert_uses_index("orders_customer");
    let expected = "\
query plan does not use the index orders_open

  sql:
    SELECT total FROM orders AS o WHERE customer_id = ?1

  plan (SQLite VERSION):
  > SEARCH o USING INDEX orders_customer (customer_id=?)
      orders_open is not used: the statement says nothing about its first column, total";
    fires(sql, |plan| plan.try_assert_uses_index("orders_open"), expected);
    let error = plan(sql).try_assert_uses_index("orders_opened").map(|_| ()).unwrap_err();
    let expected = "there is no index orders_opened\n\n  sql:\n    SELECT total FROM orders AS o WHERE customer_id = ?1\n\n  \
                    help: did you mean orders_open?";
    assert_eq!(error.to_string(), expected);
    let error = plan(sql).try_assert_uses_index("by_date").map(|_| ()).unwrap_err();
    let expected = "there is no index by_date\n\n  sql:\n    SELECT total FROM orders AS o WHERE customer_id = ?1\n\n  \
                    indexes:\n    customers_email\n    orders_customer\n    orders_open";
    assert!(error.to_string().starts_with(expected), "{error}");
}

#[test]
fn searches() {
    plan("SELECT * FROM orders WHERE id = ?1 OR customer_id = ?2").assert_searches("orders");
    let expected = "\
query plan does not search the table items

  sql:
    SELECT * FROM items WHERE order_id = ?1

  plan (SQLite VERSION):
  > SCAN items

  help: CREATE INDEX items_order_id ON items(order_id);   tried: the scan is gone";
    fires("SELECT * FROM items WHERE order_id = ?1", |plan| plan.try_assert_searches("items"), expected);
    let expected = "\
query plan does not read the table items

  sql:
    SELECT what FROM log LIMIT 1

  plan (SQLite VERSION):
    SCAN log";
    fires("SELECT what FROM log LIMIT 1", |plan| plan.try_assert_searches("items"), expected);
}

#[test]
fn covering() {
    plan("SELECT status FROM orders WHERE customer_id = ?1").assert_covering("orders");
    let expected = "\
query plan reads the table orders, not only an index

  sql:
    SELECT total FROM orders WHERE customer_id = ?1

  plan (SQLite VERSION):
  > SEARCH orders USING INDEX orders_customer (customer_id=?)

  help: CREATE INDEX orders_customer_id_status_total ON orders(customer_id, status, total);   tried: only the index is read
        it can replace orders_customer, because it starts with the same columns";
    fires("SELECT total FROM orders WHERE customer_id = ?1", |plan| plan.try_assert_covering("orders"), expected);
    assert!(plan("SELECT 1").try_assert_covering("orders").is_err());
    assert!(plan("SELECT * FROM orders WHERE id = ?1").try_assert_covering("orders").is_err());
}

#[test]
fn no_temp_btree() {
    plan("SELECT * FROM orders ORDER BY customer_id, status").assert_no_temp_btree();
    let expected = "\
query plan uses a temporary b-tree: GROUP BY, ORDER BY

  sql:
    SELECT name, count(*) FROM customers GROUP BY name ORDER BY 2

  plan (SQLite VERSION):
    SCAN customers
  > USE TEMP B-TREE FOR GROUP BY
  > USE TEMP B-TREE FOR ORDER BY

  help: CREATE INDEX customers_name ON customers(name);   tried: the b-tree for GROUP BY is gone";
    let sql = "SELECT name, count(*) FROM customers GROUP BY name ORDER BY 2";
    fires(sql, Plan::try_assert_no_temp_btree, expected);
    assert!(plan("SELECT name FROM customers UNION SELECT what FROM log").try_assert_no_temp_btree().is_err());
}

#[test]
fn no_automatic_index() {
    plan("SELECT * FROM log JOIN customers AS c ON c.email = log.what").assert_no_automatic_index();
    let expected = "\
query plan builds an automatic index: items

  sql:
    SELECT * FROM customers AS c JOIN items AS i ON i.product = c.name WHERE c.id < 5

  plan (SQLite VERSION):
    SEARCH c USING INTEGER PRIMARY KEY (rowid<?)
  > SEARCH i USING AUTOMATIC COVERING INDEX (product=?)

  help: CREATE INDEX items_product ON items(product);   tried: the automatic index is gone
note: SQLite reads all of items to build an automatic index, each time the statement runs";
    let sql = "SELECT * FROM customers AS c JOIN items AS i ON i.product = c.name WHERE c.id < 5";
    fires(sql, Plan::try_assert_no_automatic_index, expected);
}

#[test]
fn no_correlated_subquery() {
    plan("SELECT name FROM customers WHERE id IN (SELECT customer_id FROM orders)").assert_no_correlated_subquery();
    let expected = "\
query plan has a correlated subquery

  sql:
    SELECT name, (SELECT count(*) FROM orders WHERE customer_id = c.id) FROM customers AS c

  plan (SQLite VERSION):
    SCAN c
  > CORRELATED SCALAR SUBQUERY 1
      SEARCH orders USING COVERING INDEX orders_customer (customer_id=?)
note: it runs for each row of the query around it; a JOIN, or a subquery in FROM with GROUP BY, is run once";
    let sql = "SELECT name, (SELECT count(*) FROM orders WHERE customer_id = c.id) FROM customers AS c";
    fires(sql, Plan::try_assert_no_correlated_subquery, expected);
}

#[test]
#[should_panic(expected = "query plan scans a whole table: log\n\n  sql:\n    SELECT what FROM log")]
fn an_assertion_panics_with_its_report() {
    plan("SELECT what FROM log").assert_no_scan();
}

#[test]
fn a_plan_reads_as_sqlite_prints_it() {
    let plan = plan("SELECT name, (SELECT count(*) FROM orders WHERE customer_id = c.id) FROM customers AS c");
    let expected =
        "SCAN c\nCORRELATED SCALAR SUBQUERY 1\n  SEARCH orders USING COVERING INDEX orders_customer (customer_id=?)";
    assert_eq!(plan.to_string(), expected);
    assert_eq!(plan.normalized(), expected);
    assert_eq!(plan.sqlite_version(), version());
}

#[test]
fn the_queries_of_the_shop() {
    let db = SHOP.in_memory();
    for (sql, table) in [
        ("INSERT INTO customers(email, name, password_hash) VALUES (?1, ?2, '') RETURNING id", None),
        ("SELECT name FROM customers WHERE email = ?1", Some("customers")),
        ("UPDATE stock_levels SET reserved = reserved + ?2 WHERE product_id = ?1", Some("stock_levels")),
        (
            "INSERT INTO order_items(order_id, line_no, product_id, product_name, quantity, unit_price_cents)
             SELECT ?1, ?2, p.id, p.name, ?4, c.amount_cents
             FROM products AS p JOIN prices AS c ON c.product_id = p.id AND c.valid_to IS NULL WHERE p.id = ?3",
            Some("prices"),
        ),
        ("SELECT number, total_cents FROM orders WHERE id = ?1", Some("orders")),
    ] {
        let plan = explain(&db, sql);
        plan.assert_no_scan().assert_no_temp_btree().assert_no_automatic_index();
        if let Some(table) = table {
            plan.assert_searches(table);
        }
    }
    let error = explain(&db, "SELECT count(*) FROM orders").try_assert_no_scan().map(|_| ()).unwrap_err();
    assert_eq!(error.headline(), "query plan scans a whole table: orders");
}

#[test]
fn the_queries_of_the_guide() {
    let db = GUIDE.in_memory();
    let week = "SELECT id, email FROM users WHERE active = 1 AND created_at > ?1 ORDER BY created_at";
    explain(&db, week).assert_no_scan().assert_uses_index("idx_users_active_created").assert_no_temp_btree();
    let last = "SELECT kind, payload FROM events WHERE user_id = ?1 ORDER BY timestamp DESC LIMIT 20";
    explain(&db, last).assert_no_scan().assert_uses_index("idx_events_user_timestamp").assert_no_temp_btree();
    let found = "SELECT a.id, a.title FROM articles_fts AS f JOIN articles AS a ON a.id = f.rowid
                 WHERE articles_fts MATCH ?1 ORDER BY rank";
    explain(&db, found).assert_no_scan().assert_searches("articles").assert_searches("articles_fts");
    explain(&db, "SELECT id FROM posts WHERE slug = ?1").assert_no_scan().assert_uses_index("idx_posts_slug");
    let by_kind = explain(&db, "SELECT count(*) FROM events WHERE kind = ?1").try_assert_no_scan().map(|_| ());
    assert_eq!(by_kind.unwrap_err().headline(), "query plan scans a whole table: events");
    explain(&db, "DELETE FROM users WHERE id = ?1").assert_no_scan();
}
