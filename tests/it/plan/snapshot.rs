//! Tests of `assert_plan_snapshot!`.

use sqlitmus::{TestDb, assert_plan_snapshot};

use super::db;

fn users() -> TestDb {
    db("CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT); CREATE INDEX by_name ON users(name);")
}

#[test]
fn a_plan_is_compared_in_place() {
    let db = users();
    assert_plan_snapshot!(db, "SELECT id FROM users WHERE name = ?1", @"SEARCH users USING COVERING INDEX by_name (name=?)");
    assert_plan_snapshot!(
        &db,
        "SELECT * FROM (SELECT name, count(*) AS n FROM users GROUP BY name) WHERE n > 1 ORDER BY n",
        @r"
    MATERIALIZE (subquery-1)
      SCAN users USING COVERING INDEX by_name
    SCAN (subquery-1)
    USE TEMP B-TREE FOR ORDER BY
    ",
    );
}

#[test]
fn a_plan_is_compared_with_a_file() {
    assert_plan_snapshot!(users(), "SELECT name FROM users ORDER BY id");
}
