//! The folders of the runners that the README lists: the suite applies each of them, and finds a loss in its last migration.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use sqlitmus::suite::Suite;

use super::{failures, template};

const LOSS: &str = "DELETE FROM notes WHERE pinned <> 0;\n";

/// Folders of `fixtures/formats`, each with the file of one more migration and what stands before its SQL.
const RUNNERS: [(&str, &str, &str, &str); 11] = [
    ("sqlx", "sqlx", "20250101000000_unpin.up.sql", ""),
    ("diesel", "diesel", "2025-01-01-000000_unpin/up.sql", ""),
    ("refinery", "refinery", "V11__unpin.sql", ""),
    ("rusqlite_migration", "rusqlite_migration", "04-unpin/up.sql", ""),
    ("golang-migrate", "golang-migrate", "000004_unpin.up.sql", ""),
    ("goose", "goose", "00004_unpin.sql", "-- +goose Up\n"),
    ("dbmate", "dbmate", "20250101000000_unpin.sql", "-- migrate:up\n"),
    ("Flyway", "flyway", "V2__unpin.sql", ""),
    ("Prisma", "prisma", "20250101000000_unpin/migration.sql", ""),
    ("drizzle", "drizzle", "0003_unpin.sql", ""),
    ("Atlas", "sqlx-simple", "20250101000000_unpin.sql", ""),
];

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

/// Writes what a runner keeps beside its migrations.
fn list(runner: &str, folder: &Path, file: &str) {
    if runner == "drizzle" {
        let journal = folder.join("meta/_journal.json");
        let text = fs::read_to_string(&journal).unwrap();
        let tag = file.trim_end_matches(".sql");
        let entry =
            format!(r#"{{ "idx": 3, "version": "6", "when": 1735689600000, "tag": "{tag}", "breakpoints": true }}"#);
        let (before, after) = text.rsplit_once("\n  ]").unwrap();
        fs::write(&journal, format!("{before},\n    {entry}\n  ]{after}")).unwrap();
    } else if runner == "Atlas" {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        let lines: String = names.iter().map(|name| format!("{name} h1:one=\n")).collect();
        fs::write(folder.join("atlas.sum"), format!("h1:of=\n{lines}")).unwrap();
    }
}

/// What is wrong with the fixture of a runner, or with the runner.
fn found_too(runner: &str) -> Option<(&str, &str)> {
    match runner {
        "refinery" => Some(("history_is_linear", "gap: 2 to 8 are missing")),
        "Prisma" => Some(("failure_leaves_the_previous_version", "half-applied: the runner has no transaction")),
        _ => None,
    }
}

#[test]
fn the_suite_finds_a_loss_in_the_folder_of_each_runner() {
    for (runner, format, file, before) in RUNNERS {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("migrations");
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/formats").join(format), &folder);
        fs::create_dir_all(folder.join(file).parent().unwrap()).unwrap();
        fs::write(folder.join(file), format!("{before}{LOSS}")).unwrap();
        list(runner, &folder, file);
        let suite = Suite::new(template(folder.to_str().unwrap())).skip("shipped_migrations_are_frozen", "not shipped");
        let report = suite.report();
        let mut found = failures(&report);
        if let Some((test, also)) = found_too(runner) {
            let at = found.iter().position(|(name, headline)| *name == test && headline.starts_with(also));
            found.remove(at.unwrap_or_else(|| panic!("{runner}: {found:?}")));
        }
        let [("every_row_survives", headline)] = &found[..] else { panic!("{runner}: {found:?}\n{report}") };
        assert!(headline.starts_with("destructive: migration ") && headline.contains(" rows of notes: "), "{headline}");
        assert!(headline.ends_with(file), "{runner}: {headline}");
    }
}

#[test]
fn the_readme_lists_them() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let prose = readme.split_whitespace().collect::<Vec<_>>().join(" ");
    let list =
        prose.split_once("works on folders of ").unwrap().1.split_once(", and on the app's own runner").unwrap().0;
    let named: BTreeSet<&str> = list.split(", ").flat_map(|names| names.split(" and ")).collect();
    assert_eq!(named, RUNNERS.iter().map(|(runner, ..)| *runner).collect());
    // The folders of numbered files are those of several runners.
    let folders = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/formats")).unwrap();
    let there: BTreeSet<String> = folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let used = RUNNERS.iter().map(|(_, format, ..)| (*format).to_owned()).chain(["plain".to_owned()]);
    assert_eq!(there, used.collect());
}
