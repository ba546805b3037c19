//! Folders and lists that are refused, and the reports.

use rstest::rstest;
use sqlitmus::ErrorKind;
use sqlitmus::migrations::Migrations;

use super::{check_error, embedded, folder, write};

#[track_caller]
fn check(files: &[(&str, &str)], expected: &str) {
    let dir = folder(files);
    let error = Migrations::load(dir.path()).unwrap_err();
    check_error(&error, ErrorKind::History, dir.path(), expected);
}

#[track_caller]
fn check_bytes(name: &str, content: &[u8], expected: &str) {
    let dir = folder(&[]);
    write(dir.path(), name, content);
    let error = Migrations::load(dir.path()).unwrap_err();
    check_error(&error, ErrorKind::History, dir.path(), expected);
    assert_eq!(error.file().unwrap(), dir.path().join(name));
    assert_eq!(error.migration_name(), Some(name));
}

#[track_caller]
fn check_list(files: &[(&str, &str)], expected: &str) {
    let error = Migrations::embedded(files).unwrap_err();
    check_error(&error, ErrorKind::History, "no folder".as_ref(), expected);
}

#[test]
fn a_folder_that_is_missing() {
    let dir = folder(&[]);
    let missing = dir.path().join("migrations");
    let error = Migrations::load(&missing).unwrap_err();
    check_error(
        &error,
        ErrorKind::History,
        dir.path(),
        "no such folder of migrations: <dir>/migrations\n\n  help: migrations in code are run by Template::migrate_to",
    );
    assert_eq!(error.file(), Some(&*missing));
    let error = Migrations::load(dir.path().join("schema.sql")).unwrap_err();
    check_error(&error, ErrorKind::History, dir.path(), "no such migration: <dir>/schema.sql");
}

#[test]
fn a_name_that_is_misspelled() {
    let dir = folder(&[("migrations/1_a.sql", "CREATE TABLE a(x);"), ("schema.sql", "CREATE TABLE a(x);")]);
    for (name, expected) in [
        ("migration", "no such folder of migrations: <dir>/migration\n\n  help: did you mean migrations?"),
        ("shema.sql", "no such migration: <dir>/shema.sql\n\n  help: did you mean schema.sql?"),
        // A file is not a folder, and vice versa.
        (
            "schema",
            "no such folder of migrations: <dir>/schema\n\n  help: migrations in code are run by Template::migrate_to",
        ),
        ("migrations.sql", "no such migration: <dir>/migrations.sql"),
    ] {
        let error = Migrations::load(dir.path().join(name)).unwrap_err();
        check_error(&error, ErrorKind::History, dir.path(), expected);
    }
}

#[test]
fn a_missing_folder_is_looked_for_in_the_current_one() {
    let error = Migrations::load("no/such/migrations").unwrap_err();
    check_error(
        &error,
        ErrorKind::History,
        &std::env::current_dir().unwrap(),
        "no such folder of migrations: no/such/migrations\n\n  \
         help: migrations in code are run by Template::migrate_to\n\
         note: looked for at <dir>/no/such/migrations",
    );
}

#[test]
fn a_file_that_is_no_sql() {
    let dir = folder(&[("schema.txt", "CREATE TABLE a(x);")]);
    let error = Migrations::load(dir.path().join("schema.txt")).unwrap_err();
    let expected = "neither a folder of migrations nor a .sql file: <dir>/schema.txt";
    check_error(&error, ErrorKind::History, dir.path(), expected);
}

#[test]
fn a_folder_without_migrations() {
    let help = "\n\n  help: a migration is a file such as 001_users.sql, or a folder such as 001_users with an up.sql";
    check(&[], &format!("no migration in the folder: <dir>{help}"));
    check(
        &[("README.md", ""), ("lib.rs", ""), ("a.json", ""), ("b.json", ""), ("c.json", ""), ("d.json", "")],
        &format!(
            "no migration in the folder: <dir>\n\n  what is there:\n    README.md\n    a.json\n    b.json\n    c.json\n    \
             d.json\n    ...{help}"
        ),
    );
    check_list(&[], "no migration in the list");
}

#[test]
fn two_formats_in_one_folder() {
    check(
        &[("001_a.sql", "SELECT 1;"), ("V3__c.sql", "SELECT 3;")],
        "migrations of two formats: plain and refinery\n\
         \n  folder:\n    <dir>\n\
         \n  files:\n    001_a.sql  looks like plain (001_users.sql)\n    V3__c.sql  looks like refinery (V1__users.sql)\n\
         \n  help: a runner of one format ignores the files of the other: keep one format",
    );
}

#[rstest]
#[case(&[("001_a.sql", "SELECT 1;"), ("2_b/up.sql", "SELECT 2;")], "plain and diesel")]
#[case(&[("001_a.sql", "SELECT 1;"), ("2_b/migration.sql", "SELECT 2;")], "plain and prisma")]
#[case(&[("1_a.sql", "-- +goose Up\nSELECT 1;"), ("2_b.sql", "-- migrate:up\nSELECT 2;")], "goose and dbmate")]
fn formats_that_are_mixed(#[case] files: &[(&str, &str)], #[case] formats: &str) {
    let error = Migrations::embedded(files).unwrap_err();
    assert_eq!(error.headline(), format!("migrations of two formats: {formats}"));
}

#[test]
fn two_migrations_of_one_version() {
    check(
        &[("002_a.up.sql", "SELECT 1;"), ("2_b.up.sql", "SELECT 2;"), ("1_c.up.sql", "SELECT 3;")],
        "two migrations have version 2\n\
         \n  folder:\n    <dir>\n\
         \n  files:\n    002_a.up.sql\n    2_b.up.sql",
    );
    check_list(
        &[("1_a.up.sql", "SELECT 1;"), ("1_a.down.sql", "SELECT 2;"), ("1_b.down.sql", "SELECT 3;")],
        "two migrations have version 1\n\n  files:\n    1_a.down.sql\n    1_b.down.sql",
    );
    check_list(
        &[("1_a.up.sql", "SELECT 1;"), ("1_a.down.sql", "SELECT 2;"), ("1_b.up.sql", "SELECT 3;")],
        "two migrations have version 1\n\n  files:\n    1_a.up.sql\n    1_b.up.sql",
    );
}

#[test]
fn a_gap_in_a_history_of_rusqlite_migration() {
    check_list(
        &[("01-a/up.sql", "SELECT 1;"), ("03-b/up.sql", "SELECT 2;")],
        "rusqlite_migration finds no migration 2: 03-b/up.sql\n\
         \n  order:\n    before it comes  01-a/up.sql\n\
         \n  help: number the folders from 1 without a gap",
    );
    check_list(
        &[("0-a/up.sql", "SELECT 1;"), ("1-b/up.sql", "SELECT 2;")],
        "rusqlite_migration finds no migration 1: 0-a/up.sql\n\
         \n  order:\n    there is none before\n\
         \n  help: number the folders from 1 without a gap",
    );
}

#[test]
fn a_gap_elsewhere_is_no_error() {
    embedded(&[("1_a.sql", "SELECT 1;"), ("3_b.sql", "SELECT 2;")]);
    embedded(&[("V1__a.sql", "SELECT 1;"), ("V3__b.sql", "SELECT 2;")]);
    embedded(&[("1_a/up.sql", "SELECT 1;"), ("3_b/up.sql", "SELECT 2;")]);
}

#[test]
fn a_file_that_is_not_utf8() {
    check_bytes(
        "1_a.sql",
        b"SELECT 1;\nSELECT 'gr\xfc\xdfe';",
        "migration is not UTF-8: <dir>/1_a.sql\n\
         \n  first invalid byte:\n    0xfc at byte 20, line 2\n\
         \n  help: save it as UTF-8",
    );
    check_bytes(
        "1_a.sql",
        b"\xff\xfeS\0E\0L\0",
        "migration is not UTF-8: <dir>/1_a.sql\n\
         \n  first invalid byte:\n    0xff at byte 0, line 1\n\
         \n  help: save it as UTF-8: it is UTF-16",
    );
    check_bytes(
        "1_a.sql",
        b"SELECT 1;\n\0SELECT 2;",
        "migration contains a NUL byte: <dir>/1_a.sql\n\
         \n  where:\n    byte 10, line 2\n\
         \n  help: SQLite stops reading there: remove it, or save the file as UTF-8",
    );
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_read() {
    let dir = folder(&[]);
    std::os::unix::fs::symlink("nowhere", dir.path().join("1_a.sql")).unwrap();
    let error = Migrations::load(dir.path()).unwrap_err();
    check_error(
        &error,
        ErrorKind::History,
        dir.path(),
        "cannot read the migration: <dir>/1_a.sql\n\
         \n  the system says:\n    No such file or directory (os error 2)",
    );
}

#[test]
fn a_down_script_without_its_up_script() {
    check(
        &[("1_a/up.sql", "SELECT 1;"), ("2_b/down.sql", "SELECT 2;")],
        "migration 2 can be undone, but not applied: <dir>/2_b/down.sql\n\
         \n  help: add the file that applies it, or remove this one",
    );
    check(
        &[("1_a/down.sql", "SELECT 1;")],
        "migration 1 can be undone, but not applied: <dir>/1_a/down.sql\n\
         \n  help: add the file that applies it, or remove this one",
    );
}

#[test]
fn a_schema_alone_in_a_folder() {
    check(
        &[("schema.sql", "SELECT 1;")],
        "no migration in the folder: <dir>\n\
         \n  what is there:\n    schema.sql\n\
         \n  help: if schema.sql is the whole schema, load the file: <dir>/schema.sql",
    );
}

#[test]
fn a_name_in_a_list_that_does_not_end_with_sql() {
    check_list(
        &[("001_users", "SELECT 1;")],
        "migration whose name does not end with .sql: 001_users\n\n  help: rename it",
    );
}

#[test]
fn a_rust_program_among_refinery_files() {
    check(
        &[("V1__a.sql", "SELECT 1;"), ("V2__b.rs", "")],
        "migration in Rust: <dir>/V2__b.rs\n\
         \n  help: refinery would run it here, and sqlitmus cannot: let refinery create the database, by \
         Template::migrate_with",
    );
    let dir = folder(&[("001_a.sql", "SELECT 1;"), ("V2__b.rs", "")]);
    Migrations::load(dir.path()).unwrap();
}

#[test]
fn a_go_program_among_goose_files() {
    check(
        &[("001_a.sql", "-- +goose Up\nSELECT 1;\n"), ("002_b.go", "package migrations")],
        "migration in Go: <dir>/002_b.go\n\
         \n  help: goose would run it here, and sqlitmus cannot: let goose create the database, by \
         Template::migrate_path",
    );
    let dir = folder(&[("001_a.sql", "SELECT 1;"), ("002_b.go", "package migrations")]);
    Migrations::load(dir.path()).unwrap();
}

#[test]
fn a_file_without_its_sections() {
    check(
        &[("1_a.sql", "-- +goose Up\nSELECT 1;\n"), ("2_b.sql", "SELECT 2;\n")],
        "goose file without an Up section: <dir>/2_b.sql\n\
         \n  help: write `-- +goose Up` on a line of its own above its first statement",
    );
    check(
        &[("1_a.sql", "-- migrate:down\nSELECT 1;\n")],
        "dbmate file without an Up section: <dir>/1_a.sql\n\
         \n  help: write `-- migrate:up` on a line of its own above its first statement",
    );
}

#[test]
fn files_that_a_runner_refuses_are_refused_with_the_line() {
    check(
        &[("1_a.sql", "-- +goose Up\nCREATE TRIGGER t AFTER INSERT ON a BEGIN\n  SELECT 1;\nEND;\n")],
        "statement that goose cuts in two: <dir>/1_a.sql:3\n\
         \n  help: write `-- +goose StatementBegin` above the statement and `-- +goose StatementEnd` below it",
    );
    check(
        &[("1_a.sql", "SELECT 1;\n-- migrate:up\nSELECT 2;\n")],
        "SQL before `-- migrate:up`: <dir>/1_a.sql:1\n\
         \n  help: dbmate refuses the file: move the statement below `-- migrate:up`",
    );
}

#[rstest]
#[case("-- +migrate Up\nSELECT 1;\n-- +migrate Down\nSELECT 2;\n", "sql-migrate")]
#[case("SELECT 1;\n---- create above / drop below ----\nSELECT 2;\n", "tern")]
fn sections_of_a_tool_that_is_not_known(#[case] content: &str, #[case] tool: &str) {
    check(
        &[("1_a.sql", content)],
        &format!(
            "migration in the format of {tool}: <dir>/1_a.sql\n\
             \n  help: sqlitmus does not support it: apply it with the app's own code, by Template::migrate_with"
        ),
    );
}
