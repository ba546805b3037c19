//! Statements that have no plan.

use sqlitmus::ErrorKind;
use sqlitmus::plan::{explain, try_explain, try_explain_with};
use sqlitmus::rusqlite::params;

use super::db;

const SCHEMA: &str = "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT)";

#[track_caller]
fn check(sql: &str, kind: ErrorKind, expected: &str) {
    let error = try_explain(&db(SCHEMA), sql).unwrap_err();
    // The text of the code depends on the version of rusqlite.
    let code = error.sqlite_code().map_or("", sqlitmus::rusqlite::ffi::code_to_str);
    assert_eq!(error.to_string(), expected.replace("SQL logic error", code));
    assert_eq!(error.kind(), kind);
}

#[test]
fn sql_that_does_not_parse_is_shown_with_the_place() {
    let expected = "\
the statement could not be explained: near \"users\": syntax error

  sql:
    SELECT name
      FORM users
           ^
     WHERE id = 1;

  SQLite says:
    near \"users\": syntax error (code 1)";
    check("-- who\nSELECT name\n  FORM users\n WHERE id = 1;\n", ErrorKind::Sqlite, expected);
}

#[test]
fn a_missing_table_is_named() {
    let expected = "\
the statement could not be explained: no such table: user

  sql:
    SELECT name FROM user

  SQLite says:
    no such table: user (code 1)

  tables:
    users";
    check("SELECT name FROM user", ErrorKind::Sqlite, expected);
}

#[test]
fn an_unregistered_function_or_collation_is_an_error() {
    let expected = "\
the statement could not be explained: no such function: app_rank

  sql:
    SELECT app_rank(name) FROM users
           ^

  SQLite says:
    no such function: app_rank (code 1)

  help: if the app registers app_rank, register it with Template::functions";
    check("SELECT app_rank(name) FROM users", ErrorKind::Sqlite, expected);
    let expected = "\
the statement could not be explained: no such collation sequence: app

  sql:
    SELECT name FROM users ORDER BY name COLLATE app

  SQLite says:
    no such collation sequence: app (code 257: SQL logic error)

  help: if the app registers the collation app, register it with Template::functions";
    check("SELECT name FROM users ORDER BY name COLLATE app", ErrorKind::Sqlite, expected);
}

#[test]
fn several_statements_have_no_plan() {
    let expected = "\
there are 3 statements to explain, but a plan is for one

  sql:
    SELECT 1; SELECT 2;
    SELECT 3

  the second:
  > SELECT 2;

  help: explain them one at a time";
    check("SELECT 1; SELECT 2;\nSELECT 3", ErrorKind::Plan, expected);
}

#[test]
fn no_statement_has_no_plan() {
    check("", ErrorKind::Plan, "there is no statement to explain");
    check(" \n", ErrorKind::Plan, "there is no statement to explain");
    let expected = "there is no statement to explain\n\n  sql:\n    -- SELECT 1;";
    check("-- SELECT 1;", ErrorKind::Plan, expected);
}

#[test]
fn explain_and_pragma_have_no_plan() {
    let expected = "\
an EXPLAIN has no plan

  sql:
    explain query plan SELECT 1

  help: leave out EXPLAIN QUERY PLAN: sqlitmus adds it";
    check("explain query plan SELECT 1", ErrorKind::Plan, expected);
    check(
        "PRAGMA journal_mode = off",
        ErrorKind::Plan,
        "a PRAGMA has no plan\n\n  sql:\n    PRAGMA journal_mode = off",
    );
}

#[test]
fn values_that_do_not_fit_are_an_error() {
    let db = db(SCHEMA);
    let error = try_explain_with(&db, "SELECT name FROM users WHERE id = ?1", params![1, 2]).unwrap_err();
    let headline = error.headline();
    assert!(headline.starts_with("the statement could not be explained: ") && headline.contains('2'), "{headline}");
}

#[test]
#[should_panic(expected = "the statement could not be explained: no such table: nowhere")]
fn explain_panics_with_the_same_report() {
    explain(&db(""), "SELECT * FROM nowhere");
}

#[test]
fn nothing_is_run() {
    let db = db(SCHEMA);
    for sql in ["INSERT INTO users(name) VALUES ('Ada')", "DROP TABLE users", "BEGIN", "DELETE FROM users"] {
        try_explain(&db, sql).unwrap();
    }
    assert!(db.is_autocommit());
    assert_eq!(db.query_row("SELECT count(*) FROM users", [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}
