//! Failures of queries: their plans, and what a piece of code runs.

use sqlitmus::data::Fill;
use sqlitmus::plan::{explain, try_assert_plan_stable, try_explain};
use sqlitmus::record::{Queries, StatementLedger};
use sqlitmus::rusqlite::Connection;
use sqlitmus::workload::{self, Growth};

use super::{Page, shop};

pub(super) fn all(page: &mut Page) {
    plans(page);
    recordings(page);
    growth(page);
    ledgers(page);
}

fn plans(page: &mut Page) {
    page.area("Query plans");
    let db = shop();
    let plan = |sql: &str| explain(&db, sql);
    page.failure(
        "`assert_no_scan`, for a query without an index:",
        plan("SELECT id FROM orders WHERE status = ?1").try_assert_no_scan(),
    );
    page.failure(
        "`assert_no_scan`, for a comparison that no index serves:",
        plan("SELECT id FROM users WHERE email LIKE '%@example.com'").try_assert_no_scan(),
    );
    page.failure(
        "`assert_no_scan_of(\"orders\")`:",
        plan("SELECT name FROM users JOIN orders ON orders.status = users.name WHERE users.id = ?1")
            .try_assert_no_scan_of("orders"),
    );
    page.failure(
        "`assert_uses_index(\"orders_user_id\")`:",
        plan("SELECT total FROM orders WHERE +user_id = ?1").try_assert_uses_index("orders_user_id"),
    );
    page.failure(
        "`assert_uses_index`, for an index that does not exist:",
        plan("SELECT id FROM orders WHERE user_id = ?1").try_assert_uses_index("orders_user"),
    );
    page.failure(
        "`assert_searches(\"orders\")`:",
        plan("SELECT id FROM orders WHERE total > ?1").try_assert_searches("orders"),
    );
    page.failure(
        "`assert_covering(\"orders\")`:",
        plan("SELECT total FROM orders WHERE user_id = ?1").try_assert_covering("orders"),
    );
    page.failure(
        "`assert_no_temp_btree`:",
        plan("SELECT id FROM orders WHERE user_id = ?1 ORDER BY total").try_assert_no_temp_btree(),
    );
    page.failure(
        "`assert_no_automatic_index`:",
        plan("SELECT * FROM orders a JOIN orders b ON a.total = b.total").try_assert_no_automatic_index(),
    );
    page.failure(
        "`assert_no_correlated_subquery`:",
        plan("SELECT name, (SELECT sum(total) FROM orders WHERE user_id = users.id) FROM users")
            .try_assert_no_correlated_subquery(),
    );
    page.failure("`explain`, for a misspelt table:", try_explain(&db, "SELECT id FROM user"));
    page.failure("`explain`, for two statements at once:", try_explain(&db, "SELECT 1; SELECT 2"));
    db.execute_batch("CREATE INDEX orders_status ON orders(status)").unwrap();
    page.failure(
        "`assert_plan_stable`:",
        try_assert_plan_stable(&db, "SELECT id FROM orders WHERE user_id = ?1 AND status = ?2"),
    );
}

fn ran(sql: &[&str]) -> Queries<()> {
    let db = shop();
    db.record(|db| {
        for sql in sql {
            db.execute_batch(sql).unwrap();
        }
    })
}

fn totals_one_by_one(db: &mut Connection) {
    let mut users = db.prepare("SELECT id FROM users").unwrap();
    let mut total = db.prepare("SELECT sum(total) FROM orders WHERE user_id = ?1").unwrap();
    let ids: Vec<i64> = users.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    for id in ids {
        total.query_row([id], |row| row.get::<_, Option<i64>>(0)).unwrap();
    }
}

fn recordings(page: &mut Page) {
    page.area("What a piece of code runs");
    const TWO: [&str; 2] = ["SELECT name FROM users WHERE id = 1", "SELECT total FROM orders WHERE user_id = 1"];
    page.failure("`assert_count(1)`:", ran(&TWO).try_assert_count(1));
    page.failure("`assert_at_most(1)`:", ran(&TWO).try_assert_at_most(1));
    page.failure("`assert_no_repeats`, N+1 queries:", shop().record(totals_one_by_one).try_assert_no_repeats());
    page.failure(
        "`assert_no_scan` of a recording:",
        ran(&["SELECT id FROM orders WHERE status = 'open'", "SELECT id FROM orders WHERE total > 5"])
            .try_assert_no_scan(),
    );
    page.failure("`allow_scan` of a table that is not scanned:", ran(&TWO).allow_scan("users").try_assert_no_scan());
    page.failure("`assert_only_reads(&[\"users\"])`:", ran(&TWO).try_assert_only_reads(&["users"]));
    page.failure(
        "`assert_only_writes(&[\"orders\"])`:",
        ran(&["UPDATE users SET name = 'Ada L.' WHERE id = 1"]).try_assert_only_writes(&["orders"]),
    );
    let many = shop();
    many.execute_batch(
        "CREATE INDEX orders_total ON orders(total); INSERT INTO orders(user_id, status, total)
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT 1, 'paid', i FROM n",
    )
    .unwrap();
    let one = "SELECT id FROM orders WHERE user_id = 1 AND status = 'paid' AND +total = 400";
    page.failure(
        "`assert_selective(10.0)`:",
        many.record(|db| db.query_row(one, [], |row| row.get::<_, i64>(0)).unwrap()).try_assert_selective(10.0),
    );
    page.failure("`assert_steps_at_most(5)`:", ran(&TWO).try_assert_steps_at_most(5));
    page.failure("Any assertion, where nothing ran on the database:", ran(&[]).try_assert_no_scan());
}

fn growth(page: &mut Page) {
    page.area("Growth");
    let fill = |db: &mut Connection, n| Fill::seed(7).rows("orders", n).try_insert(db);
    let grown =
        workload::try_growth(&super::SHOP, [10, 100, 1000], fill, "SELECT id FROM orders WHERE status = 'open'");
    page.failure(
        "`assert_at_most(Growth::Constant)`, for a query that scans:",
        grown.and_then(|growth| growth.try_assert_at_most(Growth::Constant).map(drop)),
    );
    let nothing = |_: &mut Connection, _| ();
    let grown = workload::try_growth(&super::SHOP, [10, 100, 1000], nothing, "SELECT id FROM users WHERE id = 1");
    page.failure(
        "`assert_at_most(Growth::Constant)`, where the database does not grow:",
        grown.and_then(|growth| growth.try_assert_at_most(Growth::Constant).map(drop)),
    );
}

fn ledgers(page: &mut Page) {
    page.area("Ledgers of statements");
    page.failure("A file that is no ledger:", StatementLedger::parse("SELECT 1\n"));
}
