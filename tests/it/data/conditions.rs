//! Conditions on plain columns, as statements have them: rows for which they are true, or a refusal without a long search.

use super::{database, one};
use sqlitmus::data::Fill;

/// Columns and a condition that some rows satisfy.
const SATISFIABLE: &[(&str, &str)] = &[
    ("x TEXT", "x LIKE 'http://%'"),
    ("x TEXT", "length(x) > 255"),
    ("x TEXT", "NOT (x = 'b')"),
    ("x TEXT", "x IS NULL"),
    ("x TEXT NOT NULL", "instr(x, 'y') > 0"),
    ("x TEXT NOT NULL", "instr(x, 'y') = 0"),
    ("x TEXT", "x || '' = ''"),
    ("x TEXT NOT NULL", "x || 'b' = 'ab'"),
    ("x TEXT NOT NULL", "CAST(x AS INTEGER) > 5"),
    ("x TEXT NOT NULL", "CAST(x AS INTEGER) <> x"),
    ("x TEXT", "coalesce(x, '') = ''"),
    ("x TEXT NOT NULL", "ifnull(x, 'a') <> 'a'"),
    ("x TEXT NOT NULL", "x IN ('a', 'b', 'c') AND NOT x = 'b'"),
    ("x TEXT NOT NULL", "lower(x) = 'spam'"),
    ("x TEXT NOT NULL", "lower(x) <> x"),
    ("x TEXT NOT NULL", "trim(x) <> x"),
    ("x TEXT NOT NULL", "trim(x) = ''"),
    ("x TEXT NOT NULL", "upper(x) IN ('A', 'B') AND x <> 'A'"),
    ("x TEXT NOT NULL", "x GLOB '[0-9]*'"),
    ("x TEXT NOT NULL", "x NOT GLOB '[0-9]*'"),
    ("x TEXT NOT NULL", "x NOT LIKE '%@%'"),
    (
        "x TEXT NOT NULL",
        "x NOT GLOB '*[^A-Za-z0-9-]*' AND x NOT GLOB '-*' AND x NOT GLOB '*-' AND length(x) BETWEEN 1 AND 39",
    ),
    ("x TEXT NOT NULL", "strftime('%w', x) = '1' AND x IS date(x)"),
    ("a INTEGER NOT NULL UNIQUE, b INTEGER NOT NULL", "b - a BETWEEN 300 AND 86400"),
    ("x TEXT NOT NULL", r"x LIKE 'a\_b%' ESCAPE '\'"),
    ("x TEXT NOT NULL", "x LIKE '%' || 'foo' || '%'"),
    ("x TEXT NOT NULL", "substr(x, 1, 255) <> x"),
    ("x TEXT NOT NULL", "replace(x, 'a', 'b') <> x"),
    ("x TEXT", "hex(x) = '41'"),
    ("x TEXT", "length(x) <> length(CAST(x AS BLOB))"),
    ("x TEXT COLLATE NOCASE", "x = 'ABC' AND x <> 'abc' COLLATE BINARY"),
    ("d TEXT", "json_extract(d, '$.k') = 'v'"),
    ("d TEXT", "json_extract(d, '$.a.b') > 5"),
    ("d TEXT", "d ->> 'k' IN ('a', 'b')"),
    ("d TEXT", "NOT json_valid(d)"),
    ("at TEXT", "at < '1999-01-01'"),
    ("at TEXT NOT NULL", "at >= '2019-01-01' AND at < '2019-02-01'"),
    ("at TEXT NOT NULL", "date(at) < '2020-01-01'"),
    ("at TEXT NOT NULL", "date(at) = '2020-01-01'"),
    ("at TEXT NOT NULL", "strftime('%Y', at) = '2019'"),
    ("at INTEGER NOT NULL", "date(at, 'unixepoch') < '2020-01-01'"),
    ("created_at TEXT NOT NULL", "created_at > '2030-01-01'"),
    ("n INTEGER NOT NULL", "(n & 4) <> 0"),
    ("n INTEGER NOT NULL", "(n & 4) = 0"),
    ("n INTEGER NOT NULL", "(n & 12) = 8"),
    ("n INTEGER NOT NULL", "n & ~15 = 0"),
    ("n INTEGER NOT NULL", "(n | 3) = 7"),
    ("n INTEGER NOT NULL", "n >> 8 = 3"),
    ("n INTEGER NOT NULL", "n << 2 = 12"),
    ("n INTEGER NOT NULL", "(n >> 4) & 3 = 2"),
    ("n INTEGER NOT NULL", "abs(n) > 5"),
    ("n INTEGER NOT NULL", "abs(n) <> n"),
    ("n INTEGER NOT NULL", "n % 2 <> 0"),
    ("n INTEGER NOT NULL", "n / 1000 = 5"),
    ("n INTEGER NOT NULL", "2 * n > 100"),
    ("n INTEGER NOT NULL", "n * 3 = 21"),
    ("r REAL NOT NULL", "round(r, 2) <> r"),
    ("x TEXT, y TEXT", "x IS NOT y"),
    ("x TEXT NOT NULL, y TEXT NOT NULL", "lower(x) = lower(y) AND x <> y"),
    ("x TEXT, y INTEGER", "(x LIKE 'a%' OR x IS NULL) AND y IN (1, 2, 3) AND NOT y = 2"),
    ("a INTEGER, b INTEGER", "a > b"),
    ("a INTEGER, b INTEGER", "a = b + 1"),
    ("a INTEGER, b INTEGER", "a * b = 0"),
    ("a INTEGER, b INTEGER", "a >> 32 = b"),
];

/// Columns and a condition that no row satisfies.
const CONTRADICTIONS: &[(&str, &str)] = &[
    ("x TEXT NOT NULL", "x IS NULL"),
    ("n INTEGER NOT NULL", "n BETWEEN 5 AND 3"),
    ("n INTEGER NOT NULL", "n IN (1, 2) AND n > 2"),
    ("n INTEGER NOT NULL", "n = 1 AND n = 2"),
    ("n INTEGER", "n <> n"),
    ("x TEXT NOT NULL", "x = 'a' AND x = 'b'"),
    ("x TEXT NOT NULL", "x = 'a' AND length(x) > 3"),
    ("x TEXT NOT NULL", "x IN ('a', 'b') AND x LIKE 'c%'"),
    ("x TEXT NOT NULL", "x <> lower(x) AND x = lower(x)"),
    ("x TEXT NOT NULL, y TEXT NOT NULL", "x = y AND x <> y"),
    ("x TEXT NOT NULL, y TEXT NOT NULL", "x < y AND x > y"),
    ("n INTEGER NOT NULL", "n & 4 = 3"),
];

fn schema((columns, condition): &(&str, &str)) -> String {
    format!("CREATE TABLE t(id INTEGER PRIMARY KEY, {columns}, CHECK (({condition}) IS TRUE))")
}

#[test]
fn conditions_are_true_for_each_row() {
    let mut failed = Vec::new();
    for case in SATISFIABLE {
        let connection = database(&schema(case));
        match Fill::seed(1).rows("t", 8).try_insert(&connection) {
            Ok(_) => assert_eq!(one(&connection, "SELECT count(*) FROM t"), 8, "{case:?}"),
            Err(error) => failed.push(format!("{case:?}\n{error}")),
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn contradictions_are_refused() {
    for case in CONTRADICTIONS {
        let error = Fill::seed(1).rows("t", 1).try_insert(&database(&schema(case))).unwrap_err();
        assert!(error.headline().starts_with("cannot fill t: no value satisfies CHECK"), "{case:?}: {error}");
    }
}
