//! Keys that form circles, and rows that refer to rows of their own table.

use super::{database, one, whole};
use sqlitmus::Template;
use sqlitmus::data::{self, Fill};

/// Fills every table with each percentage of NULLs, and returns the last database.
#[track_caller]
fn filled(sql: &str) -> sqlitmus::rusqlite::Connection {
    let fill = |nulls: u64| {
        let connection = database(sql);
        let filled = Fill::seed(3).null_rate(nulls).every_table(12).insert(&connection);
        let few: Vec<&str> = filled.tables().filter(|(_, rows)| *rows < 12).map(|(table, _)| table).collect();
        assert_eq!(few, [""; 0], "{sql}");
        whole(&connection);
        connection
    };
    fill(0);
    fill(20)
}

const WIKI: &str = "CREATE TABLE page(id INTEGER PRIMARY KEY, latest INTEGER NOT NULL REFERENCES revision DEFERRABLE INITIALLY DEFERRED);
    CREATE TABLE revision(
        id INTEGER PRIMARY KEY, page INTEGER NOT NULL REFERENCES page DEFERRABLE INITIALLY DEFERRED,
        parent INTEGER REFERENCES revision CHECK (parent < id)
    )";

const TEAMS: &str = "CREATE TABLE employee(no INTEGER PRIMARY KEY);
    CREATE TABLE team_member(
        team_id INTEGER NOT NULL REFERENCES team(id), emp_id INTEGER NOT NULL REFERENCES employee(no), PRIMARY KEY (team_id, emp_id)
    );
    CREATE TABLE team(
        id INTEGER PRIMARY KEY, lead_id INTEGER NOT NULL,
        FOREIGN KEY (id, lead_id) REFERENCES team_member(team_id, emp_id) DEFERRABLE INITIALLY DEFERRED
    )";

#[test]
fn a_row_refers_to_an_earlier_one_although_a_circle_fixes_its_number() {
    let wiki = filled(WIKI);
    assert!(one(&wiki, "SELECT count(*) FROM revision WHERE parent IS NOT NULL") > 0);
    assert_eq!(one(&wiki, "SELECT min(id) FROM revision"), 1);
    // Without the circle too.
    let tree = filled("CREATE TABLE t(id INTEGER PRIMARY KEY, parent INTEGER REFERENCES t CHECK (parent < id))");
    assert!(one(&tree, "SELECT count(parent) FROM t") > 5);
}

#[test]
fn the_leader_of_each_team_is_one_of_its_members() {
    filled(TEAMS);
    // A table that comes first in the schema without being in the circle still waits for its parents.
    filled(
        "CREATE TABLE badge(team_id INTEGER NOT NULL, emp_id INTEGER, FOREIGN KEY (team_id, emp_id) REFERENCES team_member);
         CREATE TABLE employee(no INTEGER PRIMARY KEY);
         CREATE TABLE team(
             id INTEGER PRIMARY KEY, lead_id INTEGER NOT NULL,
             FOREIGN KEY (id, lead_id) REFERENCES team_member(team_id, emp_id) DEFERRABLE INITIALLY DEFERRED
         );
         CREATE TABLE team_member(
             team_id INTEGER NOT NULL REFERENCES team(id), emp_id INTEGER NOT NULL REFERENCES employee(no), PRIMARY KEY (team_id, emp_id)
         )",
    );
    // More members than leaders.
    let teams = database(TEAMS);
    Fill::seed(1).rows("team", 5).rows("team_member", 25).rows("employee", 10).insert(&teams);
    whole(&teams);
    assert_eq!(one(&teams, "SELECT count(*) FROM team_member"), 25);
}

#[test]
fn an_optional_key_to_a_later_table_is_not_always_null() {
    let realms = filled(
        "CREATE TABLE realm(
             id TEXT PRIMARY KEY, default_role TEXT, FOREIGN KEY (id, default_role) REFERENCES role(realm, id) DEFERRABLE INITIALLY DEFERRED
         );
         CREATE TABLE role(realm TEXT NOT NULL REFERENCES realm, id TEXT NOT NULL, PRIMARY KEY (realm, id));
         CREATE TABLE composite_role(
             realm TEXT NOT NULL, parent TEXT NOT NULL, child TEXT NOT NULL, PRIMARY KEY (realm, parent, child),
             FOREIGN KEY (realm, parent) REFERENCES role, FOREIGN KEY (realm, child) REFERENCES role, CHECK (parent <> child)
         )",
    );
    assert!(one(&realms, "SELECT count(default_role) FROM realm") > 0);
}

#[test]
fn rows_whose_deferred_keys_disagree_are_made_again() {
    // SQLite would refuse them only when the transaction ends.
    filled(
        "CREATE TABLE shop(id INTEGER PRIMARY KEY, best INTEGER REFERENCES item DEFERRABLE INITIALLY DEFERRED);
         CREATE TABLE item(id INTEGER PRIMARY KEY, shop_id INTEGER NOT NULL REFERENCES shop DEFERRABLE INITIALLY DEFERRED, UNIQUE (shop_id, id));
         CREATE TABLE basket(shop_id INTEGER NOT NULL REFERENCES shop DEFERRABLE INITIALLY DEFERRED, n INTEGER NOT NULL, PRIMARY KEY (shop_id, n));
         CREATE TABLE line(
             shop_id INTEGER NOT NULL, basket INTEGER NOT NULL, item INTEGER NOT NULL, PRIMARY KEY (shop_id, basket, item),
             FOREIGN KEY (shop_id, basket) REFERENCES basket(shop_id, n) DEFERRABLE INITIALLY DEFERRED,
             FOREIGN KEY (shop_id, item) REFERENCES item(shop_id, id) DEFERRABLE INITIALLY DEFERRED
         )",
    );
}

#[test]
fn constraints_of_circles_are_broken() {
    data::violations(Box::leak(Box::new(Template::embedded(&[("1.sql", WIKI)])))).assert_refused();
    data::violations(Box::leak(Box::new(Template::embedded(&[("1.sql", TEAMS)])))).assert_refused();
}

#[test]
fn each_of_two_columns_of_which_one_must_be_null_has_values() {
    let database = filled(
        "CREATE TABLE label(
             id INTEGER PRIMARY KEY, space INTEGER, repo INTEGER, CHECK (space IS NULL OR repo IS NULL), CHECK (coalesce(space, repo) IS NOT NULL)
         );
         CREATE TABLE playlist(
             id INTEGER PRIMARY KEY, rules TEXT CHECK (rules IS NULL OR json_type(rules, '$.all') = 'array'), path TEXT,
             CHECK (NOT (rules IS NOT NULL AND path IS NOT NULL))
         )",
    );
    for column in ["label WHERE space IS NULL", "label WHERE repo IS NULL", "playlist WHERE path IS NOT NULL"] {
        assert!(one(&database, &format!("SELECT count(*) FROM {column}")) > 0, "{column}");
    }
}

/// Its rows refer to rows that are there.
#[test]
fn a_table_that_waits_for_a_circle_comes_after_it() {
    let award = "CREATE TABLE award(
            id INTEGER PRIMARY KEY, team_id INTEGER NOT NULL, emp_id INTEGER NOT NULL, year INTEGER NOT NULL,
            FOREIGN KEY (team_id, emp_id) REFERENCES team_member(team_id, emp_id), UNIQUE (team_id, year)
        );";
    filled(&format!("{award} {TEAMS}"));
}

#[test]
fn a_deferred_key_within_a_circle_is_broken_although_other_rows_refer_to_the_row() {
    const STACKS: &str = "CREATE TABLE stack(id INTEGER PRIMARY KEY, first INTEGER NOT NULL UNIQUE REFERENCES asset(id) DEFERRABLE INITIALLY DEFERRED);
        CREATE TABLE asset(id INTEGER PRIMARY KEY, stack INTEGER NOT NULL REFERENCES stack(id) DEFERRABLE INITIALLY DEFERRED)";
    data::violations(Box::leak(Box::new(Template::embedded(&[("1.sql", STACKS)])))).assert_refused();
}
