//! The rows that comparisons select, and the steps on them.

use rusqlite::Connection;

use super::comparisons::{Comparisons, Other, Relation};
use super::fill;
use crate::plan::empty_copy_of;
use crate::schema::Schema;

const SCHEMA: &str = "
    CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, team TEXT NOT NULL, active BOOLEAN NOT NULL DEFAULT 1);
    CREATE TABLE orders(
        id TEXT PRIMARY KEY CHECK (length(id) = 36), user_id INT NOT NULL REFERENCES users(id), user_email TEXT REFERENCES users(email),
        status TEXT NOT NULL DEFAULT 'new' CHECK (status IN ('new', 'paid', 'sent', 'gone')), kind INT, deleted_at TEXT,
        at DATETIME NOT NULL, data TEXT, thread_id INT, total INT AS (kind * 2)) STRICT;
    CREATE TABLE both(user_id INT REFERENCES users(id), order_id TEXT REFERENCES orders(id), PRIMARY KEY (user_id, order_id)) WITHOUT ROWID;
    CREATE TABLE other(x);
    CREATE INDEX orders_user ON orders(user_id);
    CREATE TRIGGER never BEFORE INSERT ON orders BEGIN SELECT RAISE(ABORT, 'no'); END;";

fn filled(statements: &[&str]) -> (Connection, Vec<Option<u64>>) {
    let source = Connection::open_in_memory().unwrap();
    source.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    source.execute_batch(&SCHEMA.replace(") STRICT", ")")).unwrap();
    let mut copy = empty_copy_of(&source).unwrap();
    let schema = Schema::read(&copy.connection).unwrap();
    let measured = fill(&mut copy.connection, &schema, statements.iter().copied()).unwrap();
    let steps = measured.iter().map(|one| one.steps(&copy.connection)).collect();
    (copy.connection, steps)
}

#[track_caller]
fn selects(sql: &str, least: i64, most: i64) {
    let (connection, _) = filled(&[&sql.replace("count(*)", "id")]);
    let count: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
    assert!((least..=most).contains(&count), "{sql}: {count}");
}

#[test]
fn a_comparison_selects_as_many_rows_as_in_an_app() {
    selects("SELECT count(*) FROM orders", 1000, 1000);
    selects("SELECT count(*) FROM users WHERE id = 90", 1, 1);
    selects("SELECT count(*) FROM users WHERE email = 'ada@x'", 1, 1);
    selects("SELECT count(*) FROM users WHERE active = 1", 700, 800);
    selects("SELECT count(*) FROM users WHERE active = 0", 200, 300);
    selects("SELECT count(*) FROM orders WHERE status = 'paid'", 200, 300);
    selects("SELECT count(*) FROM orders WHERE kind = 3", 150, 250);
    selects("SELECT count(*) FROM orders WHERE kind > 30", 400, 600);
    selects("SELECT count(*) FROM orders WHERE user_id = 90", 3, 10);
    selects("SELECT count(*) FROM orders WHERE user_id = 900000", 3, 6);
    selects("SELECT count(*) FROM orders WHERE thread_id = 77", 3, 6);
    selects("SELECT count(*) FROM orders WHERE deleted_at IS NULL", 700, 800);
    selects("SELECT count(*) FROM orders WHERE data LIKE 'ab%'", 90, 110);
    selects("SELECT count(*) FROM orders WHERE data ->> '$.n' = 12", 0, 1);
    selects("SELECT count(*) FROM orders AS o WHERE o.at > '2024-01-01'", 300, 700);
    selects("SELECT count(*) FROM orders JOIN users ON users.id = orders.user_id", 1000, 1000);
    selects("SELECT count(*) FROM orders JOIN users ON users.email = orders.user_email", 1000, 1000);
    selects("SELECT count(*) FROM both JOIN orders ON orders.id = order_id", 950, 1000);
}

#[test]
fn only_the_tables_of_the_statement_have_rows() {
    let (connection, _) = filled(&["SELECT 1 FROM users WHERE id = ?1"]);
    let rows = |table: &str| -> i64 {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!([rows("users"), rows("orders"), rows("other")], [1000, 0, 0]);
    let (connection, _) = filled(&["DELETE FROM users WHERE id = ?1"]);
    let rows = |table: &str| -> i64 {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!([rows("users"), rows("orders"), rows("other")], [1000, 1000, 0]);
}

#[test]
fn steps_tell_a_search_from_a_scan() {
    let statements = [
        "SELECT at FROM orders WHERE user_id = ?1",
        "SELECT at FROM orders WHERE kind = ?1",
        "SELECT at FROM orders WHERE at BETWEEN ?1 AND ?2",
        "UPDATE orders SET kind = ?1 WHERE id = ?2",
        "INSERT INTO users(email, team) VALUES (?, ?)",
        "SELECT a.id FROM orders AS a JOIN orders AS b ON a.kind <> b.kind",
        "SELECT gone FROM orders",
    ];
    let (_, steps) = filled(&statements);
    let is_within = |at: usize, least: u64, most: u64| {
        let steps = steps[at].unwrap();
        assert!((least..=most).contains(&steps), "{}: {steps}", statements[at]);
    };
    is_within(0, 20, 80);
    is_within(1, 3000, 6000);
    is_within(2, 4000, 8000);
    is_within(3, 10, 100);
    is_within(4, 10, 100);
    is_within(5, 300_000, 301_000);
    assert_eq!(steps[6], None);
    let (_, again) = filled(&statements);
    assert_eq!(steps, again);
}

#[test]
fn comparisons_are_read_from_words() {
    let read = |sql: &str| {
        let all = Comparisons::of(sql).all;
        all.into_iter().map(|one| (one.operand, one.relation, one.other)).collect::<Vec<_>>()
    };
    let literal = |text: &str| Other::Literal(text.to_owned());
    let of = |operand: &str, relation, other| (operand.to_owned(), relation, other);
    for (sql, expected) in [
        (
            "SELECT a FROM t AS x WHERE x.a = ? AND ?3 < t.b",
            vec![of("a", Relation::Equal, Other::Parameter(1)), of("b", Relation::Above, Other::Parameter(3))],
        ),
        (
            "SELECT 1 FROM t WHERE a IS NOT NULL AND b IS NULL AND c ISNULL",
            vec![
                of("a", Relation::Different, Other::Null),
                of("b", Relation::Equal, Other::Null),
                of("c", Relation::Equal, Other::Null),
            ],
        ),
        (
            "SELECT 1 FROM t WHERE a IN (1, 'x', :n) AND b NOT IN (2) AND c BETWEEN 3 AND :n",
            vec![
                of("a", Relation::Equal, literal("1")),
                of("a", Relation::Equal, literal("'x'")),
                of("a", Relation::Equal, Other::Parameter(1)),
                of("b", Relation::Different, literal("2")),
                of("c", Relation::Above, literal("3")),
                of("c", Relation::Below, Other::Parameter(1)),
            ],
        ),
        (
            "UPDATE t SET a = 1, b = ? WHERE c = ?",
            vec![
                of("a", Relation::Assigned, literal("1")),
                of("b", Relation::Assigned, Other::Parameter(1)),
                of("c", Relation::Equal, Other::Parameter(2)),
            ],
        ),
        (
            "INSERT INTO t(a, b) VALUES (?, NULL), (2, ?)",
            vec![
                of("a", Relation::Assigned, Other::Parameter(1)),
                of("b", Relation::Assigned, Other::Null),
                of("a", Relation::Assigned, literal("2")),
                of("b", Relation::Assigned, Other::Parameter(2)),
            ],
        ),
        (
            "SELECT 1 FROM t WHERE lower(t.a) = 'x' AND b LIKE ?",
            vec![of("lower ( a )", Relation::Equal, literal("'x'")), of("b", Relation::Pattern, Other::Parameter(1))],
        ),
        ("SELECT 1 FROM t JOIN u ON t.a = u.a WHERE t.b = u.b + 1", vec![]),
    ] {
        assert_eq!(read(sql), expected, "{sql}");
    }
}
