//! Values that a table's own declaration names: some row of every app has them, whatever the seed.

use sqlitmus::suite::Suite;

use super::embedded;

const SEEDS: [u64; 5] = [1, 2, 7, 23, 1_000];
const TESTS: [&str; 3] = ["every_version_upgrades_with_data", "every_row_survives", "integrity_holds"];

/// A table, and a migration of it.
pub(super) type History = [&'static str; 2];

/// Returns the failures of a history, by seed.
fn found([before, change]: &History) -> Vec<(u64, Vec<String>)> {
    let template = embedded(&[("1_tables.sql", before), ("2_change.sql", change)]);
    let of_seed = |seed: u64| {
        let suite = TESTS.iter().fold(Suite::new(template).seed(seed), |suite, test| suite.only(test));
        (seed, suite.report().failures().map(|(_, error)| error.to_string()).collect())
    };
    SEEDS.into_iter().map(of_seed).collect()
}

/// Checks that each of these is found with each seed, with this text in the first report.
#[track_caller]
pub(super) fn each_is_found(histories: &[(History, &str)]) {
    let mut wrong = Vec::new();
    for (history, text) in histories {
        for (seed, reports) in found(history) {
            if !reports.iter().any(|report| report.contains(text)) {
                wrong.push(format!("=== seed {seed}: {text}\n{}\n{}", history.join("\n"), reports.join("\n")));
            }
        }
    }
    assert!(wrong.is_empty(), "{} are wrong\n{}", wrong.len(), wrong.join("\n"));
}

#[track_caller]
pub(super) fn nothing_is_found(histories: &[History]) {
    let mut wrong = Vec::new();
    for history in histories {
        for (seed, reports) in found(history).into_iter().filter(|(_, reports)| !reports.is_empty()) {
            wrong.push(format!("=== seed {seed}\n{}\n{}", history.join("\n"), reports.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{} false alarms\n{}", wrong.len(), wrong.join("\n"));
}

/// A table with a CHECK, and its rebuild with another one.
macro_rules! rebuilt {
    ($was:literal, $is:literal) => {
        [
            concat!("CREATE TABLE tasks(id INTEGER PRIMARY KEY, title TEXT NOT NULL, done_at TEXT, ", $was, ");"),
            concat!(
                "CREATE TABLE new(id INTEGER PRIMARY KEY, title TEXT NOT NULL, done_at TEXT, ",
                $is,
                "); INSERT INTO new SELECT * FROM tasks; DROP TABLE tasks; ALTER TABLE new RENAME TO tasks;"
            ),
        ]
    };
}

/// Tasks with a state of three, and a migration that looks them up.
macro_rules! looked_up {
    ($words:literal, $copy:literal) => {
        [
            "CREATE TABLE tasks(id INTEGER PRIMARY KEY, state TEXT NOT NULL CHECK (state IN ('todo', 'doing', 'done')));",
            concat!(
                "CREATE TABLE states(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE); INSERT INTO states(name) VALUES ",
                $words,
                "; CREATE TABLE new(id INTEGER PRIMARY KEY, state_id INTEGER NOT NULL REFERENCES states(id)); \
                 INSERT INTO new ",
                $copy,
                "; DROP TABLE tasks; ALTER TABLE new RENAME TO tasks;"
            ),
        ]
    };
}

pub(super) const REFUSED: &str = "fails-on-data: migration 2 fails on rows that version 1 accepts";

#[test]
fn a_word_that_a_migration_leaves_out_is_found() {
    each_is_found(&[
        (rebuilt!("state TEXT CHECK (state IN ('a', 'b', 'c'))", "state TEXT CHECK (state IN ('a', 'b'))"), REFUSED),
        (
            rebuilt!(
                "state TEXT NOT NULL CHECK (state IN ('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l'))",
                "state TEXT NOT NULL CHECK (state IN ('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'l', 'm'))"
            ),
            REFUSED,
        ),
        (
            rebuilt!(
                "state TEXT CHECK (state = 'a' OR state = 'b' OR state = 'c')",
                "state TEXT CHECK (state = 'a' OR state = 'c')"
            ),
            REFUSED,
        ),
        (
            rebuilt!(
                "state TEXT, CHECK (state IS NULL OR (state IN ('a', 'b', 'c', 'd') AND length(title) > 0))",
                "state TEXT, CHECK (state IS NULL OR state IN ('b', 'c', 'd'))"
            ),
            REFUSED,
        ),
        (
            rebuilt!(
                "state TEXT NOT NULL CHECK (state IN ('a', 'b', 'c', 'd')), CHECK ((state = 'd') = (done_at IS NOT NULL))",
                "state TEXT NOT NULL CHECK (state IN ('a', 'b', 'c'))"
            ),
            REFUSED,
        ),
        (
            rebuilt!(
                "level INTEGER UNIQUE CHECK (level IN (10, 20, 30, 40))",
                "level INTEGER UNIQUE CHECK (level < 40)"
            ),
            REFUSED,
        ),
        (
            looked_up!("('todo'), ('done')", "SELECT t.id, s.id FROM tasks t JOIN states s ON s.name = t.state"),
            "undeclared-loss",
        ),
        (
            looked_up!(
                "('todo'), ('doing')",
                "SELECT t.id, (SELECT s.id FROM states s WHERE s.name = t.state) FROM tasks t"
            ),
            REFUSED,
        ),
        (
            looked_up!(
                "('doing'), ('done')",
                "SELECT t.id, coalesce((SELECT s.id FROM states s WHERE s.name = t.state), 1) FROM tasks t"
            ),
            "migration 2 drops tasks.state",
        ),
    ]);
}

#[test]
fn a_migration_that_knows_all_words_passes() {
    nothing_is_found(&[
        rebuilt!("state TEXT CHECK (state IN ('a', 'b', 'c'))", "state TEXT CHECK (state IN ('a', 'b', 'c', 'd'))"),
        rebuilt!(
            "state TEXT NOT NULL CHECK (state IN ('a', 'b', 'c')), CHECK ((state = 'c') = (done_at IS NOT NULL))",
            "state TEXT NOT NULL CHECK (state = 'a' OR state = 'b' OR state = 'c')"
        ),
        // No row can have the word that is left out.
        rebuilt!(
            "state TEXT NOT NULL CHECK (state IN ('a', 'b', 'c')) CHECK (state <> 'c')",
            "state TEXT NOT NULL CHECK (state IN ('a', 'b'))"
        ),
        looked_up!("('todo'), ('doing'), ('done')", "SELECT t.id, s.id FROM tasks t JOIN states s ON s.name = t.state"),
        looked_up!(
            "('todo'), ('doing'), ('done')",
            "SELECT t.id, (SELECT s.id FROM states s WHERE s.name = t.state) FROM tasks t"
        ),
    ]);
}

/// Notes with a DEFAULT, and a migration.
macro_rules! notes {
    ($column:literal, $change:literal) => {
        [concat!("CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT NOT NULL, ", $column, ");"), $change]
    };
}

#[test]
fn a_default_that_a_migration_does_not_take_is_found() {
    each_is_found(&[
        (
            notes!(
                "tags TEXT NOT NULL DEFAULT ''",
                "CREATE TABLE tags AS SELECT notes.id, json_each.value FROM notes, json_each(notes.tags);"
            ),
            "malformed JSON",
        ),
        (
            notes!(
                "pages INTEGER NOT NULL DEFAULT (0)",
                "CREATE TABLE shares(id INTEGER PRIMARY KEY, share REAL NOT NULL);
                 INSERT INTO shares SELECT id, 100 / pages FROM notes;"
            ),
            REFUSED,
        ),
        (
            notes!(
                "summary TEXT NOT NULL DEFAULT \"\" CHECK (length(summary) < 9 OR length(title) > 3)",
                "CREATE TABLE new(id INTEGER PRIMARY KEY, title TEXT NOT NULL, summary TEXT NOT NULL);
                 INSERT INTO new SELECT id, title, nullif(summary, '') FROM notes;
                 DROP TABLE notes;
                 ALTER TABLE new RENAME TO notes;"
            ),
            REFUSED,
        ),
        (
            notes!(
                "rank INTEGER NOT NULL UNIQUE DEFAULT -1, parts INTEGER NOT NULL DEFAULT 1 CHECK (parts IN (1, 2, 3, 4, 5, 6, 7, 8))",
                "CREATE TABLE ranks(rank INTEGER NOT NULL CHECK (rank <> -1)); INSERT INTO ranks SELECT rank FROM notes;"
            ),
            REFUSED,
        ),
    ]);
}

#[test]
fn a_migration_that_takes_defaults_passes() {
    nothing_is_found(&[
        notes!(
            "tags TEXT NOT NULL DEFAULT '[]'",
            "CREATE TABLE tags AS SELECT notes.id, json_each.value FROM notes, json_each(notes.tags);"
        ),
        notes!(
            "tags TEXT NOT NULL DEFAULT ''",
            "CREATE TABLE tags AS SELECT notes.id, json_each.value
             FROM notes, json_each(notes.tags) WHERE tags <> '';"
        ),
        notes!(
            "pages INTEGER NOT NULL DEFAULT 0",
            "CREATE TABLE shares(id INTEGER PRIMARY KEY, share REAL);
             INSERT INTO shares SELECT id, 100 / pages FROM notes;"
        ),
        // The DEFAULT is refused by the CHECK of its own column, or is no constant.
        notes!(
            "pages INTEGER NOT NULL DEFAULT 0 CHECK (pages > 0)",
            "CREATE TABLE shares(id INTEGER PRIMARY KEY, share REAL NOT NULL);
             INSERT INTO shares SELECT id, 100 / pages FROM notes;"
        ),
        notes!(
            "at TEXT DEFAULT CURRENT_TIMESTAMP, day TEXT NOT NULL DEFAULT (date('now')), old TEXT DEFAULT NULL",
            "CREATE INDEX notes_at ON notes(at, day);"
        ),
    ]);
}

/// Pages of which the deleted ones may share a slug, and a migration.
macro_rules! pages {
    ($column:literal, $index:literal, $change:literal) => {
        [
            concat!(
                "CREATE TABLE pages(id INTEGER PRIMARY KEY, site INTEGER NOT NULL, slug TEXT NOT NULL, ",
                $column,
                "); CREATE UNIQUE INDEX pages_slug ON pages",
                $index,
                ";"
            ),
            $change,
        ]
    };
}

#[test]
fn a_unique_index_that_loses_its_condition_is_found() {
    let histories = [
        pages!(
            "deleted INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1))",
            "(slug) WHERE deleted = 0",
            "DROP INDEX pages_slug; CREATE UNIQUE INDEX pages_slug ON pages(slug);"
        ),
        pages!(
            "deleted_at TEXT",
            "(slug) WHERE deleted_at IS NULL",
            "DROP INDEX pages_slug; CREATE UNIQUE INDEX pages_slug ON pages(slug);"
        ),
        pages!(
            "deleted_at TEXT",
            "(site, slug) WHERE deleted_at IS NULL",
            "DROP INDEX pages_slug; CREATE UNIQUE INDEX pages_slug ON pages(site, slug);"
        ),
        pages!(
            "deleted INTEGER NOT NULL DEFAULT 0",
            "(lower(slug)) WHERE deleted = 0",
            "DROP INDEX pages_slug; CREATE UNIQUE INDEX pages_slug ON pages(lower(slug));"
        ),
        pages!(
            "deleted INTEGER NOT NULL DEFAULT 0",
            "(slug) WHERE deleted = 0",
            "CREATE TABLE new(id INTEGER PRIMARY KEY, site INTEGER NOT NULL, slug TEXT NOT NULL UNIQUE, deleted INTEGER NOT NULL);
             INSERT INTO new SELECT * FROM pages; DROP TABLE pages; ALTER TABLE new RENAME TO pages;"
        ),
    ];
    each_is_found(&histories.map(|history| (history, REFUSED)));
    let ignored = pages!(
        "deleted INTEGER NOT NULL DEFAULT 0",
        "(slug) WHERE deleted = 0",
        "CREATE TABLE new(id INTEGER PRIMARY KEY, site INTEGER NOT NULL, slug TEXT NOT NULL UNIQUE, deleted INTEGER NOT NULL);
         INSERT OR IGNORE INTO new SELECT * FROM pages; DROP TABLE pages; ALTER TABLE new RENAME TO pages;"
    );
    each_is_found(&[(ignored, "undeclared-loss")]);
}

#[test]
fn a_unique_index_that_keeps_its_condition_passes() {
    nothing_is_found(&[
        pages!(
            "deleted_at TEXT",
            "(slug) WHERE deleted_at IS NULL",
            "DROP INDEX pages_slug; CREATE UNIQUE INDEX pages_live ON pages(slug) WHERE deleted_at IS NULL;"
        ),
        pages!(
            "deleted INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1))",
            "(site, slug) WHERE deleted = 0",
            "CREATE TABLE new(id INTEGER PRIMARY KEY, site INTEGER NOT NULL, slug TEXT NOT NULL, deleted INTEGER NOT NULL);
             INSERT INTO new SELECT * FROM pages; DROP TABLE pages; ALTER TABLE new RENAME TO pages;
             CREATE UNIQUE INDEX pages_slug ON pages(site, slug) WHERE deleted = 0;"
        ),
        pages!(
            "deleted_at TEXT",
            "(lower(slug)) WHERE deleted_at IS NULL",
            "DROP INDEX pages_slug; CREATE UNIQUE INDEX pages_slug ON pages(lower(slug), id);"
        ),
    ]);
}
