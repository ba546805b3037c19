//! The ledgers of migrations.

use rstest::rstest;
use sqlitmus::ErrorKind;
use sqlitmus::migrations::{Ledger, Migrations};

use super::{check_error, column, embedded, memory, number, objects};

fn history(ledger: Ledger) -> Migrations {
    embedded(&[
        ("1_a.up.sql", "CREATE TABLE a(x);"),
        ("1_a.down.sql", "DROP TABLE a;"),
        ("2_b.up.sql", "CREATE TABLE b(x);"),
        ("2_b.down.sql", "DROP TABLE b;"),
        ("5_c.up.sql", "CREATE TABLE c(x);"),
        ("5_c.down.sql", "DROP TABLE c;"),
    ])
    .ledger(ledger)
}

/// A ledger can be a constant.
const TABLE: Ledger = Ledger::Table("_migrations");

#[rstest]
#[case(Ledger::UserVersion)]
#[case(TABLE)]
fn applied_migrations_are_not_applied_again(#[case] ledger: Ledger) {
    let history = history(ledger);
    let mut conn = memory();
    assert_eq!(history.pending(&conn).unwrap().len(), 3);
    assert!(objects(&conn).is_empty(), "asking leaves nothing behind");
    assert_eq!(history.up_to(&mut conn, 2).unwrap().iter().collect::<Vec<_>>(), [1, 2]);
    assert!(history.up_to(&mut conn, 1).unwrap().is_empty());
    let pending = history.pending(&conn).unwrap();
    assert_eq!(pending.iter().map(|migration| migration.name()).collect::<Vec<_>>(), ["5_c.up.sql"]);
    assert_eq!(history.apply(&mut conn).unwrap().iter().collect::<Vec<_>>(), [5]);
    assert!(history.apply(&mut conn).unwrap().is_empty());
    assert!(history.pending(&conn).unwrap().is_empty());
}

#[rstest]
#[case(Ledger::UserVersion)]
#[case(TABLE)]
fn pending_migrations_are_not_undone(#[case] ledger: Ledger) {
    let history = history(ledger);
    let mut conn = memory();
    history.up_to(&mut conn, 2).unwrap();
    assert_eq!(history.down_to(&mut conn, 1).unwrap().iter().collect::<Vec<_>>(), [2]);
    assert_eq!(history.pending(&conn).unwrap().len(), 2);
    assert_eq!(history.down_to(&mut conn, 0).unwrap().iter().collect::<Vec<_>>(), [1]);
    assert!(history.down_to(&mut conn, 0).unwrap().is_empty());
    assert_eq!(history.apply(&mut conn).unwrap().len(), 3);
}

#[test]
fn user_version_is_that_of_the_newest() {
    let history = history(Ledger::UserVersion);
    let mut conn = memory();
    history.apply(&mut conn).unwrap();
    assert_eq!(number(&conn, "PRAGMA user_version"), 5);
    history.down_to(&mut conn, 2).unwrap();
    assert_eq!(number(&conn, "PRAGMA user_version"), 2);
    history.down_to(&mut conn, 0).unwrap();
    assert_eq!(number(&conn, "PRAGMA user_version"), 0);
}

#[test]
fn a_table_has_a_row_for_each() {
    let history = history(TABLE);
    let mut conn = memory();
    history.up_to(&mut conn, 2).unwrap();
    let rows = "SELECT id || ' ' || name || ' ' || (datetime(applied_at) IS NOT NULL) FROM _migrations ORDER BY id";
    assert_eq!(column(&conn, rows), ["1 1_a.up.sql 1", "2 2_b.up.sql 1"]);
    let sql = column(&conn, "SELECT sql FROM sqlite_master WHERE name = '_migrations'");
    assert_eq!(
        sql,
        [
            r#"CREATE TABLE "_migrations"(id INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)"#
        ]
    );
    history.down_to(&mut conn, 1).unwrap();
    assert_eq!(column(&conn, rows), ["1 1_a.up.sql 1"]);
}

#[rstest]
#[case("order")]
#[case("it's")]
#[case(r#"a "quoted" name"#)]
#[case("x); DROP TABLE a; --")]
#[case("größe")]
fn a_table_may_have_any_name(#[case] name: &'static str) {
    let history = history(Ledger::Table(name));
    let mut conn = memory();
    history.apply(&mut conn).unwrap();
    assert!(history.apply(&mut conn).unwrap().is_empty());
    assert!(objects(&conn).contains(&format!("table {name}")));
    assert_eq!(history.down_to(&mut conn, 0).unwrap().len(), 3);
}

#[rstest]
#[case(Ledger::UserVersion)]
#[case(TABLE)]
fn a_failure_leaves_the_ledger_as_it_was(#[case] ledger: Ledger) {
    let good = history(ledger);
    let bad =
        embedded(&[("1_a.sql", "CREATE TABLE a(x);"), ("2_b.sql", "CREATE TABLE b(x); SELECT nope;")]).ledger(ledger);
    let mut conn = memory();
    bad.apply(&mut conn).unwrap_err();
    assert_eq!(bad.pending(&conn).unwrap().len(), 1);
    assert_eq!(good.apply(&mut conn).unwrap().iter().collect::<Vec<_>>(), [2, 5]);
}

#[test]
fn a_failure_of_the_first_leaves_no_table() {
    let mut conn = memory();
    embedded(&[("1_a.sql", "SELECT nope;")]).ledger(TABLE).apply(&mut conn).unwrap_err();
    assert!(objects(&conn).is_empty());
}

#[rstest]
#[case::no_transaction("-- no-transaction\nVACUUM;")]
#[case::own("BEGIN; CREATE TABLE a(x); COMMIT;")]
#[case::changes_the_version("PRAGMA user_version = 77;")]
fn every_script_has_its_entry(#[case] sql: &str) {
    for ledger in [Ledger::UserVersion, TABLE] {
        let history = embedded(&[("1_a.sql", sql)]).ledger(ledger);
        let mut conn = memory();
        history.apply(&mut conn).unwrap();
        assert!(history.apply(&mut conn).unwrap().is_empty());
    }
}

#[test]
fn a_script_can_ask_for_the_table() {
    let history = embedded(&[("1_a.sql", "DELETE FROM _migrations WHERE id = 7;")]).ledger(TABLE);
    history.apply(&mut memory()).unwrap();
}

#[test]
fn rusqlite_migration_rolls_back_all_entries() {
    let history = embedded(&[("1-a/up.sql", "SELECT 1;"), ("2-b/up.sql", "SELECT nope;")]).ledger(Ledger::UserVersion);
    let mut conn = memory();
    history.apply(&mut conn).unwrap_err();
    assert_eq!(number(&conn, "PRAGMA user_version"), 0);
    assert_eq!(history.up_to(&mut conn, 1).unwrap().len(), 1);
    assert_eq!(number(&conn, "PRAGMA user_version"), 1);
}

/// sqlx, diesel and dbmate do the same.
#[test]
fn a_late_migration_is_applied() {
    let mut conn = memory();
    embedded(&[("1_a.sql", "SELECT 1;"), ("5_c.sql", "SELECT 5;")]).ledger(TABLE).apply(&mut conn).unwrap();
    let late = embedded(&[
        ("1_a.sql", "SELECT 1;"),
        ("2_b.sql", "SELECT 2;"),
        ("5_c.sql", "SELECT 5;"),
        ("6_d.sql", "SELECT 6;"),
    ])
    .ledger(TABLE);
    assert_eq!(late.apply(&mut conn).unwrap().iter().collect::<Vec<_>>(), [2, 6]);
}

#[test]
fn a_database_that_is_ahead() {
    let mut conn = memory();
    embedded(&[("1_a.sql", "SELECT 1;"), ("7_b.sql", "SELECT 7;")]).ledger(TABLE).apply(&mut conn).unwrap();
    let history = history(TABLE);
    let expected = "the database is ahead of its migrations: version 7\n\
                    \n  ledger:\n    the table _migrations has version 7\n\
                    \n  newest migration:\n    5  5_c.up.sql";
    for error in [
        history.apply(&mut conn).unwrap_err(),
        history.up_to(&mut conn, 1).unwrap_err(),
        history.down_to(&mut conn, 1).unwrap_err(),
        history.pending(&conn).unwrap_err(),
    ] {
        check_error(&error, ErrorKind::Migration, "no folder".as_ref(), expected);
    }
}

#[test]
fn a_database_with_a_version_of_another_history() {
    let mut conn = memory();
    conn.execute_batch("PRAGMA user_version = 3").unwrap();
    let error = history(Ledger::UserVersion).apply(&mut conn).unwrap_err();
    check_error(
        &error,
        ErrorKind::Migration,
        "no folder".as_ref(),
        "the database has a migration that the history does not have: version 3\n\
         \n  ledger:\n    user_version has version 3\n\
         \n  newest migration:\n    5  5_c.up.sql",
    );
}

#[test]
fn a_version_that_user_version_cannot_hold() {
    let mut conn = memory();
    let history =
        embedded(&[("1_a.sql", "SELECT 1;"), ("20260131120000_b.sql", "SELECT 2;")]).ledger(Ledger::UserVersion);
    let expected = "version 20260131120000 does not fit into user_version: 20260131120000_b.sql\n\
                    \n  what fits:\n    1 to 2147483647\n\
                    \n  help: keep the ledger in a table: Ledger::Table(\"_migrations\")";
    for error in [history.apply(&mut conn).unwrap_err(), history.up_from(&mut conn, 0, 1).unwrap_err()] {
        check_error(&error, ErrorKind::History, "no folder".as_ref(), expected);
    }
    let zero = embedded(&[("0_a.sql", "SELECT 1;")]).ledger(Ledger::UserVersion).apply(&mut conn).unwrap_err();
    assert_eq!(zero.headline(), "version 0 does not fit into user_version: 0_a.sql");
}

#[test]
fn a_table_that_is_no_ledger() {
    let mut conn = memory();
    conn.execute_batch("CREATE TABLE _migrations(version TEXT)").unwrap();
    let error = history(TABLE).apply(&mut conn).unwrap_err();
    check_error(
        &error,
        ErrorKind::Sqlite,
        "no folder".as_ref(),
        "cannot read the ledger _migrations\n\
         \n  SQLite says:\n    no such column: id (code 1)",
    );
    let error = history(Ledger::Table("sqlite_ledger")).apply(&mut conn).unwrap_err();
    check_error(
        &error,
        ErrorKind::Migration,
        "no folder".as_ref(),
        "migration 1 failed at its ledger: 1_a.up.sql\n\
         \n  SQLite says:\n    object name reserved for internal use: sqlite_ledger (code 1)\n\
         note: no migration is applied",
    );
    assert!(conn.is_autocommit());
}

#[test]
fn a_step_writes_the_ledger_without_reading_it() {
    let history = history(TABLE);
    let mut conn = memory();
    history.up_from(&mut conn, 0, 2).unwrap();
    assert_eq!(history.pending(&conn).unwrap().len(), 1);
    history.down_from(&mut conn, 2, 1).unwrap();
    assert_eq!(history.pending(&conn).unwrap().len(), 2);
    history.apply(&mut conn).unwrap();
    history.down_from(&mut conn, 2, 1).unwrap();
    assert_eq!(column(&conn, "SELECT name FROM _migrations ORDER BY id"), ["1_a.up.sql", "5_c.up.sql"]);
}
