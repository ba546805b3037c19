//! Keys that a migration writes as constants, and that a user has already.

use super::declared_values::{History, REFUSED, each_is_found, nothing_is_found};

const SETTINGS: &str = "CREATE TABLE settings(key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;";
const LABELS: &str = "CREATE TABLE labels(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, color TEXT);";
const FOLDERS: &str = "CREATE TABLE folders(id INTEGER PRIMARY KEY, owner INTEGER NOT NULL, name TEXT NOT NULL);
    CREATE UNIQUE INDEX folders_name ON folders(owner, name);";
/// Settings that an earlier migration has made.
const SEEDED: &str = "CREATE TABLE settings(key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL);
    INSERT INTO settings VALUES ('theme', 'dark'), ('sort', 'name');";

#[test]
fn a_key_that_a_user_has_is_found() {
    let refused: [History; 6] = [
        [SETTINGS, "INSERT INTO settings(key, value) VALUES ('theme', 'dark')"],
        [SETTINGS, "INSERT INTO settings SELECT 'theme', 'dark'"],
        [LABELS, "INSERT INTO labels(color, name) VALUES ('#888', 'Other'), ('#444', 'More')"],
        [LABELS, "UPDATE labels SET name = 'Work' WHERE name = 'Job'"],
        [FOLDERS, "INSERT INTO folders(owner, name) VALUES (1, 'Inbox')"],
        [FOLDERS, "UPDATE folders SET name = 'Inbox' WHERE name = 'In'"],
    ];
    each_is_found(&refused.map(|history| (history, REFUSED)));
    each_is_found(&[(
        [SETTINGS, "UPDATE OR REPLACE settings SET key = 'ui.theme' WHERE key = 'theme'"],
        "migration 2 loses",
    )]);
}

#[test]
fn a_key_that_no_user_has_passes() {
    nothing_is_found(&[
        [SETTINGS, "INSERT INTO settings(key, value) VALUES ('theme', 'dark') ON CONFLICT (key) DO NOTHING"],
        [
            SETTINGS,
            "INSERT INTO settings SELECT 'theme', 'dark' WHERE NOT EXISTS (SELECT 1 FROM settings WHERE key = 'theme')",
        ],
        [
            SETTINGS,
            "UPDATE settings SET key = 'ui.theme' WHERE key = 'theme'
             AND NOT EXISTS (SELECT 1 FROM settings WHERE key = 'ui.theme')",
        ],
        [SETTINGS, "UPDATE OR IGNORE settings SET key = 'ui.theme' WHERE key = 'theme'"],
        [SETTINGS, "CREATE TABLE kinds(name TEXT PRIMARY KEY); INSERT INTO kinds VALUES ('a'), ('b')"],
        [SETTINGS, "INSERT INTO settings VALUES ('00000000-0000-4000-8000-000000000001', 'first')"],
        // The app has written nothing under its new name.
        [SETTINGS, "UPDATE settings SET key = 'ui.theme' WHERE key = 'theme'"],
        // Migrations alone fill these.
        [SEEDED, "INSERT INTO settings VALUES ('size', '10')"],
        [SEEDED, "UPDATE OR REPLACE settings SET key = 'ui.theme' WHERE key = 'theme'"],
        // A name that others may share.
        [
            "CREATE TABLE notes(id INTEGER PRIMARY KEY, name TEXT NOT NULL)",
            "INSERT INTO notes(name) VALUES ('Welcome')",
        ],
    ]);
}
