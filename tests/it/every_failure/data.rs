//! Failures of generated rows.

use sqlitmus::data::{Fill, try_violations};
use sqlitmus::rusqlite::Connection;

use super::{Page, embedded, shop};

fn database(sql: &str) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(sql).unwrap();
    connection
}

pub(super) fn all(page: &mut Page) {
    page.area("Rows that cannot be made");
    let fill = || Fill::seed(7);
    let db = shop();
    page.failure("`fill(\"user\", 5)`, a misspelt table:", fill().rows("user", 5).try_insert(&db));
    page.failure("`fill(\"invoices\", 5)`, a table that does not exist:", fill().rows("invoices", 5).try_insert(&db));
    page.failure(
        "`set(\"users\", \"emal\", ..)`, a misspelt column:",
        fill().rows("users", 5).set("users", "emal", "x").try_insert(&db),
    );
    page.failure(
        "`set` on a table that is not filled:",
        fill().rows("users", 5).set("orders", "status", "open").try_insert(&db),
    );
    page.failure(
        "`set` of a key, with one value for several rows:",
        fill()
            .rows("users", 2)
            .set("users", "email", "ada@example.com")
            .try_insert(&database("CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE)")),
    );
    page.failure(
        "`set` to what a CHECK refuses:",
        fill().rows("orders", 2).set("orders", "status", "opened").try_insert(&database(
            "CREATE TABLE orders(id INTEGER PRIMARY KEY, status TEXT CHECK (status IN ('open', 'paid')))",
        )),
    );
    page.failure(
        "`set` of a column that must not be NULL:",
        fill().rows("users", 2).set("users", "email", None::<String>).try_insert(&db),
    );
    page.failure(
        "More rows than a key has values:",
        fill()
            .rows("t", 100)
            .try_insert(&database("CREATE TABLE t(x TEXT NOT NULL UNIQUE CHECK (x IN ('a', 'b', 'c')))")),
    );
    page.failure(
        "A CHECK that no value was found for:",
        fill().rows("t", 5).try_insert(&database("CREATE TABLE t(x INTEGER NOT NULL CHECK (x * x = 7))")),
    );
    page.failure(
        "A trigger that refuses rows:",
        fill().rows("t", 5).try_insert(&database(
            "CREATE TABLE t(x); CREATE TRIGGER closed BEFORE INSERT ON t BEGIN SELECT raise(ABORT, 'the shop is closed'); END",
        )),
    );
    page.failure(
        "A foreign key to a table that does not exist:",
        fill().rows("t", 5).try_insert(&database("CREATE TABLE t(x INTEGER NOT NULL REFERENCES gone)")),
    );
    page.failure(
        "`each` of tables that are not parent and child:",
        fill().rows("orders", 5).each("orders", "users", 1..=2).try_insert(&db),
    );
    page.failure("`rows(\"users\", 0)`:", fill().rows("users", 0).try_insert(&db));
    page.failure("A fill that names no table:", fill().try_insert(&db));
    page.failure(
        "A view:",
        fill().rows("names", 5).try_insert(&database("CREATE TABLE t(x); CREATE VIEW names AS SELECT x FROM t")),
    );
    page.area("Constraints that accept bad rows");
    page.failure(
        "`data::violations(&APP).assert_refused()`:",
        try_violations(embedded(&[(
            "1.sql",
            "CREATE TABLE users(id INTEGER PRIMARY KEY, status TEXT CHECK (status IN ('on', 'off')), code TEXT UNIQUE ON CONFLICT IGNORE)",
        )]))
        .and_then(|violations| violations.try_assert_refused().map(drop)),
    );
}
