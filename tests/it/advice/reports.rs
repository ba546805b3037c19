//! Advice in a report.

use sqlitmus::Result;
use sqlitmus::plan::{Plan, Removed, explain};
use sqlitmus::rusqlite::Connection;

use super::database;

const SCHEMA: &str = "
    CREATE TABLE people(id INTEGER PRIMARY KEY, code TEXT UNIQUE, name TEXT);
    CREATE TABLE orders(id INTEGER PRIMARY KEY, person_id INT REFERENCES people(id), status TEXT, at TEXT,
                        note TEXT CHECK (length(note) <= 4000), raw BLOB);
    CREATE INDEX orders_person ON orders(person_id);
    CREATE TABLE cards(id INTEGER PRIMARY KEY, number TEXT);";

/// Compares the help of a failed assertion.
#[track_caller]
fn help(connection: &Connection, sql: &str, assertion: impl FnOnce(&Plan) -> Result<&Plan>, expected: &str) {
    let error = assertion(&explain(connection, sql)).unwrap_err().to_string();
    let help = error.split_once("\n\n  help: ").map_or("", |(_, help)| help);
    assert_eq!(help.split("\nnote: ").next().unwrap(), expected, "{error}");
}

#[test]
fn an_index_and_its_cost() {
    let connection = database(SCHEMA);
    let expected = "\
CREATE INDEX orders_status_at ON orders(status, at);   tried: the scan is gone
  help: if the scan is meant, say so before: .allow_scan(\"orders\").assert_no_scan()";
    let sql = "SELECT id FROM orders WHERE at > ?1 AND status = ?2";
    help(&connection, sql, Plan::try_assert_no_scan, expected);
    help(&connection, sql, |plan| plan.try_assert_no_scan_of("orders"), expected);
    let expected = "\
CREATE INDEX orders_note ON orders(note);   tried: the scan is gone
        it stores note a second time for each row
  help: if the scan is meant, say so before: .allow_scan(\"orders\").assert_no_scan()";
    help(&connection, "SELECT id FROM orders WHERE note = ?1", Plan::try_assert_no_scan, expected);
}

#[test]
fn an_index_that_starts_like_an_existing_one() {
    let expected = "\
CREATE INDEX orders_person_id_at ON orders(person_id, at);   tried: the sort is gone
        it can replace orders_person, because it starts with the same columns";
    let sql = "SELECT id FROM orders WHERE person_id = ?1 ORDER BY at DESC";
    help(&database(SCHEMA), sql, Plan::try_assert_no_temp_btree, expected);
}

/// With an index on a.k, SQLite would scan b and search a.
#[test]
fn no_index_that_ends_a_scan_by_another() {
    let connection = database("CREATE TABLE a(k INT, w INT); CREATE TABLE b(k INT, v INT); CREATE INDEX b_k ON b(k);");
    let sql = "SELECT v, w FROM b JOIN a ON a.k = b.k";
    let expected = "if the scan is meant, say so before: .allow_scan(\"a\").assert_no_scan()";
    help(&connection, sql, |plan| plan.try_assert_no_scan_of("a"), expected);
}

/// With an index on at, SQLite would read all rows in its order instead of a few that it sorts.
#[test]
fn no_index_that_ends_a_sort_by_a_scan() {
    let connection = database(SCHEMA);
    help(&connection, "SELECT raw FROM orders WHERE person_id > ?1 ORDER BY at", Plan::try_assert_no_temp_btree, "");
}

#[test]
fn indexes_that_help_together() {
    let expected = "\
CREATE INDEX orders_status ON orders(status);
        CREATE INDEX orders_at ON orders(at);   tried: the scan is gone, with both
  help: if the scan is meant, say so before: .allow_scan(\"orders\").assert_no_scan()";
    let sql = "SELECT id FROM orders WHERE status = ?1 OR at = ?2";
    help(&database(SCHEMA), sql, Plan::try_assert_no_scan, expected);
}

/// With an index on one table alone, SQLite would scan the other for each row that it finds there, instead of once for an
/// automatic index.
#[test]
fn no_index_that_ends_a_scan_by_many() {
    let connection = database(SCHEMA);
    let expected = "\
CREATE INDEX orders_status ON orders(status);
        CREATE INDEX cards_number ON cards(number);   tried: the scan of cards and the scan of orders are gone, with both
  help: if the scan is meant, say so before: .allow_scan(\"orders\").assert_no_scan()
  help: if the scan is meant, say so before: .allow_scan(\"cards\").assert_no_scan()";
    let sql = "SELECT o.id FROM orders AS o JOIN cards AS c ON c.number = o.at WHERE o.status = ?1";
    help(&connection, sql, Plan::try_assert_no_scan, expected);
    let expected = "\
CREATE INDEX cards_number ON cards(number);   tried: the automatic index is gone";
    help(&connection, sql, Plan::try_assert_no_automatic_index, expected);
}

#[test]
fn scans_of_several_tables() {
    let expected = "\
CREATE INDEX orders_status ON orders(status);   tried: the scan of orders is gone
  help: CREATE INDEX people_name ON people(name);   tried: the scan of people is gone
  help: if the scan is meant, say so before: .allow_scan(\"orders\").assert_no_scan()
  help: if the scan is meant, say so before: .allow_scan(\"people\").assert_no_scan()
  help: if the scan is meant, say so before: .allow_scan(\"cards\").assert_no_scan()";
    let sql = "SELECT id FROM orders WHERE status = ?1 UNION ALL SELECT id FROM people WHERE name = ?1
               UNION ALL SELECT count(*) + 1 FROM cards WHERE number LIKE '%x'";
    help(&database(SCHEMA), sql, Plan::try_assert_no_scan, expected);
}

#[test]
fn a_sort_and_the_scan_before_it() {
    let connection = database(SCHEMA);
    let expected = "\
CREATE INDEX orders_status_at ON orders(status, at);   tried: the scan and the sort are gone";
    let sql = "SELECT id FROM orders WHERE status = ?1 ORDER BY at";
    help(&connection, sql, Plan::try_assert_no_temp_btree, expected);
    let advice = explain(&connection, sql).advice();
    assert_eq!(advice[0].removes, [Removed::Scan("orders".to_owned()), Removed::Sort("ORDER BY".to_owned())]);
    assert_eq!(advice[0].indexes[0].columns, ["status", "at"]);
    let expected = "CREATE INDEX orders_status ON orders(status);   tried: the b-tree for GROUP BY is gone";
    help(&connection, "SELECT status, sum(id) FROM orders GROUP BY status", Plan::try_assert_no_temp_btree, expected);
}

#[test]
fn a_foreign_key_whose_type_defeats_its_index() {
    let cards = "CREATE TABLE people(id INTEGER PRIMARY KEY);
                 CREATE TABLE cards(id INTEGER PRIMARY KEY, person TEXT REFERENCES people(id));
                 CREATE INDEX cards_person ON cards(person);";
    let expected = "\
declare cards.person like people.id, to which it refers: it is TEXT, the other is INTEGER, so no index can find \
the children
        tried: with the same type and an index on cards(person) the scan is gone
  help: if the scan is meant, say so before: .allow_scan(\"cards\").assert_no_scan()";
    let connection = database(cards);
    help(&connection, "DELETE FROM people WHERE id = ?1", Plan::try_assert_no_scan, expected);
    // A scan of the child for another reason is not due to the foreign key.
    let other = "SELECT id FROM cards WHERE person <> ?1";
    help(
        &connection,
        other,
        Plan::try_assert_no_scan,
        "if the scan is meant, say so before: .allow_scan(\"cards\").assert_no_scan()",
    );
}

#[test]
fn a_foreign_key_whose_collation_defeats_its_index() {
    let badges = "CREATE TABLE people(id INTEGER PRIMARY KEY, code TEXT UNIQUE);
                  CREATE TABLE badges(id INTEGER PRIMARY KEY, person TEXT COLLATE NOCASE REFERENCES people(code));
                  CREATE INDEX badges_person ON badges(person);";
    let expected = "\
CREATE INDEX badges_person_2 ON badges(person COLLATE BINARY);   tried: the scan is gone
  help: if the scan is meant, say so before: .allow_scan(\"badges\").assert_no_scan()";
    help(&database(badges), "DELETE FROM people WHERE id = ?1", Plan::try_assert_no_scan, expected);
}

#[test]
fn a_recorded_query() {
    let db = sqlitmus::Template::new("fixtures/shop/migrations").in_memory();
    let queries = db.record(|db| db.execute("UPDATE reviews SET superseded = 1 WHERE rating = ?1", [1]).map(drop));
    let error = queries.try_assert_no_scan().map(drop).unwrap_err().to_string();
    let expected = "  help: CREATE INDEX reviews_rating ON reviews(rating);   tried: the scan is gone\n";
    assert!(error.contains(expected), "{error}");
}

/// More columns than there are trials.
#[test]
fn a_search_that_is_cut_short() {
    let columns: Vec<String> = (0..220).map(|number| format!("c{number}")).collect();
    let connection = database(&format!("CREATE TABLE wide({})", columns.join(", ")));
    let filters: Vec<String> = columns.iter().map(|column| format!("{column} <> ?1")).collect();
    let sql = format!("SELECT 1 FROM wide WHERE {}", filters.join(" AND "));
    let error = explain(&connection, &sql).try_assert_no_scan().map(drop).unwrap_err().to_string();
    assert!(error.ends_with("note: the search for an index was cut short after 200 plans"), "{error}");
    assert!(!error.contains("CREATE INDEX"), "{error}");
}

/// What stands within a text is found by no index, only by a full-text one.
#[test]
fn a_text_that_is_looked_for_within_others() {
    let says = |sql: &str| explain(&database(SCHEMA), sql).try_assert_no_scan().unwrap_err().to_string();
    let note =
        "note: no index finds what stands within a text, LIKE '%..': an FTS5 table with tokenize = 'trigram' does";
    for sql in [
        "SELECT id FROM people WHERE name LIKE '%' || ?1 || '%'",
        "SELECT id FROM people WHERE name LIKE '%da%'",
        "SELECT id FROM people WHERE code NOT LIKE 'a%' AND name LIKE '%da'",
        "SELECT count(*) FROM people WHERE (name LIKE '%da%' OR code = ?1)",
        "SELECT id FROM cards WHERE lower(number) LIKE '%' || lower(?1)",
    ] {
        assert!(says(sql).contains(note), "{sql}");
    }
    for sql in [
        "SELECT id FROM people WHERE name LIKE 'da%'",
        "SELECT '%' LIKE name FROM people",
        "SELECT name FROM people",
        "SELECT id FROM people WHERE name NOT LIKE '%da%'",
        "SELECT id FROM people WHERE name LIKE '%'",
        "SELECT id FROM people WHERE name = '%da%'",
        "SELECT id FROM people WHERE name LIKE ?1",
    ] {
        assert!(!says(sql).contains(note), "{sql}");
    }
    // It does: the same words, in a full-text table.
    let connection = database("CREATE VIRTUAL TABLE names USING fts5(name, tokenize = 'trigram')");
    connection.execute("INSERT INTO names VALUES ('ada lovelace'), ('grace')", []).unwrap();
    let plan = explain(&connection, "SELECT rowid FROM names WHERE name LIKE '%love%'");
    plan.assert_no_scan();
}
