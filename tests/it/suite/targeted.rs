//! Losses that only some rows show: those that a condition, a join or a function of the migration is about.

use sqlitmus::suite::{Outcome, Suite};

use super::embedded;

const SCHEMA: &str = "
    CREATE TABLE u(id INTEGER PRIMARY KEY, name TEXT NOT NULL, code TEXT);
    CREATE TABLE t(
        id INTEGER PRIMARY KEY,
        u_id INTEGER,
        kind TEXT NOT NULL,
        body TEXT,
        n INTEGER,
        price REAL NOT NULL,
        at TEXT,
        data TEXT,
        key TEXT UNIQUE
    );
    CREATE TABLE log(id INTEGER PRIMARY KEY, t_id INTEGER, what TEXT);
    CREATE TABLE visits(id INTEGER PRIMARY KEY, seen DATETIME, done BOOLEAN NOT NULL);";

/// Returns the first lines of what `every_row_survives` finds, and of refused rows.
fn findings(statements: &str) -> Vec<String> {
    let statements: &'static str = Box::leak(statements.to_owned().into_boxed_str());
    let suite = Suite::new(embedded(&[("1_schema.sql", SCHEMA), ("2_change.sql", statements)]));
    let mut found = Vec::new();
    for test in ["every_version_upgrades_with_data", "every_row_survives"] {
        if let Err(error) = suite.try_test(test) {
            found.push(error.headline().to_owned());
        }
    }
    found
}

#[track_caller]
fn check(expected: &str, statements: &[&str]) {
    let mut wrong = Vec::new();
    for statement in statements {
        let found = findings(statement);
        let is_right = match expected {
            "" => found.is_empty(),
            _ => found.iter().any(|headline| headline.contains(expected)),
        };
        if !is_right {
            wrong.push(format!("{statement}\n    found: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), statements.len(), wrong.join("\n"));
}

#[test]
fn a_delete_is_found_whatever_its_condition() {
    check(
        " t: 2_change",
        &[
            "DELETE FROM t WHERE kind IN ('old', 'gone')",
            "DELETE FROM t WHERE body LIKE 'http://%'",
            "DELETE FROM t WHERE body GLOB '*.tmp'",
            "DELETE FROM t WHERE n < 0",
            "DELETE FROM t WHERE body = ''",
            "DELETE FROM t WHERE LENGTH(body) > 255",
            "DELETE FROM t WHERE n BETWEEN 100 AND 200 AND kind <> 'x'",
            "DELETE FROM t WHERE body IS NULL AND kind = 'draft'",
            "DELETE FROM t WHERE kind = 'a' OR (n = 4 AND body = 'b')",
            "DELETE FROM t WHERE NOT (price < 1e6)",
            "DELETE FROM t WHERE json_extract(data, '$.kind') = 'old'",
            "DELETE FROM t WHERE at < '1999-01-01'",
            "DELETE FROM t WHERE lower(kind) = 'spam' AND n % 2 = 1",
            "DELETE FROM t WHERE substr(body, 1, 3) = 'tmp'",
            "DELETE FROM t WHERE coalesce(body, '') = ''",
            "DELETE FROM t WHERE u_id NOT IN (SELECT id FROM u)",
            "DELETE FROM t WHERE u_id IN (SELECT id FROM u WHERE code = 'closed')",
            "DELETE FROM t WHERE EXISTS (SELECT 1 FROM log WHERE log.t_id = t.id AND what = 'deleted')",
            "DELETE FROM t WHERE NOT EXISTS (SELECT 1 FROM log l WHERE l.t_id = t.id)",
            "DELETE FROM t WHERE (SELECT count(*) FROM log WHERE t_id = t.id) > 1",
            "DELETE FROM t WHERE rowid NOT IN (SELECT min(rowid) FROM t GROUP BY u_id, kind)",
            "DELETE FROM t WHERE id IN (SELECT a.id FROM t a JOIN t b ON a.kind = b.kind AND a.n = b.n AND a.id > b.id)",
            "WITH d AS (SELECT id, row_number() OVER (PARTITION BY kind, at ORDER BY id) AS nth FROM t)
             DELETE FROM t WHERE id IN (SELECT id FROM d WHERE nth > 1)",
            "ALTER TABLE t RENAME COLUMN kind TO sort; DELETE FROM t WHERE sort = 'old'",
            "ALTER TABLE t RENAME TO things; DELETE FROM things WHERE kind = 'old'; ALTER TABLE things RENAME TO t",
            "CREATE TEMP TABLE doomed AS SELECT id FROM t WHERE kind = 'old';
             DELETE FROM t WHERE id IN (SELECT id FROM doomed); DROP TABLE doomed",
        ],
    );
}

#[test]
fn a_value_that_a_function_changes_is_found() {
    check(
        "values of t.",
        &[
            "UPDATE t SET body = trim(body)",
            "UPDATE t SET body = rtrim(body, '/')",
            "UPDATE t SET price = round(price, 2)",
            "UPDATE t SET body = substr(body, 1, 255)",
            "UPDATE t SET n = abs(n)",
            "UPDATE t SET kind = lower(kind)",
            "UPDATE t SET price = CAST(price AS INTEGER)",
            "UPDATE t SET at = date(at)",
            "UPDATE t SET at = strftime('%Y-%m-%d %H:%M', at) WHERE at IS NOT NULL",
            "UPDATE t SET body = replace(body, 'http://', 'https://')",
            "UPDATE t SET body = nullif(body, '-')",
            "UPDATE t SET n = max(n, 0)",
            "UPDATE t SET n = CASE WHEN n > 1000 THEN 1000 ELSE n END",
            "UPDATE t SET data = json_remove(data, '$.secret')",
            "UPDATE t SET body = trim(body) WHERE kind = 'note'",
        ],
    );
}

#[test]
fn a_copy_that_omits_rows_is_found() {
    let rebuild = |copy: &str| {
        format!(
            "CREATE TABLE new(id INTEGER PRIMARY KEY, u_id INTEGER, kind TEXT NOT NULL, body TEXT, n INTEGER,
                 price REAL NOT NULL, at TEXT, data TEXT, key TEXT UNIQUE);
             {copy}; DROP TABLE t; ALTER TABLE new RENAME TO t"
        )
    };
    let copies: Vec<String> = [
        "INSERT INTO new SELECT * FROM t LIMIT 1000",
        "INSERT INTO new SELECT * FROM t WHERE length(body) < 100000",
        "INSERT INTO new SELECT * FROM t WHERE kind <> 'old'",
        "INSERT INTO new SELECT t.* FROM t JOIN u ON u.id = t.u_id",
        "INSERT INTO new SELECT * FROM t WHERE n > -1000000000",
        "INSERT INTO new SELECT t.* FROM t JOIN u ON u.id = t.u_id AND u.code = t.kind",
        "INSERT INTO new SELECT * FROM t GROUP BY kind, body, n",
        "INSERT INTO new SELECT * FROM t; DELETE FROM new WHERE kind = 'old'",
    ]
    .map(rebuild)
    .to_vec();
    check(" t: 2_change", &copies.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn rows_that_become_equal_are_found() {
    check("rows of t:", &["UPDATE OR REPLACE t SET key = lower(key)", "UPDATE OR REPLACE t SET key = trim(key)"]);
    check("fails on rows", &["UPDATE t SET key = lower(key)", "UPDATE t SET key = trim(key)"]);
}

#[test]
fn statements_that_lose_nothing_pass() {
    check(
        "",
        &[
            "ALTER TABLE t ADD COLUMN done INTEGER NOT NULL DEFAULT 0; UPDATE t SET done = 1 WHERE kind = 'done'",
            "UPDATE t SET body = '' WHERE body IS NULL AND kind = 'draft'",
            "UPDATE t SET kind = 'active' WHERE kind = 'enabled'",
            "CREATE TABLE old(id INTEGER PRIMARY KEY, u_id INTEGER, kind TEXT NOT NULL, body TEXT, n INTEGER,
                 price REAL NOT NULL, at TEXT, data TEXT, key TEXT);
             INSERT INTO old SELECT * FROM t WHERE kind = 'old'; DELETE FROM t WHERE kind = 'old'",
            "ALTER TABLE t ADD COLUMN slug TEXT; UPDATE t SET slug = lower(replace(kind, ' ', '-'))",
            "ALTER TABLE t ADD COLUMN code TEXT; UPDATE t SET code = (SELECT code FROM u WHERE u.id = t.u_id)",
            "INSERT INTO log(t_id, what) SELECT id, 'seen' FROM t WHERE n > 5",
            "INSERT INTO u(name) SELECT DISTINCT kind FROM t WHERE u_id IS NULL",
            "UPDATE t SET u_id = (SELECT min(id) FROM u) WHERE u_id IS NULL",
            "CREATE TABLE kinds(kind TEXT PRIMARY KEY); INSERT OR IGNORE INTO kinds SELECT kind FROM t",
            "UPDATE visits SET seen = strftime('%s', seen)",
            "UPDATE visits SET done = CASE WHEN done THEN 1 ELSE 0 END",
            "UPDATE t SET data = json_set(data, '$.version', 2) WHERE json_type(data) = 'object' \
             AND json_type(data, '$.version') IS NULL",
            "INSERT OR IGNORE INTO u(id, name) VALUES (1, 'admin')",
        ],
    );
}

#[test]
fn what_was_not_tried_is_told_by_a_run_that_passes() {
    let told = |statement: &'static str| -> Vec<String> {
        let suite =
            Suite::new(embedded(&[("1_schema.sql", SCHEMA), ("2_change.sql", statement)])).only("every_row_survives");
        let report = suite.report();
        let result = report.iter().next().unwrap();
        assert!(matches!(result.outcome, Outcome::Passed), "{report}");
        result.review.iter().map(|finding| finding.what().to_owned()).collect()
    };
    assert_eq!(
        told("DELETE FROM t WHERE kind = 'x' AND kind = 'y'"),
        ["migration 2 is not tried with rows of t where \"kind\" = 'x' AND \"kind\" = 'y': 2_change.sql:1"]
    );
    // No row can be one of these.
    assert_eq!(told("DELETE FROM t WHERE kind IS NULL"), [""; 0]);
    assert_eq!(
        told("INSERT INTO log(t_id) SELECT id FROM t LIMIT 50000"),
        ["migration 2 is not tried with rows of t beyond LIMIT 50000: 2_change.sql:1"]
    );
    assert_eq!(told("INSERT INTO log(t_id) SELECT id FROM t WHERE kind = 'x'"), [""; 0]);
}

#[test]
fn a_conversion_by_the_time_zone_of_the_machine_is_found() {
    let found = |statement: &'static str| {
        let suite = Suite::new(embedded(&[("1_schema.sql", SCHEMA), ("2_change.sql", statement)]));
        suite.try_test("lints_clean").err().map(|error| error.headline().to_owned())
    };
    let expected =
        "depends-on-time-zone: migration 2 converts times by the time zone of the machine that runs it: 2_change.sql";
    assert_eq!(found("UPDATE t SET at = datetime(at, 'localtime')").as_deref(), Some(expected));
    assert_eq!(found("UPDATE t SET n = strftime('%s', at, 'utc') WHERE n IS NULL").as_deref(), Some(expected));
    assert_eq!(found("UPDATE t SET at = datetime(at, '+02:00')"), None);
    assert_eq!(found("UPDATE t SET kind = 'utc' WHERE kind = 'localtime'"), None);
    assert_eq!(found("CREATE VIEW local AS SELECT datetime(at, 'localtime') AS at FROM t"), None);
    let cases: [(&str, bool); 8] = [
        ("INSERT INTO u(name, code) VALUES ('x', datetime('now', 'LOCALTIME'))", true),
        ("CREATE TABLE old AS SELECT id, date(coalesce(at, '2000-01-01'), '+1 day', 'localtime') AS at FROM t", true),
        ("DELETE FROM t WHERE time(at, 'utc') < '12:00'", true),
        ("INSERT INTO u(name, code) VALUES ('x', 'utc')", false),
        ("UPDATE t SET n = 1 WHERE kind IN ('x', 'utc', 'localtime')", false),
        ("UPDATE t SET at = date(at), kind = 'utc'", false),
        ("UPDATE t SET body = replace(body, 'localtime', 'utc')", false),
        ("UPDATE t SET at = date(replace(at, 'x', 'utc'))", false),
    ];
    for (statement, is_found) in cases {
        assert_eq!(found(statement).is_some(), is_found, "{statement}");
    }
}
