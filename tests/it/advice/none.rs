//! Statements for which no index helps.

use sqlitmus::plan::{explain, explain_with};
use sqlitmus::rusqlite::functions::FunctionFlags;

use super::{advised, check, database};

const SCHEMA: &str = "
    CREATE TABLE notes(id INTEGER PRIMARY KEY, author TEXT, body TEXT, at INT);
    CREATE INDEX notes_author ON notes(author);
    CREATE TABLE kinds(id INTEGER PRIMARY KEY, name TEXT);
    CREATE VIRTUAL TABLE texts USING fts5(body);
    CREATE TEMP TABLE chosen(id INT);";

#[test]
fn where_all_rows_have_to_be_read() {
    for sql in [
        "SELECT count(*) FROM notes",
        "SELECT body FROM notes",
        "SELECT id FROM notes WHERE body LIKE '%x'",
        "SELECT id FROM notes WHERE body LIKE ?1",
        "SELECT id FROM notes WHERE body <> ?1",
        "SELECT sum(at) FROM notes",
        "SELECT id FROM notes WHERE at + ?1 > 3",
        "SELECT id FROM notes WHERE author = ?1 OR at <> 3",
        "SELECT id FROM notes ORDER BY random()",
        "SELECT id FROM notes WHERE (SELECT max(id) FROM kinds) = 3",
        "DELETE FROM notes",
    ] {
        check(SCHEMA, sql, "");
    }
}

/// SQLite would read all rows in the order of such an index, instead of a few that it sorts.
#[test]
fn where_an_index_would_turn_a_search_into_a_scan() {
    check(SCHEMA, "SELECT body FROM notes WHERE author > ?1 ORDER BY at", "");
    check(SCHEMA, "SELECT at, count(body) FROM notes WHERE author > ?1 GROUP BY at", "");
    check(
        SCHEMA,
        "SELECT body FROM notes WHERE author = ?1 ORDER BY at",
        "CREATE INDEX notes_author_at ON notes(author, at);",
    );
}

#[test]
fn where_nothing_is_wrong() {
    for sql in
        ["SELECT body FROM notes WHERE author = ?1", "SELECT id FROM notes WHERE id = ?1", "SELECT 1", "VALUES (1)"]
    {
        check(SCHEMA, sql, "");
    }
}

#[test]
fn for_virtual_temporary_and_attached_tables() {
    let connection = database(SCHEMA);
    connection
        .execute_batch("ATTACH ':memory:' AS other; CREATE TABLE other.far(x); CREATE TEMP TABLE notes(author, at)")
        .unwrap();
    for sql in [
        "SELECT * FROM texts WHERE body = ?1",
        "SELECT * FROM chosen WHERE id = ?1",
        "SELECT * FROM far WHERE x = ?1",
        "SELECT * FROM notes WHERE at = ?1",
        "SELECT * FROM main.notes WHERE at = ?1",
    ] {
        assert_eq!(advised(&connection, sql), "", "{sql}");
    }
}

#[test]
fn for_a_function_of_the_app() {
    let connection = database(SCHEMA);
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("slug", 1, flags, |context| context.get::<Option<String>>(0)).unwrap();
    assert_eq!(advised(&connection, "SELECT id FROM notes WHERE slug(body) = ?1"), "");
    // The other comparison still gets its index.
    let both = "SELECT id FROM notes WHERE slug(body) = ?1 AND at = ?2";
    assert_eq!(advised(&connection, both), "CREATE INDEX notes_at ON notes(at);");
}

#[test]
fn for_a_table_of_few_rows() {
    let connection = database(SCHEMA);
    connection.execute_batch("INSERT INTO notes(author, at) VALUES ('a', 1), ('b', 2), ('c', 3); ANALYZE").unwrap();
    assert_eq!(advised(&connection, "SELECT id FROM notes WHERE at = ?1"), "");
    assert_eq!(advised(&connection, "SELECT id FROM kinds WHERE name = ?1"), "CREATE INDEX kinds_name ON kinds(name);");
}

#[test]
fn a_passing_assertion_looks_for_nothing() {
    let connection = database(SCHEMA);
    // The plan depends on the values: without them there is a scan that no index ends.
    let schema = "CREATE TABLE names(id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE, kind INT)";
    connection.execute_batch(schema).unwrap();
    let sql = "SELECT id FROM names WHERE name LIKE ?1";
    assert!(explain(&connection, sql).advice().is_empty());
    let advice = explain_with(&connection, sql, ["ad%"]).advice();
    assert_eq!(advice[0].sql, "CREATE INDEX names_name ON names(name);");
    assert!(explain_with(&connection, sql, ["%ad"]).advice().is_empty());
}
