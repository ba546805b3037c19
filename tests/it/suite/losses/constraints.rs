//! Constraints that a rebuild loses, at the level that they deserve.

use sqlitmus::check::Level;

use super::{History, each_is_found, history, nothing_is_found};

const NOTES: &str = "CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT NOT NULL UNIQUE CHECK (title <> ''), kind TEXT NOT NULL DEFAULT 'note' COLLATE NOCASE,
    pinned INTEGER NOT NULL DEFAULT 0, deleted_at TEXT, length INTEGER GENERATED ALWAYS AS (length(title))) STRICT;
    CREATE UNIQUE INDEX notes_live ON notes(pinned, title) WHERE deleted_at IS NULL;
    CREATE UNIQUE INDEX notes_kind ON notes(kind, title);";

/// Returns what is only reported for review, if the suite passes.
fn review(history: &History) -> Vec<String> {
    let report = history.suite().only("lints_clean").report();
    let failures: Vec<String> = report.failures().map(|(_, error)| error.to_string()).collect();
    assert!(failures.is_empty(), "{}: {}", history.name, failures.join("\n"));
    let found: Vec<String> = report
        .iter()
        .flat_map(|result| &result.review)
        .map(|finding| {
            assert_eq!(finding.level(), Level::Review);
            finding.what().to_owned()
        })
        .collect();
    let text = report.to_string();
    assert!(found.iter().all(|what| text.contains(what.as_str())), "{text}");
    found
}

fn rebuilt(change: impl Fn(&str) -> String) -> History {
    let (table, indexes) = NOTES.split_once(";").unwrap();
    let new = format!(
        "{}; INSERT INTO new(id, title, kind, pinned, deleted_at) SELECT id, title, kind, pinned, deleted_at FROM notes;
         DROP TABLE notes; ALTER TABLE new RENAME TO notes;{indexes}",
        table.replace("notes(", "new(")
    );
    let changed = change(&new);
    assert_ne!(changed, new);
    history("rebuilt", NOTES, Box::leak(changed.into_boxed_str()))
}

#[track_caller]
fn check(change: impl Fn(&str) -> String, expected: &[&str]) {
    let history = rebuilt(change);
    let found = review(&history);
    let is_there = |text: &&str| found.iter().any(|what| what.contains(text));
    assert!(found.len() == expected.len() && expected.iter().all(is_there), "{}\n{found:#?}", history.change);
}

#[test]
fn what_a_rebuild_does_alone_is_reviewed() {
    check(|new| new.replace(" CHECK (title <> '')", ""), &["loses CHECK (title <> '')"]);
    check(|new| new.replace(" UNIQUE CHECK", " CHECK"), &["loses UNIQUE (title)"]);
    check(|new| new.replace(" COLLATE NOCASE", ""), &["loses COLLATE NOCASE"]);
    check(|new| new.replace(" STRICT", ""), &["loses STRICT"]);
    check(|new| new.replace(" DEFAULT 'note'", ""), &["loses DEFAULT 'note' of kind"]);
    check(|new| new.replace(" UNIQUE CHECK (title <> '')", ""), &["loses UNIQUE (title)", "loses CHECK (title <> '')"]);
}

#[test]
fn what_a_rebuild_changes_is_reviewed() {
    check(|new| new.replace("DEFAULT 'note'", "DEFAULT 'memo'"), &["changes DEFAULT 'note' of kind to DEFAULT 'memo'"]);
    check(
        |new| new.replace("deleted_at TEXT,", "deleted_at TEXT, author TEXT,").replace("DEFAULT 0", "DEFAULT 1"),
        &["changes DEFAULT 0 of pinned to DEFAULT 1"],
    );
    check(
        |new| new.replace("AS (length(title))", "AS (length(title) + 1)"),
        &["(length(title)) VIRTUAL of length to GENERATED"],
    );
    check(|new| new.replace("deleted_at IS NULL", "deleted_at IS NOT NULL"), &["predicate of the index notes_live"]);
    check(
        |new| new.replace("CREATE UNIQUE INDEX notes_kind", "CREATE INDEX notes_kind"),
        &["UNIQUE of the index notes_kind"],
    );
}

#[test]
fn what_says_the_same_is_nothing() {
    check(|new| new.replace("DEFAULT 0", "DEFAULT (0)"), &[]);
    check(|new| new.replace("DEFAULT 0", "DEFAULT FALSE"), &[]);
    check(|new| new.replace("AS (length(title))", "AS (LENGTH( title )) VIRTUAL"), &[]);
    check(|new| new.replace("title TEXT NOT NULL", "title TEXT"), &[]);
    check(|new| new.replace("deleted_at TEXT,", "deleted_at TEXT, author TEXT,"), &[]);
}

#[test]
fn what_is_dropped_by_name_is_reviewed() {
    let dropped = history(
        "an index remade plainly",
        NOTES,
        "DROP INDEX notes_kind; CREATE INDEX notes_kind ON notes(kind, title);",
    );
    let found = review(&dropped);
    assert!(found.len() == 1 && found[0].contains("UNIQUE of the index notes_kind"), "{found:#?}");
    assert_eq!(review(&history("an index dropped", NOTES, "DROP INDEX notes_kind;")), [""; 0]);
}

#[test]
fn what_is_lost_on_the_side_is_an_error() {
    let with = |change: fn(&str) -> String| {
        rebuilt(move |new| change(&new.replace("deleted_at TEXT,", "deleted_at TEXT, author TEXT,")))
    };
    each_is_found(&[
        (with(|new| new.replace(" CHECK (title <> '')", "")), "loses CHECK (title <> '')"),
        (with(|new| new.replace(" COLLATE NOCASE", "")), "loses COLLATE NOCASE"),
        (with(|new| new.replace(" STRICT", "")), "loses STRICT"),
        (with(|new| new.replace(" DEFAULT 'note'", "")), "loses DEFAULT 'note' of kind"),
        (
            with(|new| new.replace("CREATE UNIQUE INDEX notes_kind", "CREATE INDEX notes_kind")),
            "UNIQUE of the index notes_kind",
        ),
    ]);
}

/// Names of tables that need quotes.
const QUOTED: [&str; 7] = ["order", "order items", "group", "2024", "v1.2", "it's", "a \"b\""];

/// Returns what the rebuild of a table loses, with errors and what is for review. `lost` is left out of its new form.
fn lost_in(table: &str, lost: &[&str]) -> Vec<String> {
    let quoted = format!("\"{}\"", table.replace('"', "\"\""));
    let form =
        "(id INTEGER PRIMARY KEY, kind TEXT NOT NULL DEFAULT 'note' COLLATE NOCASE, \"to\" INTEGER CHECK (\"to\" > 0),
        parent INTEGER REFERENCES parents(id) ON DELETE CASCADE) STRICT;";
    let index = format!("CREATE INDEX parent_of ON {quoted}(parent);");
    let new = lost.iter().fold(form.to_owned(), |form, lost| {
        assert!(form.contains(lost), "{lost}");
        form.replacen(lost, "", 1)
    });
    let before = format!("CREATE TABLE parents(id INTEGER PRIMARY KEY); CREATE TABLE {quoted}{form}{index}");
    let change = format!(
        "CREATE TABLE made{} INSERT INTO made(id, kind, \"to\", parent) SELECT id, kind, \"to\", parent FROM {quoted};
         DROP TABLE {quoted}; ALTER TABLE made RENAME TO {quoted};{index}",
        new.replace("(id INTEGER PRIMARY KEY,", "(id INTEGER PRIMARY KEY, author TEXT,")
    );
    let history = history("quoted", Box::leak(before.into_boxed_str()), Box::leak(change.into_boxed_str()));
    history.found()
}

#[test]
fn constraints_of_tables_in_quotes_are_missed() {
    let lost = [" DEFAULT 'note'", " COLLATE NOCASE", " CHECK (\"to\" > 0)", " STRICT"];
    for table in QUOTED {
        assert_eq!(lost_in(table, &[]), [""; 0], "{table}");
        let found = lost_in(table, &lost);
        assert_eq!(found.len(), 1, "{table}: {found:#?}");
        let is_found = |lost: &&str| found[0].contains(&format!("loses{lost}"));
        assert!(lost.iter().all(is_found), "{table}: {found:#?}");
        assert!(found[0].contains(&format!(".allow({:?}, {:?}", "rebuild-loses-objects", format!("{table}.kind"))));
        let found = lost_in(table, &[" REFERENCES parents(id) ON DELETE CASCADE"]);
        let is_it = |text: &String| text.contains("fk-dropped: ") && text.contains("loses FOREIGN KEY (parent)");
        assert!(found.len() == 1 && is_it(&found[0]), "{table}: {found:#?}");
        let found = lost_in(table, &[" ON DELETE CASCADE"]);
        assert!(found.len() == 1 && found[0].contains("loses ON DELETE CASCADE of parent"), "{table}: {found:#?}");
    }
}

#[test]
fn a_key_that_is_the_rowid_no_more_is_missed() {
    let rebuilt = |name: &'static str, key: &str| {
        let change = format!(
            "CREATE TABLE new({key}, name TEXT NOT NULL, email TEXT);
             INSERT INTO new(id, name) SELECT id, name FROM users; DROP TABLE users; ALTER TABLE new RENAME TO users;"
        );
        let before = "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL);";
        history(name, before, Box::leak(change.into_boxed_str()))
    };
    each_is_found(&[
        (rebuilt("INT", "id INT PRIMARY KEY"), "loses the INTEGER PRIMARY KEY id in the rebuild of users"),
        (rebuilt("without a type", "id PRIMARY KEY"), "an INSERT without one stores NULL from now on"),
        (rebuilt("BIGINT", "id BIGINT NOT NULL PRIMARY KEY"), "an INSERT without one fails from now on"),
        (rebuilt("DESC", "id INTEGER PRIMARY KEY DESC"), ".allow(\"rebuild-loses-objects\", \"users.id\""),
    ]);
    nothing_is_found(&[
        rebuilt("the same", "id INTEGER NOT NULL PRIMARY KEY"),
        rebuilt("of the table", "id integer, PRIMARY KEY (id)"),
        rebuilt("by a default", "id INT PRIMARY KEY DEFAULT (abs(random()))"),
        rebuilt("a text", "id TEXT PRIMARY KEY"),
        rebuilt("AUTOINCREMENT", "id INTEGER PRIMARY KEY AUTOINCREMENT"),
    ]);
}

#[test]
fn a_key_that_may_be_null_is_missed() {
    let rebuilt = |name: &'static str, columns: &str| {
        let change = format!(
            "CREATE TABLE new({columns}; INSERT INTO new(k, v) SELECT k, v FROM kv; DROP TABLE kv; ALTER TABLE new RENAME TO kv;"
        );
        let before = "CREATE TABLE kv(k TEXT PRIMARY KEY CHECK (typeof(k) = 'text'),
            v TEXT CHECK (v IS NULL OR typeof(v) = 'text')) WITHOUT ROWID;";
        history(name, before, Box::leak(change.into_boxed_str()))
    };
    each_is_found(&[
        (
            rebuilt(
                "plain",
                "k TEXT PRIMARY KEY CHECK (typeof(k) = 'text'), v TEXT CHECK (v IS NULL OR typeof(v) = 'text'), x TEXT)",
            ),
            "loses WITHOUT ROWID in the rebuild of kv",
        ),
        (
            rebuilt(
                "alone",
                "k TEXT PRIMARY KEY CHECK (typeof(k) = 'text'), v TEXT CHECK (v IS NULL OR typeof(v) = 'text'))",
            ),
            "the key k may be NULL from now on",
        ),
    ]);
    nothing_is_found(&[
        rebuilt(
            "NOT NULL",
            "k TEXT NOT NULL PRIMARY KEY CHECK (typeof(k) = 'text'), v TEXT CHECK (v IS NULL OR typeof(v) = 'text'), x TEXT)",
        ),
        rebuilt(
            "STRICT",
            "k TEXT PRIMARY KEY CHECK (typeof(k) = 'text'), v TEXT CHECK (v IS NULL OR typeof(v) = 'text'), x TEXT) STRICT",
        ),
        rebuilt(
            "WITHOUT ROWID",
            "k TEXT PRIMARY KEY CHECK (typeof(k) = 'text'), v TEXT CHECK (v IS NULL OR typeof(v) = 'text'), x TEXT) WITHOUT ROWID",
        ),
        rebuilt(
            "another key",
            "id INTEGER PRIMARY KEY, k TEXT UNIQUE CHECK (typeof(k) = 'text'), v TEXT CHECK (v IS NULL OR typeof(v) = 'text'))",
        ),
    ]);
}

#[test]
fn a_foreign_key_that_waits_no_more_for_commit_is_missed() {
    let rebuilt = |name: &'static str, key: &str| {
        let change = format!(
            "CREATE TABLE new(id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parents(id){key}, x TEXT);
             INSERT INTO new(id, parent) SELECT id, parent FROM kids; DROP TABLE kids; ALTER TABLE new RENAME TO kids;
             CREATE INDEX kids_parent ON kids(parent);"
        );
        let before = "CREATE TABLE parents(id INTEGER PRIMARY KEY, name TEXT);
            CREATE TABLE kids(id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parents(id) DEFERRABLE INITIALLY DEFERRED);
            CREATE INDEX kids_parent ON kids(parent);";
        history(name, before, Box::leak(change.into_boxed_str()))
    };
    let loses = "fk-dropped: migration 2 loses DEFERRABLE INITIALLY DEFERRED of parent in the rebuild of kids";
    each_is_found(&[
        (rebuilt("plain", ""), loses),
        (rebuilt("DEFERRABLE alone, which is IMMEDIATE", " DEFERRABLE"), loses),
        (rebuilt("NOT DEFERRABLE", " NOT DEFERRABLE INITIALLY DEFERRED"), loses),
    ]);
    nothing_is_found(&[rebuilt("kept", " ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED")]);
}
