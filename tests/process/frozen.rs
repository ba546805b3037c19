//! Frozen migrations, and the environment variables that matter to them.

use std::fs;
use std::path::Path;

use super::{Process, text};

const PEOPLE: &str = "CREATE TABLE people(id INTEGER PRIMARY KEY) STRICT;\n";
const NAME: &str = "ALTER TABLE people ADD COLUMN name TEXT;\n";

/// Returns the outcome for the folder of the first process, under these variables.
fn verdict(first: &Process, variables: &[(&str, &str)]) -> String {
    let mut process = Process::beside("frozen", first);
    process.command.env_remove("CI");
    for (name, value) in variables {
        process.command.env(name, value);
    }
    let output = text(&process.run());
    let line = output.lines().find_map(|line| line.strip_prefix("verdict: ")).unwrap_or(&output);
    line.replace(first.folder.path().to_str().unwrap(), "<dir>")
}

fn write(first: &Process, name: &str, sql: &str) {
    let folder = first.path("migrations");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), sql).unwrap();
}

#[test]
fn unfrozen_migrations_fail_only_in_ci() {
    let first = Process::new("frozen");
    write(&first, "1_people.sql", PEOPLE);
    assert_eq!(
        verdict(&first, &[]),
        "skipped, no migration is frozen yet: SQLITMUS_ACCEPT=migrations writes <dir>/migrations.lock"
    );
    assert_eq!(verdict(&first, &[("CI", "true")]), "no migration is frozen: <dir>/migrations.lock is missing");
    assert!(!Path::new(&first.path("migrations.lock")).exists(), "nothing is written without SQLITMUS_ACCEPT");

    assert_eq!(verdict(&first, &[("SQLITMUS_ACCEPT", "migrations")]), "passed");
    assert_eq!(verdict(&first, &[("CI", "true")]), "passed");
    write(&first, "2_name.sql", NAME);
    assert_eq!(verdict(&first, &[]), "passed");
    assert_eq!(verdict(&first, &[("CI", "true")]), "1 of 2 migrations is not frozen yet");
    assert_eq!(verdict(&first, &[("CI", "true"), ("SQLITMUS_ACCEPT", "migrations")]), "passed");
    assert_eq!(verdict(&first, &[("CI", "true")]), "passed");
}

#[test]
fn an_edited_migration_is_never_accepted() {
    let first = Process::new("frozen");
    write(&first, "1_people.sql", PEOPLE);
    assert_eq!(verdict(&first, &[("SQLITMUS_ACCEPT", "migrations")]), "passed");
    let lock = fs::read_to_string(first.path("migrations.lock")).unwrap();
    write(&first, "1_people.sql", "CREATE TABLE persons(id INTEGER PRIMARY KEY) STRICT;\n");
    for variables in [&[][..], &[("SQLITMUS_ACCEPT", "migrations")]] {
        assert_eq!(verdict(&first, variables), "migration 1 was edited after it was shipped: 1_people.sql");
    }
    assert_eq!(fs::read_to_string(first.path("migrations.lock")).unwrap(), lock);
}

#[test]
fn an_unknown_value_is_an_error() {
    let first = Process::new("frozen");
    write(&first, "1_people.sql", PEOPLE);
    assert_eq!(
        verdict(&first, &[("SQLITMUS_ACCEPT", "everything")]),
        "unknown value of SQLITMUS_ACCEPT: \"everything\""
    );
}

#[cfg(unix)]
#[test]
fn a_link_at_the_place_of_the_lock_file_is_not_written_through() {
    let first = Process::new("frozen");
    write(&first, "1_people.sql", PEOPLE);
    let other = first.path("other");
    fs::write(&other, "").unwrap();
    std::os::unix::fs::symlink(&other, first.path("migrations.lock")).unwrap();
    let verdict = verdict(&first, &[("SQLITMUS_ACCEPT", "migrations")]);
    assert_eq!(verdict, "cannot write the frozen migrations: <dir>/migrations.lock");
    assert_eq!(fs::read_to_string(&other).unwrap(), "");
}
