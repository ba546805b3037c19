//! An index that holds all that a statement reads of a table.

use sqlitmus::plan::explain;

use super::database;

const SCHEMA: &str = "
    CREATE TABLE people(id INTEGER PRIMARY KEY, email TEXT UNIQUE COLLATE NOCASE, name TEXT, city TEXT);
    CREATE TABLE orders(id INTEGER PRIMARY KEY, person_id INT REFERENCES people(id), status TEXT, at TEXT, total INT,
                        raw BLOB, old INT);
    CREATE INDEX orders_person ON orders(person_id);
    CREATE INDEX orders_old ON orders(at DESC) WHERE old = 1;
    CREATE TABLE tags(name TEXT PRIMARY KEY, color TEXT, at TEXT) WITHOUT ROWID;
    CREATE TABLE pairs(a INT, b INT);";

/// Returns what the failure of `assert_covering` offers, after it was seen to mend the failure.
#[track_caller]
fn offered(sql: &str, table: &str) -> Option<String> {
    let connection = database(SCHEMA);
    let error = explain(&connection, sql).try_assert_covering(table).unwrap_err().to_string();
    let help = error.split_once("\n\n  help: ")?.1;
    let (create, tried) = help.lines().next()?.split_once("   tried: ")?;
    assert_eq!(tried, "only the index is read", "{error}");
    connection.execute_batch(create).unwrap();
    explain(&connection, sql).assert_covering(table);
    let columns = create.split_once('(')?.1.strip_suffix(");")?;
    let rest: Vec<&str> = help.lines().skip(1).take_while(|line| line.starts_with("   ")).map(str::trim).collect();
    Some([&[columns], &rest[..]].concat().join("; "))
}

#[test]
fn what_a_statement_reads_of_a_table() {
    let orders = |sql| offered(sql, "orders");
    let replaces = "; it can replace orders_person, because it starts with the same columns";
    for (sql, expected) in [
        ("SELECT total FROM orders WHERE person_id = ?1", format!("person_id, total{replaces}")),
        ("SELECT id, total FROM orders WHERE person_id = ?1", format!("person_id, total{replaces}")),
        ("SELECT sum(total), max(at) FROM orders WHERE person_id = ?1", format!("person_id, at, total{replaces}")),
        (
            "SELECT total FROM orders WHERE person_id = ?1 AND status = 'new'",
            format!("person_id, status, total{replaces}"),
        ),
        ("SELECT total FROM orders WHERE person_id = ?1 ORDER BY at", format!("person_id, at, total{replaces}")),
        ("SELECT total FROM orders WHERE at > ?1", "at, total".to_owned()),
        ("SELECT at, count(*) FROM orders GROUP BY at", "at".to_owned()),
        ("SELECT total FROM orders ORDER BY at DESC", "at, total".to_owned()),
        ("SELECT sum(total) FROM orders", "total".to_owned()),
        // The rows that go are found by the index alone.
        ("DELETE FROM orders WHERE at < ?1", "at".to_owned()),
        ("SELECT raw FROM orders WHERE at = ?1", "at, raw; it stores raw a second time for each row".to_owned()),
        (
            "SELECT p.name, o.total FROM people p JOIN orders o ON o.person_id = p.id",
            format!("person_id, total{replaces}"),
        ),
        (
            "SELECT name FROM people WHERE id IN (SELECT person_id FROM orders WHERE at < ?1)",
            "at, person_id".to_owned(),
        ),
        (
            "SELECT name, (SELECT sum(total) FROM orders WHERE person_id = people.id) FROM people",
            format!("person_id, total{replaces}"),
        ),
        (
            "WITH recent AS (SELECT total FROM orders WHERE at > ?1) SELECT max(total) FROM recent",
            "at, total".to_owned(),
        ),
    ] {
        assert_eq!(orders(sql).as_deref(), Some(expected.as_str()), "{sql}");
    }
    assert_eq!(offered("SELECT name FROM people WHERE city = ?1", "people").as_deref(), Some("city, name"));
    assert_eq!(offered("SELECT color FROM tags WHERE at = ?1", "tags").as_deref(), Some("at, color"));
}

/// An index with all columns would be the table once more; a row that is found by its id, or that is written, is read itself.
#[test]
fn no_index_where_the_table_has_to_be_read() {
    for (sql, table) in [
        ("SELECT * FROM orders WHERE person_id = ?1", "orders"),
        ("SELECT a, b FROM pairs WHERE a = ?1", "pairs"),
        ("SELECT total FROM orders WHERE id = ?1", "orders"),
        // SQLite prefers the index of the UNIQUE constraint, which finds one row.
        ("SELECT name FROM people WHERE email = ?1", "people"),
        ("UPDATE orders SET total = total + 1 WHERE person_id = ?1", "orders"),
        ("SELECT p.name FROM orders o JOIN people p ON p.id = o.person_id WHERE o.id = ?1", "people"),
    ] {
        assert_eq!(offered(sql, table), None, "{sql}");
    }
}
