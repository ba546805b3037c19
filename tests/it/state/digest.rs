use sqlitmus::check::{digest, try_digest};

use super::db;

#[test]
fn the_order_of_insertion_does_not_count_and_the_content_does() {
    let one = db("CREATE TABLE t(x, y); INSERT INTO t VALUES (1, 'a'), (2, 'b'), (2, 'b')");
    let other = db("CREATE TABLE t(x, y); INSERT INTO t VALUES (2, 'b'), (1, 'a'), (2, 'b')");
    assert_eq!(digest(&one), digest(&other));
    assert_eq!(digest(&one).to_string(), digest(&other).to_string());
    let before = digest(&one);
    // The same values in other pairs.
    one.execute_batch("UPDATE t SET y = CASE y WHEN 'a' THEN 'b' ELSE 'a' END").unwrap();
    assert_ne!(digest(&one), before);
    one.execute_batch("UPDATE t SET y = CASE y WHEN 'a' THEN 'b' ELSE 'a' END").unwrap();
    assert_eq!(digest(&one), before);
    one.execute_batch("DELETE FROM t WHERE rowid = 3").unwrap();
    assert_ne!(digest(&one), before, "a duplicate counts");
}

#[test]
fn adjacent_values_are_kept_apart() {
    let of = |values: &str| digest(&db(&format!("CREATE TABLE t(x, y); INSERT INTO t VALUES ({values})"))).value();
    assert_ne!(of("'ab', 'c'"), of("'a', 'bc'"));
    assert_ne!(of("'', 'a'"), of("'a', ''"));
    assert_ne!(of("NULL, ''"), of("'', NULL"));
}

#[test]
fn each_table_has_its_own_digest() {
    let db = db("CREATE TABLE b(x); CREATE TABLE A(x); INSERT INTO b VALUES (1), (2); CREATE TABLE _migrations(x);
        CREATE VIEW v AS SELECT 1; CREATE TABLE s(id INTEGER PRIMARY KEY AUTOINCREMENT)");
    let before = digest(&db);
    let names: Vec<(&str, u64)> = before.tables().iter().map(|table| (table.name.as_str(), table.rows)).collect();
    assert_eq!(names, [("A", 0), ("b", 2), ("s", 0)]);
    db.execute_batch("INSERT INTO a VALUES (1)").unwrap();
    let after = digest(&db);
    assert_ne!(before.table("a"), after.table("a"));
    assert_eq!(before.table("B"), after.table("b"));
    assert_eq!(after.table("v"), None);
    assert_ne!(before, after);
}

#[test]
fn the_autoincrement_counters_have_a_separate_digest() {
    let db = db("CREATE TABLE s(id INTEGER PRIMARY KEY AUTOINCREMENT)");
    let before = digest(&db);
    db.execute_batch("INSERT INTO s DEFAULT VALUES; DELETE FROM s").unwrap();
    let after = digest(&db);
    assert_eq!(before, after);
    assert_ne!(before.sequence(), after.sequence());
    assert_eq!(after.sequence().unwrap().rows, 1);
    assert_eq!(digest(&super::db("")).sequence(), None);
}

#[test]
fn a_database_without_tables_has_a_digest_too() {
    assert_eq!(digest(&db("")), digest(&db("CREATE VIEW v AS SELECT 1")));
    assert_ne!(digest(&db("")), digest(&db("CREATE TABLE t(x)")));
}

#[test]
fn a_table_that_cannot_be_read_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    let app = sqlitmus::rusqlite::Connection::open(&path).unwrap();
    let flags = sqlitmus::rusqlite::functions::FunctionFlags::SQLITE_DETERMINISTIC;
    app.create_scalar_function("of_the_app", 1, flags, |_| Ok(1)).unwrap();
    app.execute_batch("CREATE TABLE t(x, y AS (of_the_app(x))); INSERT INTO t VALUES (1)").unwrap();
    let without = sqlitmus::rusqlite::Connection::open(&path).unwrap();
    let error = try_digest(&without).unwrap_err();
    assert_eq!(error.headline(), "cannot read the table t");
    assert!(error.to_string().contains("of_the_app"), "{error}");
}
