use sqlitmus::ErrorKind;
use sqlitmus::check::{Redact, query_rows};

use super::db;

#[track_caller]
fn check(script: &str, query: &str, table: &str) {
    assert_eq!(query_rows(&db(script), query).unwrap().to_string(), table);
}

#[test]
fn every_type_is_shown_in_its_own_way() {
    check(
        "",
        "SELECT 1, '1', 1.0, x'31', NULL AS \"NULL\", '' AS \"\", 'NULL', -1e300 AS r, 9e999 AS inf, 9223372036854775807 AS max,
            CAST(x'c328' AS TEXT) AS bad",
        "1 | \"'1'\" | \"1.0\" | \"x'31'\" | NULL | \"\" | \"'NULL'\" | r      | inf | max                 | bad\
         \n--+-------+-------+---------+------+----+----------+--------+-----+---------------------+----------------------\
         \n1 | '1'   | 1.0   | x'31'   | NULL | '' | 'NULL'   | -1e300 | Inf | 9223372036854775807 | CAST(x'c328' AS TEXT)\
         \n",
    );
}

#[test]
fn invisible_characters_are_escaped() {
    check(
        "",
        "SELECT 'two' || char(10) || 'lines' AS a, char(9, 13, 0, 27) AS b, '\u{200b}\u{202e}\u{feff}' AS c, 'back\\slash' AS d, 'ä😀' AS e",
        "a            | b                 | c                          | d             | e\
         \n-------------+-------------------+----------------------------+---------------+-----\
         \n'two\\nlines' | '\\t\\r\\u{0}\\u{1b}' | '\\u{200b}\\u{202e}\\u{feff}' | 'back\\\\slash' | 'ä😀'\
         \n",
    );
}

#[test]
fn rows_of_a_query_without_order_by_are_sorted_by_their_values() {
    let script = "CREATE TABLE t(x); INSERT INTO t VALUES ('b'), (2), (NULL), ('a'), (x'00'), (1.5), (2)";
    check(script, "SELECT x FROM t", "x\n-----\nNULL\n1.5\n2\n2\n'a'\n'b'\nx'00'\n");
    check(script, "SELECT x FROM (SELECT x FROM t ORDER BY x DESC)", "x\n-----\nNULL\n1.5\n2\n2\n'a'\n'b'\nx'00'\n");
    check(script, "SELECT x FROM t ORDER BY rowid", "x\n-----\n'b'\n2\nNULL\n'a'\nx'00'\n1.5\n2\n");
    check(script, "SELECT x FROM t WHERE 0;", "x\n-\n(no rows)\n");
    check(script, "-- only\n VALUES (2), (1)", "column1\n-------\n1\n2\n");
}

#[test]
fn long_values_are_cut_and_stay_distinguishable() {
    let shown = |sql: &str| query_rows(&db(""), sql).unwrap().to_string();
    let (one, other) = (shown("SELECT printf('%1000d', 1) AS x"), shown("SELECT printf('%1000d', 2) AS x"));
    assert_ne!(one, other);
    assert!(one.lines().all(|line| line.chars().count() < 120), "{one}");
    assert!(one.contains("…' (1000 characters, digest "), "{one}");
    assert!(shown("SELECT zeroblob(1000) AS x").contains("00…' (1000 bytes, digest "));
    assert!(shown("SELECT printf('%60d', 1) AS x").ends_with("1'\n"), "60 characters are not yet cut");
    assert!(shown("SELECT printf('%61d', 1) AS x").contains("…' (61 characters"));
}

#[test]
fn columns_are_redacted_and_null_stays() {
    let db = db("CREATE TABLE t(id, parent, at, n); INSERT INTO t VALUES
        ('x9', NULL, '2026-03-01 10:00:00', 1), ('a3', 'x9', NULL, 2), ('m5', 'x9', '2026-03-01', 3)");
    let all = || query_rows(&db, "SELECT * FROM t").unwrap();
    assert_eq!(
        all().redact("ID", "[id]").redact_times().to_string(),
        "id   | parent | at           | n\
         \n-----+--------+--------------+--\
         \n[id] | NULL   | [time]       | 1\
         \n[id] | 'x9'   | NULL         | 2\
         \n[id] | 'x9'   | '2026-03-01' | 3\
         \n"
    );
    let numbered = Redact::new().column("id", "[id-#]").column("parent", "[id-#]").column("at", "");
    assert_eq!(
        all().redacted(numbered).to_string(),
        "id     | parent | at   | n\
         \n-------+--------+------+--\
         \n[id-1] | NULL   |      | 1\
         \n[id-2] | [id-1] | NULL | 2\
         \n[id-3] | [id-1] |      | 3\
         \n"
    );
    let error = all().try_redact("created_at", "[time]").unwrap_err();
    assert_eq!(error.to_string(), "no column to redact: created_at\n\n  columns of the query:\n    id, parent, at, n");
    assert_eq!((all().len(), all().is_empty(), all().columns()[1].as_str()), (3, false, "parent"));
}

#[test]
fn a_statement_that_is_not_a_query_is_refused() {
    let refused = |sql: &str| {
        let db = db("CREATE TABLE t(x)");
        let error = query_rows(&db, sql).map(|_| ()).unwrap_err();
        let rows: i64 = db.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0, "nothing was run");
        (error.kind(), error.headline().to_owned(), error.sql_text() == Some(sql))
    };
    let check = |headline: &str| (ErrorKind::Check, headline.to_owned(), true);
    assert_eq!(refused("SELECT 1; SELECT 2"), check("expected one query, found 2"));
    assert_eq!(refused(" -- nothing\n"), check("expected one query, found 0"));
    assert_eq!(refused("INSERT INTO t VALUES (1)"), check("the statement returns no rows"));
    assert_eq!(
        refused("INSERT INTO t VALUES (1) RETURNING x"),
        check("the statement writes, but only queries are allowed")
    );
    assert_eq!(refused("SELECT nothing FROM t"), (ErrorKind::Sqlite, String::from("cannot run the query"), true));
    assert_eq!(refused("SELECT ?1"), (ErrorKind::Sqlite, String::from("cannot run the query"), true));
}
