//! Options, templates without a history, and rows that can be pasted.

use sqlitmus::rusqlite::Connection;
use sqlitmus::suite::{Suite, TESTS};
use sqlitmus::{BoxError, Template};

use super::{embedded, failures, outcome, says, template};

mod as_tests {
    use sqlitmus::Template;

    // Users are likely to choose this name, so the macro must not shadow it.
    static SUITE: Template = Template::new("fixtures/shop/migrations");

    sqlitmus::migration_suite!(SUITE, |suite| {
        suite
            .allow_loss(26, "products.price_cents", "since 16 it is in prices, and 26 copies what is missing there")
            .allow_loss(30, "sessions.ip_address", "required by law")
            .skip("schema_is_as_reviewed", "tested with the schemas")
    });
}

#[cfg(feature = "snapshots")]
mod reviewed {
    use sqlitmus::Template;

    static NOTES: Template = Template::new("fixtures/formats/plain");

    sqlitmus::migration_suite!(NOTES, |suite| suite.skip("shipped_migrations_are_frozen", "not shipped"));
}

#[test]
fn misspelled_names_are_errors() {
    let suite = Suite::new(template("fixtures/formats/plain")).only("every_row_survive");
    assert_eq!(
        says(&suite, "every_row_survives").lines().next().unwrap(),
        "there is no test every_row_survive; is it every_row_survives?"
    );
    let suite = Suite::new(template("fixtures/formats/plain"));
    assert_eq!(
        says(&suite, "everything"),
        format!("there is no test everything\n\n  the tests are:\n    {}", TESTS.join("\n    "))
    );
    let suite = Suite::new(template("fixtures/formats/plain")).set("notes", "titel", "x");
    assert_eq!(
        says(&suite, "every_version_upgrades_with_data"),
        "no version has a column notes.titel: .set(\"notes\", \"titel\", ..)"
    );
    let suite = Suite::new(template("fixtures/formats/plain")).allow("fk-droped", "notes", "because");
    assert_eq!(
        says(&suite, "lints_clean").lines().next().unwrap(),
        "unknown-code: there is no code fk-droped; is it fk-dropped?"
    );
}

#[test]
fn an_allowance_that_is_not_needed_is_an_error() {
    let files: [(&str, &str); 2] = [
        ("1_notes.sql", "CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT"),
        ("2_title.sql", "ALTER TABLE notes ADD COLUMN title TEXT"),
    ];
    let suite = || Suite::new(embedded(&files));
    for (suite, test, expected) in [
        (
            suite().allow_loss(2, "notes.body", "because"),
            "every_row_survives",
            "nothing to allow: .allow_loss(2, \"notes.body\", ..)\n\n  its reason:\n    because\n\n  \
             help: remove it: the next accident would hide behind it",
        ),
        (
            suite().allow_refusal(2, "notes.body", "because"),
            "every_version_upgrades_with_data",
            "nothing to allow: .allow_refusal(2, \"notes.body\", ..)\n\n  its reason:\n    because\n\n  \
             help: remove it: the next accident would hide behind it",
        ),
        (
            suite().irreversible(2, "because"),
            "down_undoes_up",
            "nothing to allow: .irreversible(2, ..)\n\n  its reason:\n    because\n\n  \
             help: remove it: the next accident would hide behind it",
        ),
        (
            suite().from(7),
            "integrity_holds",
            "no migration has version 7: .from(7)\n\n  help: the versions are from 1 to 2",
        ),
    ] {
        assert_eq!(says(&suite, test), expected);
    }
    assert_eq!(failures(&suite().report()), []);
}

#[test]
fn versions_before_the_oldest_release_have_no_data_to_lose() {
    let suite = || {
        Suite::new(template("fixtures/histories/bad/column_dropped"))
            .skip("shipped_migrations_are_frozen", "not shipped")
    };
    assert_eq!(failures(&suite().report()).len(), 1);
    assert_eq!(failures(&suite().from(2).report()), []);
    let allowed = suite().allow_loss(2, "people.email", "nobody has ever read it");
    assert_eq!(failures(&allowed.report()), []);
}

#[test]
fn lints_for_an_app_that_keeps_running() {
    let files: [(&str, &str); 2] = [
        ("1_notes.sql", "CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT"),
        (
            "2_change.sql",
            "ALTER TABLE notes RENAME COLUMN body TO text;\n\
             ALTER TABLE notes ADD COLUMN title TEXT;\nUPDATE notes SET title = substr(text, 1, 10);",
        ),
    ];
    assert_eq!(says(&Suite::new(embedded(&files)), "lints_clean"), "nothing, None");
    let report = says(&Suite::new(embedded(&files)).old_code_runs().lowest_sqlite("3.24"), "lints_clean");
    assert_eq!(
        report.lines().next().unwrap(),
        "4 findings, the first: needs-sqlite: migration 1 needs SQLite 3.37: STRICT"
    );
    for code in [
        "migration 2 renames notes.body to text: 2_change.sql",
        "backfill-with-ddl (notes.title)",
        "needs-sqlite (2_change.sql)",
        "needs SQLite 3.25: RENAME COLUMN",
        "needs SQLite 3.37: STRICT",
    ] {
        assert!(report.contains(code), "{code} in {report}");
    }
    let known = Suite::new(embedded(&files)).old_code_runs();
    let known = known.allow("rename-breaks-old-code", "notes.body", "one process").allow(
        "backfill-with-ddl",
        "notes.title",
        "ten rows",
    );
    assert_eq!(says(&known, "lints_clean"), "nothing, None");
}

fn by_hand(connection: &mut Connection) -> Result<(), BoxError> {
    Ok(connection
        .execute_batch("CREATE TABLE IF NOT EXISTS notes(id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT")?)
}

fn again_and_again(connection: &mut Connection) -> Result<(), BoxError> {
    by_hand(connection)?;
    Ok(connection.execute_batch("INSERT INTO notes(body) VALUES ('welcome')")?)
}

#[test]
fn an_app_with_its_own_runner_is_tested_as_far_as_possible() {
    static APP: Template = Template::migrate_with(by_hand);
    let report = Suite::new(&APP).report();
    assert_eq!(failures(&report), []);
    for test in ["applies_to_an_empty_database", "rerun_changes_nothing", "integrity_holds", "lints_clean"] {
        assert_eq!(outcome(&report, test), "passed");
    }
    assert_eq!(
        outcome(&report, "every_row_survives"),
        "skipped: the template has no history: run the app's own runner by Template::migrate_to, or name the folder of \
         the migrations with Suite::history"
    );
    static TWICE: Template = Template::migrate_with(again_and_again);
    assert_eq!(
        says(&Suite::new(&TWICE), "rerun_changes_nothing"),
        "the second run of the migrations changes rows of notes\n\n  rows:\n    1 after the first run, 2 after the second"
    );
}

#[test]
fn a_runner_and_a_folder_have_to_agree() {
    static APP: Template = Template::migrate_with(by_hand);
    let suite = Suite::new(&APP).history("fixtures/formats/plain");
    let report = says(&suite, "applies_to_an_empty_database");
    assert_eq!(report.lines().next().unwrap(), "the app's runner and the folder produce different schemas");
    assert_eq!(outcome(&suite.report(), "every_row_survives"), "passed");
}

#[test]
fn a_folder_without_a_history_fails_once() {
    let report = Suite::new(template("fixtures/shop")).report();
    let failed: Vec<&str> = report.failures().map(|(name, _)| name).collect();
    assert_eq!(failed, ["history_is_linear"]);
    assert_eq!(outcome(&report, "every_row_survives"), "skipped: the history cannot be read, see history_is_linear");
}

/// The macro repeats the names of the tests.
#[test]
fn the_macro_has_the_names_of_all_tests() {
    let source = include_str!("../../../src/suite/macros.rs");
    for test in TESTS {
        assert!(
            source.contains(&format!("            {test}\n")) || source.contains(&format!("fn {test}()")),
            "{test}"
        );
    }
}

#[test]
fn a_column_can_be_set_to_a_value() {
    let files: [(&str, &str); 2] = [
        ("1_logs.sql", "CREATE TABLE logs(id INTEGER PRIMARY KEY, data TEXT NOT NULL) STRICT"),
        ("2_index.sql", "CREATE INDEX logs_name ON logs(data ->> 'name')"),
    ];
    let first_line = |suite: Suite| says(&suite, "every_version_upgrades_with_data").lines().next().unwrap().to_owned();
    assert_eq!(
        first_line(Suite::new(embedded(&files))),
        "fails-on-data: migration 2 fails on rows that version 1 accepts: 2_index.sql"
    );
    assert_eq!(first_line(Suite::new(embedded(&files)).set("logs", "data", "{\"name\": \"Ada\"}")), "nothing, None");
    let allowed = Suite::new(embedded(&files)).allow_refusal(2, "*", "the app writes JSON");
    assert_eq!(first_line(allowed), "nothing, None");
    let few = Suite::new(embedded(&files)).rows(1).seed(99).set("logs", "data", "{}");
    assert_eq!(failures(&few.report()), []);
}

#[test]
fn a_value_with_a_nul_in_it_can_be_pasted() {
    let files: [(&str, &str); 2] = [
        ("1_notes.sql", "CREATE TABLE notes(id TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID"),
        ("2_short.sql", "UPDATE notes SET body = substr(body, 1, 1)"),
    ];
    let suite = Suite::new(embedded(&files)).rows(1).set("notes", "body", "a\0b").set("notes", "id", "c\0d");
    let report = says(&suite, "every_row_survives");
    let expected = "INSERT INTO notes(id, body) VALUES (CAST(X'630064' AS TEXT), CAST(X'610062' AS TEXT));";
    assert!(report.contains(expected) && report.contains("at 2_short.sql:1:"), "{report}");
}

#[test]
fn a_value_with_control_characters_can_be_pasted() {
    let files: [(&str, &str); 2] = [
        ("1_notes.sql", "CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT"),
        ("2_one.sql", "UPDATE notes SET body = 'x' WHERE instr(body, char(27))"),
    ];
    let suite = Suite::new(embedded(&files)).rows(1).set("notes", "body", "it's\r\u{1b}[2J\u{202e}");
    let report = says(&suite, "every_row_survives");
    assert!(report.contains("VALUES (3, 'it''s' || char(13, 27) || '[2J' || char(8238));"), "{report}");
}

#[test]
fn referenced_rows_of_the_same_table_come_first() {
    let files: [(&str, &str); 2] = [
        ("1_tree.sql", "CREATE TABLE tree(id TEXT PRIMARY KEY, up TEXT REFERENCES tree(id)) STRICT, WITHOUT ROWID"),
        ("2_flat.sql", "UPDATE tree SET up = id"),
    ];
    for seed in 0..12 {
        let report = says(&Suite::new(embedded(&files)).seed(seed), "every_row_survives");
        let (_, data) = report.split_once("smallest data that shows it, at version 1:\n").unwrap();
        let (data, _) = data.split_once("\n\n").unwrap();
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(files[0].1).unwrap();
        connection.execute_batch("PRAGMA foreign_keys = ON").unwrap();
        connection.execute_batch(data).unwrap_or_else(|error| panic!("{error} with seed {seed}:\n{data}"));
    }
}

#[test]
fn a_nullable_column_has_a_null_with_any_seed() {
    let files: [(&str, &str); 2] = [
        ("1_notes.sql", "CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT, body TEXT) STRICT"),
        ("2_clean.sql", "DELETE FROM notes WHERE body IS NULL"),
    ];
    for seed in 0..12 {
        let report = says(&Suite::new(embedded(&files)).seed(seed), "every_row_survives");
        assert!(report.starts_with("destructive: migration 2 loses"), "with seed {seed}: {report}");
    }
    let said = Suite::new(embedded(&files)).set("notes", "body", "what the app always writes");
    assert_eq!(says(&said, "every_row_survives"), "nothing, None");
}

#[test]
fn versions_after_a_migration_that_does_not_apply_do_not_pass() {
    let suite = Suite::new(embedded(&[
        ("1_notes.sql", "CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT"),
        ("2_pinned.sql", "ALTER TABLE notes ADD COLUMN pinned INTEGER"),
        ("3_typo.sql", "ALTER TABLE note ADD COLUMN author TEXT"),
        ("4_gone.sql", "DROP TABLE notes"),
    ]));
    let report = suite.report();
    assert_eq!(failures(&report).len(), 1, "{report}");
    assert_eq!(outcome(&report, "history_is_linear"), "passed");
    for test in ["every_row_survives", "failure_leaves_the_previous_version", "integrity_holds", "lints_clean"] {
        assert_eq!(
            outcome(&report, test),
            "skipped: nothing is wrong up to version 2; migration 3 does not apply, see applies_to_an_empty_database"
        );
    }
}
