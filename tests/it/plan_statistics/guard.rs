//! Statistics of the few rows of a fixture.

use sqlitmus::plan::explain;

use super::{db, orders};

const BY_TOTAL: &str = "SELECT user_id FROM orders WHERE total = ?1";

#[test]
fn a_scan_that_is_due_to_a_fixture_says_so() {
    let db = orders(60);
    let error = explain(&db, "SELECT user_id FROM orders WHERE kind = ?1").try_assert_no_scan().unwrap_err();
    let expected = "\
query plan scans a whole table: orders

  sql:
    SELECT user_id FROM orders WHERE kind = ?1

  plan (SQLite VERSION):
  > SCAN orders

  help: if the scan is meant, say so before: .allow_scan(\"orders\").assert_no_scan()
note: statistics were gathered on 60 rows of orders, and the plan without them is different (SEARCH orders USING INDEX \
orders_kind_total (kind=?)): run no ANALYZE and no PRAGMA optimize on the test's database (to undo them: DELETE FROM \
sqlite_stat1, then reopen it), or plan with production's statistics: Template::stats";
    assert_eq!(error.to_string(), expected.replace("VERSION", sqlitmus::rusqlite::version()));
}

#[test]
fn a_scan_with_and_without_statistics_is_not_attributed_to_them() {
    let error = explain(&orders(60), "SELECT kind FROM orders WHERE kind + 1 = ?1").try_assert_no_scan().unwrap_err();
    assert!(!error.to_string().contains("statistics"), "{error}");
}

/// SQLite does a skip-scan of an index whose first column has the same value in all rows, according to the statistics.
#[test]
fn a_pass_that_is_due_to_a_fixture_fails() {
    let db = orders(60);
    let plan = explain(&db, BY_TOTAL);
    assert_eq!(plan.normalized(), "SEARCH orders USING INDEX orders_kind_total (ANY(kind) AND total=?)");
    let error = plan.try_assert_no_scan().unwrap_err();
    let expected = "\
query plan scans a whole table: orders

  sql:
    SELECT user_id FROM orders WHERE total = ?1

  plan (SQLite VERSION):
  > SCAN orders
      orders_kind_total is not used: the statement says nothing about its first column, kind, only about total

  plan under the statistics of this database:
    SEARCH orders USING INDEX orders_kind_total (ANY(kind) AND total=?)

  help: CREATE INDEX orders_total ON orders(total);   tried: the scan is gone
  help: if the scan is meant, say so before: .allow_scan(\"orders\").assert_no_scan()
note: the scan is avoided only by statistics of 60 rows of orders, and production has other statistics: run no ANALYZE and \
no PRAGMA optimize on the test's database (to undo them: DELETE FROM sqlite_stat1, then reopen it), or plan with production's \
statistics: Template::stats";
    assert_eq!(error.to_string(), expected.replace("VERSION", sqlitmus::rusqlite::version()));
    assert_eq!(plan.try_assert_no_scan_of("orders").unwrap_err().to_string(), error.to_string());
    plan.allow_scan("orders").assert_no_scan();
}

#[test]
fn statistics_of_many_rows_are_trusted() {
    explain(&orders(400), BY_TOTAL).assert_no_scan().assert_no_scan_of("orders");
}

#[test]
fn a_plan_that_is_as_good_without_statistics_passes() {
    explain(&orders(60), "SELECT total FROM orders WHERE user_id = ?1")
        .assert_no_scan()
        .assert_uses_index("orders_user");
}

#[test]
fn recorded_queries_follow_the_same_rule() {
    let queries = orders(60).record(|db| {
        let mut statement = db.prepare(BY_TOTAL).unwrap();
        statement.query_row([7], |row| row.get::<_, i64>(0)).unwrap()
    });
    assert_eq!(queries.value, 3);
    let error = queries.try_assert_no_scan().map(drop).unwrap_err();
    assert!(error.to_string().contains("the scan is avoided only by statistics of 60 rows of orders"), "{error}");
    queries.allow_scan("orders").assert_no_scan();
}

#[test]
fn a_statement_that_cannot_be_copied_gets_a_note() {
    let db = db("CREATE TEMP TABLE wanted(x);
         CREATE TABLE kinds(id INTEGER PRIMARY KEY, name TEXT, flag INT); CREATE INDEX kinds_flag ON kinds(flag);
         INSERT INTO kinds(name, flag) VALUES ('a', 1), ('b', 1), ('c', 1); ANALYZE");
    let sql = "SELECT name FROM kinds WHERE flag = (SELECT max(rowid) FROM wanted)";
    let error = explain(&db, sql).try_assert_no_scan_of("kinds").unwrap_err();
    let note = "statistics were gathered on 3 rows of kinds, and SQLite scans so few rows where it would search many";
    assert!(error.to_string().contains(note), "{error}");
}
