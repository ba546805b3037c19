//! Released versions: rows are made there, and what lives between them only is no loss.

use std::fs;
use std::path::Path;
use std::process::Command;

use sqlitmus::suite::Suite;

use super::{embedded, failures, says, template};

const NOTES: &str = "CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT, tag TEXT) STRICT";

fn suite(rest: &[&'static str]) -> Suite {
    let name = |at: usize| -> &'static str { Box::leak(format!("{:03}_step.sql", at + 1).into_boxed_str()) };
    let files: Vec<(&str, &str)> =
        std::iter::once(NOTES).chain(rest.iter().copied()).enumerate().map(|(at, sql)| (name(at), sql)).collect();
    Suite::new(embedded(&files))
        .skip("shipped_migrations_are_frozen", "not shipped")
        .skip("survives_power_loss", "takes long, and rows decide nothing there")
}

/// A name, migrations, and the tests that fail with a part of their headlines.
type History = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

/// Migrations after version 1, of which all but the first and last were never released.
const HISTORIES: [History; 11] = [
    (
        "a column that came and went",
        &["ALTER TABLE notes ADD COLUMN draft TEXT", "ALTER TABLE notes DROP COLUMN draft"],
        &[],
    ),
    (
        "a table that came and went",
        &[
            "CREATE TABLE drafts(id INTEGER PRIMARY KEY, body TEXT)",
            "ALTER TABLE drafts RENAME TO sketches",
            "DROP TABLE sketches",
        ],
        &[],
    ),
    (
        "a column filled and dropped while its source stays",
        &[
            "ALTER TABLE notes ADD COLUMN title TEXT",
            "UPDATE notes SET title = upper(body) || id",
            "ALTER TABLE notes DROP COLUMN title",
        ],
        &[],
    ),
    (
        "a constant changed again",
        &[
            "ALTER TABLE notes ADD COLUMN state TEXT NOT NULL DEFAULT 'new'",
            "UPDATE notes SET state = substr(state, 1, 2)",
        ],
        &[],
    ),
    (
        "a column that a release had",
        &["ALTER TABLE notes ADD COLUMN draft TEXT", "ALTER TABLE notes DROP COLUMN tag"],
        &[("every_row_survives", "destructive: migration 3 drops notes.tag: 003_step.sql")],
    ),
    (
        "values moved to a new column, which is dropped",
        &[
            "ALTER TABLE notes ADD COLUMN label TEXT",
            "UPDATE notes SET label = tag",
            "ALTER TABLE notes DROP COLUMN tag",
            "ALTER TABLE notes RENAME COLUMN label TO name",
            "ALTER TABLE notes DROP COLUMN name",
        ],
        &[("every_row_survives", "destructive: migration 6 drops notes.name: 006_step.sql")],
    ),
    (
        "rows moved to a new table, which is dropped",
        &[
            "CREATE TABLE kept(id INTEGER PRIMARY KEY, body TEXT, tag TEXT) STRICT",
            "INSERT INTO kept SELECT * FROM notes WHERE tag IS NULL; DELETE FROM notes WHERE tag IS NULL",
            "DROP TABLE kept",
        ],
        &[("every_row_survives", "destructive: migration 4 drops the table kept: 004_step.sql")],
    ),
    (
        "a loss under another name",
        &["ALTER TABLE notes RENAME TO pages", "DELETE FROM pages WHERE tag IS NULL"],
        &[("every_row_survives", "destructive: migration 3 loses 1 of 6 rows of pages: 003_step.sql")],
    ),
    (
        "NOT NULL after a backfill that was never released without it",
        &[
            "UPDATE notes SET tag = '' WHERE tag IS NULL",
            "CREATE TABLE n(id INTEGER PRIMARY KEY, body TEXT, tag TEXT NOT NULL) STRICT; INSERT INTO n SELECT * FROM notes;
             DROP TABLE notes; ALTER TABLE n RENAME TO notes",
        ],
        &[],
    ),
    (
        "UNIQUE on what a release had",
        &["ALTER TABLE notes ADD COLUMN draft TEXT", "CREATE UNIQUE INDEX notes_tag ON notes(tag)"],
        &[(
            "every_version_upgrades_with_data",
            "fails-on-data: migration 3 fails on rows that version 2 accepts: 003_step.sql",
        )],
    ),
    (
        "a type that changes what a release may have had",
        &[
            "ALTER TABLE notes ADD COLUMN draft TEXT",
            "CREATE TABLE n(id INTEGER PRIMARY KEY, body TEXT, tag INTEGER, draft TEXT); INSERT INTO n SELECT * FROM notes;
             DROP TABLE notes; ALTER TABLE n RENAME TO notes",
        ],
        &[
            ("every_row_survives", "undeclared-loss: migration 3 changes 1 of 6 values of notes.tag: 003_step.sql"),
            ("lints_clean", "rebuild-loses-objects: migration 3 loses STRICT in the rebuild of notes: 003_step.sql"),
        ],
    ),
];

#[test]
fn what_was_never_released_is_not_lost() {
    for (name, rest, expected) in HISTORIES {
        let last = i64::try_from(rest.len()).unwrap() + 1;
        let found = failures(&suite(rest).released(&[1, last]).report());
        let expected: Vec<(&str, String)> = expected.iter().map(|(test, what)| (*test, (*what).to_owned())).collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn without_released_versions_every_version_counts() {
    for (name, rest, _) in &HISTORIES[..4] {
        assert!(suite(rest).try_test("every_row_survives").is_err(), "{name}");
    }
    // Before the first release nobody has rows.
    assert_eq!(failures(&suite(&["DELETE FROM notes", "SELECT 1"]).released(&[3]).report()), []);
    let suite = suite(&["SELECT 1"]).released(&[2, 9]);
    let expected = "no migration has version 9: .released(9)\n\n  help: the versions are from 1 to 2";
    assert_eq!(says(&suite, "every_row_survives"), expected);
}

fn git(folder: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"];
    let output = Command::new("git").current_dir(folder).args(identity).args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn tags_of_git_name_the_released_versions() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("app/migrations");
    fs::create_dir_all(&folder).unwrap();
    let suite = || Suite::new(template(folder.to_str().unwrap())).released_tags("v*");
    let first = "history_is_linear";
    let write = |name: &str, sql: &str| fs::write(folder.join(name), sql).unwrap();
    write("001_notes.sql", NOTES);
    assert_eq!(says(&suite(), first).lines().next().unwrap(), "git for-each-ref failed");

    git(home.path(), &["init", "-q"]);
    assert_eq!(says(&suite(), first).lines().next().unwrap(), "git has no tag v*");
    fs::write(home.path().join("README"), "an app").unwrap();
    git(home.path(), &["add", "README"]);
    git(home.path(), &["commit", "-qm", "start"]);
    git(home.path(), &["tag", "v0"]);
    let expected = format!("no tag v* has a migration of {}", folder.display());
    assert_eq!(says(&suite(), first).lines().next().unwrap(), expected);
    // The folder is there, and nothing of the history is in it.
    write("README.md", "the migrations");
    git(home.path(), &["add", "app/migrations/README.md"]);
    git(home.path(), &["commit", "-qm", "a folder"]);
    git(home.path(), &["tag", "v0.0"]);
    assert_eq!(says(&suite(), first).lines().next().unwrap(), expected);

    for (at, sql) in ["SELECT 1", "ALTER TABLE notes ADD COLUMN draft TEXT", "ALTER TABLE notes DROP COLUMN draft"]
        .into_iter()
        .enumerate()
    {
        write(&format!("00{}_step.sql", at + 2), sql);
        git(home.path(), &["add", "."]);
        git(home.path(), &["commit", "-qm", "step"]);
        git(home.path(), &["tag", &format!("v{at}.1")]);
        if at == 1 {
            git(home.path(), &["tag", "-d", "v1.1"]);
            git(home.path(), &["tag", "nightly"]);
        }
    }
    assert_eq!(says(&suite(), "every_row_survives"), "nothing, None");
    git(home.path(), &["tag", "v1.1", "nightly"]);
    let lost = "destructive: migration 4 drops notes.draft: 004_step.sql";
    assert_eq!(says(&suite(), "every_row_survives").lines().next().unwrap(), lost);
    let embedded = Suite::new(embedded(&[("1_notes.sql", NOTES)])).released_tags("v*");
    assert_eq!(says(&embedded, first).lines().next().unwrap(), "the files of the history are in no folder");
}
