//! Databases of past releases.

use std::fs;

use sqlitmus::rusqlite::Connection;
use sqlitmus::suite::Suite;
use tempfile::TempDir;

use super::{embedded, failures, says};

const FILES: [(&str, &str); 3] = [
    ("1_people.sql", "CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT"),
    ("2_phone.sql", "ALTER TABLE people ADD COLUMN phone TEXT"),
    ("3_admin.sql", "UPDATE people SET name = upper(name) WHERE id * 7919 % 100003 = 5290"),
];

const DUMP: &str = "\
BEGIN;
CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
INSERT INTO people VALUES (1, 'Ada'), (4711, 'Grace');
COMMIT;
";

fn folder(name: &str, dump: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    match name.ends_with(".sql") {
        true => fs::write(path, dump).unwrap(),
        false => Connection::open(path).unwrap().execute_batch(dump).unwrap(),
    }
    folder
}

#[test]
fn a_loss_of_rows_that_only_a_release_has_is_found() {
    assert_eq!(failures(&Suite::new(embedded(&FILES)).report()), []);
    for name in ["release-1.sql", "release-1.db"] {
        let folder = folder(name, DUMP);
        let suite = Suite::new(embedded(&FILES)).release_databases(folder.path());
        assert_eq!(
            says(&suite, "every_row_survives"),
            format!(
                "\
undeclared-loss: migration 3 changes 1 of 2 values of people.name: 3_admin.sql

  undeclared-loss (people.name):
    migration 3 changes 1 of 2 values of people.name: 3_admin.sql
    the old values cannot be recovered

  at 3_admin.sql:1:
  > UPDATE people SET name = upper(name) WHERE id * 7919 % 100003 = 5290

  values:
    'Grace' became 'GRACE'

  smallest data that shows it, at version 2:
    INSERT INTO people(id, name) VALUES (4711, 'Grace');

  database:
    {name}

  help: a lossless mapping, such as names to numbers, looks like this too
        if it is meant, say so: .allow_loss(3, \"people.name\", \"why\")"
            )
        );
    }
}

#[test]
fn a_database_whose_schema_matches_no_version_is_an_error() {
    let folder = folder("other.sql", "CREATE TABLE animals(id INTEGER PRIMARY KEY) STRICT;");
    let suite = Suite::new(embedded(&FILES)).release_databases(folder.path());
    assert_eq!(says(&suite, "integrity_holds").lines().next().unwrap(), "the schema of other.sql matches no version");
    let empty = tempfile::tempdir().unwrap();
    let suite = Suite::new(embedded(&FILES)).release_databases(empty.path());
    assert_eq!(says(&suite, "integrity_holds"), format!("no .sql or .db in {}", empty.path().display()));
}

#[test]
fn rows_in_the_wal_are_read_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("live.db");
    let live = Connection::open(&path).unwrap();
    live.execute_batch(&format!("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; {DUMP}")).unwrap();
    let copy = tempfile::tempdir().unwrap();
    for name in ["live.db", "live.db-wal"] {
        fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
    }
    let suite = Suite::new(embedded(&FILES)).release_databases(copy.path());
    let headline = "undeclared-loss: migration 3 changes 1 of 2 values of people.name: 3_admin.sql";
    assert_eq!(says(&suite, "every_row_survives").lines().next().unwrap(), headline);

    fs::remove_file(copy.path().join("live.db-wal")).unwrap();
    let suite = Suite::new(embedded(&FILES)).release_databases(copy.path());
    assert_eq!(says(&suite, "every_row_survives").lines().next().unwrap(), "live.db has no tables");
}

#[test]
fn a_broken_file_is_named() {
    let broken = folder("release-1.db", DUMP);
    let path = broken.path().join("release-1.db");
    let whole = fs::read(&path).unwrap();
    let mut page = whole.clone();
    page[4096..4396].fill(0xA5);
    for bytes in [page.as_slice(), b"no database at all, but long enough to be taken for one"] {
        fs::write(&path, bytes).unwrap();
        let suite = Suite::new(embedded(&FILES)).release_databases(broken.path());
        for test in ["every_row_survives", "integrity_holds"] {
            assert_eq!(says(&suite, test).lines().next().unwrap(), "cannot read release-1.db");
        }
    }
}
