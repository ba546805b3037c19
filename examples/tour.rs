//! Shows what a test gets, on the sample app in `fixtures/shop`: `cargo run --example tour`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

#[path = "../fixtures/shop/app.rs"]
mod app;

use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::types::Value;
use sqlitmus::plan::explain;
use sqlitmus::workload::growth_of;
use sqlitmus::{BoxError, Profile, Template, check};

// Describes the app's databases once. In tests, a one-line fixture returns them: `SHOP.in_memory()`.
static SHOP: Template =
    Template::new("fixtures/shop/migrations").profile(Profile::PRODUCTION).seed(reference_data).key("1");

fn reference_data(connection: &mut Connection) -> Result<(), BoxError> {
    Ok(connection.execute_batch(include_str!("../fixtures/shop/reference_data.sql"))?)
}

fn main() -> Result<(), BoxError> {
    let mut db = SHOP.in_memory();
    let tables = ask(&db, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")?;
    let mode = ask(&db, "PRAGMA journal_mode")?;
    println!(
        "a database      {tables} tables after 30 migrations, journal_mode {mode}, SQLite {}",
        rusqlite::version()
    );

    let start = Instant::now();
    for _ in 0..100 {
        app::add_customer(&SHOP.in_memory(), "ada@example.com", "Ada")?;
    }
    println!("fast            100 more, each with its first INSERT: {:.1} ms", start.elapsed().as_secs_f64() * 1e3);

    db.clock().set("2026-03-01T00:00:00Z");
    let ada = app::add_customer(&db, "ada@example.com", "Ada")?;
    let order = app::place_order(&mut db, ada, &[(1, 2), (3, 1)])?;
    println!("the app's code  order {:?}, by the test's clock", app::order(&db, order)?);

    let second = db.connect();
    println!("connections     a second one finds {:?}", app::find_customer(&second, "ada@example.com")?);

    let mut fork = db.fork();
    app::place_order(&mut fork, ada, &[(2, 1)])?;
    println!("fork            {} orders there, {} here", app::count_orders(&fork)?, app::count_orders(&db)?);

    db.execute_batch("BEGIN IMMEDIATE")?;
    second.busy_timeout(Duration::from_secs(30))?;
    let start = Instant::now();
    let busy = second.execute_batch("BEGIN IMMEDIATE").unwrap_err();
    let (real, seen) = (start.elapsed().as_secs_f64() * 1e3, ask(&second, "SELECT time('now')")?);
    println!("a second writer {busy}, 30 s later ({seen}), after {real:.1} ms");
    db.execute_batch("COMMIT")?;

    let old = SHOP.at(15);
    println!("version 15      is there a table of prices? {}", old.prepare("SELECT * FROM prices").is_ok());

    let changes = db.row_changes(|db| app::place_order(db, ada, &[(4, 2)]));
    println!("what changed    {}", changes.iter().map(|table| table.name()).collect::<Vec<_>>().join(", "));

    let by_total = "SELECT number FROM orders WHERE total_cents > ?1";
    let scan = explain(&db, by_total).try_assert_no_scan().unwrap_err();
    explain(&db, "SELECT number FROM orders WHERE customer_id = ?1").assert_no_scan().assert_uses_index("orders_open");
    println!("query plans     {}", scan.headline());

    let growth = growth_of(&SHOP, [10, 100, 1000], orders, |db| app::place_order(db, 1, &[(1, 1)]));
    println!("growth          steps to place an order among 10, 100, 1000: {:?}, {}", growth.steps(), growth.growth());

    let queries = db.record(|db| app::place_order(db, ada, &[(1, 1), (2, 1), (3, 1)]));
    let repeats = queries.try_assert_no_repeats().map(drop).unwrap_err();
    println!("queries         {} to place an order; {}", queries.len(), repeats.headline());

    db.check();
    let findings = check::lint(&db);
    println!(
        "lints           {} findings, the first: {}",
        findings.len(),
        findings.iter().next().map_or("", |f| f.what())
    );

    let file = SHOP.on_disk();
    app::add_customer(&file, "ada@example.com", "Ada")?;
    println!("on disk         {} bytes at {}", std::fs::metadata(file.path())?.len(), file.path().display());

    let broken = Template::embedded(&[
        ("001_users.sql", "CREATE TABLE users(id INTEGER PRIMARY KEY);"),
        (
            "002_orders.sql",
            "CREATE TABLE orders(id INTEGER PRIMARY KEY);\n\nCREATE INDEX orders_user ON orders(user_id);",
        ),
    ]);
    println!("\nand a migration that fails:\n\n{}", broken.try_in_memory().unwrap_err());
    Ok(())
}

/// Inserts `n` orders of one customer.
fn orders(connection: &mut Connection, n: u64) -> Result<(), BoxError> {
    let ada = app::add_customer(connection, "ada@example.com", "Ada")?;
    let mut insert = connection.prepare("INSERT INTO orders(number, customer_id) VALUES (?1, ?2)")?;
    for order in 0..n {
        insert.execute((format!("old-{order}"), ada))?;
    }
    Ok(())
}

/// Returns the value of a row with one column, as text.
fn ask(connection: &Connection, sql: &str) -> rusqlite::Result<String> {
    connection.query_row(sql, [], |row| match row.get(0)? {
        Value::Integer(number) => Ok(number.to_string()),
        Value::Text(text) => Ok(text),
        other => Ok(format!("{other:?}")),
    })
}
