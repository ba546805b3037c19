//! A fill that fails gives the reason and inserts nothing.

use super::{database, refused};
use rusqlite::{Connection, OpenFlags};
use sqlitmus::data::Fill;

/// Returns the line that repeats the fill. With one test thread, tests run on the main thread, which does not have their
/// names.
fn again() -> String {
    let thread = std::thread::current();
    let name = thread.name().filter(|name| *name != "main").map(|name| format!(" {name}")).unwrap_or_default();
    format!("note: SQLITMUS_SEED=0x7 cargo test{name}")
}

/// Checks what is said of a fill that may be refused for what is drawn: how to repeat it, too.
#[track_caller]
fn says(sql: &str, fill: &Fill, text: &str) {
    let said = refused(&database(sql), fill);
    assert_eq!(said, format!("{text}\n{}", again()));
}

/// Checks what is said of a request that is wrong whatever is drawn.
#[track_caller]
fn says_at_once(sql: &str, fill: &Fill, text: &str) {
    assert_eq!(refused(&database(sql), fill), text);
}

const USERS: &str = "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT);
    CREATE TABLE orders(id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users);
    CREATE VIEW names AS SELECT name FROM users;";

#[test]
fn names_that_do_not_exist() {
    says_at_once(USERS, &Fill::seed(7).rows("user", 5), "no table to fill: user\n\n  help: did you mean users?");
    says_at_once(
        USERS,
        &Fill::seed(7).rows("invoices", 5),
        "no table to fill: invoices\n\n  tables:\n    orders, users",
    );
    says_at_once(
        USERS,
        &Fill::seed(7).rows("users", 5).set("users", "emal", "x"),
        "no column to set: users.emal\n\n  help: did you mean email?",
    );
    says_at_once(
        USERS,
        &Fill::seed(7).rows("users", 5).set("users", "address", "x"),
        "no column to set: users.address\n\n  columns:\n    id, email, name",
    );
    says_at_once(
        USERS,
        &Fill::seed(7).rows("names", 5),
        "cannot fill names: it is a view\n\n  help: fill the tables that it reads",
    );
}

#[test]
fn nothing_to_do() {
    says_at_once(
        USERS,
        &Fill::seed(7),
        "nothing to fill: no table is named\n\n  help: name one: .rows(\"users\", 50), or .every_table(20)",
    );
    says_at_once(
        USERS,
        &Fill::seed(7).rows("users", 0),
        "cannot fill users with 0 rows\n\n  help: leave it out, or ask for 1 or more",
    );
    says_at_once("", &Fill::seed(7).every_table(5), "nothing to fill: the database has no tables");
}

#[test]
fn tables_that_are_not_parent_and_child() {
    says_at_once(
        USERS,
        &Fill::seed(7).rows("orders", 5).each("orders", "users", 1..=2),
        "no foreign key of users refers to orders\n\n  \
         help: each(\"orders\", \"users\", ..) makes rows of the second for each row of the first",
    );
    says_at_once(
        USERS,
        &Fill::seed(7).each("users", "orders", 1..=2),
        "cannot fill orders for each row of users: it has no rows\n\n  \
         help: make some: .rows(\"users\", 50)",
    );
    says_at_once(
        USERS,
        &Fill::seed(7).rows("users", 5).each("users", "orders", 1..=2).each("users", "orders", 1..=2),
        "cannot fill orders: each(.., \"orders\", ..) is called twice\n\n  help: rows are made for each row of one parent; other parents are drawn",
    );
    #[expect(clippy::reversed_empty_ranges, reason = "it is what is refused")]
    let empty = 5..=2;
    says_at_once(
        USERS,
        &Fill::seed(7).rows("users", 5).each("users", "orders", empty),
        "each(.., \"orders\", 5..=2) is an empty range\n\n  help: the smaller number comes first: 2..=5",
    );
}

#[test]
fn more_rows_than_there_is_room_for() {
    says_at_once(
        "CREATE TABLE t(x TEXT NOT NULL UNIQUE CHECK (x IN ('a', 'b', 'c')))",
        &Fill::seed(7).rows("t", 100),
        "cannot fill t with 100 rows: it has room for 3 rows\n\n  because:\n    UNIQUE (x): x has 3 values",
    );
    says_at_once(
        "CREATE TABLE t(x TEXT PRIMARY KEY CHECK (x IN ('a', 'b'))); INSERT INTO t VALUES ('a'), ('b')",
        &Fill::seed(7).rows("t", 1),
        "cannot fill t with 1 row: it has room for 0 rows\n\n  \
         because:\n    PRIMARY KEY (x): x has 2 values, 2 rows already exist",
    );
    says_at_once(
        "CREATE TABLE settings(id INTEGER PRIMARY KEY CHECK (id = 1), theme TEXT)",
        &Fill::seed(7).rows("settings", 2),
        "cannot fill settings with 2 rows: it has room for 1 row\n\n  because:\n    PRIMARY KEY (id): id has 1 value",
    );
    says(
        "CREATE TABLE u(id INTEGER PRIMARY KEY); CREATE TABLE t(u INTEGER NOT NULL UNIQUE REFERENCES u)",
        &Fill::seed(7).rows("u", 5).rows("t", 6),
        "cannot fill t with 6 rows: it has room for 5 rows\n\n  because:\n    UNIQUE (u): u has 5 parents",
    );
    says_at_once(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, x INTEGER NOT NULL REFERENCES gone)",
        &Fill::seed(7).rows("t", 5),
        "cannot fill t: it refers to a table that does not exist: gone\n\n  \
         help: create that table, or remove the foreign key",
    );
}

#[test]
fn a_key_that_is_set_to_one_value() {
    says_at_once(
        USERS,
        &Fill::seed(7).rows("users", 2).set("users", "email", "ada@example.com"),
        "cannot fill users with 2 rows: it has room for 1 row\n\n  because:\n    UNIQUE (email): email has 1 value\n\n  \
         help: email is set to one value for all rows; give each its own: .set_with(\"users\", \"email\", |row| ..)",
    );
    Fill::seed(7).rows("users", 1).set("users", "email", "ada@example.com").insert(&database(USERS));
}

#[test]
fn a_limit_of_the_search_is_not_a_limit_of_the_table() {
    says(
        "CREATE TABLE t(x TEXT NOT NULL UNIQUE CHECK (replace(x, 'zz', '') = '' AND length(x) = 2))",
        &Fill::seed(7).rows("t", 50),
        "cannot fill t with 50 rows: values were found for no more than 1 row

  because:
    UNIQUE (x): 1 value was found for x

  help: supply them: .set_with(\"t\", column, |row| ..)",
    );
}

#[test]
fn every_table_may_fill_tables_with_fewer_rows() {
    let connection = database(
        "CREATE TABLE settings(id INTEGER PRIMARY KEY CHECK (id = 1), theme TEXT);
         CREATE TABLE t(kind TEXT PRIMARY KEY CHECK (kind IN ('a', 'b')) NOT NULL);
         CREATE TABLE u(kind TEXT NOT NULL REFERENCES t);",
    );
    let filled = Fill::seed(7).every_table(20).insert(&connection);
    let rows: Vec<(&str, u64)> = filled.tables().collect();
    assert_eq!(rows, [("settings", 1), ("t", 2), ("u", 20)]);
    assert_eq!(
        filled.full().collect::<Vec<_>>(),
        [("settings", 1, "PRIMARY KEY (id): id has 1 value"), ("t", 2, "PRIMARY KEY (kind): kind has 2 values")]
    );
    // Also as a parent.
    assert_eq!(Fill::seed(7).rows("u", 5).insert(&connection).rows("t"), 0);
}

#[test]
fn checks_that_nothing_satisfies() {
    let said = refused(
        &database(
            "CREATE TABLE coupons(code TEXT NOT NULL, CONSTRAINT valid_code CHECK (length(code) = 5 AND code = 'x'))",
        ),
        &Fill::seed(7).rows("coupons", 5),
    );
    let (headline, rest) = said.split_once("\n\n  tried:\n").unwrap();
    assert_eq!(
        headline,
        "cannot fill coupons: no value satisfies CHECK valid_code\n\n  CHECK:\n    length(code) = 5 AND code = 'x'"
    );
    assert_eq!(rest.matches("code = ").count(), 6, "{said}");
    assert!(
        rest.ends_with(&format!(
            "\n  help: give it a value: .set(\"coupons\", \"code\", ..) or .set_with(\"coupons\", \"code\", |row| ..)\n{}",
            again()
        )),
        "{said}"
    );
}

#[test]
fn rows_that_are_always_refused() {
    let said = refused(
        &database(
            "CREATE TABLE t(x INTEGER NOT NULL);
             CREATE TRIGGER never BEFORE INSERT ON t BEGIN SELECT RAISE(ABORT, 'closed for good'); END",
        ),
        &Fill::seed(7).rows("t", 5),
    );
    assert!(said.starts_with("cannot fill t: row 1 was refused 200 times\n\n  tried:\n    x = "), "{said}");
    assert!(said.contains("\n\n  SQLite says:\n    closed for good (code 1811: "), "{said}");
    assert!(said.contains("\n\n  trigger:\n    never on t\n\n  help: "), "{said}");
    let said = refused(
        &database("CREATE TABLE t(x); CREATE TRIGGER never BEFORE INSERT ON t BEGIN SELECT RAISE(IGNORE); END"),
        &Fill::seed(7).rows("t", 5),
    );
    assert!(said.contains("\n\n  trigger:\n    never on t\n\n  help: "), "{said}");
    // RAISE(ROLLBACK) ends the transaction, so the fill cannot go on.
    let said = refused(
        &database("CREATE TABLE t(x); CREATE TRIGGER never AFTER INSERT ON t BEGIN SELECT RAISE(ROLLBACK, 'no'); END"),
        &Fill::seed(7).rows("t", 5),
    );
    assert!(said.starts_with("cannot fill t: row 1 was refused 1 time\n"), "{said}");
}

#[test]
fn values_that_a_column_cannot_take() {
    says_at_once(
        "CREATE TABLE t(x TEXT NOT NULL CHECK (x IN ('a', 'b')))",
        &Fill::seed(7).rows("t", 5).set("t", "x", "c"),
        "cannot fill t: x = 'c' does not satisfy CHECK\n\n  CHECK:\n    x IN ('a', 'b')\n\n  tried:\n    x = 'c'",
    );
    let said = refused(
        &database("CREATE TABLE t(x INTEGER NOT NULL, y INTEGER) STRICT"),
        &Fill::seed(7).rows("t", 5).set("t", "x", "many"),
    );
    assert!(said.starts_with("cannot fill t: "), "{said}");
    assert!(said.contains("cannot store TEXT value in INTEGER column t.x"), "{said}");
    let said = refused(
        &database("CREATE TABLE t(x INTEGER NOT NULL)"),
        &Fill::seed(7).rows("t", 5).set_with("t", "x", |_| None::<i64>),
    );
    assert!(said.contains("NOT NULL constraint failed: t.x"), "{said}");
    says_at_once(
        USERS,
        &Fill::seed(7).rows("users", 5).set("users", "email", None::<&str>),
        "cannot set users.email to NULL: it is NOT NULL",
    );
    says_at_once(
        "CREATE TABLE t(x INTEGER, y INTEGER AS (x + 1))",
        &Fill::seed(7).rows("t", 5).set("t", "y", 3),
        "cannot set t.y: SQLite generates it",
    );
}

#[test]
fn a_database_that_cannot_be_written_is_reported_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    Connection::open(&path).unwrap().execute_batch(USERS).unwrap();
    let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let said = refused(&connection, &Fill::seed(7).rows("users", 5));
    assert!(said.starts_with("cannot insert into users\n\n  SQLite says:\n    attempt to write"), "{said}");
    assert!(!said.contains("help:"), "{said}");
}

/// The row is the same each time, so it is shown once, with what the test has to change.
#[test]
fn a_value_that_the_test_gives() {
    let orders = |fill: Fill| refused(&database(USERS), &fill);
    let said = orders(Fill::seed(7).rows("users", 2).rows("orders", 1).set("orders", "user_id", 77));
    assert!(said.contains("\n  tried:\n    id = 1, user_id = 77\n\n"), "{said}");
    let help = "help: the test gives user_id = 77, and users has no row with id = 77: give a key that is there, or insert that row before";
    assert!(said.contains(help), "{said}");
    let there = Fill::seed(7).rows("users", 2).rows("orders", 1).set("orders", "user_id", 2);
    assert_eq!(there.insert(&database(USERS)).rows("orders"), 1);

    let said = orders(Fill::seed(7).rows("users", 1).set("users", "id", "one"));
    let help = "help: each of these rows has what the test gives: id = 'one'; if that is the reason, give what the table accepts";
    assert!(said.contains(help), "{said}");
}

/// A key that is given is the reason only if a foreign key refuses the row, and no part of it is NULL.
#[test]
fn a_key_that_the_test_gives() {
    const SEATS: &str = "CREATE TABLE rooms(house TEXT, number INT, PRIMARY KEY (house, number));
        CREATE TABLE shows(id INTEGER PRIMARY KEY);
        CREATE TABLE seats(id INTEGER PRIMARY KEY, house TEXT, number INT, show INT REFERENCES shows, state TEXT,
                           FOREIGN KEY (house, number) REFERENCES rooms);";
    let seats = || Fill::seed(7).rows("rooms", 1).rows("seats", 1).set("seats", "house", "north");
    let says = |fill: &Fill| refused(&database(SEATS), fill);
    let said = says(&seats().set("seats", "number", 5));
    let help =
        "help: the test gives house = 'north', number = 5, and rooms has no row with house = 'north', number = 5: ";
    assert!(said.contains(help), "{said}");
    let said = says(&seats().set("seats", "show", rusqlite::types::Null).set("seats", "number", 5));
    assert!(said.contains(help), "{said}");
    let connection = database(SEATS);
    let closed = "PRAGMA foreign_keys = OFF; CREATE TRIGGER closed BEFORE INSERT ON seats
        WHEN (SELECT count(*) FROM rooms) > 0 BEGIN SELECT raise(ABORT, 'closed'); END;";
    connection.execute_batch(closed).unwrap();
    let said = refused(&connection, &seats().set("seats", "number", 5));
    let help = "help: each of these rows has what the test gives: house = 'north', number = 5; if that is the reason";
    assert!(said.contains(help), "{said}");
}

#[test]
#[should_panic(expected = "the key of ada is Integer(1), which is no alloc::string::String")]
fn a_key_of_another_type() {
    let _: String = Fill::seed(7).label("users", "ada").insert(&database(USERS)).id("ada");
}
