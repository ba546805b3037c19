//! Common steps of migrations on a database that is empty, and on one with two rows.

use std::path::Path;

use sqlitmus::check;
use sqlitmus::migrations::Migrations;
use sqlitmus::rusqlite::Connection;

/// Histories of `fixtures/histories/bad`, whose second migration is the step, with rows that the first one accepts. The suite finds
/// each of them: tests/it/suite/histories.rs.
const STEPS: [(&str, &str); 11] = [
    ("not_null_without_a_default", "INSERT INTO people(name) VALUES ('ada'), ('bob')"),
    ("default_that_is_no_constant", "INSERT INTO people(name) VALUES ('ada'), ('bob')"),
    ("unique_on_duplicates", "INSERT INTO people(email, name) VALUES ('a@b.c', 'ada'), ('a@b.c', 'bob')"),
    ("unique_in_any_case", "INSERT INTO people(nick) VALUES ('ada'), ('Ada')"),
    ("check_on_old_values", "INSERT INTO stock(amount) VALUES (1), (-1)"),
    ("strict_on_wrong_types", "INSERT INTO readings(celsius) VALUES (20.5), ('warm')"),
    ("backfill_misses_nulls", "INSERT INTO people(email, name) VALUES ('a@b.c', 'ada'), (NULL, 'bob')"),
    ("foreign_key_on_orphans", "INSERT INTO orders VALUES (1, 'A-1'); INSERT INTO items VALUES (1, 2, 'tea')"),
    ("parent_with_children_dropped", "INSERT INTO orders VALUES (1, 'A-1'); INSERT INTO items VALUES (1, 1, 'tea')"),
    ("cascade_in_a_rebuild", "INSERT INTO orders VALUES (1, 'A-1'); INSERT INTO items VALUES (1, 1, 'tea')"),
    ("duplicates_ignored", "INSERT INTO people(email, name) VALUES ('a', 'ada'), ('a', 'bob')"),
];

/// Returns the number of rows of the app.
fn rows(db: &Connection) -> i64 {
    let names = "SELECT group_concat('SELECT count(*) AS n FROM ' || name, ' UNION ALL ') FROM sqlite_schema
                 WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let counts: String = db.query_row(names, [], |row| row.get(0)).unwrap();
    db.query_row(&format!("SELECT sum(n) FROM ({counts})"), [], |row| row.get(0)).unwrap()
}

/// Takes the steps one after another, with these rows between the first and the second. Returns whether the second one fails.
fn fails(history: &Migrations, db: &mut Connection, sql: &str) -> bool {
    db.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    let versions: Vec<i64> = history.iter().map(|migration| migration.version()).collect();
    assert_eq!(versions, [1, 2]);
    history.up_to(db, 1).unwrap();
    db.execute_batch(sql).unwrap();
    history.up_to(db, 2).is_err()
}

#[test]
fn of_eleven_common_steps_nine_fail_and_two_destroy_data() {
    let (mut failed, mut destroyed) = (Vec::new(), Vec::new());
    for (name, sql) in STEPS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/histories/bad").join(name);
        let history = Migrations::load(folder).unwrap().ledger(sqlitmus::migrations::Ledger::UserVersion);
        let mut empty = Connection::open_in_memory().unwrap();
        assert!(!fails(&history, &mut empty, ""), "{name} on an empty database");
        let mut two_rows = Connection::open_in_memory().unwrap();
        if fails(&history, &mut two_rows, sql) {
            assert_eq!(rows(&two_rows), 2, "{name}");
            failed.push(name);
        } else {
            let says: String = two_rows.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
            assert_eq!(says, "ok", "{name}");
            assert!(!two_rows.prepare("PRAGMA foreign_key_check").unwrap().exists([]).unwrap(), "{name}");
            assert!(check::integrity(&two_rows).is_empty(), "{name}");
            assert!(rows(&two_rows) < 2, "{name}");
            destroyed.push(name);
        }
    }
    assert_eq!((failed.len(), destroyed.len()), (9, 2), "{failed:?} {destroyed:?}");
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let says = "Of eleven common migration steps, all pass on an empty database. With two rows in it, nine fail, and two destroy \
                data without any integrity check noticing.";
    assert!(readme.split_whitespace().collect::<Vec<_>>().join(" ").contains(says));
}
