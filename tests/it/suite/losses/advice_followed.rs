//! The advice of each message that is words and not SQL, followed by hand: the test that gave it passes then, and all others.

use sqlitmus::suite::{Outcome, Suite};

use super::super::embedded;

/// A history that a test refuses, what the test advises, and the history with the advice followed.
struct Case {
    files: [&'static str; 2],
    test: &'static str,
    before: &'static str,
    change: &'static str,
    advice: &'static str,
    followed: &'static str,
}

/// The names of the files, as the plain format and refinery have them.
const PLAIN: [&str; 2] = ["001_tables.sql", "002_change.sql"];
const REFINERY: [&str; 2] = ["V1__tables.sql", "V2__change.sql"];

fn suite(files: [&'static str; 2], before: &'static str, change: &'static str) -> Suite {
    Suite::new(embedded(&[(files[0], before), (files[1], change)]))
        .skip("shipped_migrations_are_frozen", "not shipped")
        .skip("schema_is_as_reviewed", "not reviewed")
}

#[test]
fn each_advice_helps() {
    let wrong: Vec<String> = CASES.iter().filter_map(|case| case.wrong().err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

impl Case {
    fn wrong(&self) -> Result<(), String> {
        let Case { files, test, before, change, advice, followed } = *self;
        let error = match suite(files, before, change).try_test(test) {
            Ok(_) => return Err(format!("{test} passes: {change}")),
            Err(error) => error.to_string(),
        };
        if !error.contains(advice) {
            return Err(format!("no {advice:?} in\n{error}"));
        }
        let mut all = suite(files, before, followed);
        if test != "survives_power_loss" {
            all = all.skip("survives_power_loss", "another case is about it");
        }
        let report = all.report();
        let failed = report.iter().find_map(|result| match &result.outcome {
            Outcome::Failed(error) => Some(format!("{followed}: {}\n{error}", result.name)),
            _ => None,
        });
        failed.map_or(Ok(()), Err)
    }
}

const NOTES: &str = "CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT, kind TEXT);";
const USERS: &str = "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE emails(id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users(id), address TEXT NOT NULL);
    CREATE INDEX emails_user ON emails(user_id);";

const CASES: [Case; 14] = [
    Case {
        files: PLAIN,
        test: "every_row_survives",
        before: USERS,
        change: "CREATE TABLE emails_new(id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users(id), address TEXT NOT NULL, name TEXT);
            INSERT INTO emails_new SELECT e.id, e.user_id, e.address, u.name FROM emails e JOIN users u ON u.id = e.user_id;
            DROP TABLE emails; ALTER TABLE emails_new RENAME TO emails; CREATE INDEX emails_user ON emails(user_id);",
        advice: "copy with a plain SELECT of the old table, and look up the rest in subqueries",
        followed: "CREATE TABLE emails_new(id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users(id), address TEXT NOT NULL, name TEXT);
            INSERT INTO emails_new SELECT id, user_id, address, (SELECT name FROM users WHERE users.id = user_id) FROM emails;
            DROP TABLE emails; ALTER TABLE emails_new RENAME TO emails; CREATE INDEX emails_user ON emails(user_id);",
    },
    Case {
        files: PLAIN,
        test: "every_row_survives",
        before: "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL);
            CREATE TABLE emails(user_id INTEGER REFERENCES users(id), address TEXT NOT NULL);
            CREATE INDEX emails_user ON emails(user_id);",
        change: "CREATE TABLE users_new(id INTEGER, name TEXT NOT NULL, address TEXT);
            INSERT INTO users_new SELECT u.id, u.name, e.address FROM users u LEFT JOIN emails e ON e.user_id = u.id;
            ALTER TABLE users RENAME TO people; ALTER TABLE users_new RENAME TO users; DROP TABLE emails; DROP TABLE people;",
        advice: "look the value up in a subquery instead of a join",
        followed: "ALTER TABLE users ADD COLUMN address TEXT;
            UPDATE users SET address = (SELECT min(address) FROM emails WHERE user_id = users.id);",
    },
    Case {
        files: PLAIN,
        test: "every_row_survives",
        before: NOTES,
        change: "CREATE TABLE notes_new(id INTEGER PRIMARY KEY, kind TEXT, title TEXT);
            INSERT INTO notes_new SELECT * FROM notes; DROP TABLE notes; ALTER TABLE notes_new RENAME TO notes;",
        advice: "name the columns on both sides: INSERT INTO new(a, b) SELECT a, b FROM old",
        followed: "CREATE TABLE notes_new(id INTEGER PRIMARY KEY, kind TEXT, title TEXT);
            INSERT INTO notes_new(id, title, kind) SELECT id, title, kind FROM notes;
            DROP TABLE notes; ALTER TABLE notes_new RENAME TO notes;",
    },
    Case {
        files: PLAIN,
        test: "every_row_survives",
        before: NOTES,
        change: "CREATE TABLE notes_new(id INTEGER PRIMARY KEY, title TEXT, kind TEXT);
            INSERT INTO notes_new(title, kind) SELECT title, kind FROM notes;
            DROP TABLE notes; ALTER TABLE notes_new RENAME TO notes;",
        advice: "copy the key along with the other columns",
        followed: "CREATE TABLE notes_new(id INTEGER PRIMARY KEY, title TEXT, kind TEXT);
            INSERT INTO notes_new(id, title, kind) SELECT id, title, kind FROM notes;
            DROP TABLE notes; ALTER TABLE notes_new RENAME TO notes;",
    },
    Case {
        files: PLAIN,
        test: "every_row_survives",
        before: NOTES,
        change: "DROP TABLE notes; CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT, kind TEXT, body TEXT);",
        advice: "INSERT INTO the new table SELECT from the old one before DROP TABLE notes",
        followed: "CREATE TABLE notes_new(id INTEGER PRIMARY KEY, title TEXT, kind TEXT, body TEXT);
            INSERT INTO notes_new(id, title, kind) SELECT id, title, kind FROM notes;
            DROP TABLE notes; ALTER TABLE notes_new RENAME TO notes;",
    },
    Case {
        files: PLAIN,
        test: "every_version_upgrades_with_data",
        before: NOTES,
        change: "CREATE TABLE notes_new(id INTEGER PRIMARY KEY, title TEXT NOT NULL, kind TEXT);
            INSERT INTO notes_new(id, title, kind) SELECT id, title, kind FROM notes;
            DROP TABLE notes; ALTER TABLE notes_new RENAME TO notes;",
        advice: "change such rows or set them aside first, in the same migration",
        followed: "UPDATE notes SET title = '' WHERE title IS NULL;
            CREATE TABLE notes_new(id INTEGER PRIMARY KEY, title TEXT NOT NULL, kind TEXT);
            INSERT INTO notes_new(id, title, kind) SELECT id, title, kind FROM notes;
            DROP TABLE notes; ALTER TABLE notes_new RENAME TO notes;",
    },
    Case {
        files: PLAIN,
        test: "every_version_upgrades_with_data",
        before: NOTES,
        change: "CREATE UNIQUE INDEX notes_title ON notes(title);",
        advice: "change such rows or set them aside first, in the same migration",
        followed: "CREATE TABLE doubles(id INTEGER PRIMARY KEY, title TEXT, kind TEXT);
            INSERT INTO doubles SELECT id, title, kind FROM notes
                WHERE EXISTS (SELECT 1 FROM notes AS other WHERE other.title = notes.title AND other.id < notes.id);
            DELETE FROM notes WHERE id IN (SELECT id FROM doubles);
            CREATE UNIQUE INDEX notes_title ON notes(title);",
    },
    Case {
        files: PLAIN,
        test: "failure_leaves_the_previous_version",
        before: NOTES,
        change: "-- no-transaction\nALTER TABLE notes ADD COLUMN body TEXT; ALTER TABLE notes ADD COLUMN at INTEGER;",
        advice: "put everything into one transaction: BEGIN at the start, COMMIT at the end, nothing after it",
        followed: "-- no-transaction\nBEGIN; ALTER TABLE notes ADD COLUMN body TEXT; ALTER TABLE notes ADD COLUMN at INTEGER; COMMIT;",
    },
    Case {
        files: REFINERY,
        test: "applies_to_an_empty_database",
        before: NOTES,
        change: "BEGIN; ALTER TABLE notes ADD COLUMN body TEXT; COMMIT;",
        advice: "remove BEGIN and COMMIT",
        followed: "ALTER TABLE notes ADD COLUMN body TEXT;",
    },
    Case {
        files: PLAIN,
        test: "lints_clean",
        before: USERS,
        change: "PRAGMA foreign_keys = OFF;
            CREATE TABLE users_new(id INTEGER PRIMARY KEY, name TEXT NOT NULL, at TEXT);
            INSERT INTO users_new(id, name) SELECT id, name FROM users;
            DROP TABLE users; ALTER TABLE users_new RENAME TO users;
            PRAGMA foreign_keys = ON;",
        advice: "remove it, or run the file without its runner's transaction and BEGIN after it",
        followed: "-- no-transaction\nPRAGMA foreign_keys = OFF; BEGIN;
            CREATE TABLE users_new(id INTEGER PRIMARY KEY, name TEXT NOT NULL, at TEXT);
            INSERT INTO users_new(id, name) SELECT id, name FROM users;
            DROP TABLE users; ALTER TABLE users_new RENAME TO users;
            COMMIT; PRAGMA foreign_keys = ON;",
    },
    Case {
        files: PLAIN,
        test: "lints_clean",
        before: "CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT, kind TEXT);
            CREATE VIEW titles AS SELECT title FROM notes;",
        change: "DROP VIEW titles; ALTER TABLE notes RENAME TO pages; CREATE VIEW titles AS SELECT title FROM notes;",
        advice: "drop the view before the change, and create it again afterwards",
        followed: "DROP VIEW titles; ALTER TABLE notes RENAME TO pages; CREATE VIEW titles AS SELECT title FROM pages;",
    },
    Case {
        files: PLAIN,
        test: "lints_clean",
        before: "CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT, at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP);",
        change: "CREATE TABLE notes_new(id INTEGER PRIMARY KEY, title TEXT, at TEXT NOT NULL, body TEXT);
            INSERT INTO notes_new(id, title, at) SELECT id, title, at FROM notes;
            DROP TABLE notes; ALTER TABLE notes_new RENAME TO notes;",
        advice: "declare it in the new table too",
        followed: "CREATE TABLE notes_new(id INTEGER PRIMARY KEY, title TEXT, at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, body TEXT);
            INSERT INTO notes_new(id, title, at) SELECT id, title, at FROM notes;
            DROP TABLE notes; ALTER TABLE notes_new RENAME TO notes;",
    },
    Case {
        files: PLAIN,
        test: "lints_clean",
        before: "CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT, at TEXT);",
        change: "ALTER TABLE notes ADD COLUMN utc TEXT; UPDATE notes SET utc = datetime(at, 'utc') WHERE at IS NOT NULL;",
        advice: "state the shift, as in datetime(at, '+02:00')",
        followed: "ALTER TABLE notes ADD COLUMN utc TEXT; UPDATE notes SET utc = datetime(at, '-02:00') WHERE at IS NOT NULL;",
    },
    Case {
        files: PLAIN,
        test: "survives_power_loss",
        before: NOTES,
        change: "-- no-transaction\nPRAGMA journal_mode = OFF; BEGIN; ALTER TABLE notes ADD COLUMN body TEXT; UPDATE notes SET body = ''; COMMIT;",
        advice: "remove what switches off the journal or the syncs: PRAGMA journal_mode, PRAGMA synchronous",
        followed: "-- no-transaction\nBEGIN; ALTER TABLE notes ADD COLUMN body TEXT; UPDATE notes SET body = ''; COMMIT;",
    },
];
