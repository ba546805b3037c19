//! The options of a fill.

use super::{count, database, dump, one, rows, whole};
use sqlitmus::Template;
use sqlitmus::data::Fill;
use sqlitmus::rusqlite::types::Value;

const SHOP: &str = "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, bio TEXT);
    CREATE TABLE orders(
        id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users, status TEXT NOT NULL CHECK (status IN ('open', 'paid')),
        paid_at TEXT, total INTEGER NOT NULL, CHECK ((status = 'paid') = (paid_at IS NOT NULL))
    );";

#[test]
fn some_rows_for_each_parent() {
    let connection = database(SHOP);
    let filled = Fill::seed(7).rows("users", 50).each("users", "orders", 1..=3).insert(&connection);
    assert_eq!(filled.rows("users"), 50);
    assert_eq!(filled.rows("orders").cast_signed(), count(&connection, "orders"));
    let each = "SELECT min(n), max(n), count(*) FROM (SELECT count(*) AS n FROM orders GROUP BY user_id)";
    assert_eq!(rows(&connection, each), ["Integer(1) | Integer(3) | Integer(50)"]);
    // For existing parents.
    let connection = database(SHOP);
    Fill::seed(1).rows("users", 4).insert(&connection);
    let filled = Fill::seed(1).each("users", "orders", 2..=2).insert(&connection);
    assert_eq!((filled.rows("users"), filled.rows("orders")), (0, 8));
    whole(&connection);
}

#[test]
fn other_values_follow_from_a_value_that_is_set() {
    let connection = database(SHOP);
    Fill::seed(7).rows("orders", 30).set("orders", "status", "open").set("orders", "total", 5).insert(&connection);
    assert_eq!(one(&connection, "SELECT count(*) FROM orders WHERE paid_at IS NULL AND total = 5"), 30);
    Fill::seed(7).rows("orders", 30).set("orders", "paid_at", "2024-02-29").insert(&connection);
    assert_eq!(one(&connection, "SELECT count(*) FROM orders WHERE status = 'paid'"), 30);
    let of_one = Fill::seed(7).rows("orders", 5).set("orders", "user_id", 1);
    of_one.insert(&connection);
    whole(&connection);
}

#[test]
fn a_closure_sees_the_row() {
    let connection = database(SHOP);
    Fill::seed(7)
        .rows("users", 10)
        .label("users", "ada")
        .set_with("users", "email", |row| match row.label() {
            Some(name) => format!("{name}@example.com"),
            None => format!("user{}@example.com", row.number()),
        })
        .set_with("users", "bio", |row| match row.get("id") {
            Value::Integer(id) => Some(format!("I am {id}")),
            _ => None,
        })
        .insert(&connection);
    assert_eq!(one(&connection, "SELECT count(*) FROM users WHERE bio = 'I am ' || id"), 10);
    assert_eq!(
        one(&connection, "SELECT count(*) FROM users WHERE email IN ('ada@example.com', 'user1@example.com')"),
        2
    );
}

#[test]
fn a_label_is_a_name_of_a_row() {
    let of = |fill: Fill| {
        let connection = database(SHOP);
        let filled = fill.insert(&connection);
        (rows(&connection, "SELECT * FROM users ORDER BY id"), filled)
    };
    let (unnamed, _) = of(Fill::seed(7).rows("users", 3));
    let (named, filled) = of(Fill::seed(7).rows("users", 3).label("users", "ada").label("users", "grace"));
    assert_eq!(named, unnamed);
    assert_eq!([filled.id::<i64>("ada"), filled.id("grace")], [1, 2]);
    let keys: (i64, String) = (filled.id("ada"), filled.id::<Option<i64>>("grace").unwrap().to_string());
    assert_eq!(keys, (1, "2".to_owned()));
    assert_eq!(of(Fill::seed(7).label("users", "ada")).0, unnamed[..1]);
    assert_eq!(of(Fill::seed(7).rows("users", 1).label("users", "ada").label("users", "eve")).0, unnamed[..2]);
}

#[test]
fn a_row_with_a_label_has_values_of_its_own() {
    let connection = database(SHOP);
    let fill = Fill::seed(7).rows("users", 3).label("users", "ada").label("users", "grace");
    let filled = fill
        .set_on("ada", "email", "ada@example.com")
        // Of a closure for all rows, that of the label is the exception.
        .set_with("users", "email", |row| format!("user{}@example.com", row.number()))
        .set_on("grace", "id", 77)
        .set_on("grace", "bio", Value::Null)
        .each("users", "orders", 2..=2)
        .insert(&connection);
    assert_eq!([filled.id::<i64>("ada"), filled.id("grace")], [1, 77]);
    assert_eq!(one(&connection, "SELECT count(*) FROM users WHERE email = 'ada@example.com' AND id = 1"), 1);
    assert_eq!(one(&connection, "SELECT count(*) FROM users WHERE bio IS NULL AND id = 77"), 1);
    // Children find the key that was set.
    assert_eq!(one(&connection, "SELECT count(*) FROM orders WHERE user_id = 77"), 2);
    whole(&connection);
    let headline = |fill: Fill| fill.try_insert(&database(SHOP)).unwrap_err().headline().to_owned();
    assert_eq!(headline(Fill::seed(7).label("users", "ada").set_on("eve", "id", 1)), "no row has the label eve");
    assert_eq!(headline(Fill::seed(7).label("users", "ada").set_on("ada", "nam", 1)), "no column to set: users.nam");
}

#[test]
fn parents_that_are_there_are_used() {
    let connection = database(SHOP);
    Fill::seed(1).rows("users", 3).insert(&connection);
    Fill::seed(2).rows("orders", 20).insert(&connection);
    assert_eq!((count(&connection, "users"), count(&connection, "orders")), (3, 20));
    let filled = Fill::seed(2).rows("orders", 20).new_parents().insert(&connection);
    assert!(count(&connection, "users") > 3 && filled.rows("users") > 0);
    whole(&connection);
}

#[test]
fn more_parents_are_made_where_there_are_too_few() {
    let connection = database(
        "CREATE TABLE users(id INTEGER PRIMARY KEY);
         CREATE TABLE profiles(id INTEGER PRIMARY KEY, user_id INT NOT NULL UNIQUE REFERENCES users(id))",
    );
    Fill::seed(1).rows("users", 3).insert(&connection);
    Fill::seed(2).rows("profiles", 10).insert(&connection);
    assert_eq!(count(&connection, "profiles"), 10);
    assert!(count(&connection, "users") >= 10);
    whole(&connection);
}

#[test]
fn a_column_of_a_table_that_gets_no_rows() {
    let connection = database(SHOP);
    let error = Fill::seed(1).rows("users", 3).set("orders", "status", "open").try_insert(&connection).unwrap_err();
    assert_eq!(error.headline(), "orders.status is set, and orders gets no rows");
    assert_eq!(count(&connection, "users"), 0);
    // A parent that is set is made, though others are there.
    Fill::seed(1).rows("users", 3).insert(&connection);
    Fill::seed(2).rows("orders", 4).set("users", "bio", "new").insert(&connection);
    assert!(
        one(&connection, "SELECT count(*) FROM orders WHERE user_id IN (SELECT id FROM users WHERE bio = 'new')") > 0
    );
    whole(&connection);
}

#[test]
fn the_null_rate() {
    for (percent, low, high) in [(0, 0, 0), (50, 400, 600), (100, 1000, 1000)] {
        let connection = database(SHOP);
        Fill::seed(1).rows("users", 1000).null_rate(percent).insert(&connection);
        let found = one(&connection, "SELECT count(*) FROM users WHERE bio IS NULL");
        assert!((low..=high).contains(&found), "{percent} %: {found}");
    }
}

#[test]
fn some_parents_have_more_children() {
    let most = |fill: Fill| {
        let connection = database(SHOP);
        fill.rows("users", 100).rows("orders", 1000).insert(&connection);
        one(&connection, "SELECT max(n) FROM (SELECT count(*) AS n FROM orders GROUP BY user_id)")
    };
    assert!(most(Fill::seed(1)) < 40);
    assert!((100..200).contains(&most(Fill::seed(1).skew(1.0))));
    assert!(most(Fill::seed(1).skew(2.0)) > 400);
}

#[test]
fn the_same_seed_gives_the_same_rows() {
    let of = |seed| {
        let connection = database(SHOP);
        Fill::seed(seed).rows("orders", 50).insert(&connection);
        dump(&connection)
    };
    assert_eq!(of(7), of(7));
    assert_ne!(of(7), of(8));
}

#[test]
fn adding_a_column_or_a_table_changes_no_other_value() {
    let of = |schema: &str, table: &str| {
        let connection = database(schema);
        Fill::seed(7).every_table(40).insert(&connection);
        rows(&connection, &format!("SELECT {table}"))
    };
    let users = "id, email, bio FROM users";
    let orders = "id, user_id, status, paid_at, total FROM orders";
    let more = SHOP
        .replace("bio TEXT", "nick TEXT UNIQUE, bio TEXT, level INTEGER CHECK (level > 3)")
        .replace("paid_at TEXT,", "paid_at TEXT, note TEXT NOT NULL,")
        + "CREATE TABLE a(id INTEGER PRIMARY KEY, user INTEGER REFERENCES users); CREATE TABLE z(x);";
    for table in [users, orders] {
        assert_eq!(of(&more, table), of(SHOP, table));
    }
}

#[test]
fn a_script_gives_the_same_rows() {
    let schema = format!(
        "{SHOP} CREATE TABLE t(id INTEGER PRIMARY KEY, u INTEGER NOT NULL REFERENCES u, b BLOB, r REAL);
         CREATE TABLE u(id INTEGER PRIMARY KEY, t INTEGER NOT NULL REFERENCES t, s TEXT);"
    );
    let connection = database(&schema);
    let fill = Fill::seed(7).every_table(30).edge_cases();
    let script = fill.to_sql(&connection).unwrap();
    assert_eq!(dump(&connection), [""; 0]);
    assert!(script.starts_with("BEGIN;\nPRAGMA defer_foreign_keys = ON;\nINSERT INTO "), "{script}");
    connection.execute_batch(&script).unwrap();
    let other = database(&schema);
    fill.insert(&other);
    assert_eq!(dump(&connection), dump(&other));
    assert_eq!(count(&connection, "orders"), 30);
}

#[test]
fn edge_cases() {
    let connection = database(
        "CREATE TABLE t(a TEXT NOT NULL, b INTEGER NOT NULL, c TEXT NOT NULL CHECK (length(c) BETWEEN 3 AND 5), d TEXT UNIQUE)",
    );
    Fill::seed(1).rows("t", 300).edge_cases().insert(&connection);
    assert!(one(&connection, "SELECT count(*) FROM t WHERE a = ''") > 0);
    assert!(one(&connection, "SELECT count(*) FROM t WHERE b IN (9223372036854775807, -9223372036854775807 - 1)") > 0);
    assert_eq!(one(&connection, "SELECT count(*) FROM t WHERE length(c) NOT BETWEEN 3 AND 5"), 0);
    whole(&connection);
}

#[cfg(feature = "data")]
mod typed {
    use sqlitmus::data::{Fill, Locale};

    use super::super::{count, database, one};

    struct User {
        name: String,
        age: u8,
    }

    impl fake::Dummy<fake::Faker> for User {
        fn dummy_with_rng<R: fake::RngExt + ?Sized>(config: &fake::Faker, rng: &mut R) -> User {
            use fake::Fake as _;
            User { name: config.fake_with_rng(rng), age: (0..100).fake_with_rng(rng) }
        }
    }

    #[test]
    fn a_type_of_the_app_supplies_rows() {
        let schema = "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, age INTEGER NOT NULL UNIQUE, email TEXT NOT NULL)";
        let connection = database(schema);
        let row = |user: User| vec![("name", user.name.into()), ("age", i64::from(user.age).into())];
        Fill::seed(7).typed("users", 40, row).insert(&connection);
        assert_eq!(count(&connection, "users"), 40);
        assert_eq!(one(&connection, "SELECT count(*) FROM users WHERE age < 100 AND email LIKE '%@%'"), 40);
    }

    #[test]
    fn names_of_a_language() {
        let of = |fill: Fill| {
            let connection = database("CREATE TABLE people(first_name TEXT NOT NULL)");
            fill.rows("people", 50).insert(&connection);
            super::rows(&connection, "SELECT first_name FROM people")
        };
        assert_ne!(of(Fill::seed(1).locale(Locale::Ja)), of(Fill::seed(1)));
    }
}

#[test]
fn a_fill_within_a_transaction_is_part_of_it() {
    let connection = database(SHOP);
    connection.execute_batch("BEGIN; INSERT INTO users(email) VALUES ('ada@example.com')").unwrap();
    Fill::seed(1).rows("orders", 5).insert(&connection);
    assert!(!connection.is_autocommit());
    let error = Fill::seed(1).rows("orders", 5).set("orders", "total", Value::Null).try_insert(&connection);
    assert!(error.is_err());
    assert_eq!(count(&connection, "orders"), 5);
    connection.execute_batch("ROLLBACK").unwrap();
    assert_eq!((count(&connection, "users"), count(&connection, "orders")), (0, 0));
}

#[test]
fn a_test_database_is_filled_by_a_method() {
    static APP: Template = Template::embedded(&[("1.sql", SHOP)]);
    let db = APP.in_memory();
    let filled = db.fill("orders", 1_000);
    assert_eq!(filled.rows("orders"), 1_000);
    assert_eq!(filled.tables().map(|(name, _)| name).collect::<Vec<_>>(), ["users", "orders"]);
    assert!(filled.rows("users") > 1);
    db.check();
}
