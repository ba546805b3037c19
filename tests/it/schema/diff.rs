//! Every kind of difference changes the canonical form and is described in words that name the object.

use sqlitmus::{ErrorKind, check};

use super::{database, schema};

/// Checks the differences between two whole schemas in both directions.
#[track_caller]
fn check_diff(before: &str, after: &str, there: &str, back: &str) {
    let (before, after) = (schema(before), schema(after));
    assert_ne!(before.canonical(), after.canonical());
    assert_eq!(before.diff(&after).to_string(), there);
    assert_eq!(after.diff(&before).to_string(), back);
}

/// Checks the differences between two declarations of a table `t`.
#[track_caller]
fn check_table(before: &str, after: &str, there: &str, back: &str) {
    check_diff(&format!("CREATE TABLE t({before}"), &format!("CREATE TABLE t({after}"), there, back);
}

/// Checks the differences if `after` lacks one thing.
#[track_caller]
fn check_dropped(before: &str, after: &str, object: &str, what: &str) {
    check_diff(before, after, &format!("{object}: {what} dropped"), &format!("{object}: {what} added"));
}

#[test]
fn tables_and_columns() {
    check_diff("CREATE TABLE a(x); CREATE TABLE b(y)", "CREATE TABLE a(x)", "table b: missing", "table b: new");
    check_table("a, b TEXT NOT NULL)", "a)", "t.b: missing", "t.b: new TEXT NOT NULL");
    check_table("a, b)", "a)", "t.b: missing", "t.b: new");
    check_table(
        "a, b, c)",
        "c, a, b)",
        "table t: columns (a, b, c) became (c, a, b)",
        "table t: columns (c, a, b) became (a, b, c)",
    );
    check_table("a INT)", "a INTEGER)", "t.a: type INT became INTEGER", "t.a: type INTEGER became INT");
    check_table("a TEXT)", "a)", "t.a: type TEXT dropped", "t.a: type TEXT added");
    check_table(
        "a VARCHAR(5))",
        "a VARCHAR(6))",
        "t.a: type VARCHAR(5) became VARCHAR(6)",
        "t.a: type VARCHAR(6) became VARCHAR(5)",
    );
    check_table("\"userId\")", "userid)", "t.userId: now spelled userid", "t.userid: now spelled userId");
    check_diff("CREATE TABLE t(a)", "CREATE TABLE T(a)", "table t: now spelled T", "table T: now spelled t");
    check_table("a ANY) STRICT", "a ANY)", "table t: STRICT dropped", "table t: STRICT added");
    check_table(
        "a TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID",
        "a TEXT NOT NULL PRIMARY KEY)",
        "table t: WITHOUT ROWID dropped",
        "table t: WITHOUT ROWID added",
    );
}

#[test]
fn what_a_column_declares() {
    check_dropped("CREATE TABLE t(a NOT NULL)", "CREATE TABLE t(a)", "t.a", "NOT NULL");
    check_table(
        "a NOT NULL ON CONFLICT IGNORE)",
        "a NOT NULL)",
        "t.a: NOT NULL ON CONFLICT IGNORE became NOT NULL",
        "t.a: NOT NULL became NOT NULL ON CONFLICT IGNORE",
    );
    check_dropped("CREATE TABLE t(a DEFAULT 'x')", "CREATE TABLE t(a)", "t.a", "DEFAULT 'x'");
    check_table(
        "a DEFAULT 'x')",
        "a DEFAULT 'X')",
        "t.a: DEFAULT 'x' became DEFAULT 'X'",
        "t.a: DEFAULT 'X' became DEFAULT 'x'",
    );
    check_table(
        "a DEFAULT 1)",
        "a DEFAULT '1')",
        "t.a: DEFAULT 1 became DEFAULT '1'",
        "t.a: DEFAULT '1' became DEFAULT 1",
    );
    check_table(
        "a DEFAULT true)",
        "a DEFAULT \"true\")",
        "t.a: DEFAULT TRUE became DEFAULT 'true'",
        "t.a: DEFAULT 'true' became DEFAULT TRUE",
    );
    check_table(
        "a DEFAULT CURRENT_TIMESTAMP)",
        "a DEFAULT 'CURRENT_TIMESTAMP')",
        "t.a: DEFAULT CURRENT_TIMESTAMP became DEFAULT 'CURRENT_TIMESTAMP'",
        "t.a: DEFAULT 'CURRENT_TIMESTAMP' became DEFAULT CURRENT_TIMESTAMP",
    );
    check_dropped("CREATE TABLE t(a COLLATE NOCASE)", "CREATE TABLE t(a)", "t.a", "COLLATE NOCASE");
    check_table(
        "a COLLATE NOCASE)",
        "a COLLATE RTRIM)",
        "t.a: COLLATE NOCASE became COLLATE RTRIM",
        "t.a: COLLATE RTRIM became COLLATE NOCASE",
    );
    check_table(
        "a, b AS (a + 1))",
        "a, b AS (a + 2))",
        "t.b: GENERATED ALWAYS AS (a + 1) VIRTUAL became GENERATED ALWAYS AS (a + 2) VIRTUAL",
        "t.b: GENERATED ALWAYS AS (a + 2) VIRTUAL became GENERATED ALWAYS AS (a + 1) VIRTUAL",
    );
    check_table(
        "a, b AS (a) STORED)",
        "a, b AS (a))",
        "t.b: GENERATED ALWAYS AS (a) STORED became GENERATED ALWAYS AS (a) VIRTUAL",
        "t.b: GENERATED ALWAYS AS (a) VIRTUAL became GENERATED ALWAYS AS (a) STORED",
    );
    check_dropped("CREATE TABLE t(a, b AS (a))", "CREATE TABLE t(a, b)", "t.b", "GENERATED ALWAYS AS (a) VIRTUAL");
}

#[test]
fn keys() {
    check_dropped("CREATE TABLE t(a INTEGER PRIMARY KEY)", "CREATE TABLE t(a INTEGER)", "t.a", "PRIMARY KEY");
    check_dropped("CREATE TABLE t(a TEXT PRIMARY KEY)", "CREATE TABLE t(a TEXT)", "table t", "PRIMARY KEY (a)");
    check_table(
        "a INTEGER PRIMARY KEY AUTOINCREMENT)",
        "a INTEGER PRIMARY KEY)",
        "t.a: PRIMARY KEY AUTOINCREMENT became PRIMARY KEY",
        "t.a: PRIMARY KEY became PRIMARY KEY AUTOINCREMENT",
    );
    check_table(
        "a INTEGER PRIMARY KEY DESC)",
        "a INTEGER PRIMARY KEY)",
        "t.a: PRIMARY KEY DESC became PRIMARY KEY",
        "t.a: PRIMARY KEY became PRIMARY KEY DESC",
    );
    check_table(
        "a, b, PRIMARY KEY(a, b))",
        "a, b, PRIMARY KEY(b, a))",
        "table t: PRIMARY KEY (a, b) became PRIMARY KEY (b, a)",
        "table t: PRIMARY KEY (b, a) became PRIMARY KEY (a, b)",
    );
    check_table(
        "a, b, PRIMARY KEY(a, b DESC))",
        "a, b, PRIMARY KEY(a, b))",
        "table t: PRIMARY KEY (a, b DESC) became PRIMARY KEY (a, b)",
        "table t: PRIMARY KEY (a, b) became PRIMARY KEY (a, b DESC)",
    );
    check_table(
        "a INTEGER PRIMARY KEY ON CONFLICT REPLACE)",
        "a INTEGER PRIMARY KEY)",
        "t.a: PRIMARY KEY ON CONFLICT REPLACE became PRIMARY KEY",
        "t.a: PRIMARY KEY became PRIMARY KEY ON CONFLICT REPLACE",
    );
    check_dropped("CREATE TABLE t(a UNIQUE)", "CREATE TABLE t(a)", "table t", "UNIQUE (a)");
    check_table(
        "a UNIQUE ON CONFLICT IGNORE)",
        "a UNIQUE)",
        "table t: UNIQUE (a) ON CONFLICT IGNORE became UNIQUE (a)",
        "table t: UNIQUE (a) became UNIQUE (a) ON CONFLICT IGNORE",
    );
    check_table(
        "a, UNIQUE(a COLLATE NOCASE))",
        "a, UNIQUE(a))",
        "table t: UNIQUE (a COLLATE NOCASE) became UNIQUE (a)",
        "table t: UNIQUE (a) became UNIQUE (a COLLATE NOCASE)",
    );
    check_table(
        "a, b, UNIQUE(a), UNIQUE(b))",
        "a, b, UNIQUE(a, b))",
        "table t: UNIQUE (a) dropped\ntable t: UNIQUE (b) dropped\ntable t: UNIQUE (a, b) added",
        "table t: UNIQUE (a, b) dropped\ntable t: UNIQUE (a) added\ntable t: UNIQUE (b) added",
    );
}

#[test]
fn foreign_keys() {
    let key = "FOREIGN KEY (a) REFERENCES p (x)";
    let dropped = |clause: &str, canonical: &str| {
        check_table(
            &format!("a REFERENCES p(x) {clause})"),
            "a REFERENCES p(x))",
            &format!("table t: {key} {canonical} became {key}"),
            &format!("table t: {key} became {key} {canonical}"),
        );
    };
    check_dropped("CREATE TABLE t(a REFERENCES p(x))", "CREATE TABLE t(a)", "table t", key);
    for action in ["CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT"] {
        dropped(&format!("ON DELETE {action}"), &format!("ON DELETE {action}"));
        dropped(&format!("ON UPDATE {action}"), &format!("ON UPDATE {action}"));
    }
    dropped("DEFERRABLE INITIALLY DEFERRED", "DEFERRABLE INITIALLY DEFERRED");
    check_table(
        "a REFERENCES p(x))",
        "a REFERENCES q(x))",
        &format!("table t: {key} became FOREIGN KEY (a) REFERENCES q (x)"),
        &format!("table t: FOREIGN KEY (a) REFERENCES q (x) became {key}"),
    );
    check_table(
        "a REFERENCES p(x))",
        "a REFERENCES p(y))",
        &format!("table t: {key} became FOREIGN KEY (a) REFERENCES p (y)"),
        &format!("table t: FOREIGN KEY (a) REFERENCES p (y) became {key}"),
    );
    check_table(
        "a, b, FOREIGN KEY(a, b) REFERENCES p(x, y))",
        "a, b, FOREIGN KEY(b, a) REFERENCES p(x, y))",
        "table t: FOREIGN KEY (a, b) REFERENCES p (x, y) dropped\ntable t: FOREIGN KEY (b, a) REFERENCES p (x, y) added",
        "table t: FOREIGN KEY (b, a) REFERENCES p (x, y) dropped\ntable t: FOREIGN KEY (a, b) REFERENCES p (x, y) added",
    );
}

#[test]
fn checks() {
    check_dropped("CREATE TABLE t(a CHECK(a > 0))", "CREATE TABLE t(a)", "table t", "CHECK (a > 0)");
    check_table(
        "a CHECK(a > 0))",
        "a CHECK(a >= 0))",
        "table t: CHECK (a > 0) became CHECK (a >= 0)",
        "table t: CHECK (a >= 0) became CHECK (a > 0)",
    );
    check_table(
        "a CHECK(a <> 'x'))",
        "a CHECK(a <> 'X'))",
        "table t: CHECK (a <> 'x') became CHECK (a <> 'X')",
        "table t: CHECK (a <> 'X') became CHECK (a <> 'x')",
    );
    check_table(
        "a CHECK(a <> \"x\"))",
        "a CHECK(a <> \"X\"))",
        "table t: CHECK (a <> 'x') became CHECK (a <> 'X')",
        "table t: CHECK (a <> 'X') became CHECK (a <> 'x')",
    );
    check_table(
        "a, b, CHECK(a > 0), CHECK(b > 0))",
        "a, b, CHECK(a > 1), CHECK(b > 1))",
        "table t: CHECK (a > 0) dropped\ntable t: CHECK (b > 0) dropped\ntable t: CHECK (a > 1) added\ntable t: CHECK (b > 1) added",
        "table t: CHECK (a > 1) dropped\ntable t: CHECK (b > 1) dropped\ntable t: CHECK (a > 0) added\ntable t: CHECK (b > 0) added",
    );
    // The name matters: SQLite's error message shows it.
    check_table(
        "a CONSTRAINT x CHECK(a))",
        "a CONSTRAINT y CHECK(a))",
        "table t: CONSTRAINT x CHECK (a) dropped\ntable t: CONSTRAINT y CHECK (a) added",
        "table t: CONSTRAINT y CHECK (a) dropped\ntable t: CONSTRAINT x CHECK (a) added",
    );
}

#[test]
fn indexes() {
    let before = "CREATE TABLE t(a, b, c); CREATE INDEX i ON t(a, b)";
    let check_index = |after: &str, there: &str, back: &str| {
        let after = format!("CREATE TABLE t(a, b, c); {after}");
        check_diff(before, &after, &format!("index i: {there}"), &format!("index i: {back}"));
    };
    check_index("", "missing on t", "new on t");
    check_index("CREATE UNIQUE INDEX i ON t(a, b)", "UNIQUE added", "UNIQUE dropped");
    check_index("CREATE INDEX i ON t(a)", "terms (a, b) became (a)", "terms (a) became (a, b)");
    check_index("CREATE INDEX i ON t(b, a)", "terms (a, b) became (b, a)", "terms (b, a) became (a, b)");
    check_index("CREATE INDEX i ON t(a, b DESC)", "terms (a, b) became (a, b DESC)", "terms (a, b DESC) became (a, b)");
    check_index(
        "CREATE INDEX i ON t(a, b COLLATE NOCASE)",
        "terms (a, b) became (a, b COLLATE NOCASE)",
        "terms (a, b COLLATE NOCASE) became (a, b)",
    );
    check_index(
        "CREATE INDEX i ON t(a, lower(b))",
        "terms (a, b) became (a, lower(b))",
        "terms (a, lower(b)) became (a, b)",
    );
    check_index("CREATE INDEX i ON t(a, b) WHERE c", "WHERE c added", "WHERE c dropped");
    check_diff(
        "CREATE TABLE t(a); CREATE INDEX i ON t(a) WHERE a > 1",
        "CREATE TABLE t(a); CREATE INDEX i ON t(a) WHERE a > 2",
        "index i: WHERE a > 1 became WHERE a > 2",
        "index i: WHERE a > 2 became WHERE a > 1",
    );
    check_diff(
        "CREATE TABLE t(a COLLATE NOCASE); CREATE INDEX i ON t(a)",
        "CREATE TABLE t(a COLLATE NOCASE); CREATE INDEX i ON t(a COLLATE BINARY)",
        "index i: terms (a) became (a COLLATE BINARY)",
        "index i: terms (a COLLATE BINARY) became (a)",
    );
    check_diff(
        "CREATE TABLE s(a); CREATE TABLE t(a); CREATE INDEX i ON s(a)",
        "CREATE TABLE s(a); CREATE TABLE t(a); CREATE INDEX i ON t(a)",
        "index i: missing on s\nindex i: new on t",
        "index i: new on s\nindex i: missing on t",
    );
}

#[test]
fn triggers() {
    let before = "AFTER UPDATE ON t WHEN new.a > 1 BEGIN UPDATE t SET b = 'x'; DELETE FROM t; END";
    let check_trigger = |after: &str, there: &str, back: &str| {
        let schema = |trigger: &str| format!("CREATE TABLE t(a, b); CREATE TRIGGER g {trigger}");
        check_diff(&schema(before), &schema(after), &format!("trigger g: {there}"), &format!("trigger g: {back}"));
    };
    let rest = "ON t WHEN new.a > 1 BEGIN UPDATE t SET b = 'x'; DELETE FROM t; END";
    check_trigger(&format!("UPDATE {rest}"), "AFTER UPDATE became BEFORE UPDATE", "BEFORE UPDATE became AFTER UPDATE");
    check_trigger(
        &format!("AFTER INSERT {rest}"),
        "AFTER UPDATE became AFTER INSERT",
        "AFTER INSERT became AFTER UPDATE",
    );
    check_trigger(
        &format!("AFTER UPDATE OF b {rest}"),
        "AFTER UPDATE became AFTER UPDATE OF b",
        "AFTER UPDATE OF b became AFTER UPDATE",
    );
    check_trigger(&before.replace("> 1", "> 2"), "WHEN new.a > 1 became new.a > 2", "WHEN new.a > 2 became new.a > 1");
    check_trigger(&before.replace(" WHEN new.a > 1", ""), "WHEN new.a > 1 dropped", "WHEN new.a > 1 added");
    check_trigger(
        &before.replace("'x'", "'X'"),
        "statement 1: UPDATE t SET b = 'x' became UPDATE t SET b = 'X'",
        "statement 1: UPDATE t SET b = 'X' became UPDATE t SET b = 'x'",
    );
    check_trigger(
        &before.replace(" DELETE FROM t;", ""),
        "statement 2: DELETE FROM t dropped",
        "statement 2: DELETE FROM t added",
    );
    check_diff(
        "CREATE TABLE t(a); CREATE TRIGGER g AFTER DELETE ON t BEGIN SELECT 1; END",
        "CREATE TABLE t(a)",
        "trigger g: missing on t",
        "trigger g: new on t",
    );
}

#[test]
fn views() {
    check_diff("CREATE VIEW v AS SELECT 1", "", "view v: missing", "view v: new");
    check_diff(
        "CREATE VIEW v AS SELECT 1 AS a",
        "CREATE VIEW v AS SELECT 1 AS A",
        "view v: query SELECT 1 AS a became SELECT 1 AS A",
        "view v: query SELECT 1 AS A became SELECT 1 AS a",
    );
    check_diff(
        "CREATE VIEW v(a, b) AS SELECT 1, 2",
        "CREATE VIEW v(b, a) AS SELECT 1, 2",
        "view v: columns (a, b) became (b, a)",
        "view v: columns (b, a) became (a, b)",
    );
    check_diff(
        "CREATE VIEW v AS SELECT 1; CREATE TRIGGER g INSTEAD OF INSERT ON v BEGIN SELECT 1; END",
        "CREATE VIEW v AS SELECT 1",
        "trigger g: missing on v",
        "trigger g: new on v",
    );
    check_diff(
        "CREATE VIEW x AS SELECT 1",
        "CREATE TABLE x(a)",
        "table x: new\nview x: missing",
        "table x: missing\nview x: new",
    );
}

#[test]
fn of_long_statements_only_the_difference_is_shown() {
    let view = |status: &str| {
        format!(
            "CREATE TABLE orders(id, customer_id, status, total);
             CREATE VIEW v AS SELECT customer_id, count(*) AS orders, sum(total) AS total FROM orders
             WHERE status = '{status}' AND total > 0 AND customer_id IS NOT NULL GROUP BY customer_id"
        )
    };
    check_diff(
        &view("open"),
        &view("paid"),
        "view v: query … WHERE status = 'open' AND total > … became … WHERE status = 'paid' AND total > …",
        "view v: query … WHERE status = 'paid' AND total > … became … WHERE status = 'open' AND total > …",
    );
}

#[test]
fn virtual_tables() {
    check_diff(
        "CREATE VIRTUAL TABLE d USING fts5(a)",
        "CREATE VIRTUAL TABLE d USING fts5(a, b)",
        "table d: USING fts5(a) became fts5(a, b)",
        "table d: USING fts5(a, b) became fts5(a)",
    );
    check_diff(
        "CREATE VIRTUAL TABLE d USING fts5(a, tokenize = 'porter')",
        "CREATE VIRTUAL TABLE d USING fts5(a, tokenize = 'ascii')",
        "table d: USING fts5(a, tokenize = 'porter') became fts5(a, tokenize = 'ascii')",
        "table d: USING fts5(a, tokenize = 'ascii') became fts5(a, tokenize = 'porter')",
    );
    check_diff(
        "CREATE TABLE d(a)",
        "CREATE VIRTUAL TABLE d USING fts5(a)",
        "table d: became a virtual table USING fts5(a)\nd.a: missing",
        "table d: is no longer a virtual table, USING fts5(a) dropped\nd.a: new",
    );
}

#[test]
fn differences_are_grouped_by_table() {
    let before = "CREATE TABLE a(x NOT NULL, y); CREATE INDEX i ON a(y); CREATE TABLE b(z UNIQUE); CREATE TABLE c(q)";
    let after = "CREATE TABLE a(x, y INT); CREATE TABLE b(z); CREATE TABLE d(q)";
    let diff = schema(before).diff(&schema(after));
    assert_eq!(
        diff.to_string(),
        "\
a.x: NOT NULL dropped
a.y: type INT added
index i: missing on a
table b: UNIQUE (z) dropped
table c: missing
table d: new"
    );
    assert_eq!(diff.len(), 6);
    let first = diff.iter().next().unwrap();
    assert_eq!((first.object(), first.what()), ("a.x", "NOT NULL dropped"));
}

#[test]
fn equal_schemas_pass() {
    let (a, b) =
        (database("CREATE TABLE t(a int)"), database("create table \"t\" (a INT); CREATE TABLE _migrations(id)"));
    check::assert_same_schema(&a, &b);
}

#[test]
fn schemas_that_differ_fail_with_every_difference() {
    let a = database("CREATE TABLE orders(status TEXT NOT NULL); CREATE TABLE legacy(x)");
    let b = database("CREATE TABLE orders(status TEXT)");
    let error = check::try_assert_same_schema(&a, &b).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Check);
    assert_eq!(
        error.to_string(),
        "\
the schemas differ in 2 places, the first: table legacy: missing

  from the first database to the second:
    table legacy: missing
    orders.status: NOT NULL dropped"
    );
    let error = check::try_assert_same_schema(&b, &database("CREATE TABLE orders(status)")).unwrap_err();
    assert_eq!(error.headline(), "the schemas differ: orders.status: type TEXT dropped");
}

#[test]
#[should_panic(expected = "the schemas differ: table t: missing")]
fn the_assertion_panics() {
    check::assert_same_schema(&database("CREATE TABLE t(a)"), &database(""));
}
