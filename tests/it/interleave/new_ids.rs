//! Rows whose ids only the order decides, and code that takes the id of another row.

use sqlitmus::interleave::explore;
use sqlitmus::rusqlite::{Connection, Result};
use sqlitmus::{Profile, Template, TestDb};

fn db(references: &str) -> TestDb {
    let db = Template::empty().profile(Profile::PRODUCTION).in_memory();
    db.execute_batch(&format!(
        "CREATE TABLE orders(id INTEGER PRIMARY KEY AUTOINCREMENT, customer TEXT);
         CREATE TABLE items(id INTEGER PRIMARY KEY, order_id INTEGER {references}, product TEXT);
         CREATE TABLE log(line TEXT);
         INSERT INTO orders(customer) VALUES ('old'); INSERT INTO items(order_id, product) VALUES (1, 'jar');"
    ))
    .unwrap();
    db
}

type Action = fn(&Connection, &str) -> Result<i64>;

fn outcome(db: &TestDb, action: Action) -> String {
    let explored = explore(db).task("alice", move |db| action(db, "alice")).task("bob", move |db| action(db, "bob"));
    explored.try_run().map_or_else(|error| error.headline().to_owned(), |report| report.to_string())
}

/// Orders in three statements, each a transaction of its own.
fn order(db: &Connection, who: &str, id: impl Fn() -> Result<i64>) -> Result<i64> {
    db.execute("INSERT INTO orders(customer) VALUES (?1)", [who])?;
    let order = id()?;
    db.execute("INSERT INTO items(order_id, product) VALUES (?1, 'tea')", [order])?;
    Ok(order)
}

#[test]
fn ids_that_the_order_decides_are_renamed_with_what_refers_to_them() {
    for references in ["REFERENCES orders(id)", "REFERENCES orders", ""] {
        let says = outcome(&db(references), |db, who| order(db, who, || Ok(db.last_insert_rowid())));
        assert!(says.contains("every order of their statements"), "{references}: {says}");
    }
    let says = outcome(&db(""), |db, who| {
        db.execute("INSERT INTO orders(customer) VALUES (?1)", [who])?;
        db.execute("INSERT INTO items(product) VALUES (?1)", [who])?;
        db.execute("INSERT INTO orders(customer) VALUES ('second of ' || ?1)", [who])?;
        Ok(0)
    });
    assert!(says.contains("every order of their statements"), "{says}");
}

#[test]
fn the_id_of_another_row_is_found() {
    for references in ["REFERENCES orders(id)", ""] {
        let says = outcome(&db(references), |db, who| {
            order(db, who, || db.query_row("SELECT max(id) FROM orders", [], |row| row.get(0)))
        });
        assert!(!says.contains("every order of their statements"), "{references}: {says}");
    }
    // The rows are right, and what is returned is not.
    let says = outcome(&db(""), |db, who| {
        db.execute("INSERT INTO orders(customer) VALUES (?1)", [who])?;
        db.query_row("SELECT max(id) FROM orders", [], |row| row.get(0))
    });
    assert!(!says.contains("every order of their statements"), "{says}");
}

/// A number that the app counts is no id.
#[test]
fn a_number_that_the_app_counts_is_compared() {
    let says = outcome(&db(""), |db, who| {
        let last: i64 = db.query_row("SELECT count(*) FROM items", [], |row| row.get(0))?;
        db.execute("INSERT INTO items(order_id, product) VALUES (?1, ?2)", (last + 1, who))?;
        Ok(0)
    });
    assert!(says.starts_with("write skew"), "{says}");
}
