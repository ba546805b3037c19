use std::panic::{AssertUnwindSafe, catch_unwind};

use sqlitmus::check::{Redact, changes_between};
use sqlitmus::rusqlite::types::ValueRef;
use sqlitmus::rusqlite::{self, Connection};
use sqlitmus::{Template, TestDb};

use super::db;

static SHOP: Template = Template::embedded(&[(
    "1.sql",
    "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE);
     CREATE TABLE orders(id INTEGER PRIMARY KEY, user_id INT REFERENCES users ON DELETE CASCADE, status, total REAL);
     CREATE TABLE log(message);
     INSERT INTO users VALUES (1, 'ada@example.com'), (2, 'bob@example.com');
     INSERT INTO orders VALUES (1, 1, 'open', 10.5), (2, 1, 'open', 7.0), (3, 2, 'paid', 1.0);
     INSERT INTO log VALUES ('start');",
)]);

fn both() -> [TestDb; 2] {
    [SHOP.in_memory(), SHOP.on_disk()]
}

fn pay(db: &mut Connection) -> rusqlite::Result<usize> {
    let transaction = db.transaction()?;
    let paid = transaction.execute("UPDATE orders SET status = 'paid', total = total + 1 WHERE user_id = 1", [])?;
    transaction.execute("INSERT INTO log VALUES ('paid')", [])?;
    transaction.execute("DELETE FROM users WHERE id = 2", [])?;
    transaction.commit()?;
    Ok(paid)
}

#[test]
fn rows_are_listed_by_table_and_updates_by_column() {
    for db in both() {
        let changes = db.row_changes(pay);
        assert_eq!(changes.value, Ok(2));
        assert!(!changes.is_empty() && !changes.left_open());
        assert_eq!(
            changes.to_string(),
            "log: 1 inserted\
             \n  + message='paid'\
             \norders: 2 updated, 1 deleted\
             \n  ~ id=1 status: 'open' -> 'paid', total: 10.5 -> 11.5\
             \n  ~ id=2 status: 'open' -> 'paid', total: 7.0 -> 8.0\
             \n  - id=3, user_id=2, status='paid', total=1.0\
             \nusers: 1 deleted\
             \n  - id=2, email='bob@example.com'\
             \n"
        );
        let orders = changes.table("ORDERS").unwrap();
        assert_eq!((orders.name(), orders.inserted().len(), orders.deleted().len()), ("orders", 0, 1));
        assert_eq!(orders.deleted()[0].get("id"), Some(ValueRef::Integer(3)));
        assert_eq!(orders.deleted()[0].get("nothing"), None);
        let updated = orders.updated();
        let columns: Vec<_> = updated[1].changed().collect();
        assert_eq!(
            columns,
            [
                ("status", ValueRef::Text(b"open"), ValueRef::Text(b"paid")),
                ("total", ValueRef::Real(7.0), ValueRef::Real(8.0))
            ]
        );
        assert_eq!(updated[0].after.to_string(), "id=1, user_id=1, status='paid', total=11.5");
        assert_eq!(changes.iter().map(|table| table.name()).collect::<Vec<_>>(), ["log", "orders", "users"]);
    }
}

#[test]
fn code_that_changes_nothing() {
    for db in both() {
        let changes = db.row_changes(|db| {
            db.execute_batch(
                "SELECT 1; UPDATE orders SET status = status; VACUUM; INSERT INTO log VALUES (1); DELETE FROM log WHERE message = 1;
                 CREATE INDEX i ON orders(status); ANALYZE",
            )
        });
        assert_eq!(changes.value, Ok(()));
        assert!(changes.is_empty());
        assert_eq!(changes.to_string(), "no changes\n");
        changes.assert_only(&[]);
    }
}

#[test]
fn a_transaction_that_is_left_open_changes_nothing_and_is_reported() {
    for db in both() {
        let changes =
            db.row_changes(|db| db.execute_batch("INSERT INTO log VALUES (1); BEGIN; DELETE FROM log").unwrap());
        assert!(changes.left_open());
        assert_eq!(
            changes.to_string(),
            "log: 1 inserted\
             \n  + message=1\
             \na transaction was left open and is rolled back. Lost changes:\
             \nlog: 2 deleted\
             \n  - message=1\
             \n  - message='start'\
             \n"
        );
        let rows: i64 = db.query_row("SELECT count(*) FROM log", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 2);
        let changes = db.row_changes(|db| db.execute_batch("BEGIN; SELECT * FROM log").unwrap());
        assert!(changes.left_open() && changes.is_empty());
        assert_eq!(
            changes.to_string(),
            "no changes\na transaction was left open and is rolled back, with nothing in it\n"
        );
    }
}

#[test]
fn code_that_fails_returns_its_error_and_its_changes() {
    for db in both() {
        let changes = db.row_changes(|db| {
            db.execute("INSERT INTO log VALUES ('half')", [])?;
            db.execute("INSERT INTO users VALUES (9, 'ada@example.com')", [])
        });
        assert!(changes.value.as_ref().is_err());
        assert_eq!(changes.to_string(), "log: 1 inserted\n  + message='half'\n");
        let error = changes.try_assert_only(&["users"]).unwrap_err();
        assert_eq!(error.to_string(), "changed beyond users: log: 1 inserted\n\n  log:\n    + message='half'");
    }
}

#[test]
fn a_panic_of_the_code_leaves_the_database_usable() {
    for db in both() {
        let panic = catch_unwind(AssertUnwindSafe(|| {
            db.row_changes(|db| {
                db.execute_batch("INSERT INTO log VALUES ('x'); BEGIN; DELETE FROM orders").unwrap();
                panic!("on purpose");
            })
        }));
        assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"on purpose"));
        let counts: (i64, i64) = db
            .query_row("SELECT (SELECT count(*) FROM log), (SELECT count(*) FROM orders)", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        assert_eq!(counts, (2, 3));
        assert!(db.row_changes(|_| ()).is_empty());
    }
}

#[test]
fn the_code_has_the_functions_the_profile_and_the_clock_of_the_database() {
    static WITH: Template =
        Template::embedded(&[("1.sql", "CREATE TABLE t(x, y AS (twice(x)))")]).functions(|connection| {
            let flags = rusqlite::functions::FunctionFlags::SQLITE_DETERMINISTIC;
            connection.create_scalar_function("twice", 1, flags, |context| Ok(context.get::<i64>(0)? * 2))?;
            Ok(())
        });
    for db in [WITH.in_memory(), WITH.on_disk()] {
        db.clock().set("2026-03-01T00:00:00Z");
        let changes = db.row_changes(|db| {
            db.execute_batch("INSERT INTO t VALUES (2)").unwrap();
            db.query_row("SELECT date('now')", [], |row| row.get::<_, String>(0)).unwrap()
        });
        assert_eq!(changes.value, "2026-03-01");
        assert_eq!(changes.to_string(), "t: 1 inserted\n  + x=2, y=4\n");
    }
}

#[test]
fn tables_and_columns_come_and_go() {
    let db = db(
        "CREATE TABLE a(id INTEGER PRIMARY KEY, x); CREATE TABLE b(y); INSERT INTO a VALUES (1, 1); INSERT INTO b VALUES (1)",
    );
    let changes = db.row_changes(|db| {
        db.execute_batch(
            "DROP TABLE b; CREATE TABLE c(z); INSERT INTO c VALUES (NULL); CREATE TABLE d(z);
            ALTER TABLE a ADD COLUMN \"n n\" DEFAULT 7; ALTER TABLE a DROP COLUMN x",
        )
        .unwrap();
    });
    assert_eq!(
        changes.to_string(),
        "a: column x dropped, column \"n n\" added\
         \nb: dropped, 1 deleted\
         \n  - y=1\
         \nc: created, 1 inserted\
         \n  + z=NULL\
         \nd: created\
         \n"
    );
}

#[test]
fn a_row_that_moved_is_the_same_row() {
    let db = db(
        "CREATE TABLE t(k TEXT PRIMARY KEY, v); CREATE TABLE u(x); INSERT INTO t VALUES ('a', 1), ('b', 2); INSERT INTO u VALUES (1), (2)",
    );
    let changes = db.row_changes(|db| {
        db.execute_batch(
            "UPDATE t SET rowid = rowid + 100; DELETE FROM t WHERE k = 'a'; INSERT INTO t VALUES ('a', 5);
            DELETE FROM u WHERE x = 1; INSERT INTO u VALUES (1)",
        )
        .unwrap();
    });
    assert_eq!(changes.to_string(), "t: 1 updated\n  ~ k='a' v: 1 -> 5\n");
}

#[test]
fn a_new_key_is_a_new_row_and_no_key_is_every_column() {
    let db = db(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v); CREATE TABLE u(x, y); INSERT INTO t VALUES (1, 'a'); INSERT INTO u VALUES (1, 1)",
    );
    let changes = db.row_changes(|db| db.execute_batch("UPDATE t SET id = 2; UPDATE u SET y = 2").unwrap());
    assert_eq!(
        changes.to_string(),
        "t: 1 inserted, 1 deleted\
         \n  - id=1, v='a'\
         \n  + id=2, v='a'\
         \nu: 1 inserted, 1 deleted\
         \n  - x=1, y=1\
         \n  + x=1, y=2\
         \n"
    );
}

#[test]
fn only_the_named_tables_may_change() {
    let db = SHOP.in_memory();
    let changes = db.row_changes(pay);
    changes.assert_only(&["log", "Orders", "users"]).assert_only(&["log", "orders", "users", "not there"]);
    let misspelt = changes.try_assert_only(&["order", "log"]).unwrap_err().to_string();
    assert!(misspelt.starts_with("there is no table order; orders: 2 updated, 1 deleted; and 1 more\n"), "{misspelt}");
    assert!(misspelt.ends_with("help: did you mean orders?"), "{misspelt}");
    let unknown = changes.try_assert_only(&["invoices"]).unwrap_err().to_string();
    assert!(unknown.contains("help: the tables are log, orders, users"), "{unknown}");
    let error = changes.try_assert_only(&["users"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "changed beyond users: log: 1 inserted; and 1 more\n\
         \n  log:\
         \n    + message='paid'\n\
         \n  orders:\
         \n    ~ id=1 status: 'open' -> 'paid', total: 10.5 -> 11.5\
         \n    ~ id=2 status: 'open' -> 'paid', total: 7.0 -> 8.0\
         \n    - id=3, user_id=2, status='paid', total=1.0"
    );
    let many = db.row_changes(|db| db.execute_batch(
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 300) INSERT INTO log SELECT i FROM n").unwrap());
    let text = many.try_assert_only(&[]).unwrap_err().to_string();
    assert!(text.starts_with("changed: log: 300 inserted\n") && text.ends_with("\n    ... and 290 more"), "{text}");
    let text = many.to_string();
    assert!(text.contains("+ message=200\n  ... and 100 more (digest "), "{text}");
    assert_eq!(many.table("log").unwrap().inserted().len(), 300);
}

#[test]
fn random_values_are_redacted_and_do_not_affect_the_order() {
    let text = || {
        let db = db(
            "CREATE TABLE users(id TEXT PRIMARY KEY, name, at); CREATE TABLE orders(id TEXT PRIMARY KEY, user_id TEXT, n)",
        );
        let changes = db.row_changes(|db| {
            db.execute_batch(
                "INSERT INTO users VALUES (hex(randomblob(8)), 'ada', datetime('now')), (hex(randomblob(8)), 'bob', '2026-03-01');
                 INSERT INTO orders SELECT hex(randomblob(8)), id, length(name) FROM users WHERE name = 'bob'")
                .unwrap();
        });
        let numbered =
            Redact::new().column("users.id", "[user-#]").column("user_id", "[user-#]").column("orders.id", "[id]");
        changes.redacted(numbered.times()).to_string()
    };
    for _ in 0..20 {
        assert_eq!(
            text(),
            "orders: 1 inserted\
             \n  + id=[id], user_id=[user-1], n=3\
             \nusers: 2 inserted\
             \n  + id=[user-2], name='ada', at=[time]\
             \n  + id=[user-1], name='bob', at='2026-03-01'\
             \n"
        );
    }
}

#[test]
fn changes_between_two_plain_connections() {
    let (before, after) = (Connection::open_in_memory().unwrap(), Connection::open_in_memory().unwrap());
    for connection in [&before, &after] {
        connection.execute_batch("CREATE TABLE t(id INTEGER PRIMARY KEY, x)").unwrap();
    }
    assert!(changes_between(&before, &after).unwrap().is_empty());
    after.execute_batch("INSERT INTO t VALUES (1, 'a')").unwrap();
    assert_eq!(changes_between(&before, &after).unwrap().to_string(), "t: 1 inserted\n  + id=1, x='a'\n");
    assert_eq!(changes_between(&after, &before).unwrap().to_string(), "t: 1 deleted\n  - id=1, x='a'\n");
}
