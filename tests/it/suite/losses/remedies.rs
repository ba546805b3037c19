//! The remedy of each message, run on the history that prints it: it passes then, and every row is there.

use sqlitmus::suite::Suite;

use super::super::embedded;

/// The names of the files, as the plain format and refinery have them.
const PLAIN: [&str; 2] = ["001_tables.sql", "002_change.sql"];
const REFINERY: [&str; 2] = ["V1__tables.sql", "V2__change.sql"];

fn suite(names: [&'static str; 2], before: &'static str, change: &str) -> Suite {
    let change: &'static str = Box::leak(change.to_owned().into_boxed_str());
    Suite::new(embedded(&[(names[0], before), (names[1], change)]))
}

/// Returns the SQL of the remedy that a test prints: the lines of the first help between its heading and its exceptions.
#[track_caller]
fn remedy(suite: &Suite, test: &str) -> String {
    let report = suite.try_test(test).unwrap_err().to_string();
    let (_, help) = report.split_once("help: ").unwrap_or_else(|| panic!("no help: {report}"));
    let first = help.lines().next().unwrap();
    let exceptions = ["if it is meant, say so:", "if the app switches foreign keys off around its migrations, say so:"];
    let rest = help.lines().skip(1).map(str::trim);
    let rest = rest.take_while(|line| !exceptions.iter().any(|exception| line.starts_with(exception)));
    let is_sql = ["CREATE", "UPDATE", "INSERT"].iter().any(|verb| first.starts_with(verb));
    first_if(is_sql, first)
        .into_iter()
        .chain(rest.take_while(|line| !line.starts_with("help:")))
        .collect::<Vec<_>>()
        .join("\n")
}

fn first_if(is_sql: bool, line: &str) -> Option<&str> {
    is_sql.then_some(line)
}

/// Checks that nothing is lost or broken any more.
#[track_caller]
fn passes(suite: &Suite, change: &str) {
    for test in ["every_version_upgrades_with_data", "every_row_survives", "integrity_holds", "lints_clean"] {
        let found = suite.try_test(test).map_err(|error| error.to_string());
        assert_eq!(found, Ok(None), "{test}\n{change}\n{}", found.clone().unwrap_err());
    }
}

const ORDERS: &str = "CREATE TABLE orders(id INTEGER PRIMARY KEY, number TEXT NOT NULL);
    CREATE TABLE items(id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders(id) ON DELETE CASCADE, title TEXT NOT NULL);
    CREATE INDEX items_order ON items(order_id);";

const REBUILD: &str = "CREATE TABLE orders_new(id INTEGER PRIMARY KEY, number TEXT NOT NULL, note TEXT);
    INSERT INTO orders_new(id, number) SELECT id, number FROM orders;
    DROP TABLE orders;
    ALTER TABLE orders_new RENAME TO orders;";

#[test]
fn a_rebuild_of_a_parent() {
    for names in [PLAIN, REFINERY] {
        let way = remedy(&suite(names, ORDERS, REBUILD), "every_row_survives");
        assert!(way.contains("-- the rebuild"), "{way}");
        let change = way.replace("-- the rebuild", REBUILD);
        passes(&suite(names, ORDERS, &change), &change);
    }
}

#[test]
fn a_rebuild_that_foreign_keys_refuse() {
    let before: &'static str = Box::leak(ORDERS.replace(" ON DELETE CASCADE", "").into_boxed_str());
    for names in [PLAIN, REFINERY] {
        let way = remedy(&suite(names, before, REBUILD), "every_version_upgrades_with_data");
        let change = way.replace("-- the rebuild", REBUILD);
        passes(&suite(names, before, &change), &change);
    }
}

#[test]
fn a_rebuild_that_sets_references_to_null() {
    let before: &'static str =
        Box::leak(ORDERS.replace("NOT NULL REFERENCES", "REFERENCES").replace("CASCADE", "SET NULL").into_boxed_str());
    for names in [PLAIN, REFINERY] {
        let way = remedy(&suite(names, before, REBUILD), "every_row_survives");
        let change = way.replace("-- the rebuild", REBUILD);
        passes(&suite(names, before, &change), &change);
    }
}

#[test]
fn a_rebuild_of_a_table_that_refers_to_itself() {
    let before = "CREATE TABLE folders(id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES folders(id) ON DELETE CASCADE, name TEXT NOT NULL);";
    let change = "CREATE TABLE folders_new(id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES folders(id) ON DELETE CASCADE, name TEXT NOT NULL, color TEXT);
        INSERT INTO folders_new(id, parent_id, name) SELECT id, parent_id, name FROM folders;
        DROP TABLE folders; ALTER TABLE folders_new RENAME TO folders;";
    let report = suite(PLAIN, before, change).try_test("every_row_survives").unwrap_err().to_string();
    assert!(report.contains("by its temporary name: REFERENCES folders_new"), "{report}");
    let mended = change.replace("REFERENCES folders(", "REFERENCES folders_new(");
    passes(&suite(PLAIN, before, &mended), &mended);
}

#[test]
fn a_delete_of_duplicates_that_cascades() {
    let before = "CREATE TABLE hosts(id INTEGER PRIMARY KEY, name TEXT NOT NULL, zone TEXT);
        CREATE TABLE probes(id INTEGER PRIMARY KEY, host_id INTEGER REFERENCES hosts(id) ON DELETE CASCADE, result TEXT NOT NULL);
        CREATE INDEX probes_host ON probes(host_id);";
    for actions in ["CASCADE", "SET NULL"] {
        let before: &'static str = Box::leak(before.replace("CASCADE", actions).into_boxed_str());
        for delete in [
            "DELETE FROM hosts WHERE id NOT IN (SELECT max(id) FROM hosts GROUP BY name);",
            "DELETE FROM hosts WHERE id NOT IN (SELECT min(id) FROM hosts GROUP BY name);",
        ] {
            // The duplicates go, as they should.
            let meant = |change: &str| suite(PLAIN, before, change).allow_loss(2, "hosts", "duplicates");
            let way = remedy(&meant(delete), "every_row_survives");
            let change = format!("{way}\n{delete}");
            passes(&meant(&change), &change);
        }
    }
}

#[test]
fn a_delete_that_cascades_otherwise() {
    let change = "DELETE FROM orders WHERE number LIKE 'a%' OR id > 3;";
    let report = suite(PLAIN, ORDERS, change).allow_loss(2, "orders", "old").try_test("every_row_survives");
    let report = report.unwrap_err().to_string();
    assert!(
        report.contains("let the rows of items refer to rows of orders that stay") && !report.contains("PRAGMA"),
        "{report}"
    );
}

#[test]
fn numbers_that_are_handed_out_again() {
    let before = "CREATE TABLE notes(id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL);";
    let rebuild = "CREATE TABLE notes_new(id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL, body TEXT);
        INSERT INTO notes_new(id, title) SELECT id, title FROM notes;
        DROP TABLE notes; ALTER TABLE notes_new RENAME TO notes;";
    let way = remedy(&suite(PLAIN, before, rebuild), "every_row_survives");
    let change = way.replace("-- the rebuild", rebuild);
    assert_ne!(change, way);
    passes(&suite(PLAIN, before, &change), &change);
}

#[test]
fn what_belongs_to_a_rebuilt_table() {
    for object in [
        "CREATE INDEX notes_title ON notes(title);",
        "CREATE UNIQUE INDEX notes_id_title ON notes(id, title);",
        "CREATE TRIGGER notes_gone AFTER DELETE ON notes BEGIN INSERT INTO log(what) VALUES (old.title); END;",
    ] {
        let before = format!(
            "CREATE TABLE log(what TEXT); CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT NOT NULL); {object}"
        );
        let before: &'static str = Box::leak(before.into_boxed_str());
        let rebuild = "CREATE TABLE notes_new(id INTEGER PRIMARY KEY, title TEXT NOT NULL, body TEXT);
            INSERT INTO notes_new(id, title) SELECT id, title FROM notes;
            DROP TABLE notes; ALTER TABLE notes_new RENAME TO notes;";
        let way = remedy(&suite(PLAIN, before, rebuild), "lints_clean");
        let change = format!("{rebuild}\n{way}");
        passes(&suite(PLAIN, before, &change), &change);
    }
}

#[test]
fn a_rebuild_whose_children_have_children_of_their_own() {
    // Tags keep notes from being deleted, so the notes cannot be set aside.
    let before = "CREATE TABLE notebooks(id INTEGER PRIMARY KEY, title TEXT NOT NULL);
        CREATE TABLE notes(id INTEGER PRIMARY KEY, notebook INTEGER NOT NULL REFERENCES notebooks(id) ON DELETE CASCADE);
        CREATE TABLE tags(note INTEGER NOT NULL REFERENCES notes(id), name TEXT NOT NULL, PRIMARY KEY (note, name));";
    let rebuild = "CREATE TABLE notebooks_new(id INTEGER PRIMARY KEY, title TEXT NOT NULL, color TEXT);
        INSERT INTO notebooks_new(id, title) SELECT id, title FROM notebooks;
        DROP TABLE notebooks; ALTER TABLE notebooks_new RENAME TO notebooks;";
    for test in ["every_version_upgrades_with_data", "every_row_survives"] {
        let way = remedy(&suite(REFINERY, before, rebuild), test);
        assert!(way.starts_with("PRAGMA foreign_keys = OFF;") && !way.contains("kept"), "{test}: {way}");
    }
    let off = suite(REFINERY, before, rebuild).migrate_with_foreign_keys_off();
    for test in ["every_version_upgrades_with_data", "every_row_survives", "integrity_holds"] {
        assert_eq!(off.try_test(test).map_err(|error| error.to_string()), Ok(None), "{test}");
    }
}
