//! Why an index is not used by what a view or a trigger says.

use sqlitmus::plan::explain;

use super::db;

const SCHEMA: &str = "
    CREATE TABLE item(id INTEGER PRIMARY KEY, sku TEXT, name TEXT, cat INT, price INT, deleted INT NOT NULL DEFAULT 0);
    CREATE INDEX item_name ON item(name);
    CREATE INDEX item_sku ON item(sku) WHERE deleted = 0;
    CREATE INDEX item_cat ON item(cat, price);
    CREATE TABLE note(id INTEGER PRIMARY KEY, num TEXT, name TEXT COLLATE NOCASE, at INT);
    CREATE INDEX note_num ON note(num);
    CREATE INDEX note_name ON note(name);
    CREATE VIEW shouted AS SELECT id, price FROM item WHERE upper(name) = 'X';
    CREATE VIEW hidden AS SELECT id, name FROM item WHERE +cat = 3;
    CREATE VIEW cheap(i, p) AS SELECT id, price FROM item WHERE price < 10;
    CREATE VIEW \"two views\" AS SELECT s.id FROM shouted AS s JOIN hidden AS h ON h.id = s.id;
    CREATE VIEW joined AS SELECT n.id, i.id AS item FROM item AS i JOIN note AS n ON n.num = i.cat WHERE i.id = 3;
    CREATE VIEW plain AS SELECT id, name FROM item WHERE name = 'x';
    CREATE TABLE log(id INTEGER PRIMARY KEY, text TEXT, cat INT);
    CREATE TRIGGER log_ins AFTER INSERT ON log BEGIN
        UPDATE item SET price = price + 1 WHERE upper(name) = new.text;
        DELETE FROM note WHERE name = new.text COLLATE BINARY;
    END;
    CREATE TRIGGER log_upd AFTER UPDATE OF cat ON log WHEN new.cat > old.cat BEGIN
        SELECT RAISE(ABORT, 'used') FROM item WHERE +cat = old.cat;
        UPDATE item SET price = 0 WHERE price = new.cat;
        UPDATE note SET at = 1 WHERE name = old.text;
    END;";

/// A statement, an index, and the reason in its report.
const CASES: &[(&str, &str, &str)] = &[
    ("SELECT price FROM shouted", "item_name", "the statement has upper(name), the index has name"),
    (
        "SELECT price FROM shouted AS s WHERE s.price > ?1",
        "item_name",
        "the statement has upper(name), the index has name",
    ),
    (
        "WITH a AS (SELECT 1 AS n) SELECT price FROM shouted, a",
        "item_name",
        "the statement has upper(name), the index has name",
    ),
    ("SELECT name FROM hidden", "item_cat", "the + in front of cat hides it from indexes"),
    ("SELECT p FROM cheap", "item_cat", "the statement says nothing about its first column, cat, only about price"),
    (
        "UPDATE note SET at = 1 WHERE id IN (SELECT i FROM cheap)",
        "item_cat",
        "the statement says nothing about its first column",
    ),
    ("SELECT id FROM joined", "note_num", "num is TEXT and i.cat is INT"),
    ("INSERT INTO log(text) VALUES (?1)", "item_name", "the statement has upper(name), the index has name"),
    ("INSERT INTO log(text) VALUES (?1)", "note_name", "the statement compares name in the collation BINARY"),
    (
        "UPDATE log SET cat = ?1 WHERE id = ?2",
        "item_cat",
        "the statement says nothing about its first column, cat, only about price",
    ),
];

#[test]
fn reasons_in_views_and_triggers() {
    let db = db(SCHEMA);
    let mut wrong = String::new();
    for (sql, index, expected) in CASES {
        let report =
            explain(&db, sql).try_assert_no_scan().map(drop).map_or_else(|error| error.to_string(), |()| String::new());
        let line = report.lines().find(|line| line.trim_start().starts_with(&format!("{index} is not used: ")));
        if !line.is_some_and(|line| line.contains(expected)) {
            wrong.push_str(&format!("{sql}\n{index}: not {expected}\n{report}\n\n"));
        }
        let why = explain(&db, sql).why_not(index);
        if !why.to_string().contains(expected) {
            wrong.push_str(&format!("{sql}\n{why}, not {expected}\n\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn no_reason_where_the_index_is_used_or_has_nothing_to_do_with_it() {
    let db = db(SCHEMA);
    assert!(explain(&db, "SELECT id FROM plain").why_not("item_name").is_used);
    for (sql, index) in [
        ("SELECT id FROM plain", "item_name"),
        ("INSERT INTO log(text) VALUES (?1)", "item_cat"),
        ("INSERT INTO log(text) VALUES (?1)", "note_num"),
        ("SELECT p FROM cheap", "item_name"),
        // The subquery has rows of its own.
        ("UPDATE item SET price = 1 WHERE id = (SELECT id FROM item WHERE price = ?1)", "the primary key"),
    ] {
        let report =
            explain(&db, sql).try_assert_no_scan().map(drop).map_or_else(|error| error.to_string(), |()| String::new());
        assert!(!report.contains(&format!("{index} is not used")), "{sql}\n{report}");
    }
}
