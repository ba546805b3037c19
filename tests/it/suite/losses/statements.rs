//! PRAGMAs that change nothing, and down scripts that spell a type in another way.

use sqlitmus::suite::Suite;
use sqlitmus::{Profile, Template};

use super::super::failures;
use super::{History, history};

const TABLE: &str = "CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT NOT NULL, n INT);";

fn suite(files: &[(&'static str, &'static str)], profile: Profile) -> Suite {
    let files: &'static [_] = Box::leak(files.to_vec().into_boxed_slice());
    Suite::new(Box::leak(Box::new(Template::embedded(files).profile(profile))))
}

#[test]
fn a_pragma_that_changes_nothing_is_nothing() {
    let check = |change: &'static str, profile: Profile, is_found: bool| {
        let History { before, change, .. } = history(change, TABLE, change);
        let suite = suite(&[("V1__tables.sql", before), ("V2__change.sql", change)], profile);
        let found = suite.try_test("lints_clean");
        assert_eq!(found.is_err(), is_found, "{change}: {found:?}");
    };
    let off = Profile::MINIMAL.pragma("foreign_keys", "OFF");
    check("PRAGMA foreign_keys = ON;", Profile::MINIMAL, false);
    check("PRAGMA foreign_keys(1);", Profile::MINIMAL, false);
    check("PRAGMA foreign_keys;", Profile::MINIMAL, false);
    check("PRAGMA foreign_keys = OFF;", Profile::MINIMAL, true);
    check("PRAGMA foreign_keys = 'no';", Profile::MINIMAL, true);
    check("PRAGMA foreign_keys = OFF; PRAGMA foreign_keys = ON;", Profile::MINIMAL, true);
    check("PRAGMA foreign_keys = OFF; PRAGMA foreign_keys = ON;", off, false);
    check("PRAGMA foreign_keys = ON;", off, true);
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
        "CREATE TABLE notes(id INTEGER PRIMARY KEY, title VARCHAR NOT NULL, n INTEGER); DROP TABLE pages;",
        false,
    );
}
