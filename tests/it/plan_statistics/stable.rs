//! Plans that depend on what ANALYZE finds, and plans that do not.

use sqlitmus::Template;
use sqlitmus::plan::{assert_plan_stable, try_assert_plan_stable};

use super::{ORDERS, db, orders};

static SHOP: Template = Template::new("fixtures/shop/migrations");

const USERS: &str = "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, email TEXT UNIQUE);";

#[track_caller]
fn fires(sql: &str, expected: &str) {
    let error = try_assert_plan_stable(&db(&format!("{ORDERS}{USERS}")), sql).unwrap_err();
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.sql_text(), Some(sql));
}

#[test]
fn two_indexes_for_one_search() {
    fires(
        "SELECT total FROM orders WHERE user_id = ?1 AND kind = ?2",
        "\
the plan depends on statistics: 2 plans in 5 cases

  sql:
    SELECT total FROM orders WHERE user_id = ?1 AND kind = ?2

  plan 1:
    SEARCH orders USING INDEX orders_kind_total (kind=?)

    - without statistics

  plan 2:
  > SEARCH orders USING INDEX orders_user (user_id=?)

    - all tables small
    - all tables large, indexes selective
    - all tables large, first columns of indexes unselective
    - all tables large, orders.kind unselective
note: production's own statistics decide which of them it runs: Template::stats plans with those in tests",
    );
}

#[test]
fn two_orders_of_a_join() {
    fires(
        "SELECT name, total FROM users JOIN orders ON orders.user_id = users.id",
        "\
the plan depends on statistics: 2 plans in 6 cases

  sql:
    SELECT name, total FROM users JOIN orders ON orders.user_id = users.id

  plan 1:
    SCAN orders
    SEARCH users USING INTEGER PRIMARY KEY (rowid=?)

    - without statistics
    - all tables small
    - all tables large, indexes selective
    - all tables large, first columns of indexes unselective
    - users large, the others small

  plan 2:
  > SCAN users
  > SEARCH orders USING INDEX orders_user (user_id=?)

    - orders large, the others small

  help: CROSS JOIN keeps the tables in the order in which they are written; tried: one plan in all 6 cases
        SELECT name, total FROM users CROSS JOIN orders ON orders.user_id = users.id
note: production's own statistics decide which of them it runs: Template::stats plans with those in tests",
    );
}

#[test]
fn what_is_looked_up_for_a_foreign_key_does_not_count() {
    let db = db("
        CREATE TABLE a(id INTEGER PRIMARY KEY, name TEXT UNIQUE, kind INT, x INT);
        CREATE INDEX a_kind ON a(kind); CREATE INDEX a_x ON a(x);
        CREATE TABLE b(id INTEGER PRIMARY KEY, a INT REFERENCES a(id) ON DELETE CASCADE, kind INT, x INT);
        CREATE INDEX b_a ON b(a, kind); CREATE INDEX b_kind ON b(kind, a);
        CREATE TABLE c(id INTEGER PRIMARY KEY, a INT REFERENCES a(id), b INT REFERENCES b(id) DEFERRABLE INITIALLY DEFERRED,
                       p INT, q INT, FOREIGN KEY (p, q) REFERENCES d(p, q));
        CREATE INDEX c_p ON c(p); CREATE INDEX c_q ON c(q); CREATE INDEX c_b ON c(b);
        CREATE TABLE d(p INT, q INT, r INT, PRIMARY KEY (p, q));
        CREATE INDEX d_r ON d(r);");
    for sql in [
        "INSERT INTO a(name) VALUES (?1) RETURNING id",
        "INSERT INTO a(name, kind) VALUES (?1, 1) ON CONFLICT (name) DO UPDATE SET kind = 2 RETURNING id",
        "INSERT INTO b(a) VALUES (?1) RETURNING id, a",
        "INSERT INTO d(p, q) VALUES (?1, ?2) RETURNING p",
        "INSERT INTO d(p, q) VALUES (?1, ?2)",
        "REPLACE INTO d(p, q) VALUES (?1, ?2)",
        "UPDATE d SET p = ?1 WHERE p = ?2 AND q = ?3",
        "UPDATE b SET a = ?1 WHERE id = ?2 RETURNING id",
        "DELETE FROM d WHERE p = ?1 AND q = ?2",
        "DELETE FROM a WHERE id = ?1",
        "DELETE FROM b WHERE id = ?1 RETURNING id",
    ] {
        assert_plan_stable(&db, sql);
    }
    for sql in [
        "INSERT INTO a(name) SELECT ?1 FROM a WHERE kind = ?2 AND x = ?3 RETURNING id",
        "INSERT INTO d(p, q) SELECT kind, x FROM a WHERE kind = ?2 AND x = ?3",
        "UPDATE a SET name = ?1 WHERE kind = ?2 AND x = ?3 RETURNING id",
        "DELETE FROM a WHERE kind = ?1 AND x = ?2",
        "UPDATE c SET b = ?1 WHERE p = ?2 AND q = ?3 RETURNING id",
    ] {
        assert!(try_assert_plan_stable(&db, sql).is_err(), "{sql}");
    }
}

#[test]
fn a_single_good_plan_is_stable() {
    let db = db(&format!("{ORDERS}{USERS}"));
    for sql in [
        "SELECT name FROM users WHERE id = ?1",
        "SELECT name FROM users WHERE email = ?1",
        "SELECT name FROM users WHERE email IN (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        "SELECT total FROM orders WHERE user_id IN (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        "SELECT name FROM users WHERE name = ?1",
        "SELECT total FROM orders WHERE kind = ?1 ORDER BY total LIMIT 10",
        "SELECT name, total FROM users JOIN orders ON orders.user_id = users.id WHERE users.email = ?1",
        "SELECT name, total FROM users CROSS JOIN orders ON orders.user_id = users.id",
        "UPDATE orders SET total = 0 WHERE user_id = ?1",
        "INSERT INTO users(name) VALUES (?1)",
    ] {
        assert_plan_stable(&db, sql);
    }
}

#[test]
fn a_parent_of_many_equal_references_is_small() {
    // No real database has a million orders and ten thousand items for each order that has any.
    let schema = |references: &str| {
        format!(
            "CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, placed_at TEXT);
             CREATE INDEX orders_customer ON orders(customer);
             CREATE TABLE items(id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL {references}, product TEXT);
             CREATE INDEX items_order ON items(order_id);"
        )
    };
    let sql = "SELECT i.product FROM items AS i JOIN orders AS o ON o.id = i.order_id WHERE o.customer = ?1";
    assert_plan_stable(&db(&schema("REFERENCES orders")), sql);
    // Without the foreign key this is not known.
    try_assert_plan_stable(&db(&schema("")), sql).unwrap_err();
}

#[test]
fn the_statistics_of_the_database_are_among_them() {
    // All 60 orders are of one kind, so an index on the kind does not help.
    let by_kind = "SELECT user_id FROM orders WHERE kind = ?1";
    assert_plan_stable(&db(ORDERS), by_kind);
    let error = try_assert_plan_stable(&orders(60), by_kind).unwrap_err();
    let expected = "
  plan 2:
  > SCAN orders

    - with the statistics of this database
";
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn nothing_is_left_in_the_database() {
    let db = db(ORDERS);
    let changes = db.total_changes();
    try_assert_plan_stable(&db, "SELECT total FROM orders WHERE user_id = ?1 AND kind = ?2").unwrap_err();
    assert_eq!(db.total_changes(), changes);
    assert!(db.prepare("SELECT 1 FROM sqlite_stat1").is_err());
}

#[test]
fn the_same_every_time() {
    let db = SHOP.in_memory();
    let sql = "SELECT o.number, p.id FROM orders AS o JOIN order_items AS i ON i.order_id = o.id
               JOIN products AS p ON p.id = i.product_id WHERE o.customer_id = ?1";
    let once = try_assert_plan_stable(&db, sql).map_err(|error| error.to_string());
    for _ in 0..3 {
        assert_eq!(try_assert_plan_stable(&db, sql).map_err(|error| error.to_string()), once);
    }
}

#[test]
fn the_primary_key_without_rowid_is_counted_too() {
    let db = db("CREATE TABLE members(team INT, person INT, PRIMARY KEY(team, person)) WITHOUT ROWID;
         CREATE INDEX members_person ON members(person);");
    assert_plan_stable(&db, "SELECT person FROM members WHERE team = ?1 AND person = ?2");
    // The better of the two depends on the number of people in a team.
    assert_plan_stable(&db, "SELECT person FROM members WHERE team = ?1");
}

#[test]
fn functions_of_the_app_are_replaced_by_stubs() {
    let template = Template::embedded(&[("1.sql", "CREATE TABLE t(x); CREATE INDEX t_x ON t(slug(x));")]).functions(
        |connection| {
            let flags = sqlitmus::rusqlite::functions::FunctionFlags::SQLITE_DETERMINISTIC;
            connection.create_scalar_function("slug", 1, flags, |_| Ok(1))?;
            Ok(())
        },
    );
    assert_plan_stable(&template.in_memory(), "SELECT x FROM t WHERE slug(x) = ?1");
}

#[test]
fn a_statement_without_a_plan_on_the_copy_is_an_error() {
    let db = db("CREATE TEMP TABLE wanted(x)");
    assert_eq!(
        try_assert_plan_stable(&db, "SELECT x FROM wanted").unwrap_err().to_string(),
        "\
the statement could not be planned on an empty copy of the schema: no such table: wanted

  sql:
    SELECT x FROM wanted
note: the copy has no temporary tables, no attached databases and no modules of the app"
    );
    let error = try_assert_plan_stable(&db, "SELECT y FROM wanted").unwrap_err();
    assert_eq!(error.headline(), "the statement could not be explained: no such column: y");
    let error = try_assert_plan_stable(&db, "SELECT 1; SELECT 2").unwrap_err();
    assert_eq!(error.headline(), "there are 2 statements to explain, but a plan is for one");
}

/// SQLite chooses the narrower index once it knows the widths.
#[test]
fn two_indexes_that_are_searched_by_the_same_columns_are_one_plan() {
    let db = db("CREATE TABLE kv(space TEXT, key TEXT, value TEXT);
         CREATE INDEX kv_space ON kv(space); CREATE UNIQUE INDEX kv_key ON kv(space, key);");
    assert_plan_stable(&db, "SELECT value FROM kv WHERE space = ?1");
    assert_plan_stable(&db, "SELECT value FROM kv WHERE space = ?1 AND key = ?2");
}
