//! Failures while a test gets its database.

use sqlitmus::migrations::Migrations;
use sqlitmus::rusqlite::Connection;
use sqlitmus::{Profile, Template};

use super::{Page, embedded, leaked, shop};

pub(super) fn all(page: &mut Page) {
    page.area("Getting a database");
    page.failure(
        "`Template::new(\"migration\")`, a folder that does not exist:",
        leaked(Template::new("migration")).try_in_memory(),
    );
    let folder = super::scratch().join("app");
    std::fs::create_dir_all(&folder).unwrap();
    page.failure("A folder without migrations:", Migrations::load(&folder));
    page.failure(
        "A migration with a mistake:",
        embedded(&[
            ("1_users.sql", "CREATE TABLE users(id INTEGER PRIMARY KEY);\n"),
            ("2_orders.sql", "CREATE TABLE orders(\n  id INTEGER PRIMARY KEY,\n  user_id INTEGER REFERENCES users,,\n  total INTEGER\n);\n"),
        ])
        .try_in_memory(),
    );
    page.failure(
        "A migration that a constraint refuses:",
        embedded(&[(
            "1_roles.sql",
            "CREATE TABLE roles(name TEXT UNIQUE);\nINSERT INTO roles VALUES ('admin');\nINSERT INTO roles VALUES ('admin');\n",
        )])
        .try_in_memory(),
    );
    page.failure("`at(9)`, a version that does not exist:", super::SHOP.try_at(9));
    page.failure("`at(-1)`:", super::SHOP.try_at(-1));
    page.failure("`at(1)` of a template without migrations:", leaked(Template::empty()).try_at(1));
    page.failure(
        "A seed that fails:",
        leaked(Template::embedded(&[("1.sql", "CREATE TABLE users(id INTEGER PRIMARY KEY)")]).seed(misspelt))
            .try_in_memory(),
    );
    page.failure(
        "A seed that leaves a transaction open:",
        leaked(Template::empty().seed(|db| Ok(db.execute_batch("BEGIN; CREATE TABLE t(x)")?))).try_in_memory(),
    );
    page.failure("`TestDb::clock().set(..)`:", shop().clock().try_set("next friday"));
    page.area("PRAGMAs of a profile");
    let profile =
        |name, value| leaked(Template::empty().profile(Profile::PRODUCTION.pragma(name, value))).try_in_memory();
    page.failure("A PRAGMA that SQLite does not know:", profile("busy_timeuot", "5000"));
    page.failure("A value that a PRAGMA does not take:", profile("synchronous", "FUL"));
    page.failure("A value that SQLite changes:", profile("page_size", "5000"));
}

fn misspelt(db: &mut Connection) -> Result<(), sqlitmus::BoxError> {
    db.execute("INSERT INTO user(id) VALUES (1)", [])?;
    Ok(())
}
