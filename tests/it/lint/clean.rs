//! Schemas and tables without findings, and the fixtures.

use sqlitmus::rusqlite::Connection;
use sqlitmus::rusqlite::functions::FunctionFlags;
use sqlitmus::{Template, check};

use super::{all, database};

#[test]
fn ledgers_and_shadow_tables_are_not_linted() {
    for table in [
        "_migrations",
        "schema_migrations",
        "_sqlx_migrations",
        "__diesel_schema_migrations",
        "refinery_schema_history",
    ]
    .iter()
    .chain(&["goose_db_version", "seaql_migrations"])
    {
        assert_eq!(
            all(&check::lint(&database(&format!("CREATE TABLE {table}(version BIGINT, at DATETIME)")))),
            [""; 0]
        );
    }
    let fts = "CREATE VIRTUAL TABLE f USING fts5(x); CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT) STRICT;";
    assert_eq!(all(&check::lint(&database(fts))), ["autoincrement-unneeded t.id"]);
}

#[test]
fn functions_and_collations_of_the_app_are_not_linted() {
    let connection = Connection::open_in_memory().unwrap();
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("app_function", 1, flags, |_| Ok(1)).unwrap();
    connection.create_collation("app_collation", |a: &str, b: &str| b.cmp(a)).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT COLLATE app_collation DEFAULT 'x' CHECK (app_function(a))) STRICT;
             CREATE INDEX i ON t(app_function(a));
             CREATE INDEX j ON t(a);
             CREATE VIEW v AS SELECT app_function(a) FROM t;
             CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT app_function(NEW.a); END;
             CREATE TABLE c(id INTEGER PRIMARY KEY, t_id INTEGER REFERENCES t) STRICT;",
        )
        .unwrap();
    assert_eq!(all(&check::lint(&connection)), ["fk-unindexed c.t_id"]);
}

#[test]
fn a_virtual_table_whose_module_is_missing_hides_nothing_else() {
    let connection = database(
        "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT) STRICT;
         PRAGMA writable_schema = ON;
         INSERT INTO sqlite_master VALUES ('table', 'away', 'away', 0, 'CREATE VIRTUAL TABLE away USING only_the_app_has_it(x)');
         CREATE VIEW v AS SELECT x FROM away;
         CREATE TRIGGER r AFTER INSERT ON t BEGIN DELETE FROM away; END;
         PRAGMA writable_schema = RESET;",
    );
    assert_eq!(all(&check::lint(&connection)), ["autoincrement-unneeded t.id"]);
}

#[test]
fn the_connection_is_left_unchanged() {
    let connection = database(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, x STRING DEFAULT \"y\"); INSERT INTO t(x) VALUES (1);
         CREATE VIEW v AS SELECT * FROM nowhere; PRAGMA foreign_keys = ON;",
    );
    let state = || {
        let one = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        [one("PRAGMA schema_version"), one("PRAGMA foreign_keys"), one("SELECT total_changes()")]
    };
    let before = state();
    let _ = check::lint(&connection);
    assert_eq!(state(), before);
}

#[test]
fn the_shop_has_three_intended_findings() {
    static SHOP: Template = Template::new("fixtures/shop/migrations");
    check::lint(&SHOP.in_memory())
        .allow("autoincrement-unneeded", "outbox", "readers remember the last id that they saw")
        .allow("unique-with-nullable", "shipments", "parcels that are picked up have no number")
        .allow("index-collation-unusable", "customers_name", "it is for LIKE")
        .assert_ok();
}

#[test]
fn the_guide_is_clean() {
    static GUIDE: Template = Template::embedded(&[("1.sql", include_str!("../../../fixtures/guide/schema.sql"))]);
    check::lint(&GUIDE.in_memory()).assert_ok();
}
