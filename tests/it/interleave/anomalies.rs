//! The anomaly that a failure names, and the order that it compares with, for any values and any number of changed rows.

use sqlitmus::interleave::explore;
use sqlitmus::rusqlite::{Connection, Result};
use sqlitmus::{Profile, Template, TestDb};

fn db(schema: &str) -> TestDb {
    let db = Template::empty().profile(Profile::PRODUCTION).in_memory();
    db.execute_batch(schema).unwrap();
    db
}

/// Ends the shifts of `who`, if somebody else is on call.
fn leave(db: &Connection, who: &str) -> Result<()> {
    let others: i64 =
        db.query_row("SELECT count(*) FROM shifts WHERE on_call AND who <> ?1", [who], |row| row.get(0))?;
    if others > 0 {
        db.execute("UPDATE shifts SET on_call = 0 WHERE who = ?1", [who])?;
    }
    Ok(())
}

#[track_caller]
fn is_write_skew(db: &TestDb, ada: &'static str, bob: &'static str) {
    let error = explore(db).task("ada", |db| leave(db, ada)).task("bob", |db| leave(db, bob)).try_run().unwrap_err();
    assert_eq!(error.headline(), "write skew: ada, bob each change data that another one relied on", "{error}");
}

#[test]
fn keys_with_an_arrow_are_different_rows() {
    let db = db("CREATE TABLE shifts(who TEXT PRIMARY KEY, on_call INTEGER NOT NULL);
         INSERT INTO shifts VALUES ('day -> night: ada', 1), ('day -> night: bob', 1)");
    is_write_skew(&db, "day -> night: ada", "day -> night: bob");
}

#[test]
fn more_rows_than_a_failure_shows_are_compared() {
    let db = db("CREATE TABLE shifts(id INTEGER PRIMARY KEY, who TEXT NOT NULL, on_call INTEGER NOT NULL);
         WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 600)
         INSERT INTO shifts SELECT i, iif(i <= 300, 'ada', 'bob'), 1 FROM n");
    is_write_skew(&db, "ada", "bob");
}

#[test]
fn a_table_name_with_a_colon() {
    fn take(db: &Connection, by: i64) -> Result<()> {
        let left: i64 = db.query_row("SELECT count FROM \"stock: tea\" WHERE item = 1", [], |row| row.get(0))?;
        db.execute("UPDATE \"stock: tea\" SET count = ?1 WHERE item = 1", [left - by])?;
        db.execute("INSERT INTO taken VALUES (?1)", [by]).map(drop)
    }
    let db = db("CREATE TABLE \"stock: tea\"(item INTEGER PRIMARY KEY, count INTEGER);
         INSERT INTO \"stock: tea\" VALUES (1, 10); CREATE TABLE taken(count INTEGER)");
    let error = explore(&db).task("alice", |db| take(db, 1)).task("bob", |db| take(db, 2)).try_run().unwrap_err();
    let headline = "lost update: alice and bob change the same row of \"stock: tea\", and one change is gone";
    assert_eq!(error.headline(), headline, "{error}");
}

#[test]
fn two_columns_of_one_row() {
    // An ORM that writes the whole row back.
    fn save(db: &Connection, price: i64, count: i64, log: &str) -> Result<()> {
        let (old_price, old_count): (i64, i64) =
            db.query_row("SELECT price, count FROM items", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        db.execute("UPDATE items SET price = ?1, count = ?2", [old_price + price, old_count + count])?;
        db.execute("INSERT INTO log VALUES (?1)", [log]).map(drop)
    }
    let db = db(
        "CREATE TABLE items(id INTEGER PRIMARY KEY, price INTEGER, count INTEGER); INSERT INTO items VALUES (1, 5, 10);
         CREATE TABLE log(line TEXT)",
    );
    let error = explore(&db)
        .task("alice", |db| save(db, 1, 0, "price"))
        .task("bob", |db| save(db, 0, 1, "count"))
        .try_run()
        .unwrap_err();
    let headline = "lost update: alice and bob change the same row of items, and one change is gone";
    assert_eq!(error.headline(), headline, "{error}");
}

/// The shown schedule leaves the value of one task in 600 rows and that of the other in 300.
#[test]
fn the_order_with_the_fewest_other_rows_is_the_nearest() {
    let db = db("CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT);
         WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 900) INSERT INTO t SELECT i, '' FROM n");
    let of =
        |x: &str| [format!("UPDATE t SET x = '{x}' WHERE id <= 600"), format!("UPDATE t SET x = '{x}' WHERE id > 600")];
    let error = explore(&db).steps("alice", of("a")).steps("bob", of("b")).try_run().unwrap_err();
    let text = error.to_string();
    assert!(text.contains("\n  state (- bob, then alice, + this schedule, ~ both):\n    t: 300 updated\n"), "{text}");
}
