//! The report of a migration that fails, and the database after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rstest::rstest;
use sqlitmus::ErrorKind;
use sqlitmus::migrations::{Ledger, Migrations};

use super::{check_error, embedded, folder, memory, number, objects};

/// Applies the files, which must fail with this report and leave no transaction open.
#[track_caller]
fn check(files: &[(&str, &str)], expected: &str) -> sqlitmus::Error {
    let mut conn = memory();
    conn.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    let error = embedded(files).apply(&mut conn).unwrap_err();
    check_error(&error, ErrorKind::Migration, "no folder".as_ref(), expected);
    assert!(conn.is_autocommit());
    error
}

#[test]
fn a_statement_that_sqlite_does_not_understand() {
    let dir = folder(&[
        ("1_a.sql", "CREATE TABLE a(x);\n"),
        ("2_b.sql", "-- why\n\nCREATE TABLE b(\n  x,\n  y GENERATED AS (z)\n);\n"),
    ]);
    let mut conn = memory();
    let error = Migrations::load(dir.path()).unwrap().apply(&mut conn).unwrap_err();
    check_error(
        &error,
        ErrorKind::Migration,
        dir.path(),
        "migration 2 failed: 2_b.sql\n\
         \n  sql:\n    CREATE TABLE b(\n      x,\n      y GENERATED AS (z)\n    );\n\
         \n  at <dir>/2_b.sql:5:\n  > y GENERATED AS (z)\n\
         \n  SQLite says:\n    no such column: z (code 1)\n\
         note: version 1 is intact: 1_a.sql",
    );
    assert_eq!(objects(&conn), ["table a"]);
    assert!(conn.is_autocommit());
    assert_eq!(error.migration_name(), Some("2_b.sql"));
    assert_eq!(error.file(), Some(&*dir.path().join("2_b.sql")));
    assert_eq!(error.sqlite_code(), Some(1));
    assert_eq!(error.sql_text(), Some("CREATE TABLE b(\n  x,\n  y GENERATED AS (z)\n);"));
}

#[test]
fn the_line_is_the_one_at_which_sqlite_stumbled() {
    check(
        &[("1_a.sql", "CREATE TABLE a(x);\r\nSELECT x,\r\n    größe,\r\n    nope\r\nFROM a;\r\n")],
        "migration 1 failed: 1_a.sql\n\
         \n  sql:\n    SELECT x,\n        größe,\n        nope\n    FROM a;\n\
         \n  at 1_a.sql:3:\n  > größe,\n\
         \n  SQLite says:\n    no such column: größe (code 1)\n\
         note: no migration is applied",
    );
}

#[test]
fn a_section_counts_the_lines_of_its_file() {
    check(
        &[("1_a.sql", "-- migrate:up\n\nCREATE TABLE a(x);\nINSERT INTO a\nVALUES (nope);\n\n-- migrate:down\n")],
        "migration 1 failed: 1_a.sql\n\
         \n  sql:\n    INSERT INTO a\n    VALUES (nope);\n\
         \n  at 1_a.sql:5:\n  > VALUES (nope);\n\
         \n  SQLite says:\n    no such column: nope (code 1)\n\
         note: no migration is applied",
    );
}

#[test]
fn a_row_that_a_constraint_refuses() {
    let error = check(
        &[("1_a.sql", "CREATE TABLE a(x UNIQUE);\nINSERT INTO a VALUES (1);\nINSERT INTO a VALUES (1);\n")],
        "migration 1 failed: 1_a.sql\n\
         \n  sql:\n    INSERT INTO a VALUES (1);\n\
         \n  at 1_a.sql:3:\n  > INSERT INTO a VALUES (1);\n\
         \n  SQLite says:\n    UNIQUE constraint failed: a.x (code 2067)\n\
         note: no migration is applied",
    );
    assert_eq!(error.sqlite_code(), Some(2067));
}

#[test]
fn text_that_is_no_sql() {
    check(
        &[("1_a.sql", "CREATE TABLE a(x);\nSELECT 'never closed;\n")],
        "migration 1 failed: 1_a.sql\n\
         \n  sql:\n    SELECT 'never closed;\n\
         \n  at 1_a.sql:2:\n  > SELECT 'never closed;\n\
         \n  SQLite says:\n    unrecognized token: \"'never closed;\n    \" (code 1)\n\
         note: no migration is applied",
    );
}

#[test]
fn a_long_statement_is_shown_around_the_fault() {
    let rows: Vec<String> =
        (1..=60).map(|row| if row == 40 { "  (nope)".to_owned() } else { format!("  ({row})") }).collect();
    let sql = format!("CREATE TABLE a(x);\nINSERT INTO a VALUES\n{};\n", rows.join(",\n"));
    let shown: Vec<String> = (28..=51).map(|row| format!("    {},", rows[row - 1])).collect();
    check(
        &[("1_a.sql", &sql)],
        &format!(
            "migration 1 failed: 1_a.sql\n\
             \n  sql:\n    INSERT INTO a VALUES\n    ... 27 lines ...\n{}\n    ... 9 lines ...\n\
             \n  at 1_a.sql:42:\n  > (nope),\n\
             \n  SQLite says:\n    no such column: nope (code 1)\n\
             note: no migration is applied",
            shown.join("\n")
        ),
    );
}

#[test]
fn a_foreign_key_that_fails_at_the_commit() {
    let mut conn = memory();
    conn.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    let history = embedded(&[
        ("1_a.sql", "CREATE TABLE a(id INTEGER PRIMARY KEY);"),
        ("2_b.sql", "CREATE TABLE b(a REFERENCES a(id) DEFERRABLE INITIALLY DEFERRED); INSERT INTO b VALUES (7);"),
    ]);
    let error = history.ledger(Ledger::UserVersion).apply(&mut conn).unwrap_err();
    check_error(
        &error,
        ErrorKind::Migration,
        "no folder".as_ref(),
        "migration 2 failed at COMMIT: 2_b.sql\n\
         \n  SQLite says:\n    FOREIGN KEY constraint failed (code 787)\n\
         note: version 1 is intact: 1_a.sql",
    );
    assert_eq!(objects(&conn), ["table a"]);
    assert_eq!(number(&conn, "PRAGMA user_version"), 1);
    assert!(conn.is_autocommit());
}

#[test]
fn all_of_rusqlite_migration_fails_together() {
    check(
        &[("1-a/up.sql", "CREATE TABLE a(x);"), ("2-b/up.sql", "CREATE TABLE a(x);")],
        "migration 2 failed: 2-b/up.sql\n\
         \n  sql:\n    CREATE TABLE a(x);\n\
         \n  at 2-b/up.sql:1:\n  > CREATE TABLE a(x);\n\
         \n  SQLite says:\n    table a already exists (code 1)\n\
         note: no migration is applied",
    );
}

#[test]
fn without_a_transaction_changes_are_committed() {
    let files = [("1_a.sql", "-- no-transaction\nCREATE TABLE a(x);\nCREATE TABLE b(\n  x);\nCREATE TABLE a(x);\n")];
    check(
        &files,
        "migration 1 failed: 1_a.sql\n\
         \n  sql:\n    CREATE TABLE a(x);\n\
         \n  at 1_a.sql:5:\n  > CREATE TABLE a(x);\n\
         \n  SQLite says:\n    table a already exists (code 1)\n\
         note: its changes up to line 4 were committed and stay",
    );
    let mut conn = memory();
    embedded(&files).ledger(Ledger::Table("ledger")).apply(&mut conn).unwrap_err();
    assert_eq!(objects(&conn), ["table a", "table b", "table ledger"]);
    assert_eq!(number(&conn, "SELECT count(*) FROM ledger"), 0);
}

#[test]
fn a_transaction_of_its_own_is_rolled_back() {
    let files = [("1_a.sql", "BEGIN;\nCREATE TABLE a(x);\nSELECT nope;\nCOMMIT;\n")];
    check(
        &files,
        "migration 1 failed: 1_a.sql\n\
         \n  sql:\n    SELECT nope;\n\
         \n  at 1_a.sql:3:\n  > SELECT nope;\n\
         \n  SQLite says:\n    no such column: nope (code 1)\n\
         note: no migration is applied",
    );
    let mut conn = memory();
    embedded(&files).apply(&mut conn).unwrap_err();
    assert!(objects(&conn).is_empty());
}

#[test]
fn an_earlier_pragma_is_not_a_committed_change() {
    let files = [(
        "1_a.sql",
        "-- no-transaction\nPRAGMA foreign_keys = OFF;\nBEGIN;\nCREATE TABLE a(x);\nSELECT nope;\nCOMMIT;\n",
    )];
    let error = embedded(&files).apply(&mut memory()).unwrap_err().to_string();
    assert!(error.ends_with("note: no migration is applied"), "{error}");
}

#[test]
fn a_transaction_that_is_left_open() {
    let files = [("1_a.sql", "CREATE TABLE a(x);\nBEGIN;\nCREATE TABLE b(x);\n")];
    check(
        &files,
        "migration 1 leaves a transaction open: 1_a.sql\n\
         \n  at 1_a.sql:2:\n  > BEGIN;\n\
         \n  help: end it with COMMIT\n\
         note: its changes up to line 1 were committed and stay",
    );
    let mut conn = memory();
    embedded(&files).apply(&mut conn).unwrap_err();
    assert_eq!(objects(&conn), ["table a"]);
}

#[test]
fn a_script_that_ends_the_transaction_of_its_runner() {
    check(
        &[("1_a.sql", "SELECT 1;"), ("2_b.sql", "CREATE TABLE a(x);\nCOMMIT;\nCREATE TABLE b(x);\n")],
        "migration 2 ends the transaction that it runs in: 2_b.sql\n\
         \n  at 2_b.sql:2:\n  > COMMIT;\n\
         \n  help: leave COMMIT to the runner\n\
         note: its changes up to line 3 were committed and stay",
    );
}

#[test]
fn changes_that_a_script_rolls_back_are_not_committed() {
    check(
        &[("1_a.sql", "SELECT 1;"), ("2_b.sql", "CREATE TABLE a(x);\nROLLBACK;\n")],
        "migration 2 ends the transaction that it runs in: 2_b.sql\n\
         \n  at 2_b.sql:2:\n  > ROLLBACK;\n\
         \n  help: leave COMMIT to the runner\n\
         note: version 1 is intact: 1_a.sql",
    );
}

#[test]
fn a_transaction_within_that_of_the_runner() {
    check(
        &[("1_a/up.sql", "BEGIN;\nCREATE TABLE a(x);\nCOMMIT;\n")],
        "migration 1 failed: 1_a/up.sql\n\
         \n  sql:\n    BEGIN;\n\
         \n  at 1_a/up.sql:1:\n  > BEGIN;\n\
         \n  SQLite says:\n    cannot start a transaction within a transaction (code 1)\n\
         \n  help: diesel runs each migration in a transaction: leave out BEGIN and COMMIT\n\
         note: no migration is applied",
    );
}

#[track_caller]
fn check_help(files: &[(&str, &str)], help: &str) {
    let error = embedded(files).apply(&mut memory()).unwrap_err().to_string();
    let found = error.lines().find_map(|line| line.strip_prefix("  help: "));
    assert_eq!(found, Some(help), "{error}");
}

#[test]
fn statements_that_cannot_run_in_a_transaction() {
    check_help(
        &[("1_a.sql", "VACUUM;")],
        "to run the file without a transaction, make `-- no-transaction` its first line",
    );
    check_help(
        &[("1_a.up.sql", "VACUUM;")],
        "to run the file without a transaction, make `-- no-transaction` its first line",
    );
    check_help(
        &[("1_a/up.sql", "VACUUM;")],
        "to run it without a transaction, write `run_in_transaction = false` in its metadata.toml",
    );
    check_help(
        &[("1_a.sql", "-- +goose Up\nVACUUM;")],
        "to run the file without a transaction, add `-- +goose NO TRANSACTION`",
    );
    check_help(
        &[("1_a.sql", "-- migrate:up\nVACUUM;")],
        "to run the section without a transaction, write `-- migrate:up transaction:false`",
    );
    check_help(
        &[("V1__a.sql", "VACUUM;")],
        "refinery runs each migration in a transaction, and this statement cannot be part of one",
    );
    check_help(
        &[("1-a/up.sql", "PRAGMA synchronous = OFF;")],
        "rusqlite_migration runs each migration in a transaction, and this statement cannot be part of one",
    );
}

#[test]
fn a_function_of_the_app() {
    check_help(
        &[("1_a.sql", "CREATE TABLE a(x); UPDATE a SET x = normalize(x, 'nfc');")],
        "if the app registers normalize, register it with Template::functions",
    );
}

#[test]
fn a_connection_within_a_transaction() {
    let mut conn = memory();
    conn.execute_batch("BEGIN; CREATE TABLE mine(x);").unwrap();
    let error = embedded(&[("1_a.sql", "SELECT 1;")]).apply(&mut conn).unwrap_err();
    check_error(
        &error,
        ErrorKind::Migration,
        "no folder".as_ref(),
        "the connection is within a transaction\n\
         \n  help: end it before migrations are applied or undone",
    );
    assert!(!conn.is_autocommit());
    assert_eq!(objects(&conn), ["table mine"]);
}

#[test]
fn undoing_fails() {
    let mut conn = memory();
    let history = embedded(&[
        ("1_a.up.sql", "CREATE TABLE a(x);"),
        ("1_a.down.sql", "DROP TABLE a;"),
        ("2_b.up.sql", "CREATE TABLE b(x);"),
        ("2_b.down.sql", "DROP TABLE b;\nDROP TABLE c;\n"),
    ])
    .ledger(Ledger::UserVersion);
    history.apply(&mut conn).unwrap();
    let error = history.down_to(&mut conn, 0).unwrap_err();
    check_error(
        &error,
        ErrorKind::Migration,
        "no folder".as_ref(),
        "undoing migration 2 failed: 2_b.down.sql\n\
         \n  sql:\n    DROP TABLE c;\n\
         \n  at 2_b.down.sql:2:\n  > DROP TABLE c;\n\
         \n  SQLite says:\n    no such table: c (code 1)\n\
         note: version 2 is intact: 2_b.up.sql",
    );
    assert_eq!(objects(&conn), ["table a", "table b"]);
    assert_eq!(number(&conn, "PRAGMA user_version"), 2);
}

#[test]
fn a_migration_that_cannot_be_undone() {
    let mut conn = memory();
    let history = embedded(&[
        ("1_a.up.sql", "CREATE TABLE a(x);"),
        ("2_b.up.sql", "CREATE TABLE b(x);"),
        ("2_b.down.sql", "DROP TABLE b;"),
    ]);
    history.apply(&mut conn).unwrap();
    let error = history.down_to(&mut conn, 0).unwrap_err();
    check_error(
        &error,
        ErrorKind::History,
        "no folder".as_ref(),
        "migration 1 cannot be undone: 1_a.up.sql has no down script\nnote: nothing has been undone",
    );
    assert_eq!(objects(&conn), ["table a", "table b"]);
    assert_eq!(history.down_to(&mut conn, 1).unwrap().len(), 1);
}

#[test]
fn a_version_that_is_not_there() {
    let mut conn = memory();
    let history = embedded(&[("1_a.sql", "SELECT 1;"), ("5_b.sql", "SELECT 2;"), ("9_c.sql", "SELECT 3;")]);
    for error in [
        history.up_to(&mut conn, 7).unwrap_err(),
        history.down_to(&mut conn, 7).unwrap_err(),
        history.up_from(&mut conn, 7, 9).unwrap_err(),
        history.down_from(&mut conn, 9, 7).unwrap_err(),
    ] {
        check_error(
            &error,
            ErrorKind::History,
            "no folder".as_ref(),
            "no migration has version 7\n\n  nearest:\n    5  5_b.sql\n    9  9_c.sql",
        );
    }
    let above = history.up_to(&mut conn, 10).unwrap_err().to_string();
    assert_eq!(above, "no migration has version 10\n\n  nearest:\n    9  9_c.sql");
    let below = history.up_to(&mut conn, -1).unwrap_err().to_string();
    assert_eq!(below, "no migration has version -1\n\n  nearest:\n    1  1_a.sql");
}

/// Interrupts at every step of SQLite's virtual machine, including BEGIN, COMMIT and the ledger; and again at the
/// ROLLBACK.
#[rstest]
#[case(1)]
#[case(2)]
fn an_interrupt_leaves_a_version(#[case] interrupts: usize) {
    let history = embedded(&[
        ("1_a.sql", "CREATE TABLE a(x); INSERT INTO a VALUES (1), (2); CREATE INDEX ax ON a(x);"),
        ("2_b.sql", "CREATE TABLE b(x); INSERT INTO b SELECT x FROM a; DROP TABLE a;"),
    ])
    .ledger(Ledger::UserVersion);
    let expected = [vec![], vec!["index ax", "table a"], vec!["table b"]];
    let notes = ["no migration is applied", "version 1 is intact: 1_a.sql", "version 2 is intact: 2_b.sql"];
    let mut failures = [0; 3];
    for point in 0.. {
        let mut conn = memory();
        let steps = Arc::new(AtomicUsize::new(0));
        let counter = steps.clone();
        let interrupt = move || (point..point + interrupts).contains(&counter.fetch_add(1, Ordering::Relaxed));
        let _ = conn.progress_handler(1, Some(interrupt));
        let applied = history.apply(&mut conn);
        let _ = conn.progress_handler(1, None::<fn() -> bool>);
        assert!(conn.is_autocommit(), "interrupted at {point}");
        let version = number(&conn, "PRAGMA user_version") as usize;
        assert_eq!(objects(&conn), expected[version], "interrupted at {point}");
        history.apply(&mut conn).unwrap();
        assert_eq!(objects(&conn), expected[2], "interrupted at {point}");
        if steps.load(Ordering::Relaxed) <= point {
            applied.unwrap();
            break;
        }
        if let Err(error) = applied {
            failures[version] += 1;
            // An interrupted COMMIT may have happened or not, so there is no note.
            let says = error.to_string();
            let says = notes.iter().position(|note| says.contains(note));
            assert!(says.is_none_or(|says| says == version), "interrupted at {point}, at version {version}: {error}");
        }
    }
    assert!(failures[0] > 10 && failures[1] > 10, "{failures:?}");
}
