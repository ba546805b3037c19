//! Folders as they are found in the field, each loaded as its runner would load it.

use std::fmt::Write as _;

use rstest::rstest;
use sqlitmus::migrations::Migrations;

use super::folder;

/// Returns the history that a folder is loaded as: its format, a line for each migration, and its oddities; or the error.
fn loaded(files: &[&str]) -> String {
    let contents: Vec<(&str, &str)> =
        files.iter().map(|file| file.split_once(" = ").unwrap_or((file, "SELECT 1;"))).collect();
    let dir = folder(&contents);
    let history = match Migrations::load(dir.path()) {
        Ok(history) => history,
        Err(error) => return format!("error: {}", super::stable(&error, dir.path())),
    };
    let mut lines = history.format().to_string();
    for migration in history.iter() {
        let down = if migration.down_sql().is_some() { " and down" } else { "" };
        let _ = write!(lines, "\n{} {}{down}", migration.version(), migration.name());
    }
    for oddity in history.oddities() {
        let _ = write!(lines, "\n? {oddity}");
    }
    lines
}

#[track_caller]
fn check(files: &[&str], expected: &[&str]) {
    let (loaded, expected) = (loaded(files), expected.join("\n"));
    assert_eq!(loaded, expected, "\n--- is:\n{loaded}\n--- should be:\n{expected}\n");
}

// diesel: a migration is a folder with an up.sql, its version the text before the first underscore without dashes, and
// the order that of the texts.
#[rstest]
#[case::one_length(
    &["2020-01-31-120000_a/up.sql", "2021-01-31-120000_b/up.sql"],
    &["diesel", "20200131120000 2020-01-31-120000_a/up.sql", "20210131120000 2021-01-31-120000_b/up.sql"]
)]
#[case::shorter_later(
    &["2019-10-10-083032_a/up.sql", "202003050900_b/up.sql", "2021-01-31-120000_c/up.sql"],
    &[
        "diesel", "20191010083032 2019-10-10-083032_a/up.sql", "202003050900 202003050900_b/up.sql",
        "20210131120000 2021-01-31-120000_c/up.sql",
    ]
)]
#[case::counted(
    &["2_a/up.sql", "10_b/up.sql", "1_c/up.sql"],
    &[
        "diesel", "1 1_c/up.sql", "10 10_b/up.sql", "2 2_a/up.sql",
        "? diesel runs 10_b before 2_a, because it compares versions as text",
    ]
)]
#[case::empty_down(
    &["2020-01-31-120000_a/up.sql", "2020-01-31-120000_a/down.sql = ", "2021-01-31-120000_b/up.sql", "2021-01-31-120000_b/down.sql = -- nothing"],
    &["diesel", "20200131120000 2020-01-31-120000_a/up.sql", "20210131120000 2021-01-31-120000_b/up.sql"]
)]
#[case::empty_up(
    &["1_a/up.sql = ", "2_b/up.sql = -- done by hand", "3_c/up.sql"],
    &["diesel", "1 1_a/up.sql", "2 2_b/up.sql", "3 3_c/up.sql"]
)]
#[case::no_number(
    &["initial/up.sql", "2020-01-31-120000_a/up.sql"],
    &["diesel", "1 2020-01-31-120000_a/up.sql", "2 initial/up.sql"]
)]
#[case::letters_after_the_number(
    &["2020-01-31-120000-users/up.sql", "2020-01-31-120000_a/up.sql"],
    &["diesel", "1 2020-01-31-120000_a/up.sql", "2 2020-01-31-120000-users/up.sql"]
)]
#[case::dashes_beside_underscores(
    &["01-a/up.sql", "02_b/up.sql"],
    &["diesel", "1 01-a/up.sql", "2 02_b/up.sql"]
)]
#[case::metadata_that_is_no_toml(
    &["1_a/up.sql", "1_a/metadata.toml = run_in_transaction = no"],
    &["diesel", "1 1_a/up.sql", "? diesel ignores an option: 1_a/metadata.toml:1"]
)]
#[case::other_files(
    &["1_a/up.sql", "1_a/README.md", "1_a/notes.sql", "1_a/.keep", ".keep", "README.md", "seed.sql", "seeds/1_users.sql"],
    &["diesel", "1 1_a/up.sql"]
)]
#[case::without_up(
    &["1_a/up.sql", "2_b/down.sql", "3_c/down.sql"],
    &[
        "error: 2 problems in the migrations: <dir>\n",
        "  migration 2 can be undone, but not applied:\n    <dir>/2_b/down.sql\n",
        "  migration 3 can be undone, but not applied:\n    <dir>/3_c/down.sql\n",
        "  help: add the file that applies it, or remove this one",
    ]
)]
fn diesel(#[case] files: &[&str], #[case] expected: &[&str]) {
    check(files, expected);
}

// golang-migrate: ^([0-9]+)_(.*)\.(down|up)\.(.*)$, anything else is passed over; sqlx: <version>_<name>.sql, with .up.sql
// and .down.sql or neither.
#[rstest]
#[case::any_number(
    &["000007_a.up.sql", "000007_a.down.sql", "000012_b.up.sql"],
    &["paired", "7 000007_a.up.sql and down", "12 000012_b.up.sql"]
)]
#[case::two_dots(
    &["29_a.up.sql", "29_a.down.sql", "30_x.up..sql", "30_x.down.sql"],
    &["paired", "29 29_a.up.sql and down", "30 30_x.up..sql and down",
      "? sqlx does not read the direction of 30_x.up..sql",]
)]
#[case::an_underscore_for_the_dot(
    &["20_a.up.sql", "20_a.down.sql", "0021_x_up.sql", "0021_x_down.sql", "22_b.up.sql", "22_b.down.sql"],
    &["paired", "20 20_a.up.sql and down", "22 22_b.up.sql and down", "? golang-migrate passes over 2 files: 0021_x_down.sql"]
)]
#[case::an_underscore_in_go(
    &["20_a.up.sql", "20_a.down.sql", "0021_x_up.sql", "migrations.go"],
    &["paired", "20 20_a.up.sql and down", "? golang-migrate passes over 0021_x_up.sql"]
)]
#[case::an_underscore_in_rust(
    &["20_a.up.sql", "20_a.down.sql", "0021_x_up.sql"],
    &["paired", "20 20_a.up.sql and down", "21 0021_x_up.sql", "? golang-migrate passes over 0021_x_up.sql"]
)]
#[case::first_simple_then_both_directions(
    &["1_a.sql", "2_b.sql", "3_c.up.sql", "3_c.down.sql"],
    &["paired", "1 1_a.sql", "2 2_b.sql", "3 3_c.up.sql and down"]
)]
#[case::underscores_everywhere(
    &["1_a_up.sql", "1_a_down.sql", "2_b_up.sql", "2_b_down.sql"],
    &["paired", "1 1_a_up.sql and down", "2 2_b_up.sql and down"]
)]
#[case::dialects_in_the_name(
    &["1_a.up.sql", "1_a.down.sql", "2_b.sqlite3.up.sql", "2_b.postgres.up.sql", "2_b.up.sql", "3_c.mysql.up.sql", "3_c.down.sql"],
    &["paired", "1 1_a.up.sql and down", "2 2_b.sqlite3.up.sql"]
)]
#[case::versions_of_20_digits(
    &["20191100000001000000_a.up.sql", "20191100000001000001_b.up.sql", "20191100000001000001_b.down.sql"],
    &["paired", "1 20191100000001000000_a.up.sql", "2 20191100000001000001_b.up.sql and down"]
)]
#[case::nothing_to_apply(
    &["1_a.up.sql", "2_b.down.sql", "3_c.up.sql", "3_c.down.sql"],
    &["paired", "1 1_a.up.sql", "3 3_c.up.sql and down", "? 2_b.down.sql is passed over"]
)]
#[case::twice(
    &["1_a.up.sql", "1_b.up.sql", "2_c.up.sql", "2_d.up.sql"],
    &[
        "error: 2 problems in the migrations: <dir>\n",
        "  two migrations have version 1:\n    1_a.up.sql\n    1_b.up.sql\n",
        "  two migrations have version 2:\n    2_c.up.sql\n    2_d.up.sql",
    ]
)]
fn paired(#[case] files: &[&str], #[case] expected: &[&str]) {
    check(files, expected);
}

#[rstest]
#[case::quiet_neighbors(
    &["001_a.sql", "README.md", ".keep", "seed.sql", "seeds/users.sql", "schema.sql", "down/001_a.sql", "postgres/001_a.sql", "atlas.sum", "structure.sql"],
    &["plain", "1 001_a.sql"]
)]
#[case::no_underscore(
    &["001_a.sql", "002_b.sql", "003.sql"],
    &["plain", "1 001_a.sql", "2 002_b.sql", "3 003.sql", "? sqlx passes over 003.sql"]
)]
#[case::two_on_a_day(
    &["20220329-083000.sql", "20220329-091000.sql", "20220401_080000_c.sql"],
    &["plain", "20220329083000 20220329-083000.sql", "20220329091000 20220329-091000.sql", "20220401080000 20220401_080000_c.sql"]
)]
#[case::never_an_underscore(&["001.sql", "002.sql"], &["plain", "1 001.sql", "2 002.sql"])]
#[case::forgotten(
    &["001_a.sql", "add_users.sql", "2_b.SQL", "old/002_b.sql"],
    &["plain", "1 001_a.sql", "? 3 files are passed over: 2_b.SQL"]
)]
#[case::another_format(
    &["001_a.sql", "002_b.sql", "V3__c.sql", "4_d/up.sql"],
    &["plain", "1 001_a.sql", "2 002_b.sql", "? 2 files are passed over: 4_d/up.sql"]
)]
#[case::too_large_for_an_integer(
    &["99999999999999999998_a.sql", "99999999999999999999_b.sql"],
    &["plain", "1 99999999999999999998_a.sql", "2 99999999999999999999_b.sql"]
)]
#[case::merged_from_two_branches(
    &["016_a.sql", "017_c.sql", "017_b.sql", "018_d.sql"],
    &["plain", "1 016_a.sql", "2 017_b.sql", "3 017_c.sql", "4 018_d.sql", "? 2 migrations share their versions with others: 017_b.sql"]
)]
#[case::a_folder_for_each_version(
    &["0.9/00__a.sql", "0.10/00__b.sql", "0.10/01__c.sql", "1.0/d.sql", "LATEST.sql", "seed/1.sql"],
    &["plain", "1 0.9/00__a.sql", "2 0.10/00__b.sql", "3 0.10/01__c.sql", "4 1.0/d.sql"]
)]
#[case::goose_with_programs(
    &["1_a.sql = -- +goose Up", "2_b.go", "3_c.go", "3_c_test.go"],
    &[
        "error: 2 problems in the migrations: <dir>\n",
        "  migration in Go:\n    <dir>/2_b.go\n    <dir>/3_c.go\n",
        "  help: goose would run it here, and sqlitmus cannot: let goose create the database, by Template::migrate_path",
    ]
)]
#[case::blank(&["001_a.sql = ", "002_b.sql = -- reverted"], &["plain", "1 001_a.sql", "2 002_b.sql"])]
#[case::a_list_of_files_that_cannot_be_read(
    &["1_a.sql = -- +goose Up\nSELECT 1;", "2_b.sql", "3_c.sql = -- +goose Up\nSELECT 1"],
    &[
        "error: 2 problems in the migrations: <dir>\n",
        "  goose file without an Up section:\n    <dir>/2_b.sql\n",
        "  statement whose end goose does not find:\n    <dir>/3_c.sql:2\n",
        "  help: write `-- +goose Up` on a line of its own above its first statement",
        "  help: goose refuses the file: end the statement with a semicolon at the end of a line",
    ]
)]
fn plain(#[case] files: &[&str], #[case] expected: &[&str]) {
    check(files, expected);
}

// goose: <number>_<name>.sql with a number above 0, annotations in any case; dbmate: ^(\d+).*\.sql$ in the order of names.
#[rstest]
#[case::any_case(
    &["1_a.sql = -- +goose up\nVACUUM;\n-- +goose no transaction\n-- +goose Dwon", "2_b.sql = -- +goose UP\n-- +goose statementBegin\nSELECT 1;\n-- +goose StatementEND"],
    &["error: unknown goose annotation: <dir>/1_a.sql:4\n", "  help: goose refuses the file: it knows Up, Down, StatementBegin, StatementEnd, NO TRANSACTION and ENVSUB"]
)]
#[case::lower_case(
    &["1_a.sql = -- +goose up\nVACUUM;\n-- +goose no transaction\n-- +goose down", "2_b.sql = -- +goose UP\n-- +goose statementBegin\nSELECT 1;\n-- +goose StatementEND"],
    &["goose", "1 1_a.sql", "2 2_b.sql"]
)]
#[case::blank(&["1_a.sql = -- +goose Up\n-- +goose Down\n"], &["goose", "1 1_a.sql"])]
#[case::no_underscore(
    &["1_a.sql = -- +goose Up", "2_b.sql = -- +goose Up", "3-c.sql = -- +goose Up"],
    &["goose", "1 1_a.sql", "2 2_b.sql", "? goose passes over 3-c.sql"]
)]
#[case::dbmate_by_name(
    &["10_b.sql = -- migrate:up", "1_a.sql = -- migrate:up", "2fa.sql = -- migrate:up"],
    &["dbmate", "10 10_b.sql", "1 1_a.sql", "2 2fa.sql", "? dbmate runs 10_b.sql before 1_a.sql, because it compares versions as text"]
)]
#[case::dbmate_option(
    &["1_a.sql = -- migrate:up transaction: false\nSELECT 1;", "2_b.sql = -- migrate:up transaction:false"],
    &["dbmate", "1 1_a.sql", "2 2_b.sql", "? dbmate ignores an option: 1_a.sql:1"]
)]
fn sections(#[case] files: &[&str], #[case] expected: &[&str]) {
    check(files, expected);
}

// refinery: ^([U|V])(\d+(?:\.\d+)?)__(\w+)\.sql$ in all subfolders; Flyway: also dots, dashes, R__ and an undo.
#[rstest]
#[case::refinery(
    &["V1__a.sql", "U2__b.sql", "2026/V10__c.sql", "V3__add-d.sql"],
    &["refinery", "1 V1__a.sql", "2 U2__b.sql", "10 2026/V10__c.sql", "? refinery passes over V3__add-d.sql"]
)]
#[case::flyway(
    &["V1__a.sql", "V1.2__b.sql", "V1_10__c.sql", "U1__a.sql", "R__views.sql", "V2__add-d.sql"],
    &["flyway", "1 V1__a.sql and down", "2 V1.2__b.sql", "3 V1_10__c.sql", "4 V2__add-d.sql", "5 R__views.sql"]
)]
#[case::flyway_by_its_neighbors(
    &["V1__a.sql", "V2__b.sql", "Names.kt"],
    &["flyway", "1 V1__a.sql", "2 V2__b.sql"]
)]
#[case::dialects(
    &["sqlite/V1__a.sql", "postgres/V1__a.sql"],
    &["error: no migration in the folder, but in its subfolders postgres, sqlite: <dir>\n", "  help: load <dir>/sqlite"]
)]
fn refinery_and_flyway(#[case] files: &[&str], #[case] expected: &[&str]) {
    check(files, expected);
}

#[rstest]
#[case::consecutive(&["01-a/up.sql", "02-b/up.sql", "README.md"], &["rusqlite_migration", "1 01-a/up.sql", "2 02-b/up.sql"])]
#[case::gap(
    &["01-a/up.sql", "03-b/up.sql"],
    &[
        "error: rusqlite_migration finds no migration 2: 03-b/up.sql\n", "  folder:\n    <dir>\n",
        "  order:\n    before it comes  01-a/up.sql\n", "  help: number the folders from 1 without a gap",
    ]
)]
fn rusqlite_migration(#[case] files: &[&str], #[case] expected: &[&str]) {
    check(files, expected);
}

#[rstest]
#[case::prisma(
    &["20230101000000_b/migration.sql", "20220101000000_a/migration.sql", "migration_lock.toml = provider = \"sqlite\""],
    &["prisma", "20220101000000 20220101000000_a/migration.sql", "20230101000000 20230101000000_b/migration.sql"]
)]
#[case::prisma_of_another_database(
    &["20230101000000_b/migration.sql", "migration_lock.toml = provider = \"postgresql\""],
    &["error: migrations for postgresql: <dir>/migration_lock.toml\n", "  help: SQLite cannot run them: load the folder whose provider is sqlite"]
)]
#[case::drizzle(
    &["0000_a.sql", "0001_b.sql", "0002_left.sql", "meta/0000_snapshot.json",
      r#"meta/_journal.json = {"entries":[{"idx":0,"when":10,"tag":"0001_b"},{"idx":1,"when":5,"tag":"0000_a"}]}"#],
    &[
        "drizzle", "1 0001_b.sql", "0 0000_a.sql",
        "? drizzle skips 0000_a in databases that have 0001_b, because its `when` is earlier",
        "? drizzle passes over 0002_left.sql",
    ]
)]
#[case::drizzle_without_a_file(
    &["0000_a.sql", r#"meta/_journal.json = {"entries":[{"when":1,"tag":"0000_a"},{"when":2,"tag":"0001_b"}]}"#],
    &["error: drizzle finds no file of a migration: 0001_b.sql\n", "  folder:\n    <dir>\n",
      "  help: restore it, or remove its entry from meta/_journal.json"]
)]
#[case::drizzle_in_folders(
    &["20260101000000_a/migration.sql", "20260101000000_a/snapshot.json = {}"],
    &["drizzle", "20260101000000 20260101000000_a/migration.sql"]
)]
fn formats_of_javascript(#[case] files: &[&str], #[case] expected: &[&str]) {
    check(files, expected);
}

#[rstest]
#[case::dialects(
    &["sqlite/2020_a/up.sql", "mysql/2020_a/up.sql"],
    &["error: no migration in the folder, but in its subfolders mysql, sqlite: <dir>\n", "  help: load <dir>/sqlite"]
)]
#[case::sqlite3(
    &["sqlite3/001_a.sql", "README.md"],
    &["error: no migration in the folder, but in its subfolder sqlite3: <dir>\n", "  help: load <dir>/sqlite3"]
)]
#[case::one_above(
    &["migrations/001_a.sql", "schema.sql"],
    &["error: no migration in the folder, but in its subfolder migrations: <dir>\n", "  help: load <dir>/migrations"]
)]
#[case::rails(
    &["20200101000000_create_users.rb", "20200102000000_add_email.rb"],
    &[
        "error: no migration in SQL, but 2 in Ruby (Rails): <dir>\n",
        "  what is there:\n    20200101000000_create_users.rb\n    20200102000000_add_email.rb\n",
        "  help: let the app create the database, by Template::migrate_with or Template::migrate_path",
    ]
)]
#[case::alembic(
    &["env.py", "versions/ae10_users.py"],
    &[
        "error: no migration in SQL, but 2 in Python (Alembic, Django): <dir>\n",
        "  what is there:\n    env.py\n    versions/ae10_users.py\n",
        "  help: let the app create the database, by Template::migrate_with or Template::migrate_path",
    ]
)]
fn no_migration_there(#[case] files: &[&str], #[case] expected: &[&str]) {
    check(files, expected);
}
