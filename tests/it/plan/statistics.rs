//! Plans that depend on statistics and on values.

use sqlitmus::plan::{Statistics, explain, explain_with};
use sqlitmus::rusqlite::params;

use super::{db, version};

const SCHEMA: &str = "CREATE TABLE kinds(id INTEGER PRIMARY KEY, name TEXT, flag INT);
     CREATE INDEX kinds_flag ON kinds(flag);
     INSERT INTO kinds(name, flag) VALUES ('a', 1), ('b', 1), ('c', 1);";
const BY_FLAG: &str = "SELECT name FROM kinds WHERE flag = ?1";

#[test]
fn without_statistics_the_rows_do_not_matter() {
    let plan = explain(&db(SCHEMA), BY_FLAG);
    assert_eq!(plan.statistics(), Statistics::None);
    plan.assert_uses_index("kinds_flag");
}

#[test]
fn a_scan_because_of_a_tiny_fixture_says_so() {
    let db = db(SCHEMA);
    // ANALYZE on the tables above gives statistics that make SQLite scan kinds.
    db.execute_batch("ANALYZE").unwrap();
    let plan = explain(&db, BY_FLAG);
    assert_ne!(plan.statistics(), Statistics::None);
    let error = plan.try_assert_no_scan().unwrap_err();
    let expected = format!(
        "\
query plan scans a whole table: kinds

  sql:
    SELECT name FROM kinds WHERE flag = ?1

  plan (SQLite {}):
  > SCAN kinds

  help: if the scan is meant, say so before: .allow_scan(\"kinds\").assert_no_scan()
note: statistics were gathered on 3 rows of kinds, and the plan without them is different (SEARCH kinds USING INDEX kinds_flag \
(flag=?)): run no ANALYZE and no PRAGMA optimize on the test's database (to undo them: DELETE FROM sqlite_stat1, then \
reopen it), or plan with production's statistics: Template::stats",
        version()
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_scan_with_statistics_of_many_rows_does_not_mention_them() {
    let db = db(SCHEMA);
    db.execute_batch("ANALYZE; UPDATE sqlite_stat1 SET stat = '5000 5000'; DELETE FROM sqlite_stat4").ok();
    db.execute_batch("UPDATE sqlite_stat1 SET stat = '5000 5000'; ANALYZE sqlite_schema").unwrap();
    let error = explain(&db, "SELECT * FROM kinds WHERE name = ?1").try_assert_no_scan().unwrap_err();
    assert!(!error.to_string().contains("statistics"), "{error}");
}

#[test]
fn values_may_change_a_plan() {
    let db = db("CREATE TABLE users(name TEXT COLLATE NOCASE, x); CREATE INDEX by_name ON users(name);");
    let sql = "SELECT x FROM users WHERE name LIKE ?1";
    assert!(explain(&db, sql).try_assert_no_scan().is_err());
    explain_with(&db, sql, params!["ad%"]).assert_no_scan().assert_searches("users").assert_uses_index("by_name");
    assert!(explain_with(&db, sql, ["%ad"]).try_assert_no_scan().is_err());
}
