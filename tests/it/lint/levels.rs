//! The levels of findings: which of them fail a test, and which are only counted.

use sqlitmus::check::{self, Level};

use super::database;

#[track_caller]
fn level(code: &str, schema: &str, expected: Level) {
    let found = super::found(&database(schema), code);
    let levels: Vec<Level> = found.iter().map(check::Finding::level).collect();
    assert_eq!(levels, [expected], "{found:#?}");
}

/// Asserts that nothing in a schema fails by default.
#[track_caller]
fn passes(schema: &str) {
    check::lint(&database(schema)).assert_ok();
}

#[test]
fn levels_are_ordered() {
    assert!(Level::Error > Level::Warning && Level::Warning > Level::Review && Level::Review > Level::Style);
}

#[test]
fn what_is_broken_is_an_error() {
    level("fk-parent-missing", "CREATE TABLE t(id INTEGER PRIMARY KEY, x INTEGER REFERENCES gone)", Level::Error);
    level("dangling-view", "CREATE VIEW v AS SELECT * FROM gone", Level::Error);
}

#[test]
fn habits_on_which_nothing_depends_are_style() {
    let of = |columns: &str| format!("CREATE TABLE t(id INTEGER PRIMARY KEY, {columns})");
    level("not-strict", "CREATE TABLE t(id INTEGER PRIMARY KEY)", Level::Style);
    level("autoincrement-unneeded", "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT) STRICT", Level::Style);
    for quiet in [
        "done BOOLEAN",
        "done BOOLEAN NOT NULL DEFAULT FALSE",
        "done BOOLEAN NOT NULL DEFAULT '0'",
        "made DATETIME",
        "made TIMESTAMP DEFAULT CURRENT_TIMESTAMP",
        "doc JSON",
    ] {
        level("affinity-surprise", &of(quiet), Level::Style);
        passes(&of(quiet));
    }
}

#[test]
fn types_that_change_values_are_warnings() {
    let of = |columns: &str| format!("CREATE TABLE t(id INTEGER PRIMARY KEY, {columns})");
    for harmful in ["code STRING", "code CHARINT", "done BOOLEAN DEFAULT 'false'", "done BOOL DEFAULT \"true\""] {
        level("affinity-surprise", &of(harmful), Level::Warning);
    }
    for undecided in ["day DATE UNIQUE", "id2 UUID", "span INTERVAL"] {
        level("affinity-surprise", &of(undecided), Level::Review);
    }
}

#[test]
fn a_usual_schema_passes() {
    passes(
        "CREATE TABLE users(id INTEGER PRIMARY KEY AUTOINCREMENT, email VARCHAR(200) NOT NULL UNIQUE,
             admin BOOLEAN NOT NULL DEFAULT 0, created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP);
         CREATE TABLE sessions(token TEXT PRIMARY KEY NOT NULL, user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
             expires_at TIMESTAMP NOT NULL);
         CREATE INDEX sessions_user_id ON sessions(user_id);",
    );
}

#[test]
fn what_may_be_meant_is_for_review() {
    level("pk-nullable", "CREATE TABLE t(x TEXT PRIMARY KEY)", Level::Review);
    level("no-primary-key", "CREATE TABLE t(x TEXT UNIQUE) STRICT", Level::Review);
    level("no-primary-key", "CREATE TABLE t(x TEXT) STRICT", Level::Warning);
    let author = |action: &str| {
        format!(
            "CREATE TABLE users(id INTEGER PRIMARY KEY);
             CREATE TABLE t(id INTEGER PRIMARY KEY, created_by INTEGER REFERENCES users {action})"
        )
    };
    level("fk-unindexed", &author(""), Level::Review);
    level("fk-unindexed", &author("ON DELETE RESTRICT"), Level::Review);
    level("fk-unindexed", &author("ON DELETE CASCADE"), Level::Warning);
    level("fk-unindexed", &author("ON DELETE SET NULL"), Level::Warning);
    level("fk-unindexed", &author("").replace("created_by", "user_id"), Level::Warning);
}
