//! Applying and undoing: transactions, steps and directions.

use rstest::rstest;
use sqlitmus::migrations::{Applied, Ledger, Migrations};

use super::{column, embedded, folder, memory, number, objects};

/// Three migrations that can be undone, with a gap between the numbers.
fn three() -> Migrations {
    embedded(&[
        ("1_a.up.sql", "CREATE TABLE a(x);"),
        ("1_a.down.sql", "DROP TABLE a;"),
        ("2_b.up.sql", "CREATE TABLE b(x);"),
        ("2_b.down.sql", "DROP TABLE b;"),
        ("5_c.up.sql", "CREATE TABLE c(x);"),
        ("5_c.down.sql", "DROP TABLE c;"),
    ])
}

fn list(applied: &Applied) -> Vec<i64> {
    applied.iter().collect()
}

#[test]
fn a_part_of_the_history_can_be_applied() {
    let history = three();
    let mut conn = memory();
    assert_eq!(list(&history.up_to(&mut conn, 2).unwrap()), [1, 2]);
    assert_eq!(objects(&conn), ["table a", "table b"]);
    assert_eq!(list(&history.up_from(&mut conn, 2, 5).unwrap()), [5]);
    assert_eq!(objects(&conn), ["table a", "table b", "table c"]);
}

#[test]
fn version_0_is_the_empty_database() {
    let history = three();
    let mut conn = memory();
    assert!(history.up_to(&mut conn, 0).unwrap().is_empty());
    assert_eq!(list(&history.up_from(&mut conn, 0, 1).unwrap()), [1]);
    assert_eq!(list(&history.down_from(&mut conn, 1, 0).unwrap()), [1]);
    assert!(objects(&conn).is_empty());
}

#[test]
fn version_0_of_a_history_is_not_the_empty_database() {
    let history = embedded(&[("0_a.up.sql", "CREATE TABLE a(x);"), ("0_a.down.sql", "DROP TABLE a;")]);
    let mut conn = memory();
    assert!(history.up_to(&mut conn, -1).unwrap().is_empty());
    assert_eq!(list(&history.up_to(&mut conn, 0).unwrap()), [0]);
    assert!(history.down_to(&mut conn, 0).unwrap().is_empty());
    assert_eq!(list(&history.down_to(&mut conn, -1).unwrap()), [0]);
}

#[test]
fn the_newest_is_undone_first() {
    let history = three();
    let mut conn = memory();
    history.apply(&mut conn).unwrap();
    assert_eq!(list(&history.down_to(&mut conn, 1).unwrap()), [5, 2]);
    assert_eq!(objects(&conn), ["table a"]);
}

#[test]
fn without_a_ledger_a_part_is_undone_from_where_it_is() {
    let history = three();
    let mut conn = memory();
    history.up_to(&mut conn, 2).unwrap();
    assert_eq!(list(&history.down_from(&mut conn, 2, 0).unwrap()), [2, 1]);
    assert!(history.down_from(&mut conn, 1, 2).unwrap().is_empty());
    assert!(history.up_from(&mut conn, 2, 1).unwrap().is_empty());
    assert!(objects(&conn).is_empty());
}

#[test]
fn without_a_ledger_everything_is_pending() {
    let history = three();
    let mut conn = memory();
    assert_eq!(history.pending(&conn).unwrap().len(), 3);
    history.apply(&mut conn).unwrap();
    assert_eq!(history.pending(&conn).unwrap().len(), 3);
}

#[test]
fn statements_may_return_rows() {
    let history = embedded(&[(
        "1_a.sql",
        "PRAGMA table_list; CREATE TABLE a(x); INSERT INTO a VALUES (1), (2), (3) RETURNING x; SELECT x FROM a;",
    )]);
    let mut conn = memory();
    history.apply(&mut conn).unwrap();
    assert_eq!(number(&conn, "SELECT count(*) FROM a"), 3);
}

/// A function that inserts for each row of a SELECT would run only once if the statement were stepped only once.
#[test]
fn statements_run_to_their_last_row() {
    let history = embedded(&[("1_a.sql", "CREATE TABLE log(x); SELECT note(value) FROM json_each('[1, 2, 3]');")]);
    let mut conn = memory();
    let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = count.clone();
    let flags = sqlitmus::rusqlite::functions::FunctionFlags::SQLITE_UTF8;
    conn.create_scalar_function("note", 1, flags, move |_| {
        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(1)
    })
    .unwrap();
    history.apply(&mut conn).unwrap();
    assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), 3);
}

/// Outside a transaction `PRAGMA foreign_keys` works; inside it does nothing.
const SWITCH: &str = "PRAGMA foreign_keys = OFF;";

#[rstest]
#[case::plain(&[("1_a.sql", SWITCH)], true)]
#[case::no_transaction(&[("1_a.sql", "-- no-transaction\nPRAGMA foreign_keys = OFF;")], false)]
#[case::not_at_the_first_byte(&[("1_a.sql", " -- no-transaction\nPRAGMA foreign_keys = OFF;")], true)]
#[case::paired(&[("1_a.up.sql", "-- no-transaction\nPRAGMA foreign_keys = OFF;")], false)]
#[case::refinery(&[("V1__a.sql", "-- no-transaction\nPRAGMA foreign_keys = OFF;")], true)]
#[case::diesel(&[("1_a/up.sql", SWITCH)], true)]
#[case::diesel_metadata(&[("1_a/up.sql", SWITCH), ("1_a/metadata.toml", "run_in_transaction = true")], true)]
#[case::diesel_without(&[("1_a/up.sql", SWITCH), ("1_a/metadata.toml", "run_in_transaction = false")], false)]
#[case::diesel_without_the_key(&[("1_a/up.sql", SWITCH), ("1_a/metadata.toml", "# nothing")], false)]
#[case::diesel_of_another(&[("1/up.sql", SWITCH), ("11_b/up.sql", SWITCH), ("11_b/metadata.toml", "")], true)]
#[case::rusqlite_migration(&[("1-a/up.sql", SWITCH)], true)]
#[case::goose(&[("1_a.sql", "-- +goose Up\nPRAGMA foreign_keys = OFF;")], true)]
#[case::goose_without(&[("1_a.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nPRAGMA foreign_keys = OFF;")], false)]
#[case::dbmate(&[("1_a.sql", "-- migrate:up\nPRAGMA foreign_keys = OFF;")], true)]
#[case::dbmate_without(&[("1_a.sql", "-- migrate:up transaction:false\nPRAGMA foreign_keys = OFF;")], false)]
#[case::goose_without_in_lower_case(&[("1_a.sql", "-- +goose up\n-- +goose no transaction\nPRAGMA foreign_keys = OFF;")], false)]
#[case::diesel_metadata_that_is_no_toml(&[("1_a/up.sql", SWITCH), ("1_a/metadata.toml", "run_in_transaction = no")], true)]
#[case::dbmate_misspelled(&[("1_a.sql", "-- migrate:up transaction: false\nPRAGMA foreign_keys = OFF;")], true)]
#[case::autocommit_of_pop(&[("1_a.autocommit.up.sql", SWITCH)], false)]
#[case::prisma(&[("1_a/migration.sql", SWITCH)], false)]
#[case::flyway(&[("V1__add-a.sql", SWITCH)], false)]
#[case::flyway_in_a_comment(&[("V1__add-a.sql", "-- PRAGMA foreign_keys\nSELECT 1;")], true)]
#[case::drizzle(&[("1_a.sql", SWITCH), ("meta/_journal.json", r#"{"entries": [{"tag": "1_a", "when": 1}]}"#)], true)]
#[case::own(&[("1_a.sql", "PRAGMA foreign_keys = OFF; BEGIN; SELECT 1; COMMIT;")], false)]
fn a_migration_runs_in_a_transaction(#[case] files: &[(&str, &str)], #[case] wrapped: bool) {
    let mut conn = memory();
    conn.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    embedded(files).up_to(&mut conn, 1).unwrap();
    assert_eq!(number(&conn, "PRAGMA foreign_keys") == 1, wrapped);
}

#[test]
fn each_direction_has_its_own_rule() {
    let history = embedded(&[
        ("1_a.up.sql", "-- no-transaction\nVACUUM;"),
        ("1_a.down.sql", "PRAGMA foreign_keys = OFF;"),
        ("2_b.up.sql", "PRAGMA foreign_keys = OFF;"),
        ("2_b.down.sql", "-- no-transaction\nVACUUM;"),
    ]);
    let mut conn = memory();
    conn.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    history.apply(&mut conn).unwrap();
    history.down_to(&mut conn, 0).unwrap();
    assert_eq!(number(&conn, "PRAGMA foreign_keys"), 1);
}

#[test]
fn rusqlite_migration_applies_all_or_nothing() {
    let history = embedded(&[("1-a/up.sql", "CREATE TABLE a(x);"), ("2-b/up.sql", "CREATE TABLE a(x);")]);
    let mut conn = memory();
    history.apply(&mut conn).unwrap_err();
    assert!(objects(&conn).is_empty());
    assert!(conn.is_autocommit());
}

#[test]
fn drizzle_applies_all_or_nothing() {
    let history = embedded(&[
        ("0000_a.sql", "CREATE TABLE a(x);\n--> statement-breakpoint\nCREATE TABLE b(x);"),
        ("0001_b.sql", "CREATE TABLE a(x);"),
        ("meta/_journal.json", r#"{"entries": [{"when": 1, "tag": "0000_a"}, {"when": 2, "tag": "0001_b"}]}"#),
    ]);
    let mut conn = memory();
    history.apply(&mut conn).unwrap_err();
    assert!(objects(&conn).is_empty());
    assert_eq!(history.up_to(&mut conn, 0).unwrap().len(), 1);
    assert_eq!(objects(&conn), ["table a", "table b"]);
}

/// diesel compares versions as text, so the order is not that of the numbers.
#[rstest]
#[case(Ledger::None)]
#[case(Ledger::UserVersion)]
#[case(Ledger::Table("_migrations"))]
fn versions_need_not_ascend(#[case] ledger: Ledger) {
    let history = embedded(&[
        ("2_c/up.sql", "ALTER TABLE b RENAME TO c;"),
        ("2_c/down.sql", "ALTER TABLE c RENAME TO b;"),
        ("1_a/up.sql", "CREATE TABLE a(x);"),
        ("1_a/down.sql", "DROP TABLE a;"),
        ("10_b/up.sql", "ALTER TABLE a RENAME TO b;"),
        ("10_b/down.sql", "ALTER TABLE b RENAME TO a;"),
    ])
    .ledger(ledger);
    let mut conn = memory();
    assert_eq!(list(&history.up_to(&mut conn, 10).unwrap()), [1, 10]);
    let rest = if ledger == Ledger::None { history.up_from(&mut conn, 10, 2) } else { history.apply(&mut conn) };
    assert_eq!(list(&rest.unwrap()), [2]);
    assert!(objects(&conn).contains(&"table c".to_owned()));
    assert_eq!(list(&history.down_to(&mut conn, 10).unwrap()), [2]);
    assert_eq!(list(&history.down_from(&mut conn, 10, 0).unwrap()), [10, 1]);
}

/// An empty script is a step that changes nothing.
#[rstest]
#[case("")]
#[case(" \r\n\t")]
#[case("-- later\n/* or never */ ;")]
#[case("\u{feff}")]
fn a_script_may_have_no_statement(#[case] blank: &str) {
    let history = embedded(&[
        ("1_a/up.sql", "CREATE TABLE a(x);"),
        ("1_a/down.sql", blank),
        ("2_b/up.sql", blank),
        ("2_b/down.sql", blank),
    ]);
    let mut conn = memory();
    assert_eq!(list(&history.apply(&mut conn).unwrap()), [1, 2]);
    assert_eq!(list(&history.down_to(&mut conn, 0).unwrap()), [2, 1]);
    assert_eq!(objects(&conn), ["table a"]);
    assert!(history.iter().all(|migration| migration.down_sql().is_none()));
}

#[test]
fn other_formats_keep_applied_migrations() {
    let history = embedded(&[("1_a.sql", "CREATE TABLE a(x);"), ("2_b.sql", "CREATE TABLE b(x); CREATE TABLE a(x);")]);
    let mut conn = memory();
    history.apply(&mut conn).unwrap_err();
    assert_eq!(objects(&conn), ["table a"]);
    assert!(conn.is_autocommit());
}

/// sqlx runs the file in a transaction. To leave it, the script has to end it and begin another one.
#[test]
fn a_script_may_leave_its_transaction_and_begin_another() {
    let sql = "COMMIT; PRAGMA foreign_keys = OFF; BEGIN; CREATE TABLE a(x); COMMIT; PRAGMA foreign_keys = ON; BEGIN;";
    let mut conn = memory();
    embedded(&[("1_a.sql", sql)]).apply(&mut conn).unwrap();
    assert_eq!(objects(&conn), ["table a"]);
    assert!(conn.is_autocommit());
}

#[test]
fn only_the_section_is_run() {
    let history = embedded(&[(
        "1_a.sql",
        "-- +goose Up\nCREATE TABLE a(x);\nCREATE TABLE b(x);\n-- +goose Down\nDROP TABLE b;\nDROP TABLE a;\n",
    )]);
    let mut conn = memory();
    history.apply(&mut conn).unwrap();
    assert_eq!(objects(&conn), ["table a", "table b"]);
    history.down_to(&mut conn, 0).unwrap();
    assert!(objects(&conn).is_empty());
}

#[test]
fn a_trigger_with_several_statements_is_applied() {
    let history = embedded(&[(
        "1_a.sql",
        "CREATE TABLE a(x); CREATE TABLE log(x);
         CREATE TRIGGER t AFTER INSERT ON a BEGIN
           INSERT INTO log VALUES (CASE WHEN new.x > 1 THEN 'big;' ELSE 'small;' END);
           INSERT INTO log VALUES ('end;');
         END;
         INSERT INTO a VALUES (2);",
    )]);
    let mut conn = memory();
    history.apply(&mut conn).unwrap();
    assert_eq!(column(&conn, "SELECT x FROM log"), ["big;", "end;"]);
}

#[test]
fn files_are_read_once() {
    let dir = folder(&[("1_a.sql", "CREATE TABLE a(x);")]);
    let history = Migrations::load(dir.path()).unwrap();
    drop(dir);
    history.clone().apply(&mut memory()).unwrap();
}
