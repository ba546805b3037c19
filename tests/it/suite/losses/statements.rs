//! PRAGMAs that change nothing, and down scripts that spell a type in another way.

use sqlitmus::suite::Suite;
use sqlitmus::{Profile, Template};

use super::super::failures;

const TABLE: &str = "CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT NOT NULL, n INT);";

fn suite(files: &[(&'static str, &'static str)], profile: Profile) -> Suite {
    let files: &'static [_] = Box::leak(files.to_vec().into_boxed_slice());
    Suite::new(Box::leak(Box::new(Template::embedded(files).profile(profile))))
}

/// Tables of which `REBUILD` empties the second where foreign keys are on.
const ORDERS: &str = "CREATE TABLE orders(id INTEGER PRIMARY KEY, number TEXT NOT NULL);
    CREATE TABLE items(id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders(id) ON DELETE CASCADE);
    CREATE INDEX items_order ON items(order_id);";

const REBUILD: &str = "CREATE TABLE orders_new(id INTEGER PRIMARY KEY, number TEXT NOT NULL, note TEXT);
    INSERT INTO orders_new(id, number) SELECT id, number FROM orders;
    DROP TABLE orders;
    ALTER TABLE orders_new RENAME TO orders;";

const NOTE: &str = "ALTER TABLE orders ADD COLUMN note TEXT;";

#[test]
fn a_pragma_that_changes_nothing_is_nothing() {
    let check = |pragma: &str, change: &str, profile: Profile, is_found: bool| {
        let change: &'static str = Box::leak(format!("{pragma} {change}").into_boxed_str());
        let suite = suite(&[("V1__tables.sql", ORDERS), ("V2__change.sql", change)], profile);
        let report = suite.try_test("lints_clean").map_err(|error| error.to_string()).err();
        let says_so = report.as_ref().is_some_and(|report| report.contains("pragma-noop-in-transaction"));
        assert_eq!((report.is_some(), says_so), (is_found, is_found), "{change}: {report:?}");
    };
    let off = Profile::MINIMAL.pragma("foreign_keys", "OFF");
    // The migration needs them off.
    for pragma in ["PRAGMA foreign_keys = OFF;", "PRAGMA foreign_keys = 'no';", "PRAGMA foreign_keys(0);"] {
        check(pragma, REBUILD, Profile::MINIMAL, true);
        check(pragma, &format!("{REBUILD} PRAGMA foreign_keys = ON;"), Profile::MINIMAL, true);
        check(pragma, REBUILD, off, false);
        check(pragma, NOTE, Profile::MINIMAL, false);
        check(pragma, "", Profile::MINIMAL, false);
    }
    // They are on, or nothing sets them.
    for pragma in ["PRAGMA foreign_keys = ON;", "PRAGMA foreign_keys(1);", "PRAGMA foreign_keys;"] {
        check(pragma, REBUILD, Profile::MINIMAL, false);
        check(pragma, NOTE, Profile::MINIMAL, false);
    }
    // They are off already, and only OFF is a finding.
    check("PRAGMA foreign_keys = OFF; PRAGMA foreign_keys = ON;", REBUILD, off, false);
    check("PRAGMA foreign_keys = ON;", REBUILD, off, false);
}

#[test]
fn a_down_may_spell_a_type_in_another_way() {
    let check = |up: &'static str, down: &'static str, is_found: bool| {
        let files = [
            ("001_a.up.sql", TABLE),
            ("001_a.down.sql", "DROP TABLE notes;"),
            ("002_b.up.sql", up),
            ("002_b.down.sql", down),
        ];
        let found = failures(&suite(&files, Profile::MINIMAL).only("down_undoes_up").report());
        assert_eq!(!found.is_empty(), is_found, "{down}: {found:?}");
    };
    let up = "ALTER TABLE notes DROP COLUMN n;";
    check(up, "ALTER TABLE notes ADD COLUMN n INTEGER;", false);
    check(up, "ALTER TABLE notes ADD COLUMN n BIGINT;", false);
    check(up, "ALTER TABLE notes ADD COLUMN n INT;", false);
    check(up, "ALTER TABLE notes ADD COLUMN n TEXT;", true);
    check(up, "ALTER TABLE notes ADD COLUMN n NUMERIC;", true);
    let renamed = "ALTER TABLE notes RENAME TO pages;";
    check(
        renamed,
        "CREATE TABLE notes(id INT PRIMARY KEY NOT NULL, title TEXT NOT NULL, n INT); DROP TABLE pages;",
        true,
    );
    check(
        renamed,
        "CREATE TABLE notes(id INTEGER PRIMARY KEY, title VARCHAR NOT NULL, n INTEGER);
         INSERT INTO notes SELECT * FROM pages; DROP TABLE pages;",
        false,
    );
}

#[test]
fn foreign_keys_that_stay_off_are_found() {
    let off =
        "-- no-transaction\nPRAGMA foreign_keys = OFF;\nBEGIN;\nCREATE TABLE tags(id INTEGER PRIMARY KEY);\nCOMMIT;\n";
    let on = "-- no-transaction\nPRAGMA foreign_keys = OFF;\nBEGIN;\nCREATE TABLE tags(id INTEGER PRIMARY KEY);\nCOMMIT;\nPRAGMA foreign_keys = ON;";
    let later = "-- no-transaction\nCREATE TABLE labels(id INTEGER PRIMARY KEY);\nPRAGMA foreign_keys = ON;";
    let in_transaction = "PRAGMA foreign_keys = OFF;\nCREATE TABLE tags(id INTEGER PRIMARY KEY);";
    let report = |suite: Suite| suite.try_test("lints_clean").err().map(|error| error.to_string());
    let of = |files: &[(&'static str, &'static str)], profile: Profile| report(suite(files, profile));
    let first = ("1_orders.sql", ORDERS);
    let found = of(&[first, ("2_tags.sql", off)], Profile::MINIMAL).unwrap_or_default();
    let expected = "leaves-foreign-keys-off: migration 2 leaves foreign keys off for the connection: 2_tags.sql";
    assert!(found.starts_with(expected) && found.contains("at 2_tags.sql:2"), "{found}");
    assert_eq!(of(&[first, ("2_tags.sql", on)], Profile::MINIMAL), None);
    assert_eq!(of(&[first, ("2_tags.sql", off), ("3_labels.sql", later)], Profile::MINIMAL), None);
    assert_eq!(of(&[first, ("2_tags.sql", in_transaction)], Profile::MINIMAL), None);
    assert_eq!(of(&[first, ("2_tags.sql", off)], Profile::MINIMAL.pragma("foreign_keys", "OFF")), None);
    let around = suite(&[first, ("2_tags.sql", off)], Profile::MINIMAL).migrate_with_foreign_keys_off();
    assert_eq!(report(around), None);
    let allowed = suite(&[first, ("2_tags.sql", off)], Profile::MINIMAL);
    assert_eq!(report(allowed.allow("leaves-foreign-keys-off", "2_tags.sql", "the app opens a new connection")), None);
}
