//! Columns that look like foreign keys and are none.

use sqlitmus::check::Level;

use super::{check, database, found, silent};

/// Users have text keys, products numbers. One table declares a foreign key to users.
const OTHERS: &str = "CREATE TABLE users(id TEXT PRIMARY KEY NOT NULL) STRICT;
    CREATE TABLE products(id INTEGER PRIMARY KEY) STRICT;
    CREATE TABLE categories(id INTEGER PRIMARY KEY) STRICT;
    CREATE TABLE posts(id INTEGER PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users(id)) STRICT;
    CREATE INDEX posts_user_id ON posts(user_id);";

fn with(table: &str) -> String {
    format!("{OTHERS} {table}")
}

#[test]
fn a_column_named_after_a_table() {
    let finding = check(
        "fk-undeclared",
        &with("CREATE TABLE likes(id INTEGER PRIMARY KEY, user_id TEXT NOT NULL) STRICT;"),
        "likes.user_id",
        "user_id TEXT NOT NULL REFERENCES users(id)",
    );
    assert_eq!(finding.what(), "likes.user_id looks like a reference to users.id, and is no foreign key");
    assert_eq!(finding.level(), Level::Review);
    assert!(finding.help().unwrap().contains("CREATE INDEX likes_user_id ON likes(user_id);"));
    for (column, fix) in [
        ("category_id INTEGER", "category_id INTEGER REFERENCES categories(id)"),
        ("productId INT", "productId INT REFERENCES products(id)"),
        ("PRODUCT_ID INTEGER NOT NULL", "PRODUCT_ID INTEGER NOT NULL REFERENCES products(id)"),
    ] {
        let object = format!("t.{}", column.split(' ').next().unwrap());
        let schema = with(&format!("CREATE TABLE t(id INTEGER PRIMARY KEY, {column}) STRICT;"));
        // No other table declares one to it.
        assert_eq!(check("fk-undeclared", &schema, &object, fix).level(), Level::Style);
    }
    let own_key = with("CREATE TABLE settings(user_id TEXT PRIMARY KEY NOT NULL, dark INTEGER) STRICT;");
    let finding = check("fk-undeclared", &own_key, "settings.user_id", "NOT NULL REFERENCES users(id)");
    assert!(!finding.help().unwrap().contains("CREATE INDEX"));
}

#[test]
fn what_is_kept_when_its_parent_goes_is_style() {
    for table in ["audit_log", "user_events", "order_history"] {
        let schema = with(&format!("CREATE TABLE {table}(id INTEGER PRIMARY KEY, user_id TEXT NOT NULL) STRICT;"));
        let found = found(&database(&schema), "fk-undeclared");
        assert_eq!(found.iter().map(|finding| finding.level()).collect::<Vec<_>>(), [Level::Style]);
    }
}

#[test]
fn ids_of_others() {
    for quiet in [
        // Of another system, by its type.
        "user_id INTEGER NOT NULL",
        "product_id TEXT",
        "product_id BLOB",
        // Of another system, by its name.
        "stripe_user_id TEXT",
        "external_id TEXT",
        "client_id TEXT",
        "device_id TEXT",
        "id2 INTEGER",
        "paid INTEGER",
        // Of one of several tables.
        "product_id INTEGER, product_type TEXT",
        // Derived.
        "doc TEXT, user_id TEXT AS (doc ->> 'user_id')",
        // Declared.
        "user_id TEXT REFERENCES users",
        "x INTEGER, product_id INTEGER, FOREIGN KEY (product_id) REFERENCES products",
        "product INTEGER",
    ] {
        silent("fk-undeclared", &with(&format!("CREATE TABLE t(id INTEGER PRIMARY KEY, {quiet}) STRICT;")));
    }
    // The table's own number, another number of the parent, and two tables of the name.
    silent("fk-undeclared", &with("CREATE TABLE orders(order_id INTEGER PRIMARY KEY) STRICT;"));
    let apps = "CREATE TABLE apps(id INTEGER PRIMARY KEY, app_id INTEGER NOT NULL UNIQUE) STRICT;
        CREATE TABLE t(id INTEGER PRIMARY KEY, app_id INTEGER) STRICT;";
    silent("fk-undeclared", &with(apps));
    let both = "CREATE TABLE product(id INTEGER PRIMARY KEY) STRICT; CREATE TABLE t(id INTEGER PRIMARY KEY, product_id INTEGER) STRICT;";
    silent("fk-undeclared", &with(both));
    // Without any foreign key, the app does without them.
    silent(
        "fk-undeclared",
        "CREATE TABLE users(id INTEGER PRIMARY KEY) STRICT; CREATE TABLE t(id INTEGER PRIMARY KEY, user_id INTEGER) STRICT;",
    );
}
