//! Shipped migrations do not change.

use std::fs;
use std::path::Path;

use sqlitmus::Template;
use sqlitmus::suite::Suite;
use tempfile::TempDir;

use super::{says, template};

const FILES: [(&str, &str); 3] = [
    ("001_people.sql", "CREATE TABLE people(id INTEGER PRIMARY KEY) STRICT;\n"),
    ("002_name.sql", "ALTER TABLE people ADD COLUMN name TEXT;\n"),
    ("003_phone.sql", "ALTER TABLE people ADD COLUMN phone TEXT;\n"),
];

/// The hashes are copied from a file that the suite wrote.
const LOCK: &str = "\
# Shipped migrations: version, hash, file. Checked by shipped_migrations_are_frozen.
# SQLITMUS_ACCEPT=migrations adds new migrations. It never changes an entry.
1 434a19600f47f114 001_people.sql
2 bdbcbe7a2088110c 002_name.sql
3 b3d2f84449d7b688 003_phone.sql
";

fn folder(files: &[(&str, &str)], lock: Option<&str>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("migrations")).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join("migrations").join(name), text).unwrap();
    }
    if let Some(lock) = lock {
        fs::write(folder.path().join("migrations.lock"), lock).unwrap();
    }
    folder
}

fn outcome(folder: &Path) -> String {
    let migrations = folder.join("migrations");
    let suite = Suite::new(template(migrations.to_str().unwrap()));
    says(&suite, "shipped_migrations_are_frozen").replace(folder.to_str().unwrap(), "<dir>")
}

#[track_caller]
fn check(files: &[(&str, &str)], expected: &str) {
    let folder = folder(files, Some(LOCK));
    let report = outcome(folder.path());
    assert_eq!(report, expected, "\n--- is:\n{report}\n--- should be:\n{expected}\n");
}

const HELP: &str = "\n\n  help: restore it, and make the change in a new migration: databases in the field have run the old one\n  \
                    help: to see the change: git log -p -- <dir>/migrations/";

#[test]
fn unchanged_files_pass_whatever_their_line_ends() {
    check(&FILES, "nothing, None");
    let windows: Vec<(&str, String)> = FILES.iter().map(|(name, text)| (*name, text.replace('\n', "\r\n"))).collect();
    let windows: Vec<(&str, &str)> = windows.iter().map(|(name, text)| (*name, text.as_str())).collect();
    check(&windows, "nothing, None");
}

#[test]
fn an_edited_file_is_shown() {
    let mut files = FILES;
    files[1].1 = "ALTER TABLE people ADD COLUMN name TEXT NOT NULL DEFAULT '';\n";
    check(
        &files,
        &format!(
            "migration 2 was edited after it was shipped: 002_name.sql\n\n  from <dir>/migrations.lock to the files:\n    \
             - 2 bdbcbe7a2088110c 002_name.sql\n    + 2 0d3e572e1c7ac978 002_name.sql{HELP}002_name.sql"
        ),
    );
}

#[test]
fn a_removed_file_is_named() {
    check(
        &FILES[..2],
        &format!(
            "migration 3 was removed after it was shipped: 003_phone.sql\n\n  from <dir>/migrations.lock to the files:\n    \
             - 3 b3d2f84449d7b688 003_phone.sql{HELP}003_phone.sql"
        ),
    );
}

#[test]
fn a_renumbered_file_is_found_again() {
    let mut files = FILES;
    files[2].0 = "004_phone.sql";
    check(
        &files,
        &format!(
            "migration 3 was renumbered after it was shipped: 003_phone.sql\n\n  from <dir>/migrations.lock to the files:\n    \
             - 3 b3d2f84449d7b688 003_phone.sql\n    + 4 b3d2f84449d7b688 004_phone.sql{HELP}004_phone.sql"
        ),
    );
}

#[test]
fn a_renamed_file_is_found_again() {
    let mut files = FILES;
    files[2].0 = "003_telephone.sql";
    check(
        &files,
        &format!(
            "migration 3 was renamed after it was shipped: 003_phone.sql\n\n  from <dir>/migrations.lock to the files:\n    \
             - 3 b3d2f84449d7b688 003_phone.sql\n    + 3 b3d2f84449d7b688 003_telephone.sql{HELP}003_telephone.sql"
        ),
    );
}

#[test]
fn a_file_inserted_before_shipped_ones_is_found() {
    let lock = LOCK
        .replace("2 bdbcbe7a2088110c", "4 bdbcbe7a2088110c")
        .replace("002_name", "004_name")
        .replace("1 434a19600f47f114", "2 434a19600f47f114")
        .replace("001_people", "002_people");
    let mut lines: Vec<&str> = lock.lines().collect();
    lines.sort_by_key(|line| line.split(' ').next().unwrap().parse().unwrap_or(0));
    let files = [
        ("002_people.sql", FILES[0].1),
        ("003_phone.sql", FILES[2].1),
        ("004_name.sql", FILES[1].1),
        ("001_early.sql", "CREATE TABLE early(id INTEGER PRIMARY KEY) STRICT;\n"),
    ];
    let folder = folder(&files, Some(&lines.join("\n")));
    let first = outcome(folder.path()).lines().next().unwrap().to_owned();
    assert_eq!(
        first,
        "migration 2 is no longer the next one: another was inserted before it after it was shipped: 002_people.sql"
    );
}

#[test]
fn a_lock_that_cannot_be_read_says_where() {
    let folder = folder(&FILES, Some("# as it was\n1 people\n"));
    assert_eq!(
        outcome(folder.path()),
        "cannot read <dir>/migrations.lock:2\n\n  the line:\n    1 people\n\n  help: restore the committed file"
    );
}

#[test]
fn a_lock_that_is_no_text_is_not_taken_for_a_missing_one() {
    let folder = folder(&FILES, None);
    // As some editors save it: UTF-16 with its mark.
    let utf16: Vec<u8> = std::iter::once(0xFEFF).chain(LOCK.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    fs::write(folder.path().join("migrations.lock"), utf16).unwrap();
    assert_eq!(outcome(folder.path()).lines().next(), Some("cannot read the frozen migrations: <dir>/migrations.lock"));
}

/// A version of the app's runner is no file of which git could show anything.
#[test]
fn a_version_of_a_runner_is_no_file() {
    const STEPS: [&str; 3] = [FILES[0].1, FILES[1].1, FILES[2].1];
    let template: &'static Template = Box::leak(Box::new(Template::migrate_to(3, |db, to| {
        let from: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        for version in from..to {
            let step = STEPS[usize::try_from(version)?];
            db.execute_batch(&format!("BEGIN; {step} PRAGMA user_version = {}; COMMIT", version + 1))?;
        }
        Ok(())
    })));
    let folder = folder(&FILES, Some(LOCK));
    let lock = folder.path().join("migrations.lock");
    let outcome = || {
        let suite = Suite::new(template).lock_file(lock.to_str().unwrap());
        says(&suite, "shipped_migrations_are_frozen").replace(folder.path().to_str().unwrap(), "<dir>")
    };
    let moved = outcome();
    assert_eq!(
        moved.lines().next(),
        Some("migration 1 was frozen as 001_people.sql, and comes from the app's runner now")
    );
    assert!(
        moved
            .contains("help: if the template was changed and the migrations were not, freeze them anew: delete <dir>/")
    );
    assert!(!moved.contains("git log"), "{moved}");

    fs::write(&lock, "1 434a19600f47f114 version 1\n").unwrap();
    let edited = outcome();
    assert_eq!(edited.lines().next(), Some("migration 1 was edited after it was shipped: version 1"));
    assert!(edited.contains("help: restore it") && !edited.contains("git log"), "{edited}");
    fs::write(&lock, "4 434a19600f47f114 version 4\n").unwrap();
    let removed = outcome();
    assert_eq!(removed.lines().next(), Some("migration 4 was removed after it was shipped: version 4"));
    assert!(!removed.contains("git log"), "{removed}");
}
