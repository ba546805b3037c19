//! Migrations with recursive queries: over trees they end, because rows of the suite form no circle, and one that does not end is
//! found, and stopped.

use sqlitmus::rusqlite::Connection;
use sqlitmus::suite::Suite;
use sqlitmus::{BoxError, Profile, Template};

use super::{embedded, failures, says};

const NODES: &str = "CREATE TABLE nodes(id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES nodes(id) ON DELETE CASCADE, \
                     name TEXT NOT NULL); CREATE INDEX nodes_parent ON nodes(parent_id);";

const NODES_WITHOUT_KEYS: &str = "CREATE TABLE nodes(id INTEGER PRIMARY KEY, parent_id INTEGER, name TEXT NOT NULL);";

/// Each node refers to one, roots to themselves.
const ROOTED: &str = "CREATE TABLE nodes(id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL REFERENCES nodes(id), \
                      name TEXT NOT NULL); CREATE INDEX nodes_parent ON nodes(parent_id);";

const DEPTH: &str = "ALTER TABLE nodes ADD COLUMN depth INTEGER NOT NULL DEFAULT 0;
UPDATE nodes SET depth = (
  WITH RECURSIVE up(id, parent_id, d) AS (
    SELECT n.id, n.parent_id, 0 FROM nodes n WHERE n.id = nodes.id
    UNION ALL
    SELECT n.id, n.parent_id, d + 1 FROM nodes n JOIN up ON n.id = up.parent_id)
  SELECT max(d) FROM up);";

const CLOSURE: &str =
    "CREATE TABLE closure(ancestor INTEGER NOT NULL, descendant INTEGER NOT NULL, depth INTEGER NOT NULL,
  PRIMARY KEY (ancestor, descendant)) WITHOUT ROWID;
WITH RECURSIVE lines(a, b, depth) AS (
  SELECT id, id, 0 FROM nodes
  UNION ALL
  SELECT lines.a, n.id, depth + 1 FROM lines JOIN nodes n ON n.parent_id = lines.b)
INSERT INTO closure SELECT a, b, depth FROM lines;";

const TREES: [(&str, &str, &str); 11] = [
    ("depths from below", NODES, DEPTH),
    ("depths without a foreign key", NODES_WITHOUT_KEYS, DEPTH),
    (
        "depths where roots have the parent 0",
        "CREATE TABLE nodes(id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL DEFAULT 0, name TEXT NOT NULL);",
        DEPTH,
    ),
    ("a closure table", NODES, CLOSURE),
    ("a closure table without a foreign key", NODES_WITHOUT_KEYS, CLOSURE),
    (
        "paths from the roots",
        NODES,
        "ALTER TABLE nodes ADD COLUMN path TEXT;
         WITH RECURSIVE tree(id, path) AS (
           SELECT id, name FROM nodes WHERE parent_id IS NULL
           UNION ALL
           SELECT n.id, tree.path || '/' || n.name FROM nodes n JOIN tree ON n.parent_id = tree.id)
         UPDATE nodes SET path = (SELECT path FROM tree WHERE tree.id = nodes.id);",
    ),
    (
        "the names of folders, which are texts",
        "CREATE TABLE folders(path TEXT PRIMARY KEY, within TEXT, title TEXT) STRICT;",
        "ALTER TABLE folders ADD COLUMN titles TEXT;
         UPDATE folders SET titles = (
           WITH RECURSIVE up(folder, next, titles) AS (
             SELECT path, within, title FROM folders AS own WHERE own.path = folders.path
             UNION ALL
             SELECT f.path, f.within, f.title || ' > ' || up.titles FROM folders f JOIN up ON f.path = up.next)
           SELECT titles FROM up ORDER BY length(titles) DESC LIMIT 1);",
    ),
    (
        "what a task needs, over other tasks",
        "CREATE TABLE tasks(id INTEGER PRIMARY KEY, name TEXT NOT NULL);
         CREATE TABLE needs(task INTEGER NOT NULL REFERENCES tasks(id), other INTEGER NOT NULL REFERENCES tasks(id),
           PRIMARY KEY (task, other)) WITHOUT ROWID;
         CREATE INDEX needs_other ON needs(other);",
        "CREATE TABLE all_needs(task INTEGER NOT NULL, other INTEGER NOT NULL, PRIMARY KEY (task, other)) WITHOUT ROWID;
         WITH RECURSIVE lines(a, b) AS (
           SELECT task, other FROM needs
           UNION ALL
           SELECT lines.a, n.other FROM lines JOIN needs n ON n.task = lines.b)
         INSERT INTO all_needs SELECT DISTINCT a, b FROM lines;",
    ),
    (
        "ancestors by UNION, where roots refer to themselves",
        ROOTED,
        "CREATE TABLE ancestors(node INTEGER NOT NULL, ancestor INTEGER NOT NULL, PRIMARY KEY (node, ancestor)) WITHOUT ROWID;
         WITH RECURSIVE up(node, ancestor) AS (
           SELECT id, parent_id FROM nodes
           UNION
           SELECT up.node, n.parent_id FROM nodes n JOIN up ON n.id = up.ancestor)
         INSERT INTO ancestors SELECT node, ancestor FROM up;",
    ),
    (
        "depths where roots refer to themselves",
        ROOTED,
        "ALTER TABLE nodes ADD COLUMN depth INTEGER NOT NULL DEFAULT 0;
         UPDATE nodes SET depth = (
           WITH RECURSIVE up(id, parent_id, d) AS (
             SELECT n.id, n.parent_id, 0 FROM nodes n WHERE n.id = nodes.id
             UNION ALL
             SELECT n.id, n.parent_id, d + 1 FROM nodes n JOIN up ON n.id = up.parent_id WHERE up.id <> up.parent_id)
           SELECT max(d) FROM up);",
    ),
    (
        "a tree of each tenant",
        "CREATE TABLE nodes(tenant INTEGER NOT NULL, id INTEGER NOT NULL, parent_id INTEGER, name TEXT NOT NULL,
           PRIMARY KEY (tenant, id), FOREIGN KEY (tenant, parent_id) REFERENCES nodes(tenant, id)) WITHOUT ROWID;
         CREATE INDEX nodes_parent ON nodes(tenant, parent_id);",
        "ALTER TABLE nodes ADD COLUMN depth INTEGER NOT NULL DEFAULT 0;
         UPDATE nodes SET depth = (
           WITH RECURSIVE up(parent_id, d) AS (
             SELECT nodes.parent_id, 0
             UNION ALL
             SELECT n.parent_id, d + 1 FROM nodes n JOIN up ON n.tenant = nodes.tenant AND n.id = up.parent_id)
           SELECT max(d) FROM up);",
    ),
];

fn suite(files: [&'static str; 2]) -> Suite {
    let [first, second] = files;
    frozen(embedded(&[("001_tables.sql", first), ("002_change.sql", second)]))
}

fn frozen(template: &'static Template) -> Suite {
    Suite::new(template).skip("shipped_migrations_are_frozen", "not shipped")
}

#[test]
fn queries_over_trees_end() {
    for (name, first, second) in TREES {
        for seed in [7, 8, 9] {
            let report = suite([first, second]).seed(seed).report();
            assert_eq!(failures(&report), [], "{name}, seed {seed}:\n{report}");
        }
    }
}

const ENDLESS: &str = "fails-on-data: migration 2 does not end on rows that version 1 accepts: 002_change.sql";

#[test]
fn a_migration_that_does_not_end_on_some_rows_is_found() {
    let endless = [
        ("each root refers to itself", ROOTED, DEPTH),
        (
            "days from a first one that may be after the last one",
            "CREATE TABLE trips(id INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL);",
            "CREATE TABLE days(trip INTEGER NOT NULL, day INTEGER NOT NULL);
             WITH RECURSIVE each(trip, day, last) AS (
               SELECT id, first, last FROM trips
               UNION ALL
               SELECT trip, day + 1, last FROM each WHERE day <> last)
             INSERT INTO days SELECT trip, day FROM each;",
        ),
        (
            "a number for each row, and on",
            "CREATE TABLE items(id INTEGER PRIMARY KEY, name TEXT NOT NULL);",
            "CREATE TABLE slots(number INTEGER PRIMARY KEY);
             WITH RECURSIVE numbers(number) AS (
               SELECT max(id) FROM items HAVING max(id) IS NOT NULL UNION ALL SELECT number + 1 FROM numbers)
             INSERT INTO slots SELECT number FROM numbers;",
        ),
    ];
    for (name, first, second) in endless {
        let report = suite([first, second]).report();
        assert_eq!(failures(&report), [("every_version_upgrades_with_data", String::from(ENDLESS))], "{name}");
    }
}

#[test]
fn a_migration_that_does_not_end_is_shown_with_its_statement_and_rows() {
    let said = says(&suite([ROOTED, DEPTH]), "every_version_upgrades_with_data");
    for part in [
        ENDLESS,
        "UPDATE nodes SET depth",
        "on a database of this size it may take 10 million steps of SQLite's",
        "INSERT INTO nodes(",
        ".allow_refusal(2, \"nodes\", \"why\")",
    ] {
        assert!(said.contains(part), "no {part}:\n{said}");
    }
    assert!(said.matches("INSERT INTO").count() <= 2, "{said}");
    let allowed = suite([ROOTED, DEPTH]).allow_refusal(2, "nodes", "each tree has a root that refers to none");
    assert_eq!(failures(&allowed.report()), []);
}

#[test]
fn a_migration_that_never_ends_is_found_without_rows() {
    let counter = "CREATE TABLE slots(number INTEGER PRIMARY KEY);
                   WITH RECURSIVE numbers(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers)
                   INSERT INTO slots SELECT number FROM numbers;";
    let report = suite(["CREATE TABLE items(id INTEGER PRIMARY KEY, name TEXT NOT NULL);", counter]).report();
    let expected = [("applies_to_an_empty_database", String::from("migration 2 does not end: 002_change.sql"))];
    assert_eq!(failures(&report), expected, "{report}");
}

fn app(migrate: fn(&mut Connection, i64) -> Result<(), BoxError>) -> Suite {
    frozen(Box::leak(Box::new(Template::migrate_to(2, migrate).profile(Profile::MINIMAL))))
        .skip("concurrent_upgrades", "the app runs once")
}

fn create_and(
    db: &mut Connection,
    to: i64,
    first: &str,
    second: fn(&Connection) -> Result<(), BoxError>,
) -> Result<(), BoxError> {
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let transaction = db.transaction()?;
    if version < 1 && to >= 1 {
        transaction.execute_batch(&format!("{first} PRAGMA user_version = 1;"))?;
    }
    if version < 2 && to >= 2 {
        second(&transaction)?;
        transaction.execute_batch("PRAGMA user_version = 2;")?;
    }
    Ok(transaction.commit()?)
}

#[test]
fn code_whose_statement_does_not_end_is_stopped() {
    fn depth(db: &Connection) -> Result<(), BoxError> {
        Ok(db.execute_batch(DEPTH)?)
    }
    // The app goes on after any error.
    fn depth_if_possible(db: &Connection) -> Result<(), BoxError> {
        let _ = db.execute_batch(DEPTH);
        Ok(())
    }
    let expected = "fails-on-data: migration 2 does not end on rows that version 1 accepts: version 2";
    let suites =
        [app(|db, to| create_and(db, to, ROOTED, depth)), app(|db, to| create_and(db, to, ROOTED, depth_if_possible))];
    for suite in suites {
        let report = suite.report();
        assert_eq!(failures(&report), [("every_version_upgrades_with_data", expected.to_owned())], "{report}");
    }
}
