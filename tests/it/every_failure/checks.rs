//! Findings in databases.

use sqlitmus::check::{self, Level};
use sqlitmus::rusqlite::Connection;
use sqlitmus::{Profile, Template};

use super::{Page, shop};

fn database(sql: &str) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(sql).unwrap();
    connection
}

pub(super) fn all(page: &mut Page) {
    states(page);
    page.area("Settings and files");
    page.failure(
        "`check::profile`, on the app's own connection:",
        check::profile(&database(""), &Profile::MINIMAL.pragma("foreign_keys", "ON").pragma("busy_timeout", "7000"))
            .try_assert_ok(),
    );
    page.failure("`check::sqlite_at_least(\"4.0\")`:", check::sqlite_at_least("4.0").try_assert_ok());
    page.failure(
        "`check::compile_option(&db, \"ENABLE_NOTHING\")`:",
        check::compile_option(&database(""), "ENABLE_NOTHING").try_assert_ok(),
    );
    let db = shop();
    db.execute_batch("PRAGMA foreign_keys = OFF; INSERT INTO orders(user_id, status, total) VALUES (99, 'open', 1)")
        .unwrap();
    page.failure("`db.check()`, or `SQLITMUS_CHECK=on`:", db.try_check());
    let db = Template::empty().profile(Profile::SQLITE_DEFAULTS).on_disk();
    db.execute_batch(
        "CREATE TABLE notes(text TEXT);
         INSERT INTO notes WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT hex(zeroblob(500)) FROM n;
         DELETE FROM notes",
    )
    .unwrap();
    page.failure(
        "`check::health(&db).red_flags()`:",
        check::health(&db).red_flags().fail_at(Level::Style).try_assert_ok(),
    );
    page.area("Lints of a schema");
    for (code, schema) in LINTS {
        let findings = check::lint(&database(schema)).into_iter().filter(|finding| finding.code() == *code);
        page.failure(
            &format!("`check::lint`, `{code}`:"),
            findings.collect::<check::Findings>().fail_at(Level::Style).try_assert_ok(),
        );
    }
}

fn states(page: &mut Page) {
    page.area("What changed, and what should be the same");
    let db = shop();
    let add = |db: &mut Connection| db.execute("INSERT INTO users(email) VALUES ('mia@example.com')", []).unwrap();
    page.failure("`row_changes(..).assert_only(&[\"orders\"])`:", db.row_changes(add).try_assert_only(&["orders"]));
    page.failure("`assert_only(&[\"user\"])`, a misspelt table:", shop().row_changes(add).try_assert_only(&["user"]));
    page.failure("`assert_same_data`:", check::try_assert_same_data(&db, &shop()));
    let other = shop();
    other.execute_batch("DROP INDEX orders_user_id; ALTER TABLE users ADD COLUMN age INTEGER").unwrap();
    page.failure("`assert_same_schema`:", check::try_assert_same_schema(&shop(), &other));
    page.failure("`query_rows`, with a mistake in the query:", check::query_rows(&db, "SELECT nam FROM users"));
    page.failure(
        "`redact` of a column that the query does not have:",
        check::query_rows(&db, "SELECT name FROM users").and_then(|rows| rows.try_redact("id", "..")),
    );
}

const LINTS: &[(&str, &str)] = &[
    ("fk-parent-missing", "CREATE TABLE orders(id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES user(id))"),
    (
        "fk-parent-not-unique",
        "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT); CREATE TABLE orders(email TEXT REFERENCES users(email))",
    ),
    (
        "fk-type-mismatch",
        "CREATE TABLE users(id INTEGER PRIMARY KEY); CREATE TABLE orders(id INTEGER PRIMARY KEY, user_id TEXT REFERENCES users(id))",
    ),
    (
        "fk-composite-nullable",
        "CREATE TABLE p(a INTEGER, b INTEGER, PRIMARY KEY (a, b)); CREATE TABLE c(a INTEGER, b INTEGER, FOREIGN KEY (a, b) REFERENCES p)",
    ),
    (
        "fk-unindexed",
        "CREATE TABLE users(id INTEGER PRIMARY KEY); CREATE TABLE orders(id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users(id))",
    ),
    ("fk-partly-indexed", "CREATE TABLE users(tenant_id INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (tenant_id, name)) WITHOUT ROWID;
         CREATE TABLE posts(id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL, author TEXT NOT NULL, FOREIGN KEY (tenant_id, author) REFERENCES users);
         CREATE INDEX by_tenant ON posts(tenant_id)"),
    (
        "fk-undeclared",
        "CREATE TABLE users(id TEXT PRIMARY KEY NOT NULL); CREATE TABLE posts(id INTEGER PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users(id));
         CREATE TABLE likes(id INTEGER PRIMARY KEY, user_id TEXT NOT NULL)",
    ),
    ("dangling-view", "CREATE TABLE t(id INTEGER PRIMARY KEY); CREATE VIEW v AS SELECT name FROM t"),
    ("dangling-trigger", "CREATE TABLE t(id INTEGER PRIMARY KEY); CREATE TRIGGER logged AFTER INSERT ON t BEGIN INSERT INTO log VALUES (1); END"),
    ("double-quoted-string", "CREATE TABLE orders(id INTEGER PRIMARY KEY, status TEXT CHECK (status <> \"none\"))"),
    ("no-primary-key", "CREATE TABLE notes(text TEXT NOT NULL)"),
    ("pk-nullable", "CREATE TABLE users(email TEXT PRIMARY KEY)"),
    ("int-pk-not-rowid", "CREATE TABLE users(id INT PRIMARY KEY)"),
    ("autoincrement-unneeded", "CREATE TABLE users(id INTEGER PRIMARY KEY AUTOINCREMENT)"),
    ("unique-with-nullable", "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL, deleted_at TEXT, UNIQUE (email, deleted_at))"),
    ("check-passes-null", "CREATE TABLE t(id INTEGER PRIMARY KEY, day TEXT CHECK (day = date(day)))"),
    ("affinity-surprise", "CREATE TABLE users(id INTEGER PRIMARY KEY, name STRING)"),
    ("same-name-different-type", "CREATE TABLE a(id INTEGER PRIMARY KEY, customer_id INTEGER); CREATE TABLE b(id INTEGER PRIMARY KEY, customer_id TEXT);
         CREATE TABLE c(id INTEGER PRIMARY KEY, customer_id INTEGER)"),
    ("blob-in-hot-table", "CREATE TABLE users(id INTEGER PRIMARY KEY, photo BLOB, a TEXT, b TEXT, c TEXT, d TEXT, e TEXT, f TEXT, g TEXT, h TEXT)"),
    ("not-strict", "CREATE TABLE users(id INTEGER PRIMARY KEY)"),
    ("index-duplicate", "CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT); CREATE INDEX a ON t(x); CREATE INDEX b ON t(x)"),
    (
        "index-prefix-redundant",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT, y TEXT); CREATE INDEX a ON t(x); CREATE INDEX b ON t(x, y)",
    ),
    ("index-shadows-unique", "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT UNIQUE); CREATE INDEX users_email ON users(email)"),
    ("index-low-value", "CREATE TABLE users(id INTEGER PRIMARY KEY, active INTEGER NOT NULL CHECK (active IN (0, 1))); CREATE INDEX users_active ON users(active)"),
    ("index-collation-unusable", "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT); CREATE INDEX users_name ON users(name COLLATE NOCASE)"),
];
