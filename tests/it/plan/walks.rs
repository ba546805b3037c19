//! What is a scan and what is not: partial indexes that are read as a whole, rows that an OFFSET skips, SQLite's own tables.

use sqlitmus::TestDb;
use sqlitmus::plan::{Scan, explain, explain_with};
use sqlitmus::rusqlite::{StatementStatus, params};

use super::db;

const DOCS: &str = "
    CREATE TABLE docs(id INTEGER PRIMARY KEY, tenant INT, state TEXT, title TEXT, at INT, deleted_at INT);
    CREATE INDEX live ON docs(at) WHERE deleted_at IS NULL;
    CREATE INDEX new ON docs(at) WHERE state = 'new';
    CREATE TABLE tenants(id INTEGER PRIMARY KEY, name TEXT UNIQUE, plan TEXT);
    CREATE TABLE seen(doc INT, at INT, UNIQUE (doc));
    CREATE TABLE seen_log(doc INT);
    CREATE TRIGGER seen_logged AFTER INSERT ON seen_log BEGIN
        UPDATE docs SET at = at + 1 WHERE state = 'new' AND tenant = new.doc;
    END;
    CREATE TABLE wiped(doc INT);
    CREATE TRIGGER wiped_too AFTER INSERT ON wiped BEGIN DELETE FROM docs WHERE state = 'new'; END;";

const FILL: &str = "
    WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 300)
    INSERT INTO docs SELECT x, x, 'new', 'title ' || x, x, NULL FROM n;
    INSERT INTO tenants SELECT id, 'name ' || id, 'free' FROM docs;
    INSERT INTO seen SELECT id, at FROM docs;";

/// Returns the rows of partial indexes that SQLite reads one after the other when it runs a query.
fn steps(db: &TestDb, sql: &str) -> i32 {
    let mut statement = db.prepare(sql).unwrap();
    for parameter in 1..=statement.parameter_count() {
        statement.raw_bind_parameter(parameter, 7).unwrap();
    }
    let mut rows = statement.raw_query();
    while rows.next().unwrap().is_some() {}
    drop(rows);
    statement.get_status(StatementStatus::FullscanStep)
}

/// The index was made for another question: a condition that is not in its WHERE leaves out rows of it.
const FILTERED: &[&str] = &[
    "SELECT id FROM docs WHERE deleted_at IS NULL AND tenant = ?1",
    "SELECT id FROM docs AS d WHERE d.tenant = ?1 AND d.deleted_at IS NULL ORDER BY d.at",
    "SELECT id FROM docs WHERE deleted_at IS NULL AND tenant IN (1, 2, ?1)",
    "SELECT id FROM docs WHERE deleted_at IS NULL AND (tenant = ?1 OR title = ?2)",
    "SELECT id FROM docs WHERE deleted_at IS NULL AND tenant BETWEEN 5 AND 9",
    "SELECT id FROM docs WHERE deleted_at IS NULL AND title LIKE '%9'",
    "SELECT count(*) FROM docs WHERE deleted_at IS NULL AND tenant = ?1",
    "SELECT count(*) FILTER (WHERE title > 'title 5') FROM docs WHERE deleted_at IS NULL AND tenant > 7",
    "SELECT count(*) FILTER (WHERE at > 3 OR at < 2), max(at) FILTER (WHERE at > 9) FROM docs WHERE state = 'new' AND tenant <> 3",
    "SELECT sum(at) FILTER (WHERE tenant = 1) FROM docs WHERE state = 'new' AND (title = ?1 OR tenant = ?2)",
    "SELECT max(title) FROM docs WHERE deleted_at IS NULL AND tenant > ?1",
    "SELECT tenant, count(*) FROM docs WHERE deleted_at IS NULL AND title > 'title 5' GROUP BY tenant",
    "SELECT DISTINCT tenant FROM docs WHERE deleted_at IS NULL AND title > 'title 5'",
    "SELECT id FROM docs WHERE deleted_at IS NULL AND at + 1 > ?1 ORDER BY at",
    "SELECT id FROM docs WHERE state = 'new' AND tenant = -1 ORDER BY at LIMIT 1",
    "SELECT id FROM docs WHERE state = 'new' AND tenant = ?1 ORDER BY title LIMIT 3",
    "SELECT d.id FROM docs AS d WHERE d.deleted_at IS NULL AND EXISTS (SELECT 1 FROM tenants AS t WHERE t.id = d.tenant + 9)",
    "SELECT id FROM docs WHERE deleted_at IS NULL AND tenant IN (SELECT id FROM tenants WHERE name = 'name 7')",
    "SELECT id FROM docs WHERE deleted_at IS NULL AND tenant NOT IN (SELECT id FROM tenants WHERE name = 'name 7')",
    "SELECT id FROM docs WHERE deleted_at IS NULL AND tenant > (SELECT avg(id) FROM tenants WHERE id < 9)",
    "SELECT id FROM docs WHERE deleted_at IS NULL AND tenant IS NOT NULL",
    "SELECT d.id, s.at FROM docs AS d LEFT JOIN seen AS s ON s.doc = d.id WHERE d.deleted_at IS NULL AND d.tenant = ?1",
    "SELECT d.id, t.name FROM docs AS d JOIN tenants AS t ON t.id = d.tenant WHERE d.state = 'new' AND d.title = ?1",
    "SELECT t.name, d.title FROM tenants AS t LEFT JOIN docs AS d INDEXED BY live ON d.tenant = t.id AND d.deleted_at IS NULL \
     WHERE t.id = 7",
    "WITH mine AS MATERIALIZED (SELECT * FROM docs WHERE deleted_at IS NULL AND tenant = ?1) SELECT title FROM mine",
];

/// All rows of the index are used: it was made for this.
const WHOLE: &[&str] = &[
    "SELECT id FROM docs WHERE deleted_at IS NULL",
    "SELECT * FROM docs WHERE state = 'new'",
    "SELECT * FROM docs WHERE state = 'new' ORDER BY at",
    "SELECT * FROM docs WHERE state = 'new' ORDER BY title",
    "SELECT * FROM docs WHERE state = 'new' ORDER BY title LIMIT 10",
    "SELECT * FROM docs WHERE state = 'new' ORDER BY tenant, title LIMIT 10 OFFSET 20",
    "SELECT count(*) FROM docs WHERE deleted_at IS NULL",
    "SELECT count(*), min(title), max(tenant), sum(at) FROM docs WHERE state = 'new'",
    "SELECT count(DISTINCT tenant) FROM docs WHERE deleted_at IS NULL",
    "SELECT tenant, count(*) FROM docs WHERE deleted_at IS NULL GROUP BY tenant",
    "SELECT at, count(*) FROM docs WHERE deleted_at IS NULL GROUP BY at HAVING count(*) > 1",
    "SELECT DISTINCT tenant FROM docs WHERE deleted_at IS NULL",
    "SELECT DISTINCT at FROM docs WHERE deleted_at IS NULL ORDER BY at",
    "SELECT DISTINCT at, state FROM docs WHERE deleted_at IS NULL ORDER BY at",
    "SELECT id, CASE WHEN tenant = ?1 THEN 'mine' ELSE title END FROM docs WHERE deleted_at IS NULL",
    "SELECT sum(at) FILTER (WHERE tenant = 1), count(*) FROM docs WHERE deleted_at IS NULL",
    "SELECT count(*) FILTER (WHERE tenant = 1) FROM docs WHERE deleted_at IS NULL",
    "SELECT count(*) FILTER (WHERE tenant = ?1), sum(at) FILTER (WHERE title > 'title 5') FROM docs WHERE deleted_at IS NULL",
    "SELECT tenant, count(*) FILTER (WHERE title > 'title 5') FROM docs WHERE deleted_at IS NULL GROUP BY tenant",
    "SELECT total(at) FILTER (WHERE tenant IN (1, 2)) * 2 FROM docs WHERE state = 'new' HAVING count(*) FILTER (WHERE at > 1) >= 0",
    "SELECT id, row_number() OVER (ORDER BY at) FROM docs WHERE deleted_at IS NULL",
    "SELECT d.id, t.name FROM docs AS d JOIN tenants AS t ON t.id = d.tenant WHERE d.state = 'new' ORDER BY d.at",
    "SELECT d.id, t.name FROM docs AS d CROSS JOIN tenants AS t ON t.name = d.title WHERE d.state = 'new'",
    "SELECT d.id, t.name FROM docs AS d CROSS JOIN tenants AS t ON t.id = d.tenant AND t.plan = 'paid' WHERE d.state = 'new'",
    "SELECT d.id, s.at FROM docs AS d LEFT JOIN seen AS s ON s.doc = d.id WHERE d.deleted_at IS NULL",
    "SELECT d.id, (SELECT name FROM tenants AS t WHERE t.id = d.tenant) FROM docs AS d WHERE d.deleted_at IS NULL",
    "SELECT id FROM docs WHERE deleted_at IS NULL UNION ALL SELECT id FROM docs WHERE state = 'new'",
    "SELECT title FROM docs WHERE deleted_at IS NULL UNION SELECT name FROM tenants WHERE id = 1",
    "WITH live AS MATERIALIZED (SELECT * FROM docs WHERE deleted_at IS NULL) SELECT count(*) FROM live WHERE tenant = ?1",
];

#[test]
fn a_partial_index_is_scanned_if_another_condition_leaves_out_rows_of_it() {
    let db = db(DOCS);
    db.execute_batch(FILL).unwrap();
    let mut wrong = String::new();
    for (statements, is_filtered) in [(FILTERED, true), (WHOLE, false)] {
        for sql in statements {
            let plan = explain(&db, sql);
            let walks = |scan: &Scan| matches!(scan, Scan::PartialIndex(_) | Scan::FilteredPartialIndex(_));
            let found: Vec<&Scan> =
                plan.lines().filter_map(|node| node.scan.as_ref()).filter(|&scan| walks(scan)).collect();
            let says_filtered = found.iter().any(|scan| matches!(scan, Scan::FilteredPartialIndex(_)));
            let scans = plan.try_assert_no_scan_of("docs").is_err();
            let steps = steps(&db, sql);
            if found.is_empty() || says_filtered != is_filtered || scans != is_filtered || steps < 290 {
                wrong.push_str(&format!("{sql}\n{found:?}, {steps} steps\n{plan}\n\n"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_partial_index_in_a_statement_that_writes() {
    let db = db(DOCS);
    for (sql, is_scanned) in [
        ("UPDATE docs SET state = 'done' WHERE state = 'new'", false),
        ("UPDATE docs SET deleted_at = 1 WHERE deleted_at IS NULL RETURNING id", false),
        ("DELETE FROM docs WHERE state = 'new'", false),
        ("INSERT INTO seen SELECT id, at FROM docs WHERE state = 'new'", false),
        ("INSERT INTO wiped VALUES (1)", false),
        ("UPDATE docs SET state = 'done' WHERE state = 'new' AND tenant = ?1", true),
        ("UPDATE docs SET at = at + 1 WHERE deleted_at IS NULL AND tenant = ?1 RETURNING id", true),
        ("DELETE FROM docs WHERE state = 'new' AND tenant = ?1", true),
        ("INSERT INTO seen SELECT id, at FROM docs WHERE state = 'new' AND tenant = ?1", true),
        ("INSERT INTO seen_log VALUES (1)", true),
    ] {
        let plan = explain(&db, sql);
        assert_eq!(plan.try_assert_no_scan().is_err(), is_scanned, "{sql}\n{plan:?}");
    }
}

#[test]
fn a_filtered_walk_can_be_allowed() {
    let plan = explain(&db(DOCS), FILTERED[0]);
    let error = plan.try_assert_no_scan().unwrap_err().to_string();
    assert!(error.contains("leaves out rows of it") && error.contains(".allow_scan(\"docs\")"), "{error}");
    plan.allow_scan("docs").assert_no_scan();
}

/// With the value of a parameter SQLite uses the partial index, and still compares each row with the parameter.
#[test]
fn a_condition_that_is_the_indexs_own_leaves_out_no_rows() {
    let db = db(DOCS);
    for (sql, is_scanned) in [
        ("SELECT id FROM docs WHERE state = ?1 ORDER BY at", false),
        ("SELECT count(*) FROM docs WHERE state = ?1", false),
        ("UPDATE docs SET state = 'done' WHERE state = ?1", false),
        ("SELECT id FROM docs WHERE state = ?1 AND title = 'a' ORDER BY at", true),
    ] {
        let plan = explain_with(&db, sql, params!["new"]);
        plan.assert_uses_index("new");
        assert_eq!(plan.try_assert_no_scan().is_err(), is_scanned, "{sql}\n{plan:?}");
    }
    let plan = explain_with(&db, "SELECT id FROM docs WHERE deleted_at IS ?1 AND tenant = ?2", params![None::<i64>, 5]);
    assert!(plan.try_assert_no_scan().is_err(), "{plan:?}");
}

#[test]
fn rows_that_an_offset_skips_are_read() {
    let db = db("CREATE TABLE t(id INTEGER PRIMARY KEY, x INT, y INT); CREATE INDEX t_x ON t(x);
                 CREATE TABLE u(id INTEGER PRIMARY KEY, t INT);");
    for sql in [
        "SELECT * FROM t LIMIT 10",
        "SELECT * FROM t LIMIT 10 OFFSET 0",
        "SELECT * FROM t LIMIT 10 OFFSET 10",
        "SELECT * FROM t LIMIT 20 OFFSET 100",
        "SELECT * FROM t LIMIT 90, 10",
        "SELECT * FROM t ORDER BY x LIMIT 10 OFFSET 50",
        "SELECT * FROM t ORDER BY id DESC LIMIT ?1 OFFSET 30",
        "SELECT * FROM t LIMIT 1000",
        "SELECT t.id, u.id FROM t LEFT JOIN u ON u.id = t.y LIMIT 10 OFFSET 5",
        "SELECT * FROM t WHERE id > ?1 ORDER BY id LIMIT 10 OFFSET 1000",
        "SELECT * FROM (SELECT * FROM t ORDER BY x LIMIT 10 OFFSET 10) WHERE y = 1",
    ] {
        explain(&db, sql).assert_no_scan();
    }
    for sql in [
        "SELECT * FROM t LIMIT 10 OFFSET 1000",
        "SELECT * FROM t LIMIT 10 OFFSET 101",
        "SELECT * FROM t LIMIT 5000, 10",
        "SELECT * FROM t LIMIT 10 OFFSET ?1",
        "SELECT * FROM t LIMIT 10 OFFSET 10 * 100",
        "SELECT * FROM t LIMIT 10 OFFSET 99999999999",
        "SELECT * FROM t ORDER BY x LIMIT 10 OFFSET 5000",
        "SELECT * FROM t ORDER BY id DESC LIMIT ?1 OFFSET 1000",
        "SELECT t.id, u.id FROM t LEFT JOIN u ON u.id = t.y LIMIT 10 OFFSET 500",
        "SELECT * FROM (SELECT * FROM t ORDER BY x LIMIT 10 OFFSET 1000) WHERE y = 1",
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM t LIMIT 1 OFFSET 1000)",
    ] {
        let plan = explain(&db, sql);
        let Err(error) = plan.try_assert_no_scan_of("t") else { panic!("{sql}\n{plan}") };
        assert!(error.to_string().contains("OFFSET reads all rows that it skips"), "{error}");
    }
}

#[test]
fn an_offset_into_a_partial_index_is_read_like_any_other() {
    let db = db(DOCS);
    for sql in [
        "SELECT id FROM docs WHERE deleted_at IS NULL LIMIT 10",
        "SELECT id FROM docs WHERE deleted_at IS NULL LIMIT 10 OFFSET 0",
        "SELECT id FROM docs WHERE deleted_at IS NULL LIMIT 10 OFFSET 100",
        "SELECT id FROM docs WHERE deleted_at IS NULL ORDER BY at LIMIT 20, 10",
        "SELECT id FROM docs WHERE state = 'new' ORDER BY at DESC LIMIT ?1 OFFSET 20",
        "SELECT id FROM docs WHERE state = 'new' AND at > ?1 ORDER BY at LIMIT 10 OFFSET 1000",
        "SELECT id FROM docs WHERE state = 'new' LIMIT 1000",
        "SELECT id FROM docs WHERE deleted_at IS NULL LIMIT -1",
        "SELECT id FROM docs WHERE deleted_at IS NULL LIMIT -1 OFFSET 100",
        "DELETE FROM docs WHERE id IN (SELECT id FROM docs WHERE state = 'new' ORDER BY at DESC LIMIT -1 OFFSET 50)",
        "SELECT id FROM docs WHERE deleted_at IS NULL",
        // All rows are sorted, and none is skipped before.
        "SELECT id FROM docs WHERE state = 'new' ORDER BY title LIMIT 10 OFFSET 1000",
    ] {
        let plan = explain(&db, sql);
        assert!(plan.try_assert_no_scan().is_ok(), "{sql}\n{plan:?}");
    }
    for sql in [
        "SELECT id FROM docs WHERE deleted_at IS NULL LIMIT 10 OFFSET 1000",
        "SELECT id FROM docs WHERE deleted_at IS NULL LIMIT 10 OFFSET 101",
        "SELECT id FROM docs WHERE deleted_at IS NULL LIMIT 5000, 10",
        "SELECT id FROM docs WHERE deleted_at IS NULL LIMIT 10 OFFSET ?1",
        "SELECT id FROM docs WHERE deleted_at IS NULL ORDER BY at LIMIT ?1 OFFSET ?2",
        "SELECT id FROM docs WHERE state = 'new' ORDER BY at DESC LIMIT 10 OFFSET 10 * 100",
        "SELECT title FROM docs WHERE state = 'new' LIMIT 10 OFFSET 500",
        "SELECT * FROM (SELECT * FROM docs WHERE state = 'new' LIMIT 10 OFFSET 1000) WHERE tenant = 1",
        "SELECT t.name FROM docs AS d JOIN tenants AS t ON t.id = d.tenant WHERE d.state = 'new' LIMIT 1 OFFSET 700",
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM docs WHERE deleted_at IS NULL LIMIT 1 OFFSET 1000)",
    ] {
        let plan = explain(&db, sql);
        let Err(error) = plan.try_assert_no_scan_of("docs") else { panic!("{sql}\n{plan:?}") };
        assert!(error.to_string().contains("OFFSET reads all rows that it skips"), "{error}");
    }
}

#[test]
fn a_key_that_is_counted_up_is_no_scan() {
    let db = db("CREATE TABLE m(id INTEGER PRIMARY KEY AUTOINCREMENT, u INT);
                 CREATE TABLE m2(id INTEGER PRIMARY KEY AUTOINCREMENT, u INT);
                 CREATE TABLE src(u INT, x INT); CREATE INDEX src_x ON src(x);
                 CREATE TABLE log(what);
                 CREATE TRIGGER logged AFTER INSERT ON log BEGIN INSERT INTO m(u) VALUES (new.what); END;");
    for sql in [
        "WITH c(i) AS (VALUES(1),(2)) INSERT INTO m(u) SELECT i FROM c",
        "WITH c(i) AS (SELECT ?1 UNION ALL SELECT ?2) INSERT INTO m(u) SELECT i FROM c",
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 9) INSERT INTO m(u) SELECT x FROM n",
        "WITH c AS MATERIALIZED (SELECT 1 AS i) INSERT INTO m(u) SELECT a.i FROM c AS a JOIN c AS b",
        "INSERT INTO m(u) SELECT i FROM (SELECT 1 AS i UNION SELECT 2)",
        "INSERT INTO m(u) SELECT i FROM (SELECT DISTINCT u AS i FROM src WHERE x = ?1)",
        "INSERT INTO m(u) SELECT u FROM src WHERE x = ?1",
        "INSERT INTO m(u) SELECT value FROM json_each(?1)",
        "INSERT INTO m(u) VALUES (1), (2), (3)",
        "INSERT INTO m(u) VALUES (?1) RETURNING id",
        "REPLACE INTO m(u) SELECT column1 FROM (VALUES (1), (2)) WHERE column1 > 1",
        "INSERT INTO log VALUES (1)",
        "SELECT seq FROM sqlite_sequence WHERE name = 'm'",
        "UPDATE sqlite_sequence SET seq = 0 WHERE name = 'm'",
    ] {
        let plan = explain(&db, sql);
        plan.assert_no_scan();
        let mut of_sequence = plan.lines().filter(|node| node.table.as_deref() == Some("sqlite_sequence"));
        assert!(of_sequence.all(|node| node.text.contains("sqlite_sequence")), "{plan:?}");
    }
    for sql in [
        "INSERT INTO m(u) SELECT u FROM src",
        "INSERT INTO m(u) SELECT u + 1 FROM m2",
        "WITH c(i) AS (SELECT u FROM src WHERE u > 5) INSERT INTO m(u) SELECT i FROM c",
        "INSERT INTO m(u) SELECT i FROM (SELECT DISTINCT u AS i FROM src)",
        "INSERT INTO m(u) SELECT u FROM src WHERE u IN (SELECT seq FROM sqlite_sequence)",
    ] {
        let plan = explain(&db, sql);
        let Err(error) = plan.try_assert_no_scan() else { panic!("{sql}\n{plan:?}") };
        assert!(!error.headline().contains("sqlite_sequence"), "{error}");
    }
}

#[test]
fn a_blob_that_is_no_text_can_be_explained() {
    let db = db("CREATE TABLE s(id INTEGER PRIMARY KEY, b BLOB, c BLOB); CREATE INDEX s_b ON s(b);");
    for sql in [
        "SELECT id FROM s WHERE b = x'ff00'",
        "SELECT id FROM s WHERE b IN (x'ff', x'00fe', x'c328')",
        "SELECT id FROM s WHERE b >= x'80' AND b < x'81'",
        "SELECT x'ff' || id FROM s WHERE id = 1",
        "SELECT id, b = x'f0288c28' FROM s WHERE id = ?1",
        "INSERT INTO s(b) VALUES (x'ff00ff')",
        "INSERT INTO s(b) VALUES (x'ffd8ff'), (x'00'), (x'')",
        "UPDATE s SET c = x'e28228' WHERE b = x'ff'",
        "DELETE FROM s WHERE b = x'ff' RETURNING id",
        "SELECT CAST(x'ff61' AS TEXT) FROM s WHERE id = 1",
        "SELECT id FROM s WHERE b = unhex('ff') OR b = x'fe'",
    ] {
        match sqlitmus::plan::try_explain(&db, sql) {
            Ok(plan) => {
                plan.assert_no_scan();
            }
            // Older versions have no unhex().
            Err(error) => assert!(error.headline().contains("no such function: unhex"), "{error}"),
        }
    }
    explain_with(&db, "SELECT id FROM s WHERE b = ?1", params![vec![0xff_u8, 0]]).assert_no_scan();
    for sql in [
        "SELECT id FROM s WHERE c = x'ff00'",
        "DELETE FROM s WHERE c <> x'ff'",
        "SELECT id FROM s WHERE b || x'ff' = ?1",
    ] {
        assert!(explain(&db, sql).try_assert_no_scan().is_err(), "{sql}");
    }
    let count = "SELECT count(*) FROM s WHERE b = x'ff00'";
    db.record(|connection| connection.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap()).assert_no_scan();
}
